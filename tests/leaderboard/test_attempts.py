import runpy
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from imedbench import catalog
from imedbench.store import Store
from leaderboard import attempts
from leaderboard.attempts import Game, begin, check_playable, find_game, give_up, progress, states
from leaderboard.audit import entries
from leaderboard.play_tables import FINISHED, GIVEN_UP, OPEN
from leaderboard.play_tables import attempts as table
from leaderboard.plays import ask
from leaderboard.sheets import Which
from leaderboard.tasks import NewTask, add_task, close_task
from leaderboard.teams import DAY, Refused, add_team

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "plays.py"))
LIVER = Which("s0", "liver", 0, "9 clicks")


@pytest.fixture(scope="module")
def play_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("attempts") / "store")
    return made


@pytest.fixture
def play_place(play_store: Store, tmp_path: Path) -> Iterator[Any]:
    place = FAKE["make_place"](tmp_path / "board", play_store)
    yield place
    place.board.database.close()


def refused(status: int, place: Any, **changes: Any) -> str:
    with pytest.raises(Refused) as caught:
        place.begin(**changes)
    assert caught.value.status == status
    return str(caught.value)


def begun(place: Any) -> int:
    with place.board.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0)


def test_the_same_model_goes_on_with_the_attempt_that_is_open(play_place: Any) -> None:
    game = play_place.begin()
    # Wherever it runs now.
    again = play_place.begin(device="cuda", versions={"imedbench": "9", "numpy": "8"})
    assert again.attempt == game.attempt
    assert find_game(play_place.board, play_place.team, game.attempt.id).attempt == game.attempt
    assert begun(play_place) == 1


@pytest.mark.parametrize(
    "change", [{"batch": 8}, {"weights_sha256": "0" * 64}, {"card": replace(catalog.card("threshold"), name="other")}]
)
def test_another_model_waits_for_the_end_of_the_first(play_place: Any, change: dict[str, Any]) -> None:
    game = play_place.begin()
    assert game.attempt.id in refused(409, play_place, **change)
    give_up(game)
    assert play_place.begin(**change).attempt.id != game.attempt.id


def test_so_many_may_be_begun_in_a_day_given_up_ones_too(play_place: Any) -> None:
    for _ in range(2):
        give_up(play_place.begin())
    assert "try again tomorrow" in refused(403, play_place)
    with play_place.board.database.write() as connection:
        other = add_team(connection, "Others")
    assert replace(play_place, team=other).begin().attempt.state == OPEN
    with play_place.board.database.write() as connection:
        connection.execute(table.update().values(started=table.c.started - DAY))
    assert play_place.begin().attempt.state == OPEN


def test_only_open_tasks_whose_truth_is_hidden_are_played(play_place: Any, play_store: Store) -> None:
    with play_place.board.database.write() as connection:
        plain = add_task(connection, NewTask("plain", "Plain", play_store.path, "clicks-9", subset=FAKE["SUBSET"]))
        close_task(connection, play_place.task, closed=True)
    assert "send the bundle" in refused(409, replace(play_place, task=plain))
    assert "is closed" in refused(409, replace(play_place, task=replace(play_place.task, closed=True)))
    assert begun(play_place) == 0


def test_a_model_must_be_one_that_can_be_asked(play_place: Any) -> None:
    card = catalog.card("threshold")
    assert "shown the truth" in refused(422, play_place, card=catalog.card("oracle"))
    assert "takes text prompts" in refused(422, play_place, card=replace(card, prompts=("text",)))
    assert "takes no pictures" in refused(422, play_place, card=replace(card, dimensions=(3,)))


@pytest.mark.parametrize(
    "change",
    [
        {"text": "a \u202e trick"},
        {"text": "x" * (2**18 + 1)},
        {"device": "a \x1b[31m terminal"},
        {"versions": {"imedbench": "1", "a\u200b": "2"}},
        {"card": replace(catalog.card("threshold"), source="\ud800")},
    ],
)
def test_what_no_bundle_may_say_is_refused_at_the_beginning(play_place: Any, change: dict[str, Any]) -> None:
    refused(422, play_place, **change)
    assert begun(play_place) == 0


def test_the_attempt_of_another_team_is_not_found(play_place: Any) -> None:
    game = play_place.begin()
    with play_place.board.database.write() as connection:
        other = add_team(connection, "Others")
    for team, identity in ((other, game.attempt.id), (play_place.team, "0" * 12)):
        with pytest.raises(Refused, match="no such attempt") as caught:
            find_game(play_place.board, team, identity)
        assert caught.value.status == 404


def test_progress_is_counted_by_state(play_place: Any) -> None:
    game = play_place.begin()
    assert (progress(game), game.sheet.sessions) == ({"open": 0, "over": 0}, 8)
    ask(game, [LIVER])
    assert progress(game) == {"open": 1, "over": 0}
    assert states(game, ["s0", "s1"]) == {LIVER: "open"}


def test_giving_up_twice_is_once_and_a_finished_one_cannot_be_given_up(play_place: Any) -> None:
    game = play_place.begin()
    give_up(game)
    give_up(game)
    ended = find_game(play_place.board, play_place.team, game.attempt.id)
    assert ended.attempt.state == GIVEN_UP
    with pytest.raises(Refused, match="given up"):
        check_playable(ended)
    with play_place.board.database.write() as connection:
        connection.execute(table.update().values(state=FINISHED))
        assert [entry.action for entry in entries(connection)][-2:] == ["attempt begun", "attempt given up"]
    with pytest.raises(Refused, match="withdraw its submission"):
        give_up(game)


def test_of_two_that_begin_at_once_both_have_the_same(play_place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Game] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        found.append(begin(play_place.board, play_place.team, play_place.task, FAKE["entrant"]()))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({game.attempt.id for game in found}) == 1
    # A database that lets writers meet.
    known = attempts._find_open
    blind = iter([None])
    monkeypatch.setattr(attempts, "_find_open", lambda *each: next(blind, known(*each)))
    assert play_place.begin().attempt.id == found[0].attempt.id
