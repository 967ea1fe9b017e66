"""Writing a store: parts by any number of processes at once, each part there whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from imedbench.errors import BadStore, printable
from imedbench.store.csr import encode_masks
from imedbench.store.format import (
    FORMAT,
    GROUP,
    MASK_ARRAYS,
    PARTS,
    VERSION,
    ArraySpec,
    choose_arrays,
    group_metadata,
    part_path,
    write_json,
)
from imedbench.store.index import consolidate, mask_rows, write_table
from imedbench.store.record import Record, StoreInfo, case_row, check, refusal
from imedbench.store.shard import write_array
from imedbench.store.spool import Spool, Waiting
from imedbench.types import Array

UNFINISHED = ".unfinished-"
MASK_LEVEL = 9


def create_store(path: Path, info: StoreInfo) -> None:
    """Begins a store, or takes up one that was begun: its parts stay, what dead writers left goes.

    No writer may be at work on the store. It cannot be opened until `finish_store`.

    Raises:
        BadStore: the folder holds something else, or a store that a newer version wrote.
    """
    if (path / GROUP).exists():
        root_attributes(path)
    (path / PARTS).mkdir(parents=True, exist_ok=True)
    _sweep(path)
    write_json(path / PARTS / GROUP, group_metadata({}))
    _write_root(path, asdict(info), complete=False)


def finish_store(path: Path, problems: Sequence[Mapping[str, str]], reserved: Container[str] = ()) -> None:
    """Joins the index of all parts and declares the store complete.

    Args:
        path: a store whose writers have all finished.
        problems: studies that could not be used: study, path, error.
        reserved: ids of test cases beyond a data set's limit; the index puts them on the side "reserve".

    Raises:
        BadStore: two cases have one id.
    """
    attributes = root_attributes(path)
    _sweep(path)
    consolidate(path, finished_parts(path), reserved)
    columns = {name: [printable(problem[name]) for problem in problems] for name in ("study", "path", "error")}
    write_table(path / "problems.parquet", "problems", columns)
    _write_root(path, attributes["info"], complete=True)


def finished_parts(path: Path) -> set[int]:
    """Numbers of the parts that are there; empty where there is no store."""
    folder = path / PARTS
    if not folder.is_dir():
        return set()
    return {int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()}


def root_attributes(path: Path) -> dict[str, Any]:
    """What the root of a store says: format, version, complete, info.

    Raises:
        BadStore: it is no store, or one that this version does not read.
    """
    try:
        attributes = json.loads((path / GROUP).read_text(encoding="utf-8"))["attributes"]
        if attributes["format"] != FORMAT:
            raise KeyError(FORMAT)
        version = int(attributes["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{printable(path)}: this is no imedbench store; name the folder that `imedbench build` wrote."
        raise BadStore(message) from error
    if version > VERSION:
        message = (
            f"{printable(path)}: the store has format version {version} and this imedbench reads up to {VERSION}; "
            "update imedbench."
        )
        raise BadStore(message)
    return dict(attributes)


def _write_root(path: Path, info: Mapping[str, Any], *, complete: bool) -> None:
    attributes = {"format": FORMAT, "version": VERSION, "complete": complete, "info": info}
    write_json(path / GROUP, group_metadata(attributes))


def _sweep(path: Path) -> None:
    """Removes what writers left that never finished."""
    for leftover in (path / PARTS).glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover)


class PartWriter:
    """Writes one part of a store: ``with PartWriter(store, 3) as writer: writer.add(record)``.

    The part appears when the block ends without an error. Where another writer has finished the same part meanwhile,
    its part stays and this one is dropped. Images wait in a file, not in memory.
    """

    def __init__(self, store: Path, part: int) -> None:
        self._final = part_path(store, part)
        self._part = part
        self._cases: list[dict[str, Any]] = []
        self._masks: dict[str, list[Any]] = {}
        self._targets: dict[str, int] = {}
        self._ids: set[str] = set()
        self._images: list[Waiting] = []
        self._rows: dict[str, list[Waiting]] = {name: [] for name in MASK_ARRAYS}

    def __enter__(self) -> Self:
        parent = self._final.parent
        self._folder = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{self._final.name}-", dir=parent))
        # Temporary folders are private; a store is for whoever may read the folder that it lies in.
        self._folder.chmod(parent.stat().st_mode & 0o777)
        self._spool = Spool(self._folder / "spool")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._spool.remove()
            shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, record: Record) -> None:
        """Adds a case.

        Raises:
            BadStore: the record contradicts itself, cannot be stored, or is in the part already.
        """
        check(record)
        case = record.case
        if case.id in self._ids:
            raise refusal(case.id, "is in this part twice")
        for mask in case.masks.infos:
            self._targets.setdefault(mask.target, len(self._targets))
        try:
            row = encode_masks(case.masks, self._targets)
        except ValueError as error:
            raise refusal(case.id, f"has masks that cannot be stored: {error}") from error
        number, dimensions = len(self._cases), len(case.image.grid)
        self._rows[MASK_ARRAYS[dimensions - 2]].append(self._spool.put(number, "masks", row, 1))
        if dimensions == 2:
            self._images.append(self._spool.put(number, "image", case.image.voxels, 2))
        original = case.image if dimensions == 3 else record.original
        if original is not None and (dimensions == 3 or not _same(original.voxels, case.image.voxels)):
            self._images.append(self._spool.put(number, "original", original.voxels, dimensions))
        self._ids.add(case.id)
        self._cases.append(case_row(record, self._part))
        for name, values in mask_rows(case.id, case.masks).items():
            self._masks.setdefault(name, []).extend(values)

    def _commit(self) -> None:
        self._write_images()
        self._write_masks()
        columns = {name: [row[name] for row in self._cases] for name in (self._cases[0] if self._cases else ())}
        write_table(self._folder / "cases.parquet", "cases", columns)
        write_table(self._folder / "masks.parquet", "masks", self._masks)
        write_json(self._folder / GROUP, group_metadata({"targets": list(self._targets)}))
        self._spool.remove()
        _sync(self._folder)
        try:
            self._folder.rename(self._final)
        except OSError:
            if not self._final.is_dir():
                raise
        _sync(self._final.parent)

    def _write_images(self) -> None:
        """Writes array after array, each from the images that wait for it."""
        chosen: dict[str, tuple[ArraySpec, list[Waiting]]] = {}
        specs = choose_arrays([image.extent for image in self._images])
        for image, spec in zip(self._images, specs, strict=True):
            chosen.setdefault(spec.name, (spec, []))[1].append(image)
        for name, (spec, images) in sorted(chosen.items()):
            first = 0
            for image in images:
                place = {f"{image.role}_array": name, f"{image.role}_row": first}
                if image.spatial == 3:
                    place |= {"image_array": name, "image_row": first}
                self._cases[image.case].update(place)
                first += image.planes
            write_array(self._folder / name, spec, (plane for image in images for plane in self._spool.planes(image)))

    def _write_masks(self) -> None:
        for name, rows in self._rows.items():
            if not rows:
                continue
            spec = ArraySpec(name, "uint32", (max(row.shape[0] for row in rows),), MASK_LEVEL)
            for place, row in enumerate(rows):
                self._cases[row.case].update(masks_array=name, masks_row=place)
            write_array(self._folder / name, spec, (words for row in rows for words in self._spool.planes(row)))


def _same(original: Array, picture: Array) -> bool:
    """Whether the picture holds all that the original does."""
    return original.dtype == picture.dtype and original.shape == picture.shape and bool((original == picture).all())


def _sync(folder: Path) -> None:
    """Makes new names in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
