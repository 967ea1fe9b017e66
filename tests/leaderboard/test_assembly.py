import runpy
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from imedbench.evaluate.results import Results
from imedbench.store import Store
from imedbench.submission.bundle import unpack
from imedbench.submission.verify import verify
from leaderboard import assembly
from leaderboard.assembly import assemble, finish
from leaderboard.attempts import Game, find_game, give_up
from leaderboard.play_tables import FINISHED, OPEN, play_turns
from leaderboard.plays import Answer, answer, ask
from leaderboard.submissions import find_submission, list_submissions
from leaderboard.tasks import close_task
from leaderboard.teams import Refused
from leaderboard.worker import work

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "plays.py"))
FOREVER = 60.0


@pytest.fixture(scope="module")
def play_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("assembly") / "store")
    return made


@pytest.fixture(scope="module")
def play_open(play_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Results:
    run: Results = FAKE["evaluate_openly"](play_store, tmp_path_factory.mktemp("assembly") / "run")
    return run


@pytest.fixture
def play_place(play_store: Store, tmp_path: Path) -> Iterator[Any]:
    place = FAKE["make_place"](tmp_path / "board", play_store)
    yield place
    place.board.database.close()


@pytest.fixture
def play_over(play_place: Any, play_open: Results) -> Game:
    """An attempt whose sessions are all over."""
    game: Game = play_place.begin()
    FAKE["play"](game, FAKE["Recorded"](play_open))
    return game


def again(game: Game) -> Game:
    return find_game(game.board, game.team, game.attempt.id)


def submissions_of(game: Game) -> list[Any]:
    with game.board.database.read() as connection:
        return list_submissions(connection)


def test_the_submission_is_the_one_that_an_open_evaluation_would_have_made(
    play_over: Game, play_open: Results, tmp_path: Path
) -> None:
    identity = finish(play_over, FOREVER)
    assert work(play_over.board.settings, until_empty=True) == 1
    (submission,) = submissions_of(play_over)
    assert (submission.id, submission.state, submission.reason) == (identity, "verified", "")
    bundle = unpack(play_over.board.settings.bundle(submission.sha256), tmp_path / "unpacked")
    for name in ("turns", "scores"):
        mine, theirs = (pq.read_table(folder / f"{name}.parquet") for folder in (bundle.folder, play_open.path))
        assert mine.equals(theirs, check_metadata=True)
    own = {"started", "finished", "versions", "data"}
    assert {**bundle.run, **dict.fromkeys(own)} == {**play_open.run, **dict.fromkeys(own)}
    assert bundle.run["data"] == {key: value for key, value in play_open.run["data"].items() if key != "path"}
    assert bundle.run["versions"] == FAKE["VERSIONS"]
    assert (bundle.card, bundle.about.name) == ("# Card\n", "Threshold")


def test_a_finished_attempt_is_the_same_submission_however_often_it_is_asked(play_over: Game) -> None:
    identity = finish(play_over, FOREVER)
    assert finish(again(play_over), 0) == identity
    assert (again(play_over).attempt.state, again(play_over).attempt.submission) == (FINISHED, identity)
    # Of one who had asked before it was finished.
    assert finish(play_over, FOREVER) == identity
    assert len(submissions_of(play_over)) == 1
    assert list(play_over.board.settings.uploads.iterdir()) == []


def test_an_end_between_submission_and_its_record_is_made_good(
    play_over: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(assembly, "forget_guesses", die)
    with pytest.raises(KeyboardInterrupt):
        assemble(play_over)
    assert again(play_over).attempt.state == OPEN
    monkeypatch.undo()
    identity = assemble(play_over)
    assert [each.id for each in submissions_of(play_over)] == [identity]
    assert again(play_over).attempt.submission == identity


def test_two_who_finish_at_once_finish_once(play_over: Game) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(assemble(again(play_over)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == len(submissions_of(play_over)) == 1


def test_who_does_not_wait_asks_again(play_over: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    going, known = threading.Event(), assembly._assemble

    def slow(game: Game) -> str:
        going.wait(FOREVER)
        return known(game)

    monkeypatch.setattr(assembly, "_assemble", slow)
    assert finish(play_over, 0.01) is None
    assert finish(play_over, 0.01) is None
    going.set()
    assert finish(play_over, FOREVER) is not None


def test_what_goes_wrong_is_told_to_who_waits(play_over: Game) -> None:
    with play_over.board.database.write() as connection:
        close_task(connection, play_over.task, closed=True)
    with pytest.raises(Refused, match="closed"):
        finish(again(play_over), FOREVER)


def test_an_attempt_that_is_not_over_is_not_finished(play_place: Any, play_open: Results) -> None:
    game = play_place.begin()
    with pytest.raises(Refused, match="0 of 8 sessions"):
        finish(game, FOREVER)
    recorded = FAKE["Recorded"](play_open)
    theirs = next(FAKE["sessions"](game))
    ask(game, theirs)
    answer(game, [recorded.answer(which, 1) for which in theirs])
    with pytest.raises(Refused, match="0 of 8 sessions"):
        finish(game, FOREVER)


def test_an_attempt_that_was_given_up_is_not_finished(play_over: Game) -> None:
    give_up(play_over)
    with pytest.raises(Refused, match="given up"):
        finish(again(play_over), FOREVER)
    with pytest.raises(Refused, match="given up"):
        finish(play_over, FOREVER)
    assert submissions_of(play_over) == []


def test_when_it_has_ended_the_guesses_are_in_the_bundle_only(play_over: Game) -> None:
    finish(play_over, FOREVER)
    with play_over.board.database.read() as connection:
        rows = list(connection.execute(sa.select(play_turns)))
    assert len(rows) == 72
    assert all(row.starts is None and row.lengths is None and row.answered_at for row in rows)


def test_sessions_that_fail_or_never_begin_are_verified_too(play_store: Store, tmp_path: Path) -> None:
    place = FAKE["make_place"](tmp_path / "odd", play_store, FAKE["write_odd"](tmp_path))
    game = place.begin()
    nothing = np.zeros(0, np.int64)
    for number, theirs in enumerate(FAKE["sessions"](game)):
        replies = ask(game, theirs)
        while replies := [reply for reply in replies if reply.turn]:
            error = "RuntimeError: no luck" if number and replies[0].turn == 2 else ""
            lengths = nothing.astype(np.int32)
            replies = answer(game, [Answer(each.which, each.turn, nothing, lengths, error) for each in replies])
    identity = finish(game, FOREVER)
    work(place.board.settings, until_empty=True)
    with place.board.database.read() as connection:
        submission = find_submission(connection, str(identity))
    assert submission.verdict is not None
    assert [check.name for check in submission.verdict.failed] == []
    assert (submission.state, submission.run["failed"]) == ("verified", 8)
    bundle = unpack(place.board.settings.bundle(submission.sha256), tmp_path / "unpacked")
    assert verify(bundle, play_store, place.task.asked).outcome == "verified"
    place.board.database.close()
