"""The first prompts of training sessions: good clicks and bad, boxes that fit and that do not, rough masks."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from baselines.imis_lite.course import Session
from baselines.imis_lite.encoder import SIDE
from baselines.imis_lite.prompts import FIRST, INSIDE, LAST, NOTHING

MOST = 3
"""Points that a first prompt can have: a click and a box's two corners."""
_CUT = 0.4
"""How often a part of a rough mask is missing."""
Points = NDArray[np.float32]


def first_click(mask: NDArray[np.bool_], session: Session, rng: np.random.Generator) -> tuple[int, int]:
    """(x, y) in a mask (h, w): its deepest point, or any that is at least so deep as a share drawn up to 0.8 of it."""
    depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    if rng.random() < session.deepest:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        return int(x), int(y)
    ys, xs = np.nonzero(mask & (depth >= rng.uniform(0, 0.8) * depth.max()))
    chosen = rng.integers(len(ys))
    return int(xs[chosen]), int(ys[chosen])


def first_box(mask: NDArray[np.bool_], session: Session, rng: np.random.Generator) -> NDArray[np.float64]:
    """(4,) first and last x and y of a mask (h, w), as well as the user hits them."""
    ys, xs = np.nonzero(mask)
    corners = np.array([[xs.min(), ys.min()], [xs.max(), ys.max()]], np.float64)
    sides = corners[1] - corners[0] + 1
    if rng.random() < session.tight:
        corners += rng.normal(0, 0.02, (2, 2)) * sides
    else:
        middle = corners.mean(0)
        corners = middle + rng.uniform(*session.scale) * (corners - middle)
        corners += rng.normal(0, session.stray, (2, 2)) * sides
    placed: NDArray[np.float64] = np.sort(corners.clip(0, SIDE - 1), 0).flatten()
    return placed


def first_mask(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A rough version of a mask (h, w): moved, grown or shrunk, often with a part cut off; never empty."""
    ys, xs = np.nonzero(mask)
    size = np.array([np.ptp(xs) + 1, np.ptp(ys) + 1])
    moved = rng.normal(0, 0.06, 2) * size
    place = np.column_stack([np.eye(2), moved])
    rough = cv2.warpAffine(mask.astype(np.uint8), place, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    radius = round(rng.normal(0, 0.08) * len(xs) ** 0.5)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(radius) + 1,) * 2)
    rough = (cv2.dilate if radius > 0 else cv2.erode)(rough, brush)
    if rng.random() < _CUT:
        angle = rng.uniform(0, 2 * np.pi)
        along = (np.arange(mask.shape[1]) - xs.mean()) * np.cos(angle)
        down = (np.arange(mask.shape[0]) - ys.mean()) * np.sin(angle)
        rough = rough * (down[:, None] + along > rng.uniform(-0.5, 0) * size.max())
    drawn: NDArray[np.bool_] = rough > 0
    return drawn if drawn.any() else mask


class Asked(NamedTuple):
    """The first prompt for one target."""

    points: Points
    """(3, 2) (x, y) on the square."""
    kinds: NDArray[np.int64]
    """(3,) what each is."""
    rough: NDArray[np.bool_]
    """(256, 256), nothing but where a mask is given."""
    lone: bool
    """Whether it is a click and nothing else."""


def any_click(filled: tuple[int, int], rng: np.random.Generator) -> Asked:
    """A click anywhere in a picture that takes (height, width) of the square, whatever lies there."""
    points, kinds = np.zeros((MOST, 2), np.float32), np.full(MOST, NOTHING)
    points[0] = rng.integers(filled[::-1])
    kinds[0] = INSIDE
    return Asked(points, kinds, np.zeros((SIDE, SIDE), np.bool_), lone=True)


def first_prompts(mask: NDArray[np.bool_], session: Session, rng: np.random.Generator) -> Asked:
    """A click, a box, both or a rough mask, for a target (256, 256)."""
    points, kinds, rough = np.zeros((MOST, 2), np.float32), np.full(MOST, NOTHING), np.zeros_like(mask)
    what = rng.random()
    boxed, clicked = what < session.box + session.both, what >= session.box
    if boxed:
        points[1:] = first_box(mask, session, rng).reshape(2, 2)
        kinds[1:] = FIRST, LAST
    elif what < session.box + session.both + session.mask:
        rough, clicked = first_mask(mask, rng), False
    if clicked:
        points[0] = first_click(mask, session, rng)
        kinds[0] = INSIDE
    return Asked(points, kinds, rough, clicked and not boxed)
