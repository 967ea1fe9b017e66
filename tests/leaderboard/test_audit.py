import threading

import pytest
import sqlalchemy as sa

from leaderboard.audit import BEGINNING, broken, entries, record
from leaderboard.board import Board
from leaderboard.database import audit


def fill(board: Board, count: int = 5) -> None:
    for number in range(count):
        with board.database.write() as connection:
            record(connection, "admin", "counted", f"thing {number}", number=number, text="ü\n\"'", share=0.1)


def allow_changes(connection: sa.Connection) -> None:
    """What somebody does who has the database itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("DROP TRIGGER audit_only_grows ON audit"))
    else:
        for kind in ("update", "delete"):
            connection.execute(sa.text(f"DROP TRIGGER audit_no_{kind}"))


def test_entries_say_who_did_what(any_board: Board) -> None:
    fill(any_board, 3)
    with any_board.database.read() as connection:
        told = list(entries(connection))
        newest = list(entries(connection, 2))
    assert [(each.actor, each.action, each.subject) for each in told] == [
        ("admin", "counted", f"thing {number}") for number in range(3)
    ]
    assert told[2].detail == {"number": 2, "text": "ü\n\"'", "share": 0.1}
    assert told[0].at <= told[1].at <= told[2].at
    assert newest == told[:0:-1]


def test_each_carries_the_digest_of_the_one_before(any_board: Board) -> None:
    fill(any_board)
    with any_board.database.read() as connection:
        told = list(entries(connection))
        assert broken(connection) is None
    assert [each.previous for each in told] == [BEGINNING, *(each.digest for each in told[:-1])]
    assert len({each.digest for each in told}) == 5


def test_an_empty_log_is_whole(any_board: Board) -> None:
    with any_board.database.read() as connection:
        assert broken(connection) is None


def test_many_may_write_at_once(any_board: Board) -> None:
    threads = [threading.Thread(target=fill, args=(any_board, 12)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with any_board.database.read() as connection:
        assert len(list(entries(connection))) == 96
        assert broken(connection) is None


def test_what_is_undone_is_not_told_and_breaks_nothing(any_board: Board) -> None:
    fill(any_board, 2)
    with pytest.raises(ZeroDivisionError), any_board.database.write() as connection:
        record(connection, "admin", "failed", "thing")
        raise ZeroDivisionError
    fill(any_board, 2)
    with any_board.database.read() as connection:
        assert [each.action for each in entries(connection)] == ["counted"] * 4
        assert broken(connection) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "UPDATE audit SET detail = '{}' WHERE id = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = 5",
    ],
)
def test_the_log_takes_no_change(any_board: Board, statement: str) -> None:
    fill(any_board)
    with (
        pytest.raises(sa.exc.DBAPIError, match="the audit log only grows"),
        any_board.database.write() as connection,
    ):
        connection.execute(sa.text(statement))
    with any_board.database.read() as connection:
        assert len(list(entries(connection))) == 5
        assert broken(connection) is None


@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "detail", "previous", "digest"])
def test_an_edited_entry_is_found(any_board: Board, column: str) -> None:
    fill(any_board)
    with any_board.database.write() as connection:
        allow_changes(connection)
        told = {"at": 1.0, "previous": "1" * 64, "digest": "1" * 64}
        connection.execute(audit.update().where(audit.c.id == 3).values({column: told.get(column, "{}")}))
        assert broken(connection) == 3


@pytest.mark.parametrize(("gone", "found"), [(1, 2), (3, 4)])
def test_a_deleted_entry_is_found(any_board: Board, gone: int, found: int) -> None:
    fill(any_board)
    with any_board.database.write() as connection:
        allow_changes(connection)
        connection.execute(audit.delete().where(audit.c.id == gone))
        assert broken(connection) == found


def test_entries_that_changed_places_are_found(any_board: Board) -> None:
    fill(any_board)
    with any_board.database.write() as connection:
        allow_changes(connection)
        for old, new in ((2, 100), (3, 2), (100, 3)):
            connection.execute(audit.update().where(audit.c.id == old).values(id=new))
        assert broken(connection) == 2
