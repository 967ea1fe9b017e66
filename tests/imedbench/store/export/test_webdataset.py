import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from imedbench.masks import MaskInfo, Masks
from imedbench.store import Store
from imedbench.store.export import export_store
from imedbench.store.export.webdataset import write


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as shard:
        return {entry.name: shard.extractfile(entry).read() for entry in shard}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def folder(sample_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    summary = export_store(sample_store, "webdataset", out)
    assert (summary.cases, summary.masks) == (6, 28)
    return out


def test_one_shard_a_split_and_samples_of_consecutive_files(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        f"sample-{split}-000000.tar" for split in ("external", "reserve", "test", "train")
    ]
    assert list(members(folder / "sample-train-000000.tar")) == [
        f"{key}.{ending}"
        for key, picture in (("s1", "npy"), ("s1_z0001", "png"), ("s1_z0002", "png"))
        for ending in (picture, "masks.npz", "json")
    ]
    # A key ends at its first dot.
    assert "eye_1.png" in members(folder / "sample-external-000000.tar")


def test_samples_hold_what_the_store_does(folder: Path, sample_store: Store) -> None:
    files = members(folder / "sample-train-000000.tar")
    case = sample_store["s1/z0001"]
    assert np.array_equal(Pillow.open(io.BytesIO(files["s1_z0001.png"])), case.image.voxels)
    assert np.array_equal(np.load(io.BytesIO(files["s1.npy"])), sample_store["s1"].image.voxels)
    facts = json.loads(files["s1_z0001.json"])
    assert (facts["id"], facts["patient"], facts["spacing_mm"]) == ("s1/z0001", "p1", [0.8, 0.8])
    with np.load(io.BytesIO(files["s1_z0001.masks.npz"])) as runs:
        infos = tuple(MaskInfo(entry["target"], entry["kind"]) for entry in facts["masks"])
        found = Masks(tuple(runs["shape"]), runs["indptr"], runs["starts"], runs["lengths"], infos)
    assert np.array_equal(np.stack(list(found)), np.stack(list(case.masks)))
    assert [entry["score"] for entry in facts["masks"]] == [info.score for info in case.masks.infos]


def test_the_same_store_gives_the_same_bytes(folder: Path, sample_store: Store, tmp_path: Path) -> None:
    export_store(sample_store, "webdataset", tmp_path / "again")
    for path in folder.iterdir():
        again = tmp_path / "again" / path.name
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest()


def test_a_full_shard_is_followed_by_another(sample_store: Store, tmp_path: Path) -> None:
    write(sample_store, tmp_path, lambda done, total: None, most=1)
    assert sorted(path.name for path in tmp_path.glob("*train*")) == [
        f"sample-train-{number:06d}.tar" for number in range(3)
    ]
