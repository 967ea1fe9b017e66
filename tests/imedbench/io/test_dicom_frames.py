from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.io import read_image
from imedbench.io.dicom_frames import Frame, stacked


def frame(number: int, position: tuple[float, ...], orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0)) -> Frame:
    return Frame(Path("a"), number, position, orientation, (1.5, 1.25), 1.0, 0.0, None)


def test_frames_are_ordered_along_their_normal() -> None:
    # Sagittal slices with rows to the back and columns down: the normal points to the left.
    sagittal = (0, 1, 0, 0, 0, -1)
    order, affine = stacked(Path(), [frame(n, (x, 5, 9), sagittal) for n, x in enumerate((4, -2, 1))])
    assert order == [0, 2, 1]
    assert (affine @ (0, 0, 0, 1)).tolist() == [-4, -5, 9, 1]
    assert (affine @ (1, 0, 0, 1)).tolist() == [-4, -6.25, 9, 1]
    assert (affine @ (0, 1, 0, 1)).tolist() == [-4, -5, 7.5, 1]
    assert (affine @ (0, 0, 2, 1)).tolist() == [2, -5, 9, 1]


def test_jitter_of_rounded_positions_is_no_gap() -> None:
    order, _ = stacked(Path(), [frame(n, (0, 0, round(n * 0.666667, 2))) for n in range(50)])
    assert list(order) == list(range(50))


@pytest.mark.parametrize(
    ("positions", "fact"),
    [
        ([0, 3, 6, 12, 15], "has 1 missing slice between the positions 6 and 12 mm, where it steps 6 mm"),
        ([0, 3, 6, 15, 18, 21], "has 2 missing slices between the positions 6 and 15 mm"),
        ([0, 3, 6, 7, 10, 13], "has uneven steps between the positions 6 and 7 mm"),
        ([0, 3, 3, 6, 9], "at the same position, 3 mm along the stack"),
    ],
)
def test_uneven_stacks(refused: Any, positions: list[float], fact: str) -> None:
    with refused(Path("folder"), fact):
        stacked(Path("folder"), [frame(n, (0, 0, z)) for n, z in enumerate(positions)])


def test_stacks_that_are_none(refused: Any) -> None:
    with refused(Path("folder"), "mixes slices of 2 orientations, as localizers do"):
        stacked(Path("folder"), [frame(0, (0, 0, 0)), frame(1, (0, 0, 3)), frame(2, (0, 0, 6), (1, 0, 0, 0, 0, -1))])
    with refused(Path("folder"), r"leans? by 16\.7 degrees|lean by 16\.7 degrees"):
        stacked(Path("folder"), [frame(n, (0, 0.9 * n, 3.0 * n)) for n in range(4)])
    with refused(Path("folder"), "position that is not finite"):
        stacked(Path("folder"), [frame(0, (0, 0, 0)), frame(1, (0, 0, float("nan")))])


def spoil(name: str, value: Any) -> Any:
    def change(dataset: Any, index: int) -> None:
        if index == 2:
            setattr(dataset, name, value)

    return change


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("PixelSpacing", [0, 1], r"spacing of \(0, 1\) mm"),
        ("PixelSpacing", [2, 2], "mixes pixel spacings"),
        ("PixelSpacing", None, "has 1 of 6 frames without"),
        ("ImagePositionPatient", None, "has 1 of 6 frames without position"),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, -1], "mixes slices of 2 orientations"),
    ],
)
def test_spoiled_slices(
    tmp_path: Path, blob: np.ndarray, write_series: Any, refused: Any, name: str, value: Any, fact: str
) -> None:
    paths = write_series(tmp_path, blob, change=spoil(name, value))
    where = paths[2] if "spacing of" in fact else tmp_path
    with refused(where, fact):
        read_image(tmp_path)
