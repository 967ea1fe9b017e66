"""What is told of what cannot be done: JSON to programs, a page to people."""

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from leaderboard.pages import message_page

TITLES = {401: "Not this key", 404: "Not found", 405: "Not here", 500: "Failed"}


def is_program(request: Request) -> bool:
    """Whether a program asks."""
    return request.url.path.startswith("/api/") or request.url.path == "/openapi.json"


def tell(request: Request, status: int, text: str) -> Response:
    """A refusal, in a sentence."""
    if is_program(request):
        return JSONResponse({"error": text}, status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)
    title, address = TITLES.get(status, "Not taken"), request.url.path.removeprefix("/")
    page = message_page(request.app.state.board, title, f"{text[:1].upper()}{text[1:]}", address)
    return HTMLResponse(page, status)
