import cv2
import numpy as np
import pytest

from baselines.imis_lite.course import Views
from baselines.imis_lite.encoder import SIDE
from baselines.imis_lite.views import View, plain, reduced, relit, varied
from baselines.sam.frame import Frame
from imedbench.types import Mask

STILL = Views(window=0, gamma=0, invert=0, blur=0, noise=0)


def smooth(grid: tuple[int, int]) -> np.ndarray:
    rough = np.random.default_rng(1).integers(0, 256, (max(2, grid[0] // 10), max(2, grid[1] // 10), 3), np.uint8)
    return cv2.resize(rough, grid[::-1], interpolation=cv2.INTER_CUBIC)


def disc(grid: tuple[int, int]) -> Mask:
    rows, columns = np.indices(grid)
    inside: Mask = np.hypot(rows - 0.55 * grid[0], columns - 0.4 * grid[1]) < 0.25 * min(grid)
    return inside


@pytest.mark.parametrize(
    ("grid", "least", "margin"),
    [((512, 512), 0, 0), ((340, 512), 0, 0), ((512, 300), 0, 0), ((1024, 700), 1, 0), ((800, 700), 3, 0),
     ((240, 240), 5, 2)],
)  # fmt: skip
def test_a_plain_view_is_what_inference_sees(grid: tuple[int, int], least: int, margin: int) -> None:
    frame, view, pixels = Frame(grid, SIDE, 128, "lite"), plain(grid), smooth(grid)
    height, width = frame.filled
    assert view.filled == frame.filled
    square = view.picture(pixels)
    assert square.shape == (SIDE, SIDE, 3)
    assert not square[height:].any()
    assert not square[:, width:].any()
    off = np.abs(square[:height, :width].astype(int) - frame.fit(pixels))
    assert off[margin : height - margin, margin : width - margin].max() <= least


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("grid", [(512, 512), (90, 60), (240, 320), (700, 1000)])
def test_masks_lie_where_their_pixels_do(grid: tuple[int, int]) -> None:
    mask, rng = disc(grid), np.random.default_rng(7)
    painted = np.repeat((mask * 255).astype(np.uint8)[..., None], 3, 2)
    views = [plain(grid), *(varied(grid, Views(), rng) for _ in range(30))]
    shares = []
    for view in views:
        share = reduced(view.mask(mask)[None], SIDE)[0]
        if share.sum() > 500:
            shares.append(iou(share > 0.5, view.picture(painted)[..., 0] > 127))
    assert len(shares) > 25
    assert min(shares) > 0.95


def test_pixels_have_their_place_in_their_centre() -> None:
    """Of a picture of 4 x 4, each pixel is 128 x 128 of the fine square; of one of 1024, four are one."""
    for index in range(4):
        mask = np.zeros((4, 4), bool)
        mask[index, 3 - index] = True
        rows, columns = np.nonzero(plain((4, 4)).mask(mask))
        assert (rows.min(), rows.max()) == (128 * index, 128 * index + 127)
        assert (columns.min(), columns.max()) == (128 * (3 - index), 128 * (3 - index) + 127)
    mask = np.zeros((1024, 1024), bool)
    mask[200:400, 100:300] = True
    rows, columns = np.nonzero(plain((1024, 1024)).mask(mask))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 199, 50, 149)


def test_a_mirror_and_nothing_else() -> None:
    grid = (512, 340)
    still = {"zoom": (1, 1), "turn": 0, "stretch": 0}
    for rows, columns in ((1, 0), (0, 1), (1, 1), (0, 0)):
        view = varied(grid, Views.model_validate({**still, "mirror": (rows, columns)}), np.random.default_rng(0))
        flipped = plain(grid).mask(disc(grid))[:, :340]
        flipped = flipped[::-1] if rows else flipped
        flipped = flipped[:, ::-1] if columns else flipped
        found = view.mask(disc(grid))[:, :340]
        down, across = (np.mean(np.nonzero(found), 1) - np.mean(np.nonzero(flipped), 1)).round().astype(int)
        assert abs(down) <= 0.06 * 512
        assert abs(across) <= 0.06 * 340
        assert iou(np.roll(flipped, (down, across), (0, 1)), found) > 0.98


def test_views_keep_to_their_bounds() -> None:
    grid, rng = (200, 300), np.random.default_rng(2)
    wanted = Views(zoom=(0.8, 1.5), turn=5, stretch=0.05)
    scale = np.linalg.det(plain(grid).place[:, :2])
    views = [varied(grid, wanted, rng) for _ in range(300)]
    zooms = np.array([np.sqrt(abs(np.linalg.det(view.place[:, :2])) / scale) for view in views])
    assert 0.8 <= zooms.min() < 0.83
    assert 1.45 < zooms.max() <= 1.5
    mirrored = np.mean([np.linalg.det(view.place[:, :2]) < 0 for view in views])
    assert mirrored == pytest.approx(0.15 * 0.7 + 0.85 * 0.3, abs=0.08)
    # The middle of the picture stays in sight.
    middles = np.array([view.place @ [149.5, 99.5, 1] for view in views])
    assert middles.min() > 0
    assert (middles < [512, 341]).all()


def test_nothing_of_the_picture_leaves_its_part() -> None:
    grid = (100, 300)
    view = varied(grid, Views(zoom=(2, 2)), np.random.default_rng(0))
    height, width = view.filled
    assert (height, width) == (85, 256)
    assert not view.picture(np.full((*grid, 3), 200, np.uint8))[height:].any()
    assert not view.mask(np.ones(grid, bool))[2 * height :].any()


def test_light_changes_inside_and_nowhere_else() -> None:
    square = plain((160, 256)).picture(smooth((160, 256)))
    square[160:] = 77
    rng = np.random.default_rng(3)
    changed = [relit(square, (160, 256), Views(), rng) for _ in range(20)]
    for each in changed:
        assert each.dtype == np.uint8
        assert (each[160:] == 77).all()
        assert not np.array_equal(each[:160], square[:160])
    assert (square[160:] == 77).all()
    assert len({each.tobytes() for each in changed}) == 20


def test_light_left_alone_fills_the_range() -> None:
    square = plain((256, 256)).picture(smooth((256, 256)) // 2 + 40)
    values = square.astype(float)
    expected = (values - values.min()) / np.ptp(values) * 255
    found = relit(square, (256, 256), STILL, np.random.default_rng(0))
    assert np.abs(found - expected).max() <= 1
    inverted = relit(square, (256, 256), STILL.model_copy(update={"invert": 1}), np.random.default_rng(0))
    assert np.abs(255 - inverted.astype(int) - found).max() <= 1


def test_a_flat_picture_stays_flat() -> None:
    flat = np.full((SIDE, SIDE, 3), 9, np.uint8)
    for seed in range(20):
        assert np.ptp(relit(flat, (SIDE, SIDE), Views(noise=0), np.random.default_rng(seed))) == 0


def test_noise_is_grey_and_blur_blurs() -> None:
    square = plain((256, 256)).picture(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    blurred = relit(square, (256, 256), STILL.model_copy(update={"blur": 1}), np.random.default_rng(0))
    assert blurred.std() < 0.9 * square.std()
    grey = np.repeat(square[..., :1], 3, 2)
    noisy = relit(grey, (256, 256), STILL.model_copy(update={"noise": 1}), np.random.default_rng(0))
    assert np.ptp(noisy, 2).max() == 0


def test_reduced_is_the_share_that_is_covered() -> None:
    masks = np.random.default_rng(0).random((3, 512, 512)) < 0.3
    found = reduced(masks, 128)
    assert found.shape == (3, 128, 128)
    assert found.dtype == np.float32
    assert found[1, 5, 77] == masks[1, 20:24, 308:312].mean()
    np.testing.assert_allclose(found.mean((1, 2)), masks.mean((1, 2)), rtol=1e-5)


def test_a_view_does_what_its_matrix_says() -> None:
    view = View((8, 8), np.array([[64.0, 0, 31.5 + 64], [0, 64, 31.5]]))
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = True
    rows, columns = np.nonzero(view.mask(mask))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (128, 191, 256, 319)


@pytest.mark.parametrize("grid", [(60, 60), (240, 240), (301, 512), (2000, 1500)])
def test_a_picture_keeps_its_border(grid: tuple[int, int]) -> None:
    """Nothing dark is mixed in, whatever the size: an even picture stays even."""
    view = plain(grid)
    square = view.picture(np.full((*grid, 3), 200, np.uint8))
    height, width = view.filled
    assert set(np.unique(square[:height, :width])) == {200}
    assert not square[height:].any()
    assert not square[:, width:].any()


def test_large_pictures_are_averaged() -> None:
    """A fine chequerboard is grey; pixels picked out of it would be black or white."""
    board = ((np.indices((2000, 2000)).sum(0) % 2) * 255).astype(np.uint8)
    square = plain((2000, 2000)).picture(np.stack([board] * 3, 2))
    assert np.abs(square.astype(int) - 127).max() < 12
