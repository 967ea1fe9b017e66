"""The runs that a report is about: their names and colours, what they have in common, and where they differ."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imedbench.errors import BadResults
from imedbench.evaluate.protocol import Arm, Protocol
from imedbench.metrics.columns import codes_of, joint_codes
from imedbench.metrics.sessions import PATIENT, SESSION

if TYPE_CHECKING:
    import pyarrow as pa

    from imedbench.evaluate.results import Results

COLOURS = 8
"""How many the page's style names: ``--run-1`` and so on."""
APART = "\x1f"
TEXTS = ("dataset", "patient", "study", "case", "modality", "target", "group", "prompts", "metric")
SHOWN_TRUTH = "{}: this model was shown the truth with the prompts, so no user can reach its scores."
OTHER_PROTOCOL = "The protocols differ ({}). Only arms and metrics that mean the same in all runs are compared."
OTHER_USER = "The simulated users differ ({}): differences are of users as much as of models."
OTHER_DATA = "The data differ ({}). Sessions are matched by case and target; their pictures may not be the same."
OTHER_WAY = "Volumes were gone through in different ways ({}): so were the prompts, and the effort."


@dataclass(frozen=True, eq=False)
class Run:
    """One results folder, under the name and colour that it has in all of the report."""

    name: str
    colour: str
    results: "Results"
    scores: "pa.Table"
    turns: "pa.Table"
    """Both of the sessions that the report is about, in the order of their schema; without prompts and guesses."""
    left_out: int = 0
    """Sessions that not all runs of the report have."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What run.json says."""
        return self.results.run

    @property
    def protocol(self) -> Protocol:
        """As it was then."""
        return self.results.protocol

    @property
    def data(self) -> Path:
        """The store that was evaluated on, if it is still there."""
        return self.results.data

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Those that were run: an arm that the model cannot be asked has no row."""
        held = set(self.scores["prompts"].unique().to_pylist())
        return tuple(arm for arm in self.protocol.arms if arm.name in held)

    @cached_property
    def first_rows(self) -> NDArray[np.int64]:
        """(sessions,): the row of ``turns`` at which each session begins."""
        return starts_of(self.turns, SESSION)

    @cached_property
    def keys(self) -> "pa.Array":
        """One text a session, the same in every run that has it."""
        return keys_of(self.turns.take(self.first_rows))

    @property
    def sessions(self) -> int:
        """How many."""
        return len(self.first_rows)

    @property
    def failed(self) -> int:
        """How many sessions ended with an error."""
        import pyarrow.compute as pc

        count: int = pc.sum(pc.not_equal(self.turns["error"], "")).as_py() or 0
        return count

    def count(self, column: str) -> int:
        """How many different values a column of the turns has; patients of other data sets are others."""
        return len(joint_codes(self.turns, PATIENT if column in PATIENT[1:] else (column,))[1])


@dataclass(frozen=True, slots=True)
class Gathered:
    """The runs of a report, and what a reader must know before comparing them."""

    runs: tuple[Run, ...]
    warnings: tuple[str, ...] = ()
    """Sentences; empty where nothing stands against a comparison."""

    @property
    def first(self) -> Run:
        """Of which the protocol is taken."""
        return self.runs[0]

    @property
    def told(self) -> str:
        """What was run on what: ``clicks-9 on btcv, prompts: perfect``."""
        facts = [
            list(dict.fromkeys(names))
            for names in (
                (run.protocol.id for run in self.runs),
                (str(run.facts["data"]["name"]) for run in self.runs),
                (str(run.facts["prompts"]["name"]) for run in self.runs),
            )
        ]
        return "{} on {}, prompts: {}".format(*(" and ".join(names) for names in facts))


def gather(results: Sequence["Results"]) -> Gathered:
    """The runs, on the sessions that all of them have.

    Raises:
        BadResults: there is no run, or no session under an arm that means the same in all of them.
    """
    if not results:
        message = "there are no results to report; name at least one results folder."
        raise BadResults(message)
    runs = [_opened(each, name, place) for place, (each, name) in enumerate(zip(results, _names(results), strict=True))]
    helped = [SHOWN_TRUTH.format(run.name) for run in runs if run.facts["card"].get("sees_truth")]
    if len(runs) == 1:
        return Gathered(tuple(runs), tuple(helped))
    warnings = helped + _differences(runs)
    shared = _shared_arms(runs)
    if not shared:
        names = ", ".join(f"{run.name}: {run.protocol.id}" for run in runs)
        message = f"these runs share no way of prompting that means the same in each ({names}); report each by itself."
        raise BadResults(message)
    common = _common(runs, shared)
    warnings += [
        f"{run.name}: {run.left_out:,} of its sessions are not in every run and are left out here."
        for run in common
        if run.left_out
    ]
    return Gathered(tuple(common), tuple(warnings))


def starts_of(table: "pa.Table", columns: Sequence[str]) -> NDArray[np.int64]:
    """The rows at which the values of these columns change; rows of a kind must stand together."""
    if not table.num_rows:
        return np.zeros(0, np.int64)
    new = np.zeros(table.num_rows, np.bool_)
    new[0] = True
    for column in columns:
        values, _ = codes_of(table, column)
        new[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(new)


def keys_of(table: "pa.Table") -> "pa.Array":
    """One text a row that tells its session."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [pc.cast(table[name], pa.string()).combine_chunks() for name in SESSION]
    return pc.binary_join_element_wise(*columns, APART)


def _opened(results: "Results", name: str, place: int) -> Run:
    colour = f"var(--run-{place % COLOURS + 1})"
    scores, turns = _encoded(results.scores), _encoded(results.efforts())
    return Run(name, colour, results, scores, turns)


def _encoded(table: "pa.Table") -> "pa.Table":
    """With texts that repeat as numbers of a list: a hundredth of the memory, and quick to group by."""
    for name in TEXTS:
        if name in table.column_names:
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].dictionary_encode())
    return table.combine_chunks()


def _names(results: Sequence["Results"]) -> list[str]:
    """The models' names; where two are the same, with what tells the runs apart."""
    names = [str(each.run["model"]) for each in results]
    for key in ("prompts", "data"):
        more = [str(each.run[key]["name"]) for each in results]
        if len(set(names)) < len(names) and len(set(more)) > 1:
            names = [f"{name}, {word}" for name, word in zip(names, more, strict=True)]
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(name if names.count(name) == 1 else f"{name} ({seen[name]})")
    return numbered


def _differences(runs: Sequence[Run]) -> list[str]:
    """Sentences about what is not the same in all runs."""

    def told(key: str, of: Callable[[Run], str], sentence: str) -> list[str]:
        same = len({str(run.facts[key]) for run in runs}) == 1
        return [] if same else [sentence.format("; ".join(f"{run.name}: {of(run)}" for run in runs))]

    return [
        *told("protocol_digest", lambda run: f"{run.protocol.id} {run.facts['protocol_digest'][:8]}", OTHER_PROTOCOL),
        *told("prompts_digest", lambda run: str(run.facts["prompts"]["name"]), OTHER_USER),
        *told("data_digest", lambda run: f"{run.facts['data']['name']} {run.facts['data_digest'][:8]}", OTHER_DATA),
        *told("across", lambda run: str(run.facts["across"]) or "in three dimensions", OTHER_WAY),
    ]


def _shared_arms(runs: Sequence[Run]) -> set[str]:
    """Names of arms that are defined alike, drawn with the same seed, and were run in all runs."""
    if len({run.protocol.seed for run in runs}) > 1:
        return set()
    return set.intersection(*({arm.name for arm in run.arms if _same(arm, runs[0].protocol)} for run in runs))


def _same(arm: Arm, protocol: Protocol) -> bool:
    return any(other.model_dump(mode="json") == arm.model_dump(mode="json") for other in protocol.arms)


def _common(runs: Sequence[Run], arms: set[str]) -> list[Run]:
    """The runs with the sessions and metrics that all of them have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = runs[0].keys
    for run in runs[1:]:
        keys = keys.filter(pc.is_in(keys, run.keys))
    names = pa.array([key for key in keys.to_pylist() if key.rsplit(APART, 1)[1] in arms], pa.string())
    if not len(names):
        message = "these runs have no session in common: no target of a case was prompted alike; report each by itself."
        raise BadResults(message)
    labels = set.intersection(*(set(run.scores["metric"].unique().to_pylist()) for run in runs))
    found = []
    for run in runs:
        scores = run.scores.filter(pc.is_in(pc.cast(run.scores["metric"], pa.string()), pa.array(sorted(labels))))
        held = _of_sessions(scores, names), _of_sessions(run.turns, names)
        left_out = run.sessions - len(names)
        found.append(replace(run, scores=held[0], turns=held[1], left_out=left_out))
    return found


def _of_sessions(table: "pa.Table", names: "pa.Array") -> "pa.Table":
    """The rows of these sessions; rows of a session stand together, so only the first of each is looked up."""
    import pyarrow.compute as pc

    first = starts_of(table, SESSION)
    kept = np.asarray(pc.is_in(keys_of(table.take(first)), names))
    return table.filter(np.repeat(kept, np.diff(first, append=table.num_rows))).combine_chunks()
