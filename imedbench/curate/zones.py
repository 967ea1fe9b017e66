"""What lies where in a body: under the skin, in its walls and limbs, or in the trunk's cavities."""

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_fill_holes, generate_binary_structure
from skimage.segmentation import watershed

from imedbench.curate.body import Scan
from imedbench.curate.classes import Classes
from imedbench.curate.grid import Distances, Grid
from imedbench.curate.settings import TissueSettings
from imedbench.types import Array, Mask

AIR, UNDER_SKIN, WALL, CAVITY, BONE = range(5)
"""Zones: outside the body; between skin and muscles; muscles and what lies between them; what muscles and bones
enclose; bones with their marrow."""
_STEPS = 100
"""Of the heights that fat and lean tissue rise to."""
_HOLE_MM2 = 3000.0
"""Holes in a slice of dense bone that are larger hold more than marrow."""
_POCKET_ML = 20.0
"""Fat that hangs on the trunk's inside by a narrow passage and is smaller is likely a part of it."""
_DISC_MM = 6.0
"""Half of what lies between two vertebrae at most: discs, and vertebrae that were labelled in part."""


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Of each block of a grid."""

    grid: Grid
    body: Mask
    zones: NDArray[np.uint8]
    muscular: Mask
    """Where lean tissue is muscle: the wall, and the blocks beside it that it shares with its neighbours."""
    fatty: NDArray[np.uint8]
    """What fat is part of: the zones, but the wall's own blocks at its sides count as what is beside them."""


def find_zones(scan: Scan, labels: Array, classes: Classes, settings: TissueSettings) -> Zones:
    """The zones of a CT with labels (z, y, x)."""
    grid, body = scan.grid, scan.body
    told = grid.middles(labels)
    spine = grid.closed(classes.like("vertebrae_*")[told], _DISC_MM)
    bone = ((_bones(scan.hu, grid, settings) | spine) & (told == 0) | classes.of("bone")[told]) & body
    scene = _Scene(scan, told, bone, classes, settings)
    sides = scene.sides()
    zones = scene.zones(sides, scene.muscle(sides))
    wall, faces = zones == WALL, generate_binary_structure(3, 1)
    muscular = binary_dilation(wall, faces) & ~scan.rim(settings.skin_mm) & (zones != BONE) & body
    fatty = zones.copy()
    for side in (CAVITY, UNDER_SKIN):
        fatty[binary_dilation(zones == side, faces) & wall] = side
    return Zones(grid, body, zones, muscular, fatty)


def _bones(hu: Distances, grid: Grid, settings: TissueSettings) -> Mask:
    """What is dense, with what it encloses in a slice."""
    dense = grid.closed(hu > settings.bone_hu, settings.skin_mm)
    largest = _HOLE_MM2 / (grid.spacing_mm[1] * grid.spacing_mm[2])
    found = []
    for plane in dense:
        holes = cc3d.connected_components(binary_fill_holes(plane) & ~plane, connectivity=4)
        sizes = np.bincount(holes.ravel())
        small = sizes <= largest
        small[0] = False
        found.append(plane | small[holes])
    return np.stack(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """What zones are found from."""

    scan: Scan
    told: NDArray[np.integer]
    bone: Mask
    classes: Classes
    settings: TissueSettings

    @property
    def grid(self) -> Grid:
        return self.scan.grid

    @property
    def body(self) -> Mask:
        return self.scan.body

    @property
    def hu(self) -> Distances:
        return self.scan.hu

    @property
    def skin(self) -> Mask:
        return self.scan.rim(self.settings.skin_mm)

    @property
    def fat(self) -> Mask:
        return self._unlabelled(*self.settings.fat_hu)

    @property
    def lean(self) -> Mask:
        return self._unlabelled(*self.settings.muscle_hu)

    def _unlabelled(self, low: float, high: float) -> Mask:
        """What has these intensities, and neither a label nor bone."""
        found: Mask = self.body & (self.told == 0) & ~self.bone & (self.hu >= low) & (self.hu <= high)
        return found

    @property
    def named(self) -> Mask:
        """Muscles that have a label."""
        found: Mask = self.classes.of("muscle")[self.told]
        return found

    def sides(self) -> NDArray[np.int32]:
        """1 on the skin's side of the body wall, 2 on the inner organs' side, 0 outside the body.

        Both sides grow through fat, from the skin and from what has a label inside the trunk; they meet where fat is
        narrow, or within muscle. That also closes gaps of the wall: between muscles, at the linea alba, in the groin.
        """
        near = self.settings.skin_mm + 2 * max(self.grid.spacing_mm)
        under = self.skin | self.fat & self.scan.rim(near)
        inner = self.classes.of("inside")[self.told]
        markers = np.zeros(self.hu.shape, np.int32)
        markers[under] = 1
        markers[inner & self.body] = 2
        if not inner.any():
            return np.where(self.body, 1, 0).astype(np.int32)
        found: NDArray[np.int32] = watershed(self._heights(markers > 0), markers, mask=self.body)  # type: ignore[no-untyped-call]
        return found

    def _heights(self, started: Mask) -> NDArray[np.uint8]:
        """Wide fat lies low, narrow fat higher, lean tissue above it, walls that have a label highest.

        Where the sides start it is lowest, however dense it is: they begin at once, and nothing beside them is narrow.
        """
        low, high = -110.0, 30.0
        lean = ((self.hu - low) / (high - low)).clip(0, 1)
        room = self.grid.depth(started | (self.hu < self.settings.fat_hu[1]))
        narrow = 1 - (room / self.settings.neck_mm).clip(0, 1)
        heights = np.maximum(lean, narrow / 2)
        heights[self.bone | self.named] = 1.2
        heights[started] = 0
        found: NDArray[np.uint8] = (heights * _STEPS).astype(np.uint8)
        return found

    def muscle(self, sides: NDArray[np.int32]) -> Mask:
        """Lean tissue of the wall and the limbs, with the muscles that have a label."""
        lean = self.lean & ~self.skin
        outer = self._without_islands(lean & (sides == 1))
        anchors = outer | self.named | self.bone
        steps = max(1, round(self.settings.wall_mm / max(self.grid.spacing_mm)))
        reached = binary_dilation(
            anchors, generate_binary_structure(3, 1), iterations=steps, mask=anchors | lean & (sides == 2)
        )
        found: Mask = (reached & lean & (sides == 2)) | outer | self.named
        return found

    def _without_islands(self, lean: Mask) -> Mask:
        """Without what is small, or neither touches bones nor muscles that have a label nor is large."""
        parts = cc3d.connected_components(lean, connectivity=6)
        sizes = np.bincount(parts.ravel()) * self.grid.voxel_ml
        held = np.zeros(len(sizes), np.bool_)
        held[np.unique(parts[self.grid.grown(self.bone | self.named, 2 * max(self.grid.spacing_mm))])] = True
        kept = (sizes >= self.settings.island_ml) & held
        kept[0] = False
        found: Mask = kept[parts]
        return found

    def zones(self, sides: NDArray[np.int32], muscle: Mask) -> NDArray[np.uint8]:
        """All together; the wall goes on in gaps between muscles and bones, and in fat that they shut in."""
        solid, between = muscle | self.bone, self.settings.between_mm
        # Corners of the cavity are no gaps: less is closed on that side.
        wall = self.grid.closed(solid, between) & (sides == 1) | self.grid.closed(solid, between / 2) & (sides == 2)
        found = np.where(wall | muscle, WALL, AIR).astype(np.uint8)
        for side, zone, start in ((1, UNDER_SKIN, self.skin), (2, CAVITY, self.classes.of("inside")[self.told])):
            parts = cc3d.connected_components(self.body & (sides == side) & ~wall, connectivity=6)
            reached = np.zeros(int(parts.max()) + 1, np.bool_)
            reached[np.unique(parts[start])] = True
            found[(parts > 0) & (found == AIR)] = WALL
            found[(parts > 0) & reached[parts] & ~muscle] = zone
        found[self._pockets(found == CAVITY)] = WALL
        found[self.bone] = BONE
        found[~self.body] = AIR
        return found

    def _pockets(self, cavity: Mask) -> Mask:
        """What hangs on the cavity by a narrow passage only, and has nothing in it that has a label: armpits do."""
        cores = cc3d.connected_components(self.grid.shrunk(cavity, self.settings.between_mm), connectivity=6)
        own = np.bincount(cores.ravel()) * self.grid.voxel_ml >= _POCKET_ML
        own[np.unique(cores[self.classes.of("inside")[self.told]])] = False
        own[0] = False
        if not own.any():
            return np.zeros(cavity.shape, np.bool_)
        far, near = self.grid.distance((cores > 0) & ~own[cores]), self.grid.distance(own[cores])
        found: Mask = cavity & (near < far)
        return found
