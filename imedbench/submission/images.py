"""A store without its truth: what participants are given of a test set that stays secret."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from imedbench.errors import Unavailable, printable
from imedbench.evaluate.data import Subject, Subset, subjects
from imedbench.masks import Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case

PART = 512
"""Cases in a part, which is one file a size of picture."""


def strip_truth(
    store: Store,
    target: Path,
    subset: Subset,
    dimension: int,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Store:
    """Copies the images that a task asks about into a new store, without any mask.

    Cases keep their ids, their place in space, their patients and splits. Where they came from, and what they were made
    with, is left out: it may name the files of the truth.

    Args:
        store: with the truth.
        target: a folder that is not there yet, or is empty; it appears when all is in it.
        subset: the task's.
        dimension: of its cases.
        progress: called with the number of cases done and of all.

    Raises:
        Unavailable: ``target`` is in the way.
        BadStore: the store has nothing of what is asked.
    """
    if target.exists() and any(target.iterdir()):
        message = f"{printable(target)}: is not empty; name a folder that is not there yet."
        raise Unavailable(message)
    asked = subjects(store, subset, dimension)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        create_store(partial, StoreInfo(store.info.name, {}, {}, store.info.version))
        for part, first in enumerate(range(0, len(asked), PART)):
            _copy(store, partial, part, asked[first : first + PART])
            progress(min(first + PART, len(asked)), len(asked))
        finish_store(partial, ())
        if target.exists():
            target.rmdir()
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Store.open(target)


def _copy(store: Store, target: Path, part: int, asked: list[Subject]) -> None:
    with PartWriter(target, part) as writer:
        for subject in asked:
            writer.add(_bare(store[subject.case]))


def _bare(case: Case) -> Record:
    """A case with nothing but its image."""
    masks = Masks.empty(case.image.grid)
    bare = Case(case.id, case.image, masks, case.split, case.dataset, case.patient, case.study)
    return Record(bare, window=case.image.window or ())
