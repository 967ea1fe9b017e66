"""Reading a store: its index as Arrow tables, a case and its masks in two chunk reads."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from imedbench.errors import BadStore, UnknownName, printable
from imedbench.masks import Masks
from imedbench.store.csr import DamagedRow, MaskRow
from imedbench.store.format import GROUP, part_path
from imedbench.store.index import CaseRows, batches, read_table
from imedbench.store.record import StoreInfo, source_of
from imedbench.store.shard import Rows, open_array
from imedbench.store.writer import root_attributes
from imedbench.types import Array, Case, Image

if TYPE_CHECKING:
    import pyarrow as pa

OPEN_ARRAYS = 256
HALF_TURN = (slice(None, None, -1), slice(None, None, -1))


class Store:
    """A finished store. It can be pickled, and read from several threads."""

    def __init__(self, path: Path, info: StoreInfo) -> None:
        self.path = path
        self.info = info
        # Held by the store, not by its class: files close when the store goes.
        self._open_array = lru_cache(OPEN_ARRAYS)(open_array)
        self._open_targets = lru_cache(OPEN_ARRAYS)(_targets_of)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Opens the store; nothing but its name tag is read yet.

        Raises:
            BadStore: there is none, it is unfinished, or a newer version wrote it.
        """
        path = Path(path)
        attributes = root_attributes(path)
        if not attributes["complete"]:
            message = f"{printable(path)}: this store is unfinished; run the command again that builds it."
            raise BadStore(message)
        return cls(path, StoreInfo(**attributes["info"]))

    def __reduce__(self) -> tuple[type["Store"], tuple[Path, StoreInfo]]:
        return type(self), (self.path, self.info)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __getitem__(self, case: str) -> Case:
        """The case: a 2-D one with its 8-bit picture, a 3-D one with its original intensities.

        Raises:
            UnknownName: there is no such case.
            BadStore: what the store holds of it is damaged; the message names the case.
        """
        row = self._rows.find(case)
        return Case(
            id=row["id"],
            image=self._image(row, "image"),
            masks=self._masks(row),
            split=row["split"],
            dataset=row["dataset"],
            patient=row["patient"],
            study=row["study"],
            provenance=json.loads(row["provenance"]),
        )

    @cached_property
    def cases(self) -> "pa.Table":
        """One row a case; FORMAT.md section 6 names the columns. 600 MB a million cases: `scan` reads from disk."""
        return read_table(self.path, "cases")

    @cached_property
    def masks(self) -> "pa.Table":
        """One row a mask, in the order of the cases. All in memory: `scan` reads from disk."""
        return read_table(self.path, "masks")

    @cached_property
    def problems(self) -> "pa.Table":
        """One row a study that could not be used: study, path, error."""
        return read_table(self.path, "problems")

    def scan(self, table: str, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
        """The rows of ``cases``, ``masks`` or ``problems``, some thousands at a time, from disk."""
        return batches(self.path / f"{table}.parquet", columns)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Of all cases, in the order of the store."""
        return tuple(self._rows.ids.to_pylist())

    def image(self, case: str) -> Image:
        """The 8-bit picture of a 2-D case, the original volume of a 3-D one."""
        return self._image(self._rows.find(case), "image")

    def original(self, case: str) -> Image:
        """The image with its original intensities; a slice is cut from its volume, upright like its picture."""
        row = self._rows.find(case)
        if row["original_array"]:
            return self._image(row, "original")
        if not row["parent"]:
            return self._image(row, "image")
        return self._image(row, "image", self._slice(row))

    def case_masks(self, case: str) -> Masks:
        """The masks of a case, without its image."""
        return self._masks(self._rows.find(case))

    def array(self, part: int, name: str) -> Rows:
        """One array of a part, to be read row by row."""
        return self._open_array(part_path(self.path, part) / name)

    def mask_row(self, part: int, array: str, row: int) -> MaskRow:
        """The masks in a row of an array, before any of them is decoded.

        Raises:
            BadStore: the row is damaged.
        """
        try:
            return MaskRow.of(self.array(part, array).row(row), self._open_targets(part_path(self.path, part)))
        except DamagedRow as error:
            message = f"{part_path(self.path, part) / array}: row {row} is damaged: {error}; build the store again."
            raise BadStore(message) from error

    def _image(self, row: dict[str, Any], role: str, voxels: Array | None = None) -> Image:
        voxels = self._voxels(row, role) if voxels is None else voxels
        return Image(
            voxels=voxels,
            spacing_mm=tuple(row["spacing_mm"]),
            affine=np.array(row["affine"]).reshape(4, 4),
            modality=row["modality"],
            channels=tuple(row["channels"]),
            source=source_of(row["source"]),
            window=_window(row) if voxels.dtype != np.uint8 else None,
        )

    def _voxels(self, row: dict[str, Any], role: str) -> Array:
        with naming(row["id"]):
            rows = self.array(row["part"], row[f"{role}_array"])
            first, shape = row[f"{role}_row"], row["shape"]
            if row["ndim"] == 2:
                return np.ascontiguousarray(rows.row(first)[: shape[0], : shape[1]])
            plane = rows.row(first)[: shape[1], : shape[2]]
            volume = np.empty((shape[0], *plane.shape), plane.dtype)
            volume[0] = plane
            for index in range(1, shape[0]):
                volume[index] = rows.row(first + index)[: shape[1], : shape[2]]
            return volume

    def _slice(self, row: dict[str, Any]) -> Array:
        """The plane of the parent that a slice shows, upright."""
        try:
            parent = self._rows.find(row["parent"])
        except UnknownName as error:
            message = f"case {row['id']!r} cannot be read: its volume {row['parent']!r} is not in the store."
            raise BadStore(message) from error
        axis, index, shape = row["axis"], row["index"], parent["shape"]
        with naming(row["id"]):
            rows = self.array(parent["part"], parent["original_array"])
            first = parent["original_row"]
            if axis == 0:
                plane = rows.row(first + index)[: shape[1], : shape[2]]
            else:
                cut = (index, slice(shape[2])) if axis == 1 else (slice(shape[1]), index)
                plane = np.stack([rows.row(first + z)[cut] for z in range(shape[0])])
            return np.ascontiguousarray(plane[HALF_TURN])

    def _masks(self, row: dict[str, Any]) -> Masks:
        with naming(row["id"]):
            return self.mask_row(row["part"], row["masks_array"], row["masks_row"]).decode()

    @cached_property
    def _rows(self) -> CaseRows:
        return CaseRows(self.path)


def _window(row: dict[str, Any]) -> tuple[float, float] | None:
    return (row["window"][0], row["window"][1]) if row["window"] else None


@contextmanager
def naming(case: str) -> Iterator[None]:
    """Says in the error of a damaged store which case it was about."""
    try:
        yield
    except (BadStore, DamagedRow, IndexError, KeyError) as error:
        message = f"case {case!r} cannot be read: {error}"
        raise BadStore(message) from error


def _targets_of(part: Path) -> tuple[str, ...]:
    """The names of the targets of a part, by their codes."""
    try:
        attributes = json.loads((part / GROUP).read_text(encoding="utf-8"))["attributes"]
        return tuple(attributes["targets"])
    except (OSError, ValueError, KeyError) as error:
        message = f"{part}: this part of the store has lost its {GROUP} ({error}); copy or build the store again."
        raise BadStore(message) from error
