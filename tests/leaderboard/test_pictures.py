import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from markupsafe import Markup

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.results import Results, write_run
from leaderboard.pictures import CASES, FILE, Picture, draw_worst, read_worst


def numbers_of(results: Results) -> Numbers:
    return Numbers(gather([results]).runs[0])


@pytest.fixture(scope="module")
def drawn(results: Results, tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    folder = tmp_path_factory.mktemp("pictures")
    draw_worst(numbers_of(results), folder)
    return read_worst(folder)


def test_the_worst_come_first_one_a_case(drawn: list[Picture], results: Results) -> None:
    rows = [row for row in results.scores.to_pylist() if row["metric"] == "dice"]
    final: dict[tuple[str, str], float] = {}
    for row in rows:
        final[row["case"], row["target"]] = row["value"]
    worst = {case: min(value for key, value in final.items() if key[0] == case) for case, _ in final}
    assert [each.value for each in drawn] == [f"{value:.3f}" for value in sorted(worst.values())]
    assert len({each.case for each in drawn}) == len(drawn) == 3 <= CASES
    for each in drawn:
        assert final[each.case, each.target] == worst[each.case]
        assert (each.metric, each.prompts) == ("Dice", "9 clicks")


def test_they_are_drawings_that_run_nothing(drawn: list[Picture]) -> None:
    for each in drawn:
        root = ElementTree.fromstring(str(each.svg))
        assert root.tag.endswith("svg")
        for element in root.iter():
            assert element.tag.rsplit("}", 1)[-1] not in ("script", "foreignObject", "a")
            assert not any(name.lower().startswith("on") for name in element.attrib)


def test_they_come_back_as_markup(drawn: list[Picture]) -> None:
    assert all(isinstance(each.svg, Markup) for each in drawn)
    assert not any(isinstance(each.note, Markup) or isinstance(each.case, Markup) for each in drawn)


def test_there_are_none_where_none_were_drawn(tmp_path: Path) -> None:
    assert read_worst(tmp_path) == []
    assert read_worst(tmp_path / "nowhere") == []


def test_there_are_none_without_the_data(results: Results, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(results.path, copy)
    write_run(copy, {**results.run, "data": {**results.run["data"], "path": "nowhere"}})
    draw_worst(numbers_of(Results.open(copy)), copy)
    assert json.loads((copy / FILE).read_text()) == []
    assert read_worst(copy) == []


def test_a_case_whose_name_plays_tricks_is_escaped(results: Results, tmp_path: Path) -> None:
    """The names of a run's model are a stranger's."""
    copy = tmp_path / "run"
    shutil.copytree(results.path, copy)
    nasty = "<script>alert(1)</script>"
    run: dict[str, Any] = {**results.run, "model": nasty, "card": {**results.run["card"], "name": nasty}}
    run["data"] = {**run["data"], "path": str(results.data)}
    write_run(copy, run)
    table = pq.read_table(copy / "turns.parquet")
    pq.write_table(pa.Table.from_batches(table.to_batches(), table.schema), copy / "turns.parquet")
    draw_worst(numbers_of(Results.open(copy)), copy)
    pictures = read_worst(copy)
    assert len(pictures) == 3
    assert not any("<script" in each.svg for each in pictures)
