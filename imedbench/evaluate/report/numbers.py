"""All means of a report, each computed once by `imedbench.metrics.summary`, and looked up by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imedbench.evaluate.report.runs import Run, keys_of
from imedbench.evaluate.report.sheets import Mean
from imedbench.evaluate.report.words import EFFORTS
from imedbench.metrics.columns import codes_of
from imedbench.metrics.sessions import PATIENT, SESSION, Counted, count_sessions
from imedbench.metrics.summary import summarise

if TYPE_CHECKING:
    import pyarrow as pa

PER_SLICE = "slice:"
"""Stands before the name of an effort that is divided by the slices touched."""
SIZE = "size"
"""The column of size classes: powers of ten of the truth's voxels."""
Key = tuple[str | int, ...]
Means = Mapping[Key, Mean]


@dataclass(frozen=True, eq=False)
class Numbers:
    """The means of one run."""

    run: Run

    @cached_property
    def turns(self) -> Means:
        """By arm, metric and turn; a session that ended keeps its last value in the turns after it. Curves: turn 0."""
        owed = {arm.name: arm.turns for arm in self.run.protocol.arms}
        return _means(self.run.scores, ("prompts", "metric", "turn"), owed)

    @cached_property
    def by_target(self) -> Means:
        """Final means by target, arm and metric or curve."""
        return self._grouped("target")

    @cached_property
    def by_modality(self) -> Means:
        """Final means by modality, arm and metric or curve."""
        return self._grouped("modality")

    @cached_property
    def by_group(self) -> Means:
        """Final means by part of the body, arm and metric or curve."""
        return self._grouped("group")

    @cached_property
    def by_size(self) -> Means:
        """Final means by size class, arm and metric or curve."""
        return self._grouped(SIZE)

    @cached_property
    def efforts(self) -> Means:
        """By arm and name of the effort: its sum over a session, and that divided by the slices touched."""
        import pyarrow as pa

        first = self.run.first_rows
        sessions = self.run.turns.select([*PATIENT, *SESSION]).take(first)
        slices = _sums(self.run.turns, "slices", first)
        tables = []
        for name in EFFORTS:
            total = _sums(self.run.turns, name, first)
            tables.append(_as_scores(sessions, name, total))
            if slices.any():
                share = np.divide(total, slices, out=np.full(len(total), np.nan), where=slices > 0)
                tables.append(_as_scores(sessions, PER_SLICE + name, share))
        return _means(pa.concat_tables(tables).unify_dictionaries(), ("prompts", "metric"))

    def pooled(self, arms: Sequence[str], label: str) -> Mean | None:
        """The final mean over the sessions of several arms together; None where there are none."""
        import pyarrow as pa

        arm, names = codes_of(self._final, "prompts")
        metric, labels = codes_of(self._final, "metric")
        mine = np.isin(arm, [place for place, name in enumerate(names) if name in arms])
        rows = self._final.filter(mine & (metric == _place(labels, label)))
        # As if each arm were an instance of the target, so that its sessions are told from those of the others.
        instance = np.asarray(rows["instance"]) * len(names) + arm[mine & (metric == _place(labels, label))]
        one = pa.array(np.full(rows.num_rows, "pooled")).dictionary_encode()
        for name, column in (("instance", pa.array(instance.astype(np.int32))), ("prompts", one)):
            rows = rows.set_column(rows.column_names.index(name), name, column)
        return next(iter(_means(rows, ("prompts", "metric")).values()), None)

    def values(self, arm: str, label: str) -> tuple[NDArray[np.float64], "pa.Table"]:
        """The final values that count, failed sessions at the worst, and their rows of ``scores``."""
        kept = self._mine(arm, label) & ~np.isnan(self._counted.values)
        return self._counted.values[kept], self._final.filter(kept)

    def answered(self, arm: str, label: str) -> dict[str, float]:
        """The final value of each session that did not fail and is defined, by its key."""
        kept = self._mine(arm, label) & ~self._counted.failed & ~np.isnan(self._counted.values)
        rows = self._final.filter(kept)
        return dict(zip(keys_of(rows).to_pylist(), self._counted.values[kept].tolist(), strict=True))

    @cached_property
    def _counted(self) -> Counted:
        return count_sessions(self.run.scores, ("prompts", "metric"))

    @cached_property
    def _final(self) -> "pa.Table":
        """The last row of each session in each metric and curve, with the column `SIZE`."""
        import pyarrow as pa

        rows = self.run.scores.take(self._counted.rows)
        return rows.append_column(SIZE, pa.array(_sizes(np.asarray(rows["voxels"]))).dictionary_encode())

    def _grouped(self, column: str) -> Means:
        return _means(self._final, (column, "prompts", "metric"))

    def _mine(self, arm: str, label: str) -> NDArray[np.bool_]:
        """Which of the final rows are of this arm and metric."""
        keys = self._counted.keys
        mine: NDArray[np.bool_] = self._counted.group == (keys.index((arm, label)) if (arm, label) in keys else -1)
        return mine


def _means(scores: "pa.Table", by: Sequence[str], turns: Mapping[str, int] | None = None) -> Means:
    return {
        each.key: Mean(each.mean, each.low, each.high, each.sessions, each.failed, each.undefined)
        for each in summarise(scores, by, turns=turns)
    }


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1


def _sums(turns: "pa.Table", column: str, first: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum over each session."""
    values = np.asarray(turns[column]).astype(np.float64)
    return np.add.reduceat(values, first) if len(first) else values


def _as_scores(sessions: "pa.Table", name: str, values: NDArray[np.float64]) -> "pa.Table":
    """Values of sessions as if they were scores, so that they are averaged like these."""
    import pyarrow as pa

    columns = {key: sessions[key] for key in sessions.column_names}
    label = pa.DictionaryArray.from_arrays(np.zeros(len(values), np.int32), [name])
    nowhere = {"turn": np.zeros(len(values), np.int16), "failed": np.zeros(len(values), np.bool_)}
    return pa.table(columns | {"metric": label, "value": values} | nowhere)


def _sizes(voxels: NDArray[np.int64]) -> list[str]:
    """The power of ten that each count lies in: ``100–999``."""
    powers = np.floor(np.log10(np.maximum(voxels, 1)) + 1e-12).astype(int)
    names = {power: f"{10**power:,}–{10 ** (power + 1) - 1:,}" for power in np.unique(powers).tolist()}
    return [names[power] for power in powers.tolist()]
