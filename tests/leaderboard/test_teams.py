import time
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imedbench.errors import ImedbenchError
from leaderboard.audit import entries
from leaderboard.board import Board
from leaderboard.database import metadata, teams
from leaderboard.teams import (
    DAY,
    Refused,
    Team,
    add_team,
    bar_team,
    find_team,
    issue_key,
    revoke_key,
    team_of_key,
)

TEXT = st.text(st.characters(), max_size=80)
KEYS = st.one_of(
    TEXT, TEXT.map("imb_".__add__), st.tuples(TEXT, TEXT).map("imb_{0[0]}_{0[1]}".format), TEXT.map("imb__".__add__)
)


def ours(board: Board) -> tuple[Team, str]:
    with board.database.write() as connection:
        team = add_team(connection, "Ours")
        return team, issue_key(connection, team)


def status_of(board: Board, key: str) -> int:
    with board.database.read() as connection:
        try:
            team_of_key(connection, key)
        except Refused as problem:
            return problem.status
    return 200


def told(board: Board) -> list[tuple[str, str]]:
    with board.database.read() as connection:
        return [(each.actor, each.action) for each in entries(connection)]


def test_a_key_is_of_its_team(any_board: Board) -> None:
    team, key = ours(any_board)
    with any_board.database.read() as connection:
        assert team_of_key(connection, key) == team == find_team(connection, "Ours")
    assert key.startswith("imb_")
    assert told(any_board) == [("admin", "team added"), ("admin", "key issued")]


def test_a_team_may_have_several_keys(board: Board) -> None:
    team, key = ours(board)
    with board.database.write() as connection:
        other = issue_key(connection, team)
    assert other != key
    assert (status_of(board, key), status_of(board, other)) == (200, 200)


def test_the_secret_is_nowhere(board: Board) -> None:
    _, key = ours(board)
    number, secret = key.split("_", 2)[1:]
    with board.database.read() as connection:
        rows = [row for table in metadata.tables.values() for row in connection.execute(sa.select(table))]
    written = [str(value) for row in rows for value in row]
    assert number in written
    assert not any(secret in value for value in written)
    files = [path.read_bytes() for path in board.settings.folder.rglob("*") if path.is_file()]
    assert files
    assert not any(secret.encode() in content for content in files)


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key + "x",
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("imb_", "img_"),
        lambda key: key.rsplit("_", 1)[0] + "_",
        lambda key: key.upper(),
        lambda key: f" {key}",
        lambda key: key.split("_", 1)[1],
        lambda _: "",
    ],
)
def test_a_key_that_is_nearly_one(board: Board, change: Any) -> None:
    _, key = ours(board)
    assert status_of(board, change(key)) == 401


def test_the_secret_of_another_key(board: Board) -> None:
    team, key = ours(board)
    with board.database.write() as connection:
        other = issue_key(connection, team)
    assert status_of(board, "_".join([*key.split("_", 2)[:2], other.split("_", 2)[2]])) == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(key=KEYS)
@example(key="imb_\x00_x")
@example(key="imb_\ud800_x")
@example(key="imb_x_\ud800")
@example(key="imb_ü_é")
def test_any_text_is_no_key(board: Board, key: str) -> None:
    assert status_of(board, key) == 401


@pytest.mark.parametrize("key", ["imb_\x00_x", "imb_" + "x" * 10_000 + "_x", "imb_%_x", "imb_'; DROP TABLE keys_x"])
def test_any_text_is_no_key_wherever_it_is_looked_up(any_board: Board, key: str) -> None:
    ours(any_board)
    assert status_of(any_board, key) == 401


def test_keys_expire(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    team, _ = ours(board)
    with board.database.write() as connection:
        key, old = issue_key(connection, team, days=1), issue_key(connection, team, days=-1)
    assert (status_of(board, key), status_of(board, old)) == (200, 401)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * DAY)
    assert status_of(board, key) == 401


def test_a_key_that_was_revoked(board: Board) -> None:
    team, key = ours(board)
    number = key.split("_")[1]
    with board.database.write() as connection:
        other = issue_key(connection, team)
        revoke_key(connection, number, "someone")
        with pytest.raises(Refused, match=number) as problem:
            revoke_key(connection, number)
    assert problem.value.status == 404
    assert (status_of(board, key), status_of(board, other)) == (401, 200)
    assert told(board)[-1] == ("someone", "key revoked")


def test_a_team_that_is_barred(board: Board) -> None:
    team, key = ours(board)
    with board.database.write() as connection:
        bar_team(connection, team, barred=True)
    assert status_of(board, key) == 403
    assert status_of(board, key + "x") == 401
    with board.database.write() as connection:
        bar_team(connection, team, barred=False)
    assert status_of(board, key) == 200
    assert told(board)[-2:] == [("admin", "team barred"), ("admin", "team readmitted")]


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 61, "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "\ufeffa", "\ue000", "Z" + "\u0351" * 9]
)
def test_names_that_play_tricks(board: Board, name: str) -> None:
    with pytest.raises(ImedbenchError, match="name"), board.database.write() as connection:
        add_team(connection, name)
    assert told(board) == []


@pytest.mark.parametrize("name", ["<b>x</b>", "'; DROP TABLE teams; --", "模型", "Ümläut & Söhne", "a" * 60])
def test_names_that_are_only_text(any_board: Board, name: str) -> None:
    with any_board.database.write() as connection:
        assert add_team(connection, name) == find_team(connection, name)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ours", "Ours"),
        ("Ours", "oURS"),
        ("Ours", "  Ours "),
        ("Ärzte", "Ärzte"),
        ("Ärzte", "ÄRZTE"),
        ("Ärzte", "ärzte"),
        ("Café", "Cafe\u0301"),
    ],
)
def test_names_that_look_alike(any_board: Board, first: str, second: str) -> None:
    with any_board.database.write() as connection:
        add_team(connection, first)
        with pytest.raises(Refused, match="there is a team called") as problem:
            add_team(connection, second)
        assert problem.value.status == 409
        assert connection.execute(sa.select(sa.func.count()).select_from(teams)).scalar() == 1


def test_a_team_that_there_is_not(board: Board) -> None:
    with board.database.read() as connection, pytest.raises(Refused, match="'Theirs'") as problem:
        find_team(connection, "Theirs")
    assert problem.value.status == 404
