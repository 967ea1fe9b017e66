"""What tables and curves need of a checked submission, worked out once, when it is checked."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.sheets import Mean
from imedbench.metrics.bootstrap import Bootstrap
from imedbench.metrics.columns import codes_of, joint_codes
from imedbench.metrics.sessions import PATIENT, count_sessions

if TYPE_CHECKING:
    import pyarrow as pa

ALL = ""
"""In place of a modality."""
SAMPLES = Bootstrap()
Row = dict[str, Any]


def mean_rows(numbers: Numbers) -> Iterator[Row]:
    """Rows of ``means``: every metric and curve at every turn, for each modality at the end, and what it cost."""
    for (prompts, metric, turn), mean in numbers.turns.items():
        yield _row((prompts, metric, ALL, turn), mean)
    for (modality, prompts, metric), mean in numbers.by_modality.items():
        yield _row((prompts, metric, modality, 0), mean)
    for (prompts, effort), mean in numbers.efforts.items():
        yield _row((prompts, effort, ALL, 0), mean)


def _row(key: tuple[Any, ...], mean: Mean) -> Row:
    values = {name: _number(getattr(mean, name)) for name in ("mean", "low", "high")}
    counts = {name: getattr(mean, name) for name in ("sessions", "failed", "undefined")}
    return {**dict(zip(("prompts", "metric", "modality", "turn"), key, strict=True)), **values, **counts}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def draw_rows(scores: "pa.Table") -> Iterator[Row]:
    """Rows of ``draws``: the final mean of each metric in each bootstrap sample of the patients.

    All submissions to a task have the same patients in the same order, and so the same samples: they can be ranked
    within each.
    """
    found = count_sessions(scores, ("prompts", "metric"))
    patient, first = joint_codes(scores, PATIENT)
    modality, names = codes_of(scores, "modality")
    defined = ~np.isnan(found.values)
    for number, (prompts, metric) in enumerate(found.keys):
        mine = defined & (found.group == number)
        rows, values = found.rows[mine], found.values[mine]
        for place, name in [(-1, ALL), *enumerate(names)]:
            here = modality[rows] == place if name else np.ones(len(rows), np.bool_)
            if here.any():
                drawn = _drawn(patient[rows][here], values[here], len(first))
                yield {"prompts": prompts, "metric": metric, "modality": name, "values": drawn}


def _drawn(patient: NDArray[np.int64], values: NDArray[np.float64], patients: int) -> bytes:
    table = np.zeros((2, patients, 1))
    np.add.at(table[0, :, 0], patient, values)
    np.add.at(table[1, :, 0], patient, 1.0)
    return SAMPLES.drawn(*table).astype("<f4").tobytes()
