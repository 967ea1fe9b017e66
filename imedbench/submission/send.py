"""Sends a bundle to a leaderboard, in parts; what was interrupted goes on where it stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, NonNegativeInt, PositiveInt, ValidationError

from imedbench.errors import BadSubmission, Unavailable
from imedbench.submission.bundle import sha256_of

if TYPE_CHECKING:
    import requests

T = TypeVar("T", bound=BaseModel)
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each further attempt at a request that got no answer."""
TIMEOUT = (10.0, 300.0)
"""To connect, and to be answered: completing a large upload takes the server a while."""
_AGAIN = (500, 502, 503, 504)


@dataclass(slots=True)
class Server:
    """A leaderboard, as a team talks to it."""

    url: str
    key: str = field(repr=False)
    pauses: tuple[float, ...] = PAUSES
    _session: "requests.Session | None" = field(default=None, repr=False)

    def ask(self, method: str, path: str, **told: Any) -> dict[str, Any]:
        """What the API answers; asked again where there was no answer.

        Raises:
            Unavailable: there is no leaderboard, or none that answers.
            BadSubmission: it refused, and says why.
        """
        import requests

        session = self._session = self._session or requests.Session()
        session.headers["Authorization"] = f"Bearer {self.key}"
        trouble = ""
        for pause in (*self.pauses, None):
            try:
                answer = session.request(method, f"{self.url}/api/v1/{path}", timeout=TIMEOUT, **told)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as problem:
                trouble = type(problem).__name__
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError) as problem:
                message = f"{self.url}: is no address; check --to."
                raise Unavailable(message) from problem
            else:
                if not _again(answer):
                    return _read(answer, self.url)
                trouble = f"status {answer.status_code}"
                pause = pause and max(pause, _wanted(answer))
            if pause is not None:
                time.sleep(pause)
        message = (
            f"{self.url}: does not answer ({trouble}); repeat the command, and the upload goes on where it stopped."
        )
        raise Unavailable(message)

    def read(self, kind: type[T], told: dict[str, Any]) -> T:
        """An answer as what it should be.

        Raises:
            Unavailable: it is not: this is no leaderboard.
        """
        try:
            return kind.model_validate(told)
        except ValidationError as problem:
            message = f"{self.url}: is no leaderboard, or one of another version; check --to."
            raise Unavailable(message) from problem

    def page(self, submission: str) -> str:
        """The address of a submission's page."""
        return f"{self.url}/submissions/{submission}.html"


def _again(answer: "requests.Response") -> bool:
    """Whether to ask again: the server is in trouble or too busy; where it says what is too much, that is final."""
    busy = answer.status_code == 429 and ("Retry-After" in answer.headers or not _told(answer).get("error"))
    return answer.status_code in _AGAIN or busy


def _told(answer: "requests.Response") -> dict[str, Any]:
    """The object in an answer; nothing where there is none."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _wanted(answer: "requests.Response") -> float:
    """How long the server wants to be left alone."""
    text = answer.headers.get("Retry-After", "")
    return min(60.0, float(text)) if text.isdecimal() else 0.0


def _read(answer: "requests.Response", url: str) -> dict[str, Any]:
    told = _told(answer)
    if answer.ok and (told or not answer.content):
        return told
    if told.get("error"):
        raise BadSubmission(str(told["error"]))
    message = f"{url}: is no leaderboard (status {answer.status_code}); check --to."
    raise Unavailable(message)


def is_address(to: str) -> bool:
    """Whether a bundle is to be sent, not put into a folder."""
    return urlsplit(to).scheme in ("http", "https")


def send(server: Server, path: Path, task: str, progress: Callable[[int, int], None] = lambda *_: None) -> str:
    """Sends a bundle; returns the address of its page.

    Args:
        server: that takes it.
        path: of the bundle.
        task: that it is for.
        progress: told of the bytes that have arrived, and of all.

    Raises:
        Unavailable: the server does not answer.
        BadSubmission: it refused, and says why.
    """
    size = path.stat().st_size
    told = server.ask("POST", "uploads", json={"task": task, "bytes": size, "sha256": sha256_of(path)})
    state = server.read(_State, told)
    with path.open("rb") as file:
        while state.offset < size:
            progress(state.offset, size)
            file.seek(state.offset)
            state = _append(server, state, file.read(state.chunk))
    progress(size, size)
    return server.page(server.read(_Accepted, server.ask("POST", f"{state.place}/complete")).submission)


def _append(server: Server, state: "_State", chunk: bytes) -> "_State":
    """Sends a part; where the server has it already, because its answer was lost, what it says of itself counts."""
    headers = {"Content-Type": "application/octet-stream", "Upload-Offset": str(state.offset)}
    try:
        return server.read(_State, server.ask("PATCH", state.place, data=chunk, headers=headers))
    except BadSubmission:
        now = server.read(_State, server.ask("GET", state.place))
        if now.offset == state.offset:
            raise
        return now


class _State(BaseModel):
    """How far an upload is."""

    id: str
    offset: NonNegativeInt
    chunk: PositiveInt

    @property
    def place(self) -> str:
        return f"uploads/{self.id}"


class _Accepted(BaseModel):
    submission: str
