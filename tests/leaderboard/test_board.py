import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from imedbench.errors import Unavailable
from leaderboard.board import Board
from leaderboard.database import metadata
from leaderboard.settings import Settings
from leaderboard.teams import add_team, find_team

OPEN = """
import sys
from pathlib import Path
import alembic.command, sqlalchemy as sa
from leaderboard.board import Board
from leaderboard.database import teams
from leaderboard.settings import Settings

print("ready", flush=True)
sys.stdin.readline()
board = Board.open(Settings(Path(sys.argv[1]), sys.argv[2]))
with board.database.read() as connection:
    print(len(connection.execute(sa.select(teams)).all()))
"""
"""Opens a leaderboard when it is told to."""


def test_the_first_opening_makes_everything(open_board: Callable[..., Board], tmp_path: Path) -> None:
    board = open_board(folder=tmp_path / "a" / "b")
    for folder in (board.settings.uploads, board.settings.bundles, board.settings.checked):
        assert folder.is_dir()
    assert set(metadata.tables) < set(sa.inspect(board.database.engine).get_table_names())


def test_what_is_there_is_still_there_when_it_is_opened_again(open_board: Callable[..., Board], any_url: str) -> None:
    with open_board(database=any_url).database.write() as connection:
        team = add_team(connection, "Ours")
    with open_board(database=any_url).database.read() as connection:
        assert find_team(connection, "Ours") == team


@pytest.mark.parametrize("name", ["with space", "per%20cent", "what?mode=ro", "näme", "hash#tag"])
def test_folders_of_any_name(open_board: Callable[..., Board], tmp_path: Path, name: str) -> None:
    with open_board(folder=tmp_path / name).database.write() as connection:
        add_team(connection, "Ours")
    assert (tmp_path / name / "leaderboard.db").is_file()


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Board.open(Settings(tmp_path / "file"))


def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="the database cannot be used"):
        Board.open(Settings(tmp_path, f"postgresql+psycopg://nobody@/nothing?host={tmp_path}"))


def test_service_and_workers_may_begin_it_at_once(tmp_path: Path, any_url: str) -> None:
    command = [sys.executable, "-c", OPEN, str(tmp_path / "board"), any_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    programs = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]
    for program in programs:
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    told = [program.communicate(timeout=60) for program in programs]
    assert [out for out, _ in told] == ["0\n"] * 3, told
