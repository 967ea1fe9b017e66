import numpy as np
import pytest

from imedbench.io.intensities import narrowed, native, rescaled, scaled_dtype


@pytest.mark.parametrize(
    ("voxels", "dtype"),
    [
        (np.array([1, -2], np.int64), np.int32),
        (np.array([1, 2**40], np.int64), np.int64),
        (np.array([1, 2**32 - 1], np.uint64), np.uint32),
        (np.array([0.5, 2.0]), np.float32),
        (np.array([0.1, 2.0]), np.float64),
        (np.array([1e300]), np.float64),
        (np.array([True, False]), np.uint8),
        (np.array([1.5], np.float16), np.float32),
        (np.array([1], np.int16), np.int16),
    ],
)
def test_types_are_halved_only_where_that_is_exact(voxels: np.ndarray, dtype: type) -> None:
    assert narrowed(voxels).dtype == dtype
    assert np.array_equal(narrowed(voxels), voxels)


def test_bytes_are_swapped_not_reinterpreted() -> None:
    assert native(np.array([1, 258], ">i2")).tolist() == [1, 258]
    assert native(np.array([1, 258], ">i2")).dtype.isnative
    same = np.array([1, 2], np.int16)
    assert native(same) is same


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "dtype"),
    [
        (np.array([0, 4095], np.uint16), 1, -1024, np.int16),
        (np.array([0, 65535], np.uint16), 1, -1024, np.int32),
        (np.array([40000, 65535], np.uint16), 1, -40000, np.int16),
        (np.array([0, 255], np.uint8), 100, 0, np.int16),
        (np.array([-5, 5], np.int16), 0.5, 0, np.float32),
        (np.array([-(2**31), 2**31 - 1], np.int32), 2.0**-32, 0.5, np.float32),
        (np.array([-5, 5], np.int16), 1, 0, np.int16),
    ],
)
def test_rescaling(stored: np.ndarray, slope: float, intercept: float, dtype: type) -> None:
    answer = rescaled(stored, slope, intercept)
    assert answer.dtype == dtype
    assert np.allclose(answer, stored.astype(float) * slope + intercept, rtol=1e-6)


def test_the_type_can_be_told_beforehand() -> None:
    assert scaled_dtype(0, 4095, 1, -1024) == np.int16
    assert scaled_dtype(0, 65535, 1, -1024) == np.int32
    assert scaled_dtype(0, 2**40, 1, 0) == np.int64
    assert scaled_dtype(0, 255, 0.5, 0) == np.float32
