"""Runs a 2-D model on volumes: slice by slice, carried from the prompted slices to their neighbours.

Box and point propagation follow RadioActive's prompters (Tejada et al. 2024): the next slice is prompted by the box, or
the deepest point, of the last one's answer until an answer is empty. Here both start at every prompted slice, and each
slice belongs to the nearest prompted one, the lower of two at the same distance.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from imedbench.models.base import Card, Model, PromptKind, Session
from imedbench.models.checks import check_dimension, check_prompts
from imedbench.models.slices import Slicing, shown_window
from imedbench.types import Box, Click, Image, Logits, Mask, Prediction, Prompt, Text

Propagation = Literal["box", "point", "none"]
_CARRIED: dict[str, PromptKind] = {"box": "box", "point": "click"}

OUTSIDE = -20.0
"""The logits of slices that were not reached: a probability of 2e-9."""


@dataclass
class Slicewise:
    """A 2-D model as a model of volumes.

    Prompts go to the slices that they lie on. Boxes that span slices confine the target to their range. A slice whose
    answer to the user's prompts is empty ends the target there: nothing is carried across it.
    """

    model: Model
    propagate: Propagation = "box"
    """What carries an answer to the next slice; ``none`` segments prompted slices only."""
    axis: int = 0
    """Across which the volume is cut."""
    margin: int = 2
    """Pixels by which a carried box is larger than the answer on each side; without any, answers shrink from slice to
    slice and cannot grow."""
    least_overlap: float = 0.3
    """IoU of an answer with the one it was carried from, below which the target has ended; 0 goes on until an answer is
    empty, as published."""
    kept: int = 32
    """Encoded slices kept at a time; one of SAM takes about 25 MB where its network runs."""
    card: Card = field(init=False)

    def __post_init__(self) -> None:
        theirs = self.model.card
        if 2 not in theirs.dimensions:
            message = f"{theirs.name} takes no 2-D images and cannot run slice by slice"
            raise ValueError(message)
        if self.propagate != "none" and _CARRIED[self.propagate] not in theirs.prompts:
            message = f"{theirs.name} takes no {_CARRIED[self.propagate]} and cannot be carried by one"
            raise ValueError(message)
        name = f"{theirs.name}-slicewise-{self.propagate}"
        self.card = replace(theirs, name=name, dimensions=(3,))

    def start(self, image: Image) -> "SlicewiseSession":
        """A session on a volume; nothing is encoded before it is asked for.

        Raises:
            ValueError: the image is not 3-D.
        """
        check_dimension(self.card, image)
        return SlicewiseSession(self, image)


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    """What is known of one answered slice."""

    prompts: tuple[Prompt, ...]
    """The user's own, as given in the volume; none where it was reached from another."""
    memory: Any
    score: float
    area: int


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """What a target's answer needs for the next turn, besides its logits."""

    slices: dict[int, _Slice]
    confines: tuple[int, int]


class _Draft:
    """One target's volume in the making."""

    def __init__(self, slicing: Slicing, prompts: Sequence[Prompt], previous: Prediction | None) -> None:
        self._slicing = slicing
        last: _Memory | None = previous.memory if previous is not None else None
        self._slices: dict[int, _Slice] = dict(last.slices) if last else {}
        self.confines = _confines(slicing, prompts) or (last.confines if last else (0, len(slicing) - 1))
        if previous is not None and last is not None:
            self._logits: Logits = previous.logits.copy()
        else:
            self._logits = np.full(slicing.grid, OUTSIDE, np.float32)
        self.asked: dict[int, tuple[Prompt, ...]] = {}
        """The prompts on the slices whose prompts are not those of the last turn."""
        self._sort(prompts)

    def _sort(self, prompts: Sequence[Prompt]) -> None:
        words = [prompt for prompt in prompts if isinstance(prompt, Text)]
        placed: dict[int, list[tuple[Prompt, Prompt]]] = {}
        for prompt in prompts:
            for index, flat in self._slicing.place(prompt):
                placed.setdefault(index, []).append((prompt, flat))
        if words and not placed:
            placed = {index: [] for index in range(len(self._slicing))}
        self._given: dict[int, tuple[Prompt, ...]] = {}
        for index, pairs in placed.items():
            given = (*(prompt for prompt, _ in pairs), *words)
            if index not in self._slices or self._slices[index].prompts != given:
                self._given[index] = given
                self.asked[index] = (*(flat for _, flat in pairs), *words)

    def previous(self, index: int) -> Prediction | None:
        """The last answer on a slice, where there is one."""
        if index not in self._slices:
            return None
        known = self._slices[index]
        return Prediction(np.ascontiguousarray(self._slicing.upright(self._logits, index)), known.score, known.memory)

    def put(self, index: int, answer: Prediction) -> None:
        """Takes an answer on a slice."""
        self._slicing.upright(self._logits, index)[:] = answer.logits
        area = int(np.count_nonzero(answer.logits > 0))
        self._slices[index] = _Slice(self._given.get(index, ()), answer.memory, answer.score, area)

    def clear(self, indices: range) -> None:
        """Says that the target does not reach these slices."""
        for index in indices:
            if self._slices.pop(index, None) is not None:
                self._slicing.upright(self._logits, index)[:] = OUTSIDE

    def guess(self, index: int) -> Mask:
        """The last answer on a slice, upright."""
        mask: Mask = self._slicing.upright(self._logits, index) > 0
        return mask

    def runs(self, step: int) -> Iterator[tuple[int, range]]:
        """Each slice that was asked, and the slices from it in the direction of ``step`` that belong to it."""
        seeds = sorted((index for index, known in self._slices.items() if known.prompts), reverse=step < 0)
        edge = self.confines[1] if step > 0 else self.confines[0]
        for seed, after in zip(seeds, [*seeds[1:], None], strict=True):
            if after is None:
                end = edge
            elif not self._slices[after].area:
                end = after - step
            elif not self._slices[seed].area:
                # The slices up to the next prompted one are that one's.
                continue
            else:
                end = (seed + after) // 2 + (step < 0)
            # What a slice that has become empty had carried is its neighbour's now.
            emptied = after in self.asked and not self._slices[after].area
            if seed in self.asked or emptied:
                yield seed, range(seed + step, end + step, step)

    def finish(self) -> Prediction:
        """The volume; its score is the mean of its slices', each weighed by its area, and 0 where all are empty."""
        areas = sum(known.area for known in self._slices.values())
        weighed = sum(known.area * known.score for known in self._slices.values())
        return Prediction(self._logits, weighed / areas if areas else 0.0, _Memory(self._slices, self.confines))


class SlicewiseSession:
    """One volume; its slices are encoded when they are first asked for."""

    def __init__(self, settings: Slicewise, image: Image) -> None:
        self._settings = settings
        self._image = image
        depth, height, width = image.grid
        self._slicing = Slicing((depth, height, width), settings.axis)
        self._window = shown_window(image)
        self._encoded: OrderedDict[int, Session] = OrderedDict()

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The volume for all prompts of one target together."""
        return self.predict_many([prompts], [previous])[0]

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for many targets: those that ask on the same slice are one batch of the 2-D model.

        Slices whose prompts are those of the last turn keep their answers, and so does what was carried from them.

        Raises:
            ValueError: the 2-D model does not take a kind of prompt that is among them.
        """
        for each in prompts:
            check_prompts(self._settings.card, each)
        earlier = previous if previous is not None else [None] * len(prompts)
        drafts = [_Draft(self._slicing, each, last) for each, last in zip(prompts, earlier, strict=True)]
        for index in sorted({index for draft in drafts for index in draft.asked}):
            self._ask(index, [draft for draft in drafts if index in draft.asked])
        if self._settings.propagate != "none":
            for step in (1, -1):
                self._sweep(drafts, step)
        return [draft.finish() for draft in drafts]

    def _ask(self, index: int, drafts: Sequence[_Draft]) -> None:
        wanted, earlier = [draft.asked[index] for draft in drafts], [draft.previous(index) for draft in drafts]
        for draft, answer in zip(drafts, self._session(index).predict_many(wanted, earlier), strict=True):
            draft.put(index, answer)

    def _sweep(self, drafts: Sequence[_Draft], step: int) -> None:
        """Carries all targets through the volume at once, so that each slice is encoded once."""
        fronts: dict[int, list[tuple[_Draft, range]]] = {}
        for draft in drafts:
            for seed, run in draft.runs(step):
                fronts.setdefault(seed, []).append((draft, run))
        for index in range(len(self._slicing))[::step]:
            for draft, run in self._advance(index, fronts.pop(index, [])):
                fronts.setdefault(run[0], []).append((draft, run[1:]))

    def _advance(self, index: int, fronts: Sequence[tuple[_Draft, range]]) -> list[tuple[_Draft, range]]:
        """Asks the next slice of each target that is on slice ``index``; those that go on."""
        going, carried = [], []
        for draft, run in fronts:
            prompt = self._carry(draft.guess(index)) if run else None
            if prompt is None:
                draft.clear(run)
            else:
                going.append((draft, run))
                carried.append([prompt])
        if going:
            answers = self._session(going[0][1][0]).predict_many(carried)
            return [each for each, answer in zip(going, answers, strict=True) if self._take(*each, answer)]
        return []

    def _take(self, draft: _Draft, run: range, answer: Prediction) -> bool:
        """Whether the first slice of ``run`` still shows the target; where not, the target ends before it."""
        last = draft.guess(run[0] - run.step)
        guess = answer.logits > 0
        overlap = np.count_nonzero(last & guess) / np.count_nonzero(last | guess)
        if overlap < self._settings.least_overlap:
            draft.clear(run)
            return False
        draft.put(run[0], answer)
        return True

    def _carry(self, guess: Mask) -> Prompt | None:
        """What prompts the next slice; None where there is nothing to carry."""
        if not guess.any():
            return None
        return _deepest(guess) if self._settings.propagate == "point" else _box(guess, self._settings.margin)

    def _session(self, index: int) -> Session:
        if index not in self._encoded:
            # Before the new one is made, so that no more than so many are ever there.
            if len(self._encoded) >= self._settings.kept:
                self._encoded.popitem(last=False)
            picture = self._slicing.picture(self._image, index, self._window)
            self._encoded[index] = self._settings.model.start(picture)
        self._encoded.move_to_end(index)
        return self._encoded[index]


def _confines(slicing: Slicing, prompts: Sequence[Prompt]) -> tuple[int, int] | None:
    """First and last slice of the boxes that span slices, where there are any."""
    ranges = [slicing.range_of(prompt) for prompt in prompts if isinstance(prompt, Box)]
    thick = [each for each in ranges if len(each) > 1]
    return (min(each[0] for each in thick), max(each[-1] for each in thick)) if thick else None


def _box(guess: Mask, margin: int) -> Box:
    low, high = [], []
    for axis, length in enumerate(guess.shape):
        inside = np.flatnonzero(guess.any(1 - axis))
        low.append(float(max(inside[0] - margin, 0)))
        high.append(float(min(inside[-1] + 1 + margin, length)))
    return Box(tuple(low), tuple(high))


def _deepest(guess: Mask) -> Click:
    """The point of the largest component that is farthest from its edge; the picture's border counts as one."""
    import cc3d
    import edt

    largest = cc3d.largest_k(np.ascontiguousarray(guess).view(np.uint8), k=1, connectivity=8) > 0
    depth = edt.edt(largest, black_border=True)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return Click((float(row), float(column)))
