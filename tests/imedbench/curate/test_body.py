import numpy as np

from imedbench.curate.body import Scan, find_body
from imedbench.curate.grid import Grid
from imedbench.curate.settings import TissueSettings

GRID = Grid((6, 60, 80), (1, 1, 1), (3.0, 3.0, 3.0))


def scene() -> np.ndarray:
    """A trunk of 90 x 120 mm with a lung."""
    hu = np.full((6, 60, 80), -1000.0, np.float32)
    hu[:, 10:40, 20:60] = 40
    hu[:, 18:30, 30:45] = -850
    return hu


def test_gas_inside_is_body() -> None:
    body = find_body(scene(), GRID, TissueSettings())
    assert np.array_equal(body, np.broadcast_to(body[0], body.shape))
    assert body[0].sum() == 30 * 40


def test_table_and_tube_are_not() -> None:
    hu = scene()
    hu[:, 45:48, 5:75] = 100
    hu[:, 3:5, 40:42] = 200
    body = find_body(hu, GRID, TissueSettings())
    assert not body[:, 43:].any()
    assert not body[:, :6].any()


def test_an_arm_is_and_a_pillow_that_is_thick_but_light_is_not() -> None:
    hu = scene()
    hu[:, 15:30, 64:76] = 30
    hu[:, 45:58, 20:60] = -950
    body = find_body(hu, GRID, TissueSettings())
    assert body[:, 15:30, 64:76].all()
    assert not body[:, 45:].any()


def test_nothing_there() -> None:
    assert not find_body(np.full((2, 8, 8), -1000.0, np.float32), GRID, TissueSettings()).any()


def test_where_the_scan_cuts_the_body_off_there_is_no_skin() -> None:
    voxels = np.broadcast_to(scene(), (6, 60, 80)).astype(np.int16)
    voxels[:, :, 50:] = -2048
    scan = Scan.of(voxels, (3.0, 3.0, 3.0), TissueSettings())
    assert scan.body[:, 20, 49].all()
    rim = scan.rim(3.0)
    assert rim[:, 20, 20].all()
    assert not rim[:, 20, 44:50].any()
    assert Scan.of(scene(), (3.0, 3.0, 3.0), TissueSettings()).rim(3.0)[:, 20, 59].all()
