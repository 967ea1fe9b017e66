"""What leaves the server, and what does not."""

import runpy
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from imedbench.evaluate.loop import Dialogue
from imedbench.evaluate.results import Results
from imedbench.evaluate.tasks import goal_of
from imedbench.evaluate.written import write_prompts
from imedbench.masks import MaskInfo, Masks
from imedbench.store import Store
from imedbench.types import Mask, Prediction
from leaderboard import plays
from leaderboard.attempts import Game, find_game, give_up
from leaderboard.board import Board
from leaderboard.play_tables import OVER, attempts, play_turns
from leaderboard.play_tables import plays as plays_table
from leaderboard.plays import DIALOGUES, Answer, Kept, answer, ask
from leaderboard.sheets import Which
from leaderboard.tasks import close_task
from leaderboard.teams import Refused

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "plays.py"))
LIVER = Which("s0", "liver", 0, "9 clicks")
SPLEEN = replace(LIVER, target="spleen")


@pytest.fixture(scope="module")
def play_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("plays") / "store")
    return made


@pytest.fixture(scope="module")
def play_open(play_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The same task, evaluated by somebody who has the truth."""
    run: Results = FAKE["evaluate_openly"](play_store, tmp_path_factory.mktemp("plays") / "run")
    return run


@pytest.fixture(scope="module")
def play_recorded(play_open: Results) -> Any:
    return FAKE["Recorded"](play_open)


@pytest.fixture
def play_place(play_store: Store, tmp_path: Path) -> Iterator[Any]:
    DIALOGUES.clear()
    place = FAKE["make_place"](tmp_path / "board", play_store)
    yield place
    place.board.database.close()


@pytest.fixture
def play_game(play_place: Any) -> Game:
    game: Game = play_place.begin()
    return game


def rows(game: Game) -> list[Any]:
    """All that the database knows of attempts."""
    with game.board.database.read() as connection:
        return [
            tuple(row) for table in (attempts, plays_table, play_turns) for row in connection.execute(sa.select(table))
        ]


def runs(which: Which, turn: int, guess: Mask) -> Answer:
    """A guess as an answer."""
    masks = Masks.from_dense([guess], [MaskInfo("")])
    return Answer(which, turn, masks.starts, masks.lengths.astype(np.int32), seconds=0.1)


def truth_of(game: Game, which: Which) -> Mask:
    case = game.sheet.plan.store[which.case]
    return goal_of(case, game.sheet.cases[which.case].masks[which.target, which.instance]).truth


def refused(status: int, call: Callable[..., Any], game: Game, *arguments: Any) -> str:
    """The reason; nothing has changed."""
    before = rows(game)
    with pytest.raises(Refused) as caught:
        call(game, *arguments)
    assert rows(game) == before
    assert caught.value.status == status
    return str(caught.value)


def test_prompts_are_those_of_an_open_evaluation_to_the_byte(play_game: Game, play_recorded: Any) -> None:
    given = FAKE["play"](play_game, play_recorded)
    assert given == {which: play_recorded.given(which) for which in play_recorded.rows}


def test_a_restart_between_any_two_requests_changes_nothing(play_game: Game, play_recorded: Any) -> None:
    def restart() -> Game:
        DIALOGUES.clear()
        board = Board.open(play_game.board.settings)
        opened.append(board)
        return find_game(board, play_game.team, play_game.attempt.id)

    opened: list[Board] = []
    given: dict[Which, list[str]] = {}
    wanted = [LIVER, SPLEEN]
    replies = ask(restart(), wanted)
    while replies[0].turn:
        for reply in replies:
            given.setdefault(reply.which, []).append(reply.given)
        again = ask(restart(), wanted)
        assert [(each.given, each.earlier) for each in again] == [
            (each.given, tuple(given[each.which][:-1])) for each in replies
        ]
        replies = answer(restart(), [play_recorded.answer(each.which, each.turn) for each in replies])
    assert given == {which: play_recorded.given(which) for which in wanted}
    for board in opened:
        board.database.close()


def test_every_request_may_be_repeated_at_any_time(play_game: Game, play_recorded: Any) -> None:
    told = []
    replies = ask(play_game, [LIVER])
    while replies[0].turn:
        assert ask(play_game, [LIVER]) == ask(play_game, [LIVER])
        said = play_recorded.answer(LIVER, replies[0].turn)
        replies = answer(play_game, [said])
        before = rows(play_game)
        assert answer(play_game, [said]) == replies
        told.append((said, replies))
        # A request that was lost on the way for long.
        assert all(answer(play_game, [early]) == reply for early, reply in told)
        assert rows(play_game) == before
    assert [reply.given for reply in ask(play_game, [LIVER])] == ["[]"]


def guesses(name: str, truth: Mask) -> Iterator[Mask]:
    rng = np.random.default_rng(0)
    while True:
        yield {
            "empty": np.zeros_like(truth),
            "everything": np.ones_like(truth),
            "complement": ~truth,
            "stripes": np.indices(truth.shape)[1] % 2 == 0,
            "noise": rng.random(truth.shape) < 0.5,
        }[name]


@pytest.mark.parametrize("name", ["empty", "everything", "complement", "stripes", "noise"])
def test_no_guess_gets_more_than_the_protocols_prompts(play_game: Game, name: str) -> None:
    truth = truth_of(play_game, LIVER)
    arm = play_game.sheet.arms[LIVER.prompts]
    case = play_game.sheet.plan.store["s0"]
    number = play_game.sheet.cases["s0"].masks["liver", 0]
    known = Dialogue(goal_of(case, number), arm, play_game.task.protocol.seed)
    (reply,) = ask(play_game, [LIVER])
    turns = 0
    for guess in guesses(name, truth):
        prompts = known.ask()
        assert reply.given == write_prompts(prompts)
        if not prompts:
            break
        turns += 1
        known.take(prompts, Prediction(np.where(guess, np.float32(1), np.float32(-1)), 0.5), 0.1)
        (reply,) = answer(play_game, [runs(LIVER, reply.turn, guess)])
    assert (reply.turn, turns) == (0, 9)
    refused(409, answer, play_game, [runs(LIVER, 10, truth)])


def test_a_perfect_guess_ends_a_session_without_a_word(play_game: Game) -> None:
    ask(play_game, [LIVER, SPLEEN])
    truth = truth_of(play_game, LIVER)
    almost = truth.copy()
    almost[tuple(np.argwhere(truth)[0])] = False
    over, going = answer(play_game, [runs(LIVER, 1, truth), runs(SPLEEN, 1, almost)])
    assert (over.turn, over.given) == (0, "[]")
    assert going.turn == 2
    assert ask(play_game, [LIVER])[0].turn == 0


def test_a_session_of_a_silent_user_is_over_before_it_begins(play_store: Store, tmp_path: Path) -> None:
    place = FAKE["make_place"](tmp_path / "odd", play_store, FAKE["write_odd"](tmp_path))
    game = place.begin()
    silent, content = replace(LIVER, prompts="silent"), replace(LIVER, prompts="content")
    told = ask(game, [silent, content])
    assert [(reply.turn, reply.earlier) for reply in told] == [(0, ()), (1, ())]
    assert ask(game, [silent, content]) == told
    refused(409, answer, game, [runs(silent, 1, truth_of(game, silent))])
    close = truth_of(game, content)
    close[tuple(np.argwhere(close)[0])] = False
    # Good enough for this user.
    assert answer(game, [runs(content, 1, close)])[0].turn == 0
    place.board.database.close()


def test_an_error_ends_a_session_and_no_other(play_game: Game, play_recorded: Any) -> None:
    ask(play_game, [LIVER, SPLEEN])
    failed = Answer(LIVER, 1, np.zeros(0, np.int64), np.zeros(0, np.int32), "RuntimeError: out of luck")
    replies = answer(play_game, [failed, play_recorded.answer(SPLEEN, 1)])
    assert [reply.turn for reply in replies] == [0, 2]
    assert answer(play_game, [failed])[0].turn == 0
    refused(409, answer, play_game, [play_recorded.answer(LIVER, 1)])


def test_no_turn_is_taken_back_and_none_is_skipped(play_game: Game, play_recorded: Any) -> None:
    first = play_recorded.answer(LIVER, 1)
    assert "has not been asked" in refused(409, answer, play_game, [first])
    ask(play_game, [LIVER])
    refused(409, answer, play_game, [play_recorded.answer(LIVER, 2)])
    answer(play_game, [first])
    for change in (
        {"seconds": 9.0},
        {"model_score": 0.123},
        {"starts": first.starts[1:], "lengths": first.lengths[1:]},
    ):
        assert "another answer already" in refused(409, answer, play_game, [replace(first, **change)])
    # One that is refused takes the others with it.
    ask(play_game, [SPLEEN])
    refused(409, answer, play_game, [play_recorded.answer(SPLEEN, 1), replace(first, seconds=9.0)])
    assert ask(play_game, [SPLEEN])[0].turn == 1


@pytest.mark.parametrize(
    "change", [{"case": "s9"}, {"target": "heart"}, {"instance": 1}, {"prompts": "box"}, {"case": "\ud800\0"}]
)
def test_what_is_not_owed_is_not_asked(play_game: Game, play_recorded: Any, change: dict[str, Any]) -> None:
    other = replace(LIVER, **change)
    refused(404, ask, play_game, [LIVER, other])
    refused(404, answer, play_game, [replace(play_recorded.answer(LIVER, 1), which=other)])


def test_a_session_is_named_once_in_a_request(play_game: Game) -> None:
    refused(422, ask, play_game, [LIVER, LIVER])


def test_no_more_sessions_at_once_than_there_is_memory_for(play_game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaderboard.sheets.AT_ONCE", 1)
    assert "at most 1 sessions" in refused(422, ask, play_game, [LIVER, SPLEEN])
    assert ask(play_game, [LIVER])[0].turn == 1


MALFORMED: dict[str, dict[str, Any]] = {
    "another number of lengths": {"starts": [0, 5], "lengths": [1]},
    "no voxels": {"starts": [0], "lengths": [0]},
    "before the grid": {"starts": [-1], "lengths": [1]},
    "behind the grid": {"starts": [160 * 192], "lengths": [1]},
    "far behind the grid": {"starts": [2**62], "lengths": [2**31 - 1]},
    "beyond a row": {"starts": [190], "lengths": [3]},
    "out of order": {"starts": [10, 0], "lengths": [1, 1]},
    "overlapping": {"starts": [0, 1], "lengths": [2, 1]},
    "guess and error": {"starts": [0], "lengths": [1], "error": "no"},
    "no score": {"model_score": float("nan")},
    "endless": {"seconds": float("inf")},
    "time runs backwards": {"seconds": -1.0},
    "tricks": {"error": "an \u202eerror"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_answers_are_refused_whatever_the_truth_is(play_game: Game, name: str) -> None:
    ask(play_game, [LIVER, SPLEEN])
    fields = {key: value for key, value in MALFORMED[name].items() if key not in ("starts", "lengths")}
    starts = np.array(MALFORMED[name].get("starts", []), np.int64)
    lengths = np.array(MALFORMED[name].get("lengths", []), np.int32)
    said = [refused(422, answer, play_game, [Answer(one, 1, starts, lengths, **fields)]) for one in (LIVER, SPLEEN)]
    assert said[0] == said[1]


def test_an_image_is_encoded_once(play_game: Game, play_recorded: Any) -> None:
    ask(play_game, [LIVER])
    answer(play_game, [play_recorded.answer(LIVER, 1, encode_seconds=1.0)])
    refused(422, answer, play_game, [play_recorded.answer(LIVER, 2, encode_seconds=1.0)])


def test_nothing_is_asked_after_the_end(play_place: Any, play_game: Game, play_recorded: Any) -> None:
    ask(play_game, [LIVER])
    give_up(play_game)
    ended = find_game(play_game.board, play_game.team, play_game.attempt.id)
    refused(409, ask, ended, [LIVER])
    refused(409, answer, ended, [play_recorded.answer(LIVER, 1)])
    another = play_place.begin()
    with play_game.board.database.write() as connection:
        close_task(connection, play_place.task, closed=True)
    closed = find_game(play_game.board, play_game.team, another.attempt.id)
    assert "closed" in refused(409, ask, closed, [LIVER])


def test_an_answer_that_comes_while_the_team_gives_up_is_refused(play_game: Game, play_recorded: Any) -> None:
    ask(play_game, [LIVER])
    answer(play_game, [play_recorded.answer(LIVER, 1)])
    give_up(play_game)
    DIALOGUES.clear()
    refused(409, answer, play_game, [play_recorded.answer(LIVER, 2)])


def test_a_dialogue_that_another_process_has_led_on_is_built_again(play_game: Game, play_recorded: Any) -> None:
    def stale() -> Dialogue:
        case = play_game.sheet.plan.store["s0"]
        number = play_game.sheet.cases["s0"].masks["liver", 0]
        arm = play_game.sheet.arms[LIVER.prompts]
        return Dialogue(goal_of(case, number), arm, play_game.task.protocol.seed)

    given = [ask(play_game, [LIVER])[0].given]
    for turn in range(1, 5):
        DIALOGUES.put((play_game.attempt.id, LIVER), stale())
        given.append(answer(play_game, [play_recorded.answer(LIVER, turn)])[0].given)
    assert given == play_recorded.given(LIVER)[:5]


def test_of_many_at_once_one_wins_and_all_are_told_the_same(play_game: Game, play_recorded: Any) -> None:
    def once(work: Callable[[int], Any]) -> list[Any]:
        outcomes: list[Any] = [None] * 8
        barrier = threading.Barrier(8)

        def run(number: int) -> None:
            barrier.wait()
            try:
                outcomes[number] = FAKE["told"](work(number))
            except Refused as problem:
                outcomes[number] = problem.status

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes

    asked = once(lambda _: ask(play_game, [LIVER, SPLEEN]))
    assert all(each == asked[0] for each in asked)
    same = once(lambda _: answer(play_game, [play_recorded.answer(LIVER, 1)]))
    assert all(each == same[0] for each in same)
    different = once(lambda number: answer(play_game, [play_recorded.answer(LIVER, 2, seconds=float(number))]))
    assert sorted(map(str, different))[:7] == ["409"] * 7
    (won,) = [each for each in different if each != 409]
    assert won[0][2] == play_recorded.given(LIVER)[2]


def test_who_is_always_too_late_is_told_so(play_game: Game, play_recorded: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(plays, "_open", lambda *_: None)
    refused(409, ask, play_game, [LIVER])
    monkeypatch.undo()
    ask(play_game, [LIVER])
    monkeypatch.setattr(plays, "_take", lambda *_: None)
    refused(409, answer, play_game, [play_recorded.answer(LIVER, 1)])


def test_memory_for_dialogues_is_bounded(play_game: Game) -> None:
    case = play_game.sheet.plan.store["s0"]
    arm = play_game.sheet.arms[LIVER.prompts]
    size = 6 * 160 * 192
    kept = Kept(2 * size)
    for number in range(4):
        kept.put(("attempt", replace(LIVER, instance=number)), Dialogue(goal_of(case, 0), arm, 0))
    held = [kept.take(("attempt", replace(LIVER, instance=number))) is not None for number in range(4)]
    assert held == [False, False, True, True]
    assert kept.take(("attempt", LIVER)) is None


def test_of_earlier_guesses_nothing_stays_in_memory(play_game: Game, play_recorded: Any) -> None:
    FAKE["play"](play_game, play_recorded)
    assert DIALOGUES.take((play_game.attempt.id, LIVER)) is None
    with play_game.board.database.read() as connection:
        states = set(connection.execute(sa.select(plays_table.c.state)).scalars())
    assert states == {OVER}
