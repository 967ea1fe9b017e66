"""Plays a task whose truth is hidden: the images are here, the simulated users are the leaderboard's.

The model is asked as `imedbench.evaluate.loop` asks it. Each answer is sent before the next prompt is known; what has
been answered cannot be taken back. After an interruption of whatever kind the same call goes on where it was: in
sessions that were open the model is asked again what it had been asked, and nothing of that is sent.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np

from imedbench import __version__, catalog
from imedbench.errors import BadSubmission, Unavailable
from imedbench.evaluate.guard import Guard
from imedbench.evaluate.loop import Dialogue, Goal
from imedbench.evaluate.protocol import Arm
from imedbench.evaluate.tasks import BYTES_AT_ONCE, Across, load_model
from imedbench.evaluate.written import read_prompts
from imedbench.masks import MaskInfo, Masks
from imedbench.models.base import Card, Session
from imedbench.models.checks import kind_of
from imedbench.models.load import find_device
from imedbench.models.weights import find_weights, sha256
from imedbench.prompts.mask import MaskUser, with_sign
from imedbench.store import Store
from imedbench.submission.about import About, refuse_tricks
from imedbench.submission.send import Server
from imedbench.types import Case, MaskPrompt, Prediction, Prompt

SCORES = 1e6
"""A model's estimate of its own IoU is told up to this size."""
RUNS = 2_000_000
"""Of a guess, at most."""
POLL = 2.0
"""Seconds between looks at a submission that is being made."""
_ERROR = 500
"""Characters of one, at most."""
_HEAD = 8192
"""Bytes that a request has besides guesses."""
Reply = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlaySettings:
    """Who plays what."""

    task: str
    """Of the leaderboard."""
    model: str
    checkpoint: str = ""
    """Instead of the model's own weights."""
    across: Across = "box"
    """How a 2-D model gets through a volume."""
    batch: int = 32
    """Sessions at once."""
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is."""

    done: int
    total: int
    """Sessions."""
    failed: int
    """Of those that this call has played."""


@dataclass(frozen=True, slots=True)
class Played:
    """How an attempt ended."""

    attempt: str
    submission: str
    """That it has become."""
    failed: int
    """Sessions that did, of those that this call has played."""
    notes: tuple[str, ...]


def play(
    server: Server,
    data: Path,
    settings: PlaySettings,
    about: About | None = None,
    *,
    text: str = "",
    progress: Callable[[Progress], None] = lambda _: None,
) -> Played:
    """Plays a task from its first session to its last, or goes on with the attempt that is open.

    Args:
        server: the leaderboard, and the team's key.
        data: a store of the task's images; it needs no masks.
        settings: who plays what.
        about: what is shown of the submission; the model's card in the catalogue where there is none.
        text: the model's card, in Markdown.
        progress: told after every batch of sessions.

    Raises:
        Unavailable: the leaderboard does not answer; or the model is shown the truth, which is not here.
        BadSubmission: the leaderboard refuses, and says why; or the data are not the task's.
        UnknownName: there is no such model, or a case is not in the store.
        MissingWeights: its checkpoint is not here and cannot be fetched.
    """
    store, card = Store.open(data), catalog.card(settings.model)
    if card.sees_truth:
        message = f"{card.name} is shown the truth, which is not here; play with another model."
        raise Unavailable(message)
    about = about or About.of_card({"name": card.name, "summary": card.summary, "licence": card.licence})
    state = server.ask("POST", "attempts", json=_entrant(card, settings) | {"about": about.model_dump(), "text": text})
    attempt = _Attempt(server, settings, state, Guard())
    place = f"attempts/{state['id']}"
    for owed in _owed(server, place):
        attempt.play_case(store, owed, progress)
    while not (state := server.ask("POST", f"{place}/finish"))["submission"]:
        sleep(POLL)
    return Played(state["id"], state["submission"], attempt.failed, tuple(attempt.guard.notes))


def _entrant(card: Card, settings: PlaySettings) -> dict[str, Any]:
    """What the leaderboard is told of the model."""
    weights = find_weights(card, Path(settings.checkpoint) if settings.checkpoint else None)
    told = ("name", "summary", "loader", "prompts", "dimensions", "licence", "source")
    return {
        "task": settings.task,
        "model": {name: getattr(card, name) for name in told},
        "weights_sha256": "" if weights is None else sha256(weights),
        "across": settings.across,
        "batch": settings.batch,
        "device": find_device(settings.device),
        "versions": {"imedbench": __version__} | {name: version(name) for name in ("numpy", "torch", "scipy")},
    }


def _owed(server: Server, place: str) -> Iterator[Reply]:
    """Case by case."""
    first: int | None = 0
    while first is not None:
        page = server.ask("GET", f"{place}/owed", params={"first": first})
        yield from page["cases"]
        first = page["next"]


@dataclass(slots=True, eq=False)
class _Playing:
    """A session, as who does not know the truth has it."""

    case: str
    target: str
    instance: int
    arm: Arm
    prompts: tuple[Prompt, ...] = ()
    """That are to be answered."""
    turn: int = 0
    """Theirs; 0 where the session is over."""
    broken: str = ""
    """Why the model cannot go on."""
    _given: tuple[Prompt, ...] = ()
    _last: Prediction | None = None

    @property
    def which(self) -> dict[str, Any]:
        """As the leaderboard names it."""
        return {"target": self.target, "instance": self.instance, "prompts": self.arm.name}

    def hear(self, turn: int, given: Sequence[Mapping[str, Any]]) -> None:
        """Takes what the user says."""
        self.turn = turn
        prompts = read_prompts(json.dumps(given))
        self.prompts = tuple(self._restored(prompts)) if turn else ()

    def _restored(self, prompts: Sequence[Prompt]) -> Iterator[Prompt]:
        """The prompts with the logits of masks, of which only the signs are written."""
        users = self.arm.first if self.turn == 1 else self.arm.later
        sources = [self._source(user) for user in users if isinstance(user, MaskUser)]
        masks = iter([source for source in sources if source is not None])
        for prompt in prompts:
            if isinstance(prompt, MaskPrompt):
                mask = prompt.logits > 0
                size = next(masks, prompt.logits)
                yield MaskPrompt(with_sign(np.broadcast_to(size, mask.shape), mask))
            else:
                yield prompt

    def _source(self, user: MaskUser) -> Any:
        """What a mask's logits were made of; None where the user has none to give."""
        if user.source == "truth":
            return np.float32(user.certainty)
        return None if self._last is None else self._last.logits

    def question(self) -> tuple[tuple[Prompt, ...], Prediction | None]:
        """What the model is given, as `Dialogue.question` has it."""
        arm = self.arm
        earlier = tuple(each for each in self._given if arm.memory == "all" or kind_of(each) in arm.kept)
        return (*earlier, *self.prompts), self._last if arm.feedback else None

    def remember(self, answer: Prediction) -> None:
        """Takes the model's own answer."""
        self._given = (*self._given, *self.prompts)
        self._last = answer


@dataclass(slots=True)
class _Attempt:
    """What all cases share."""

    server: Server
    settings: PlaySettings
    state: Reply
    guard: Guard
    done: int = 0
    failed: int = 0
    arms: dict[str, Arm] = field(init=False)

    def __post_init__(self) -> None:
        self.arms = {told["name"]: Arm.model_validate(told) for told in self.state["arms"]}
        self.done = int(self.state["over"])

    def play_case(self, store: Store, owed: Reply, progress: Callable[[Progress], None]) -> None:
        """Plays what is left of a case."""
        left = [told for told in owed["sessions"] if told["state"] != "over"]
        if not left:
            return
        case = store[owed["case"]]
        if list(case.image.grid) != owed["grid"]:
            message = f"the case {case.id} here is not the task's; fetch the images again."
            raise BadSubmission(message)
        across = self.settings.across if len(case.image.grid) == 3 else None
        model = load_model(self.settings.model, self.settings.checkpoint, self.settings.device, across)
        start = perf_counter()
        session = self.guard.start(model, case)
        table = _Table(self, case, session, (perf_counter() - start) / len(left))
        size = math.prod(case.image.grid) * (8 + max(arm.turns for arm in self.arms.values()))
        step = max(1, min(self.settings.batch, owed["at_once"], BYTES_AT_ONCE // size))
        for first in range(0, len(left), step):
            playing = [
                _Playing(case.id, told["target"], told["instance"], self.arms[told["prompts"]])
                for told in left[first : first + step]
            ]
            table.lead(playing)
            self.done += len(playing)
            progress(Progress(self.done, self.state["sessions"], self.failed))


@dataclass(frozen=True, slots=True)
class _Table:
    """A case with the model's session on it, or why there is none."""

    attempt: _Attempt
    case: Case
    session: Session | str
    encode_seconds: float

    def lead(self, playing: Sequence[_Playing]) -> None:
        """Leads sessions to their ends."""
        told = self._ask("ask", sessions=[one.which for one in playing])
        self._recall(playing, [each["earlier"] for each in told])
        for one, each in zip(playing, told, strict=True):
            one.hear(each["turn"], each["given"])
        while asked := [one for one in playing if one.turn]:
            for one, each in zip(asked, self._sent(self._answers(asked)), strict=True):
                one.hear(each["turn"], each["given"])

    def _ask(self, what: str, **told: Any) -> list[Reply]:
        place = f"attempts/{self.attempt.state['id']}/{what}"
        replies: list[Reply] = self.attempt.server.ask("POST", place, json={"case": self.case.id} | told)["sessions"]
        return replies

    def _recall(self, playing: Sequence[_Playing], earlier: Sequence[Sequence[Any]]) -> None:
        """Brings the model to where it was when sessions were interrupted; one that cannot be brought there fails."""
        for turn in count(1):
            known = [(one, given) for one, given in zip(playing, earlier, strict=True) if len(given) >= turn]
            if not known:
                return
            for one, given in known:
                one.hear(turn, given[turn - 1])
            answers, _ = self._predictions([one for one, _ in known])
            for (one, _), answer in zip(known, answers, strict=True):
                if isinstance(answer, str):
                    one.broken = answer
                else:
                    one.remember(answer)

    def _predictions(self, asked: Sequence[_Playing]) -> tuple[list[Prediction | str], float]:
        """What the model says to each, or why it says nothing; and each one's share of the seconds."""
        if isinstance(self.session, str):
            return [self.session] * len(asked), 0.0
        going = [one for one in asked if not one.broken]
        if not going:
            return [one.broken for one in asked], 0.0
        questions = [one.question() for one in going]
        start = perf_counter()
        answers = self.attempt.guard(self.session, [given for given, _ in questions], [last for _, last in questions])
        seconds = (perf_counter() - start) / len(going)
        known = iter(answers)
        return [one.broken or self._checked(one, next(known)) for one in asked], seconds

    def _checked(self, one: _Playing, answer: Prediction | str) -> Prediction | str:
        """The answer if an evaluation would take it; else what it would say."""
        if isinstance(answer, str):
            return answer
        nothing = np.zeros(self.case.image.grid, np.bool_)
        judge = Dialogue(Goal(one.case, one.target, one.instance, nothing, self.case.image.spacing_mm), one.arm, 0)
        judge.take((), answer, 0.0)
        return judge.error or answer

    def _answers(self, asked: Sequence[_Playing]) -> list[dict[str, Any]]:
        """What the leaderboard is told; the sessions remember it."""
        answers, seconds = self._predictions(asked)
        told = []
        for one, answer in zip(asked, answers, strict=True):
            encoding = self.encode_seconds if one.turn == 1 else 0.0
            fields = one.which | {"turn": one.turn, "seconds": seconds, "encode_seconds": encoding}
            written = answer if isinstance(answer, str) else self._written(answer)
            if isinstance(written, str):
                self.attempt.failed += 1
                told.append(fields | {"error": _plain(written)})
            else:
                told.append(fields | written)
            if isinstance(answer, Prediction):
                one.remember(answer)
        return told

    def _written(self, answer: Prediction) -> dict[str, Any] | str:
        """The guess as runs; or why it cannot be sent."""
        runs = Masks.from_dense([answer.logits > 0], [MaskInfo("")])
        # A model without an estimate may say NaN, which is no number to whoever reads it.
        score = float(np.clip(np.nan_to_num(answer.score), -SCORES, SCORES))
        told = {"starts": runs.starts.tolist(), "lengths": runs.lengths.tolist(), "model_score": score}
        if len(runs.starts) > RUNS or len(json.dumps(told)) > self._room:
            return f"the guess has {len(runs.starts):,} runs, more than the leaderboard takes"
        return told

    @property
    def _room(self) -> int:
        """Bytes of answers in a request."""
        return int(self.attempt.state["largest"]) - _HEAD

    def _sent(self, written: Sequence[dict[str, Any]]) -> Iterator[Reply]:
        """The replies to answers, sent in as few requests as may be."""
        part: list[dict[str, Any]] = []
        size = 0
        for told in written:
            length = len(json.dumps(told)) + 2
            if part and size + length > self._room:
                yield from self._ask("answer", answers=part)
                part, size = [], 0
            part.append(told)
            size += length
        if part:
            yield from self._ask("answer", answers=part)


def _plain(text: str) -> str:
    """An error as it may be shown: one line, and nothing that looks like something else."""
    text = "".join(each if each.isprintable() else " " for each in text)[:_ERROR].strip() or "no reason was given"
    try:
        refuse_tricks(text, "the error")
    except BadSubmission:
        return text.encode("ascii", "replace").decode()
    return text
