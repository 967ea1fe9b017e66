"""What stands before every route: how often somebody may ask, how much may be sent, and the headers of every answer."""

import math
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leaderboard.limits import Limiter
from leaderboard.settings import Settings
from leaderboard.told import tell

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Of every answer: a text that got past all else still runs nothing."""
FORM = 64 * 2**10
"""Bytes that a form has besides its bundle."""


def install(app: FastAPI, settings: Settings) -> None:
    """Puts the guard before an application."""
    limiter = Limiter(settings.requests_a_minute)
    app.add_middleware(Heads)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        wait = limiter.wait(asker(request))
        if wait:
            response = tell(request, 429, "too many requests; wait a moment.")
            response.headers["Retry-After"] = str(math.ceil(wait))
        elif refusal := _refusal(request, settings):
            response = tell(request, *refusal)
        else:
            response = await answer(request)
        response.headers.update(HEADERS)
        return response


class Heads:
    """Answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


def asker(request: Request) -> str:
    """By what requests are counted: the address, for a key that was made up would count for nobody."""
    return request.client.host if request.client else ""


def _refusal(request: Request, settings: Settings) -> tuple[int, str] | None:
    """Refuses a body by its length, before any of it is read; one of unknown length too, but in parts of an upload."""
    headers, form = request.headers, request.url.path == "/submit"
    most = settings.largest_bundle + FORM if form else settings.largest_chunk
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers and request.method != "PATCH":
        return 411, "say how long the body is, as Content-Length."
    if length and (not length.isdecimal() or int(length[:20]) > most):
        return 413, f"at most {most:,} bytes are taken here."
    return None
