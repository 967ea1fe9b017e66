"""Pages for people."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Form, Path, Query, Request, UploadFile, status
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from leaderboard import pages
from leaderboard.addresses import compare_address, submission_address
from leaderboard.forms import receive
from leaderboard.routes.access import ABoard
from leaderboard.routes.answers import answer
from leaderboard.routes.named import File, Identity, Name, pair_of, view_of
from leaderboard.submissions import find_submission
from leaderboard.teams import Refused

router = APIRouter(default_response_class=HTMLResponse, tags=["pages"])
Number = Annotated[int, Path(ge=1, le=10**6)]
Asked = Annotated[str, Query(pattern=r"^[0-9a-f]{12}$")]


@router.get("/")
@router.get("/index.html")
def overview(request: Request, board: ABoard) -> Response:
    """All tasks."""
    return answer(request, lambda connection: pages.overview_page(board, connection))


@router.get("/take-part.html")
def take_part(request: Request, board: ABoard) -> str:
    """How to take part, and a form to do so."""
    with board.database.read() as connection:
        return pages.take_part_page(board, connection, str(request.base_url).rstrip("/"))


@router.get("/tasks/{task_id}/{file}.html")
def task(request: Request, board: ABoard, task_id: Name, file: File) -> Response:
    """A task, seen one way."""
    return answer(request, lambda connection: pages.task_page(board, connection, *view_of(connection, task_id, file)))


@router.get("/submissions/{submission_id}-targets-{number}.html")
def targets(request: Request, board: ABoard, submission_id: Identity, number: Number) -> Response:
    """A page of a submission's sessions."""

    def make(connection: sa.Connection) -> str:
        text = pages.targets_page(board, connection, find_submission(connection, submission_id), number)
        if text is None:
            message = "there is no such page."
            raise Refused(message, 404)
        return text

    return answer(request, make)


@router.get("/submissions/{submission_id}.html")
def submission(request: Request, board: ABoard, submission_id: Identity) -> Response:
    """A submission."""
    return answer(
        request,
        lambda connection: pages.submission_page(board, connection, find_submission(connection, submission_id)),
    )


@router.get("/compare")
def choose(first: Asked, second: Asked) -> Response:
    """Where the form of a task's page leads."""
    return RedirectResponse(compare_address(first, second), status.HTTP_303_SEE_OTHER)


@router.get("/compare/{first}-{second}.html")
def compared(request: Request, board: ABoard, first: Identity, second: Identity) -> Response:
    """Two submissions beside each other."""
    return answer(
        request, lambda connection: pages.compare_page(board, connection, *pair_of(connection, first, second))
    )


@router.post("/submit")
def submit(board: ABoard, task: Annotated[str, Form()], key: Annotated[str, Form()], bundle: UploadFile) -> Response:
    """Takes a bundle from the form."""
    identity = receive(board, task, key, bundle.file)
    return RedirectResponse(submission_address(identity), status.HTTP_303_SEE_OTHER)


@router.get("/static/board.css")
def style() -> Response:
    """The style of all pages."""
    return Response(pages.style(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})
