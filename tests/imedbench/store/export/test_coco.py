import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from pycocotools import mask as reference
from pycocotools.coco import COCO

from imedbench.store import Store
from imedbench.store.export import export_store

# pycocotools is older than the second edition of numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SA1B = {
    "id",
    "segmentation",
    "bbox",
    "area",
    "predicted_iou",
    "stability_score",
    "crop_box",
    "point_coords",
}


@pytest.fixture(scope="module")
def folder(sample_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("coco") / "out"
    summary = export_store(sample_store, "coco", out)
    assert (summary.cases, summary.masks) == (4, 19)
    assert any("1 volumes" in note for note in summary.notes)
    assert any("1 surplus" in note for note in summary.notes)
    return out


def test_pycocotools_reads_the_annotations_and_finds_equal_masks(folder: Path, sample_store: Store) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(folder / "annotations" / "instances_test.json")
    (image,) = coco.loadImgs(coco.getImgIds())
    assert image["file_name"] == "s2.png"
    truth = sample_store["s2"].masks.of_kind("gt")
    annotations = coco.loadAnns(coco.getAnnIds())
    names = [coco.loadCats(entry["category_id"])[0]["name"] for entry in annotations]
    assert names == ["liver", "liver tumor", "liver tumor"]
    for entry, expected in zip(annotations, truth, strict=True):
        assert np.array_equal(coco.annToMask(entry), expected)
        assert entry["area"] == expected.sum()


def test_each_image_has_the_fields_of_sa1b(folder: Path, sample_store: Store) -> None:
    content = json.loads((folder / "images" / "s1_z0001.json").read_text())
    assert content["image"] == {"image_id": 1, "width": 30, "height": 40, "file_name": "s1_z0001.png"}
    masks = sample_store["s1/z0001"].masks
    assert len(content["annotations"]) == len(masks) == 6
    for entry, mask, info in zip(content["annotations"], masks, masks.infos, strict=True):
        assert set(entry) == SA1B | {"kind", "target", "instance"}
        assert np.array_equal(reference.decode(entry["segmentation"]), mask)
        assert entry["bbox"] == list(reference.toBbox(entry["segmentation"]))
        assert entry["predicted_iou"] == info.score
        assert entry["crop_box"] == [0, 0, 30, 40]
    # Points are (row, column) in a store, [x, y] in SA-1B.
    assert content["annotations"][3]["point_coords"] == [[8.25, 11.5]]
    assert content["annotations"][0]["point_coords"] == []


def test_ids_are_unique_and_categories_the_same_in_every_split(folder: Path) -> None:
    ids = [
        entry["id"]
        for path in (folder / "images").glob("*.json")
        for entry in json.loads(path.read_text())["annotations"]
    ]
    assert len(ids) == len(set(ids)) == 19
    categories = [json.loads(path.read_text())["categories"] for path in (folder / "annotations").iterdir()]
    assert len(categories) == 3
    assert all(entry == categories[0] for entry in categories)


def test_pictures_are_unchanged(folder: Path, sample_store: Store) -> None:
    assert np.array_equal(Pillow.open(folder / "images" / "s2.png"), sample_store["s2"].image.voxels)
    assert np.array_equal(Pillow.open(folder / "images" / "eye.1.png"), sample_store["eye.1"].image.voxels)
