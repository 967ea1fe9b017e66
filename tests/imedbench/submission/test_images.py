import json
import runpy
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zarr

from imedbench.errors import BadStore, Unavailable
from imedbench.evaluate.data import Subset
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.submission import images
from imedbench.submission.images import strip_truth
from imedbench.types import Case, Image

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "results.py"))
EVERYTHING = Subset(split="all")


@pytest.fixture(scope="module", params=[2, 3])
def play_full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, int]:
    """A store with the truth, and its dimension."""
    folder = tmp_path_factory.mktemp("images") / "store"
    return FAKE["make_store"](folder, patients=2, volumes=request.param == 3), request.param


def test_images_and_what_is_known_of_them_are_the_same(play_full: tuple[Store, int], tmp_path: Path) -> None:
    store, dimension = play_full
    bare = strip_truth(store, tmp_path / "bare", EVERYTHING, dimension)
    assert bare.ids == store.ids
    for name in store:
        mine, theirs = bare[name], store[name]
        np.testing.assert_array_equal(mine.image.voxels, theirs.image.voxels)
        np.testing.assert_array_equal(mine.image.affine, theirs.image.affine)
        assert mine.image.voxels.dtype == theirs.image.voxels.dtype
        for field in ("spacing_mm", "modality", "channels", "window"):
            assert getattr(mine.image, field) == getattr(theirs.image, field)
        for field in ("id", "split", "dataset", "patient", "study"):
            assert getattr(mine, field) == getattr(theirs, field)


def test_no_mask_is_anywhere(play_full: tuple[Store, int], tmp_path: Path) -> None:
    store, dimension = play_full
    bare = strip_truth(store, tmp_path / "bare", EVERYTHING, dimension)
    assert bare.masks.num_rows == 0
    assert all(len(bare[name].masks) == 0 for name in bare)
    assert set(bare.cases["gt"].to_pylist()) == set(bare.cases["interactive"].to_pylist()) == {0}
    for table in bare.path.rglob("masks.parquet"):
        assert pq.read_table(table).num_rows == 0
    arrays = sorted(bare.path.rglob("masks-*"))
    for folder in arrays:
        words = zarr.open_array(folder, mode="r")[:]
        # Words used, masks, runs, dimensions, the grid; and nothing behind.
        assert set(words[:, 0].tolist()) == {4 + dimension}
        assert not words[:, 1:3].any()
        assert words.shape[1] == 4 + dimension
    names = ("liver", "spleen", "kidney", "tumor")
    for path in bare.path.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert not any(name.encode() in held for name in names)
    for path in bare.path.rglob("zarr.json"):
        assert json.loads(path.read_text())["attributes"].get("targets", []) == []


def make_odd(folder: Path) -> Store:
    """One case with truth of a target and a mask that somebody made, one without the target, one to train on."""
    create_store(folder, StoreInfo("odd", {"labels": {"1": "liver"}}, {"seed": 3}, {"imedbench": "0"}))
    window = (-100.0, 300.0)
    with PartWriter(folder, 0) as writer:
        for number, (target, split) in enumerate((("liver", "test"), ("spleen", "test"), ("liver", "train"))):
            mask = np.zeros((4, 12, 16), np.bool_)
            mask[1:3, 2:9, 3:8] = True
            infos = [MaskInfo(target), MaskInfo("", "interactive", point=(1.0, 2.0, 3.0))]
            voxels = np.random.default_rng(number).integers(-500, 500, mask.shape).astype(np.int16)
            image = Image(voxels, (3.0, 1.0, 1.0), np.eye(4), "ct", window=window)
            told = {"labels": "/data/liver.nii.gz"}
            masks = Masks.from_dense([mask, ~mask], infos)
            case = Case(f"s{number}", image, masks, split, "odd", f"p{number}", f"s{number}", told)  # type: ignore[arg-type]
            writer.add(Record(case, window=window))
    finish_store(folder, [{"study": "s9", "path": "/data/liver9.nii.gz", "error": "damaged"}])
    return Store.open(folder)


def test_only_what_the_task_asks_about_is_there_and_not_how_it_was_made(tmp_path: Path) -> None:
    store = make_odd(tmp_path / "odd")
    bare = strip_truth(store, tmp_path / "bare", Subset(targets=("liver",)), 3)
    assert bare.ids == ("s0",)
    assert (bare["s0"].provenance, bare.problems.num_rows) == ({}, 0)
    assert bare["s0"].image.window == (-100.0, 300.0)
    assert (bare.info.name, bare.info.recipe, bare.info.settings) == ("odd", {}, {})
    assert not any(b"liver" in path.read_bytes() for path in bare.path.rglob("*") if path.is_file())


def test_cases_go_into_parts_and_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FAKE["make_store"](tmp_path / "store", patients=3)
    monkeypatch.setattr(images, "PART", 4)
    told: list[tuple[int, int]] = []
    bare = strip_truth(store, tmp_path / "bare", EVERYTHING, 2, progress=lambda *each: told.append(each))
    assert told == [(4, 6), (6, 6)]
    assert bare.ids == store.ids


def test_nothing_is_written_over_and_nothing_half_made_stays(tmp_path: Path) -> None:
    store = FAKE["make_store"](tmp_path / "store", patients=1)
    with pytest.raises(Unavailable, match="is not empty"):
        strip_truth(store, store.path, EVERYTHING, 2)
    with pytest.raises(BadStore):
        strip_truth(store, tmp_path / "bare", EVERYTHING, 3)

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        strip_truth(store, tmp_path / "bare", EVERYTHING, 2, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    (tmp_path / "empty").mkdir()
    assert len(strip_truth(store, tmp_path / "empty", EVERYTHING, 2)) == 2
