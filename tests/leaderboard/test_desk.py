import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.database import audit, submissions
from leaderboard.desk import ACTOR, Desk
from leaderboard.submissions import find_submission
from leaderboard.tasks import NewTask
from leaderboard.teams import Refused, team_of_key

BOARD = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "board.py"))


@pytest.fixture
def desk(made: Any) -> Iterator[Desk]:
    board = made.open()
    yield Desk(board)
    board.database.close()


def owner(desk: Desk, key: str) -> str:
    with desk.board.database.read() as connection:
        return team_of_key(connection, key).name


def state(desk: Desk, identity: str) -> tuple[str, str]:
    with desk.board.database.read() as connection:
        found = find_submission(connection, identity)
        return found.state, found.reason


def test_teams_and_keys(desk: Desk) -> None:
    first = desk.add_team("New")
    second = desk.issue_key("New", 1)
    assert owner(desk, first) == owner(desk, second) == "New"
    desk.revoke_key(first.split("_")[1])
    with pytest.raises(Refused, match="not valid"):
        owner(desk, first)
    assert owner(desk, second) == "New"
    desk.bar_team("New", barred=True)
    assert "team        New (barred)" in list(desk.lines())
    with pytest.raises(Refused, match="may not submit"):
        owner(desk, second)
    desk.bar_team("New", barred=False)
    assert owner(desk, second) == "New"


def test_tasks(desk: Desk, made: Any) -> None:
    new = NewTask("new", "New", made.store, "clicks-9", "noisy", BOARD["SUBSETS"]["levels"])
    assert desk.add_task(new) == "new: 12 targets in 3 pictures of 3 patients"
    desk.close_task("new", closed=True)
    assert "task        new: clicks-9, noisy closed" in list(desk.lines())
    desk.close_task("new", closed=False)
    assert "task        new: clicks-9, noisy" in list(desk.lines())


def test_decisions(desk: Desk, made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    desk.decide(mine, "rejected", "we looked")
    assert state(desk, mine) == ("rejected", "we looked")
    assert f"submission  {mine} rejected (we looked): threshold, Ours, clicks" in list(desk.lines())
    desk.decide(mine, "verified", "we looked again")
    desk.check_again(mine)
    assert state(desk, mine) == ("waiting", "")
    desk.withdraw(mine, "")
    assert state(desk, mine) == ("withdrawn", "withdrawn by the organisers")


STEPS: dict[str, tuple[Callable[[Desk, Any], object], str]] = {
    "team": (lambda desk, _: desk.add_team("Ours"), "there is a team called"),
    "team in other letters": (lambda desk, _: desk.add_team("OURS"), "there is a team called"),
    "key": (lambda desk, _: desk.issue_key("None"), "no team called 'None'"),
    "bar": (lambda desk, _: desk.bar_team("None", barred=True), "no team called"),
    "revoke": (lambda desk, _: desk.revoke_key("none"), "no valid key 'none'"),
    "task": (lambda desk, made: desk.add_task(NewTask("clicks", "", made.store, "clicks-9")), "there is a task"),
    "address": (
        lambda desk, made: desk.add_task(NewTask("No Slug", "", made.store, "clicks-9")),
        "cannot be an address",
    ),
    "close": (lambda desk, _: desk.close_task("none", closed=True), "no task 'none'"),
    "decide": (lambda desk, _: desk.decide("none", "verified", ""), "no such submission"),
    "state": (lambda desk, made: desk.decide(made.ids["clicks/oracle"], "best", ""), "accepted or rejected"),
    "withdraw": (lambda desk, _: desk.withdraw("none", ""), "no such submission"),
    "again": (lambda desk, _: desk.check_again("none"), "no such submission"),
}


@pytest.mark.parametrize("step", STEPS)
def test_what_is_refused_changes_nothing(desk: Desk, made: Any, step: str) -> None:
    before, log = list(desk.lines()), list(desk.log_lines(0))
    act, told = STEPS[step]
    with pytest.raises(Refused, match=re.escape(told)):
        act(desk, made)
    assert (list(desk.lines()), list(desk.log_lines(0))) == (before, log)


def test_verbs_that_a_refusal_names_are_there(desk: Desk) -> None:
    from imedbench.cli.leaderboard_admin import app

    verbs = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    with pytest.raises(Refused) as problem:
        desk.issue_key("None")
    assert set(re.findall(r"leaderboard admin ([a-z-]+)", str(problem.value))) <= verbs


def test_the_log_tells_who_did_what(desk: Desk, made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    desk.decide(mine, "rejected", "we looked")
    lines = list(desk.log_lines(2))
    assert len(lines) == 2
    assert lines[0].endswith(f"{ACTOR}: decided: rejected {mine} (reason we looked)")
    everything = list(desk.log_lines(0))
    assert everything[-1] == lines[0]
    assert len(everything) == int(lines[0].split()[0])
    assert made.key.split("_", 2)[2] not in "".join(everything)


def test_a_log_that_was_changed_is_noticed(desk: Desk) -> None:
    assert desk.broken() is None
    with desk.board.database.write() as connection:
        connection.execute(sa.text("DROP TRIGGER audit_no_update"))
        connection.execute(audit.update().where(audit.c.id == 3).values(actor="somebody else"))
    assert desk.broken() == 3


def test_every_state_is_listed(desk: Desk, made: Any) -> None:
    with desk.board.database.write() as connection:
        connection.execute(submissions.update().values(state="doubtful", reason="its guesses are those of x"))
    told = [line for line in desk.lines() if line.startswith("submission")]
    assert len(told) == 4
    assert all(" doubtful (its guesses are those of x): " in line for line in told)
