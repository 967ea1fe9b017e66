"""What stands before every route: how often somebody may ask, how much may be sent, and the headers of every answer."""

import math
from collections.abc import Callable

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
_RAW = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
Ready = Callable[[Request], Response | None]
"""Has an answer at once, or none."""


def install(app: FastAPI, settings: Settings, ready: Ready) -> None:
    """Puts the guard before an application.

    Args:
        app: whose routes it stands before.
        settings: of the leaderboard.
        ready: asked before the routes are.
    """
    app.add_middleware(_Guard, settings=settings, ready=ready)


class _Guard:
    """Every request goes through here."""

    def __init__(self, app: ASGIApp, settings: Settings, ready: Ready) -> None:
        self._app, self._settings, self._ready = app, settings, ready
        self._limiter = Limiter(settings.requests_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; HEAD is answered as GET, without the body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bodiless = scope["method"] == "HEAD"
        if bodiless:
            scope = {**scope, "method": "GET"}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_RAW]}
            elif bodiless and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        request = Request(scope, receive)
        answer = self._answer(request) or self._app
        await answer(scope, receive, send_guarded)

    def _answer(self, request: Request) -> Response | None:
        """Why the request may not pass, or what there is to say without asking any route."""
        if wait := self._limiter.wait(asker(request)):
            response = tell(request, 429, "too many requests; wait a moment.")
            response.headers["Retry-After"] = str(math.ceil(wait))
            return response
        if refusal := _refusal(request, self._settings):
            return tell(request, *refusal)
        return self._ready(request) if request.method == "GET" else None


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
