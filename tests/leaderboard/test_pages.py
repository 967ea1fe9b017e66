import itertools
import json
import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from imedbench.evaluate.results import Results
from imedbench.submission import bundle as bundles
from imedbench.submission.about import About
from leaderboard.addresses import Addresses
from leaderboard.app import create_app
from leaderboard.board import Board
from leaderboard.database import submissions, tasks, teams
from leaderboard.pages import _drawn
from leaderboard.queries import View, entries_of, first_view, table_of
from leaderboard.submissions import accept, list_submissions
from leaderboard.tasks import find_task
from leaderboard.teams import Refused
from leaderboard.worker import work

FAKES = Path(__file__).resolve().parents[1] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))
FILL = runpy.run_path(str(FAKES / "leaderboard.py"))["fill"]
Page = runpy.run_path(str(FAKES / "markup.py"))["Page"]
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE submissions; --",
    "{{7*7}}{% raw %}${7*7}",
    "</title></table></main><svg onload=alert(1)>",
    "[x](javascript:alert(1)) ![x](https://evil.example/x.png)",
)
CARDS = (
    *HOSTILE,
    "<img src=x onerror=alert(1)>\n\n<iframe src='https://evil.example'></iframe>\n\n<style>*{display:none}</style>",
    "![track](https://evil.example/pixel.png)\n\n![inline](data:image/png;base64,AAAA)",
    "[a](javascript:alert(1)) [b](  JaVaScRiPt:alert(1)) [c](vbscript:x) [d](data:text/html,<script>alert(1)</script>)",
    "<javascript:alert(1)> [e]: javascript:alert(1)\n\n[e]\n\n[e]: javascript:alert(1)",
    "[f](&#106;avascript:alert(1)) [g](java\tscript:alert(1)) [h](\\javascript:alert(1))",
    '[i](https://example.org "onmouseover=alert(1)") [j](https://example.org/"onclick="alert(1))',
    "| a | b |\n| - | - |\n| <b onclick=alert(1)>x</b> | `<script>` |",
)


@pytest.fixture
def board(made: Any) -> Iterator[Board]:
    opened = made.open()
    FILL(opened, made.ids["clicks/threshold"], 2)
    yield opened
    opened.database.close()


@pytest.fixture
def asking(board: Board) -> Iterator[TestClient]:
    with TestClient(create_app(board)) as client:
        yield client


def addresses(board: Board, made: Any) -> list[str]:
    """One page of each kind, and of each task's views a few."""
    one, other = made.ids["clicks/threshold"], made.ids["clicks/oracle"]
    found = ["/", "/take-part.html", "/nowhere", f"/submissions/{one}-targets-1.html", f"/compare/{one}-{other}.html"]
    with board.database.read() as connection:
        for name in BOARD["TASKS"]:
            task = find_task(connection, name)
            views = list(Addresses(task).views)
            found += [f"/{where}" for where in views[:: len(views) // 7]]
        found += [f"/submissions/{each.id}.html" for each in list_submissions(connection)]
    return found


def read(board: Board, made: Any) -> dict[str, Any]:
    """The pages as a browser sees them, by address."""
    with TestClient(create_app(board)) as client:
        return {where: Page(client.get(where).text) for where in addresses(board, made)}


def test_markup_is_well_formed(board: Board, made: Any) -> None:
    for where, page in read(board, made).items():
        assert page.faults == [], where
        assert page.source.startswith("<!doctype html>")
        (root,) = page.all("html")
        assert root.attributes["lang"] == "en"
        assert len([each for each in page.all("title") if each.inside("head")]) == len(page.all("main")) == 1
        names = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
        assert len(names) == len(set(names)), where


def test_each_page_has_one_heading_of_the_first_level(board: Board, made: Any) -> None:
    for where, page in read(board, made).items():
        assert len(page.all("h1")) == 1, where
        assert page.all("h1")[0].text.strip()


def test_headings_leave_no_level_out(board: Board, made: Any) -> None:
    for where, page in read(board, made).items():
        levels = [int(each.name[1]) for each in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
        assert all(below <= above + 1 for above, below in itertools.pairwise(levels)), (where, levels)


def test_whatever_is_filled_in_has_a_label(board: Board, made: Any) -> None:
    count = 0
    for where, page in read(board, made).items():
        for each in page.all("input", "select", "textarea"):
            assert each.inside("label") or each.attributes.get("aria-label"), where
            count += 1
    assert count >= 5


def test_each_table_says_what_it_is(board: Board, made: Any) -> None:
    for where, page in read(board, made).items():
        captioned = {id(each.parents[-1]) for each in page.all("caption") if each.text.strip()}
        regions = [each for each in page.all("div") if each.attributes.get("role") == "region"]
        named = [region for region in regions if region.attributes.get("aria-label", "").strip()]
        for table in page.all("table"):
            told = table.attributes.get("aria-label") or table.attributes.get("aria-labelledby")
            around = any(parent in named for parent in table.parents)
            assert told or around or id(table) in captioned, where


def test_nothing_runs_and_nothing_comes_from_elsewhere(board: Board, made: Any) -> None:
    for where, page in read(board, made).items():
        harmless(page, where)


def harmless(page: Any, where: str) -> None:
    """Nothing in it runs, and nothing is loaded from another place."""
    assert page.all("script", "iframe", "object", "embed", "base") == [], where
    for each in page.elements:
        for name, value in each.attributes.items():
            assert not name.startswith("on"), (where, name)
            assert not value.strip().lower().startswith(("javascript:", "vbscript:")), (where, value)
    for element, link in page.links():
        if element.name != "a":
            assert not link.startswith(("http", "//")), (where, link)
        if link.startswith("data:") and link != "data:,":
            # Pictures of cases, drawn here; of a card nothing is loaded.
            assert (element.name, link.partition("/")[0]) in (("image", "data:image"), ("a", "data:image")), where
    assert page.all("img") == [], where


def tampered(board: Board, text: str) -> None:
    """The text wherever a stranger or an organiser may write."""
    with board.database.write() as connection:
        rows = connection.execute(sa.select(submissions.c.id, submissions.c.about, submissions.c.run)).all()
        for row in rows:
            about = row.about | {"name": text[:60], "summary": text, "authors": text, "licence": text}
            run = row.run | {"device": text, "weights_sha256": text, "versions": {text: text}, "skipped": [text]}
            fields = {"about": about, "run": run, "reason": text}
            connection.execute(submissions.update().where(submissions.c.id == row.id).values(**fields))
        connection.execute(tasks.update().values(title=text, summary=text))
        connection.execute(teams.update().values(name=text))


def test_text_is_never_markup(board: Board, made: Any) -> None:
    tampered(board, "harmless")
    plain = read(board, made)
    for text in HOSTILE:
        tampered(board, text)
        for where, page in read(board, made).items():
            assert page.skeleton == plain[where].skeleton, (where, text)
            assert page.faults == []
            harmless(page, where)
            values = " ".join(str(each.attributes) for each in page.elements if each.name not in ("div", "nav"))
            assert "alert(1)" not in values, where
        assert text in page.text
        assert "49" not in read(board, made)["/"].text


def test_the_text_is_shown_as_it_is(board: Board, made: Any) -> None:
    for text in HOSTILE:
        tampered(board, text)
        pages = read(board, made)
        mine = pages[f"/submissions/{made.ids['clicks/threshold']}.html"]
        assert next(each.text for each in mine.all("h1")) == text[:60]
        assert mine.text.count(text) >= 4
        assert text in pages["/"].text
        first = next(page for where, page in pages.items() if where.startswith("/tasks/clicks/"))
        assert first.all("h1")[0].text == text


@pytest.mark.parametrize("card", CARDS)
def test_of_a_card_only_text_and_its_form_are_shown(board: Board, made: Any, card: str) -> None:
    mine = made.ids["clicks/threshold"]
    where = f"/submissions/{mine}.html"
    (board.settings.checked / mine / "card.md").write_text(card, "utf-8")
    with TestClient(create_app(board)) as client:
        page = Page(client.get(where).text)
    assert page.faults == []
    harmless(page, where)
    inside = [each for each in page.elements if each.inside("div", **{"class": "card prose"})]
    assert {each.name for each in inside} <= {
        "p",
        "a",
        "code",
        "pre",
        "em",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
    } | {
        "th",
        "td",
    }
    for each in inside:
        assert each.attributes.keys() <= {"href", "title", "rel"}
        if each.name == "a":
            # What is left of a picture is a link to it.
            assert each.attributes["href"].startswith(("https://", "data:image/png;", "%5C"))
    assert {"verdict", "scores", "curves", "provenance"} <= {each.attributes.get("id") for each in page.all("section")}


def test_a_card_is_formatted(board: Board, made: Any) -> None:
    mine = made.ids["clicks/threshold"]
    (board.settings.checked / mine / "card.md").write_text(
        "# T\n\n*one* **two** [three](https://example.org)\n", "utf-8"
    )
    with TestClient(create_app(board)) as client:
        page = Page(client.get(f"/submissions/{mine}.html").text)
    words = {each.name: each.text for each in page.elements if each.inside("div", **{"class": "card prose"})}
    assert (words["em"], words["strong"], words["a"]) == ("one", "two", "three")


SQL = (
    "' OR '1'='1",
    "'; DROP TABLE submissions; --",
    '" UNION SELECT * FROM keys --',
    "1; DELETE FROM teams",
    "%27%20OR%201=1",
)


@pytest.mark.parametrize("text", SQL)
def test_sql_is_text_like_any_other(board: Board, made: Any, asking: TestClient, text: str) -> None:
    before = _rows(board)
    mine = made.ids["clicks/threshold"]
    key = {"Authorization": f"Bearer {made.key}"}
    paths = (
        f"/tasks/{text}/index.html",
        f"/tasks/clicks/{text}.html",
        f"/submissions/{text}.html",
        f"/submissions/{mine}-targets-{text}.html",
        f"/compare/{mine}-{text}.html",
        f"/compare?first={mine}&second={text}",
        f"/api/v1/tasks/{text}/index.json",
        f"/api/v1/submissions/{text}.json",
    )
    assert {asking.get(path).status_code for path in paths} <= {404, 422}
    bundle = {"bundle": ("it.zip", text.encode())}
    assert asking.post("/submit", data={"task": text, "key": made.key}, files=bundle).status_code == 404
    assert asking.post("/submit", data={"task": "clicks", "key": text}, files=bundle).status_code == 401
    told = {"task": text[:32], "bytes": 1, "sha256": "0" * 64}
    assert asking.post("/api/v1/uploads", json=told, headers=key).status_code == 404
    withdrawn = asking.post(f"/api/v1/submissions/{text}/withdraw", json={"reason": text}, headers=key)
    assert withdrawn.status_code in (404, 422)
    assert asking.get("/", headers={"If-None-Match": text}).status_code == 200
    assert _rows(board) == before


def _rows(board: Board) -> dict[str, list[Any]]:
    """All that is in the database."""
    with board.database.read() as connection:
        names = sa.inspect(connection).get_table_names()
        return {name: connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in sorted(names)}


@pytest.mark.parametrize("state", ["waiting", "verified", "doubtful", "rejected", "withdrawn"])
def test_each_state_is_said_in_words(board: Board, made: Any, state: str) -> None:
    mine = made.ids["clicks/threshold"]
    with board.database.write() as connection:
        fields = {"state": state, "reason": "because"}
        connection.execute(submissions.update().where(submissions.c.id == mine).values(**fields))
    with TestClient(create_app(board)) as client:
        page = Page(client.get(f"/submissions/{mine}.html").text)
        listed = client.get("/tasks/clicks/index.html").text
    (status,) = [each for each in page.all("p") if each.attributes.get("role") == "status"]
    assert status.text.startswith(state.capitalize())
    assert "Because." in status.text
    refreshed = [each for each in page.all("meta") if each.attributes.get("http-equiv") == "refresh"]
    assert bool(refreshed) == (state == "waiting")
    assert (mine in listed) == (state == "verified")
    assert ("1 submission waiting" in listed) == (state == "waiting")


def test_curves_are_shown_once_and_linked_elsewhere(board: Board, made: Any) -> None:
    from leaderboard import pages

    with board.database.read() as connection:
        task = find_task(connection, "clicks")
        first = Page(pages.task_page(board, connection, task, first_view(task)))
        named = View("9 clicks", "dice", "", "name")
        other = Page(pages.task_page(board, connection, task, named))
    ids = [{each.attributes.get("id") for each in page.all("section")} for page in (first, other)]
    assert ("curves" in ids[0], "curves" in ids[1]) == (True, False)
    assert any(link.endswith("index.html#curves") for _, link in other.links())
    assert len([each for each in first.all("circle") if each.attributes["class"] == "dot"]) == 4 * 9


def test_an_empty_leaderboard_says_so(open_board: Callable[..., Board]) -> None:
    with TestClient(create_app(open_board())) as client:
        empty(client)


def empty(client: TestClient) -> None:
    assert "Nothing yet." in client.get("/").text
    assert "No task is open." in client.get("/take-part.html").text


RECORDS: dict[str, dict[str, Any]] = {
    "next to nothing": {"card": {"sees_truth": False}, "data": {}},
    "other kinds": {"protocol": [], "subset": 3, "skipped": [1], "versions": "x", "prompts": None, "across": {}},
    "a number without end": {"seconds": float("inf")},
}


@pytest.mark.parametrize("record", RECORDS)
def test_whatever_a_record_says_the_pages_are_there(
    open_board: Callable[..., Board], results: Results, add_all: Any, tmp_path: Path, record: str
) -> None:
    """A bundle is refused when it comes in, or its page can be shown: else one stranger stops every export."""
    board = open_board(folder=tmp_path / "strange")
    team, task = add_all(board)
    run = RECORDS[record] | {"id": results.run["id"]}
    if record != "next to nothing":
        run = dict(results.run) | run
    # JSON has no word for it, but readers take 1e999 as such.
    text = json.dumps(run).replace("Infinity", "1e999")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bundles, "_json", lambda value: text.encode() if "about" not in value else json.dumps(value).encode()
        )
        path = bundles.pack(results, tmp_path / "it.zip", About(name="Strange"), "# Card\n")
    try:
        identity = accept(board, team, task, path)
    except Refused:
        return
    with TestClient(create_app(board), raise_server_exceptions=False) as client:
        where = (f"/submissions/{identity}.html", f"/api/v1/submissions/{identity}.json")
        assert [client.get(each).status_code for each in where] == [200, 200]
        work(board.settings, until_empty=True)
        assert [client.get(each).status_code for each in where] == [200, 200]


def test_of_few_patients_it_is_said_that_they_say_little(asking: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "intervals and ranks say little here"
    assert words in asking.get("/tasks/clicks/index.html").text
    monkeypatch.setattr("leaderboard.pages.FEW", 1)
    assert words not in asking.get("/tasks/clicks/9-clicks--dice--all--name.html").text


def test_models_that_were_asked_otherwise_are_drawn_too(board: Board, made: Any) -> None:
    """A model that takes only boxes stands in no table of clicks, and on the curve of boxes all the same."""
    with board.database.read() as connection:
        task = find_task(connection, "clicks")
        table, entries = table_of(connection, task, first_view(task)), entries_of(connection, task)
    first, *others = table.rows
    drawn = _drawn(replace(table, rows=(first,)), entries)
    assert [each.id for each in drawn] == [first.entry.id, *(name for name in entries if name != first.entry.id)]
    assert len(others) == 3
    assert [each.place for each in drawn] == [0, 1, 2, 3]
