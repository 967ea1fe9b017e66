"""What pages show, for programs; and what a team may do with its submissions."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from imedbench.submission.about import refuse_tricks
from leaderboard import documents
from leaderboard.routes.access import ABoard, ATeam
from leaderboard.routes.answers import JSON, answer, as_json
from leaderboard.routes.named import File, Identity, Name, pair_of, view_of
from leaderboard.submissions import find_submission, withdraw
from leaderboard.teams import Refused

router = APIRouter(prefix="/api/v1", tags=["results"])


class Withdrawal(BaseModel):
    """Why a submission is taken back."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(max_length=300)] = ""


class Withdrawn(BaseModel):
    """What has become of a submission."""

    submission: str
    state: str


@router.get("/index.json")
def index(request: Request, board: ABoard) -> Response:
    """All tasks with their first tables."""
    return answer(
        request,
        lambda connection: as_json(documents.index_document(connection, board.settings.name)),
        JSON,
    )


@router.get("/tasks/{task_id}/{file}.json")
def task(request: Request, task_id: Name, file: File) -> Response:
    """A task's table, seen one way."""
    return answer(
        request,
        lambda connection: as_json(documents.view_document(connection, *view_of(connection, task_id, file))),
        JSON,
    )


@router.get("/submissions/{submission_id}.json")
def submission(request: Request, submission_id: Identity) -> Response:
    """A submission with its verdict and all its means."""
    return answer(
        request,
        lambda connection: as_json(
            documents.submission_document(connection, find_submission(connection, submission_id))
        ),
        JSON,
    )


@router.get("/compare/{first}-{second}.json")
def compared(request: Request, board: ABoard, first: Identity, second: Identity) -> Response:
    """Two submissions beside each other."""
    return answer(
        request,
        lambda connection: as_json(documents.pair_document(board, connection, pair_of(connection, first, second))),
        JSON,
    )


@router.post("/submissions/{submission_id}/withdraw")
def take_back(board: ABoard, team: ATeam, submission_id: Identity, why: Withdrawal) -> Withdrawn:
    """Takes a team's own submission off the leaderboard; it can still be read."""
    with board.database.write() as connection:
        found = find_submission(connection, submission_id)
        if found.team != team:
            message = "this is another team's submission."
            raise Refused(message, 403)
        refuse_tricks(why.reason, "the reason")
        withdraw(connection, found, team.name, why.reason)
        return Withdrawn(submission=submission_id, state=find_submission(connection, submission_id).state)
