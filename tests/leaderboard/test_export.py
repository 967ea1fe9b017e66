import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard import pages
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.export import export

FAKES = Path(__file__).resolve().parents[1] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("export") / "two")


@pytest.fixture(scope="module")
def two(made: Any) -> Iterator[Board]:
    opened = made.open()
    yield opened
    opened.database.close()


@pytest.fixture
def small(open_board: Any) -> Board:
    """With nothing in it: written in a moment."""
    board: Board = open_board(folder=open_board().settings.folder.with_name("small"))
    return board


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_forms(text: str) -> str:
    return re.sub(r"<form.*?</form>|<section id=\"compare\">.*?</section>", "", text, flags=re.DOTALL)


def test_pages_and_json_are_those_of_the_service(two: Board, made: Any, tmp_path: Path) -> None:
    out, told = tmp_path / "new" / "out", []
    count = export(two, out, told.append)
    found = files(out)
    assert count == len(found)
    assert told == list(range(1, count + 1))
    with TestClient(create_app(two)) as client:
        for name, content in found.items():
            if name == "take-part.html":
                continue
            answer = client.get(f"/{name}")
            assert answer.status_code == 200, name
            text = content.decode()
            if name.endswith(".html"):
                assert without_forms(text).split() == without_forms(answer.text).split(), name
            else:
                assert text == answer.text, name
                assert not name.endswith(".json") or json.loads(text)
    mine, other = made.ids["clicks/threshold"], made.ids["clicks/oracle"]
    assert {f"submissions/{mine}.html", f"submissions/{mine}-targets-1.html", "api/v1/index.json"} <= found.keys()
    assert {f"compare/{mine}-{other}.html", f"compare/{other}-{mine}.html"} & found.keys()
    assert "<form" not in found["take-part.html"].decode()
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_export_replaces_an_earlier_one(small: Board, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = export(small, out)
    (out / "index.html").write_text("an earlier one")
    (out / "tasks").mkdir()
    (out / "tasks" / "gone.html").write_text("an earlier one")
    assert export(small, out) == first
    assert "an earlier one" not in (out / "index.html").read_text()
    assert not (out / "tasks").exists()


def test_an_empty_folder_is_taken(small: Board, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert export(small, tmp_path / "out") == len(files(tmp_path / "out"))


def test_a_folder_of_something_else_is_left_alone(small: Board, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("five years")
    with pytest.raises(FileExistsError, match="other files") as problem:
        export(small, out)
    assert problem.value.filename == str(out)
    assert files(out) == {"thesis.txt": b"five years"}


@pytest.mark.parametrize("before", [True, False])
def test_what_fails_in_the_middle_leaves_what_was_there(
    small: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    out = tmp_path / "target" / "out"
    out.parent.mkdir()
    if before:
        export(small, out)
    known = files(out.parent)

    def fail(*_: Any) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(pages, "take_part_page", fail)
    with pytest.raises(OSError, match="disk full"):
        export(small, out)
    assert files(out.parent) == known
    monkeypatch.undo()
    assert export(small, out) == len(files(out))


def test_into_the_folder_where_one_is(small: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert export(small, Path()) == len(files(here))


def test_only_the_first_models_are_compared(
    two: Board, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.queries.COMPARED", 1)
    export(two, tmp_path / "out")
    assert not (tmp_path / "out" / "compare").exists()
