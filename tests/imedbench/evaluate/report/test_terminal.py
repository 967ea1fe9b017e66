import io
import runpy
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from imedbench.evaluate.report.sheets import Column, Mean, Row, Sheet
from imedbench.evaluate.report.terminal import Tables, renderables
from imedbench.evaluate.report.write import make_report
from imedbench.evaluate.results import Results

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[3] / "fakes" / "results.py"))


def shown(*things: Any, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    for thing in things:
        console.print(thing)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_table_has_means_and_intervals() -> None:
    sheet = Sheet(
        "x",
        "Dice [raw]",
        ("Prompts",),
        (Column("Turn 1"), Column("Failed")),
        (Row(("a",), (Mean(0.5, 0.4, 0.6, 9), 0)),),
    )
    text = shown(Tables(sheet))
    assert "Dice [raw]" in text
    assert "0.500" in text
    assert "0.400–0.600" in text
    assert "Failed" not in text


def test_a_run_is_shown_in_full(alpha: Results) -> None:
    text = shown(*renderables(make_report([alpha])))
    assert "alpha  fake-turns on ellipses, prompts: perfect; 96 sessions on pictures of 6 patients" in text
    assert "alpha: 3 sessions failed; counted with the worst value." in text
    for words in ("Dice", "AUC", "normalised", "NoC@80", "Monotonicity", "Effort", "User's time", "by a stated model"):
        assert words in text


def test_several_runs_are_shown_with_their_differences(alpha: Results, beta: Results) -> None:
    text = shown(*renderables(make_report([alpha, beta])), width=160)
    assert "alpha − beta" in text
    assert "may be chance" in text


def test_it_fits_eighty_columns(alpha: Results) -> None:
    text = shown(*renderables(make_report([alpha])), width=80)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "…" not in text


@pytest.mark.parametrize("head", ["Prompts", "Counted for", "x"])
@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_number_is_cut_off(head: str, width: int) -> None:
    columns = tuple(Column(f"Metric {number} (mm)") for number in range(11))
    sheet = Sheet("x", "Scores", (head,), columns, (Row(("box",), (Mean(0.5, 0.4, 0.6, 9),) * 11),))
    text = shown(Tables(sheet), width=width)
    assert text.count("0.400–0.600") == 11
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_volumes_are_called_so(volume: Results) -> None:
    assert " on volumes of " in shown(*renderables(make_report([volume])), width=200)


def test_of_one_patient_no_interval_is_promised(make: Any, tmp_path: Path) -> None:
    lone = make(store=FAKE["make_store"](tmp_path / "store", patients=1))
    text = shown(*renderables(make_report([lone])), width=200)
    assert "sessions on pictures of 1 patient\n" in text
    assert "no intervals, as all are of one patient" in text
    assert "below them the 95 % interval" not in text
