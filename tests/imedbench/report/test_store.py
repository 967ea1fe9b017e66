import html.parser
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imedbench.report.store import write_report
from imedbench.store import Store
from imedbench.types import Case

VOID = {"meta", "link", "input", "br", "image", "img", "path", "rect", "line", "circle"}


class Page(html.parser.HTMLParser):
    """Checks that tags close in order, and keeps ids, links and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag == "a":
            self.links.append(values.get("href") or "")
        elif "href" in values or "src" in values:
            self.sources.append(values.get("href") or values.get("src") or "")
        if tag not in VOID or (tag in {"path", "rect"} and self.get_starttag_text()[-2:] != "/>"):  # type: ignore[index]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "image":
            self.sources.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(sample_store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    path = tmp_path_factory.mktemp("page") / "report.html"
    told: list[tuple[int, int]] = []
    write_report(sample_store, path, advance=lambda done, total: told.append((done, total)))
    assert told == [(done, 5) for done in range(1, 6)]
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    text = path.read_text(encoding="utf-8")
    parsed = Page()
    parsed.feed(text)
    return text, parsed


def test_the_page_is_well_formed_and_its_anchors_lead_somewhere(page: tuple[str, Page]) -> None:
    _, parsed = page
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link.removeprefix("#") for link in parsed.links if link.startswith("#")} <= set(parsed.ids)


def test_nothing_is_loaded_from_elsewhere(page: tuple[str, Page]) -> None:
    text, parsed = page
    assert all(source.startswith("data:") for source in parsed.sources)
    assert "url(" not in text
    assert "@import" not in text
    assert len([source for source in parsed.sources if source.startswith("data:image/webp")]) == 5


def test_the_page_says_what_matters(page: tuple[str, Page]) -> None:
    text, _ = page
    for words in (
        "raw/bad1.nii.gz: holds 3 NaN voxels",
        "slices without a truth mask",
        "No patient is on two sides",
        "liver tumor 2, 1.3 % of the picture",
        "score 0.95",
        "CC-BY-4.0",
        "A. Author, 2020.",
        "Names outside the vocabulary",
    ):
        assert words in text


def test_pictures_have_words_for_those_who_do_not_see_them(page: tuple[str, Page]) -> None:
    text, _ = page
    labels = re.findall(r'<svg viewBox[^>]*aria-label="([^"]*)"', text)
    assert "ct picture s2: liver, liver tumor; 3 interactive masks" in labels


def test_what_the_data_says_is_escaped(
    make_store: Callable[..., Store], sample_cases: list[Case], tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script>"
    store = make_store(sample_cases, name=evil, recipe={evil: {"title": evil, "url": evil}})
    write_report(store, tmp_path / "page.html")
    assert evil not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_what_is_not_known_or_not_there_is_said_so(
    make_store: Callable[..., Store], sample_cases: list[Case], tmp_path: Path
) -> None:
    scan = next(case for case in sample_cases if case.id == "s2")
    image = replace(scan.image, modality="")
    store = make_store([replace(scan, image=image, masks=scan.masks.of_kind("gt"))], name="plain", recipe={"plain": {}})
    write_report(store, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.search(r'class="facts" title="modality unknown ·', text)
    assert "<caption>Images by modality</caption>" in text
    assert "<th scope=row>modality unknown</th>" in text
    assert "interactive</li>" not in text
    assert 'class="lead"' not in text


def test_an_empty_store_has_a_page(make_store: Callable[..., Store], tmp_path: Path) -> None:
    found = write_report(make_store([]), tmp_path / "page.html")
    assert found.pictures == found.volumes == 0
    assert "in quarantine" in (tmp_path / "page.html").read_text(encoding="utf-8")
