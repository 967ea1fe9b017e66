"""Sessions whose truth stays here: a user's prompts for a guess, turn by turn.

What leaves is what the protocol has the user say, and that a session is over: because the guess is perfect or good
enough, the turns are spent, or the user has nothing to say. No score, no size, no reason; what is wrong with a guess is
said of its form alone. How long an answer takes is not hidden: it may tell how hard the prompts were to find.

Every turn stands in the database when it is told of, and is drawn once: asking again is told the same, answering again
with the same is told the same, and answering otherwise is refused. Of several processes that do the same at once the
database lets one win.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from imedbench.errors import BadSubmission
from imedbench.evaluate.loop import Dialogue, Goal
from imedbench.evaluate.protocol import Arm
from imedbench.evaluate.results import guess_of
from imedbench.evaluate.written import CERTAIN, read_prompts, write_prompts
from imedbench.masks import Masks
from imedbench.submission.about import refuse_tricks
from imedbench.submission.streams import fault_of
from imedbench.types import Array, Prediction, Prompt
from leaderboard.attempts import Game, check_playable
from leaderboard.play_tables import OPEN, OVER, play_turns, plays
from leaderboard.sheets import BYTES_A_VOXEL, Which
from leaderboard.teams import Refused

KEPT_BYTES = 2**31
"""Of dialogues in memory."""
TRIES = 5
"""After which a session that others play at the same time is left to them."""
_TOLD = tuple(column for column in play_turns.c if column.name not in ("starts", "lengths"))


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a model says to the prompts of a turn, or why it says nothing."""

    which: Which
    turn: int
    starts: Array
    """Of the guess's runs; int64."""
    lengths: Array
    """int32."""
    error: str = ""
    """Ends the session: it has failed."""
    model_score: float = 0.0
    seconds: float = 0.0
    encode_seconds: float = 0.0
    """This session's share of the time that the image took, in turn 1."""

    def written(self) -> dict[str, Any]:
        """As columns of `play_turns`."""
        return {
            "starts": self.starts.astype("<i8").tobytes(),
            "lengths": self.lengths.astype("<i4").tobytes(),
            "error": self.error,
            "model_score": self.model_score,
            "seconds": self.seconds,
            "encode_seconds": self.encode_seconds,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said in a session."""

    which: Which
    turn: int
    """That is to be answered; 0 where the session is over."""
    given: str
    """Its prompts, as `imedbench.evaluate.written` has them."""
    earlier: tuple[str, ...]
    """Those of the turns before."""


@dataclass(slots=True)
class _Play:
    """A session as the database has it."""

    id: int
    turns: list[sa.Row[Any]] = field(default_factory=list)
    """All but the last are answered, and that too where the session is over."""

    @property
    def answered(self) -> int:
        return sum(row.answered_at is not None for row in self.turns)

    def reply(self, which: Which, answered: int) -> Reply:
        """What is said when so many turns have been answered."""
        earlier = tuple(row.given for row in self.turns[:answered])
        if answered == len(self.turns):
            return Reply(which, 0, "[]", earlier)
        return Reply(which, answered + 1, self.turns[answered].given, earlier)


class Kept:
    """Dialogues in memory, the last ones used, as many as there is room for; whoever takes one has it alone."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._held: OrderedDict[tuple[str, Which], Dialogue] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: tuple[str, Which]) -> Dialogue | None:
        """The dialogue of a session, which is then no longer held."""
        with self._lock:
            dialogue = self._held.pop(key, None)
            self._size -= _size(dialogue) if dialogue is not None else 0
            return dialogue

    def put(self, key: tuple[str, Which], dialogue: Dialogue) -> None:
        """Holds a dialogue."""
        self.take(key)
        with self._lock:
            self._held[key] = dialogue
            self._size += _size(dialogue)
            while self._size > self._most:
                self._size -= _size(self._held.popitem(last=False)[1])

    def clear(self) -> None:
        """Forgets all; they are built again when they are needed."""
        with self._lock:
            self._held.clear()
            self._size = 0


def _size(dialogue: Dialogue) -> int:
    return BYTES_A_VOXEL * dialogue.goal.truth.size


DIALOGUES = Kept(KEPT_BYTES)
"""Of this process."""


class _LostRace(Exception):
    """Another request has answered first."""


class Forgotten(Exception):
    """The guesses are no longer there: the attempt has ended."""


def ask(game: Game, wanted: Sequence[Which]) -> list[Reply]:
    """What the users say in these sessions; those that are not open are opened.

    Raises:
        Refused: one of them is not owed, or the attempt cannot go on; none is opened then.
    """
    _check_owed(game, wanted)
    for _ in range(TRIES):
        known = _read(game, wanted)
        new = [which for which in wanted if which not in known]
        if not new:
            return [known[which].reply(which, known[which].answered) for which in wanted]
        _open(game, new)
    raise _busy()


def answer(game: Game, answers: Sequence[Answer]) -> list[Reply]:
    """Takes answers, all or none; what the users say to them.

    Raises:
        Refused: one of them is malformed, is to what was not asked, or differs from what was answered before; or the
            attempt cannot go on.
    """
    _check_owed(game, [one.which for one in answers])
    for one in answers:
        _check_form(game, one)
    for _ in range(TRIES):
        known = _read(game, [one.which for one in answers])
        late = [one for one in answers if not _is_answered(game, known.get(one.which), one)]
        if not late:
            return [known[one.which].reply(one.which, one.turn) for one in answers]
        _take(game, known, late)
    raise _busy()


def _busy() -> Refused:
    return Refused("another request is at the same sessions; try again.", 409)


def _check_owed(game: Game, wanted: Sequence[Which]) -> None:
    check_playable(game)
    if len(set(wanted)) != len(wanted):
        message = "a session is named twice."
        raise Refused(message)
    if not all(map(game.sheet.owes, wanted)):
        message = "one of these is no session that the attempt owes; /owed lists them."
        raise Refused(message, 404)
    most = min((game.sheet.cases[which.case].at_once for which in wanted), default=0)
    if len(wanted) > most:
        message = f"at most {most} sessions of this case are played at once; send fewer."
        raise Refused(message)


def _check_form(game: Game, one: Answer) -> None:
    """Refuses what is no answer, whatever the truth is."""
    grid = game.sheet.cases[one.which.case].grid
    numbers = (one.model_score, one.seconds, one.encode_seconds)
    if not all(map(math.isfinite, numbers)) or one.seconds < 0 or one.encode_seconds < 0:
        message = "a score or a time is no number, or is negative."
        raise Refused(message)
    if one.error and len(one.starts):
        message = "an answer is a guess or an error, not both."
        raise Refused(message)
    if one.turn > 1 and one.encode_seconds:
        message = "an image is encoded once, before turn 1: later answers have no encode_seconds."
        raise Refused(message)
    if fault := fault_of({"starts": one.starts, "lengths": one.lengths}, grid):
        message = f"a guess has {fault}; its grid is {' x '.join(map(str, grid))}."
        raise Refused(message)
    try:
        refuse_tricks(one.error, "the error")
    except BadSubmission as problem:
        raise Refused(str(problem)) from problem


def _read(game: Game, wanted: Sequence[Which]) -> dict[Which, _Play]:
    """Those of the sessions that have been opened."""
    cases = {which.case for which in wanted}
    theirs = sa.select(plays).where(plays.c.attempt_id == game.attempt.id, plays.c.case.in_(cases))
    with game.board.database.read() as connection:
        rows = {Which(row.case, row.target, row.instance, row.prompts): row.id for row in connection.execute(theirs)}
        found = {which: _Play(rows[which]) for which in wanted if which in rows}
        by_id = {play.id: play for play in found.values()}
        turns = sa.select(*_TOLD).where(play_turns.c.play_id.in_(by_id)).order_by(play_turns.c.turn)
        for row in connection.execute(turns):
            by_id[row.play_id].turns.append(row)
    return found


def _open(game: Game, new: Iterable[Which]) -> None:
    """Opens sessions, unless somebody else has opened one of them meanwhile."""
    truths, drawn = _Truths(game), {}
    for which in sorted(new, key=astuple):
        dialogue = Dialogue(truths.goal(which), game.sheet.arms[which.prompts], game.task.protocol.seed)
        drawn[which] = (dialogue, dialogue.ask())
    try:
        with game.board.database.write() as connection:
            for which, (_, prompts) in drawn.items():
                fields = {"attempt_id": game.attempt.id, "state": OPEN if prompts else OVER}
                fields |= {"case": which.case, "target": which.target, "prompts": which.prompts}
                query = plays.insert().values(**fields, instance=which.instance).returning(plays.c.id)
                _tell(connection, connection.execute(query).scalar_one(), 1, prompts)
    except sa.exc.IntegrityError:
        return
    _keep(game, drawn)


def _tell(connection: sa.Connection, play: int, turn: int, prompts: tuple[Prompt, ...]) -> None:
    """Writes down what is said in a turn; that nothing is said ends a session."""
    if prompts:
        fields = {"play_id": play, "turn": turn, "given": write_prompts(prompts), "error": ""}
        connection.execute(play_turns.insert().values(**fields, asked_at=time.time()))
    else:
        connection.execute(plays.update().where(plays.c.id == play).values(state=OVER))


def _is_answered(game: Game, play: _Play | None, one: Answer) -> bool:
    """Whether this very answer is there already."""
    if play is None or one.turn > len(play.turns):
        message = f"turn {one.turn} of one of these sessions has not been asked."
        raise Refused(message, 409)
    if play.turns[one.turn - 1].answered_at is None:
        return False
    (row,) = _guesses(game, [play.id], one.turn)
    if any(getattr(row, name) != value for name, value in one.written().items()):
        message = f"turn {one.turn} of one of these sessions has another answer already; none can be taken back."
        raise Refused(message, 409)
    return True


def _guesses(game: Game, play_ids: Sequence[int], *turns: int) -> list[sa.Row[Any]]:
    """Answered turns with their guesses, in order."""
    query = sa.select(play_turns).where(play_turns.c.play_id.in_(play_ids), play_turns.c.answered_at.is_not(None))
    if turns:
        query = query.where(play_turns.c.turn.in_(turns))
    with game.board.database.read() as connection:
        return list(connection.execute(query.order_by(play_turns.c.play_id, play_turns.c.turn)))


def _take(game: Game, known: Mapping[Which, _Play], late: Sequence[Answer]) -> None:
    """Adds answers and what is said to them, unless somebody else has answered one of them meanwhile."""
    truths, drawn = _Truths(game), {}
    for one in late:
        play = known[one.which]
        dialogue = None if one.error else _dialogue(truths, play, one.which)
        drawn[one.which] = (dialogue, _next(dialogue, play, one) if dialogue is not None else ())
    try:
        with game.board.database.write() as connection:
            for one in sorted(late, key=lambda one: known[one.which].id):
                _write(connection, known[one.which].id, one)
                _tell(connection, known[one.which].id, one.turn + 1, drawn[one.which][1])
    except (_LostRace, sa.exc.IntegrityError):
        return
    _keep(game, drawn)


def _write(connection: sa.Connection, play: int, one: Answer) -> None:
    here = (play_turns.c.play_id == play) & (play_turns.c.turn == one.turn) & play_turns.c.answered_at.is_(None)
    if not connection.execute(
        play_turns.update().where(here).values(**one.written(), answered_at=time.time())
    ).rowcount:
        raise _LostRace


def _next(dialogue: Dialogue, play: _Play, one: Answer) -> tuple[Prompt, ...]:
    """What the user says to an answer."""
    prompts = read_prompts(play.turns[one.turn - 1].given)
    dialogue.take(prompts, _prediction(dialogue.goal, (one.starts, one.lengths), one.model_score), one.seconds)
    return dialogue.ask()


def _keep(game: Game, drawn: Mapping[Which, tuple[Dialogue | None, tuple[Prompt, ...]]]) -> None:
    """Holds the dialogues that go on; of their guesses only the last is needed."""
    for which, (dialogue, prompts) in drawn.items():
        if dialogue is not None and prompts:
            dialogue.turns[:-1] = [replace(turn, guess=turn.guess[:0]) for turn in dialogue.turns[:-1]]
            DIALOGUES.put((game.attempt.id, which), dialogue)


class _Truths:
    """Of the cases of one request."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self._masks: dict[str, Masks] = {}

    def goal(self, which: Which) -> Goal:
        """What a session is about."""
        sheet = self.game.sheet
        if which.case not in self._masks:
            self._masks[which.case] = sheet.plan.store.case_masks(which.case)
        return sheet.cases[which.case].goal(self._masks[which.case], which)


def _dialogue(truths: _Truths, play: _Play, which: Which) -> Dialogue:
    """A session in progress: from memory, or built again from what was answered."""
    game = truths.game
    held = DIALOGUES.take((game.attempt.id, which))
    if held is not None and len(held.turns) == play.answered:
        return held
    arm = game.sheet.arms[which.prompts]
    try:
        return lead_again(truths.goal(which), arm, game.task.protocol.seed, _guesses(game, [play.id]))
    except Forgotten:
        message = "this attempt has ended."
        raise Refused(message, 409) from None


def lead_again(goal: Goal, arm: Arm, seed: int, rows: Sequence[sa.Row[Any]]) -> Dialogue:
    """A session from its rows of `play_turns`: the users say what they said then.

    Raises:
        Forgotten: the attempt has ended meanwhile.
    """
    dialogue = Dialogue(goal, arm, seed)
    for row in rows:
        prompts = read_prompts(row.given)
        if row.starts is None:
            raise Forgotten
        if row.error:
            dialogue.fail(row.error, prompts)
        else:
            runs = (np.frombuffer(row.starts, "<i8"), np.frombuffer(row.lengths, "<i4"))
            dialogue.take(prompts, _prediction(goal, runs, row.model_score), row.seconds)
    return dialogue


def _prediction(goal: Goal, runs: tuple[Array, Array], score: float) -> Prediction:
    row = {"shape": goal.truth.shape, "starts": runs[0], "lengths": runs[1], "target": goal.target}
    return Prediction(np.where(guess_of(row), np.float32(CERTAIN), np.float32(-CERTAIN)), score)
