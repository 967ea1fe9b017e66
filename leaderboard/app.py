"""Puts the service together; what it does is elsewhere."""

import math
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from imedbench import __version__
from imedbench.errors import ImedbenchError
from leaderboard.board import Board
from leaderboard.limits import Limiter
from leaderboard.pages import message_page
from leaderboard.routes import pages, uploads
from leaderboard.teams import Refused

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Of every answer: a text that got past all else still runs nothing."""


def create_app(board: Board) -> FastAPI:
    """The service over a leaderboard.

    Args:
        board: opened; the caller closes it.
    """
    app = FastAPI(title=board.settings.name, version=__version__, docs_url=None, redoc_url=None)
    app.state.board = board
    limiter = Limiter(board.settings.requests_a_minute)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        wait = limiter.wait(_asker(request))
        if wait:
            told = {"error": "too many requests; wait a moment."}
            return JSONResponse(told, 429, {"Retry-After": str(math.ceil(wait)), **HEADERS})
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(Refused)
    async def refused(request: Request, problem: Refused) -> Response:
        if not request.url.path.startswith("/api/"):
            return _message(board, request, problem.status, str(problem))
        headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
        return JSONResponse({"error": str(problem)}, problem.status, headers)

    @app.exception_handler(ImedbenchError)
    async def unusable(_: Request, problem: ImedbenchError) -> JSONResponse:
        return JSONResponse({"error": str(problem)}, 422)

    for router in (pages.router, pages.api, uploads.router):
        app.include_router(router)
    return app


def _message(board: Board, request: Request, status: int, text: str) -> Response:
    """What a person is told."""
    title = {404: "Not found", 401: "Not this key"}.get(status, "Not taken")
    address = request.url.path.removeprefix("/")
    return HTMLResponse(message_page(board, title, f"{text[:1].upper()}{text[1:]}", address), status)


def _asker(request: Request) -> str:
    """By what requests are counted: the key's public part, so that a team behind one address is one asker."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and key.count("_") >= 2:
        return f"key {key[:40].rsplit('_', 1)[0]}"
    return f"address {request.client.host if request.client else ''}"
