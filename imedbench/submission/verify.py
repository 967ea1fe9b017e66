"""Checks a submission against the data it was evaluated on, by asking every session again."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imedbench.errors import BadResults, BadStore, BadSubmission, Unavailable, UnknownName
from imedbench.evaluate.data import Subject, digest_of
from imedbench.evaluate.plan import Plan, read_plan, run_id
from imedbench.evaluate.results import KEY
from imedbench.evaluate.tables import schema
from imedbench.store import Store
from imedbench.submission.bundle import Bundle
from imedbench.submission.replay import Claims, Replayed, replay_case
from imedbench.submission.streams import CaseStream
from imedbench.submission.verdict import Findings, Verdict
from imedbench.workers import one_thread

if TYPE_CHECKING:
    pass

_EXACT = 0.02
"""Share of the first guesses that may be the truth to the voxel: who drew it would not draw it so again."""
_EXACT_LEAST = 3
_SAME_TIMES = 50
"""Answers from which on it is odd that all took the same time, to the last digit."""
_CASES_A_PROCESS = 100
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a task asks for; a submission must have been asked just that."""

    protocol_digest: str
    prompts_digest: str
    data_digest: str
    split: str
    targets: tuple[str, ...]
    limit: int
    dimension: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is."""

    done: int
    total: int
    """Cases."""
    discrepancies: int


def verify(
    bundle: Bundle,
    store: Store,
    asked: Asked | None = None,
    *,
    scores: Path | None = None,
    workers: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Verdict:
    """Asks every session of a run again, from the store's truth and the run's own guesses, and scores every guess.

    Args:
        bundle: unpacked.
        store: with the truth.
        asked: of the task that the run is submitted to; None to check it against itself and the data only.
        scores: where the scores that were computed here are written, as a table of a results folder.
        workers: processes.
        progress: told after every case.
    """
    start = time.perf_counter()
    findings, run = Findings(), bundle.run
    try:
        plan = read_plan(store, run)
    except (BadResults, UnknownName, Unavailable, BadStore) as problem:
        findings.add("record", "run.json", str(problem))
        return Verdict.of(findings)
    _check_record(run, plan, findings)
    if asked is not None:
        _check_task(run, plan, asked, findings)
    totals = _Totals(findings)
    with _Scores(scores, run) as written:
        for number, replayed in enumerate(_replayed(bundle.folder, plan, workers, findings), start=1):
            written.add(totals.take(replayed))
            progress(Progress(number, len(plan.subjects), sum(check.count for check in findings.checks.values())))
    if not plan.card.sees_truth:
        _check_truth(totals, findings)
    _check_times(run, totals, findings)
    return Verdict.of(
        findings,
        sessions=totals.sessions,
        turns=totals.turns,
        seconds=time.perf_counter() - start,
        claimed_seconds=totals.claimed_seconds,
        answers=totals.digest.hexdigest(),
    )


def _check_record(run: Mapping[str, Any], plan: Plan, findings: Findings) -> None:
    """Whether what the record says of itself is so."""

    def expect(name: str, told: Any, known: Any) -> None:
        if told != known:
            findings.add("record", "run.json", f"{name} should be {str(known)[:100]!r}, and is {str(told)[:100]!r}")

    try:
        identity = run_id(run)
    except (KeyError, TypeError, ValueError) as problem:
        findings.add("record", "run.json", f"does not say {problem}")
        return
    data = run.get("data")
    expect("status", run.get("status"), "finished")
    expect("id", run.get("id"), identity)
    expect("protocol_digest", run["protocol_digest"], plan.protocol.digest())
    expect("prompts_digest", run["prompts_digest"], plan.spoiled.digest())
    expect("data_digest", run["data_digest"], digest_of(plan.store))
    expect("model", run["model"], plan.card.name)
    expect("skipped", run.get("skipped"), list(plan.skipped))
    expect("cases", data.get("cases") if isinstance(data, dict) else None, len(plan.subjects))
    expect("targets", data.get("targets") if isinstance(data, dict) else None, plan.targets)
    weights = run["weights_sha256"]
    if weights != "" and not (isinstance(weights, str) and _SHA256.fullmatch(weights)):
        findings.add("record", "run.json", "weights_sha256 is no checksum")
    versions = run.get("versions")
    if not isinstance(versions, dict) or not isinstance(versions.get("imedbench"), str):
        findings.add("record", "run.json", "does not say which imedbench it was made with")


def _check_task(run: Mapping[str, Any], plan: Plan, asked: Asked, findings: Findings) -> None:
    """Whether the run was asked what the task asks."""
    subset = run["subset"]
    told = Asked(
        plan.protocol.digest(),
        plan.spoiled.digest(),
        str(run.get("data_digest")),
        subset["split"],
        tuple(subset["targets"]),
        subset["limit"],
        plan.dimension,
    )
    for name in Asked.__slots__:
        mine, theirs = getattr(asked, name), getattr(told, name)
        if mine != theirs:
            what = name.removesuffix("_digest")
            findings.add("task", "run.json", f"{what} should be {mine!r}, and is {theirs!r}")


class _Totals:
    """What all cases together were found to be."""

    def __init__(self, findings: Findings) -> None:
        self.sessions = self.turns = self.exact = self.large = 0
        self.claimed_seconds = 0.0
        self.answers = 0
        self.times: set[float] = set()
        """Of the answers, the first different ones."""
        self.digest = hashlib.sha256()
        self._findings = findings

    def take(self, replayed: Replayed) -> "list[dict[str, Any]]":
        """Adds a case; its scores come back."""
        self._findings.merge(replayed.findings)
        self.sessions += replayed.sessions
        self.turns += replayed.turns
        self.exact += replayed.exact
        self.large += replayed.large
        self.claimed_seconds += sum(replayed.seconds) + replayed.encode_seconds
        self.answers += len(replayed.seconds)
        if len(self.times) < 2:
            self.times.update(replayed.seconds)
        self.digest.update(replayed.digest.encode())
        return replayed.scores


class _Scores:
    """Writes the scores that were computed, or nothing."""

    def __init__(self, target: Path | None, run: Mapping[str, Any]) -> None:
        self._target, self._run = target, str(run.get("id", ""))
        self._writer: Any = None

    def __enter__(self) -> "_Scores":
        if self._target is not None:
            import pyarrow.parquet as pq

            columns = schema("scores").with_metadata({KEY: self._run.encode()})
            self._writer = pq.ParquetWriter(self._target, columns, compression="zstd")
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, rows: list[dict[str, Any]]) -> None:
        """One case's."""
        import pyarrow as pa

        if self._writer is not None and rows:
            self._writer.write_table(pa.Table.from_pylist(rows, self._writer.schema))


def _replayed(folder: Path, plan: Plan, workers: int, findings: Findings) -> Iterator[Replayed]:
    """Every case in order, its sessions asked again; cases that the task does not have are told of."""
    later = {subject.case: None for subject in plan.subjects}
    streams: dict[str, CaseStream] = {}

    def strange(table: str) -> Callable[[str, str], None]:
        return lambda case, why: findings.add("coverage", f"{table}, {case[:100]}", why)

    def parts() -> Iterator[_Part]:
        for subject in plan.subjects:
            del later[subject.case]
            tables = (stream.take(subject.case, later, strange(name)) for name, stream in streams.items())
            yield _Part(subject, Claims(*tables))

    try:
        streams |= {table: CaseStream(folder / f"{table}.parquet", table) for table in ("turns", "scores")}
        yield from _mapped(parts(), plan, workers)
        for name, stream in streams.items():
            stream.rest(strange(name))
    except BadSubmission as problem:
        findings.add("coverage", "tables", str(problem))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    subject: Subject
    claims: Claims


def _mapped(parts: Iterator[_Part], plan: Plan, workers: int) -> Iterator[Replayed]:
    """In order, a few parts ahead of who takes them; few cases in this process, for others take seconds to begin."""
    workers = min(workers, 1 + len(plan.subjects) // _CASES_A_PROCESS)
    if workers <= 1:
        _PLANS[:] = [plan]
        yield from map(_check_part, parts)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("forkserver"), initializer=_begin, initargs=(plan,)
    ) as pool:
        running: list[Future[Replayed]] = [pool.submit(_check_part, part) for part in islice(parts, 2 * workers)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(_check_part, part) for part in islice(parts, 1)]


_PLANS: list[Plan] = []
"""Of a worker process: the one that it works on."""


def _begin(plan: Plan) -> None:
    one_thread()
    _PLANS[:] = [plan]


def _check_part(part: _Part) -> Replayed:
    (plan,) = _PLANS
    return replay_case(plan, plan.store[part.subject.case], part.subject.masks, part.claims)


def _check_truth(totals: _Totals, findings: Findings) -> None:
    if totals.exact >= _EXACT_LEAST and totals.exact > _EXACT * totals.large:
        what = f"{totals.exact} of {totals.large} first guesses are the truth to the last voxel"
        findings.add("truth", "all cases", what)


def _check_times(run: Mapping[str, Any], totals: _Totals, findings: Findings) -> None:
    try:
        begun, ended = (datetime.fromisoformat(run[name]) for name in ("started", "finished"))
        if ended < begun or ended > datetime.now(UTC):
            findings.add("timing", "run.json", f"the run began {begun} and ended {ended}")
    except (KeyError, TypeError, ValueError) as problem:
        findings.add("timing", "run.json", f"does not say when it began and ended ({problem})")
    if totals.answers >= _SAME_TIMES and len(totals.times) == 1:
        findings.add("timing", "turns", f"all {totals.answers:,} answers took {totals.times.pop()} s")
