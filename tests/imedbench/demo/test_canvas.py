import numpy as np
import pytest

from imedbench.demo import canvas as space
from imedbench.demo.canvas import Canvas, ellipsoid_distance, joined, shared


@pytest.fixture
def canvas(monkeypatch: pytest.MonkeyPatch) -> Canvas:
    """A canvas that is not bent, so that shapes can be checked against formulas."""
    monkeypatch.setattr(space, "WARP_MM", 0.0)
    return Canvas((40, 50, 60), (2.0, 2.0, 2.0), np.random.default_rng(0))


def test_coordinates_are_centred_millimetres_in_array_order(canvas: Canvas) -> None:
    assert canvas.z[0, 0, 0] == -39
    assert canvas.y[0, -1, 0] == 49
    assert canvas.x[0, 0, 30] == 1


def test_noise_has_unit_deviation_and_belongs_to_places_not_voxels() -> None:
    fine = Canvas((40, 80, 80), (4.0, 2.0, 2.0), np.random.default_rng(1)).noise(np.random.default_rng(2), 30)
    coarse = Canvas((20, 40, 40), (8.0, 4.0, 4.0), np.random.default_rng(1)).noise(np.random.default_rng(2), 30)
    assert fine.std() == pytest.approx(1, abs=0.25)
    averaged = fine.reshape(20, 2, 40, 2, 40, 2).mean(axis=(1, 3, 5))
    assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.99


def test_a_painted_sphere_has_its_volume_a_soft_edge_and_a_label(canvas: Canvas) -> None:
    region, distance = canvas.ellipsoid((0, 0, 0), (12, 12, 12))
    canvas.paint(region.box, distance, 1000.0, "ball")
    volume = 4 / 3 * np.pi * 12**3
    assert ((canvas.hu + 1000) / 2000).sum() * 8 == pytest.approx(volume, rel=0.03)
    assert (canvas.labels == canvas.names["ball"]).sum() * 8 == pytest.approx(volume, rel=0.05)
    assert ((canvas.hu > -900) & (canvas.hu < 900)).any()


def test_an_empty_name_clears_labels_and_none_keeps_them(canvas: Canvas) -> None:
    region, distance = canvas.ellipsoid((0, 0, 0), (12, 12, 12))
    canvas.paint(region.box, distance, 50.0, "ball")
    canvas.paint(region.box, distance + 6, 90.0)
    assert canvas.labels[20, 25, 30] == canvas.names["ball"]
    canvas.paint(region.box, distance + 6, 90.0, "")
    assert canvas.labels[20, 25, 30] == 0
    assert (canvas.labels == canvas.names["ball"]).any()


def test_a_tilted_ellipsoid_keeps_its_volume_and_leans(canvas: Canvas) -> None:
    straight = ellipsoid_distance(canvas.everywhere, (0, 0, 0), (30, 8, 8)) < 0
    tilted = ellipsoid_distance(canvas.everywhere, (0, 0, 0), (30, 8, 8), (0, 0, 30)) < 0
    assert tilted.sum() == pytest.approx(straight.sum(), rel=0.05)
    places = np.argwhere(tilted) - np.argwhere(tilted).mean(axis=0)
    assert abs(np.corrcoef(places[:, 0], places[:, 1])[0, 1]) > 0.7
    assert abs(np.corrcoef(places[:, 0], places[:, 2])[0, 1]) < 0.1


def test_capsules_measure_the_distance_to_the_nearest_piece(canvas: Canvas) -> None:
    segments = np.array([[[-10, 0, 0, 4], [10, 0, 0, 4]], [[10, 0, 0, 4], [10, 20, 0, 2]]], float)
    region, distance = canvas.capsules(segments)
    at = np.argwhere((np.abs(region.z + 9) < 1.1) & (np.abs(region.y - 1) < 0.1) & (np.abs(region.x - 7) < 0.1))[0]
    assert distance[tuple(at)] == pytest.approx(np.hypot(1, 7) - 4, abs=1e-4)
    assert canvas.at(np.broadcast_to(canvas.x, canvas.shape), (0, 0, 21)) == pytest.approx(21)


def test_joined_and_shared_are_union_and_intersection_rounded() -> None:
    one, other = np.linspace(-5, 5, 11)[:, None], np.linspace(-5, 5, 11)[None]
    assert (joined(one, other, 2.0) <= np.minimum(one, other)).all()
    assert (shared(one, other, 2.0) >= np.maximum(one, other)).all()
    far = np.abs(one - other) > 2
    assert np.array_equal(joined(one, other, 2.0)[far], np.minimum(one, other)[far])
