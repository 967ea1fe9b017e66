"""A leaderboard on a folder of its own, one on a PostgreSQL server where there is one, and bundles to send to it."""

import os
import runpy
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import pack
from imedbench.workers import Workers
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.settings import Settings
from leaderboard.tasks import NewTask, Task, add_task
from leaderboard.teams import Team, add_team, issue_key

FAKES = Path(__file__).resolve().parents[1] / "fakes"
FAKE, BOARD = (runpy.run_path(str(FAKES / f"{name}.py")) for name in ("results", "board"))
SUBSET = Subset(split="all", limit=3)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that lives as long as the tests."""

    folder: Path

    def url(self, database: str) -> str:
        """Of one of its databases."""
        return f"postgresql+psycopg://imedbench@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"board_{secrets.token_hex(4)}"
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


def _programs() -> Path | None:
    """The folder of a server's programs."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = shutil.which("initdb")
    places = [*installed, Path(found).resolve()] if found else installed
    return next((place.parent for place in places if (place.parent / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server; tests that need one are skipped where none can be started."""
    programs = _programs()
    if programs is None:
        pytest.skip("needs a PostgreSQL server, and none is installed")
    # Its socket's path must be short, and its user able to reach it: not below the folder of the other tests.
    folder = Path(tempfile.mkdtemp(prefix="imb-pg-", dir="/tmp"))
    user: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "postgres", "postgres")
        except LookupError:
            shutil.rmtree(folder)
            pytest.skip("needs a PostgreSQL server, which root may not start, and there is no user `postgres`")
        user |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
    begin = [programs / "initdb", "-D", folder / "data", "-U", "imedbench", "-A", "trust", "-E", "UTF8", "--no-sync"]
    control = [programs / "pg_ctl", "-D", folder / "data", "-w"]
    try:
        _run([*begin, "--locale=C"], user)
        _run([*control, "-l", folder / "log", "-o", options, "start"], user)
        yield Server(folder)
        _run([*control, "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder)


def _run(command: list[Any], user: dict[str, Any]) -> None:
    # Files, not pipes: the server keeps them open.
    with tempfile.TemporaryFile() as told:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, **user)
        if done.returncode:
            told.seek(0)
            pytest.fail(told.read().decode())


@pytest.fixture
def open_board(tmp_path: Path) -> Iterator[Callable[..., Board]]:
    """Called with settings, opens a leaderboard in the test's folder."""
    opened: list[Board] = []

    def open_one(**settings: Any) -> Board:
        board = Board.open(Settings(**{"folder": tmp_path / "board"} | settings))
        opened.append(board)
        return board

    yield open_one
    for board in opened:
        board.database.close()


@pytest.fixture
def board(open_board: Callable[..., Board]) -> Board:
    """Of SQLite."""
    return open_board()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest) -> str:
    """Of an empty database of each kind, as `Settings` takes it."""
    return "" if request.param == "sqlite" else request.getfixturevalue("server").new_database()


@pytest.fixture
def any_board(any_url: str, open_board: Callable[..., Board]) -> Board:
    """Of SQLite, and of PostgreSQL."""
    return open_board(database=any_url)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six pictures of three patients, four targets each."""
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("leaderboard") / "store", patients=3)
    return made


@pytest.fixture(scope="session")
def results(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Of a classical model, and a user who errs."""
    asked = RunSettings("threshold", "clicks-9", "noisy", subset=SUBSET)
    return evaluate(store.path, tmp_path_factory.mktemp("leaderboard") / "run", asked, workers=Workers(0)).results


@pytest.fixture(scope="session")
def packed(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An honest bundle."""
    return pack(results, tmp_path_factory.mktemp("leaderboard") / "it.zip", About(name="Threshold"), "# Card\n")


@pytest.fixture
def pack_as(results: Results, tmp_path: Path) -> Callable[..., Path]:
    """Called with a name, packs the run under it; its scores are changed in place by a function, if there is one."""

    def make(name: str, change: Callable[[list[dict[str, Any]]], Any] | None = None) -> Path:
        source = results
        if change is not None:
            copy = tmp_path / f"{name}.run"
            shutil.copytree(results.path, copy)
            table = pq.read_table(copy / "scores.parquet")
            rows = table.to_pylist()
            change(rows)
            pq.write_table(pa.Table.from_pylist(rows, table.schema), copy / "scores.parquet")
            source = Results.open(copy)
        return pack(source, tmp_path / f"{name}.zip", About(name=name), "# Card\n")

    return make


@pytest.fixture(scope="session")
def add_all(store: Store) -> Callable[[Board], tuple[Team, Task]]:
    """Called with a leaderboard, adds a team, and the task that the bundles are for."""

    def add(board: Board) -> tuple[Team, Task]:
        with board.database.write() as connection:
            new = NewTask("ellipses", "Ellipses", store.path, "clicks-9", "noisy", SUBSET)
            return add_team(connection, "Ours"), add_task(connection, new)

    return add


@pytest.fixture
def team_and_task(board: Board, add_all: Callable[[Board], tuple[Team, Task]]) -> tuple[Team, Task]:
    return add_all(board)


@pytest.fixture
def team(team_and_task: tuple[Team, Task]) -> Team:
    return team_and_task[0]


@pytest.fixture
def task(team_and_task: tuple[Team, Task]) -> Task:
    """Open, and of the store of the bundles."""
    return team_and_task[1]


@pytest.fixture
def key(board: Board, team: Team) -> str:
    """The team's."""
    with board.database.write() as connection:
        return issue_key(connection, team)


@pytest.fixture
def client(board: Board) -> Iterator[TestClient]:
    """Asks the leaderboard, without a key."""
    with TestClient(create_app(board)) as asking:
        yield asking


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Any:
    """Two tasks with checked submissions of two models: what is on disk, a test's own."""
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(tmp_path / "two")


@pytest.fixture
def two(made: Any) -> Iterator[Board]:
    """The leaderboard of `made`."""
    opened = made.open()
    yield opened
    opened.database.close()


@pytest.fixture
def asking(two: Board) -> Iterator[TestClient]:
    """A client of `two`."""
    with TestClient(create_app(two)) as client:
        yield client
