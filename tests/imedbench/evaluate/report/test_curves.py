import re

from imedbench.evaluate.report.curves import level_figures, turn_figures
from imedbench.evaluate.report.numbers import Numbers


def dots(drawing: str) -> int:
    return drawing.count('class="dot"')


def test_a_run_has_a_plot_a_metric_with_a_line_an_arm(one: tuple[Numbers, ...]) -> None:
    figures = turn_figures(one)
    assert [figure.title for figure in figures] == ["Dice", "IoU", "NSD at 2 mm", "HD95"]
    assert dots(figures[0].drawing) == 10
    assert "box, then clicks" in figures[0].legend


def test_several_runs_have_a_plot_an_arm_with_a_line_a_run(two: tuple[Numbers, ...]) -> None:
    figures = turn_figures(two)
    assert [figure.title for figure in figures[:2]] == ["Dice: click", "Dice: box, then clicks"]
    assert set(re.findall(r'stroke="(var[^"]+)"', str(figures[0].legend))) == {"var(--run-1)", "var(--run-2)"}


def test_tooltips_have_number_interval_and_count(one: tuple[Numbers, ...]) -> None:
    mean = one[0].turns["click", "dice", 2]
    words = f"click, turn 2: Dice {mean.mean:.3f} [{mean.low:.3f}–{mean.high:.3f}], n = 48"
    assert words in turn_figures(one)[0].drawing


def test_one_turn_makes_no_curve(robust: tuple[Numbers, ...]) -> None:
    assert turn_figures(robust) == []


def test_levels_make_robustness_curves(robust: tuple[Numbers, ...], one: tuple[Numbers, ...]) -> None:
    figures = level_figures(robust)
    assert [figure.title for figure in figures] == [
        "Dice over point displacement (%)",
        "IoU over point displacement (%)",
        "Dice over box scale (%)",
        "IoU over box scale (%)",
    ]
    assert [dots(figure.drawing) for figure in figures] == [5, 5, 5, 5]
    assert [figure.note for figure in figures[1:3]] == ["Perfect prompts stand at 0.", "Perfect prompts stand at 100."]
    assert level_figures(one) == []
