import runpy
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from leaderboard.board import Board
from leaderboard.play_tables import FINISHED, GIVEN_UP, OPEN, attempts, play_turns, plays
from leaderboard.settings import Settings

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "plays.py"))


def test_migrations_make_these_tables(tmp_path: Path) -> None:
    board = Board.open(Settings(tmp_path))
    inspector = sa.inspect(board.database.engine)
    for table in (attempts, plays, play_turns):
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
    board.database.close()


def test_a_team_has_one_open_attempt_at_a_task_and_any_number_of_ended_ones(tmp_path: Path) -> None:
    store = FAKE["make_store"](tmp_path / "store")
    place = FAKE["make_place"](tmp_path / "board", store)

    def add(name: str, state: str) -> None:
        fields = {"id": name, "team_id": place.team.id, "task_id": place.task.id, "about": {}, "record": {}}
        with place.board.database.write() as connection:
            connection.execute(attempts.insert().values(**fields, started=time.time(), state=state))

    for number, state in enumerate((FINISHED, GIVEN_UP, GIVEN_UP, OPEN)):
        add(str(number), state)
    with pytest.raises(sa.exc.IntegrityError):
        add("another", OPEN)
    place.board.database.close()


def test_a_session_is_opened_once_and_a_turn_told_once(tmp_path: Path) -> None:
    place = FAKE["make_place"](tmp_path / "board", FAKE["make_store"](tmp_path / "store"))
    game = place.begin()
    session = {"attempt_id": game.attempt.id, "case": "s0", "target": "liver", "instance": 0, "prompts": "a"}
    turn = {"play_id": 1, "turn": 1, "given": "[]", "error": "", "asked_at": 0.0}
    for table, fields in ((plays, session | {"state": OPEN}), (play_turns, turn)):
        with place.board.database.write() as connection:
            connection.execute(table.insert().values(**fields))
        with pytest.raises(sa.exc.IntegrityError), place.board.database.write() as connection:
            connection.execute(table.insert().values(**fields))
    place.board.database.close()
