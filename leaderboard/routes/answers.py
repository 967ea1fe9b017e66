"""Answers that depend on the leaderboard's revision and the address alone: made once, and kept by browsers too."""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from fastapi import Request, Response

from imedbench import __version__
from leaderboard import queries
from leaderboard.board import Board
from leaderboard.cache import Cache

Make = Callable[[sa.Connection], str]
HTML, JSON = "text/html; charset=utf-8", "application/json"


def answer(request: Request, make: Make, kind: str = HTML) -> Response:
    """The page of an address; nothing where the browser has it as it is.

    Args:
        request: whose path names it.
        make: its text, where nobody has asked for it since something changed.
        kind: media type.
    """
    board: Board = request.app.state.board
    cache: Cache = request.app.state.cache
    address = request.url.path
    with cache.making(address), board.database.read() as connection:
        revision = queries.revision(connection)
        page = cache.get(address, revision)
        if page is None:
            page = make(connection).encode()
            cache.put(address, revision, page)
    return _response(request, revision, page, kind)


def kept(request: Request) -> Response | None:
    """The page of an address, if it was made already and nothing has changed since.

    Only where the revision is known in microseconds: it is asked for between all other requests.
    """
    board: Board = request.app.state.board
    cache: Cache = request.app.state.cache
    address = request.url.path
    if address not in cache or not board.database.is_sqlite:
        return None
    revision = board.database.newest_entry()
    page = cache.get(address, revision)
    return None if page is None else _response(request, revision, page, JSON if address.endswith(".json") else HTML)


def _response(request: Request, revision: int, page: bytes, kind: str) -> Response:
    headers = {"ETag": f'"{__version__}-{revision}"', "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(page, media_type=kind, headers=headers)


def as_json(value: dict[str, Any]) -> str:
    """A document's text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
