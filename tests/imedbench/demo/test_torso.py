import numpy as np

from imedbench.demo.canvas import Canvas
from imedbench.demo.torso import LEVELS, Torso, build_torso, paint_back, paint_seat, profile


def drawn(fat_mm: float = 14.0) -> tuple[Canvas, Torso]:
    canvas = Canvas((24, 64, 64), (20.0, 6.0, 6.0), np.random.default_rng(0))
    return canvas, build_torso(canvas, fat_mm)


def test_a_profile_is_read_at_the_slices() -> None:
    canvas, _ = drawn()
    column = profile(canvas, tuple(float(level) for level in LEVELS))
    assert column.shape == (24, 1, 1)
    assert np.allclose(column[:, 0, 0], canvas.axes[0])


def test_the_cavity_lies_in_the_trunk_and_the_trunk_in_the_picture() -> None:
    canvas, torso = drawn()
    assert not ((torso.cavity < 0) & (torso.trunk > 0)).any()
    assert (torso.trunk < 0).mean() > 0.2
    assert (canvas.hu[:, 0] == -1000).all()
    assert (canvas.hu[:, :, 0] == -1000).all()


def test_the_angle_about_the_trunk_is_nothing_behind_and_the_same_on_both_sides() -> None:
    _, torso = drawn()
    middle = torso.bearing[12, :, 31:33]
    assert middle[4].max() < 0.6
    assert middle[-4].min() > 2.6
    ring = np.abs(torso.trunk[12] + 20) < 10
    assert np.abs(torso.bearing[12] - torso.bearing[12, :, ::-1])[ring].max() < 0.35


def test_the_diaphragm_is_highest_on_the_right_and_belly_lies_below() -> None:
    canvas, torso = drawn()
    domes = [
        canvas.z[:, 34, column][torso.above[:, 34, column] < 0].max()
        for column in (int(np.argmin(np.abs(canvas.axes[2] - side))) for side in (66, -66))
    ]
    assert domes[0] > domes[1] > 0


def test_more_fat_makes_a_wider_body_with_the_same_inside() -> None:
    thin, inside = drawn(8)
    thick, same = drawn(30)
    assert np.array_equal(inside.cavity, same.cavity)
    assert (thick.hu > -500).sum() > 1.1 * (thin.hu > -500).sum()


def test_muscles_are_named_on_their_sides() -> None:
    canvas, torso = drawn()
    paint_back(canvas, torso)
    paint_seat(canvas, torso)
    for muscle in ("autochthonous muscle", "iliopsoas", "gluteus maximus", "gluteus medius"):
        for side, sign in (("right", 1), ("left", -1)):
            x = canvas.x[canvas.labels == canvas.names[f"{side} {muscle}"]]
            assert len(x) > 50
            assert (sign * x > 0).mean() > 0.98
