"""The first prompts of training sessions: good clicks and bad, boxes that fit and boxes that do not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from baselines.imis_lite.course import Session
from baselines.imis_lite.encoder import SIDE
from baselines.imis_lite.prompts import FIRST, INSIDE, LAST, NOTHING

MOST = 3
"""Points that a first prompt can have: a click and a box's two corners."""
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


def first_prompts(
    mask: NDArray[np.bool_], session: Session, rng: np.random.Generator
) -> tuple[Points, NDArray[np.int64], bool]:
    """(3, 2) points (x, y) on the square, (3,) their kinds, and whether it is a click alone."""
    points, kinds = np.zeros((MOST, 2), np.float32), np.full(MOST, NOTHING)
    what = rng.random()
    boxed = what < session.box + session.both
    if boxed:
        points[1:] = first_box(mask, session, rng).reshape(2, 2)
        kinds[1:] = FIRST, LAST
    if what >= session.box:
        points[0] = first_click(mask, session, rng)
        kinds[0] = INSIDE
    return points, kinds, not boxed
