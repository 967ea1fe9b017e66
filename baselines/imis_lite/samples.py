"""What IMIS-lite learns from: pictures, a dozen of their masks, and the first prompt for each."""

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from baselines.imis_lite.course import LiteCourse
from baselines.imis_lite.encoder import SIDE, Features, stretched
from baselines.imis_lite.prompts import DRAWN, INSIDE
from baselines.imis_lite.user import Points, any_click, first_prompts
from baselines.imis_lite.views import View, plain, reduced, relit, varied
from baselines.sam.colour import colour
from baselines.training.cache import FeatureCache
from baselines.training.order import Place
from baselines.training.trainee import Samples
from imedbench.errors import BadStore, printable
from imedbench.evaluate.data import digest_of
from imedbench.masks import Masks
from imedbench.store import Store
from imedbench.types import Mask

SPLIT = "train"
_NAME = "imis-lite"


class LiteSample(NamedTuple):
    """One picture; k masks asked for."""

    name: str
    """Of the picture as it is seen here, for the cache."""
    pixels: Tensor
    """(256, 256, 3) uint8."""
    filled: tuple[int, int]
    features: Features | None
    """Of this one picture, in half precision, where the cache has them."""
    wanted: Tensor
    """(k, 256, 256): share of each pixel that the user wants: a truth, wherever the click is in one."""
    other: Tensor
    """(k, 256, 256): what else the same click may mean; the same where there is nothing else."""
    points: Tensor
    """(k, 3, 2) (x, y) on the square."""
    kinds: Tensor
    """(k, 3)."""
    rough: Tensor
    """(k, 256, 256) bool: a mask to begin with, or nothing."""
    lone: Tensor
    """(k,) bool: asked for by a click alone."""


class LiteBatch(NamedTuple):
    """Samples side by side."""

    names: tuple[str, ...]
    pixels: Tensor
    filled: tuple[tuple[int, int], ...]
    features: tuple[Features | None, ...]
    wanted: Tensor
    other: Tensor
    points: Tensor
    kinds: Tensor
    rough: Tensor
    lone: Tensor


class LiteSamples(Samples):
    """The training pictures of several stores; some are met several times an epoch."""

    def __init__(self, stores: Sequence[Store], course: LiteCourse, cache: FeatureCache | None) -> None:
        """Reads the stores' indexes.

        Raises:
            BadStore: a store has no picture with a mask in its training split.
        """
        self._stores, self._course, self._cache = list(stores), course, cache
        self._cases = [_cases(store, interactive=course.data.interactive) for store in stores]
        wanted = course.data.pictures
        self._counts = [
            wanted.get(store.info.name, len(cases)) for store, cases in zip(stores, self._cases, strict=True)
        ]
        self._ends = list(accumulate(self._counts))
        # A store that was built anew has other features.
        self._digests = [digest_of(store) for store in stores]

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, place: Place) -> LiteSample:
        number = bisect_right(self._ends, place.sample)
        store, cases, data = self._stores[number], self._cases[number], self._course.data
        # Every picture of a store is met once before any is met again, whatever the length of an epoch.
        inside = place.sample - (self._ends[number] - self._counts[number])
        turn, rank = divmod(place.epoch * self._counts[number] + inside, len(cases))
        order = np.random.default_rng([self._course.loop.seed, number, turn]).permutation(len(cases))
        name = cases[order[rank]]
        variant = turn % data.variants if data.variants else turn + 1
        case = store[name]
        pixels = colour(case.image, _NAME)
        if data.stretched:
            pixels = stretched(pixels)
        height, width = case.image.grid
        # One generator for the view, which may be kept, and one for what is asked.
        which = (_number(store.info.name), _number(name))
        rng = np.random.default_rng([data.seed, *which, 0, variant])
        view = varied((height, width), data.views, rng) if variant else plain((height, width))
        masks = case.masks if data.interactive else case.masks.of_kind("gt")
        pool = _pool(masks, view, data.least_area)
        if not any(pool):
            # All masks are small, or have moved out of sight.
            variant, view = 0, plain((height, width))
            pool = _pool(masks, view, 0)
        if not any(pool):
            message = f"{printable(store.path)}: all masks of {name} are empty; build the store anew."
            raise BadStore(message)
        square = view.picture(pixels)
        if variant:
            square = relit(square, view.filled, data.views, rng)
        label = f"{self._digests[number]}/{name}/{variant}"
        known = None if self._cache is None else self._cache.load(label)
        asked = self._ask(*pool, view.filled, np.random.default_rng([self._course.loop.seed, *which, 1, turn]))
        features = None if known is None else Features(**known)
        return LiteSample(label, torch.from_numpy(square), view.filled, features, *asked)

    def _ask(
        self, truth: list[Mask], interactive: list[Mask], filled: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Tensor, ...]:
        """Wanted, other, points, kinds, rough, lone: of masks that are drawn, and of clicks anywhere."""
        data = self._course.data
        anywhere = round(data.masks * data.grid)
        count = data.masks - anywhere
        share = round(count * data.truth_share) if truth and interactive else count * bool(truth)
        drawn = [(mask, True) for mask in _several(truth, share, rng)]
        drawn += [(mask, False) for mask in _several(interactive, count - share, rng)]
        wanted, other, asked = [], [], []
        for mask, is_truth in drawn:
            coarse = reduced(mask[None], SIDE)[0]
            given = first_prompts(coarse >= min(0.5, coarse.max()), self._course.session, rng)
            meant = (mask, mask)
            if given.kinds[0] == INSIDE:
                meant = _meanings(mask, given.points[0], interactive if is_truth else truth, is_truth=is_truth)
            wanted.append(meant[0])
            other.append(meant[1])
            asked.append(given)
        for _ in range(anywhere):
            given = any_click(filled, rng)
            meant = _there(given.points[0], truth, interactive)
            wanted.append(meant[0])
            other.append(meant[1])
            asked.append(given)
        first, second = (torch.from_numpy(reduced(np.array(each), DRAWN)) for each in (wanted, other))
        return first, second, *(torch.from_numpy(np.array(each)) for each in zip(*asked, strict=True))

    def collate(self, samples: Sequence[LiteSample]) -> LiteBatch:
        """A batch."""
        columns = dict(zip(LiteSample._fields, zip(*samples, strict=True), strict=True))
        stacked = {
            name: torch.stack(columns[name])
            for name in ("pixels", "wanted", "other", "points", "kinds", "rough", "lone")
        }
        return LiteBatch(names=columns["name"], filled=columns["filled"], features=columns["features"], **stacked)


def _pool(masks: Masks, view: View, least: float) -> tuple[list[Mask], list[Mask]]:
    """Truth and interactive masks that are in sight, over at least this share of the square, on (512, 512)."""
    pools: tuple[list[Mask], list[Mask]] = ([], [])
    for index, info in enumerate(masks.infos):
        placed = view.mask(masks[index])
        if placed.any() and placed.mean() >= least:
            pools[info.kind != "gt"].append(placed)
    return pools


def _several(masks: list[Mask], count: int, rng: np.random.Generator) -> list[Mask]:
    """So many of them: each once, then each again, as far as that goes."""
    drawn: list[Mask] = []
    while masks and len(drawn) < count:
        drawn += [masks[index] for index in rng.permutation(len(masks))[: count - len(drawn)]]
    return drawn


def _meanings(mask: Mask, point: Points, others: list[Mask], *, is_truth: bool) -> tuple[Mask, Mask]:
    """What a click (x, y) on a mask is wanted to mean, and what else it may: of the two kinds the truth is wanted."""
    x, y = (int(2 * each) for each in point)
    there = next((each for each in others if each[y, x]), mask)
    return (mask, there) if is_truth else (there, mask)


def _there(point: Points, truth: list[Mask], interactive: list[Mask]) -> tuple[Mask, Mask]:
    """What a click (x, y) anywhere is wanted to mean, and what else it may: perhaps nothing."""
    known, found = _at(point, truth), _at(point, interactive)
    nothing = np.zeros((2 * SIDE, 2 * SIDE), np.bool_)
    first = next(each for each in (known, found, nothing) if each is not None)
    return first, first if found is None else found


def _at(point: Points, masks: list[Mask]) -> Mask | None:
    """The smallest of the masks that the place (x, y) lies in."""
    x, y = (int(2 * each) for each in point)
    return min((each for each in masks if each[y, x]), key=np.count_nonzero, default=None)


def _number(name: str) -> int:
    return zlib.crc32(name.encode())


def _cases(store: Store, *, interactive: bool) -> list[str]:
    """The pictures of the training split that have masks of the kinds wanted, in the order of the store."""
    found = [
        row["id"]
        for batch in store.scan("cases", ["id", "ndim", "split", "gt", "interactive"])
        for row in batch.to_pylist()
        if row["ndim"] == 2 and row["split"] == SPLIT and row["gt"] + interactive * row["interactive"]
    ]
    if not found:
        message = f"{printable(store.path)}: no picture of the split {SPLIT!r} has masks; choose another store."
        raise BadStore(message)
    return found
