"""Pages for people and the same for programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, UploadFile, status
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from leaderboard import documents, pages
from leaderboard.addresses import Addresses, compare_address, submission_address
from leaderboard.comparison import compare
from leaderboard.forms import receive
from leaderboard.routes.access import ABoard
from leaderboard.submissions import Submission, find_submission
from leaderboard.tasks import find_task
from leaderboard.teams import Refused

router = APIRouter(default_response_class=HTMLResponse, tags=["pages"])
api = APIRouter(prefix="/api/v1", tags=["results"])
Identity = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
File = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,400}$")]
Number = Annotated[int, Path(ge=1, le=10**6)]
Asked = Annotated[str, Query(pattern=r"^[0-9a-f]{12}$")]


@router.get("/")
@router.get("/index.html")
def overview(board: ABoard) -> str:
    """All tasks."""
    with board.database.read() as connection:
        return pages.overview_page(board, connection)


@router.get("/take-part.html")
def take_part(request: Request, board: ABoard) -> str:
    """How to take part, and a form to do so."""
    with board.database.read() as connection:
        return pages.take_part_page(board, connection, str(request.base_url).rstrip("/"))


@router.get("/tasks/{task_id}/{file}.html")
def task(board: ABoard, task_id: Name, file: File) -> str:
    """A task, seen one way."""
    with board.database.read() as connection:
        found = find_task(connection, task_id)
        view = Addresses(found).view(f"{file}.html")
        if view is None:
            message = f"the task {found.title} cannot be looked at that way."
            raise Refused(message, 404)
        return pages.task_page(board, connection, found, view)


@router.get("/submissions/{submission_id}.html")
def submission(board: ABoard, submission_id: Identity) -> str:
    """A submission."""
    with board.database.read() as connection:
        return pages.submission_page(board, connection, find_submission(connection, submission_id))


@router.get("/submissions/{submission_id}-targets-{number}.html")
def targets(board: ABoard, submission_id: Identity, number: Number) -> str:
    """A page of a submission's sessions."""
    with board.database.read() as connection:
        text = pages.targets_page(board, connection, find_submission(connection, submission_id), number)
    if text is None:
        message = "there is no such page."
        raise Refused(message, 404)
    return text


@router.get("/compare")
def choose(first: Asked, second: Asked) -> Response:
    """Where the form of a task's page leads."""
    return RedirectResponse(compare_address(first, second), status.HTTP_303_SEE_OTHER)


@router.get("/compare/{first}-{second}.html")
def compared(board: ABoard, first: Identity, second: Identity) -> str:
    """Two submissions beside each other."""
    with board.database.read() as connection:
        pair = _pair(connection, first, second)
        return pages.compare_page(board, connection, *pair)


@router.post("/submit")
def submit(board: ABoard, task: Annotated[str, Form()], key: Annotated[str, Form()], bundle: UploadFile) -> Response:
    """Takes a bundle from the form."""
    identity = receive(board, task, key, bundle.file)
    return RedirectResponse(submission_address(identity), status.HTTP_303_SEE_OTHER)


@router.get("/static/board.css")
def style() -> Response:
    """The style of all pages."""
    return Response(pages.style(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@api.get("/index.json")
def index_json(board: ABoard) -> JSONResponse:
    """All tasks with their first tables."""
    with board.database.read() as connection:
        return JSONResponse(documents.index_document(connection, board.settings.name))


@api.get("/tasks/{task_id}/{file}.json")
def task_json(board: ABoard, task_id: Name, file: File) -> JSONResponse:
    """A task's table, seen one way."""
    from leaderboard.queries import table_of

    with board.database.read() as connection:
        found = find_task(connection, task_id)
        view = Addresses(found).view(f"{file}.html")
        if view is None:
            message = "there is no such view."
            raise Refused(message, 404)
        told = documents.task_document(found)
        return JSONResponse(told | {"table": documents.table_document(table_of(connection, found, view))})


@api.get("/submissions/{submission_id}.json")
def submission_json(board: ABoard, submission_id: Identity) -> JSONResponse:
    """A submission with its verdict and all its means."""
    with board.database.read() as connection:
        return JSONResponse(documents.submission_document(connection, find_submission(connection, submission_id)))


@api.get("/compare/{first}-{second}.json")
def compared_json(board: ABoard, first: Identity, second: Identity) -> JSONResponse:
    """Two submissions beside each other."""
    with board.database.read() as connection:
        pair = _pair(connection, first, second)
        found = compare(board, connection, find_task(connection, pair[0].task), pair)
        return JSONResponse(documents.comparison_document(found, *pair))


def _pair(connection: Any, first: str, second: str) -> tuple[Submission, Submission]:
    """Two submissions that can be compared.

    Raises:
        Refused: one is not there, or they are to different tasks.
    """
    pair = (find_submission(connection, first), find_submission(connection, second))
    if pair[0].task != pair[1].task:
        message = "these two are submissions to different tasks."
        raise Refused(message, 404)
    return pair
