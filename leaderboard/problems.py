"""Errors of the routes as answers."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from imedbench.errors import ImedbenchError
from leaderboard.guard import HEADERS
from leaderboard.teams import Refused
from leaderboard.told import is_program, tell


def install(app: FastAPI) -> None:
    """Answers the errors of an application."""

    @app.exception_handler(Refused)
    async def refused(request: Request, problem: Refused) -> Response:
        return tell(request, problem.status, str(problem))

    @app.exception_handler(ImedbenchError)
    async def unusable(request: Request, problem: ImedbenchError) -> Response:
        return tell(request, 422, str(problem))

    @app.exception_handler(HTTPException)
    async def missing(request: Request, problem: HTTPException) -> Response:
        answer = tell(request, problem.status_code, f"{problem.detail}.")
        answer.headers.update(problem.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, problem: RequestValidationError) -> Response:
        if is_program(request):
            # Not what was sent: it may be what JSON has no word for.
            told = [{name: each[name] for name in ("loc", "msg", "type")} for each in problem.errors()]
            return JSONResponse({"error": _first(problem), "detail": told}, 422)
        if request.method == "GET":
            return tell(request, 404, "there is nothing of this name.")
        return tell(request, 422, _first(problem))

    @app.exception_handler(Exception)
    async def failed(request: Request, problem: Exception) -> Response:
        logging.getLogger(__name__).error("%s failed", request.url.path, exc_info=problem)
        answer = tell(request, 500, "this failed here, not with you; the organisers find it in their log.")
        # Made outside of all that stands before the routes.
        answer.headers.update(HEADERS)
        return answer


def _first(problem: RequestValidationError) -> str:
    """The first thing that is not as it should be."""
    first = problem.errors()[0]
    return f"{first['loc'][-1]}: {first['msg']}."
