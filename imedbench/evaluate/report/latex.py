"""Tables in LaTeX, with booktabs; the best of what competes is bold, the second best underlined."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    letter: f"\\{letter}" for letter in "&%$#_{}"
}
NOTHING = "--"
PARTS = 2
"""Numbers in a cell at most."""
WAYS = {1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
"""By rank."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A number of a LaTeX table; ``better`` as in `imedbench.evaluate.report.sheets.Column`."""

    value: float
    digits: int = 2
    better: int = 1

    def __str__(self) -> str:
        return NOTHING if math.isnan(self.value) else f"{self.value:.{self.digits}f}"


Content: TypeAlias = str | Entry | tuple[Entry, ...]
Place: TypeAlias = tuple[int, int]
Ranks: TypeAlias = dict[tuple[int, int, int], int]


@dataclass(frozen=True, slots=True)
class LatexTable:
    """A table before it is written."""

    caption: str
    label: str
    heads: Sequence[Sequence[tuple[str, int]]]
    """Lines of headings: (text, columns that it spans) each."""
    stubs: int
    """Columns of names at the left."""
    rows: Sequence[Sequence[Content]]
    """A tuple of entries stands in one cell, with strokes between."""
    rivals: Sequence[Sequence[Place]] = ()
    """Cells that compete with one another, as (row, column)."""


def write_table(table: LatexTable) -> str:
    """The table as LaTeX."""
    columns = sum(span for _, span in table.heads[-1])
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{table.caption}}}", rf"\label{{tab:{table.label}}}"]
    lines += [rf"\begin{{tabular}}{{{'l' * table.stubs}{'c' * (columns - table.stubs)}}}", r"\toprule"]
    for heads in table.heads:
        cells = [text if span == 1 else rf"\multicolumn{{{span}}}{{c}}{{{text}}}" for text, span in heads]
        lines.append(" & ".join(cells) + r" \\" + _rules(heads))
    lines.append(r"\midrule")
    ranks = _ranks(table)
    for number, row in enumerate(table.rows):
        cells = [_cell(cell, ranks, (number, column)) for column, cell in enumerate(row)]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def escape(text: str) -> str:
    """The text with what LaTeX would take for a command made harmless."""
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def _rules(heads: Sequence[tuple[str, int]]) -> str:
    """Short rules under the headings that span several columns."""
    rules, first = "", 1
    for text, span in heads:
        if span > 1 and text:
            rules += rf" \cmidrule(lr){{{first}-{first + span - 1}}}"
        first += span
    return rules


def _ranks(table: LatexTable) -> Ranks:
    """1 for the best, 2 for the second best and so on of each group of cells, by row, column and part of the cell.

    The last is not told: of two there is no second best.
    """
    found: Ranks = {}
    for group, part in product(table.rivals, range(PARTS)):
        entries = [(place, _part(table.rows[place[0]][place[1]], part)) for place in group]
        held = [(each.better * each.value, place) for place, each in entries if each and not math.isnan(each.value)]
        order = sorted({value for value, _ in held}, reverse=True)
        for value, place in held:
            if order.index(value) + 1 < len(held):
                found[(*place, part)] = order.index(value) + 1
    return found


def _part(cell: Content, part: int) -> Entry | None:
    parts = cell if isinstance(cell, tuple) else (cell,)
    entry = parts[part] if part < len(parts) else None
    return entry if isinstance(entry, Entry) else None


def _cell(cell: Content, ranks: Ranks, place: Place) -> str:
    if isinstance(cell, str):
        return cell
    parts = cell if isinstance(cell, tuple) else (cell,)
    return " / ".join(WAYS.get(ranks.get((*place, part), 0), "{}").format(entry) for part, entry in enumerate(parts))
