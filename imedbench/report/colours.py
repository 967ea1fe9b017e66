"""Colours of masks: one a target, wherever a store is shown; for generated masks, far from their neighbours'."""

import hashlib
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imedbench.masks import Masks

Colour = tuple[int, int, int]

# Entries far apart in hue, bright enough for a dark picture and dark enough for a light one.
PALETTE: tuple[Colour, ...] = (
    (255, 92, 92),
    (46, 196, 182),
    (255, 183, 3),
    (91, 140, 255),
    (224, 92, 209),
    (138, 201, 38),
    (255, 140, 66),
    (0, 180, 216),
    (199, 125, 255),
    (242, 233, 78),
    (67, 170, 139),
    (255, 111, 145),
    (123, 223, 242),
    (214, 140, 69),
    (106, 133, 50),
    (157, 141, 241),
    (241, 91, 181),
    (87, 204, 153),
    (233, 196, 106),
    (72, 149, 239),
    (201, 24, 74),
    (181, 228, 140),
    (244, 162, 97),
    (128, 164, 237),
)
# Coprime with the palette's length, so that probing meets every colour, and lands far from the first choice.
STRIDE = 7
# Generated masks closer than this many pixels are neighbours.
REACH = 3


def target_colours(names: Iterable[str]) -> dict[str, Colour]:
    """One colour a name: its own where no other name of the set wants it, else the next free one.

    The same set of names gives the same colours, whatever their order; beyond the palette's length colours repeat.
    """
    chosen: dict[str, Colour] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        if len(taken) == len(PALETTE):
            taken.clear()
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(PALETTE)
        while place in taken:
            place = (place + STRIDE) % len(PALETTE)
        taken.add(place)
        chosen[name] = PALETTE[place]
    return chosen


def region_colours(masks: Masks) -> list[Colour]:
    """One colour a mask, each as unlike those of the masks near it as the palette allows."""
    near = _neighbours(masks)
    table = _distances()
    chosen = np.full(len(masks), -1)
    used = np.zeros(len(PALETTE))
    for index in np.argsort(-masks.areas(), kind="stable"):
        taken = chosen[near[index]]
        taken = taken[taken >= 0]
        room = table[:, taken].min(1) if len(taken) else np.full(len(PALETTE), table.max())
        # Among the colours that stand out well enough, the one used least; ties go to the first.
        good = room >= 0.7 * room.max()
        chosen[index] = int(np.argmin(np.where(good, used, np.inf)))
        used[chosen[index]] += 1
    return [PALETTE[place] for place in chosen]


def hexadecimal(colour: Colour) -> str:
    """The colour as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _neighbours(masks: Masks) -> NDArray[np.bool_]:
    """(n, n): whether the boxes of two masks, grown a little, meet."""
    boxes = masks.boxes()
    low, high = boxes[:, 0] - REACH, boxes[:, 1] + REACH
    meets: NDArray[np.bool_] = (
        (low[:, None] < high[None]).all(-1) & (low[None] < high[:, None]).all(-1) & ~np.eye(len(masks), dtype=bool)
    )
    return meets


@cache
def _distances() -> NDArray[np.float64]:
    """(k, k): how different two colours of the palette look, as distance in CIE Lab."""
    import cv2

    colours = np.array([PALETTE], np.float32) / 255
    lab = cv2.cvtColor(colours, cv2.COLOR_RGB2Lab)[0].astype(np.float64)
    distance: NDArray[np.float64] = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return distance
