"""What is told of what cannot be done: JSON to programs, a page to people."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from imedbench.errors import ImedbenchError
from leaderboard.guard import HEADERS
from leaderboard.pages import message_page
from leaderboard.teams import Refused

TITLES = {401: "Not this key", 404: "Not found", 405: "Not here", 500: "Failed"}


def install(app: FastAPI) -> None:
    """Answers the errors of an application."""

    @app.exception_handler(Refused)
    async def refused(request: Request, problem: Refused) -> Response:
        return _answer(request, problem.status, str(problem))

    @app.exception_handler(ImedbenchError)
    async def unusable(request: Request, problem: ImedbenchError) -> Response:
        return _answer(request, 422, str(problem))

    @app.exception_handler(HTTPException)
    async def missing(request: Request, problem: HTTPException) -> Response:
        answer = _answer(request, problem.status_code, f"{problem.detail}.")
        answer.headers.update(problem.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, problem: RequestValidationError) -> Response:
        if _program(request):
            # Not what was sent: it may be what JSON has no word for.
            told = [{name: each[name] for name in ("loc", "msg", "type")} for each in problem.errors()]
            return JSONResponse({"error": _first(problem), "detail": told}, 422)
        if request.method == "GET":
            return _answer(request, 404, "there is nothing of this name.")
        return _answer(request, 422, _first(problem))

    @app.exception_handler(Exception)
    async def failed(request: Request, problem: Exception) -> Response:
        logging.getLogger(__name__).error("%s failed", request.url.path, exc_info=problem)
        answer = _answer(request, 500, "this failed here, not with you; the organisers find it in their log.")
        # Made outside of all that stands before the routes.
        answer.headers.update(HEADERS)
        return answer


def _first(problem: RequestValidationError) -> str:
    """The first thing that is not as it should be."""
    first = problem.errors()[0]
    return f"{first['loc'][-1]}: {first['msg']}."


def _program(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _answer(request: Request, status: int, text: str) -> Response:
    if _program(request):
        return JSONResponse({"error": text}, status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)
    title, address = TITLES.get(status, "Not taken"), request.url.path.removeprefix("/")
    page = message_page(request.app.state.board, title, f"{text[:1].upper()}{text[1:]}", address)
    return HTMLResponse(page, status)
