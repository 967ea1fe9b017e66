import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from imedbench.evaluate.results import Results
from imedbench.store import Store
from leaderboard import problems
from leaderboard.routes import plays as routes
from leaderboard.sheets import Which
from leaderboard.teams import add_team, issue_key

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "plays.py"))
MODEL = {"name": "threshold", "prompts": ["click", "box", "scribble", "mask"], "dimensions": [2, 3]}
BEGIN = {"task": "secret", "about": {"name": "Threshold"}, "model": MODEL, "versions": {"imedbench": "0.1.0"}}
LIVER = {"target": "liver", "instance": 0, "prompts": "9 clicks"}
SPLEEN = LIVER | {"target": "spleen"}
STATE = {"id", "task", "state", "sessions", "open", "over", "submission", "largest", "arms"}
ARM = {"name", "first", "later", "turns", "memory", "kept", "feedback", "enough", "series"}
TOLD = {"target", "instance", "prompts", "turn", "given", "over"}


@pytest.fixture(scope="module")
def play_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("plays") / "store")
    return made


@pytest.fixture(scope="module")
def play_open(play_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Results:
    run: Results = FAKE["evaluate_openly"](play_store, tmp_path_factory.mktemp("plays") / "run")
    return run


@pytest.fixture
def play_place(play_store: Store, tmp_path: Path) -> Iterator[Any]:
    place = FAKE["make_place"](tmp_path / "board", play_store)
    yield place
    place.board.database.close()


def app_of(place: Any) -> FastAPI:
    app = FastAPI()
    app.state.board = place.board
    problems.install(app)
    app.include_router(routes.router)
    return app


@pytest.fixture
def play_client(play_place: Any) -> Iterator[TestClient]:
    """Asks with the team's key."""
    with play_place.board.database.write() as connection:
        key = issue_key(connection, play_place.team)
    with TestClient(app_of(play_place), "http://testserver/api/v1/") as asking:
        asking.headers["Authorization"] = f"Bearer {key}"
        yield asking


@pytest.fixture
def play_attempt(play_client: TestClient) -> str:
    """Its address."""
    return f"attempts/{play_client.post('attempts', json=BEGIN).json()['id']}"


def said(recorded: Any, session: dict[str, Any], turn: int) -> dict[str, Any]:
    """What a recorded run answered, as it is sent."""
    row = recorded.rows[Which("s0", session["target"], 0, "9 clicks")][turn - 1]
    names = ("starts", "lengths", "model_score", "seconds", "encode_seconds")
    return session | {"turn": turn} | {name: row[name] for name in names}


def test_an_attempt_from_its_beginning_to_its_submission(
    play_client: TestClient, play_open: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = FAKE["Recorded"](play_open)
    begun = play_client.post("attempts", json=BEGIN)
    assert begun.status_code == 201
    assert set(begun.json()) == STATE
    assert [set(arm) for arm in begun.json()["arms"]] == [ARM]
    place = f"attempts/{begun.json()['id']}"
    assert play_client.post("attempts", json=BEGIN).json() == begun.json()
    page = play_client.get(f"{place}/owed").json()
    assert set(page) == {"cases", "next"}
    for case in page["cases"]:
        assert set(case) == {"case", "grid", "at_once", "sessions"}
        assert (case["grid"], {each["state"] for each in case["sessions"]}) == ([160, 192], {"owed"})
        assert {*case["sessions"][0]} == {"target", "instance", "prompts", "state"}
        _play(play_client, place, case, recorded)
    assert play_client.get(place).json() | {"over": 8, "open": 0, "sessions": 8} == play_client.get(place).json()
    monkeypatch.setattr(routes, "finish_attempt", lambda *_: None)
    assert play_client.post(f"{place}/finish").status_code == 202
    monkeypatch.undo()
    ended = play_client.post(f"{place}/finish")
    assert (ended.status_code, set(ended.json()), ended.json()["state"]) == (200, STATE, "finished")
    assert ended.json()["submission"]
    assert play_client.post(f"{place}/finish").json() == ended.json()
    assert play_client.delete(place).status_code == 409


def _play(client: TestClient, place: str, case: dict[str, Any], recorded: Any) -> None:
    """Plays a case; each reply holds what is documented, and nothing else."""
    sessions = [{name: each[name] for name in ("target", "instance", "prompts")} for each in case["sessions"]]
    replies = client.post(f"{place}/ask", json={"case": case["case"], "sessions": sessions}).json()
    assert all(set(each) == TOLD | {"earlier"} and each["earlier"] == [] for each in replies["sessions"])
    while going := [each for each in replies["sessions"] if not each["over"]]:
        for each in going:
            which = Which(case["case"], each["target"], 0, each["prompts"])
            expected = recorded.given(which)[each["turn"] - 1]
            assert json.dumps(each["given"], separators=(",", ":")) == expected
            # Of this user nothing is told but one click.
            assert [set(prompt) for prompt in each["given"]] == [{"click", "inside"}]
        answers = [
            {name: each[name] for name in ("target", "instance", "prompts", "turn")}
            | {
                name: recorded.rows[Which(case["case"], each["target"], 0, each["prompts"])][each["turn"] - 1][name]
                for name in ("starts", "lengths", "model_score", "seconds", "encode_seconds")
            }
            for each in going
        ]
        sent = client.post(f"{place}/answer", json={"case": case["case"], "answers": answers})
        replies = sent.json()
        assert set(replies) == {"case", "sessions"}
        assert all(set(each) == TOLD for each in replies["sessions"])
        assert client.post(f"{place}/answer", json={"case": case["case"], "answers": answers}).json() == replies
    assert all(each["turn"] == 0 and each["given"] == [] for each in replies["sessions"])


def test_who_comes_back_is_told_what_was_said_before(
    play_client: TestClient, play_attempt: str, play_open: Results
) -> None:
    recorded = FAKE["Recorded"](play_open)
    wanted = {"case": "s0", "sessions": [LIVER]}
    for turn in (1, 2):
        play_client.post(f"{play_attempt}/ask", json=wanted)
        play_client.post(f"{play_attempt}/answer", json={"case": "s0", "answers": [said(recorded, LIVER, turn)]})
    (told,) = play_client.post(f"{play_attempt}/ask", json=wanted).json()["sessions"]
    given = [json.loads(text) for text in recorded.given(Which("s0", "liver", 0, "9 clicks"))]
    assert (told["turn"], told["given"], told["earlier"]) == (3, given[2], given[:2])
    state = play_client.get(play_attempt).json()
    assert (state["open"], state["over"], state["submission"]) == (1, 0, None)
    owed = play_client.get(f"{play_attempt}/owed").json()["cases"][0]["sessions"]
    assert {each["target"]: each["state"] for each in owed}["liver"] == "open"


def test_what_is_owed_comes_in_pages(play_client: TestClient, play_attempt: str) -> None:
    first = play_client.get(f"{play_attempt}/owed", params={"count": 1}).json()
    second = play_client.get(f"{play_attempt}/owed", params={"first": first["next"]}).json()
    assert [case["case"] for case in first["cases"] + second["cases"]] == ["s0", "s1"]
    assert (first["next"], second["next"]) == (1, None)
    beyond = play_client.get(f"{play_attempt}/owed", params={"first": 9}).json()
    assert beyond == {"cases": [], "next": None}


MALFORMED: dict[str, Any] = {
    "no turn": {"turn": 0},
    "negative start": {"starts": [-1], "lengths": [1]},
    "fraction": {"starts": [0.5], "lengths": [1]},
    "too large": {"starts": [2**70], "lengths": [1]},
    "too long": {"starts": [0], "lengths": [2**31]},
    "beyond the grid": {"starts": [160 * 192], "lengths": [1]},
    "text": {"starts": "0", "lengths": [1]},
    "no lengths": {"starts": [0]},
    "something else": {"area": 5},
    "negative time": {"seconds": -1},
    "long error": {"error": "x" * 501},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_answers_change_nothing(play_client: TestClient, play_attempt: str, name: str) -> None:
    wanted = {"case": "s0", "sessions": [LIVER]}
    before = play_client.post(f"{play_attempt}/ask", json=wanted).json()
    one = LIVER | {"turn": 1} | MALFORMED[name]
    assert play_client.post(f"{play_attempt}/answer", json={"case": "s0", "answers": [one]}).status_code == 422
    assert play_client.post(f"{play_attempt}/ask", json=wanted).json() == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_what_is_no_number_is_refused(play_client: TestClient, play_attempt: str, number: str) -> None:
    play_client.post(f"{play_attempt}/ask", json={"case": "s0", "sessions": [LIVER]})
    one = json.dumps(LIVER | {"turn": 1})[:-1] + f', "model_score": {number}}}'
    body = f'{{"case": "s0", "answers": [{one}]}}'
    headers = {"Content-Type": "application/json"}
    answer = play_client.post(f"{play_attempt}/answer", content=body, headers=headers)
    assert answer.status_code == 422
    assert [set(each) for each in answer.json()["detail"]] == [{"type", "loc", "msg"}]


def test_so_many_sessions_and_runs_and_no_more(
    play_client: TestClient, play_attempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {"case": "s0", "sessions": [LIVER | {"instance": number} for number in range(65)]}
    assert play_client.post(f"{play_attempt}/ask", json=many).status_code == 422
    assert play_client.post(f"{play_attempt}/ask", json={"case": "s0", "sessions": []}).status_code == 422
    lengths = {"answers": [LIVER | {"turn": 1, "lengths": [1] * 2_000_001}], "case": "s0"}
    assert play_client.post(f"{play_attempt}/answer", json=lengths).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"task": "no such\0"},
        {"about": {"name": "a", "email": "b"}},
        {"model": MODEL | {"sees_truth": True}},
        {"model": MODEL | {"prompts": ["thoughts"]}},
        {"model": MODEL | {"prompts": ["text"]}},
        {"weights_sha256": "abc"},
        {"batch": 0},
        {"versions": {"numpy": "2"}},
        {"text": "\u202e"},
        {"more": 1},
    ],
)
def test_what_is_said_of_a_model_is_checked(play_client: TestClient, change: dict[str, Any]) -> None:
    assert play_client.post("attempts", json=BEGIN | change).status_code == 422


def test_a_task_that_is_not_there_or_not_hidden(play_client: TestClient) -> None:
    assert play_client.post("attempts", json=BEGIN | {"task": "another"}).status_code == 404


def test_refusals_say_nothing_of_the_truth(play_client: TestClient, play_attempt: str) -> None:
    play_client.post(f"{play_attempt}/ask", json={"case": "s0", "sessions": [LIVER, SPLEEN]})

    def tell(session: dict[str, Any], **fields: Any) -> Any:
        answers = [session | {"turn": 1} | fields]
        answer = play_client.post(f"{play_attempt}/answer", json={"case": "s0", "answers": answers})
        return answer.status_code, answer.json()

    for fields in ({"starts": [190], "lengths": [9]}, {"turn": 2}, {"starts": [3, 3], "lengths": [1, 1]}):
        assert tell(LIVER, **fields) == tell(SPLEEN, **fields)
    strange = [tell(LIVER | change) for change in ({"target": "heart"}, {"instance": 5}, {"prompts": "text"})]
    assert [status for status, _ in strange] == [404] * 3
    assert strange[0] == strange[1] == strange[2]


def test_an_attempt_is_its_teams_alone(play_client: TestClient, play_place: Any, play_attempt: str) -> None:
    with play_place.board.database.write() as connection:
        key = issue_key(connection, add_team(connection, "Others"))
    wanted = {"case": "s0", "sessions": [LIVER]}
    answers = {"case": "s0", "answers": [LIVER | {"turn": 1}]}
    calls = [("GET", "", None), ("GET", "/owed", None), ("POST", "/ask", wanted), ("POST", "/answer", answers)]
    for method, path, body in [*calls, ("POST", "/finish", None), ("DELETE", "", None)]:
        for token, status in ((f"Bearer {key}", 404), ("Bearer imb_no_key", 401)):
            headers = {"Authorization": token}
            answer = play_client.request(method, play_attempt + path, json=body, headers=headers)
            assert answer.status_code == status
        play_client.headers, kept = {}, play_client.headers
        assert play_client.request(method, play_attempt + path, json=body).status_code == 401
        play_client.headers = kept
    assert play_client.get(play_attempt).json()["state"] == "open"


def test_giving_up_counts(play_client: TestClient) -> None:
    for _ in range(2):
        place = f"attempts/{play_client.post('attempts', json=BEGIN).json()['id']}"
        assert play_client.delete(place).status_code == 204
        assert play_client.delete(place).status_code == 204
        assert play_client.get(place).json()["state"] == "given up"
        assert play_client.post(f"{place}/ask", json={"case": "s0", "sessions": [LIVER]}).status_code == 409
    answer = play_client.post("attempts", json=BEGIN)
    assert (answer.status_code, set(answer.json())) == (403, {"error"})


def test_finishing_too_early_is_refused(play_client: TestClient, play_attempt: str) -> None:
    answer = play_client.post(f"{play_attempt}/finish")
    assert (answer.status_code, answer.json()) == (409, {"error": "0 of 8 sessions are over; play the others first."})
