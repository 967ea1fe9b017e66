"""What the scores of generated masks are worth: measured on pictures that were learned from, kept with the weights.

::

    python -m baselines.imis_lite.calibration model.safetensors btcv.zarr calibrated.safetensors

generates masks on training pictures of a store whose interactive masks tell nearly all that there is, compares each
with the most alike of all masks known there, and writes the weights again, in half precision and with the `Scale` that
fits.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from baselines.imis_lite import CARD
from baselines.imis_lite.adapter import load
from baselines.imis_lite.samples import SPLIT
from baselines.imis_lite.scale import Scale
from imedbench.build.proposals import propose, settings_for
from imedbench.models.base import Model
from imedbench.models.checkpoint import read_facts
from imedbench.store import Store

EVERY = 6
"""One training picture in so many: neighbours are alike."""
LEAST = 0.1
"""Masks of lower scores are not looked at."""
_BINS = np.linspace(0, 1, 11)


def main() -> None:
    """Weights, store and the file to write, from the command line; prints what scores were worth before and after."""
    weights, store, out = (Path(each) for each in sys.argv[1:])
    short = {name: value.half() for name, value in load_file(weights).items()}
    # The bare weights: what an earlier calibration said does not matter.
    save_file(short, out)
    scores, found = outcomes(load(CARD, out, "cpu"), Store.open(store))
    scale = Scale.fit(scores, found)
    save_file(short, out, {**read_facts(weights), **scale.facts()})
    sys.stdout.write(table(scores, found))


def outcomes(model: Model, store: Store) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores (n,) of generated masks and their best IoU (n,) with any mask known of a training picture of the store."""
    settings = replace(settings_for(CARD.name), least_score=LEAST)
    scores: list[float] = []
    found: list[float] = []
    learned = [row for row in store.cases.to_pylist() if row["split"] == SPLIT and row["ndim"] == 2]
    for row in learned[::EVERY]:
        case = store[row["id"]]
        masks = propose(model, case.image, settings)
        if len(masks) and len(case.masks):
            scores += [info.score for info in masks.infos]
            found += masks.overlaps(case.masks).max(1).tolist()
    return np.array(scores), np.array(found)


def table(scores: NDArray[np.float64], found: NDArray[np.float64]) -> str:
    """A line for each tenth of the scores: how many masks, and the mean of what was found."""
    places = np.digitize(scores, _BINS[1:-1])
    lines = [
        f"{_BINS[place]:.1f}-{_BINS[place + 1]:.1f} {np.sum(places == place):6d} {found[places == place].mean():.3f}\n"
        for place in range(len(_BINS) - 1)
        if (places == place).any()
    ]
    return "".join(lines)


if __name__ == "__main__":
    main()
