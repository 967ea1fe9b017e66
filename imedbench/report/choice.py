"""Which cases to show: few, rich in masks, and as unlike one another as the store allows."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from imedbench.store import Store

# Candidates kept for each data set, modality and axis: one a patient, the richest; where patients are few, others too.
DEPTH = 64
# A truth mask says more about a store than a generated one.
TRUTH_WEIGHT = 3
CASE_COLUMNS = ("id", "dataset", "modality", "ndim", "axis", "patient", "gt", "interactive")

Group = tuple[str, str, int, int]


@dataclass(slots=True)
class _Candidate:
    id: str
    group: Group
    patient: str
    masks: int
    targets: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Shown:
    """What is on the sheet so far."""

    chosen: list[_Candidate] = field(default_factory=list)
    targets: set[str] = field(default_factory=set)
    patients: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: Counter[Group] = field(default_factory=Counter)

    def add(self, candidate: _Candidate) -> None:
        """Takes a case in."""
        self.chosen.append(candidate)
        self.targets |= candidate.targets
        self.patients[candidate.group[0], candidate.patient] += 1
        self.groups[candidate.group] += 1

    def rank(self, candidate: _Candidate) -> tuple[int, int, int, int, int]:
        """Lowest for the case that adds most."""
        return (
            self.groups[candidate.group],
            self.patients[candidate.group[0], candidate.patient],
            -len(candidate.targets - self.targets),
            -candidate.masks,
            _lot(candidate.id),
        )


def choose_cases(store: "Store", count: int) -> list[str]:
    """Ids of at most ``count`` cases, unlike one another and rich in masks.

    Data sets and modalities take turns; within one, axes, patients and targets not shown yet come first.

    Pictures are preferred; volumes are shown where a data set has nothing else. Reads the index only.
    """
    candidates = _candidates(store)
    if len(candidates) < count:
        candidates += _others(store, candidates)
    _find_targets(store, candidates)
    waiting: defaultdict[tuple[str, str], list[_Candidate]] = defaultdict(list)
    for candidate in candidates:
        waiting[candidate.group[:2]].append(candidate)
    shown = _Shown()
    while waiting and len(shown.chosen) < count:
        for kind in sorted(waiting):
            best = min(waiting[kind], key=shown.rank)
            waiting[kind].remove(best)
            shown.add(best)
        waiting = defaultdict(list, {kind: left for kind, left in waiting.items() if left})
    chosen = shown.chosen[:count]
    return [candidate.id for candidate in sorted(chosen, key=lambda candidate: (candidate.group, candidate.id))]


def windows_of(store: "Store", names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """The intensities at which each of these cases is shown; empty for 8-bit pictures, which are shown as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(names, pa.string())
    found: dict[str, tuple[float, ...]] = {}
    for batch in store.scan("cases", ["id", "ndim", "window"]):
        for row in batch.filter(pc.is_in(batch.column("id"), wanted)).to_pylist():
            found[row["id"]] = tuple(row["window"]) if row["ndim"] == 3 else ()
    return found


def _candidates(store: "Store") -> list[_Candidate]:
    """The richest case of each patient, of the ``DEPTH`` richest patients of each group."""
    best: defaultdict[Group, dict[str, _Candidate]] = defaultdict(dict)
    for batch in store.scan("cases", CASE_COLUMNS):
        for candidate in _richest(batch):
            mine = best[candidate.group]
            if candidate.patient not in mine or mine[candidate.patient].masks < candidate.masks:
                mine[candidate.patient] = candidate
        for group, mine in best.items():
            richest = sorted(mine.values(), key=lambda candidate: (-candidate.masks, _lot(candidate.id)))[:DEPTH]
            best[group] = {candidate.patient: candidate for candidate in richest}
    flat = {group[0] for group in best if group[2] == 2}
    return [
        candidate
        for group, mine in best.items()
        if group[2] == 2 or group[0] not in flat
        for candidate in mine.values()
    ]


def _others(store: "Store", held: Sequence[_Candidate]) -> list[_Candidate]:
    """Further cases of the groups that are held, drawn by lot: the richest slices of a patient are neighbours."""
    known = {candidate.id for candidate in held}
    drawn: dict[Group, list[_Candidate]] = {candidate.group: [] for candidate in held}
    for batch in store.scan("cases", CASE_COLUMNS):
        for row in batch.to_pylist():
            group = (row["dataset"], row["modality"], row["ndim"], row["axis"])
            if group in drawn and row["id"] not in known:
                masks = TRUTH_WEIGHT * row["gt"] + row["interactive"]
                drawn[group].append(_Candidate(row["id"], group, row["patient"], masks))
        drawn = {group: sorted(some, key=lambda one: _lot(one.id))[:DEPTH] for group, some in drawn.items()}
    return [candidate for some in drawn.values() for candidate in some]


def _lot(case: str) -> int:
    """A number that has nothing to do with the order of the ids, so that ties do not go to those that begin with a."""
    return zlib.crc32(case.encode())


def _richest(batch: "pa.RecordBatch") -> Iterable[_Candidate]:
    """The richest case of each group and patient among these rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = ["id", "dataset", "modality", "ndim", "axis", "patient"]
    masks = pc.add(pc.multiply(batch.column("gt"), TRUTH_WEIGHT), batch.column("interactive"))
    rows = pa.table({name: batch.column(name) for name in names} | {"masks": masks})
    rows = rows.sort_by([("masks", "descending"), ("id", "ascending")])
    keys = ["dataset", "modality", "ndim", "axis", "patient"]
    first = rows.group_by(keys, use_threads=False).aggregate([("id", "first"), ("masks", "first")])
    for row in first.to_pylist():
        group = (row["dataset"], row["modality"], row["ndim"], row["axis"])
        yield _Candidate(row["id_first"], group, row["patient"], row["masks_first"])


def _find_targets(store: "Store", candidates: list[_Candidate]) -> None:
    """Fills in the targets of the candidates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    by_id = {candidate.id: candidate for candidate in candidates}
    wanted = pa.array(by_id)
    for batch in store.scan("masks", ["case", "target", "kind"]):
        mine = batch.filter(pc.and_(pc.is_in(batch.column("case"), wanted), pc.equal(batch.column("kind"), "gt")))
        for case, target in zip(mine.column("case").to_pylist(), mine.column("target").to_pylist(), strict=True):
            by_id[case].targets.add(target)
