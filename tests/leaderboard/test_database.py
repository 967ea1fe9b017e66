import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

import leaderboard.migrations
from leaderboard.audit import record
from leaderboard.board import Board
from leaderboard.database import Database, jobs, metadata, teams
from leaderboard.play_tables import plays

MIGRATIONS = Path(leaderboard.migrations.__file__).parent
RELEASED = {
    "0001_begin.py": "f99468a02f1515bbdfcc0106ac2b0c3c257045075c80d707715d64d23ec3bbf0",
    "0002_plays.py": "b766ce50842e3204947140862a0361caae72c5c386342be03d86b79a373ded29",
}
"""SHA-256 of each."""
TEAM = {"id": "a", "name": "Ours", "created": 0.0, "barred": False}


def revision(database: Database) -> str | None:
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(sa.select(teams.c.name).order_by(teams.c.name)).scalars())


def test_sqlite_is_set_up_for_many_readers_and_for_references(board: Board) -> None:
    with board.database.read() as connection:
        told = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    assert told == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 1}


def test_references_are_kept(any_board: Board) -> None:
    fields = {"submission_id": "nobody", "state": "queued", "attempts": 0, "worker": "", "lease_until": 0.0}
    with pytest.raises(sa.exc.IntegrityError), any_board.database.write() as connection:
        connection.execute(jobs.insert().values(**fields, created=0.0))


def test_an_empty_database_is_brought_to_the_newest_revision(any_board: Board) -> None:
    assert revision(any_board.database) == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_migrations_make_the_tables_that_the_program_uses(any_board: Board) -> None:
    assert plays.metadata is metadata
    options = {"compare_type": True, "compare_server_default": True}
    with any_board.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_a_second_time_changes_nothing(any_board: Board) -> None:
    with any_board.database.write() as connection:
        connection.execute(teams.insert().values(**TEAM))
    before = revision(any_board.database)
    any_board.database.migrate()
    assert (revision(any_board.database), names(any_board.database)) == (before, ["Ours"])


def test_a_database_of_a_newer_version_is_refused(any_board: Board) -> None:
    with any_board.database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CommandError, match="9999"):
        any_board.database.migrate()
    assert revision(any_board.database) == "9999"


def test_a_migration_that_fails_leaves_nothing(open_board: Callable[..., Board], any_url: str, tmp_path: Path) -> None:
    database = Database(any_url or f"sqlite:///{tmp_path / 'it.db'}")
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE means (already INTEGER)"))
    with pytest.raises(sa.exc.SQLAlchemyError, match="means"):
        database.migrate()
    assert set(sa.inspect(database.engine).get_table_names()) <= {"means", "alembic_version"}
    assert revision(database) is None
    database.close()


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_released_migrations_are_frozen(name: str) -> None:
    digest = hashlib.sha256((MIGRATIONS / "versions" / name).read_bytes()).hexdigest()
    assert digest == RELEASED[name], "released migrations are not changed, add a new one"


def test_migrations_follow_one_another() -> None:
    found = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
    assert [each.revision for each in reversed(found)] == [f"{number:04}" for number in range(1, len(found) + 1)]


def test_an_error_undoes_all_of_a_transaction(any_board: Board) -> None:
    with pytest.raises(ZeroDivisionError), any_board.database.write() as connection:
        connection.execute(teams.insert().values(**TEAM))
        raise ZeroDivisionError
    assert names(any_board.database) == []


def test_what_is_not_committed_is_not_seen(any_board: Board) -> None:
    with any_board.database.write() as connection:
        connection.execute(teams.insert().values(**TEAM))
        assert names(any_board.database) == []
    assert names(any_board.database) == ["Ours"]


def test_reading_does_not_wait_for_a_writer_and_keeps_what_it_began_with(board: Board) -> None:
    with board.database.read() as reading:
        assert list(reading.execute(sa.select(teams))) == []
        with board.database.write() as connection:
            connection.execute(teams.insert().values(**TEAM))
        assert list(reading.execute(sa.select(teams))) == []


def test_reading_writes_nothing(any_board: Board) -> None:
    with any_board.database.read() as connection:
        connection.execute(teams.insert().values(**TEAM))
    assert names(any_board.database) == []


def test_writers_take_turns(board: Board) -> None:
    def count() -> None:
        for _ in range(20):
            with board.database.write() as connection:
                known = connection.execute(sa.select(teams.c.created)).scalar_one()
                connection.execute(teams.update().values(created=known + 1))

    with board.database.write() as connection:
        connection.execute(teams.insert().values(**TEAM))
    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with board.database.read() as connection:
        assert connection.execute(sa.select(teams.c.created)).scalar_one() == 120


def test_the_newest_entry_is_seen_at_once(board: Board) -> None:
    assert board.database.newest_entry() == 0
    for number in range(1, 4):
        with board.database.write() as connection:
            record(connection, "someone", "did", "it")
        assert board.database.newest_entry() == number
