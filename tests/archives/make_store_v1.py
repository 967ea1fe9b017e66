"""Makes store-v1.zarr.zip and store-v1.json, which must always read. Frozen: run it for a new format version only."""

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image, SourceGrid, Split

HERE = Path(__file__).parent
VOLUME_AFFINE = np.array([[0, 0, 1.5, -30.0], [0, 1.0, 0, -20.0], [2.5, 0, 0, 10.0], [0, 0, 0, 1.0]])
FILE_AFFINE = np.array([[-1.5, 0, 0, 24.0], [0, 1.0, 0, -20.0], [0, 0, 2.5, 10.0], [0, 0, 0, 1.0]])
ISSUE = {"study": "lost", "path": "raw/lost.nii.gz", "error": "raw/lost.nii.gz: the file is cut short; copy it again."}


def shade(shape: tuple[int, ...], step: int, high: int) -> Any:
    """A pattern without random numbers."""
    return (np.arange(np.prod(shape)).reshape(shape) * step) % high


def disc(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> Any:
    """A ball of voxels."""
    return sum((axis - place) ** 2 for axis, place in zip(np.indices(shape), centre, strict=True)) <= radius**2


def case(name: str, image: Image, masks: Masks, split: Split) -> Case:
    study = name.split("/")[0]
    return Case(name, image, masks, split, "archive", f"patient {study}", study, {"files": f"{study}.nii.gz"})


def flat(name: str, voxels: Any, split: Split, channels: tuple[str, ...] = ("",)) -> Case:
    """A picture with two instances, an empty truth mask, and interactive masks."""
    grid = voxels.shape[:2]
    dense = [
        disc(grid, (10, 10), 5),
        disc(grid, (24, 28), 4),
        np.zeros(grid, bool),
        np.ones(grid, bool),
        disc(grid, (12, 12), 9) & ~disc(grid, (12, 12), 6),
    ]
    infos = [
        MaskInfo("lung nodule", instance=1),
        MaskInfo("lung nodule", instance=2),
        MaskInfo("heart"),
        MaskInfo("", "interactive", 0, 0.8812, 0.9653, (17.5, 20.25)),
        MaskInfo("", "interactive", 0, 1.0203, 0.9999),
    ]
    image = Image(voxels, (0.7, 0.8), np.diag([0.8, 0.7, 1.0, 1.0]), "xray", channels)
    return case(name, image, Masks.from_dense(dense, infos), split)


def volume() -> Image:
    grid = SourceGrid(FILE_AFFINE, (2, 1, 0), (False, False, True))
    voxels = (shade((6, 33, 38), 7, 2000) - 1000).astype(np.int16)
    return Image(voxels, (2.5, 1.0, 1.5), VOLUME_AFFINE, "ct", ("",), grid)


def cut(image: Image, axis: int, index: int) -> Record:
    """A slice of the volume."""
    plane = image.voxels.take(index, axis)[::-1, ::-1]
    eight = np.clip((plane + 160.0) * 255 / 400, 0, 255).astype(np.uint8)
    spacing = tuple(spacing for number, spacing in enumerate(image.spacing_mm) if number != axis)
    masks = Masks.from_dense([disc(eight.shape, (3, 12), 2.5)], [MaskInfo("left kidney")])
    picture = Image(eight, spacing, np.eye(4), "ct")
    found = case(f"torso/{'zyx'[axis]}{index:04d}", picture, masks, "train")
    return Record(found, axis, index, "torso", (-160.0, 240.0))


def records() -> list[list[Record]]:
    """Two parts; slices of the volume in both."""
    image = volume()
    truth = Masks.from_dense(
        [disc((6, 33, 38), (3, 12, 12), 6), disc((6, 33, 38), (2, 20, 25), 4)],
        [MaskInfo("left kidney"), MaskInfo("liver")],
    )
    grey = shade((40, 48), 3, 256).astype(np.uint8)
    deep = shade((40, 48), 11, 60000).astype(np.uint16)
    sixteen = flat("deep", (deep >> 8).astype(np.uint8), "external")
    original = Image(deep, sixteen.image.spacing_mm, sixteen.image.affine, "xray")
    colour = flat("colour", shade((33, 47, 3), 5, 256).astype(np.uint8), "test", ("red", "green", "blue"))
    return [
        [Record(case("torso", image, truth, "train"), window=(-160.0, 240.0)), cut(image, 0, 2), cut(image, 1, 12)],
        [cut(image, 2, 37), Record(flat("grey", grey, "train")), Record(colour), Record(sixteen, original=original)],
    ]


def write_store(path: Path) -> None:
    info = StoreInfo("archive", {"archive": {"licence": "CC0-1.0"}}, {"seed": 7}, {"imedbench": "0.1.0"})
    create_store(path, info)
    for number, part in enumerate(records()):
        with PartWriter(path, number) as writer:
            for record in part:
                writer.add(record)
    finish_store(path, [ISSUE])


def facts_of(path: Path) -> dict[str, Any]:
    """What a reader must get from the store, in plain values and hashes of arrays."""
    from imedbench.store import Store

    store = Store.open(path)
    return {
        "info": [store.info.name, store.info.recipe, store.info.settings, store.info.version],
        "cases": store.cases.to_pylist(),
        "masks": store.masks.to_pylist(),
        "problems": store.problems.to_pylist(),
        "read": {name: _read(store[name], store.original(name)) for name in store},
    }


def _read(found: Case, original: Image) -> dict[str, Any]:
    return {
        "image": _digest(found.image.voxels),
        "original": _digest(original.voxels),
        "source": found.image.source and [found.image.source.axes, found.image.source.flipped],
        "masks": [_digest(mask) for mask in found.masks],
        "facts": [
            [mask.target, mask.kind, mask.instance, mask.score, mask.stability, mask.point]
            for mask in found.masks.infos
        ],
    }


def _digest(voxels: Any) -> str:
    plain = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<"))
    return f"{plain.dtype.name} {plain.shape} {hashlib.sha256(plain.tobytes()).hexdigest()}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store-v1.zarr"
        write_store(path)
        with zipfile.ZipFile(HERE / "store-v1.zarr.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(file for file in path.rglob("*") if file.is_file()):
                entry = zipfile.ZipInfo(str(file.relative_to(path)), (2024, 1, 1, 0, 0, 0))
                archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
        (HERE / "store-v1.json").write_text(json.dumps(facts_of(path), indent=1, default=list) + "\n")


if __name__ == "__main__":
    main()
