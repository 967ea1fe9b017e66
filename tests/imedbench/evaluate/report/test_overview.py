import pytest

from imedbench.evaluate.protocol import Arm
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.overview import arms_of, effort_sheet, score_sheets, shown_turns
from imedbench.evaluate.report.sheets import Mean

USER = {"simulate": "click"}


def test_each_metric_has_a_table_of_turns_and_one_of_curves(one: tuple[Numbers, ...]) -> None:
    sheets = {sheet.name: sheet for sheet in score_sheets(one)}
    assert list(sheets)[:4] == ["scores dice", "curves dice", "scores iou", "curves iou"]
    assert list(sheets)[4:] == ["scores nsd 2 mm", "scores hd95"]
    turns, curves = sheets["scores dice"], sheets["curves dice"]
    assert [column.named for column in turns.columns] == [
        "Turn 1",
        "Turn 3",
        "Turn 5",
        "Sessions",
        "Failed",
        "Undefined",
    ]
    assert [column.named for column in curves.columns][:2] == ["AUC, turns 1–5 (0–4)", "AUC, normalised (0–1)"]
    assert sheets["curves iou"].columns[0].named == "NoC@80 (turns)"
    assert turns.rows[0].heads == ("click",)
    assert turns.rows[0].cells[-3:] == curves.rows[0].cells[-3:] == (48, 2, 0)
    area, normalised = curves.rows[0].cells[:2]
    assert isinstance(area, Mean)
    assert isinstance(normalised, Mean)
    assert normalised.mean == pytest.approx(area.mean / 4)


def test_one_turn_makes_one_table(robust: tuple[Numbers, ...]) -> None:
    (sheet,) = score_sheets(robust)
    assert [column.named for column in sheet.columns] == ["Dice", "IoU", "Sessions", "Failed", "Undefined"]
    assert len(sheet.rows) == 10


def test_several_runs_stand_below_one_another(two: tuple[Numbers, ...]) -> None:
    sheet = score_sheets(two)[0]
    assert [row.heads for row in sheet.rows[:3]] == [
        ("click", "alpha"),
        ("click", "beta"),
        ("box, then clicks", "alpha"),
    ]
    assert [row.colour for row in sheet.rows[:2]] == ["var(--run-1)", "var(--run-2)"]
    assert sheet.grouped


def test_effort_on_volumes_is_counted_in_both_ways(solid: tuple[Numbers, ...]) -> None:
    sheet = effort_sheet(solid)
    assert [row.heads for row in sheet.rows[:2]] == [("click", "a volume"), ("click", "a slice touched")]
    clicks = [row.cells[0] for row in sheet.rows[:2]]
    assert [clicks[0].mean, clicks[1].mean] == [5, 1]  # type: ignore[union-attr]


def test_effort_on_pictures_is_counted_once_and_only_what_was_spent(one: tuple[Numbers, ...]) -> None:
    sheet = effort_sheet(one)
    assert [row.heads for row in sheet.rows] == [("click",), ("box, then clicks",)]
    assert "Scribbles" not in [column.title for column in sheet.columns]
    assert "User's time" in [column.title for column in sheet.columns]


def test_arms_are_those_that_were_run(one: tuple[Numbers, ...]) -> None:
    assert [arm.name for arm in arms_of(one)] == ["click", "box, then clicks"]


@pytest.mark.parametrize(
    ("turns", "shown", "expected"),
    [
        (5, (1, 3, 5, 9), [1, 3, 5]),
        (4, (), [1, 2, 3, 4]),
        (20, (), [1, 2, 4, 8, 16, 20]),
    ],
)
def test_which_turns_are_shown(turns: int, shown: tuple[int, ...], expected: list[int]) -> None:
    arm = Arm.model_validate({"name": "a", "first": [USER], "later": [USER], "turns": turns})
    assert shown_turns([arm], shown) == expected
