"""What prompts cost the user: counted, and in seconds by a stated model.

Clicks, corners of boxes and millimetres of strokes are facts of the prompts. Seconds are a model's: constants measured
on people by others, on natural images and in two dimensions for the most part; they rank ways of prompting, and do not
predict what a radiologist takes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from imedbench.metrics.strokes import stroke_length
from imedbench.types import Box, Click, Prompt, Scribble, Text


@dataclass(frozen=True, slots=True)
class TimeModel:
    """Seconds that prompts take. A mask given back by the program takes none."""

    first_click_s: float = 2.4
    """To find the spot and click on it, once a turn. Bearman et al., "What's the Point", ECCV 2016: the median for the
    first point on an object of a class."""
    further_click_s: float = 0.9
    """Each further click of the turn. Ibid.: the median for each further instance."""
    box_s: float = 7.0
    """A box. Papadopoulos et al., "Extreme clicking", ICCV 2017: 7 s by clicking on four extreme points, as good as the
    boxes drawn corner to corner that took 35 s (`CORNER_TO_CORNER`)."""
    stroke_s: float = 2.0
    """Each time that the pen is put down. Card, Moran and Newell, "The keystroke-level model", CACM 23(7), 1980: 1.1 s
    to point and 0.9 s a line."""
    stroke_s_per_cm: float = 0.16
    """Along a stroke. Ibid.: drawing with a mouse; the image is taken to be seen at life size."""
    word_s: float = 1.15
    """Each word typed. Dhakal et al., "Observations on typing from 136 million keystrokes", CHI 2018: 52 words a
    minute."""
    slice_s: float = 1.55
    """To go to another slice of a volume and look. Keystroke-level model: 1.35 s to prepare, 0.2 s a key."""


EXTREME_CLICKING = TimeModel()
CORNER_TO_CORNER = replace(EXTREME_CLICKING, box_s=35.0)
"""With boxes drawn the conventional way (Su, Deng and Fei-Fei 2012, as Papadopoulos et al. 2017 quote it)."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What a user did. Efforts add up, over turns and over slices alike."""

    clicks: float = 0
    corners: float = 0
    """Two a box, in three dimensions too."""
    scribble_mm: float = 0.0
    """Along the middle of the strokes."""
    slices: float = 0
    """Slices (indices along the first axis of a volume) on which something was put; in one turn each counts once, in
    another turn again: the user has to go there again. 0 in two dimensions."""
    seconds: float = 0.0
    """By the time model."""

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def per_slice(self) -> "Effort":
        """The same, shared among the slices it was spent on; itself in two dimensions.

        A two-dimensional model that is prompted on each of 40 slices costs 40 boxes a volume and one box a slice; a
        report that shows only one of the two says half of it.
        """
        share = 1 / self.slices if self.slices else 1.0
        return Effort(*(getattr(self, each.name) * share for each in fields(self)))


def effort_of(prompts: Iterable[Prompt], spacing_mm: Sequence[float], model: TimeModel = EXTREME_CLICKING) -> Effort:
    """The effort of the prompts of one turn, on an image with as many axes as the spacing has."""
    given = tuple(prompts)
    clicks = sum(isinstance(prompt, Click) for prompt in given)
    boxes = sum(isinstance(prompt, Box) for prompt in given)
    strokes = [stroke_length(prompt.voxels, spacing_mm) for prompt in given if isinstance(prompt, Scribble)]
    words = sum(len(prompt.words.split()) for prompt in given if isinstance(prompt, Text))
    length, pieces = sum(length for length, _ in strokes), sum(pieces for _, pieces in strokes)
    slices = len(_slices(given)) if len(spacing_mm) == 3 else 0
    seconds = (
        model.first_click_s * bool(clicks)
        + model.further_click_s * max(clicks - 1, 0)
        + model.box_s * boxes
        + model.stroke_s * pieces
        + model.stroke_s_per_cm * length / 10
        + model.word_s * words
        + model.slice_s * max(slices - 1, 0)
    )
    return Effort(clicks, 2 * boxes, length, slices, seconds)


def _slices(prompts: Iterable[Prompt]) -> set[int]:
    """Indices along the first axis where something was put; of a box, the first and the last."""
    touched: set[int] = set()
    for prompt in prompts:
        if isinstance(prompt, Click):
            touched.add(round(prompt.at[0]))
        elif isinstance(prompt, Box):
            touched |= {round(prompt.low[0]), max(round(prompt.high[0]) - 1, round(prompt.low[0]))}
        elif isinstance(prompt, Scribble):
            touched.update(np.unique(prompt.voxels[:, 0]).tolist())
    return touched
