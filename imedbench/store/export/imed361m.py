"""The layout in which the IMed-361M authors publish their sets.

``image/NAME.png`` (RGB), ``label/x___NAME.(C, H, W, 1).npz`` (scipy CSR, row k is label k + 1 of all C labels of the
set), ``imask/x___NAME.npz`` (``arr_0``: a label map, 0 is none) and ``dataset.json``. A store of several sets gets a
folder for each. In a label map a pixel has one number: where interactive masks overlap, the smaller one has it.
"""

import io
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imedbench.masks import Masks
from imedbench.store.export import ExportSummary, Progress
from imedbench.store.export.raster import png_of
from imedbench.store.export.selection import Row, create_file, pictures, pictures_of, targets_of
from imedbench.store.export.streams import JsonLists, in_order
from imedbench.types import Array, Case

if TYPE_CHECKING:
    from imedbench.store import Store

LISTS = {"train": "training", "test": "test", "external": "test"}


@dataclass(frozen=True, slots=True)
class _Files:
    row: Row
    image: bytes
    label: bytes
    label_name: str
    imask: bytes
    masks: int
    hidden: int
    """Interactive masks that lost pixels to smaller ones."""
    lost: int
    """Interactive masks that lost all their pixels."""


def write(store: "Store", folder: Path, progress: Progress) -> ExportSummary:
    """Writes the pictures of the store."""
    datasets, total, notes = pictures_of(store, "imed361m")
    labels = targets_of(store)
    folders = {name: folder / name if len(datasets) > 1 else folder for name in datasets}
    summary = ExportSummary(notes=notes)
    overlaps: Counter[str] = Counter()
    modalities: dict[str, set[str]] = {name: set() for name in datasets}
    with ExitStack() as opened:
        lists = {name: opened.enter_context(_start(place)) for name, place in folders.items()}
        for files in in_order(lambda row: _make(row, store[row.id], labels[row.dataset]), pictures(store)):
            _put(files, folders[files.row.dataset], lists[files.row.dataset])
            modalities[files.row.dataset].add(files.row.modality)
            overlaps.update(hidden=files.hidden, lost=files.lost)
            summary.cases += 1
            summary.masks += files.masks
            progress(summary.cases, total)
        for name in datasets:
            _write_facts(lists[name], name, sorted(modalities[name]), labels[name])
    if overlaps["hidden"]:
        summary.notes.append(
            f"{overlaps['hidden']} interactive masks lost pixels to smaller ones that overlap them, as a label map has "
            f"one number a pixel; {overlaps['lost']} of them vanished."
        )
    return summary


def one_hot(truth: Masks, labels: list[str]) -> bytes:
    """An npz file with the scipy CSR matrix of a case's truth: one row a label of the set, ones where it is."""
    from scipy.sparse import csr_matrix, save_npz

    rows = [labels.index(info.target) for info in truth.infos]
    owner = csr_matrix((np.ones(len(rows), np.int32), (rows, range(len(rows)))), (len(labels), len(rows)))
    matrix = csr_matrix(owner @ truth.csr().astype(np.int32))
    matrix.sort_indices()
    # Instances of one target may overlap; the matrix holds ones only.
    matrix.data[:] = 1
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    target = io.BytesIO()
    save_npz(target, matrix)
    return target.getvalue()


def label_map(masks: Masks) -> NDArray[np.unsignedinteger]:
    """Masks as one map: mask i of the order by falling area has number i + 1; later ones lie on earlier ones."""
    kind = np.uint8 if len(masks) <= 255 else np.uint16 if len(masks) <= 65_535 else np.uint32
    numbers = np.zeros(masks.shape, kind)
    for number, index in enumerate(np.argsort(-masks.areas(), kind="stable"), 1):
        numbers[masks.decode(int(index))] = number
    return numbers


def _start(folder: Path) -> JsonLists:
    for part in ("image", "label", "imask"):
        (folder / part).mkdir(parents=True)
    return JsonLists(folder / "dataset.json", ["training", "test"])


def _make(row: Row, case: Case, labels: list[str]) -> _Files:
    truth, interactive = case.masks.of_kind("gt"), case.masks.of_kind("interactive")
    height, width = case.masks.shape
    numbers = label_map(interactive)
    left = np.bincount(numbers.reshape(-1), minlength=len(interactive) + 1)[1:]
    areas = np.sort(interactive.areas())[::-1]
    return _Files(
        row,
        png_of(case.image.voxels, colour=True),
        one_hot(truth, labels),
        f"x___{row.name}.({len(labels)}, {height}, {width}, 1).npz",
        _npz(numbers),
        len(case.masks),
        int((left < areas).sum()),
        int((left == 0).sum()),
    )


def _npz(numbers: Array) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, numbers)
    return target.getvalue()


def _put(files: _Files, folder: Path, lists: JsonLists) -> None:
    paths = {
        "image": f"image/{files.row.name}.png",
        "label": f"label/{files.label_name}",
        "imask": f"imask/x___{files.row.name}.npz",
    }
    for name, content in (("image", files.image), ("label", files.label), ("imask", files.imask)):
        create_file(folder / paths[name], content)
    lists.add(LISTS[files.row.split], paths)


def _write_facts(lists: JsonLists, name: str, modalities: list[str], labels: list[str]) -> None:
    lists.write(
        {
            "name": name,
            "description": f"{'_'.join(modalities)}_{name}",
            "dimension": "2D",
            "modality": {str(number): modality for number, modality in enumerate(modalities)},
            "labels": {"0": "background"} | {str(n): label.replace(" ", "_") for n, label in enumerate(labels, 1)},
            "numTraining": lists.counts["training"],
            "training": None,
            "numTest": lists.counts["test"],
            "test": None,
        }
    )
