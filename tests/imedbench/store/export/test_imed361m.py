import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from imedbench.io import read_csr, read_image, read_regions
from imedbench.masks import MaskInfo, Masks
from imedbench.store import Store
from imedbench.store.export import export_store
from imedbench.store.export.imed361m import label_map


@pytest.fixture(scope="module")
def folder(sample_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("imed") / "out"
    summary = export_store(sample_store, "imed361m", out)
    # In each of three pictures the second and third mask cover parts of those below them.
    assert any("6 interactive masks lost pixels" in note and "0 of them vanished" in note for note in summary.notes)
    return out


def test_dataset_json_has_the_authors_keys(folder: Path, shared_data: Path) -> None:
    ours = json.loads((folder / "alpha" / "dataset.json").read_text())
    theirs = json.loads((shared_data / "btcv" / "dataset.json").read_text())
    assert list(ours) == list(theirs)
    assert {key: type(value) for key, value in ours.items()} == {key: type(value) for key, value in theirs.items()}
    assert list(ours["training"][0]) == list(theirs["training"][0])


def test_dataset_json_says_what_is_there(folder: Path) -> None:
    ours = json.loads((folder / "alpha" / "dataset.json").read_text())
    assert ours["labels"] == {"0": "background", "1": "liver", "2": "liver_tumor", "3": "spleen"}
    assert (ours["numTraining"], ours["numTest"], ours["modality"]) == (2, 1, {"0": "ct"})
    assert ours["test"] == [
        {"image": "image/s2.png", "label": "label/x___s2.(3, 40, 30, 1).npz", "imask": "imask/x___s2.npz"}
    ]
    assert all((folder / "alpha" / path).is_file() for entry in ours["training"] for path in entry.values())
    assert (folder / "beta" / "image" / "eye.1.png").is_file()


def test_our_reader_finds_the_truth_again(folder: Path, sample_store: Store) -> None:
    (path,) = (folder / "alpha" / "label").glob("x___s2.*")
    image = read_image(folder / "alpha" / "image" / "s2.png")
    found = read_csr(path, image, {1: "liver", 2: "liver tumor", 3: "spleen"})
    truth = sample_store["s2"].masks
    assert set(found.targets) == {"liver", "liver tumor"}
    for target in found.targets:
        assert np.array_equal(found[target], truth[target])


def test_our_reader_finds_the_interactive_masks_again(folder: Path, sample_store: Store) -> None:
    image = read_image(folder / "alpha" / "image" / "s2.png")
    found = read_regions(folder / "alpha" / "imask" / "x___s2.npz", image)
    large, middle, small = sample_store["s2"].masks.of_kind("interactive")
    assert [int(area) for area in found.areas()] == [
        (large & ~middle & ~small).sum(),
        (middle & ~small).sum(),
        small.sum(),
    ]
    assert np.array_equal(found[2], small)


def test_types_are_the_authors(folder: Path, shared_data: Path) -> None:
    theirs = next((shared_data / "btcv" / "label").iterdir())
    (ours,) = (folder / "alpha" / "label").glob("x___s2.*")
    with np.load(ours) as mine, np.load(theirs) as yours:
        assert {name: mine[name].dtype for name in mine} == {name: yours[name].dtype for name in yours}
    with np.load(folder / "alpha" / "imask" / "x___s2.npz") as regions:
        assert regions["arr_0"].dtype == np.uint8
    with Pillow.open(folder / "alpha" / "image" / "s2.png") as picture:
        assert picture.mode == "RGB"


def test_a_map_of_more_than_255_masks_has_a_wider_type() -> None:
    dense = np.eye(300, dtype=np.bool_).reshape(300, 15, 20)
    numbers = label_map(Masks.from_dense(dense, [MaskInfo("", "interactive")] * 300))
    assert numbers.dtype == np.uint16
    assert len(np.unique(numbers)) == 300
