from imedbench.evaluate.report.groups import group_sheets
from imedbench.evaluate.report.numbers import Numbers


def test_there_is_a_table_for_each_way_of_grouping(one: tuple[Numbers, ...]) -> None:
    sheets = {sheet.name: sheet for sheet in group_sheets(one)}
    assert list(sheets) == ["by target", "by modality", "by group", "by size"]
    target = sheets["by target"]
    assert target.heads == ("Target", "Prompts")
    assert [row.heads for row in target.rows[:3]] == [
        ("kidney", "click"),
        ("kidney", "box, then clicks"),
        ("liver", "click"),
    ]
    assert target.rows[0].cells[0] == one[0].by_target["kidney", "click", "dice"]
    assert {row.heads[0] for row in sheets["by group"].rows} == {"Abdomen", "Lesions"}


def test_sizes_are_sorted_by_number(one: tuple[Numbers, ...]) -> None:
    sizes = [row.heads[0] for row in group_sheets(one)[-1].rows]
    assert list(dict.fromkeys(sizes)) == ["10–99", "100–999", "1,000–9,999"]


def test_of_a_series_only_the_perfect_arm_is_shown(robust: tuple[Numbers, ...]) -> None:
    assert {row.heads[1] for row in group_sheets(robust)[0].rows} == {"point 0 %", "box 100 %"}


def test_several_runs_have_a_row_each(two: tuple[Numbers, ...]) -> None:
    sheet = group_sheets(two)[0]
    assert sheet.heads == ("Target", "Prompts", "Run")
    assert [row.heads for row in sheet.rows[:2]] == [("kidney", "click", "alpha"), ("kidney", "click", "beta")]
    assert sheet.rows[1].colour == "var(--run-2)"
