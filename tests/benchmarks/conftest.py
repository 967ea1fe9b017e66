"""What the comparisons with other programs share."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks

Clock = Callable[..., float]
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class PublishedSlice:
    """One slice of the published sample of BTCV in the layout of IMed-361M."""

    name: str
    image: Path
    label: Path
    regions: Path

    def interactive(self) -> Masks:
        """Its interactive masks, with scores and points as a generator would give them: they cost bytes too."""
        regions = np.load(self.regions)["arr_0"]
        values = [int(value) for value in np.unique(regions) if value]
        rng = np.random.default_rng(len(values))
        scores = rng.uniform(0.7, 1.0, (len(values), 2)).tolist()
        points = rng.uniform(0, 512, (len(values), 2)).tolist()
        return Masks.from_labels(
            regions.reshape(regions.shape[:2]),
            {
                value: MaskInfo("", "interactive", 0, *score, tuple(point))
                for value, score, point in zip(values, scores, points, strict=True)
            },
        )


@pytest.fixture(scope="session")
def slices(shared_data: Path) -> list[PublishedSlice]:
    """All slices of the sample."""
    folder = shared_data / "btcv"
    labels = {path.name.split(".")[0]: path for path in (folder / "label").iterdir()}
    return [
        PublishedSlice(path.stem, folder / "image" / f"{path.stem.removeprefix('x___')}.png", labels[path.stem], path)
        for path in sorted((folder / "imask").iterdir())
    ]


@pytest.fixture(scope="session")
def fastest() -> Clock:
    """Seconds of the fastest of several calls: what the others add is the machine's noise."""

    def clock(function: Callable[[], Any], repeats: int = 20) -> float:
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            function()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    return clock


@pytest.fixture(scope="session")
def times_faster(fastest: Clock) -> Clock:
    """How many times as fast ours is as theirs, on a machine that does other things too.

    The two take turns, so that what slows one slows the other. Each is told by its fastest call of all rounds, and
    further rounds are run while the ratio is short of what is `expected`: a disturbance passes, a slow function stays.
    """

    def ratio(theirs: Callable[[], Any], ours: Callable[[], Any], expected: float, repeats: int = 20) -> float:
        their_seconds = our_seconds = float("inf")
        for _ in range(ROUNDS):
            their_seconds = min(their_seconds, fastest(theirs, repeats))
            our_seconds = min(our_seconds, fastest(ours, repeats))
            if their_seconds / our_seconds >= expected:
                break
        return their_seconds / our_seconds

    return ratio
