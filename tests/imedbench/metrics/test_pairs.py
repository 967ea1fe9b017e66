import numpy as np
import pytest

from imedbench.metrics.pairs import as_mask, as_pair, as_spacing


def test_a_pair_of_different_shapes_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"truth and guess differ in shape: \(2, 3\) and \(3, 2\)"):
        as_pair(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


def test_what_is_not_bool_is_inside_where_it_is_not_zero() -> None:
    np.testing.assert_array_equal(as_mask(np.array([0, 1, -2, 255])), [False, True, True, True])
    mask = np.ones(3, bool)
    assert as_mask(mask) is mask


@pytest.mark.parametrize(
    ("spacing", "axes"),
    [((1, 1), 3), ((1, 1, 1), 2), ((1,), 1), ((1, 0), 2), ((1, -1), 2), ((1, np.inf), 2), ((1, np.nan), 2)],
)
def test_a_spacing_has_a_positive_number_an_axis(spacing: tuple[float, ...], axes: int) -> None:
    with pytest.raises(ValueError, match="do not go together"):
        as_spacing(spacing, axes)


def test_a_spacing_of_any_numbers_becomes_floats() -> None:
    assert as_spacing(np.array([2, 1], np.int32), 2) == (2.0, 1.0)
