import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leaderboard.board import Board

FAKES = Path(__file__).resolve().parents[2] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))
Page = runpy.run_path(str(FAKES / "markup.py"))["Page"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("routes") / "two")


@pytest.fixture(scope="module")
def two(made: Any) -> Iterator[Board]:
    opened = made.open()
    yield opened
    opened.database.close()


def test_the_first_page_has_two_addresses(asking: TestClient) -> None:
    assert asking.get("/").text == asking.get("/index.html").text
    assert "Ellipses, clicks" in asking.get("/").text


def test_how_to_take_part_names_the_service(asking: TestClient) -> None:
    page = Page(asking.get("/take-part.html").text)
    assert "--to http://testserver --task TASK" in page.text
    (form,) = page.all("form")
    assert (form.attributes["method"], form.attributes["enctype"]) == ("post", "multipart/form-data")
    assert [each.attributes["value"] for each in page.all("option")] == ["clicks", "levels"]
    assert {each.attributes["name"] for each in page.all("input", "select")} == {"task", "key", "bundle"}
    hostile = asking.get("/take-part.html", headers={"Host": 'evil.example"><script>'})
    assert Page(hostile.text).all("script") == []


def test_choosing_two_leads_to_their_page(asking: TestClient, made: Any) -> None:
    one, other = made.ids["clicks/threshold"], made.ids["clicks/oracle"]
    answer = asking.get(f"/compare?first={one}&second={other}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"].lstrip("/")) == (303, f"compare/{one}-{other}.html")
    assert "threshold and oracle" in asking.get(f"/compare?first={one}&second={other}").text


def test_two_of_different_tasks_are_not_compared(asking: TestClient, made: Any) -> None:
    one, other = made.ids["clicks/threshold"], made.ids["levels/oracle"]
    answer = asking.get(f"/compare/{one}-{other}.html")
    assert (answer.status_code, "different tasks" in answer.text) == (404, True)


def test_target_by_target(asking: TestClient, made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    page = Page(asking.get(f"/submissions/{mine}-targets-1.html").text)
    assert len([row for row in page.all("tr") if row.inside("tbody")]) == 24
    for number in (0, 2, 10**6, 10**7):
        assert asking.get(f"/submissions/{mine}-targets-{number}.html").status_code == 404


def test_pages_of_many_targets(asking: TestClient, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaderboard.pages.PAGE", 7)
    mine = made.ids["levels/oracle"]
    shown = []
    for number in range(1, 8):
        page = Page(asking.get(f"/submissions/{mine}-targets-{number}.html").text)
        shown += [row.text for row in page.all("tr") if row.inside("tbody")]
        (current,) = {each.text for each in page.all("a") if each.attributes.get("aria-current") == "page"}
        assert current == str(number)
    assert len(shown) == len(set(shown)) == 48
    assert asking.get(f"/submissions/{mine}-targets-8.html").status_code == 404


def test_the_style_may_be_kept(asking: TestClient) -> None:
    answer = asking.get("/static/board.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert "max-age" in answer.headers["cache-control"]
    assert "http" not in answer.text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_whether_a_page_is_there_may_be_asked(asking: TestClient, method: str) -> None:
    """RFC 9110, 9.1: GET and HEAD are what every server has."""
    assert asking.request(method, "/").status_code == 200
