from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from baselines.imis_lite import pictures
from imedbench.errors import MissingWeights


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_a_large_picture_is_also_seen_in_parts(tmp_path: Path) -> None:
    whole = noise(800, 400, 3)
    cv2.imwrite(str(tmp_path / "slide.png"), whole[..., ::-1])
    found = list(pictures.parts(tmp_path / "slide.png"))
    np.testing.assert_array_equal(found[0], whole)
    # Its quarters are not cut again.
    assert [each.shape for each in found] == [(800, 400, 3)] + 3 * [(400, 200, 3)]
    corners = [whole[y : y + 400, x : x + 200] for y in (0, 400) for x in (0, 200)]
    assert all(any(np.array_equal(part, corner) for corner in corners) for part in found[1:])
    again = list(pictures.parts(tmp_path / "slide.png"))
    assert all(np.array_equal(*each) for each in zip(found, again, strict=True))


def test_nothing_to_see_in_a_part(tmp_path: Path) -> None:
    whole = np.full((400, 400), 200, np.uint8)
    whole[:200, :200] = noise(200, 200)
    cv2.imwrite(str(tmp_path / "slide.png"), whole)
    assert [each.shape[:2] for each in pictures.parts(tmp_path / "slide.png")] == [(400, 400), (200, 200)]


def test_a_small_picture_is_seen_whole(tmp_path: Path) -> None:
    np.save(tmp_path / "slice.npy", np.linspace(-3, 900, 300 * 300).reshape(300, 300))
    (only,) = pictures.parts(tmp_path / "slice.npy")
    assert only.shape == (300, 300, 3)
    assert (only.min(), only.max()) == (0, 255)


def test_the_files_of_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURES", {"skimage": ("data", "cell.png coins.png")})
    assert [path.name for path in pictures.paths()] == ["cell.png", "coins.png"]
    assert all(path.is_file() for path in pictures.paths())
    monkeypatch.setattr(pictures, "PICTURES", {"no_such_package": ("data", "cell.png")})
    with pytest.raises(MissingWeights, match="no_such_package is not installed"):
        pictures.paths()


def test_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURES", {"skimage": ("data", "cell.png coins.png")})
    monkeypatch.setattr("sys.argv", ["pictures", str(tmp_path / "out")])
    pictures.main()
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["cell-0.png", "cell-1.png", "cell-2.png", "coins-0.png"]
