"""Sending bundles: begin, append, complete; each may be repeated after an interruption."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, status
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from leaderboard import uploads
from leaderboard.board import Board
from leaderboard.routes.access import ABoard, ATeam
from leaderboard.tasks import find_task
from leaderboard.teams import Refused

router = APIRouter(prefix="/api/v1", tags=["uploads"])
Identity = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]


class Announced(BaseModel):
    """A bundle that is about to be sent."""

    model_config = ConfigDict(extra="forbid")
    task: Annotated[str, Field(min_length=1, max_length=32)]
    bytes: Annotated[int, Field(gt=0, le=2**40)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class State(BaseModel):
    """How far an upload is."""

    id: str
    offset: int
    """Bytes that have arrived."""
    bytes: int
    chunk: int
    """Bytes that are taken at once, at most."""


class Accepted(BaseModel):
    """What an upload has become."""

    submission: str


def upload_of(board: ABoard, team: ATeam, upload_id: Identity) -> uploads.Upload:
    """The upload that a path names, if it is of the team that asks."""
    with board.database.read() as connection:
        return uploads.find_upload(connection, team, upload_id)


AnUpload = Annotated[uploads.Upload, Depends(upload_of)]


@router.post("/uploads", status_code=status.HTTP_201_CREATED)
def begin(board: ABoard, team: ATeam, announced: Announced) -> State:
    """Begins an upload, or finds the one that was begun for the same bundle."""
    with board.database.read() as connection:
        task = find_task(connection, announced.task)
    upload = uploads.begin(board, team, task, (announced.bytes, announced.sha256))
    return _state(board, upload)


@router.get("/uploads/{upload_id}")
def progress(board: ABoard, upload: AnUpload) -> State:
    """Where to go on."""
    return _state(board, upload)


@router.patch(
    "/uploads/{upload_id}",
    openapi_extra={
        "requestBody": {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "required": True,
        }
    },
)
async def append(
    request: Request, board: ABoard, upload: AnUpload, upload_offset: Annotated[int, Header(ge=0, le=2**40)]
) -> State:
    """Adds the bytes of the body; they must begin where the last ones ended."""
    if request.headers.get("content-type") != "application/octet-stream":
        message = "send bytes as application/octet-stream."
        raise Refused(message, 415)
    chunk = await _body(request, board.settings.largest_chunk)
    await run_in_threadpool(uploads.append, board, upload, upload_offset, chunk)
    return _state(board, upload)


async def _body(request: Request, most: int) -> bytes:
    """The body, of which no more than so much is ever held."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            message = f"at most {most:,} bytes are taken at once; send smaller parts."
            raise Refused(message, 413)
        parts.append(part)
    return b"".join(parts)


@router.post("/uploads/{upload_id}/complete")
def complete(board: ABoard, team: ATeam, upload: AnUpload) -> Accepted:
    """Makes a submission of what has arrived; asked again, it names the same."""
    return Accepted(submission=uploads.complete(board, team, upload))


@router.delete("/uploads/{upload_id}", status_code=status.HTTP_204_NO_CONTENT)
def cancel(board: ABoard, upload: AnUpload) -> None:
    """Forgets an upload that is not finished."""
    uploads.cancel(board, upload)


def _state(board: Board, upload: uploads.Upload) -> State:
    return State(
        id=upload.id,
        offset=uploads.offset_of(board, upload),
        bytes=upload.bytes,
        chunk=board.settings.largest_chunk,
    )
