"""Playing a task whose truth is hidden: begin an attempt, ask, answer, finish; each request may be repeated."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from imedbench.models.base import Card, PromptKind
from imedbench.submission.about import About
from leaderboard import attempts, plays
from leaderboard.assembly import finish as finish_attempt
from leaderboard.routes.access import ABoard, ATeam
from leaderboard.sheets import AT_ONCE, Which
from leaderboard.tasks import find_task
from leaderboard.teams import Refused

RUNS = 2_000_000
"""Of a guess, at most."""
CASES = 1000
"""Told of at once."""
PATIENCE = 20.0
"""Seconds that a request waits for a submission to be made."""
Identity = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
Name = Annotated[str, Field(max_length=300)]
Line = Annotated[str, Field(max_length=100)]
Whole = Annotated[int, Field(ge=0, lt=2**31)]
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Prompts = list[dict[str, Any]]


class Brief(APIRoute):
    """Says what is wrong with a request without repeating it: guesses are long, and JSON has no NaN to say it with."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route."""
        handler = super().get_route_handler()

        async def brief(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as problem:
                told = [{name: each[name] for name in ("type", "loc", "msg")} for each in problem.errors()]
                raise RequestValidationError(told) from problem

        return brief


router = APIRouter(prefix="/api/v1", tags=["plays"], route_class=Brief)


class Asked(BaseModel):
    """What comes in: nothing but what is named."""

    model_config = ConfigDict(extra="forbid")


class ModelCard(Asked):
    """What a model is, as in the catalogue."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    summary: Name = ""
    loader: Name = ""
    prompts: Annotated[list[PromptKind], Field(min_length=1, max_length=5)]
    dimensions: Annotated[list[Literal[2, 3]], Field(min_length=1, max_length=2)]
    licence: Line = ""
    source: Name = ""

    def card(self) -> Card:
        """As the catalogue has it."""
        fields = self.model_dump(exclude={"prompts", "dimensions"})
        return Card(**fields, prompts=tuple(self.prompts), dimensions=tuple(self.dimensions))


class Begin(Asked):
    """A model that is to play a task."""

    task: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    about: About
    text: Annotated[str, Field(max_length=2**18)] = ""
    """The model's card, in Markdown."""
    model: ModelCard
    weights_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    across: Literal["box", "point", "slices"] = "box"
    """How a 2-D model gets through a volume."""
    batch: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Sessions that the model is asked at once."""
    device: Line = ""
    versions: Annotated[dict[Line, Line], Field(max_length=20)]
    """Of the programs that run the model; ``imedbench`` among them."""


class Session(Asked):
    """One target under one way of prompting."""

    target: Name
    instance: Whole
    prompts: Name


class Wanted(Asked):
    """Sessions of a case in which a prompt is asked for."""

    case: Name
    sessions: Annotated[list[Session], Field(min_length=1, max_length=AT_ONCE)]


class Answer(Session):
    """What a model says in a session."""

    turn: Annotated[int, Field(ge=1, le=10_000)]
    starts: Annotated[list[Annotated[int, Field(ge=0, lt=2**62)]], Field(max_length=RUNS)] = []
    """First voxels of the guess's runs along the last axis, as places in the flattened grid."""
    lengths: Annotated[list[Whole], Field(max_length=RUNS)] = []
    error: Annotated[str, Field(max_length=500)] = ""
    """Why there is no guess; ends the session."""
    model_score: Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)] = 0.0
    """The model's own estimate of its IoU."""
    seconds: Seconds = 0.0
    encode_seconds: Seconds = 0.0
    """This session's share of the time that the image took; in turn 1."""


class Answers(Asked):
    """Answers in sessions of a case; all are taken, or none."""

    case: Name
    answers: Annotated[list[Answer], Field(min_length=1, max_length=AT_ONCE)]


class State(BaseModel):
    """How far an attempt is."""

    id: str
    task: str
    state: str
    sessions: int
    """That are owed."""
    open: int
    over: int
    submission: str | None
    largest: int
    """Bytes that a request may have."""
    arms: list[dict[str, Any]]
    """The ways of prompting, as protocols have them: how many turns, and what the model is given in each."""


class Owed(Session):
    """A session that is owed."""

    state: str
    """``owed``, ``open`` or ``over``."""


class OwedCase(BaseModel):
    """The sessions of a case."""

    case: str
    grid: list[int]
    at_once: int
    """Sessions that may be played in one request."""
    sessions: list[Owed]


class OwedPage(BaseModel):
    """What is owed of some cases, in the order of the data."""

    cases: list[OwedCase]
    next: int | None
    """Where the next page begins; null for the last."""


class Told(Session):
    """What the user says in a session."""

    turn: int
    """To be answered; 0 where the session is over."""
    given: Prompts
    """Prompts, as in `turns.parquet`."""
    over: bool


class ToldAll(Told):
    """With what the user has said before."""

    earlier: list[Prompts]
    """The prompts of each turn that has been answered."""


class Replies(BaseModel):
    """To answers, in their order."""

    case: str
    sessions: list[Told]


class AllReplies(BaseModel):
    """To who asks, in the order of the sessions."""

    case: str
    sessions: list[ToldAll]


def game_of(board: ABoard, team: ATeam, attempt_id: Identity) -> attempts.Game:
    """The attempt that a path names, if it is of the team that asks."""
    return attempts.find_game(board, team, attempt_id)


AGame = Annotated[attempts.Game, Depends(game_of)]


@router.post("/attempts", status_code=status.HTTP_201_CREATED)
def begin(board: ABoard, team: ATeam, told: Begin) -> State:
    """Begins an attempt, or finds the one of the same model that is open."""
    with board.database.read() as connection:
        task = find_task(connection, told.task)
    if "imedbench" not in told.versions:
        message = "versions: does not say which imedbench the model runs with."
        raise Refused(message)
    fields = told.model_dump(include={"text", "weights_sha256", "across", "batch", "device", "versions"})
    entrant = attempts.Entrant(about=told.about, card=told.model.card(), **fields)
    return _state(attempts.begin(board, team, task, entrant))


@router.get("/attempts/{attempt_id}")
def progress(game: AGame) -> State:
    """How far it is."""
    return _state(game)


@router.get("/attempts/{attempt_id}/owed")
def owed(
    game: AGame,
    first: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    count: Annotated[int, Query(ge=1, le=CASES)] = CASES,
) -> OwedPage:
    """The sessions of some cases."""
    sheet = game.sheet
    cases = list(sheet.cases.values())[first : first + count]
    known = attempts.states(game, [each.case for each in cases])

    def session(case: str, target: tuple[str, int], arm: str) -> Owed:
        which = Which(case, *target, arm)
        return Owed(target=target[0], instance=target[1], prompts=arm, state=known.get(which, "owed"))

    told = [
        OwedCase(
            case=each.case,
            grid=list(each.grid),
            at_once=each.at_once,
            sessions=[session(each.case, target, arm) for target in each.masks for arm in sheet.arms],
        )
        for each in cases
    ]
    behind = first + len(cases)
    return OwedPage(cases=told, next=behind if behind < len(sheet.cases) else None)


@router.post("/attempts/{attempt_id}/ask")
def ask(game: AGame, wanted: Wanted) -> AllReplies:
    """What the users say in these sessions; asked again before an answer, they say the same."""
    replies = plays.ask(game, [_which(wanted.case, session) for session in wanted.sessions])
    return AllReplies(
        case=wanted.case,
        sessions=[ToldAll(**_told(reply), earlier=[json.loads(text) for text in reply.earlier]) for reply in replies],
    )


@router.post("/attempts/{attempt_id}/answer")
def answer(game: AGame, told: Answers) -> Replies:
    """Takes guesses, all or none, and says what the users say to them."""
    answers = [
        plays.Answer(
            _which(told.case, one),
            one.turn,
            np.array(one.starts, np.int64),
            np.array(one.lengths, np.int32),
            one.error,
            one.model_score,
            one.seconds,
            one.encode_seconds,
        )
        for one in told.answers
    ]
    return Replies(case=told.case, sessions=[Told(**_told(reply)) for reply in plays.answer(game, answers)])


@router.post("/attempts/{attempt_id}/finish")
def finish(game: AGame, response: Response) -> State:
    """Makes a submission of it, once all sessions are over; 202 while it is being made: ask again."""
    identity = finish_attempt(game, PATIENCE)
    if identity is None:
        response.status_code = status.HTTP_202_ACCEPTED
    return _state(attempts.find_game(game.board, game.team, game.attempt.id))


@router.delete("/attempts/{attempt_id}", status_code=status.HTTP_204_NO_CONTENT)
def give_up(game: AGame) -> None:
    """Ends it without a submission; it counts all the same."""
    attempts.give_up(game)


def _which(case: str, session: Session) -> Which:
    return Which(case, session.target, session.instance, session.prompts)


def _told(reply: plays.Reply) -> dict[str, Any]:
    which = reply.which
    session = {"target": which.target, "instance": which.instance, "prompts": which.prompts}
    return session | {"turn": reply.turn, "given": json.loads(reply.given), "over": not reply.turn}


def _state(game: attempts.Game) -> State:
    return State(
        id=game.attempt.id,
        task=game.task.id,
        state=game.attempt.state,
        sessions=game.sheet.sessions,
        **attempts.progress(game),
        submission=game.attempt.submission,
        largest=game.board.settings.largest_chunk,
        arms=[arm.model_dump(mode="json") for arm in game.sheet.arms.values()],
    )
