"""Validation on the way: the weights as a user would get them, evaluated as `imedbench eval` does."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from baselines.training.course import Validation
from imedbench import catalog
from imedbench.errors import BadStore, printable
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.protocol import load_protocol
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.metrics.summary import summarise
from imedbench.prompts.sets import load_set
from imedbench.store import Store
from imedbench.workers import Workers


def validate(
    model: str, weights: Path, settings: Validation, *, stores: Sequence[Path], out: Path, device: str
) -> dict[str, dict[str, float]]:
    """Mean Dice after the last turn of each arm of the protocol, by store; those without such cases are passed over.

    Args:
        model: name in the catalogue.
        weights: of this model.
        settings: protocol, prompts and cases.
        stores: what is evaluated on.
        out: where the results of each store go; what was there is removed.
        device: ``cpu`` or ``cuda``.

    Raises:
        ImedbenchError: as `imedbench.evaluate.run.evaluate`.
    """
    scores = {}
    shutil.rmtree(out, ignore_errors=True)
    for name, store in named(_tested(stores, settings)).items():
        run = RunSettings(
            model,
            settings.protocol,
            settings.prompts,
            checkpoint=str(weights),
            subset=Subset(settings.split, "auto", (), settings.limit),
        )
        # A process of its own: it computes on one thread, and leaves the loop's alone.
        summary = evaluate(store, out / name, run, workers=Workers(1, device=device))
        scores[name] = final_dice(summary.results)
    return scores


def named(stores: Sequence[Path]) -> dict[str, Path]:
    """Stores by the names of their files; several of one name are counted."""
    found: dict[str, Path] = {}
    for store in stores:
        name, number = store.stem, 1
        while name in found:
            number += 1
            name = f"{store.stem}-{number}"
        found[name] = store
    return found


def check(model: str, settings: Validation, stores: Sequence[Path]) -> None:
    """Looks up what `validate` will need.

    Raises:
        UnknownName: no model, protocol or set of prompts has the name.
        BadProtocol: a file of one's own does not say what it must.
        BadStore: no store has cases of the split.
    """
    catalog.card(model)
    load_protocol(settings.protocol)
    load_set(settings.prompts)
    if not _tested(stores, settings):
        message = (
            f"{printable(stores[0])}: neither it nor another store has cases of the split {settings.split!r} to "
            "validate on; choose another validation.split, or set validation.every to 0."
        )
        raise BadStore(message)


def _tested(stores: Sequence[Path], settings: Validation) -> list[Path]:
    """The stores that have cases of the split."""
    return [path for path in stores if settings.split == "all" or settings.split in _splits(Store.open(path))]


def _splits(store: Store) -> set[str]:
    """Of the cases with truth."""
    rows = (row for batch in store.scan("cases", ["split", "gt"]) for row in batch.to_pylist())
    return {row["split"] for row in rows if row["gt"]}


def final_dice(results: Results) -> dict[str, float]:
    """Mean Dice of the last turns of each arm's sessions, by arm."""
    import pyarrow.compute as pc

    dice = results.scores.filter(pc.field("metric") == "dice")
    return {each.key[0]: each.mean for each in summarise(dice)}
