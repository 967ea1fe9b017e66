"""COCO: ``images/NAME.png``, beside each a JSON file like SA-1B's, and ``annotations/instances_SPLIT.json``.

The JSON file of an image has all its masks, truth and interactive, with SA-1B's fields and our ``kind``, ``target``
and ``instance``. The annotation files have the truth, with the targets as categories; the category of a target has the
same number in every split.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.masks import MaskInfo
from imedbench.store.export import ExportSummary, Progress
from imedbench.store.export.raster import png_of
from imedbench.store.export.rle import coco_counts
from imedbench.store.export.selection import Row, create_file, pictures, pictures_of
from imedbench.store.export.streams import JsonLists, in_order
from imedbench.types import Case

if TYPE_CHECKING:
    from imedbench.store import Store

DECIMALS = 4


@dataclass(frozen=True, slots=True)
class _Picture:
    row: Row
    size: tuple[int, int]
    png: bytes
    annotations: list[dict[str, Any]]


def write(store: "Store", folder: Path, progress: Progress) -> ExportSummary:
    """Writes the pictures of the store."""
    _, total, notes = pictures_of(store, "coco")
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    categories = {name: number for number, name in enumerate(_targets(store), 1)}
    summary = ExportSummary(notes=notes)
    with ExitStack() as opened:
        splits: dict[str, JsonLists] = {}
        for picture in in_order(lambda row: _make(row, store[row.id]), pictures(store)):
            split, number = picture.row.split, summary.cases + 1
            if split not in splits:
                lists = JsonLists(folder / "annotations" / f"instances_{split}.json", ["images", "annotations"])
                splits[split] = opened.enter_context(lists)
            _put(picture, number, summary.masks, folder / "images")
            _annotate(picture, number, splits[split], categories)
            summary.cases += 1
            summary.masks += len(picture.annotations)
            progress(summary.cases, total)
        for lists in splits.values():
            lists.write(_facts(store, categories))
    return summary


def annotations_of(case: Case) -> list[dict[str, Any]]:
    """The masks of a picture as SA-1B annotations without their ids; boxes are (x, y, width, height)."""
    masks = case.masks
    height, width = masks.shape
    boxes, areas, counts = masks.boxes(), masks.areas(), coco_counts(masks)
    found = []
    for index, info in enumerate(masks.infos):
        low, high = boxes[index]
        found.append(
            {
                "segmentation": {"size": [height, width], "counts": counts[index]},
                "bbox": [int(low[1]), int(low[0]), int(high[1] - low[1]), int(high[0] - low[0])],
                "area": int(areas[index]),
                "predicted_iou": round(info.score, DECIMALS),
                "stability_score": round(info.stability, DECIMALS),
                "crop_box": [0, 0, width, height],
                "point_coords": _point(info),
                "kind": info.kind,
                "target": info.target,
                "instance": info.instance,
            }
        )
    return found


def _point(info: MaskInfo) -> list[list[float]]:
    """The prompt as [[x, y]]; nothing where there was none, as for the truth."""
    return [] if info.point is None else [[float(place) for place in np.flip(info.point)]]


def _make(row: Row, case: Case) -> _Picture:
    height, width = case.masks.shape
    return _Picture(row, (height, width), png_of(case.image.voxels), annotations_of(case))


def _targets(store: "Store") -> list[str]:
    import pyarrow.compute as pc

    found: set[str] = set()
    for batch in store.scan("masks", ["target", "kind"]):
        truth = batch.filter(pc.equal(batch.column("kind"), "gt"))
        found.update(truth.column("target").unique().to_pylist())
    return sorted(found)


def _put(picture: _Picture, number: int, before: int, folder: Path) -> None:
    height, width = picture.size
    image = {"image_id": number, "width": width, "height": height, "file_name": f"{picture.row.name}.png"}
    annotations = [{"id": before + place, **entry} for place, entry in enumerate(picture.annotations, 1)]
    create_file(folder / f"{picture.row.name}.png", picture.png)
    create_file(
        folder / f"{picture.row.name}.json", json.dumps({"image": image, "annotations": annotations}).encode("utf-8")
    )


def _annotate(picture: _Picture, number: int, lists: JsonLists, categories: Mapping[str, int]) -> None:
    height, width = picture.size
    name = f"{picture.row.name}.png"
    lists.add("images", {"id": number, "width": width, "height": height, "file_name": name})
    for entry in picture.annotations:
        if entry["kind"] == "gt":
            lists.add(
                "annotations",
                {
                    "id": lists.counts["annotations"] + 1,
                    "image_id": number,
                    "category_id": categories[entry["target"]],
                    "segmentation": entry["segmentation"],
                    "bbox": entry["bbox"],
                    "area": entry["area"],
                    "iscrowd": 0,
                },
            )


def _facts(store: "Store", categories: Mapping[str, int]) -> dict[str, Any]:
    licences = sorted({recipe.get("licence", "") for recipe in store.info.recipe.values()} - {""})
    return {
        "info": {"description": store.info.name, "version": str(store.info.version.get("imedbench", ""))},
        "licenses": [{"id": number, "name": name, "url": ""} for number, name in enumerate(licences, 1)],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in categories.items()],
        "images": None,
        "annotations": None,
    }
