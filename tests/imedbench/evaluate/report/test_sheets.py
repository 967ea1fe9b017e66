import math

import pytest

from imedbench.evaluate.report.sheets import Cell, Column, Mean, Row, Sheet, csv_lines

MEAN = Mean(0.5, 0.4, 0.625, 12, 2, 1)
COLUMN = Column("Dice", better=1)


@pytest.mark.parametrize(
    ("cell", "main", "interval"),
    [
        (MEAN, "0.500", "0.400–0.625"),
        (Mean(-0.5, -0.6, 0.1, 3), "−0.500", "−0.600 to 0.100"),
        (Mean(0.5, math.nan, math.nan, 1), "0.500", ""),
        (Mean(math.nan, math.nan, math.nan, 0), "–", ""),
        (math.inf, "∞", ""),
        (1234, "1,234", ""),
        ("words", "words", ""),
        (None, "", ""),
    ],
)
def test_what_a_cell_says(cell: Cell, main: str, interval: str) -> None:
    assert COLUMN.main(cell) == main
    assert COLUMN.interval(cell) == interval


def test_headings_tell_unit_and_direction() -> None:
    assert Column("HD95", "mm", 2, -1).heading == "HD95 (mm)\N{NO-BREAK SPACE}↓"
    assert COLUMN.heading == "Dice\N{NO-BREAK SPACE}↑"
    assert Column("Clicks").heading == "Clicks"


def test_a_mean_takes_six_columns_of_a_csv_file() -> None:
    sheet = Sheet(
        "x", "X", ("Prompts",), (COLUMN, Column("Note")), (Row(("a",), (MEAN, "n")), Row(("b",), (None, None)))
    )
    head, first, second = csv_lines(sheet)
    assert head[:3] == ["Prompts", "Dice: mean", "Dice: 95 % low"]
    assert first == ["a", "0.5", "0.4", "0.625", "12", "2", "1", "n"]
    assert second == ["b"] + [""] * 7


def test_a_mean_in_other_units() -> None:
    assert MEAN.over(4) == Mean(0.125, 0.1, 0.15625, 12, 2, 1)


@pytest.mark.parametrize(
    ("heads", "grouped"),
    [([("a", "1"), ("a", "2")], True), ([("a", "1"), ("b", "1")], False), ([("a",), ("b",)], False)],
)
def test_rows_with_a_common_head_are_grouped(heads: list[tuple[str, ...]], grouped: bool) -> None:
    assert Sheet("x", "X", heads[0], (), tuple(Row(head, ()) for head in heads)).grouped is grouped
