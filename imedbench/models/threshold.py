"""A classical baseline: grey values like those of the prompts, joined to the prompts.

Every prompt votes with the smoothed intensities that it marks as inside or outside; a voxel's evidence is the log of
how much likelier its own is inside, as in the data term of Boykov and Jolly's interactive graph cuts (2001). Where both
sides are marked, evidence yields to the nearer mark; without a box, it falls with the square of the distance from the
inside marks. Of what is then likelier inside, the parts joined to the prompts are the answer. No chance, no
learning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imedbench.models.base import Card
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.models.evidence import (
    Histogram,
    Region,
    log_ratio,
    region_of,
    vote_of_all,
    vote_of_click,
    vote_of_scribble,
    votes_of_box,
    votes_of_mask,
    voxel_of,
)
from imedbench.types import Array, Box, Click, Image, Logits, Mask, MaskPrompt, Prediction, Prompt, Scribble
from imedbench.window import to_8bit, window_of

THRESHOLD = Card(
    name="threshold",
    summary="Grey values like those of the prompts and joined to them; a classical baseline",
    loader="imedbench.models.threshold:load",
    prompts=("click", "box", "scribble", "mask"),
    dimensions=(2, 3),
    licence="Apache-2.0",
    source="this project",
)

_LIMIT = 4.0
"""No evidence is stronger: odds of 55 to 1."""
_NEARNESS = 8.0
"""Of a marked voxel itself: it outweighs any evidence."""
_KEPT = 1.0
"""What an earlier answer weighs against the evidence."""
_MARKED = 1.0
"""The least logit of a voxel that is marked as inside."""
_REACH = 0.2
"""Of the image's longest side: how far away, without a box, even the strongest evidence counts."""
_AWAY = -12.0
"""The logit outside the boxes."""
_PERCENTILES = (0.5, 99.5)


def load(card: Card, checkpoint: Path | None, device: str) -> "Threshold":
    """The baseline; it has nothing to load and runs on the CPU."""
    return Threshold(card)


@dataclass(slots=True)
class Threshold:
    """Answers clicks, strokes, boxes and earlier masks by intensity."""

    card: Card

    def start(self, image: Image) -> "ThresholdSession":
        """Smooths the image over about one voxel and sorts its intensities into 256 bins.

        Colours are averaged. The bins span the image's own window, all of an 8-bit image, or else the 0.5th to 99.5th
        percentile of what is above the lowest value.

        Raises:
            ValueError: the image is neither 2-D nor 3-D.
        """
        check_dimension(self.card, image)
        return ThresholdSession(self.card, _binned(image), image.spacing_mm)


class ThresholdSession:
    """One image in 256 bins."""

    def __init__(self, card: Card, bins: Array, spacing_mm: tuple[float, ...]) -> None:
        self._card = card
        self._bins = bins
        self._spacing_mm = spacing_mm
        self._everything = vote_of_all(bins)
        self._reach_mm = _REACH * max(length * spacing for length, spacing in zip(bins.shape, spacing_mm, strict=True))

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The mask for all prompts of one target together; a `MaskPrompt` among them goes before ``previous``.

        Boxes confine the answer to them. The score is the mean probability of what is answered, 0 where that is empty.

        Raises:
            ValueError: there is no prompt, or one of a kind that this model does not take.
        """
        check_prompts(self._card, prompts)
        if not prompts:
            message = f"{self._card.name} needs a prompt"
            raise ValueError(message)
        masks = [prompt.logits for prompt in prompts if isinstance(prompt, MaskPrompt)]
        given = masks[-1] if masks else previous.logits if previous is not None else None
        return self._answer(prompts, None if given is None else given > 0)

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for each target."""
        earlier = previous if previous is not None else [None] * len(prompts)
        return [self.predict(each, last) for each, last in zip(prompts, earlier, strict=True)]

    def _answer(self, prompts: Sequence[Prompt], last: Mask | None) -> Prediction:
        grid = self._bins.shape
        boxes = [region_of(prompt, grid) for prompt in prompts if isinstance(prompt, Box)]
        marks = [_marked(prompts, grid, inside=inside) for inside in (True, False)]
        region = _around(boxes, np.concatenate(marks), grid)
        origin = [cut.start for cut in region]
        inside, outside = (tuple((voxels - origin).T) for voxels in marks)
        kept = None if last is None else last[region]

        local = log_ratio(*self._votes(prompts, last), _LIMIT)[self._bins[region]]
        if kept is not None:
            local += np.where(kept, np.float32(_KEPT), np.float32(-_KEPT))
        if not boxes and len(marks[0]):
            fall = np.float32(_LIMIT) * (self._distance(_at(local.shape, inside)) / np.float32(self._reach_mm)) ** 2
            # What was answered may lie round marks of earlier turns.
            local -= fall if kept is None else np.where(kept, np.minimum(fall, np.float32(_KEPT)), fall)
        if len(marks[0]) and len(marks[1]):
            local += _nearness(*(self._distance(_at(local.shape, side)) for side in (inside, outside)))
        np.maximum(local, _AWAY, out=local)
        within = [tuple(slice(a.start - b, a.stop - b) for a, b in zip(box, origin, strict=True)) for box in boxes]
        _confine(local, within)
        local[inside] = np.maximum(local[inside], _MARKED)
        local[outside] = np.minimum(local[outside], -_MARKED)
        _join(local, inside, within, kept)

        logits = np.full(grid, _AWAY, np.float32)
        logits[region] = local
        answered = local[local > 0]
        return Prediction(logits, float((1 / (1 + np.exp(-answered))).mean()) if len(answered) else 0.0)

    def _votes(self, prompts: Sequence[Prompt], last: Mask | None) -> tuple[list[Histogram], list[Histogram]]:
        """The histograms of what is inside, and of what is outside."""
        votes: dict[bool, list[Histogram]] = {True: [], False: []}
        for prompt in prompts:
            if isinstance(prompt, Click):
                votes[prompt.inside].append(vote_of_click(self._bins, prompt, self._spacing_mm))
            elif isinstance(prompt, Scribble) and len(prompt.voxels):
                votes[prompt.inside].append(vote_of_scribble(self._bins, prompt))
        around = [votes_of_box(self._bins, prompt) for prompt in prompts if isinstance(prompt, Box)]
        if last is not None and (vote := votes_of_mask(self._bins, last)) is not None:
            around.append(vote)
        for within, ring in around:
            votes[True].append(within)
            votes[False] += ring
        if not any(ring for _, ring in around):
            votes[False].append(self._everything)
        return votes[True], votes[False]

    def _distance(self, places: Mask) -> Logits:
        """Millimetres from the nearest of these voxels."""
        import edt

        away_mm: Logits = edt.edt(~places, anisotropy=self._spacing_mm, black_border=False)
        return away_mm


def _at(shape: tuple[int, ...], voxels: tuple[Array, ...]) -> Mask:
    places = np.zeros(shape, bool)
    places[voxels] = True
    return places


def _nearness(inside_mm: Logits, outside_mm: Logits) -> Logits:
    """From ``_NEARNESS`` at an inside mark to its opposite at an outside one, nearly 0 half-way between."""
    share = (outside_mm - inside_mm) / (outside_mm + inside_mm + np.float32(1e-6))
    pull: Logits = np.float32(_NEARNESS) * share**3
    return pull


def _binned(image: Image) -> Array:
    from scipy.ndimage import gaussian_filter

    voxels = image.voxels
    grey = voxels.astype(np.float32) if voxels.ndim == len(image.grid) else voxels.mean(-1, dtype=np.float32)
    if image.window is not None:
        window = image.window
    elif voxels.dtype == np.uint8:
        window = 0.0, 255.0
    else:
        window = window_of(image, "full", _PERCENTILES)
    # Noise is of the size of voxels: less is smoothed across thick slices.
    widths = [min(image.spacing_mm) / spacing for spacing in image.spacing_mm]
    return to_8bit(gaussian_filter(grey, widths, truncate=3.0), window)


def _marked(prompts: Sequence[Prompt], grid: tuple[int, ...], *, inside: bool) -> NDArray[np.intp]:
    """(n, d) the voxels under clicks and strokes of one side."""
    found = [np.zeros((0, len(grid)), np.intp)]
    for prompt in prompts:
        if isinstance(prompt, Click) and prompt.inside == inside:
            found.append(np.array([voxel_of(prompt, grid)], np.intp))
        elif isinstance(prompt, Scribble) and prompt.inside == inside:
            found.append(prompt.voxels.astype(np.intp))
    return np.concatenate(found)


def _around(boxes: Sequence[Region], marks: NDArray[np.intp], grid: tuple[int, ...]) -> Region:
    """What holds all boxes and marks; everything where there is no box."""
    if not boxes:
        return tuple(slice(0, length) for length in grid)
    region = []
    for axis in range(len(grid)):
        starts = [box[axis].start for box in boxes] + marks[:, axis].tolist()
        stops = [box[axis].stop for box in boxes] + (marks[:, axis] + 1).tolist()
        region.append(slice(min(starts), max(stops)))
    return tuple(region)


def _confine(logits: Logits, boxes: Sequence[Region]) -> None:
    """Leaves nothing outside of all boxes, where there are any; in place."""
    if boxes:
        beyond = np.ones(logits.shape, bool)
        for box in boxes:
            beyond[box] = False
        logits[beyond] = _AWAY


def _join(logits: Logits, inside: tuple[Array, ...], boxes: Sequence[Region], kept: Mask | None) -> None:
    """Turns what is not joined to the prompts into outside, in place.

    Joined are the parts with an inside mark, and those of which an earlier answer has more than half; where there are
    none of either, the largest part in each box, or of all.
    """
    import cc3d

    guess = logits > 0
    parts = cc3d.connected_components(guess.view(np.uint8), connectivity=8 if guess.ndim == 2 else 26)
    # In two dimensions the labels have gaps, and cc3d's own count is that of the parts.
    count = int(parts.max())
    joined = np.zeros(count + 1, bool)
    joined[parts[inside]] = True
    if kept is not None:
        joined |= 2 * np.bincount(parts[kept], minlength=count + 1) > np.bincount(
            parts.reshape(-1), minlength=count + 1
        )
    joined[0] = False
    if not joined.any():
        for region in boxes or [(slice(None),) * guess.ndim]:
            sizes = np.bincount(parts[region].reshape(-1), minlength=count + 1)
            sizes[0] = 0
            joined[sizes.argmax()] = True
        joined[0] = False
    loose = guess & ~joined[parts]
    logits[loose] = -logits[loose]
