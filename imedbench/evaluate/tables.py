"""The tables of a run: `turns.parquet`, what was asked and answered; `scores.parquet`, how good it was.

Each row repeats what identifies its session: one target (case, target, instance) under one arm of the protocol
(prompts). Rows are sorted by case in the order of the data, then target, instance, arm, turn.

``turns``, a row a turn; a session that failed has a last row with ``error``, the prompts that got no answer (none
where the image could not be encoded), and no guess:
    given: JSON, the prompts that the user added in this turn (`imedbench.evaluate.written`).
    starts, lengths: the guess as runs of the flattened grid, as in `Masks`.
    model_score: the model's own estimate of its IoU.
    seconds: the model's, this target's share of its batch; encode_seconds: of the image, on turn 1, shared too.
    clicks, corners, scribble_mm, effort_s, slices: the user's effort in this turn (`imedbench.metrics.effort`);
        slices are those touched in this turn, 0 in two dimensions.
    error: one sentence where the session failed in this turn, else empty.
``scores``, a row a score:
    metric: a metric's or a curve's label; turn: 0 for a curve's value, which belongs to the whole session.
    value: NaN where the metric is not defined; a failed session has rows for all turns that it owed, and where a
        metric has a gate over its case one that ended early has those of all turns that others of the case had.
    seconds: the model's up to and with this turn.
    failed: whether the answer never came; then value is NaN, and `imedbench.metrics.summary` counts the worst.
    voxels, fraction: of the truth; diagonal_mm: of the image, the worst that a distance can be.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
"""Of a results folder; a newer one is refused."""
WHOLE_SESSION = 0
"""In the column ``turn``: the score belongs to the session, not to one of its turns (1, 2, ...)."""


@cache
def schema(table: str) -> "pa.Schema":
    """The columns of ``turns`` or ``scores``."""
    import pyarrow as pa

    text, short, whole, long, real = pa.string(), pa.int16(), pa.int32(), pa.int64(), pa.float64()
    session = {
        **dict.fromkeys(("dataset", "patient", "study", "case", "modality", "target", "group"), text),
        "instance": whole,
        "prompts": text,
        "turn": short,
    }
    columns = {
        "turns": session
        | {"shape": pa.list_(whole), "spacing_mm": pa.list_(real), "given": text}
        | {"starts": pa.list_(long), "lengths": pa.list_(whole), "model_score": pa.float32()}
        | dict.fromkeys(("seconds", "encode_seconds"), real)
        | dict.fromkeys(("clicks", "corners"), whole)
        | dict.fromkeys(("scribble_mm", "effort_s"), real)
        | {"slices": whole, "error": text},
        "scores": session
        | {
            "voxels": long,
            "fraction": real,
            "diagonal_mm": real,
            "metric": text,
            "value": real,
            "seconds": real,
            "failed": pa.bool_(),
        },
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns[table].items()])
