import numpy as np

from imedbench.io.polygons import filled_polygons

SQUARE = np.array([(2.0, 3.0), (2.0, 8.0), (6.0, 8.0), (6.0, 3.0)])


def test_pixels_on_the_contour_belong_to_it() -> None:
    expected = np.zeros((10, 12), bool)
    expected[2:7, 3:9] = True
    assert np.array_equal(filled_polygons([SQUARE], (10, 12)), expected)


def test_half_pixel_contours_hold_what_they_surround() -> None:
    expected = np.zeros((10, 12), bool)
    expected[3:7, 4:9] = True
    assert np.array_equal(filled_polygons([SQUARE + 0.5], (10, 12)), expected)


def test_a_hole_leaves_its_outline() -> None:
    hole = np.array([(3.0, 4.0), (3.0, 7.0), (5.0, 7.0), (5.0, 4.0)])
    filled = filled_polygons([SQUARE, hole], (10, 12))
    expected = np.zeros((10, 12), bool)
    expected[2:7, 3:9] = True
    expected[4, 5:7] = False
    assert np.array_equal(filled, expected)


def test_diamonds_keep_their_tips() -> None:
    filled = filled_polygons([np.array([(1.0, 5.0), (5.0, 9.0), (9.0, 5.0), (5.0, 1.0)])], (12, 12))
    rows, columns = np.indices((12, 12))
    assert np.array_equal(filled, np.abs(rows - 5) + np.abs(columns - 5) <= 4)


def test_lines_and_points() -> None:
    assert np.argwhere(filled_polygons([np.array([(4.0, 4.0)])], (9, 9))).tolist() == [[4, 4]]
    assert filled_polygons([np.array([(4.0, 2.0), (4.0, 6.0)])], (9, 9)).sum() == 5
    assert filled_polygons([np.array([(2.0, 4.0), (6.0, 4.0)])], (9, 9)).sum() == 5


def test_what_lies_beyond_the_grid_is_cut() -> None:
    assert filled_polygons([np.array([(-5.0, -5.0), (-5.0, 50.0), (50.0, 50.0), (50.0, -5.0)])], (9, 7)).all()
    assert not filled_polygons([SQUARE + 100], (9, 9)).any()


def test_against_a_circle() -> None:
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.stack([20.3 + 12.2 * np.sin(angle), 22.1 + 12.2 * np.cos(angle)], 1)
    rows, columns = np.indices((40, 44))
    truth = np.hypot(rows - 20.3, columns - 22.1) <= 12.2
    assert (filled_polygons([circle], (40, 44)) != truth).sum() <= 4
