from typing import Any

import pytest

from imedbench.evaluate.plan import Plan, read_plan
from imedbench.evaluate.results import Results
from imedbench.store import Store
from imedbench.submission.replay import Claims, replay_case
from imedbench.submission.streams import CaseStream


@pytest.fixture
def plan(store: Store, results: Results) -> Plan:
    return read_plan(store, results.run)


def claims(results: Results, plan: Plan) -> Claims:
    case = plan.subjects[0].case
    tables = (CaseStream(results.path / f"{name}.parquet", name) for name in ("turns", "scores"))
    return Claims(*(stream.take(case, (), pytest.fail) for stream in tables))


def test_an_honest_case(store: Store, results: Results, plan: Plan) -> None:
    subject, told = plan.subjects[0], claims(results, plan)
    replayed = replay_case(plan, store[subject.case], subject.masks, told)
    assert not replayed.findings.checks
    assert (replayed.sessions, replayed.large, replayed.exact) == (4, 3, 0)
    assert told.turns is not None
    assert told.scores is not None
    assert replayed.turns == len(replayed.seconds) == told.turns.num_rows
    assert replayed.scores == [pytest.approx(row, nan_ok=True) for row in told.scores.to_pylist()]


def test_nothing_is_there(store: Store, plan: Plan) -> None:
    subject = plan.subjects[0]
    replayed = replay_case(plan, store[subject.case], subject.masks, Claims(None, None))
    assert replayed.findings.checks["coverage"].count == len(subject.masks)
    assert not replayed.scores


def test_a_session_in_pieces(store: Store, results: Results, plan: Plan) -> None:
    import pyarrow as pa

    subject, told = plan.subjects[0], claims(results, plan)
    assert told.turns is not None
    turns: Any = pa.concat_tables([told.turns, told.turns.slice(0, 1)])
    replayed = replay_case(plan, store[subject.case], subject.masks, Claims(turns, told.scores))
    (example,) = replayed.findings.checks["coverage"].examples
    assert example.what == "is there twice, or in pieces"
    other: Any = pa.concat_tables([told.turns.slice(1), told.turns.slice(0, 1)])
    replayed = replay_case(plan, store[subject.case], subject.masks, Claims(other, told.scores))
    assert "is written as turn 2" in {example.what for example in replayed.findings.checks["coverage"].examples}
