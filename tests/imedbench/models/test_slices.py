import numpy as np
import pytest

from imedbench.build.standardise import Plane, picture_of
from imedbench.models.slices import Slicing, shown_window
from imedbench.types import Box, Click, Image, Mask, MaskPrompt, Prompt, Scribble, Text

GRID = (4, 5, 6)


def volume(voxels: np.ndarray, modality: str = "ct", window: tuple[float, float] | None = None) -> Image:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    return Image(voxels, (4.0, 3.0, 2.0), affine, modality, window=window)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_shown_as_a_build_stores_them(axis: int) -> None:
    image = volume(np.random.default_rng(0).normal(size=GRID).astype(np.float32))
    expected = picture_of(image, Plane(axis, 2), (-1.0, 1.0))
    found = Slicing(GRID, axis).picture(image, 2, (-1.0, 1.0))
    np.testing.assert_array_equal(found.voxels, expected.voxels)
    np.testing.assert_array_equal(found.affine, expected.affine)
    assert found.spacing_mm == expected.spacing_mm


def painted(prompt: Prompt, grid: tuple[int, ...]) -> Mask:
    """The voxels that a prompt covers."""
    covered = np.zeros(grid, bool)
    if isinstance(prompt, Click):
        covered[tuple(int(at) for at in prompt.at)] = True
    elif isinstance(prompt, Box):
        covered[tuple(slice(int(low), int(high)) for low, high in zip(prompt.low, prompt.high, strict=True))] = True
    elif isinstance(prompt, Scribble):
        covered[tuple(prompt.voxels.T)] = True
    elif isinstance(prompt, MaskPrompt):
        covered = prompt.logits > 0
    return covered


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    "prompt",
    [
        Click((1.0, 2.0, 5.0)),
        Box((1.0, 0.0, 2.0), (3.0, 2.0, 3.0)),
        Scribble(np.array([[0, 1, 2], [0, 1, 3], [3, 4, 5]], np.int32)),
        MaskPrompt(np.random.default_rng(1).normal(-1, 1, GRID).astype(np.float32)),
    ],
)
def test_prompts_cover_the_same_voxels_on_slices(axis: int, prompt: Prompt) -> None:
    slicing = Slicing(GRID, axis)
    found = np.zeros(GRID, bool)
    for index, flat in slicing.place(prompt):
        view = slicing.upright(found, index)
        assert not view.any()
        view[:] = painted(flat, view.shape)
    np.testing.assert_array_equal(found, painted(prompt, GRID))


def test_which_side_is_marked_is_kept() -> None:
    slicing = Slicing(GRID, 0)
    stroke = Scribble(np.array([[0, 1, 2]], np.int32), inside=False)
    for prompt in (Click((0.0, 1.0, 2.0), inside=False), stroke):
        ((_, flat),) = slicing.place(prompt)
        assert isinstance(flat, Click | Scribble)
        assert not flat.inside


def test_fractions_go_to_the_nearest_slice() -> None:
    slicing = Slicing(GRID, 0)
    assert [index for index, _ in slicing.place(Click((1.6, 0.0, 0.0)))] == [2]
    assert [index for index, _ in slicing.place(Click((-4.0, 0.0, 0.0)))] == [0]
    assert slicing.range_of(Box((0.2, 0.0, 0.0), (2.5, 1.0, 1.0))) == range(1, 3)
    assert slicing.range_of(Box((-3.0, 0.0, 0.0), (9.0, 1.0, 1.0))) == range(4)
    assert slicing.range_of(Box((2.1, 0.0, 0.0), (2.9, 1.0, 1.0))) == range(2, 3)


def test_words_lie_on_no_slice() -> None:
    assert list(Slicing(GRID, 0).place(Text("liver"))) == []


def test_the_window_is_the_images_own_or_a_stated_one() -> None:
    values = np.linspace(-1000, 1000, 120).reshape(GRID)
    assert shown_window(volume(values, window=(1.0, 2.0))) == (1.0, 2.0)
    assert shown_window(volume(np.zeros(GRID, np.uint8))) == (0.0, 255.0)
    assert shown_window(volume(values)) == (-160.0, 240.0)
    low, high = shown_window(volume(values, "mr"))
    assert -1000 < low < -960
    assert 960 < high < 1000
    # A CT that is not in HU.
    assert shown_window(volume(values + 2000)) == shown_window(volume(values + 2000, "mr"))
