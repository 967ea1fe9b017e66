import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leaderboard.board import Board
from leaderboard.teams import Team, bar_team, revoke_key

NOWHERE = "/api/v1/uploads/0123456789ab"


def ask(client: TestClient, authorization: str | bytes | None) -> tuple[int, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.get(NOWHERE, headers=headers)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    return answer.status_code, answer.json()["error"]


def test_a_key_opens_the_door(client: TestClient, key: str) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert ask(client, f"{scheme} {key}") == (404, "there is no such upload; begin it again.")


def test_without_a_key(client: TestClient) -> None:
    status, told = ask(client, None)
    assert (status, "Authorization: Bearer KEY" in told) == (401, True)


@pytest.mark.parametrize("kind", ["{}", "Basic {}", "Bearer", "Bearer {} {}", "Bearer {}x", "Bearer  x{}", "Token {}"])
def test_with_what_is_no_key(client: TestClient, key: str, kind: str) -> None:
    assert ask(client, kind.format(key, key))[0] == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.binary(max_size=60).filter(lambda text: not set(text) & set(b"\r\n\0")))
def test_with_any_bytes(client: TestClient, text: bytes) -> None:
    for start in (b"", b"Bearer ", b"Bearer imb_", b"Bearer imb_a_"):
        assert ask(client, start + text)[0] == 401


def test_no_answer_holds_the_key(client: TestClient, key: str) -> None:
    answer = client.get(NOWHERE, headers={"Authorization": f"Bearer {key}x"})
    secret = key.split("_", 2)[2]
    assert answer.status_code == 401
    assert secret not in answer.text
    assert secret not in str(answer.headers)


def test_with_a_key_that_was_revoked(client: TestClient, board: Board, key: str) -> None:
    with board.database.write() as connection:
        revoke_key(connection, key.split("_")[1])
    assert ask(client, f"Bearer {key}")[0] == 401


def test_as_a_team_that_is_barred(client: TestClient, board: Board, team: Team, key: str) -> None:
    with board.database.write() as connection:
        bar_team(connection, team, barred=True)
    status, told = ask(client, f"Bearer {key}")
    assert (status, "Ours" in told) == (403, True)
