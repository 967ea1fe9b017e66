from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imedbench.masks import MaskInfo, Masks
from imedbench.store.csr import DamagedRow, MaskRow, decode_masks, encode_masks

NAMES = ("", "liver", "left kidney")
CODES = {name: code for code, name in enumerate(NAMES)}
scores = st.integers(-200, 10_500).map(lambda value: value / 10_000)


@st.composite
def mask_sets(draw: st.DrawFn) -> Masks:
    """Masks of any sort on a small grid: empty and full ones, single voxels, runs that touch both ends of a line."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))
    count = draw(st.integers(0, 4))
    dense = draw(hnp.arrays(np.bool_, (count, *shape), elements=st.booleans(), fill=st.booleans()))
    coordinate = st.integers(-64, 200).map(lambda value: value / 16)
    facts = st.builds(
        MaskInfo,
        st.sampled_from(NAMES),
        st.sampled_from(["gt", "interactive"]),
        st.integers(0, 70_000),
        scores,
        scores,
        st.none() | st.tuples(*[coordinate] * len(shape)),
    )
    infos = draw(st.lists(facts, min_size=count, max_size=count))
    return Masks.from_dense(dense, infos) if count else Masks.empty(shape)


def equal(ours: Masks, theirs: Masks) -> None:
    assert ours.shape == theirs.shape
    assert ours.infos == theirs.infos
    for name in ("indptr", "starts", "lengths"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


@given(mask_sets(), st.integers(0, 5))
def test_round_trip(masks: Masks, padding: int) -> None:
    row = encode_masks(masks, CODES)
    assert row.dtype == np.uint32
    assert row[0] == len(row)
    equal(decode_masks(np.pad(row, (0, padding)), NAMES), masks)


@given(mask_sets(), st.randoms(use_true_random=False))
def test_chosen_masks_are_those_of_all(masks: Masks, random: Random) -> None:
    chosen = [random.randrange(len(masks)) for _ in range(3)] if len(masks) else []
    equal(MaskRow.of(encode_masks(masks, CODES), NAMES).decode(chosen), masks.select(chosen))


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (3, 4, 6)])
@pytest.mark.parametrize("fill", [False, True])
def test_empty_and_full_masks(shape: tuple[int, ...], fill: bool) -> None:
    masks = Masks.from_dense([np.full(shape, fill)], [MaskInfo("liver")])
    equal(decode_masks(encode_masks(masks, CODES), NAMES), masks)


def test_runs_that_touch_at_the_end_of_a_line_stay_two() -> None:
    dense = np.zeros((4, 6), bool)
    dense[1, 3:], dense[2, :2] = True, True
    masks = Masks.from_dense([dense], [MaskInfo("liver")])
    decoded = decode_masks(encode_masks(masks, CODES), NAMES)
    assert decoded.starts.tolist() == [9, 12]
    assert decoded.lengths.tolist() == [3, 2]


def test_largest_steps_survive() -> None:
    shape = (2**7 - 2, 2**12, 2**12)
    last = int(np.prod(shape)) - 1
    starts, lengths = np.array([0, last, 0, last]), np.ones(4, np.int64)
    infos = (MaskInfo("liver"), MaskInfo("liver"))
    masks = Masks(shape, np.array([0, 2, 4]), starts, lengths, infos)
    equal(decode_masks(encode_masks(masks, CODES), NAMES), masks)


def test_scores_are_rounded_and_the_scale_is_stated() -> None:
    masks = Masks.from_dense([np.ones((3, 3), bool)], [MaskInfo("", "interactive", 0, 0.98765, 1.00004, (1.03, 2.0))])
    found = decode_masks(encode_masks(masks, CODES), NAMES).infos[0]
    assert (found.score, found.stability, found.point) == (0.9876, 1.0, (1.0, 2.0))


def test_kinds_leave_out_empty_masks() -> None:
    shapes = [np.ones((2, 2), bool), np.zeros((2, 2), bool), np.ones((2, 2), bool)]
    masks = Masks.from_dense(shapes, [MaskInfo("liver"), MaskInfo("liver"), MaskInfo("", "interactive")])
    row = MaskRow.of(encode_masks(masks, CODES), NAMES)
    assert len(row) == 3
    assert (row.of_kind("gt").tolist(), row.of_kind("interactive").tolist()) == ([0], [2])


def test_objects_side_by_side_take_small_steps() -> None:
    """Each run follows the one above it, so two bars that run down together are two tracks and not one zigzag."""
    dense = np.zeros((64, 200), bool)
    dense[:, 10:20] = dense[:, 150:160] = True
    row = encode_masks(Masks.from_dense([dense], [MaskInfo("liver")]), CODES)
    steps = row[-256:].reshape(2, 128)
    assert (steps == 0).sum() == 2 * 126


@pytest.mark.parametrize(
    ("info", "fact"),
    [
        (MaskInfo("liver", score=float("nan")), "not a finite number"),
        (MaskInfo("liver", stability=float("inf")), "not a finite number"),
        (MaskInfo("liver", point=(1e12, 0.0)), "not a finite number"),
        (MaskInfo("liver", instance=-1), "out of range"),
    ],
)
def test_facts_that_cannot_be_stored_are_refused(info: MaskInfo, fact: str) -> None:
    with pytest.raises(ValueError, match=fact):
        encode_masks(Masks.from_dense([np.ones((2, 2), bool)], [info]), CODES)


def test_grid_of_too_many_voxels_is_refused() -> None:
    with pytest.raises(ValueError, match="2048 x 1024 x 1024 voxels is too large"):
        encode_masks(Masks.empty((2048, 1024, 1024)), CODES)


def sound_row() -> np.ndarray:
    dense = np.zeros((2, 6, 7), bool)
    dense[0, 1:4, 2:5] = dense[1, 2:5, 0:3] = True
    return encode_masks(Masks.from_dense(dense, [MaskInfo("liver"), MaskInfo("", "interactive")]), CODES)


@pytest.mark.parametrize(
    ("word", "value", "fact"),
    [
        (0, 5, "cannot hold"),
        (0, 2**32 - 1, "cannot hold"),
        (1, 3, "cannot hold"),
        (2, 7, "cannot hold"),
        (3, 4, "cannot hold"),
        (4, 0, "impossible"),
        (4, 2**31, "impossible"),
        (4, 3, "outside the grid"),
        (6, 9, "do not add up"),
        (8, 3, "has no name"),
        (10, 2, "has no name"),
        (-12, 10**6, "outside the grid"),
        (-1, 9, "outside the grid"),
        (-5, 20, "two runs of a mask overlap"),
    ],
)
def test_damaged_row_is_refused(word: int, value: int, fact: str) -> None:
    row = sound_row()
    row[word] = value
    with pytest.raises(DamagedRow, match=fact):
        decode_masks(row, NAMES)


@given(st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_any_wrong_word_gives_masks_on_the_grid_or_an_error(place: int, value: int) -> None:
    row = sound_row()
    row[place % len(row)] = value
    try:
        masks = decode_masks(row, NAMES)
    except DamagedRow:
        return
    ends = masks.starts + masks.lengths
    assert (masks.starts >= 0).all()
    assert (ends <= np.prod(masks.shape)).all()
    assert (masks.lengths > 0).all()


def test_row_without_header_is_refused() -> None:
    with pytest.raises(DamagedRow, match="no header"):
        decode_masks(np.zeros(3, np.uint32), NAMES)
