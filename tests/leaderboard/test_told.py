import pytest
from starlette.requests import Request

from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.told import TITLES, is_program, tell


def asked(board: Board, path: str) -> Request:
    scope = {"type": "http", "path": path, "headers": [], "query_string": b"", "server": ("here", 80), "scheme": "http"}
    return Request(scope | {"method": "GET", "root_path": "", "app": create_app(board)})


@pytest.mark.parametrize(("path", "program"), [("/api/v1/index.json", True), ("/openapi.json", True), ("/api", False)])
def test_who_asks(board: Board, path: str, program: bool) -> None:
    assert is_program(asked(board, path)) == program


@pytest.mark.parametrize("status", [401, 404, 405, 409, 422, 500])
def test_programs_are_told_in_json_and_people_on_a_page(board: Board, status: int) -> None:
    told = tell(asked(board, "/api/v1/x"), status, "there is <none>.")
    assert (told.status_code, bytes(told.body)) == (status, b'{"error":"there is <none>."}')
    assert ("www-authenticate" in told.headers) == (status == 401)
    page = tell(asked(board, "/x.html"), status, "there is <none>.")
    assert page.status_code == status
    assert "There is &lt;none&gt;." in bytes(page.body).decode()
    assert TITLES.get(status, "Not taken") in bytes(page.body).decode()
