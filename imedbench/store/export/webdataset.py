"""WebDataset shards: ``NAME-SPLIT-000000.tar`` of at most about 1 GB, the same bytes from the same store.

A sample is ``KEY.png`` (8-bit pictures) or ``KEY.npy`` (volumes: original intensities, (z, y, x) with a further last
axis for channels), ``KEY.masks.npz`` and ``KEY.json``. The npz has all masks as runs, as `imedbench.masks.Masks` does:
``shape``, ``indptr``, ``starts``, ``lengths``; the JSON has what is known of the case and of each mask, in that order.
"""

import io
import json
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.masks import Masks
from imedbench.store.export import ExportSummary, Progress
from imedbench.store.export.raster import png_of
from imedbench.store.export.selection import Row, file_name, rows_of
from imedbench.store.export.streams import in_order
from imedbench.types import Array, Case

if TYPE_CHECKING:
    from imedbench.store import Store

SHARD = 1_000_000_000
BLOCK = 512


@dataclass(frozen=True, slots=True)
class _Sample:
    split: str
    key: str
    files: dict[str, bytes]
    """By ending, in the order in which they are written."""
    masks: int


@dataclass(slots=True)
class _Shards:
    """The open shard of each split."""

    folder: Path
    name: str
    most: int
    open: dict[str, tarfile.TarFile] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)

    def add(self, sample: _Sample) -> None:
        """Appends a sample to the shard of its split; a full shard is closed first."""
        size = sum(BLOCK + -(-len(content) // BLOCK) * BLOCK for content in sample.files.values())
        if sample.split in self.open and self.sizes[sample.split] + size > self.most:
            self.open.pop(sample.split).close()
        if sample.split not in self.open:
            path = self.folder / f"{self.name}-{sample.split}-{self.numbers[sample.split]:06d}.tar"
            self.open[sample.split] = tarfile.open(path, "x", format=tarfile.PAX_FORMAT)  # noqa: SIM115, closed by close()
            self.numbers[sample.split] += 1
            self.sizes[sample.split] = 0
        self.sizes[sample.split] += size
        for ending, content in sample.files.items():
            # A fresh entry has no time and no owner: nothing depends on who writes it and when.
            entry = tarfile.TarInfo(f"{sample.key}.{ending}")
            entry.size = len(content)
            self.open[sample.split].addfile(entry, io.BytesIO(content))

    def close(self) -> None:
        """Closes what is open."""
        for shard in self.open.values():
            shard.close()


def write(store: "Store", folder: Path, progress: Progress, most: int = SHARD) -> ExportSummary:
    """Writes all cases of the store, ``most`` bytes a shard (a larger sample has one of its own)."""
    shards = _Shards(folder, file_name(store.info.name), most)
    summary = ExportSummary()
    try:
        for sample in in_order(lambda row: _make(row, store), rows_of(store)):
            shards.add(sample)
            summary.cases += 1
            summary.masks += sample.masks
            progress(summary.cases, len(store))
    finally:
        shards.close()
    return summary


def _make(row: Row, store: "Store") -> _Sample:
    case = store[row.id]
    picture = row.ndim == 2 and case.image.voxels.dtype == np.uint8
    files = {"png": png_of(case.image.voxels)} if picture else {"npy": _npy(case.image.voxels)}
    files["masks.npz"] = _npz(case.masks)
    files["json"] = json.dumps(_facts(case), ensure_ascii=False, default=str).encode("utf-8")
    # A key ends at its first dot.
    return _Sample(row.split, row.name.replace(".", "_"), files, len(case.masks))


def _facts(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "dataset": case.dataset,
        "study": case.study,
        "patient": case.patient,
        "split": case.split,
        "modality": case.image.modality,
        "channels": list(case.image.channels),
        "spacing_mm": list(case.image.spacing_mm),
        "affine": case.image.affine.tolist(),
        "masks": [
            {
                "target": info.target,
                "kind": info.kind,
                "instance": info.instance,
                "score": round(info.score, 4),
                "stability": round(info.stability, 4),
                "point": None if info.point is None else [float(place) for place in info.point],
            }
            for info in case.masks.infos
        ],
    }


def _npy(voxels: Array) -> bytes:
    target = io.BytesIO()
    np.save(target, np.ascontiguousarray(voxels))
    return target.getvalue()


def _npz(masks: Masks) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(
        target, shape=masks.shape, indptr=masks.indptr, starts=_narrow(masks.starts), lengths=_narrow(masks.lengths)
    )
    return target.getvalue()


def _narrow(values: Array) -> Array:
    return values.astype(np.int32) if values.max(initial=0) < 2**31 else values
