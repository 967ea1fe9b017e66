from pathlib import Path

import numpy as np
import pytest

from imedbench.store.spool import Spool


@pytest.mark.parametrize("dtype", ["uint8", ">i2", "float32", "bool"])
def test_arrays_come_back_in_any_order(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 2, shape).astype(dtype) for shape in ((4, 5), (3, 4, 5), (7,), (2, 4, 5, 3))]
    spool = Spool(tmp_path / "spool")
    waiting = [spool.put(0, "image", array, spatial) for array, spatial in zip(arrays, (2, 3, 1, 3), strict=True)]
    for array, place in reversed(list(zip(arrays, waiting, strict=True))):
        planes = list(spool.planes(place))
        assert len(planes) == place.planes
        np.testing.assert_array_equal(np.stack(planes) if place.spatial == 3 else planes[0], array)
    spool.remove()
    assert not (tmp_path / "spool").exists()


def test_extent_of_a_volume_is_that_of_its_planes(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    place = spool.put(4, "original", np.zeros((2, 4, 5, 3), np.int16), 3)
    assert (place.extent.sides, place.extent.tail, place.extent.dtype, place.extent.role) == (
        (4, 5),
        (3,),
        "int16",
        "original",
    )
    spool.remove()
    spool.remove()


def test_strided_views_are_kept_as_they_look(tmp_path: Path) -> None:
    view = np.arange(24, dtype=np.int16).reshape(4, 6)[::-1, ::2]
    spool = Spool(tmp_path / "spool")
    np.testing.assert_array_equal(next(spool.planes(spool.put(0, "image", view, 2))), view)
    spool.remove()
