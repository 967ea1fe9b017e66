from pathlib import Path

import pytest

from imedbench.errors import BadResults, BadSubmission
from imedbench.evaluate.results import Results
from imedbench.submission.bundle import SUFFIX, unpack
from imedbench.submission.prepare import prepare


def test_what_is_not_said_is_the_catalogues(results: Results, tmp_path: Path) -> None:
    told: list[int] = []
    path = prepare(results.path, tmp_path / "new", {}, progress=told.append)
    assert path == tmp_path / "new" / f"threshold-clicks-9-noisy{SUFFIX}"
    bundle, card = unpack(path, tmp_path / "unpacked"), results.run["card"]
    assert (bundle.about.name, bundle.about.licence) == (card["name"], card["licence"])
    assert bundle.about.summary == card["summary"]
    assert bundle.card.startswith("# ")
    assert sum(told) > 0
    assert list((tmp_path / "new").iterdir()) == [path]


def test_what_is_said_counts(results: Results, tmp_path: Path) -> None:
    said = {"name": "Ours", "summary": "", "authors": "A, B", "code": "https://example.org/x", "paper": ""}
    (tmp_path / "card.md").write_text("# Ours\n\nIt is good.\n")
    bundle = unpack(prepare(results.path, tmp_path, said, tmp_path / "card.md"), tmp_path / "unpacked")
    assert (bundle.about.name, bundle.about.authors, bundle.about.code) == ("Ours", "A, B", "https://example.org/x")
    assert bundle.about.summary == results.run["card"]["summary"]
    assert bundle.card == "# Ours\n\nIt is good.\n"


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ({"name": "x" * 61}, "--name"),
        ({"summary": "x" * 301}, "--summary"),
        ({"code": "javascript:alert(1)"}, "--code"),
        ({"paper": "ftp://example.org"}, "--paper"),
        ({"authors": "a\u202eb"}, "--authors"),
    ],
)
def test_what_may_not_be_said(results: Results, tmp_path: Path, said: dict[str, str], option: str) -> None:
    with pytest.raises(BadSubmission, match=option) as problem:
        prepare(results.path, tmp_path / "new", said)
    assert "\n" not in str(problem.value)
    assert not (tmp_path / "new").exists()


def test_a_card_that_plays_tricks(results: Results, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("a\u202eb")
    with pytest.raises(BadSubmission, match="the card"):
        prepare(results.path, tmp_path / "new", {}, tmp_path / "card.md")


def test_a_card_that_is_no_text(results: Results, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSubmission, match="UTF-8"):
        prepare(results.path, tmp_path / "new", {}, tmp_path / "card.md")


def test_a_bundle_is_copied_as_it_is(results: Results, tmp_path: Path) -> None:
    path = prepare(results.path, tmp_path, {})
    assert prepare(path, tmp_path, {}) == path
    copy = prepare(path, tmp_path / "new", {})
    assert copy == tmp_path / "new" / path.name
    assert copy.read_bytes() == path.read_bytes()


def test_the_same_run_gives_the_same_bytes(results: Results, tmp_path: Path) -> None:
    first, second = (prepare(results.path, tmp_path / name, {}).read_bytes() for name in "ab")
    assert first == second


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match="no results here"):
        prepare(tmp_path, tmp_path, {})


def test_a_model_whose_package_is_gone(results: Results, tmp_path: Path, forger: object) -> None:
    run = forger.run(record=lambda told: told["card"].update(loader="gone.away:load", name="away"))  # type: ignore[attr-defined]
    bundle = unpack(prepare(run.path, tmp_path / "new", {}), tmp_path / "unpacked")
    assert bundle.card.startswith("# away\n")
    assert "Licence: " in bundle.card
