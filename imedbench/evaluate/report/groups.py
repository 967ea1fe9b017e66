"""Tables of final scores by target, modality, group and size of the object."""

from collections.abc import Callable, Sequence
from itertools import product

from imedbench.evaluate.report.numbers import SIZE, Means, Numbers
from imedbench.evaluate.report.overview import COUNTS
from imedbench.evaluate.report.sheets import Row, Sheet
from imedbench.evaluate.report.spread import featured
from imedbench.evaluate.report.words import metric_column
from imedbench.report.statistics import GROUPS

TITLES = {
    "target": "By target",
    "modality": "By modality",
    "group": "By part of the body",
    SIZE: "By size of the object",
}
WAYS: dict[str, Callable[[Numbers], Means]] = {
    "target": lambda numbers: numbers.by_target,
    "modality": lambda numbers: numbers.by_modality,
    "group": lambda numbers: numbers.by_group,
    SIZE: lambda numbers: numbers.by_size,
}
UNKNOWN = "unknown"


def group_sheets(numbers: Sequence[Numbers]) -> list[Sheet]:
    """A table for each way of grouping that has more than one group."""
    found = []
    for column, title in TITLES.items():
        grouped = [WAYS[column](each) for each in numbers]
        names = sorted({str(key[0]) for some in grouped for key in some}, key=_order)
        if len(names) > 1 or column == "target":
            found.append(_sheet(column, title, names, (numbers, grouped)))
    return found


def _sheet(column: str, title: str, names: Sequence[str], held: tuple[Sequence[Numbers], Sequence[Means]]) -> Sheet:
    numbers, grouped = held
    metrics = numbers[0].run.protocol.metrics
    rows = []
    for name, arm, (each, found) in product(names, featured(numbers), list(zip(numbers, grouped, strict=True))):
        means = [found.get((name, arm.name, metric.label)) for metric in metrics]
        held_means = [mean for mean in means if mean]
        if not held_means:
            continue
        counts = (held_means[0].sessions, held_means[0].failed, max(mean.undefined for mean in held_means))
        shown = GROUPS.get(name, name) if column == "group" else name
        heads = (shown or UNKNOWN, arm.name, *([each.run.name] if len(numbers) > 1 else []))
        rows.append(Row(heads, (*means, *counts), each.run.colour if len(numbers) > 1 else ""))
    heads = (title.removeprefix("By ").capitalize(), "Prompts", *(["Run"] if len(numbers) > 1 else []))
    columns = (*(metric_column(metric) for metric in metrics), *COUNTS)
    return Sheet(f"by {column}", title, heads, columns, tuple(rows))


def _order(name: str) -> tuple[int, str]:
    """Sizes by number, names by letter."""
    first = name.split("–")[0].replace(",", "")
    return (int(first), "") if first.isdigit() else (0, name)
