import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from imedbench.masks import MaskInfo, Masks

STACKS = array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=7).flatmap(lambda shape: arrays(np.bool_, shape))


def encode(stack: np.ndarray) -> Masks:
    return Masks.from_dense(stack, [MaskInfo(f"target {i}") for i in range(len(stack))])


@given(STACKS)
def test_decoding_gives_back_what_was_encoded(stack: np.ndarray) -> None:
    masks = encode(stack)
    assert len(masks) == len(stack)
    assert np.array_equal(np.stack(list(masks)), stack)
    out = np.ones(stack.shape[1:], np.bool_)
    assert masks.decode(-1, out) is out
    assert np.array_equal(out, stack[-1])


@given(STACKS)
def test_runs_stay_inside_their_rows(stack: np.ndarray) -> None:
    masks = encode(stack)
    width = stack.shape[-1]
    assert (masks.starts // width == (masks.starts + masks.lengths - 1) // width).all()
    assert (masks.lengths > 0).all()


@given(STACKS)
def test_areas_boxes_and_csr_equal_their_dense_forms(stack: np.ndarray) -> None:
    masks = encode(stack)
    flat = stack.reshape(len(stack), -1)
    assert np.array_equal(masks.areas(), flat.sum(1))
    assert np.array_equal(masks.csr().toarray(), flat)
    for box, mask in zip(masks.boxes(), stack, strict=True):
        places = np.argwhere(mask)
        expected = [places.min(0), places.max(0) + 1] if len(places) else np.zeros((2, mask.ndim))
        assert np.array_equal(box, expected)


@given(STACKS, st.data())
def test_intersections_and_overlaps_equal_their_dense_forms(stack: np.ndarray, data: st.DataObject) -> None:
    other = data.draw(arrays(np.bool_, (data.draw(st.integers(1, 5)), *stack.shape[1:])))
    one, two = encode(stack), encode(other)
    flat, other_flat = stack.reshape(len(stack), -1).astype(int), other.reshape(len(other), -1).astype(int)
    shared = flat @ other_flat.T
    assert np.array_equal(one.intersections(two), shared)
    assert np.array_equal(one.intersections(one), flat @ flat.T)
    union = flat.sum(1)[:, None] + other_flat.sum(1)[None] - shared
    assert np.allclose(one.overlaps(two), shared / np.maximum(union, 1))


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=8), elements=st.integers(0, 4)))
def test_a_label_map_becomes_one_mask_a_named_value(labels: np.ndarray) -> None:
    masks = Masks.from_labels(labels, {3: MaskInfo("three"), 1: MaskInfo("one"), 2000: MaskInfo("none")})
    assert [info.target for info in masks.infos] == ["three", "one", "none"]
    assert np.array_equal(masks["three"], labels == 3)
    assert np.array_equal(masks["one"], labels == 1)
    assert not masks["none"].any()


def test_values_of_signed_maps_are_found() -> None:
    labels = np.array([[-1, 0, 300], [300, -1, 7]], np.int16)
    masks = Masks.from_labels(labels, {300: MaskInfo("a"), -1: MaskInfo("b")})
    assert np.array_equal(masks[0], labels == 300)
    assert np.array_equal(masks[1], labels == -1)


def test_selecting_keeps_order_and_facts() -> None:
    stack = np.random.default_rng(0).random((5, 4, 6)) > 0.5
    masks = encode(stack)
    chosen = masks.select([3, 0, 3])
    assert [info.target for info in chosen.infos] == ["target 3", "target 0", "target 3"]
    assert np.array_equal(np.stack(list(chosen)), stack[[3, 0, 3]])
    assert len(masks.select([])) == 0


@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 6)])
def test_masks_are_placed_on_a_larger_grid(shape: tuple[int, ...]) -> None:
    dense = np.random.default_rng(0).random((3, *shape)) < 0.4
    found = Masks.from_dense(dense, [MaskInfo(str(index)) for index in range(3)])
    corner, larger = (1, 2, 3)[: len(shape)], tuple(length + 5 for length in shape)
    placed = found.placed(larger, corner)
    expected = np.zeros((3, *larger), np.bool_)
    expected[:, *(slice(low, low + length) for low, length in zip(corner, shape, strict=True))] = dense
    assert np.array_equal(np.array(list(placed)), expected)
    assert np.array_equal(placed.boxes(), Masks.from_dense(expected, found.infos).boxes())


def test_concatenating_needs_one_grid() -> None:
    one, two = encode(np.ones((2, 3, 4), bool)), encode(np.ones((1, 4, 3), bool))
    assert len(Masks.concatenate([one, Masks.empty((3, 4)), one])) == 4
    with pytest.raises(ValueError, match=r"different grids.*\(3, 4\).*\(4, 3\)"):
        Masks.concatenate([one, two])
    with pytest.raises(ValueError, match="different grids"):
        one.intersections(two)


def test_a_target_is_the_union_of_its_instances_in_the_truth() -> None:
    stack = np.zeros((3, 2, 4), bool)
    stack[0, 0, 0] = stack[1, 1, 1] = stack[2, 1, 3] = True
    infos = [MaskInfo("rib", instance=1), MaskInfo("rib", instance=2), MaskInfo("rib", "interactive")]
    masks = Masks.from_dense(stack, infos)
    assert np.array_equal(masks["rib"], stack[0] | stack[1])
    assert masks.targets == ("rib",)
    assert len(masks.of_kind("interactive")) == 1
    with pytest.raises(KeyError, match="liver"):
        masks["liver"]


def test_no_masks_have_no_areas_boxes_or_overlaps() -> None:
    none = Masks.empty((5, 6))
    assert none.areas().shape == (0,)
    assert none.boxes().shape == (0, 2, 2)
    assert none.overlaps(none).shape == (0, 0)
    assert none.csr().shape == (0, 30)
