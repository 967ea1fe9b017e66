"""What is evaluated on: the cases of a store and their targets."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imedbench.errors import BadStore, UnknownName, printable
from imedbench.store import Store

On = Literal["auto", "pictures", "volumes"]
Which = Literal["test", "train", "reserve", "external", "all"]
FILES = ("cases.parquet", "masks.parquet")


@dataclass(frozen=True, slots=True)
class Subset:
    """Which part of a store a run is about."""

    split: Which = "test"
    """``all`` for every split."""
    on: On = "auto"
    """Pictures (and slices) or volumes; auto takes those that the protocol is for and the model takes."""
    targets: tuple[str, ...] = ()
    """Names in the vocabulary; all where empty."""
    limit: int = 0
    """Cases at most, evenly spread over the store; 0 for all."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A case and the truth masks that are asked for."""

    case: str
    voxels: int
    masks: tuple[int, ...]
    """Their numbers in the case, rising."""


def subjects(store: Store, subset: Subset, dimension: int) -> list[Subject]:
    """The cases of this dimension with a truth, in the order of the store.

    A truth without voxels is not asked for: no user could point at it, and no overlap with it is defined.

    Raises:
        BadStore: there are none.
        UnknownName: the store has no such target.
    """
    import math

    wanted = _targets(store, subset.targets)
    truths: dict[str, list[int]] = {}
    for batch in store.scan("masks", ["case", "number", "target", "kind", "area"]):
        for row in batch.to_pylist():
            if row["kind"] == "gt" and row["area"] and (not wanted or row["target"] in wanted):
                truths.setdefault(row["case"], []).append(row["number"])
    found = []
    for batch in store.scan("cases", ["id", "split", "ndim", "shape"]):
        for row in batch.to_pylist():
            right = row["ndim"] == dimension and subset.split in ("all", row["split"])
            if right and row["id"] in truths:
                found.append(Subject(row["id"], math.prod(row["shape"]), tuple(sorted(truths[row["id"]]))))
    if not found:
        raise BadStore(nothing_of(store, subset, (dimension,)))
    return list(_spread(found, subset.limit))


def digest_of(store: Store) -> str:
    """SHA-256 of the store's index: its cases, their splits, and the place and size of every mask."""
    digest = hashlib.sha256()
    for name in FILES:
        with (store.path / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def is_store(path: Path) -> bool:
    """Whether a folder is a store, finished or not; otherwise it may hold raw studies."""
    return (path / "zarr.json").is_file()


def _targets(store: Store, named: Sequence[str]) -> frozenset[str]:
    """The names as the store has them."""
    from imedbench.targets import Vocabulary

    if not named:
        return frozenset()
    known = {target for batch in store.scan("masks", ["target"]) for target in batch["target"].to_pylist() if target}
    wanted = {Vocabulary.load().place(name).name for name in named}
    if missing := sorted(wanted - known):
        kind = "target in this store"
        raise UnknownName(kind, missing[0], known)
    return frozenset(wanted)


def _spread(found: list[Subject], limit: int) -> Iterator[Subject]:
    """At most ``limit`` of them, evenly spread."""
    if not limit or limit >= len(found):
        yield from found
        return
    for index in range(limit):
        yield found[(2 * index + 1) * len(found) // (2 * limit)]


def nothing_of(store: Store, subset: Subset, dimensions: Sequence[int]) -> str:
    """Says that a store has no cases of these dimensions, and what to do."""
    what = " and no ".join("volumes" if dimension == 3 else "pictures" for dimension in dimensions)
    split = "" if subset.split == "all" else f" in the split {subset.split!r}"
    other = ", or --on the other kind" if len(dimensions) == 1 else ""
    remedy = "build it from labelled studies" if subset.split == "all" else f"try --split all{other}"
    return f"{printable(store.path)}: has no {what} with truth masks{split}; {remedy}."
