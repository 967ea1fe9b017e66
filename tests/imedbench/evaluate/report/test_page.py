import re
import runpy
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imedbench.evaluate.report.write import write_report
from imedbench.evaluate.results import Results

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[3] / "fakes" / "results.py"))
VOID = {"meta", "link", "br", "input", "img"}


class Tags(HTMLParser):
    """Fails on a tag that is not closed in its order; gathers ids and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids |= {str(told["id"])} if "id" in told else set()
        self.links |= {str(told["href"])} if tag == "a" else set()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing to close."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def single(alpha: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report([alpha], tmp_path_factory.mktemp("page")).html.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def double(alpha: Results, beta: Results, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report([alpha, beta], tmp_path_factory.mktemp("page")).html.read_text(encoding="utf-8")


def test_pages_are_well_formed_and_their_links_lead_somewhere(single: str, double: str) -> None:
    for text in (single, double):
        tags = Tags()
        tags.feed(text)
        assert tags.open == []
        assert {link[1:] for link in tags.links if link.startswith("#")} <= tags.ids
        for drawing in re.findall(r"<svg viewBox.*?</svg>", text, re.DOTALL):
            ET.fromstring(drawing)


def test_a_page_needs_no_network_and_no_script(single: str) -> None:
    assert "<script" not in single
    assert not re.search(r'(src|href)="(?!data:|#|https://example.org")', single)
    assert "@import" not in single
    assert "url(" not in single


def test_a_run_has_every_section(single: str) -> None:
    sections = re.findall(r'<section id="([\w-]+)"', single)
    assert sections[:5] == ["scores", "turns", "targets", "sizes", "groups"]
    assert sections[5:] == ["effort", "worst", "failures", "reading", "provenance"]
    assert single.count('class="plate"') == 10
    assert single.count("CUDA ran out of memory on a batch of one target.") == 3


def test_several_runs_have_differences(double: str) -> None:
    assert 'id="differences"' in double
    assert "All numbers are of the 96 sessions that every run has." in double
    assert "<h1>alpha · beta</h1>" in double


def test_robustness_is_shown_where_there_are_levels(levels: Results, tmp_path: Path) -> None:
    text = write_report([levels], tmp_path).html.read_text(encoding="utf-8")
    assert 'id="robustness"' in text
    assert 'id="turns"' not in text
    assert "Every session came to its end." in text


def test_provenance_is_complete(single: str, alpha: Results) -> None:
    run = alpha.run
    digests = ("weights_sha256", "protocol_digest", "prompts_digest", "data_digest", "id")
    for told in (*(run[name] for name in digests), "imedbench 0.1.0", "Apache-2.0", "2026-01-01T10:00:00"):
        assert str(told) in single


def test_warnings_stand_at_the_top(alpha: Results, make: object, tmp_path: Path) -> None:
    noisy = make(prompts="noisy", skipped=("click",))  # type: ignore[operator]
    text = write_report([alpha, noisy], tmp_path).html.read_text(encoding="utf-8")
    assert text.index("Before you compare") < text.index('id="scores"')
    assert "The simulated users differ (alpha, perfect: perfect; alpha, noisy: noisy)" in text
    assert "was not asked, as it does not take such prompts: click." in text


def test_the_truth_as_a_prompt_is_said(make: object, tmp_path: Path) -> None:
    told = make()  # type: ignore[operator]
    told = type(told)(told.path, {**told.run, "card": {**told.run["card"], "sees_truth": True}})
    text = write_report([told], tmp_path).html.read_text(encoding="utf-8")
    assert text.index("Before you read on") < text.index("was shown the truth") < text.index('id="scores"')


def test_a_missing_store_is_said(alpha: Results, tmp_path: Path) -> None:
    gone = type(alpha)(alpha.path, {**alpha.run, "data": {**alpha.run["data"], "path": "../gone"}})
    text = write_report([gone], tmp_path).html.read_text(encoding="utf-8")
    assert "is no longer at" in text
    assert 'class="plate"' not in text
    assert text.count("<figcaption>") == 10


def test_names_are_escaped(make: object, tmp_path: Path) -> None:
    text = write_report([make(model="<b>&")], tmp_path).html.read_text(encoding="utf-8")  # type: ignore[operator]
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text


def test_a_run_without_a_single_answer_is_told_as_it_is(make: object, tmp_path: Path) -> None:
    paths = write_report([make(failing=10_000)], tmp_path)  # type: ignore[operator]
    text = paths.html.read_text(encoding="utf-8")
    assert "No session was answered." in text
    assert "<dt>failed</dt><dd>96</dd>" in text
    assert not re.search(r"\bnan\b", text)


def test_one_patient_has_means_without_intervals(make: object, tmp_path: Path) -> None:
    store = FAKE["make_store"](tmp_path / "store", patients=1)
    text = write_report([make(store=store)], tmp_path / "out").html.read_text(encoding="utf-8")  # type: ignore[operator]
    assert "<dt>patient</dt><dd>1</dd>" in text
    assert "<small>" not in text
    assert not re.search(r"\bnan\b", text)
