import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from imedbench.evaluate.protocol import list_protocols, load_protocol
from imedbench.evaluate.report.layouts import LAYOUTS, make_latex
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.results import Results


def lines(text: str) -> list[str]:
    return text.splitlines()


def renamed(numbers: tuple[Numbers, ...], protocol: str) -> tuple[Numbers, ...]:
    """The same runs as if they were of a protocol with this id."""
    found = []
    for each in numbers:
        results = Results(each.run.results.path, each.run.facts)
        vars(results)["protocol"] = each.run.protocol.model_copy(update={"id": protocol})
        found.append(Numbers(replace(each.run, results=results)))
    return tuple(found)


@pytest.mark.parametrize("protocol", [*LAYOUTS, "of one's own"])
def test_every_table_is_rectangular(two: tuple[Numbers, ...], robust: tuple[Numbers, ...], protocol: str) -> None:
    numbers = robust if protocol == "safeclick" else two
    text = make_latex(renamed(numbers, protocol))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") >= 1
    for table in text.split(r"\begin{table}")[1:]:
        columns = len(re.findall(r"\\begin\{tabular\}\{([lc]+)\}", table)[0])
        for line in re.findall(r"^.*&.*\\\\.*$", table, re.MULTILINE):
            spans = [int(each) for each in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            assert line.replace(r"\&", "").count("&") + 1 + sum(spans) - len(spans) == columns, line


def test_layouts_are_of_protocols_that_there_are() -> None:
    assert set(LAYOUTS) <= set(list_protocols())


def test_safeclick_has_its_columns_and_averages_the_imperfect_ones(robust: tuple[Numbers, ...]) -> None:
    text = make_latex(renamed(robust, "safeclick"))
    assert r"Methods & 0\% & 25\% & 50\% & 75\% & 100\% & Avg. & 100\% & 50\% & 75\% & 125\% & 150\% & Avg. \\" in text
    row = next(line for line in lines(text) if line.startswith("alpha"))
    numbers = [float(each) for each in re.findall(r"\d+\.\d+", row)]
    assert numbers[5] == pytest.approx(sum(numbers[1:5]) / 4, abs=0.01)
    assert numbers[11] == pytest.approx(sum(numbers[7:11]) / 4, abs=0.01)
    assert numbers[0] == pytest.approx(100 * robust[0].turns["point 0 %", "dice", 1].mean, abs=0.005)


def test_safeclick_names_the_prompts_that_were_asked(robust: tuple[Numbers, ...]) -> None:
    kept = []
    for each in renamed(robust, "safeclick"):
        only = pc.starts_with(pc.cast(each.run.scores["prompts"], pa.string()), "box")
        kept.append(Numbers(replace(each.run, scores=each.run.scores.filter(only))))
    text = make_latex(kept)
    assert r"\multicolumn{6}{c}{Box}" in text
    assert "{Point}" not in text


def test_clicks_have_a_pair_of_columns_for_each_number(make: Any) -> None:
    numbers = (Numbers(gather([make(protocol=load_protocol("clicks-9"))]).first),)
    first, *targets = make_latex(numbers).split(r"\begin{table}")[1:]
    heading = " & ".join(rf"\multicolumn{{2}}{{c}}{{{n} click{'s' * (n > 1)}}}" for n in (1, 3, 5, 7, 9))
    assert heading in first
    assert [table.count("kidney & liver & spleen & tumor") for table in targets] == [1, 1]


def test_prism_has_two_numbers_a_target(solid: tuple[Numbers, ...]) -> None:
    text = make_latex(renamed(solid, "prism-11"))
    assert " & Methods & kidney & liver & spleen & tumor" in text
    assert re.search(r"click & gamma & \d+\.\d\d / \d+\.\d\d", text)


def test_cvpr_has_a_row_a_modality(two: tuple[Numbers, ...]) -> None:
    text = make_latex(renamed(two, "cvpr2025"))
    assert "Modality & Model & DSC AUC" in text
    assert re.search(r"^ct & alpha & .*\\\\$", text, re.MULTILINE)
    assert "AUC over the clicks (0 to 4)" in text


def test_the_generic_layout_has_every_arm_and_turn(two: tuple[Numbers, ...]) -> None:
    text = make_latex(two)
    assert r"\multicolumn{3}{c}{Dice}" in text
    assert r"\multicolumn{3}{c}{HD95 (mm)}" in text
    assert re.search(r"^box, then clicks & beta & ", text, re.MULTILINE)
    assert "96 sessions of 6 patients" in text
