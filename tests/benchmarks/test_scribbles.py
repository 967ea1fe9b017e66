"""Simulated strokes against those of two people, on MedScribble: length, coverage, distance from the skeleton.

What is measured of a stroke, against the object it is meant for: its length over that of the object's skeleton (both as
pixels of a skeleton), the share of the object that it covers, the median distance of its midline from the object's
skeleton over the radius of the circle of the object's area, and its share outside. Objects whose deepest point is less
than a pen (5 pixels) inside are left out: the strokes are wider than they are.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.prompts.depth import squared_depth
from imedbench.prompts.imperfect import radius_of
from imedbench.prompts.scribble import ScribbleUser
from imedbench.prompts.sets import load_set
from imedbench.prompts.strokes import skeleton
from imedbench.types import Scribble

pytestmark = pytest.mark.slow
PEN = 5
REPEATS = 3
MEASURES = ("length", "covered", "distance", "outside")
HAND = ScribbleUser(breaks=None, thickness=PEN, bend=(4, 12))
"""A person's stroke as simulated here: one unbroken centreline with a pen, bent twice as far as published."""
USERS = {
    "centreline (published)": (ScribbleUser(), "perfect"),
    "line (published)": (ScribbleUser(style="line"), "perfect"),
    "contour (published)": (ScribbleUser(style="contour"), "perfect"),
    "hand": (HAND, "perfect"),
    "hand, noisy": (HAND, "noisy"),
    "hand, time-pressure": (HAND, "time-pressure"),
}
Row = tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """An object, and what two people drew in it."""

    truth: Any
    strokes: tuple[Any, ...]
    middle: Any
    away: Any

    def measured(self, stroke: Any) -> Row:
        """One value for each of the measures."""
        line = skeleton(stroke)
        return (
            np.count_nonzero(line) / np.count_nonzero(self.middle),
            np.count_nonzero(stroke & self.truth) / np.count_nonzero(self.truth),
            float(np.median(self.away[line])) / radius_of(self.truth),
            np.count_nonzero(stroke & ~self.truth) / np.count_nonzero(stroke),
        )


def subjects(folder: Path) -> Iterator[Subject]:
    for path in sorted(folder.glob("*.npz")):
        held = np.load(path)
        truth = held["mask"] > 0
        if squared_depth(truth).max() >= PEN**2:
            middle = skeleton(truth)
            strokes = tuple(drawn[0].astype(np.float32) >= 0.5 for drawn in held["scribbles"])
            # As seen from the skeleton; a rim keeps the image's border from counting as part of it.
            away = np.sqrt(squared_depth(np.pad(~middle, 256, constant_values=True)))[256:-256, 256:-256]
            yield Subject(truth, strokes, middle, away)


def drawn(subject: Subject, name: str, seed: int) -> Any:
    """What a simulated user covers."""
    user, prompts = USERS[name]
    spoiled = load_set(prompts).spoil(user)
    rng = np.random.default_rng([seed, int(subject.truth.sum())])
    mask = np.zeros_like(subject.truth)
    for prompt in spoiled(subject.truth, mask, rng):
        assert isinstance(prompt, Scribble)
        mask[tuple(prompt.voxels.T)] = True
    return mask


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> dict[str, Any]:
    """(strokes, measures) of each person and each simulated user."""
    found = list(subjects(shared_data / "medscribble"))
    assert len(found) == 44
    people = {
        f"person {number + 1}": [subject.measured(subject.strokes[number]) for subject in found] for number in range(2)
    }
    people["people"] = people["person 1"] + people["person 2"]
    users = {
        name: [subject.measured(drawn(subject, name, seed)) for subject in found for seed in range(REPEATS)]
        for name in USERS
    }
    return {name: np.array(values) for name, values in (people | users).items()}


def test_numbers_and_plot(rows: dict[str, Any], record_property: Callable[[str, object], None], tmp_path: Path) -> None:
    """Prints them, and plots them to IMEDBENCH_PLOTS where that is set."""
    print(f"\n{'median [quartiles]':24}" + "".join(f"{name:>24}" for name in MEASURES))  # noqa: T201
    for name, values in rows.items():
        low, middle, high = np.percentile(values, [25, 50, 75], axis=0)
        cells = [f"{m:.3f} [{a:.3f} - {b:.3f}]" for a, m, b in zip(low, middle, high, strict=True)]
        print(f"{name:24}" + "".join(f"{cell:>24}" for cell in cells))  # noqa: T201
        record_property(name, cells)
    path = Path(os.environ.get("IMEDBENCH_PLOTS", tmp_path)) / "scribbles.svg"
    plot(rows, path)
    assert path.stat().st_size > 1000


def test_a_simulated_hand_draws_as_people_do(rows: dict[str, Any]) -> None:
    """The medians lie between the people's quartiles; in a hurry the share outside is that of one stroke in ten."""
    low, high = np.percentile(rows["people"], [25, 75], axis=0)
    median = np.median(rows["hand, noisy"], axis=0)
    assert ((low <= median) & (median <= high)).all(), dict(zip(MEASURES, median, strict=True))
    outside = MEASURES.index("outside")
    people, noisy = (rows[name][:, outside].mean() for name in ("people", "hand, noisy"))
    assert noisy == pytest.approx(people, abs=0.025)
    hurried = rows["hand, time-pressure"][:, outside].mean()
    assert hurried == pytest.approx(np.percentile(rows["people"][:, outside], 90), abs=0.03)


def test_published_strokes_are_shorter_than_peoples(rows: dict[str, Any]) -> None:
    """What to know before training on them: they cover less, break off, and never leave the object."""
    people = np.percentile(rows["people"], 25, axis=0)
    for name in ("centreline (published)", "line (published)", "contour (published)"):
        median = np.median(rows[name], axis=0)
        assert median[0] < people[0]
        assert median[1] < people[1]
        assert rows[name][:, 3].max() == 0


def plot(rows: dict[str, Any], path: Path) -> None:
    """Boxes from quartile to quartile with the median, one panel a measure, as SVG without a plotting library."""
    width, line, left = 230, 22, 180
    height = line * (len(rows) + 2)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width * len(MEASURES)}" height="{height}" ']
    parts.append('font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>')
    for row, name in enumerate(rows):
        parts.append(f'<text x="4" y="{line * (row + 2)}">{name}</text>')
    for column, measure in enumerate(MEASURES):
        start, most = left + width * column, max(np.percentile(values[:, column], 75) for values in rows.values())
        parts.append(f'<text x="{start}" y="{line - 6}">{measure} (to {most:.2g})</text>')
        for row, values in enumerate(rows.values()):
            low, middle, high = np.percentile(values[:, column], [25, 50, 75]) / most * (width - 30) + start
            top, fill = line * (row + 2) - 12, "#bbb" if row < 3 else "#8ab"
            parts.append(f'<rect x="{low:.1f}" y="{top}" width="{high - low + 1:.1f}" height="14" fill="{fill}"/>')
            parts.append(f'<rect x="{middle - 1:.1f}" y="{top - 2}" width="2" height="18"/>')
    path.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")
