import math
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imedbench.evaluate.report.sheets import Mean
from leaderboard import queries
from leaderboard.charts import MOST, Charts, Drawn
from leaderboard.tasks import Task, find_task

FAKES = Path(__file__).resolve().parents[1] / "fakes"
BOARD = runpy.run_path(str(FAKES / "board.py"))
Page = runpy.run_path(str(FAKES / "markup.py"))["Page"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return BOARD["made"](tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("charts") / "two")


@pytest.fixture(scope="module")
def tasks(made: Any) -> dict[str, Task]:
    board = made.open()
    with board.database.read() as connection:
        found = {name: find_task(connection, name) for name in BOARD["TASKS"]}
    board.database.close()
    return found


def charts_of(made: Any, task: Task, *ids: str) -> Charts:
    board = made.open()
    with board.database.read() as connection:
        curves = queries.curves_of(connection, "dice", ids)
    board.database.close()
    return Charts(task, "dice", [Drawn(name, f"model {place}", place) for place, name in enumerate(ids)], curves)


def drawn(figure: Any) -> Any:
    """The figure's markup; fails where it is no good."""
    page = Page(f"<div>{figure.legend}{figure.drawing}</div>")
    assert page.faults == []
    assert "nan" not in str(figure.drawing).lower()
    assert "None" not in str(figure.drawing)
    return page


def strokes(page: Any) -> list[Any]:
    return [each for each in page.all("path") if each.attributes["class"] == "stroke"]


def dots(page: Any) -> list[Any]:
    return [each for each in page.all("circle") if each.attributes["class"] == "dot"]


def spread(curve: dict[int, float], *, known: bool = True) -> list[tuple[int, Mean]]:
    half = 0.1 if known else math.nan
    return [(turn, Mean(value, value - half, value + half, 4)) for turn, value in curve.items()]


def test_a_line_a_model_over_the_turns(made: Any, tasks: dict[str, Task]) -> None:
    task = tasks["clicks"]
    (arm,) = task.protocol.arms
    for count in (1, 2):
        charts = charts_of(made, task, *[made.ids["clicks/threshold"], made.ids["clicks/oracle"]][:count])
        figure = charts.turns(arm)
        assert figure is not None
        page = drawn(figure)
        assert len(strokes(page)) == len([each for each in page.all("li")]) == count
        assert len(dots(page)) == 9 * count
        assert arm.name in figure.title
        for number in range(count):
            assert page.text.count(f"model {number}, turn 3: ") == 1
    assert list(charts.levels()) == []


def test_numbers_in_the_chart_are_those_of_the_database(made: Any, tasks: dict[str, Task]) -> None:
    mine = made.ids["clicks/threshold"]
    charts = charts_of(made, tasks["clicks"], mine)
    figure = charts.turns(tasks["clicks"].protocol.arms[0])
    assert figure is not None
    for turn, mean in charts.curves[mine, "9 clicks"]:
        assert f"turn {turn}: DSC {mean.mean:.3f} [{mean.low:.3f}–{mean.high:.3f}], n = 24" in figure.drawing or (
            f"turn {turn}: Dice {mean.mean:.3f} [{mean.low:.3f}–{mean.high:.3f}], n = 24" in figure.drawing
        )


def test_over_each_series_and_the_perfect_level_is_named(made: Any, tasks: dict[str, Task]) -> None:
    task = tasks["levels"]
    charts = charts_of(made, task, made.ids["levels/threshold"], made.ids["levels/oracle"])
    assert all(charts.turns(arm) is None for arm in task.protocol.arms)
    points, boxes = charts.levels()
    assert "point displacement" in points.title
    assert "box scale" in boxes.title
    assert (points.note, boxes.note) == ("Perfect prompts stand at 0.", "Perfect prompts stand at 100.")
    for figure in (points, boxes):
        page = drawn(figure)
        assert len(strokes(page)) == 2
        assert len(dots(page)) == 4


def test_without_a_perfect_arm_none_is_named(made: Any, tasks: dict[str, Task]) -> None:
    task = tasks["levels"]
    arms = tuple(arm for arm in task.protocol.arms if not arm.perfect)
    short = replace(task, protocol=task.protocol.model_copy(update={"arms": arms}))
    assert [figure.note for figure in charts_of(made, short, made.ids["levels/threshold"]).levels()] == ["", ""]


def test_nothing_to_draw(made: Any, tasks: dict[str, Task]) -> None:
    for task in tasks.values():
        for ids in ((), ("nobody",)):
            charts = charts_of(made, task, *ids)
            assert [charts.turns(arm) for arm in task.protocol.arms] == [None] * len(task.protocol.arms)
            assert list(charts.levels()) == []


def test_a_model_that_was_not_asked_has_no_line(made: Any, tasks: dict[str, Task]) -> None:
    charts = charts_of(made, tasks["levels"], made.ids["levels/threshold"], made.ids["levels/oracle"])
    skipped = {
        key: curve
        for key, curve in charts.curves.items()
        if not (key[0] == made.ids["levels/oracle"] and "box" in key[1])
    }
    points, boxes = replace(charts, curves=skipped).levels()
    assert (len(strokes(drawn(points))), len(strokes(drawn(boxes)))) == (2, 1)


@pytest.mark.parametrize(
    "curve",
    [
        {1: 0.5, 2: 0.6, 3: 0.7},
        {1: math.nan, 2: 0.6, 3: 0.7},
        {1: math.nan, 2: math.nan, 3: math.nan},
        {1: 0.5},
        {1: 0.0, 2: 0.0, 3: 0.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("known", [True, False])
def test_values_and_intervals_that_are_not_known(tasks: dict[str, Task], curve: dict[int, float], known: bool) -> None:
    """Of one patient there is no interval."""
    task = tasks["clicks"]
    curves = {("a", "9 clicks"): spread(curve, known=known), ("b", "9 clicks"): spread({1: 0.2, 2: 0.3, 3: 0.4})}
    charts = Charts(task, "dice", [Drawn("a", "A", 0), Drawn("b", "B", 1)], curves)
    figure = charts.turns(task.protocol.arms[0])
    assert figure is not None
    defined = sum(not math.isnan(value) for value in curve.values())
    assert len(dots(drawn(figure))) == 3 + defined


def test_names_are_text(tasks: dict[str, Task]) -> None:
    task = tasks["clicks"]
    name = '"><script>alert(1)</script>'
    charts = Charts(task, "dice", [Drawn("a", name, 0)], {("a", "9 clicks"): spread({1: 0.5, 2: 0.6})})
    figure = charts.turns(task.protocol.arms[0])
    assert figure is not None
    page = drawn(figure)
    assert page.all("script") == []
    assert name in page.text


def test_no_two_models_look_the_same() -> None:
    looks = [(Drawn("", "", place).colour, Drawn("", "", place).dash) for place in range(MOST)]
    assert len(set(looks)) == MOST == len({colour for colour, _ in looks})
