"""Who asks, and of which leaderboard."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from leaderboard.board import Board
from leaderboard.teams import Refused, Team, team_of_key

_BEARER = HTTPBearer(auto_error=False, description="A team's API key, from the organisers.")


def board_of(request: Request) -> Board:
    """The leaderboard that the application serves."""
    board: Board = request.app.state.board
    return board


ABoard = Annotated[Board, Depends(board_of)]


def team_of(board: ABoard, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Team:
    """The team whose key came with the request.

    Raises:
        Refused: none came, or it is not valid.
    """
    if credentials is None:
        message = "this needs a team's key, as `Authorization: Bearer KEY`."
        raise Refused(message, 401)
    with board.database.read() as connection:
        return team_of_key(connection, credentials.credentials)


ATeam = Annotated[Team, Depends(team_of)]
