import posixpath
import re
import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given
from hypothesis import strategies as st

from leaderboard import addresses
from leaderboard.addresses import Addresses, json_address, root_of, slug, slugs
from leaderboard.app import create_app
from leaderboard.export import export
from leaderboard.queries import first_view, views_of
from leaderboard.tasks import Task, find_task

FAKES = Path(__file__).resolve().parents[1] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))
Page = runpy.run_path(str(FAKES / "markup.py"))["Page"]
SITE = "http://testserver/"
ADDRESS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("addresses") / "two"
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(folder)


@pytest.fixture(scope="module")
def tasks(made: Any) -> list[Task]:
    board = made.open()
    with board.database.read() as connection:
        found = [find_task(connection, name) for name in BOARD["TASKS"]]
    board.database.close()
    return found


@given(st.text())
def test_a_slug_is_an_address(text: str) -> None:
    assert ADDRESS.fullmatch(slug(text))
    assert slug(slug(text)) == slug(text)


@given(st.lists(st.text("a-. %é!", max_size=4)))
@example(["nsd 2 mm", "nsd 2-mm", "nsd-2.mm", "nsd 2 mm-2"])
@example(["point 50 %", "point 50", "Point 50 %"])
def test_no_two_texts_have_one_address(texts: list[str]) -> None:
    found = slugs(texts)
    assert found.keys() == set(texts)
    assert len(set(found.values())) == len(found)
    assert all(ADDRESS.fullmatch(name) for name in found.values())


def test_every_view_has_one_address_and_back(tasks: list[Task]) -> None:
    for task in tasks:
        known = Addresses(task)
        assert list(known.views.values()) == views_of(task)
        for view in views_of(task):
            where = known.of(view)
            folder, file = posixpath.split(where)
            assert folder == f"tasks/{task.id}"
            assert known.view(file) == view
        assert known.of(first_view(task)) == f"tasks/{task.id}/index.html"
        assert known.view("none.html") is None


LABELS = st.lists(st.text("ab-% ", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@given(arms=LABELS, modalities=LABELS)
@example(["a b", "a-b", "a--b"], ["ct", "all"])
@example(["index", "x"], ["x", "all", ""])
def test_labels_that_differ_in_punctuation_only(tasks: list[Task], arms: list[str], modalities: list[str]) -> None:
    arm = tasks[0].protocol.arms[0]
    protocol = tasks[0].protocol.model_copy(
        update={"arms": tuple(arm.model_copy(update={"name": name}) for name in arms)}
    )
    facts = dict(tasks[0].facts) | {"modalities": [name for name in modalities if name]}
    task = replace(tasks[0], protocol=protocol, facts=facts)
    known = Addresses(task)
    assert list(known.views.values()) == views_of(task)
    assert len(known.views) == len(views_of(task))


@given(st.lists(st.sampled_from(["a", "b.html"]), min_size=1, max_size=5))
def test_the_root_is_found_from_everywhere(steps: list[str]) -> None:
    address = "/".join(steps)
    assert urljoin(urljoin(SITE, address), root_of(address) + "index.html") == f"{SITE}index.html"


def test_addresses_of_other_pages() -> None:
    one, other = "0123456789ab", "ba9876543210"
    found = [
        addresses.submission_address(one),
        addresses.targets_address(one, 1),
        addresses.targets_address(one, 11),
        addresses.compare_address(one, other),
        addresses.compare_address(other, one),
    ]
    assert len({*found, *map(json_address, found)}) == 10
    assert json_address("index.html") == "api/v1/index.json"


def crawl(read: Any) -> dict[str, str]:
    """Every page that can be reached from the first one, by address; ``read`` fails where there is none."""
    found: dict[str, str] = {}
    waiting = [""]
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        found[address] = text = read(address)
        if not text.startswith("<!doctype html>"):
            continue
        page = Page(text)
        ids = {each.attributes.get("id") for each in page.elements}
        for element, link in page.links():
            target, fragment = urldefrag(urljoin(SITE + address, link))
            if urlsplit(link).scheme in ("https", "data") or element.attributes.get("method") == "post":
                continue
            assert target.startswith(SITE), link
            if fragment and target == SITE + address:
                assert fragment in ids, link
            waiting.append(target.removeprefix(SITE))
            if element.name == "form":
                waiting[-1] += _chosen(page)
    return found


def _chosen(page: Any) -> str:
    """What the form asks when nothing is changed in it."""
    selected = [each.attributes["value"] for each in page.all("option") if "selected" in each.attributes]
    names = [each.attributes["name"] for each in page.all("select")]
    return "?" + "&".join(f"{name}={value}" for name, value in zip(names, selected, strict=True))


@pytest.fixture(scope="module")
def served(made: Any) -> Iterator[dict[str, str]]:
    board = made.open()
    with TestClient(create_app(board)) as client:

        def read(address: str) -> str:
            answer = client.get("/" + address)
            assert answer.status_code == 200, address
            return answer.text

        yield crawl(read)
    board.database.close()


@pytest.fixture(scope="module")
def exported(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "out"
    board = made.open()
    export(board, out)
    board.database.close()
    return out


def test_every_link_of_every_page_leads_somewhere(served: dict[str, str], made: Any, tasks: list[Task]) -> None:
    views = {where for task in tasks for where in Addresses(task).views}
    submissions = {addresses.submission_address(name) for name in made.ids.values()}
    targets = {addresses.targets_address(name, 1) for name in made.ids.values()}
    json = {json_address(where) for where in views | submissions}
    reached = set(served)
    assert views | submissions | targets | json <= reached
    assert any(address.startswith("compare?") for address in reached)


def test_every_link_of_every_exported_page_leads_to_a_file(exported: Path, served: dict[str, str]) -> None:
    def read(address: str) -> str:
        path = exported / (address or "index.html")
        assert path.is_file(), address
        return path.read_text("utf-8")

    found = crawl(read)
    assert {name for name in served if "?" not in name} <= found.keys()
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert found.keys() - {""} <= files
