import json
from pathlib import Path
from typing import Any

import pytest

from imedbench.curate.decisions import Decision, write_decisions
from imedbench.curate.review import PAGE, classes_of, page, ranked
from imedbench.errors import BadInput


def row(name: str, *weights: float, **told: Any) -> dict[str, Any]:
    doubts = [{"check": "jump", "what": f"has a jump of {weight}", "weight": weight} for weight in weights]
    shares = {"labelled_before": 0.4, "labelled_after": 0.9}
    return (
        {"subject": name, "structures": [], "findings": [], "known_errors": [], "doubts": doubts, "repaired": False}
        | shares
        | told
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    finding = {"rule": "sides", "structures": ["kidney_left"], "what": "is <odd>", "remedy": "review", "ml": 0}
    rows = [
        row("s0000"),
        row("s0001", 1.5, 2.0),
        row("s0002", findings=[finding, {**finding, "remedy": "renamed"}]),
        {"subject": "s0003", "error": "s0003: is no CT; give one."},
        row("s0004", 9.0),
        {"subject": "s0005", "rejected": "moved"},
    ]
    (tmp_path / "subjects.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    write_decisions(tmp_path, {"s0004": Decision("accept", "seen"), "s0005": Decision("reject", "moved")})
    return tmp_path


def test_the_doubtful_first_and_what_is_decided_last(out: Path) -> None:
    found = ranked(out)
    assert [each.name for each in found] == ["s0001", "s0002", "s0000", "s0004", "s0005"]
    assert [each.doubt for each in found] == [3.5, 1.0, 0.0, 9.0, 0.0]
    assert found[0].remarks == ("Has a jump of 2.0.", "Has a jump of 1.5.")
    assert found[1].remarks == ("Kidney left is <odd>: left as it is.", "Kidney left is <odd>: renamed.")


def test_a_page_says_what_is_doubtful(out: Path) -> None:
    text = page(out, ranked(out), 1, "secret")
    assert "Kidney left is &lt;odd&gt;: left as it is." in text
    assert "<odd>" not in text
    assert text.count('action="decide"') == text.count('value="secret"') == 5
    assert text.index("s0001") < text.index("s0004")
    assert 'value="seen"' in text
    assert "nan" not in text.split("</style>")[1]


def test_pages(out: Path) -> None:
    rows = [row(f"s{number:04}") for number in range(PAGE + 1)]
    (out / "subjects.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    (out / "review.csv").unlink()
    first, last = (page(out, ranked(out), number, "") for number in (1, 99))
    assert (first.count("<article"), last.count("<article")) == (PAGE, 1)
    assert 'href="?page=2" aria-current="page"' in last


@pytest.mark.parametrize("function", [ranked, classes_of])
def test_what_is_no_curated_data(tmp_path: Path, function: Any) -> None:
    with pytest.raises(BadInput, match="name the --out of imedbench curate totalseg"):
        function(tmp_path)
