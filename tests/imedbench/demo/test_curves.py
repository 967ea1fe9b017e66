import numpy as np
import pytest

from imedbench.demo.curves import Growth, curve, grow, mirrored, packed_loops, pieces

KNOTS = [(0, 0, 0, 5), (10, 10, 0, 4), (20, 0, 10, 2)]


def test_a_curve_passes_its_knots_in_short_connected_pieces() -> None:
    line = curve(KNOTS, 2.0)
    assert np.array_equal(line[1:, 0], line[:-1, 1])
    assert np.linalg.norm(np.diff(line[:, :, :3], axis=1), axis=-1).max() < 4
    for knot in KNOTS:
        assert np.linalg.norm(line[:, 0, :3] - knot[:3], axis=1).min() < 1.5 or np.allclose(line[-1, 1], knot)
    assert line[..., 3].min() == pytest.approx(2)
    assert line[..., 3].max() == pytest.approx(5)


def test_the_mirror_changes_the_side_only() -> None:
    assert mirrored([(1, 2, 3, 4)], -1) == [(1, 2, -3, 4)]
    assert mirrored([(1, 2, 3, 4)], 1) == [(1, 2, 3, 4)]


def test_a_tree_stays_inside_thins_and_repeats_with_its_seed() -> None:
    def inside(point: np.ndarray) -> bool:
        return bool(np.linalg.norm(point) < 60)

    def grown(seed: int) -> np.ndarray:
        growth = Growth(generations=6, length_mm=15)
        return grow(np.random.default_rng(seed), ((0, 0, 0, 4), (1, 0, 0)), growth, inside)

    tree = grown(0)
    assert len(tree) > 20
    assert (np.linalg.norm(tree[1:, 1, :3], axis=1) < 60).all()
    assert (tree[:, 1, 3] < tree[:, 0, 3]).all()
    assert np.array_equal(tree, grown(0))
    assert not np.array_equal(tree[:5], grown(1)[:5])


def test_a_tree_that_may_not_grow_is_its_trunk() -> None:
    tree = grow(np.random.default_rng(0), ((0, 0, 0, 4), (0, 0, 2)), Growth(5, 10), lambda _: False)
    assert tree.shape == (1, 2, 4)
    assert tree[0, 1, 2] == 10


def test_loops_fill_their_box_in_one_line_that_keeps_apart() -> None:
    line = packed_loops(np.random.default_rng(0), (0, 0, 0), (60, 80, 100), 20.0)
    assert len(line) == 3 * 4 * 5
    assert line.min() > 0
    assert (line.max(axis=0) < (60, 80, 100)).all()
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    assert steps.max() < 2.2 * 20
    apart = np.linalg.norm(line[:, None] - line[None], axis=-1) + 1e3 * np.eye(len(line))
    assert apart.min() > 0.3 * 20


def test_pieces_pair_neighbours() -> None:
    assert pieces(np.arange(12.0).reshape(3, 4)).tolist() == [
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        [[4, 5, 6, 7], [8, 9, 10, 11]],
    ]
