import math

import pytest

from imedbench.evaluate.report.latex import Entry, LatexTable, escape, write_table


def table(*values: float, better: int = 1) -> LatexTable:
    rows = [[f"m{place}", Entry(value, better=better)] for place, value in enumerate(values)]
    rivals = [[(place, 1) for place in range(len(values))]]
    return LatexTable("Dice (\\%)", "x", [[("Methods", 1), ("Dice", 1)]], 1, rows, rivals)


def test_a_table_is_whole() -> None:
    assert write_table(table(81.256, 79.0)).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Dice (\%)}",
        r"\label{tab:x}",
        r"\begin{tabular}{lc}",
        r"\toprule",
        r"Methods & Dice \\",
        r"\midrule",
        r"m0 & \textbf{81.26} \\",
        r"m1 & 79.00 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_the_best_is_bold_and_the_second_of_three_underlined() -> None:
    text = write_table(table(1, 3, 2))
    assert r"m1 & \textbf{3.00}" in text
    assert r"m2 & \underline{2.00}" in text
    assert r"m0 & 1.00" in text


def test_less_can_be_better_and_equals_are_both_best() -> None:
    assert r"m0 & \textbf{1.00}" in write_table(table(1, 3, better=-1))
    assert write_table(table(2, 2, 1)).count(r"\textbf") == 2


def test_alone_or_missing_is_not_best() -> None:
    assert r"\textbf" not in write_table(table(1))
    text = write_table(table(1, math.nan, 2))
    assert r"m1 & -- \\" in text
    assert r"m2 & \textbf{2.00}" in text


def test_two_numbers_in_a_cell_compete_part_by_part() -> None:
    rows = [["a", (Entry(1), Entry(4))], ["b", (Entry(2), Entry(3))]]
    text = write_table(LatexTable("c", "l", [[("M", 1), ("x", 1)]], 1, rows, [[(0, 1), (1, 1)]]))
    assert r"a & 1.00 / \textbf{4.00} \\" in text
    assert r"b & \textbf{2.00} / 3.00 \\" in text


def test_wide_headings_have_a_rule() -> None:
    heads = [[("", 1), ("Point", 2), ("Bbox", 2)], [("M", 1), ("a", 1), ("b", 1), ("c", 1), ("d", 1)]]
    text = write_table(LatexTable("c", "l", heads, 1, [["x", Entry(1), Entry(2), Entry(3), Entry(4)]]))
    assert r"\multicolumn{2}{c}{Point} & \multicolumn{2}{c}{Bbox} \\ \cmidrule(lr){2-3} \cmidrule(lr){4-5}" in text
    assert r"\begin{tabular}{lcccc}" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("50 %", r"50 \%"), ("a_b & c", r"a\_b \& c"), ("~\\", r"\textasciitilde{}\textbackslash{}"), ("liver", "liver")],
)
def test_letters_that_latex_would_take_for_commands(text: str, escaped: str) -> None:
    assert escape(text) == escaped
