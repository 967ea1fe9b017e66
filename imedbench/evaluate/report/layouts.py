r"""Tables in LaTeX, in the layouts of the papers whose protocols were run; they need ``\usepackage{booktabs}``.

| protocol | layout |
|---|---|
| ``safeclick`` | SafeClick, Table 2: perfect prompts, four imperfect ones and their average, of points and of boxes |
| ``clicks-9`` | CT-SAM3D, Table 2: mDSC and mNSD after N clicks; and Table 1: each target, after the last |
| ``prism-11`` | PRISM, Table 1: Dice / NSD of each target after the last iteration |
| ``imis`` | IMIS-Net, figure 6 c: each kind of prompt over the number of interactions |
| ``medsam-box`` | DB-SAM, Tables 1 and 2: each target, DSC and NSD of each model |
| ``cvpr2025`` | the challenge's ranking: DSC AUC, NSD AUC, DSC final, NSD final of each modality |
| ``noc`` | RITM: NoC at each threshold |

Any other protocol gets a row an arm and run, a column a metric and turn. The best of a column is bold, the second best
underlined, where there are runs to compare.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product

from imedbench.evaluate.protocol import Arm, CurveSpec, MetricSpec
from imedbench.evaluate.report.latex import Content, Entry, LatexTable, Place, escape, write_table
from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.overview import arms_of, shown_turns
from imedbench.evaluate.report.sheets import Mean
from imedbench.evaluate.report.words import TITLES, metric_column
from imedbench.evaluate.tables import WHOLE_SESSION


def make_latex(numbers: Sequence[Numbers]) -> str:
    """All tables of a protocol, each in a ``table`` of its own."""
    make = LAYOUTS.get(numbers[0].run.protocol.id, _generic)
    head = "% Needs \\usepackage{booktabs}. Means over sessions; intervals stand in the CSV files and on the page.\n"
    head += "".join(f"% {line}\n" for each in numbers for line in _origin(each))
    return head + "\n".join(write_table(table) for table in make(numbers))


def _origin(numbers: Numbers) -> list[str]:
    """Which run, of what, under what, on what."""
    facts = numbers.run.facts
    weights = facts["weights_sha256"] or "none"
    return [
        f"{numbers.run.name}: run {facts['id']}, weights {weights},",
        f"  protocol {numbers.run.protocol.id} {facts['protocol_digest']},",
        f"  prompts {facts['prompts']['name']} {facts['prompts_digest']}, data {facts['data_digest']}",
    ]


def _down(rows: Sequence[Sequence[Content]], stubs: int) -> list[list[Place]]:
    """In each column, the rows that are alike in all names but the last, the run's."""
    groups: dict[tuple[Content, ...], list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(tuple(row[: stubs - 1]), []).append(number)
    return [[(row, column) for row in some] for some in groups.values() for column in range(stubs, len(rows[0]))]


def _along(rows: Sequence[Sequence[Content]], stubs: int, width: int) -> list[list[Place]]:
    """In each row, the columns side by side, so many at a time."""
    return [
        [(row, column) for column in range(first, first + width)]
        for row in range(len(rows))
        for first in range(stubs, len(rows[0]), width)
    ]


def _percent(mean: Mean | None, metric: MetricSpec) -> Entry:
    """A share in percent; other metrics as they are."""
    column = metric_column(metric)
    factor = 1 if column.unit else 100
    return Entry(math.nan if mean is None else factor * mean.mean, better=column.better)


def _data(numbers: Sequence[Numbers]) -> str:
    run = numbers[0].run
    counts = f"{run.sessions:,} sessions of {run.count('patient'):,} patients".replace(",", "{,}")
    return f"{escape(str(run.facts['data']['name']))}, {counts}"


def _cells(numbers: Numbers, keys: Iterable[tuple[str, MetricSpec, int]]) -> list[Content]:
    """The means of these arms, metrics and turns."""
    return [_percent(numbers.turns.get((arm, metric.label, turn)), metric) for arm, metric, turn in keys]


def _of_target(numbers: Numbers, target: str, arm: Arm, metric: MetricSpec) -> Entry:
    return _percent(numbers.by_target.get((target, arm.name, metric.label)), metric)


def _short(metric: MetricSpec) -> str:
    """DSC and NSD, as the papers call them."""
    return {"dice": "DSC", "nsd": "NSD"}.get(metric.metric, TITLES.get(metric.metric, metric.metric))


def _safeclick(numbers: Sequence[Numbers]) -> list[LatexTable]:
    metric = numbers[0].run.protocol.metrics[0]
    named = {name: _series_arms(numbers, name.lower()) for name in ("Point", "Box")}
    groups = {name: arms for name, arms in named.items() if arms}
    top, middle, heads = [("", 1)], [("", 1)], [("Methods", 1)]
    for name, arms in groups.items():
        perfect = sum(arm.perfect for arm in arms)
        top.append((name, len(arms) + 1))
        middle += [("PP", perfect), ("IP", len(arms) - perfect + 1)]
        heads += [(rf"{arm.series.level:g}\%", 1) for arm in arms if arm.series] + [("Avg.", 1)]
    rows: list[list[Content]] = []
    for each in numbers:
        row: list[Content] = [escape(each.run.name)]
        for arms in groups.values():
            row += [_percent(each.turns.get((arm.name, metric.label, 1)), metric) for arm in arms]
            row.append(_percent(each.pooled([arm.name for arm in arms if not arm.perfect], metric.label), metric))
        rows.append(row)
    caption = (
        f"Dice (\\%) under perfect (PP) and imperfect prompts (IP) on {_data(numbers)}. Points: displacement, a share "
        "of the object's radius; boxes: scale about the centre. The average is that of the imperfect columns."
    )
    return [LatexTable(caption, "safeclick", [top, middle, heads], 1, rows, _down(rows, 1))]


def _series_arms(numbers: Sequence[Numbers], name: str) -> list[Arm]:
    """Arms of the series that begins with this word: the perfect one first, then by level."""
    arms = [arm for arm in arms_of(numbers) if arm.series and arm.series.name.startswith(name)]
    return sorted(arms, key=lambda arm: (not arm.perfect, arm.series.level if arm.series else 0.0))


def _clicks(numbers: Sequence[Numbers]) -> list[LatexTable]:
    arms = arms_of(numbers)
    protocol = numbers[0].run.protocol
    turns, metrics = shown_turns(arms, protocol.shown), protocol.metrics
    heads = [("", 1), *((f"{turn} click{'' if turn == 1 else 's'}", len(metrics)) for turn in turns)]
    below = [("Methods", 1), *((rf"m{_short(metric)} $\uparrow$", 1) for _ in turns for metric in metrics)]
    keys = [(arms[0].name, metric, turn) for turn in turns for metric in metrics]
    rows: list[list[Content]] = [[escape(each.run.name), *_cells(each, keys)] for each in numbers]
    caption = f"DSC (\\%) and NSD (\\%) after N clicks on {_data(numbers)}."
    return [LatexTable(caption, "clicks", [heads, below], 1, rows, _down(rows, 1)), *_by_target(numbers)]


def _by_target(numbers: Sequence[Numbers]) -> list[LatexTable]:
    """One table a metric: a row a run, a column a target, and the mean."""
    arm = arms_of(numbers)[0]
    return [_target_table(numbers, arm, metric) for metric in numbers[0].run.protocol.metrics]


def _target_table(numbers: Sequence[Numbers], arm: Arm, metric: MetricSpec) -> LatexTable:
    targets = _targets(numbers)
    heads = [("Methods", 1), *((escape(target), 1) for target in targets), (f"m{_short(metric)}", 1)]
    rows: list[list[Content]] = []
    for each in numbers:
        found = each.by_target
        row = [_percent(found.get((target, arm.name, metric.label)), metric) for target in targets]
        rows.append(
            [escape(each.run.name), *row, _percent(each.turns.get((arm.name, metric.label, arm.turns)), metric)]
        )
    caption = f"{_short(metric)} (\\%) of each target after {arm.turns} clicks on {_data(numbers)}."
    return LatexTable(caption, f"targets-{metric.metric}", [heads], 1, rows, _down(rows, 1))


def _targets(numbers: Sequence[Numbers]) -> list[str]:
    return sorted({str(key[0]) for each in numbers for key in each.by_target})


def _prism(numbers: Sequence[Numbers]) -> list[LatexTable]:
    metrics = numbers[0].run.protocol.metrics[:2]
    targets = _targets(numbers)
    heads = [("", 1), ("Methods", 1), *((escape(target), 1) for target in targets)]
    rows: list[list[Content]] = []
    for arm in arms_of(numbers):
        for each in numbers:
            cells = [
                tuple(_percent(each.by_target.get((target, arm.name, metric.label)), metric) for metric in metrics)
                for target in targets
            ]
            rows.append([escape(arm.name), escape(each.run.name), *cells])
    turns = max(arm.turns for arm in arms_of(numbers))
    caption = f"Dice \\% / NSD \\% after {turns} iterations on {_data(numbers)}."
    return [LatexTable(caption, "prism", [heads], 2, rows, _down(rows, 2))]


def _imis(numbers: Sequence[Numbers]) -> list[LatexTable]:
    arms = arms_of(numbers)
    metric = numbers[0].run.protocol.metrics[0]
    turns = shown_turns(arms, numbers[0].run.protocol.shown)
    heads = [
        [("", 2), ("Interactions", len(turns))],
        [("Prompt", 1), ("Model", 1), *((str(turn), 1) for turn in turns)],
    ]
    rows: list[list[Content]] = [
        [escape(arm.name), escape(each.run.name), *_cells(each, ((arm.name, metric, turn) for turn in turns))]
        for arm, each in product(arms, numbers)
    ]
    caption = f"Dice (\\%) of each way to begin over the number of interactions on {_data(numbers)}."
    return [LatexTable(caption, "imis", heads, 2, rows, _down(rows, 2))]


def _medsam(numbers: Sequence[Numbers]) -> list[LatexTable]:
    metrics = numbers[0].run.protocol.metrics[:2]
    tables = []
    for place, arm in enumerate(arms_of(numbers)):
        heads = [
            [("", 1), *((_short(metric), len(numbers)) for metric in metrics)],
            [("Targets", 1), *((escape(each.run.name), 1) for _ in metrics for each in numbers)],
        ]
        sides = list(product(metrics, numbers))
        rows: list[list[Content]] = [
            [escape(target), *(_of_target(each, target, arm, metric) for metric, each in sides)]
            for target in _targets(numbers)
        ]
        average = [
            _percent(each.turns.get((arm.name, metric.label, 1)), metric) for metric in metrics for each in numbers
        ]
        caption = f"DSC and NSD (\\%) of each target, box: {escape(arm.name)}, on {_data(numbers)}."
        rows.append(["Average", *average])
        tables.append(LatexTable(caption, f"box-{place + 1}", heads, 1, rows, _along(rows, 1, len(numbers))))
    return tables


def _cvpr(numbers: Sequence[Numbers]) -> list[LatexTable]:
    protocol, arm = numbers[0].run.protocol, arms_of(numbers)[0]
    heads = [("Modality", 1), ("Model", 1)]
    heads += [(f"{_short(metric)} {what}", 1) for what in ("AUC", "Final") for metric in protocol.metrics]
    modalities = sorted({str(key[0]) for each in numbers for key in each.by_modality})
    rows: list[list[Content]] = []
    for modality in modalities:
        for each in numbers:
            areas = [each.by_modality.get((modality, arm.name, f"auc {metric.label}")) for metric in protocol.metrics]
            finals = [each.by_modality.get((modality, arm.name, metric.label)) for metric in protocol.metrics]
            entries = [Entry(mean.mean if mean else math.nan, 4) for mean in (*areas, *finals)]
            rows.append([escape(modality or "unknown"), escape(each.run.name), *entries])
    caption = f"AUC over the clicks (0 to {_width(protocol.curves, arm):g}) and final values on {_data(numbers)}."
    return [LatexTable(caption, "cvpr", [heads], 2, rows, _down(rows, 2))]


def _width(curves: Sequence[CurveSpec], arm: Arm) -> float:
    return max(((curve.last or arm.turns) - curve.first for curve in curves if curve.curve == "auc"), default=0)


def _noc(numbers: Sequence[Numbers]) -> list[LatexTable]:
    arm = arms_of(numbers)[0]
    curves = [curve for curve in numbers[0].run.protocol.curves if curve.curve == "noc"]
    heads = [("Methods", 1), *((rf"NoC@{100 * (curve.threshold or 0):g} $\downarrow$", 1) for curve in curves)]
    rows: list[list[Content]] = []
    for each in numbers:
        found = [each.turns.get((arm.name, curve.label, WHOLE_SESSION)) for curve in curves]
        rows.append([escape(each.run.name), *(Entry(mean.mean if mean else math.nan, better=-1) for mean in found)])
    caption = f"Number of clicks, at most {arm.turns}, until the IoU is reached on {_data(numbers)}."
    return [LatexTable(caption, "noc", [heads], 1, rows, _down(rows, 1))]


def _generic(numbers: Sequence[Numbers]) -> list[LatexTable]:
    arms, protocol = arms_of(numbers), numbers[0].run.protocol
    turns = shown_turns(arms, protocol.shown)
    names = [(escape(metric_column(metric).named), len(turns)) for metric in protocol.metrics]
    heads = [[("", 2), *names]] if len(turns) > 1 else []
    below = [(f"turn {turn}", 1) for _ in names for turn in turns] if heads else [(name, 1) for name, _ in names]
    keys = list(product(protocol.metrics, turns))
    rows: list[list[Content]] = [
        [escape(arm.name), escape(each.run.name), *_cells(each, ((arm.name, *key) for key in keys))]
        for arm, each in product(arms, numbers)
    ]
    caption = f"Protocol {escape(protocol.id)} on {_data(numbers)}; shares in \\%."
    return [LatexTable(caption, protocol.id, [*heads, [("Prompts", 1), ("Model", 1), *below]], 2, rows, _down(rows, 2))]


LAYOUTS: dict[str, Callable[[Sequence[Numbers]], list[LatexTable]]] = {
    "safeclick": _safeclick,
    "clicks-9": _clicks,
    "prism-11": _prism,
    "imis": _imis,
    "medsam-box": _medsam,
    "cvpr2025": _cvpr,
    "cvpr2025-clicks": _cvpr,
    "noc": _noc,
}
"""By the protocol's id."""
