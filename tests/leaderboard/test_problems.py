import json
import runpy
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

Page = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "markup.py"))["Page"]
TRICK = '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/a/b/c/nowhere.html", 404),
        ("GET", "/tasks/none/index.html", 404),
        ("GET", "/tasks/NONE/index.html", 404),
        ("GET", "/submissions/0123456789ab.html", 404),
        ("GET", "/submissions/short.html", 404),
        ("GET", "/submissions/0123456789ab-targets-0.html", 404),
        ("GET", "/submissions/0123456789ab-targets-x.html", 404),
        ("GET", "/compare", 404),
        ("GET", "/compare?first=x&second=y", 404),
        ("GET", "/compare/0123456789ab-0123456789ab.html", 404),
        ("POST", "/", 405),
        ("GET", "/submit", 405),
        ("POST", "/submit", 422),
    ],
)
def test_people_are_told_on_a_page(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, data={"task": ""} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert page.faults == []
    (heading,) = page.all("h1")
    assert heading.text in ("Not found", "Not here", "Not taken")
    (message,) = [each for each in page.all("p") if each.attributes.get("role") == "alert"]
    assert message.text.strip().endswith(".")
    assert message.text[0] == message.text[0].upper()


@pytest.mark.parametrize("path", ["/nowhere", "/a/b/c/d.html", "/tasks/none/index.html"])
def test_the_page_has_its_style_and_its_links_from_everywhere(client: TestClient, path: str) -> None:
    page = Page(client.get(path).text)
    steps = path.count("/") - 1
    (style,) = [each for each in page.all("link") if each.attributes["rel"] == "stylesheet"]
    assert style.attributes["href"] == "../" * steps + "static/board.css"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v1/tasks/none/index.json", 404),
        ("GET", "/api/v1/submissions/0123456789ab.json", 404),
        ("GET", "/api/v1/compare/0123456789ab-0123456789ab.json", 404),
        ("GET", "/api/v1/uploads/0123456789ab", 401),
        ("POST", "/api/v1/submissions/0123456789ab/withdraw", 401),
        ("PUT", "/api/v1/index.json", 405),
    ],
)
def test_programs_are_told_in_json(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, json={} if method != "GET" else None)
    assert answer.status_code == status
    told = answer.json()
    assert set(told) == {"error"}
    assert told["error"].endswith(".")
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)


def test_what_may_be_asked_instead_is_said(client: TestClient) -> None:
    """RFC 9110, 15.5.6: an answer 405 names the methods."""
    for path in ("/", "/api/v1/index.json"):
        assert "GET" in client.delete(path).headers.get("allow", "")


def test_malformed_requests_of_programs_are_told_where(client: TestClient, key: str) -> None:
    answer = client.post("/api/v1/uploads", json={"task": 3}, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 422
    assert {tuple(each["loc"]) for each in answer.json()["detail"]} == {
        ("body", "task"),
        ("body", "bytes"),
        ("body", "sha256"),
    }


def test_a_form_that_is_not_filled_in_says_what_is_missing(client: TestClient) -> None:
    answer = client.post("/submit", data={"task": "x"}, files={"bundle": ("it.zip", b"x")})
    assert answer.status_code == 422
    assert "Key: Field required" in Page(answer.text).text


@pytest.mark.parametrize("path", [f"/{TRICK}", f"/tasks/{TRICK}/index.html", f"/compare?first={TRICK}&second=1"])
def test_what_was_asked_for_is_never_markup(client: TestClient, path: str) -> None:
    plain = Page(client.get("/nowhere").text)
    answer = client.get(path)
    assert answer.status_code == 404
    page = Page(answer.text)
    assert page.skeleton == plain.skeleton
    assert page.all("script") == []


def test_a_key_that_is_none_is_one_answer_whatever_it_is(client: TestClient, key: str) -> None:
    told = {
        client.get("/api/v1/uploads/0123456789ab", headers={"Authorization": f"Bearer {wrong}"}).text
        for wrong in ("x", "imb_0_0", key[:-1], key + "x", "imb_' OR 1=1 --_x")
    }
    assert len(told) == 1
    assert "not valid" in json.loads(told.pop())["error"]
