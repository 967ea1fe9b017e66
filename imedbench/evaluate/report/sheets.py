"""A table before it is drawn: the same rows go to the terminal, to CSV and to the page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % interval, and what it is made of."""

    mean: float
    low: float
    high: float
    sessions: int
    """All of them, failed ones included."""
    failed: int = 0
    """Sessions that count with the worst value, as no answer came."""
    undefined: int = 0
    """Sessions that do not count, as the metric says nothing about them."""

    def over(self, divisor: float) -> "Mean":
        """The same in other units."""
        return replace(self, mean=self.mean / divisor, low=self.low / divisor, high=self.high / divisor)


ARROWS = ("", "\N{NO-BREAK SPACE}↑", "\N{NO-BREAK SPACE}↓")
"""By ``Column.better``: 0, 1 and -1."""
Cell: TypeAlias = "Mean | float | int | str | None"
"""None where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Column:
    """What stands under one heading."""

    title: str
    unit: str = ""
    digits: int = 3
    better: int = 0
    """1 where more is better, -1 where less is, 0 where neither."""
    aside: bool = False
    """Whether a terminal can do without it."""

    @property
    def named(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def heading(self) -> str:
        """Title, unit and the direction of the better."""
        return f"{self.named}{ARROWS[self.better]}"

    def number(self, value: float) -> str:
        """A value as this column writes it; ``–`` where there is none."""
        if math.isnan(value):
            return "–"
        written = f"{value:,.{self.digits}f}" if math.isfinite(value) else "∞"
        return written.replace("-", "−")

    def main(self, cell: Cell) -> str:
        """The number or text of a cell."""
        if cell is None:
            return ""
        if isinstance(cell, Mean):
            return self.number(cell.mean)
        return self.number(cell) if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell

    def interval(self, cell: Cell) -> str:
        """The interval of a cell, where it has one."""
        if not isinstance(cell, Mean) or math.isnan(cell.low) or math.isnan(cell.high):
            return ""
        between = " to " if cell.low < 0 else "–"
        return f"{self.number(cell.low)}{between}{self.number(cell.high)}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table."""

    heads: tuple[str, ...]
    cells: tuple[Cell, ...]
    colour: str = ""
    """Of the run or target it is about, where pictures use one."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its title; ``name`` is its file's."""

    name: str
    title: str
    heads: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def grouped(self) -> bool:
        """Whether rows share all heads but the last, and so are better read under a common one."""
        return len({row.heads[:-1] for row in self.rows}) < len(self.rows) and len(self.heads) > 1


def csv_lines(sheet: Sheet) -> list[list[str]]:
    """The table with every number in full: a mean takes six columns."""
    wide = [any(isinstance(row.cells[place], Mean) for row in sheet.rows) for place in range(len(sheet.columns))]
    heading = list(sheet.heads)
    for column, spread in zip(sheet.columns, wide, strict=True):
        heading += [f"{column.named}: {part}" for part in PARTS] if spread else [column.named]
    return [heading, *([*row.heads, *_full(row.cells, wide)] for row in sheet.rows)]


PARTS = ("mean", "95 % low", "95 % high", "sessions", "failed", "undefined")


def _full(cells: Sequence[Cell], wide: Sequence[bool]) -> list[str]:
    written: list[str] = []
    for cell, spread in zip(cells, wide, strict=True):
        if not spread:
            written.append(_plain(cell))
        elif isinstance(cell, Mean):
            parts = (cell.mean, cell.low, cell.high, cell.sessions, cell.failed, cell.undefined)
            written += [_plain(part) for part in parts]
        else:
            written += [_plain(cell), *[""] * (len(PARTS) - 1)]
    return written


def _plain(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell)
