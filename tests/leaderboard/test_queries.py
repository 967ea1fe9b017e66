import itertools
import math
import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.results import Results
from imedbench.metrics.summary import summarise
from leaderboard import queries, submissions
from leaderboard.board import Board
from leaderboard.database import jobs, tasks
from leaderboard.database import submissions as table
from leaderboard.queries import SORTS, View, first_view, revision, siblings_of, table_of, views_of
from leaderboard.tasks import NewTask, Task, add_task, close_task, find_task
from leaderboard.teams import add_team, find_team, issue_key

FAKES = Path(__file__).resolve().parents[1] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))
FILL = runpy.run_path(str(FAKES / "leaderboard.py"))["fill"]


@pytest.fixture
def board(made: Any) -> Iterator[Board]:
    opened = made.open()
    yield opened
    opened.database.close()


@pytest.fixture
def connection(board: Board) -> Iterator[sa.Connection]:
    with board.database.read() as reading:
        yield reading


@pytest.fixture
def clicks(board: Board) -> Task:
    with board.database.read() as reading:
        return find_task(reading, "clicks")


@pytest.fixture
def levels(board: Board) -> Task:
    with board.database.read() as reading:
        return find_task(reading, "levels")


def same(mean: Any, other: Any) -> bool:
    """Whether all that is told of two means is the same."""
    names = ("mean", "low", "high")
    close = [
        math.isclose(getattr(mean, name), getattr(other, name), abs_tol=1e-9)
        or (math.isnan(getattr(mean, name)) and math.isnan(getattr(other, name)))
        for name in names
    ]
    counts = ("sessions", "failed", "undefined")
    return all(close) and all(getattr(mean, name) == getattr(other, name) for name in counts)


def read(board: Board, task: Task, view: View) -> queries.Table:
    with board.database.read() as reading:
        return table_of(reading, task, view)


def test_final_values_are_those_of_the_report(made: Any, clicks: Task, levels: Task, connection: sa.Connection) -> None:
    for task in (clicks, levels):
        numbers = Numbers(gather([Results.open(made.runs[f"{task.id}/threshold"])]).runs[0])
        mine = made.ids[f"{task.id}/threshold"]
        checked = 0
        for view in views_of(task):
            if view.sort != "rank":
                continue
            (row,) = [row for row in table_of(connection, task, view).rows if row.entry.id == mine]
            turn = queries.final_turn(task, view)
            key = (view.prompts, view.metric, turn)
            known = numbers.turns[key] if not view.modality else numbers.by_modality[(view.modality, *key[:2])]
            assert same(row.score, known), view
            checked += 1
            assert row.efforts["clicks"] == pytest.approx(numbers.efforts[view.prompts, "clicks"].mean)
        assert checked == len(views_of(task)) / len(SORTS)


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_a_modality_is_the_summary_of_its_scores(
    made: Any, board: Board, clicks: Task, levels: Task, modality: str
) -> None:
    """Of one patient too, of whose difference from others nothing is known."""
    import pyarrow.compute as pc

    for task in (clicks, levels):
        results = Results.open(made.runs[f"{task.id}/threshold"])
        scores = results.scores.filter(pc.equal(results.scores["modality"], modality))
        for each in summarise(scores):
            rows = read(board, task, View(*each.key, modality)).rows
            (row,) = [row for row in rows if row.entry.id == made.ids[f"{task.id}/threshold"]]
            assert same(row.score, each)
            assert (row.rank is None) == math.isnan(each.low)


def test_who_sees_the_truth_is_last_and_not_ranked(board: Board, made: Any, clicks: Task) -> None:
    FILL(board, made.ids["clicks/threshold"], 5)
    for label in queries.labels_of(clicks.protocol):
        rows = read(board, clicks, View("9 clicks", label)).rows
        assert len(rows) == 7
        assert [row.entry.sees_truth for row in rows] == [False] * 6 + [True]
        assert rows[-1].entry.id == made.ids["clicks/oracle"]
        assert [row.rank is None for row in rows] == [False] * 6 + [True]


@pytest.mark.parametrize("modality", ["", "ct", "mr"])
@pytest.mark.parametrize("label", ["dice", "nsd 2 mm", "auc dice", "gain dice"])
def test_the_order_of_every_sort(board: Board, made: Any, clicks: Task, label: str, modality: str) -> None:
    FILL(board, made.ids["clicks/threshold"], 12)
    view = View("9 clicks", label, modality)
    tables = {sort: read(board, clicks, replace(view, sort=sort)) for sort in SORTS}
    better = tables["rank"].column.better
    ranked = [row for row in tables["rank"].rows if row.rank]
    assert len(ranked) == 13
    places = [row.rank.place for row in ranked if row.rank]
    assert places == sorted(places)
    for first, second in itertools.pairwise(ranked):
        assert first.rank is not None and second.rank is not None
        if first.rank.place == second.rank.place:
            assert better * first.score.mean >= better * second.score.mean
    names = [row.entry.name.casefold() for row in tables["name"].rows]
    assert names == sorted(names)
    dates = [row.entry.received for row in tables["date"].rows]
    assert dates == sorted(dates, reverse=True)
    for sort, effort in (("effort", "effort_s"), ("seconds", "seconds")):
        spent = [row.efforts[effort] for row in tables[sort].rows]
        assert spent == sorted(spent)
    rows = {sort: {row.entry.id: row for row in each.rows} for sort, each in tables.items()}
    assert all(each == rows["rank"] for each in rows.values())


def test_only_what_was_verified_is_in_a_table(made: Any, board: Board, clicks: Task) -> None:
    wanted = FILL(board, made.ids["clicks/threshold"], 5)
    states = ["withdrawn", "doubtful", "rejected", "waiting", "verified"]
    with board.database.write() as connection:
        for name, state in zip(wanted, states, strict=True):
            connection.execute(table.update().where(table.c.id == name).values(state=state))
    for view in views_of(clicks):
        held = {row.entry.id for row in read(board, clicks, view).rows}
        assert held == {made.ids["clicks/threshold"], made.ids["clicks/oracle"], wanted[-1]}
    with board.database.read() as connection:
        assert queries.waiting_of(connection) == {"clicks": 1}
        (first, second) = queries.overview(connection)
        assert {row.entry.id for row in first.table.rows} == held
        assert (first.waiting, second.waiting) == (1, 0)


def test_submissions_to_another_task_are_not_in_the_table(made: Any, board: Board, levels: Task) -> None:
    held = {row.entry.id for row in read(board, levels, first_view(levels)).rows}
    assert held == {made.ids["levels/threshold"], made.ids["levels/oracle"]}


def test_one_turn_has_no_curve(clicks: Task, levels: Task) -> None:
    assert {view.metric for view in views_of(clicks)} == set(queries.labels_of(clicks.protocol))
    mixed = levels.protocol.model_copy(
        update={"arms": (*levels.protocol.arms, *clicks.protocol.arms), "curves": clicks.protocol.curves}
    )
    views = views_of(replace(levels, protocol=mixed))
    curves = {spec.label for spec in clicks.protocol.curves}
    assert {view.prompts for view in views if view.metric in curves} == {"9 clicks"}
    assert {view.metric for view in views if view.prompts == "box 100 %"} == {"dice"}
    assert len(set(views)) == len(views)


def test_one_modality_is_no_choice(clicks: Task) -> None:
    assert {view.modality for view in views_of(clicks)} == {"", "ct", "mr"}
    one = replace(clicks, facts=dict(clicks.facts) | {"modalities": ["ct"]})
    assert {view.modality for view in views_of(one)} == {""}


def test_the_first_view_is_among_all(clicks: Task, levels: Task) -> None:
    for task in (clicks, levels):
        assert views_of(task)[0] == first_view(task)


def test_siblings_have_other_users_only(board: Board, made: Any, clicks: Task) -> None:
    subset = BOARD["SUBSETS"]["clicks"]
    with board.database.write() as connection:
        for name, protocol, prompts, asked in (
            ("noisy", "clicks-9", "noisy", subset),
            ("other-protocol", "noc", "noisy", subset),
            ("other-subset", "clicks-9", "noisy", replace(subset, limit=2)),
            ("other-targets", "clicks-9", "noisy", replace(subset, targets=("liver",))),
        ):
            add_task(connection, NewTask(name, name, made.store, protocol, prompts, asked))
        assert [each.id for each in siblings_of(connection, clicks)] == ["clicks", "noisy"]
        told = dict(connection.execute(sa.select(tasks.c.asked).where(tasks.c.id == "noisy")).scalar() or {})
        # On the volumes of a store is not on its pictures.
        fields = {"asked": told | {"dimension": 3}}
        connection.execute(tasks.update().where(tasks.c.id == "noisy").values(**fields))
        assert [each.id for each in siblings_of(connection, clicks)] == ["clicks"]


def _change_one(what: str, made: Any) -> Callable[[sa.Connection], object]:
    mine = made.ids["clicks/threshold"]
    return {
        "team": lambda c: add_team(c, "New"),
        "key": lambda c: issue_key(c, find_team(c, "Ours")),
        "task": lambda c: add_task(c, NewTask("new", "New", made.store, "clicks-9", "noisy")),
        "close": lambda c: close_task(c, find_task(c, "clicks"), closed=True),
        "withdraw": lambda c: submissions.withdraw(c, submissions.find_submission(c, mine), "admin"),
        "decide": lambda c: submissions.decide(
            c, submissions.find_submission(c, mine), "rejected", "why", actor="admin"
        ),
        "again": lambda c: submissions.check_again(c, submissions.find_submission(c, mine), "admin"),
    }[what]


@pytest.mark.parametrize("what", ["team", "key", "task", "close", "withdraw", "decide", "again"])
def test_the_revision_grows_with_every_change(board: Board, made: Any, what: str) -> None:
    with board.database.read() as connection:
        before = revision(connection)
        assert revision(connection) == before
    with board.database.write() as connection:
        _change_one(what, made)(connection)
    with board.database.read() as connection:
        assert revision(connection) > before


def test_the_revision_grows_when_a_check_ends(board: Board, made: Any) -> None:
    from leaderboard.worker import work

    with board.database.write() as connection:
        submissions.check_again(connection, submissions.find_submission(connection, made.ids["levels/oracle"]), "admin")
        before = revision(connection)
    assert work(board.settings, until_empty=True) == 1
    with board.database.read() as connection:
        assert revision(connection) > before
        assert set(connection.execute(sa.select(jobs.c.state)).scalars()) == {"done"}


def test_of_an_empty_leaderboard(open_board: Callable[..., Board]) -> None:
    with open_board().database.read() as connection:
        assert (revision(connection), queries.overview(connection), queries.waiting_of(connection)) == (0, [], {})


def test_curves_are_the_means_after_each_turn(made: Any, connection: sa.Connection) -> None:
    mine = made.ids["clicks/threshold"]
    numbers = Numbers(gather([Results.open(made.runs["clicks/threshold"])]).runs[0])
    found = queries.curves_of(connection, "dice", [mine])
    assert list(found) == [(mine, "9 clicks")]
    assert [turn for turn, _ in found[mine, "9 clicks"]] == list(range(1, 10))
    for turn, mean in found[mine, "9 clicks"]:
        assert same(mean, numbers.turns["9 clicks", "dice", turn])
    assert queries.draws_of(connection, View("9 clicks", "dice"), "nobody") is None
