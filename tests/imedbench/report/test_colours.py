import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks
from imedbench.report.colours import PALETTE, hexadecimal, region_colours, target_colours

NAMES = ("liver", "spleen", "left kidney", "right kidney", "aorta", "pancreas", "stomach", "gallbladder")


def test_colours_depend_on_the_names_and_not_on_their_order() -> None:
    assert target_colours(NAMES) == target_colours(reversed(NAMES))


def test_each_target_has_a_colour_of_its_own() -> None:
    assert len(set(target_colours(NAMES).values())) == len(NAMES)
    many = target_colours(f"target {number}" for number in range(len(PALETTE)))
    assert set(many.values()) == set(PALETTE)


def test_more_targets_than_colours() -> None:
    assert len(target_colours(f"target {number}" for number in range(60))) == 60


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_masks_that_touch_differ_in_colour(seed: int) -> None:
    places = np.random.default_rng(seed).integers(0, 9, (100, 100)) + 1
    labels = np.kron(places[:6, :6], np.ones((16, 16), np.int64))
    labels = labels * 100 + np.arange(96 * 96).reshape(96, 96) // (96 * 16)
    values = np.unique(labels)
    masks = Masks.from_labels(labels, {int(value): MaskInfo("", "interactive") for value in values})
    found = dict(zip(values, region_colours(masks), strict=True))
    for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        pairs = {(int(a), int(b)) for a, b in zip(one.flat, other.flat, strict=True) if a != b}
        assert all(found[a] != found[b] for a, b in pairs)


def test_css() -> None:
    assert hexadecimal((255, 0, 16)) == "#ff0010"


def test_no_masks_need_no_colours() -> None:
    assert region_colours(Masks.empty((4, 4))) == []
