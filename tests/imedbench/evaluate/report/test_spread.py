import re
from typing import Any

import numpy as np
import pytest

from imedbench.evaluate.protocol import load_protocol
from imedbench.evaluate.report import spread
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.report.spread import box_figures, featured, size_figures


def test_perfect_arms_stand_for_a_series(robust: tuple[Numbers, ...], one: tuple[Numbers, ...]) -> None:
    assert [arm.name for arm in featured(robust)] == ["point 0 %", "box 100 %"]
    assert [arm.name for arm in featured(one)] == ["click", "box, then clicks"]


def test_an_arm_is_not_drawn_twice(make: Any) -> None:
    protocol = load_protocol("robustness")
    arms = tuple(arm for arm in protocol.arms if arm.name in {"box 100 %", "box sides 0 px", "box sides 5 px"})
    run = gather([make(protocol=protocol.model_copy(update={"arms": arms}))]).first
    assert [arm.name for arm in featured([Numbers(run)])] == ["box 100 %"]


def test_each_target_has_a_box_with_its_quantiles(one: tuple[Numbers, ...]) -> None:
    figure = box_figures(one)[0]
    rows = [row for row in one[0].run.scores.to_pylist() if row["metric"] == "dice" and row["turn"] == 5]
    values = [row["value"] for row in rows if row["target"] == "tumor" and row["prompts"] == "click"]
    middle = f"alpha, tumor: median {np.median(values):.3f}"
    assert middle in figure.drawing
    assert figure.drawing.count("<rect") == 4
    assert figure.drawing.count("n = 12</span>") == 4


def test_the_worst_targets_come_first(one: tuple[Numbers, ...]) -> None:
    medians = [float(each) for each in re.findall(r"<title>alpha, \w+: median ([\d.]+)", box_figures(one)[0].drawing)]
    assert medians == sorted(medians)


def test_of_many_targets_the_worst_are_shown(one: tuple[Numbers, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "TARGETS", 2)
    figure = box_figures(one)[0]
    assert figure.drawing.count("<rect") == 2
    assert figure.note == "The 2 of 4 targets with the worst median; the tables have all."


def test_each_session_is_a_point(two: tuple[Numbers, ...]) -> None:
    figure = size_figures(two)[0]
    assert len(re.findall(r'<circle cx="[\d.]+%" cy="[\d.]+%" r="2.6"/>', figure.drawing)) == 96
    assert "One point a session; n = 48." in figure.note
    assert "pixels" in figure.drawing


def test_many_sessions_are_counted_in_squares(two: tuple[Numbers, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "POINTS", 40)
    figures = size_figures(two)
    assert [figure.title for figure in figures[:2]] == ["Dice over size: click, alpha", "Dice over size: click, beta"]
    counts = [int(count) for count in re.findall(r'opacity="[\d.]+"><title>(\d+)</title>', figures[0].drawing)]
    assert sum(counts) == 48
    assert "48 in all" in figures[0].note


def test_the_line_is_the_mean_of_each_size(one: tuple[Numbers, ...], solid: tuple[Numbers, ...]) -> None:
    mean = one[0].by_size["100–999", "click", "dice"]
    assert f"100–999: Dice {mean.mean:.3f}" in size_figures(one)[0].drawing
    assert "voxels" in size_figures(solid)[0].drawing
