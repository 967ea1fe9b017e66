import numpy as np
import pytest

from baselines.prism.intake import Scaling
from baselines.prism.said import OVERLAP, Said, cubes
from imedbench.types import Box, Click, Image, MaskPrompt, Scribble

SAME = Scaling((100, 100, 100), (1.0, 1.0, 1.0))
GRID = (100, 100, 100)
SIZE = 32


def told(*prompts: object) -> Said:
    return Said.of(prompts, SAME)  # type: ignore[arg-type]


def test_prompts_on_another_spacing() -> None:
    """Voxel centres go to the nearest; a box holds the centres between its edges."""
    scaling = Scaling((20, 40, 50), (3.0, 0.5, 1.0))
    said = Said.of(
        [
            Scribble(np.array([[19, 39, 49]], np.int32), inside=False),
            Click((2.0, 9.0, 7.0)),
            Box((1, 10, 5), (3, 20, 6)),
        ],
        scaling,
    )
    assert said.places.tolist() == [[6, 5, 7], [57, 19, 49]]
    assert said.inside.tolist() == [True, False]
    assert said.box is not None
    assert said.box.tolist() == [[2, 5, 5], [8, 10, 6]]


@pytest.mark.parametrize("spacing", [(5.0, 0.8, 0.8), (3.0, 1.5, 0.7), (0.6, 2.5, 1.0)])
def test_a_box_is_around_what_its_mask_becomes(spacing: tuple[float, float, float]) -> None:
    """Thick slices become many thin ones, of which the box leaves out none."""
    mask = np.zeros((12, 40, 50), np.bool_)
    mask[4:6, 7:22, 31:33] = True
    image = Image(mask.astype(np.int16), spacing, np.eye(4), "ct")
    scaling = Scaling.to_spacing(image, 1.0)
    places = np.argwhere(scaling.mask(mask))
    said = Said.of([Box((4, 7, 31), (6, 22, 33))], scaling)
    assert said.box is not None
    assert said.box.tolist() == [places.min(0).tolist(), (places.max(0) + 1).tolist()]


def test_a_box_has_a_voxel_at_least() -> None:
    said = Said.of([Box((0, 39, 49), (1, 40, 50))], Scaling((20, 40, 50), (0.1, 0.1, 0.1)))
    assert said.box is not None
    assert (said.box[1] - said.box[0]).tolist() == [1, 1, 1]


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="one box a target, not 2"):
        told(Box((0, 0, 0), (1, 1, 1)), Box((0, 0, 0), (2, 2, 2)))
    with pytest.raises(ValueError, match=r"\(100, 0, 0\) lies outside the volume, whose grid is \(100, 100, 100\)"):
        told(Click((100.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="lies outside"):
        told(Scribble(np.array([[0, 0, 0], [0, -1, 0]], np.int32)))


def test_within_a_cube() -> None:
    said = told(Click((12.0, 20.0, 20.0)), Click((60.0, 0.0, 0.0), inside=False), Box((5, 5, 15), (20, 90, 30)))
    here = said.within((10, 10, 10), SIZE)
    assert here.places.tolist() == [[2, 10, 10]]
    assert here.box is not None
    assert here.box.tolist() == [[0, 0, 5], [10, 32, 20]]
    assert said.within((40, 40, 40), SIZE).box is None


def test_around_a_box_that_fits() -> None:
    assert cubes(told(Box((40, 50, 60), (50, 60, 70)), Click((45.0, 55.0, 61.0))), [], GRID, SIZE) == [(29, 39, 49)]
    assert cubes(told(Box((0, 0, 90), (4, 4, 100))), [], GRID, SIZE) == [(0, 0, 68)]


def test_a_large_box_is_covered() -> None:
    found = cubes(told(Box((3, 10, 50), (97, 30, 100))), [], GRID, SIZE)
    covered = np.zeros(GRID, bool)
    for z, y, x in found:
        assert min(z, y, x) >= 0
        assert max(z, y, x) + SIZE <= 100
        covered[z : z + SIZE, y : y + SIZE, x : x + SIZE] = True
    assert covered[3:97, 10:30, 50:100].all()
    starts = sorted({z for z, _, _ in found})
    assert (np.diff(starts) <= SIZE - OVERLAP).all()


def test_without_a_box_around_what_is_inside() -> None:
    near = told(Click((50.0, 50.0, 50.0)), Click((60.0, 50.0, 50.0)), Click((5.0, 5.0, 5.0), inside=False))
    assert cubes(near, [], GRID, SIZE) == [(39, 34, 34)]
    apart = told(Click((20.0, 20.0, 20.0)), Click((80.0, 80.0, 80.0)))
    assert cubes(apart, [], GRID, SIZE) == [(4, 4, 4), (64, 64, 64)]


def test_what_is_there_stays_and_parts_are_added() -> None:
    there = [(4, 4, 4)]
    assert cubes(told(Click((30.0, 30.0, 30.0))), there, GRID, SIZE) == there
    assert cubes(told(Click((90.0, 30.0, 30.0), inside=False)), there, GRID, SIZE) == there
    assert cubes(told(Click((90.0, 30.0, 30.0))), there, GRID, SIZE) == [(4, 4, 4), (68, 14, 14)]
    assert there == [(4, 4, 4)]


def test_a_box_that_is_already_looked_at() -> None:
    box = told(Box((10, 10, 10), (20, 36, 36)))
    assert cubes(box, [(4, 4, 4)], GRID, SIZE) == [(4, 4, 4)]
    assert cubes(box, [(4, 5, 3)], GRID, SIZE) == [(4, 5, 3), (0, 7, 7)]


def test_only_what_is_outside() -> None:
    assert cubes(told(Click((50.0, 50.0, 50.0), inside=False)), [], GRID, SIZE) == [(34, 34, 34)]
    assert cubes(told(), [], GRID, SIZE) == []


def test_around_a_mask() -> None:
    logits = np.full(GRID, -5, np.float32)
    logits[10:20, 40:50, 70:80] = 5
    assert cubes(told(MaskPrompt(logits)), [], GRID, SIZE) == [(0, 29, 59)]
    assert cubes(told(MaskPrompt(logits)), [(0, 0, 0)], GRID, SIZE) == [(0, 0, 0)]
    assert cubes(told(MaskPrompt(np.full(GRID, -5, np.float32))), [], GRID, SIZE) == []
