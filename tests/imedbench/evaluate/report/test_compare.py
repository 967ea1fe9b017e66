import math

import pytest

from imedbench.evaluate.report.compare import chance, difference_sheets
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.report.sheets import Mean


def test_one_run_has_no_differences(one: tuple[Numbers, ...]) -> None:
    assert difference_sheets(one) == []


def test_differences_are_those_of_the_means(two: tuple[Numbers, ...]) -> None:
    sheets = difference_sheets(two)
    assert [sheet.name for sheet in sheets] == [
        "differences dice",
        "differences iou",
        "differences nsd 2 mm",
        "differences hd95",
    ]
    row = sheets[0].rows[0]
    assert row.heads == ("click", "alpha − beta")
    difference = row.cells[0]
    assert isinstance(difference, Mean)
    means = [each.turns["click", "dice", 5].mean for each in two]
    assert difference.mean == pytest.approx(means[0] - means[1])
    assert row.cells[-3:] == (6, 48, 0)


def test_six_patients_are_too_few_for_many_tests(two: tuple[Numbers, ...]) -> None:
    sheet = difference_sheets(two)[0]
    assert {row.cells[4] for row in sheet.rows} == {"may be chance"}
    assert (
        sheet.note
        == "With 6 patients the test gives no p below 0.031, 0.062 after correction for 2 tests: too few to tell."
    )


def test_a_run_against_itself_does_not_differ(one: tuple[Numbers, ...], alpha: object) -> None:
    same = tuple(Numbers(run) for run in gather([alpha, alpha]).runs)  # type: ignore[list-item]
    for row in difference_sheets(same)[0].rows:
        assert row.cells[0].mean == 0  # type: ignore[union-attr]
        assert row.cells[1:5] == (0.0, "1.000", "1.000", "may be chance")


def test_a_clear_difference_names_the_better_one(make: object) -> None:
    # One arm, so one test; six patients that all say the same give p = 2 / 2^6.
    arms = ("box, then clicks",)
    good, bad = make(model="good", error=0.1, skipped=arms), make(model="bad", error=0.9, skipped=arms)  # type: ignore[operator]
    both = tuple(Numbers(run) for run in gather([bad, good]).runs)
    dice, *_, hd95 = difference_sheets(both)
    assert dice.rows[0].cells[1:5] == (-1.0, "0.031", "0.031", "good is better")
    assert hd95.rows[0].cells[1:5] == (1.0, "0.031", "0.031", "good is better")
    assert dice.note == ""


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< 0.001"), (0.0312, "0.031"), (1.0, "1.000"), (math.nan, "–")])
def test_p_values_are_written_shortly(p: float, text: str) -> None:
    assert chance(p) == text
