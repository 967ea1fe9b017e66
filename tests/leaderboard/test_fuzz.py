"""Requests that nobody thought of, made from the service's own description: answered or refused, never failed."""

from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.database import submissions, tasks, teams

EXAMPLES = 25


@pytest.mark.parametrize("known", [True, False], ids=["with a key", "without"])
def test_no_request_makes_it_fail(board: Board, key: str, task: Any, known: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr("leaderboard.guard.Limiter.wait", lambda *_: 0.0)
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(board))
    headers = {"Authorization": f"Bearer {key}"} if known else {}
    asked = 0
    before = contents(board)
    for operation in schema.get_all_operations():

        @given(case=operation.ok().as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            response = case.call(headers=headers)
            case.validate_response(response, checks=[not_a_server_error])
            assert response.headers["x-content-type-options"] == ["nosniff"]

        ask()
    assert asked > 15 * 10
    assert contents(board) == before
    assert not list(board.settings.bundles.iterdir())


def contents(board: Board) -> list[list[Any]]:
    with board.database.read() as connection:
        return [[tuple(row) for row in connection.execute(sa.select(table))] for table in (teams, tasks, submissions)]
