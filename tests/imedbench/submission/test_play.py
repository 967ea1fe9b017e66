"""The client, against a server that is really there."""

import runpy
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import uvicorn
from fastapi import FastAPI

from imedbench.errors import BadSubmission, Unavailable
from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.models.threshold import ThresholdSession
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import unpack
from imedbench.submission.images import strip_truth
from imedbench.submission.play import Played, PlaySettings, Progress, play
from imedbench.submission.send import Server
from imedbench.types import Prediction
from imedbench.workers import Workers
from leaderboard import problems
from leaderboard.routes import plays as routes
from leaderboard.submissions import Submission, find_submission
from leaderboard.teams import issue_key
from leaderboard.worker import work

ROOT = Path(__file__).resolve().parents[2]
FAKE = runpy.run_path(str(ROOT / "fakes" / "plays.py"))
SETTINGS = PlaySettings("secret", "threshold", device="cpu")
MEASURED = {"seconds", "encode_seconds"}


@pytest.fixture(scope="module")
def play_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("play")


@pytest.fixture(scope="module")
def play_store(play_folder: Path) -> Store:
    made: Store = FAKE["make_store"](play_folder / "store")
    return made


@pytest.fixture(scope="module")
def play_images(play_store: Store, play_folder: Path) -> Path:
    return strip_truth(play_store, play_folder / "images", Subset(split="all"), 2).path


@pytest.fixture(scope="module")
def play_open(play_store: Store, play_folder: Path) -> Results:
    run: Results = FAKE["evaluate_openly"](play_store, play_folder / "run")
    return run


@dataclass
class Desk:
    """A hidden task on a server, and one who plays it."""

    place: Any
    server: Server
    folder: Path

    def submission(self, played: Played) -> Submission:
        """What has become of an attempt, checked."""
        work(self.place.board.settings, until_empty=True)
        with self.place.board.database.read() as connection:
            return find_submission(connection, played.submission)

    def table(self, played: Played, name: str) -> Any:
        """Of its bundle."""
        folder = self.folder / "unpacked"
        if not folder.exists():
            unpack(self.place.board.settings.bundle(self.submission(played).sha256), folder)
        return pq.read_table(folder / f"{name}.parquet")


@pytest.fixture
def play_desk(play_store: Store, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Called with a store and a protocol, serves the task on a free port."""
    ends: list[Callable[[], Any]] = []

    def serve(store: Store = play_store, protocol: str = "clicks-9", **settings: Any) -> Desk:
        place = FAKE["make_place"](tmp_path / "board", store, protocol, **settings)
        with place.board.database.write() as connection:
            key = issue_key(connection, place.team)
        app = FastAPI()
        app.state.board = place.board
        problems.install(app)
        app.include_router(routes.router)
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        ends.extend((lambda: setattr(server, "should_exit", True), thread.join, place.board.database.close))
        while not server.started:
            time.sleep(0.01)
        return Desk(place, Server(f"http://127.0.0.1:{listening.getsockname()[1]}", key, (0.01, 0.01)), tmp_path)

    yield serve
    for end in ends:
        end()


def alike(mine: Any, theirs: Any) -> bool:
    """Whether two tables agree in all that nobody measured."""
    return all(mine[name].equals(theirs[name]) for name in theirs.column_names if name not in MEASURED)


def test_playing_without_the_truth_is_an_open_evaluation(
    play_desk: Callable[..., Desk], play_images: Path, play_open: Results
) -> None:
    desk = play_desk()
    told: list[Progress] = []
    played = play(desk.server, play_images, SETTINGS, About(name="Ours"), text="# Ours\n", progress=told.append)
    submission = desk.submission(played)
    assert (submission.state, submission.name, submission.run["model"]) == ("verified", "Ours", "threshold")
    assert alike(desk.table(played, "turns"), play_open.turns)
    assert alike(desk.table(played, "scores"), play_open.scores)
    assert (told[-1], played.failed, played.notes) == (Progress(8, 8, 0), 0, ())
    assert submission.run["id"] == play_open.run["id"]
    assert set(submission.run["versions"]) == {"imedbench", "numpy", "torch", "scipy"}
    measured = desk.table(played, "turns").to_pylist()
    assert all(row["seconds"] > 0 and (row["encode_seconds"] > 0) == (row["turn"] == 1) for row in measured)


@pytest.mark.parametrize("volumes", [False, True])
def test_every_kind_of_arm_is_asked_as_in_an_open_evaluation(
    play_desk: Callable[..., Desk], tmp_path: Path, volumes: bool
) -> None:
    """Masks of the truth and of the model's own, what is kept, what is fed back, who is soon content, who is silent."""
    store = FAKE["RESULTS"]["make_store"](tmp_path / "store", patients=1, volumes=volumes)
    subset = Subset("all", "volumes" if volumes else "pictures")
    protocol = FAKE["write_odd"](tmp_path)
    asked = RunSettings("threshold", protocol, "noisy", subset=subset)
    known = evaluate(store.path, tmp_path / "run", asked, workers=Workers(0)).results
    desk = play_desk(store, protocol, subset=subset)
    images = strip_truth(store, tmp_path / "images", subset, 3 if volumes else 2)
    played = play(desk.server, images.path, SETTINGS)
    mine, theirs = desk.table(played, "turns"), known.turns
    assert alike(mine.drop_columns("model_score"), theirs.drop_columns("model_score"))
    answered = [row for row in theirs.to_pylist() if row["given"] != "[]"]
    assert [row["model_score"] for row in mine.to_pylist() if row["given"] != "[]"] == [
        row["model_score"] for row in answered
    ]
    assert desk.submission(played).state == "verified"


class Interrupted(Exception):
    """The client's end."""


def test_a_client_that_dies_anywhere_goes_on_where_it_was(
    play_desk: Callable[..., Desk], play_images: Path, play_open: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = play_desk()
    known = Server.ask
    left = [0]

    def ask(self: Server, method: str, path: str, **told: Any) -> dict[str, Any]:
        left[0] -= 1
        answer = known(self, method, path, **told)
        if not left[0] and not path.endswith("finish"):
            # It has arrived, and the client does not know.
            raise Interrupted
        return answer

    monkeypatch.setattr(Server, "ask", ask)
    played = None
    for number in range(30):
        left[0] = 3 + number % 5
        try:
            played = play(desk.server, play_images, SETTINGS)
            break
        except Interrupted:
            continue
    monkeypatch.undo()
    played = played or play(desk.server, play_images, SETTINGS)
    assert alike(desk.table(played, "turns"), play_open.turns)


def test_a_model_that_fails_fails_alone(
    play_desk: Callable[..., Desk], play_images: Path, play_open: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, known = play_desk(), ThresholdSession.predict

    def predict(self: ThresholdSession, prompts: Sequence[Any], previous: Prediction | None = None) -> Prediction:
        if len(prompts) == 3 and prompts[0].at[0] < 80:
            message = "out of \x1b[31mluck\nand more"
            raise RuntimeError(message)
        answer = known(self, prompts, previous)
        return replace(answer, score=float("nan")) if len(prompts) == 2 else answer

    monkeypatch.setattr(ThresholdSession, "predict", predict)
    played = play(desk.server, play_images, SETTINGS)
    submission = desk.submission(played)
    rows = desk.table(played, "turns").to_pylist()
    errors = {row["error"] for row in rows if row["error"]}
    assert errors == {"RuntimeError: out of  [31mluck"}
    assert (submission.state, submission.run["failed"]) == ("verified", played.failed)
    assert 0 < played.failed < 8
    assert all(row["model_score"] == 0 for row in rows if row["turn"] == 2)


def test_an_image_that_cannot_be_encoded_costs_its_sessions(
    play_desk: Callable[..., Desk], play_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: Any) -> None:
        message = "not this one"
        raise ValueError(message)

    monkeypatch.setattr("imedbench.models.threshold.Threshold.start", start)
    desk = play_desk()
    played = play(desk.server, play_images, SETTINGS)
    assert (played.failed, desk.submission(played).state) == (8, "verified")
    assert set(desk.table(played, "turns")["error"].to_pylist()) == {"ValueError: not this one"}


@pytest.mark.parametrize("logits", ["wrong shape", "nan"])
def test_what_no_evaluation_would_score_is_not_sent(
    play_desk: Callable[..., Desk], play_images: Path, monkeypatch: pytest.MonkeyPatch, logits: str
) -> None:
    def predict(self: Any, prompts: Any, previous: Any = None) -> Prediction:
        wrong = np.zeros((2, 2), np.float32) if logits == "wrong shape" else np.full((160, 192), np.nan, np.float32)
        return Prediction(wrong, 0.5)

    monkeypatch.setattr(ThresholdSession, "predict", predict)
    desk = play_desk()
    played = play(desk.server, play_images, SETTINGS)
    (error,) = set(desk.table(played, "turns")["error"].to_pylist())
    assert error.startswith("the model answered")


def test_answers_are_sent_in_parts_that_the_server_takes_and_larger_ones_not_at_all(
    play_desk: Callable[..., Desk], play_images: Path, play_open: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = play_desk(largest_chunk=8192 + 1800)
    known = Server.ask
    sizes: list[int] = []

    def ask(self: Server, method: str, path: str, **told: Any) -> dict[str, Any]:
        if path.endswith("/answer"):
            sizes.append(len(told["json"]["answers"]))
        return known(self, method, path, **told)

    monkeypatch.setattr(Server, "ask", ask)
    played = play(desk.server, play_images, SETTINGS)
    errors = {row["error"] for row in desk.table(played, "turns").to_pylist() if row["error"]}
    assert len(sizes) > 18
    assert all("runs, more than the leaderboard takes" in error for error in errors)
    assert len(errors) == played.failed


def test_who_may_not_play_is_told_why(play_desk: Callable[..., Desk], play_images: Path, tmp_path: Path) -> None:
    desk = play_desk(plays_a_day=1)
    with pytest.raises(Unavailable, match="shown the truth"):
        play(desk.server, play_images, replace(SETTINGS, model="oracle"))
    with pytest.raises(BadSubmission, match="no task 'another'"):
        play(desk.server, play_images, replace(SETTINGS, task="another"))
    other = FAKE["RESULTS"]["make_store"](tmp_path / "other", patients=1, volumes=True)
    with pytest.raises(BadSubmission, match="is not the task's"):
        play(desk.server, other.path, SETTINGS)
    with pytest.raises(BadSubmission, match="another model is open"):
        play(desk.server, play_images, replace(SETTINGS, batch=7))
    with pytest.raises(BadSubmission, match="not valid"):
        play(replace(desk.server, key="imb_a_b"), play_images, SETTINGS)
    play(desk.server, play_images, SETTINGS)
    with pytest.raises(BadSubmission, match="try again tomorrow"):
        play(desk.server, play_images, SETTINGS)
