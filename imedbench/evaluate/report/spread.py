"""Plots of single sessions: boxes for each target, and the final score over the size of the object."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imedbench.evaluate.protocol import Arm, MetricSpec
from imedbench.evaluate.report.curves import Figure
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.overview import arms_of
from imedbench.evaluate.report.words import metric_column, within
from imedbench.metrics.columns import codes_of
from imedbench.report.axes import Axis, linear_axis, log_axis
from imedbench.report.plots import Box, BoxRow, Cloud, Line, Plot, Spot, boxes, key, plot

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEATURED = 4
"""Arms that are drawn session by session at most; the tables have all."""
TARGETS = 40
"""Rows of boxes at most: the worst."""
POINTS = 1500
"""Drawn one by one at most; more are counted in squares."""
SQUARES = (48, 32)
"""Columns and rows in which they are counted."""
Values = NDArray[np.float64]


def featured(numbers: Sequence[Numbers]) -> tuple[Arm, ...]:
    """The arms that are drawn session by session: those of a series only where they are perfect, and none twice."""
    arms = arms_of(numbers)
    kept = [arm for arm in arms if arm.series is None or arm.perfect] or arms
    alike = {arm.model_dump_json(exclude={"name", "series"}): arm for arm in reversed(kept)}
    return tuple(arm for arm in kept if arm in alike.values())[:FEATURED]


def box_figures(numbers: Sequence[Numbers]) -> list[Figure]:
    """The final value of the first metric, target by target; one figure an arm."""
    metric = numbers[0].run.protocol.metrics[0]
    return [_boxes(numbers, arm, metric) for arm in featured(numbers)]


def size_figures(numbers: Sequence[Numbers]) -> list[Figure]:
    """The final value of the first metric over the truth's size; a figure an arm, and a run where they are many."""
    metric = numbers[0].run.protocol.metrics[0]
    figures = []
    for arm in featured(numbers):
        crowded = max(len(each.values(arm.name, metric.label)[0]) for each in numbers) > POINTS
        figures += [_sizes([each], arm, metric) for each in numbers] if crowded else [_sizes(numbers, arm, metric)]
    return figures


def _boxes(numbers: Sequence[Numbers], arm: Arm, metric: MetricSpec) -> Figure:
    column = metric_column(metric)
    found: dict[str, list[Box]] = {}
    medians: dict[str, list[float]] = {}
    counts: dict[str, int] = {}
    for each in numbers:
        for target, values in _by_target(each, arm, metric):
            low, first, median, third, high = (float(edge) for edge in np.quantile(values, QUANTILES))
            words = f"{each.run.name}, {target}: median {column.number(median)}, middle half " + (
                f"{column.number(first)}–{column.number(third)}, n = {len(values):,}"
            )
            found.setdefault(target, []).append(Box(low, first, median, third, high, each.run.colour, words))
            medians.setdefault(target, []).append(median)
            counts[target] = max(counts.get(target, 0), len(values))
    order = sorted(found, key=lambda target: (column.better * min(medians[target]), target))
    axis = linear_axis(
        column.heading,
        [edge for some in found.values() for box in some for edge in (box.low, box.high)],
        within(metric),
    )
    rows = [BoxRow(target, found[target], f"n = {counts[target]:,}") for target in order[:TARGETS]]
    title = f"{column.title} by target: {arm.name}"
    note = (
        f"The {TARGETS} of {len(order)} targets with the worst median; the tables have all."
        if len(order) > TARGETS
        else ""
    )
    legend = key((each.run.name, each.run.colour, "") for each in numbers) if len(numbers) > 1 else ""
    return Figure(title, boxes(title, axis, rows), legend, note)


def _by_target(numbers: Numbers, arm: Arm, metric: MetricSpec) -> Iterator[tuple[str, Values]]:
    values, rows = numbers.values(arm.name, metric.label)
    targets, names = codes_of(rows, "target")
    order = np.argsort(targets, kind="stable")
    targets, values = targets[order], values[order]
    starts = np.flatnonzero(np.diff(targets, prepend=-1))
    for start, part in zip(starts, np.split(values, starts[1:]), strict=True):
        yield names[targets[start]], part


def _sizes(numbers: Sequence[Numbers], arm: Arm, metric: MetricSpec) -> Figure:
    column = metric_column(metric)
    held = [(each, *each.values(arm.name, metric.label)) for each in numbers]
    voxels = [np.asarray(rows["voxels"]).astype(float) for _, _, rows in held]
    unit = "pixels" if numbers[0].run.facts["subset"]["dimension"] == 2 else "voxels"
    x = log_axis(f"Size of the object ({unit}, logarithmic)", np.concatenate(voxels).tolist())
    y = linear_axis(column.heading, np.concatenate([values for _, values, _ in held]).tolist(), within(metric))
    clouds = [_cloud(each, sizes, values, (x, y)) for (each, values, _), sizes in zip(held, voxels, strict=True)]
    lines = [Line(each.run.name, _trend(each, arm, metric), each.run.colour) for each, _, _ in held]
    many = len(numbers) == 1 and len(held[0][1]) > POINTS
    title = f"{column.title} over size: {arm.name}" + (f", {numbers[0].run.name}" if many else "")
    count = max(len(values) for _, values, _ in held)
    note = (
        f"Each square counts sessions, the stronger the more; {count:,} in all."
        if many
        else f"One point a session; n = {count:,}."
    )
    legend = key((each.run.name, each.run.colour, "") for each, _, _ in held) if len(held) > 1 else ""
    return Figure(
        title,
        plot(Plot(title, x, y, lines, clouds)),
        legend,
        f"{note} Line: mean of each power of ten, with its interval.",
    )


def _cloud(numbers: Numbers, voxels: Values, values: Values, axes: tuple[Axis, Axis]) -> Cloud:
    name, colour = numbers.run.name, numbers.run.colour
    if len(values) <= POINTS:
        return Cloud(name, colour, list(zip(voxels.tolist(), values.tolist(), strict=True)))
    x, y = axes
    across = np.logspace(np.log10(x.low), np.log10(x.high), SQUARES[0] + 1)
    upwards = np.linspace(y.low, y.high, SQUARES[1] + 1)
    counts, _, _ = np.histogram2d(voxels, values, (across, upwards))
    squares = [
        (float(across[i]), float(upwards[j]), float(across[i + 1]), float(upwards[j + 1]), int(counts[i, j]))
        for i, j in np.argwhere(counts)
    ]
    return Cloud(name, colour, squares=squares)


def _trend(numbers: Numbers, arm: Arm, metric: MetricSpec) -> list[Spot]:
    column = metric_column(metric)
    spots = []
    for (size, prompts, label), value in numbers.by_size.items():
        if prompts == arm.name and label == metric.label:
            low = int(str(size).split("–")[0].replace(",", ""))
            words = (
                f"{size}: {column.title} {column.number(value.mean)} [{column.interval(value)}], n = {value.sessions:,}"
            )
            spots.append(Spot(low * 10**0.5, value.mean, value.low, value.high, words))
    return sorted(spots, key=lambda spot: spot.x)
