"""What is known of single targets of a checked submission, from its own tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from leaderboard.tasks import Task

PAGE = 200
"""Sessions on a page."""
KEY = ("case", "target", "instance", "prompts")


@dataclass(frozen=True, slots=True)
class Session:
    """One target under one arm, when it was over."""

    case: str
    target: str
    instance: int
    prompts: str
    modality: str
    turns: int
    failed: bool
    values: Mapping[str, float]
    """By label of the metric; NaN where it is not defined."""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What tells it from others."""
        return (self.case, self.target, self.instance, self.prompts)


def sessions_of(folder: Path, task: Task) -> tuple[Session, ...]:
    """All sessions of a checked submission, in the order of the data; none where the truth is hidden."""
    path = folder / "scores.parquet"
    if task.hidden or not path.exists():
        return ()
    return _sessions(path, tuple(spec.label for spec in task.protocol.metrics), path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _sessions(path: Path, metrics: tuple[str, ...], _changed: int) -> tuple[Session, ...]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=[*KEY, "modality", "metric", "turn", "value", "failed"])
    table = table.filter(pc.is_in(table["metric"], pa.array(metrics)))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in table.to_pylist():
        one = found.setdefault(tuple(row[name] for name in KEY), {"values": {}, "turns": 0, "failed": False})
        one["modality"] = row["modality"]
        one["turns"] = max(one["turns"], row["turn"])
        one["failed"] |= row["failed"]
        # Rows come turn by turn: the last one stays.
        one["values"][row["metric"]] = row["value"]
    return tuple(Session(*key, **facts) for key, facts in found.items())
