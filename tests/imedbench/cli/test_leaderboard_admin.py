import runpy
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from imedbench.cli import main
from imedbench.cli.leaderboard_admin import app

BOARD = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "board.py"))


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Any:
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(tmp_path / "two")


def run(made: Any, *options: object, code: int = 0) -> str:
    arguments = [*map(str, options), "--folder", str(made.folder)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output.strip()


def test_teams_and_keys(made: Any) -> None:
    first = run(made, "team", "New")
    second = run(made, "key", "New", "--days", 3)
    assert first.startswith("imb_") and second.startswith("imb_") and first != second
    assert run(made, "revoke", first.split("_")[1]) == ""
    run(made, "bar", "New")
    assert "team        New (barred)" in run(made, "list")
    run(made, "bar", "New", "--lift")
    assert "barred" not in run(made, "list")
    log = run(made, "log")
    assert "key revoked" in log and "team readmitted" in log
    assert first.split("_", 2)[2] not in log


def test_tasks(made: Any) -> None:
    options = ("--data", made.store, "--protocol", "clicks-9", "--prompts", "noisy", "--split", "all", "--limit", 2)
    told = run(made, "add-task", "new", *options, "--target", "liver", "--title", "New", "--hidden")
    assert told == "new: 2 targets in 2 pictures of 2 patients"
    run(made, "close", "new")
    assert "task        new: clicks-9, noisy hidden closed" in run(made, "list")
    run(made, "close", "new", "--open")
    assert "task        new: clicks-9, noisy hidden\n" in run(made, "list") + "\n"


def test_decisions(made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    run(made, "reject", mine, "--reason", "we looked")
    assert f"{mine} rejected (we looked)" in run(made, "list")
    run(made, "accept", mine, "--reason", "again")
    assert f"{mine} verified (again)" in run(made, "list")
    run(made, "recheck", mine)
    assert f"{mine} waiting:" in run(made, "list")
    run(made, "withdraw", mine)
    assert f"{mine} withdrawn (withdrawn by the organisers)" in run(made, "list")


def test_a_decision_needs_a_reason(made: Any) -> None:
    for verb in ("accept", "reject"):
        assert "--reason" in run(made, verb, made.ids["clicks/threshold"], code=2)


def test_seeds(made: Any) -> None:
    runs = list(made.runs.values())
    lines = run(made, "seed", *runs, "--team", "First").splitlines()
    assert len(lines) == 4
    again = run(made, "seed", *runs, "--team", "First").splitlines()
    assert all("submitted already" in line for line in again)


def test_the_log_holds(made: Any) -> None:
    shown = run(made, "log", "--newest", 2).splitlines()
    assert len(shown) == 3
    assert shown[-1] == "The chain holds."
    assert len(run(made, "log", "--newest", 0).splitlines()) > 10


def test_a_log_that_was_changed(made: Any) -> None:
    connection = sqlite3.connect(made.folder / "leaderboard.db")
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("UPDATE audit SET actor = 'nobody' WHERE id = 2")
    connection.commit()
    connection.close()
    assert "BROKEN at entry 2" in run(made, "log", code=1)


@pytest.mark.parametrize(
    "options",
    [
        ["key", "None"],
        ["team", "Ours"],
        ["team", ""],
        ["revoke", "none"],
        ["bar", "None"],
        ["add-task", "No Slug", "--data", "."],
        ["add-task", "x", "--data", "/no/such"],
        ["close", "none"],
        ["accept", "none", "--reason", "x"],
        ["withdraw", "none"],
        ["recheck", "none"],
        ["seed", "."],
        ["list", "--database", "nonsense"],
        ["list", "--database", "postgresql+psycopg://nobody@127.0.0.1:9/none"],
    ],
    ids=" ".join,
)
def test_mistakes_are_one_line(
    made: Any, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["imedbench", "leaderboard", "admin", *options, "--folder", str(made.folder)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1
