"""The frame of the phantom: skin, fat, muscle walls and the space inside."""

from dataclasses import dataclass

import numpy as np

from imedbench.demo.canvas import FAR_MM, Canvas, Field
from imedbench.demo.curves import curve, mirrored

FAT_HU, MUSCLE_HU, SKIN_HU = -104.0, 58.0, 10.0
SIDES = (("right", 1), ("left", -1))

LEVELS = (-260, -200, -150, -100, -50, 0, 40, 80, 120, 160, 190, 215, 235, 252)
CAVITY_HALF_WIDTH = (66, 88, 112, 122, 124, 122, 121, 120, 116, 106, 92, 72, 48, 24)
CAVITY_HALF_DEPTH = (52, 62, 70, 73, 76, 80, 84, 86, 84, 76, 66, 50, 34, 16)
CAVITY_CENTRE = (-4, 4, 8, 9, 7, 4, 2, 0, -2, -6, -10, -16, -20, -24)
TRUNK_HALF_WIDTH = (156, 154, 147, 142, 140, 139, 141, 145, 149, 154, 158, 156, 146, 132)
TRUNK_FRONT_WALL = (22, 16, 12, 11, 11, 12, 14, 16, 20, 24, 24, 22, 20, 18)
TRUNK_BACK = (-104, -106, -104, -102, -102, -104, -106, -108, -108, -106, -104, -100, -94, -86)
SPINE_LEVELS = (-230, -180, -127, -60, 0, 60, 120, 180, 250)
SPINE_DEPTH = (-78, -70, -48, -38, -42, -52, -60, -60, -50)
LUMBAR_TOP_MM = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Torso:
    """The surfaces that everything inside is fitted to, as distances on the whole canvas, negative inside."""

    trunk: Field
    """Outside of the muscles."""
    cavity: Field
    """Inside of the chest and belly walls."""
    above: Field
    """The side of the diaphragm that the belly is on is negative."""
    bearing: Field
    """Angle about the middle of the trunk: 0 at the spine, pi at the breastbone, the same left and right."""


def profile(canvas: Canvas, values: tuple[float, ...], levels: tuple[float, ...] = LEVELS) -> Field:
    """(z, 1, 1): a quantity that changes along the body, at the canvas's slices."""
    level = canvas.axes[0] / canvas.size
    smooth = np.interp(level, levels, values)
    column: Field = smooth.astype(np.float32)[:, None, None]
    return column


def build_torso(canvas: Canvas, fat_mm: float) -> Torso:
    """Paints skin, fat, muscle and the fat inside; returns the surfaces."""
    torso = _surfaces(canvas)
    _paint_wall(canvas, torso, fat_mm)
    return torso


def _surfaces(canvas: Canvas) -> Torso:
    z, y, x = canvas.z, canvas.y, canvas.x
    half_width, half_depth = profile(canvas, CAVITY_HALF_WIDTH), profile(canvas, CAVITY_HALF_DEPTH)
    centre = profile(canvas, CAVITY_CENTRE)
    cavity, ratio = _rounded_box(y - centre, x, half_depth, half_width)
    front = centre + half_depth + profile(canvas, TRUNK_FRONT_WALL)
    back = profile(canvas, TRUNK_BACK)
    trunk, _ = _rounded_box(y - (front + back) / 2, x, (front - back) / 2, profile(canvas, TRUNK_HALF_WIDTH))
    furrow = 7 * np.exp(-((x / 16) ** 2)) * (y < 0) * profile(canvas, (0.2, 0.3, 1, 1), (-260, -190, -130, 250))
    bearing = np.arctan2(np.abs(x) / half_width, -(y - centre) / half_depth)
    domes = 60 * (1 - np.minimum(ratio, 1.1) ** 5) - 4 + 0.42 * y + 0.10 * np.abs(x)
    domes += 14 * _bump(y - 6, x - 66, 52) + 5 * _bump(y - 6, x + 66, 48) - 7 * _bump(y - 30, x + 8, 36)
    return Torso(trunk + furrow, cavity + 0.8 * canvas.rough, ((z - domes) * 0.65).astype(np.float32), bearing)


def _bump(y: Field, x: Field, width_mm: float) -> Field:
    return np.exp(-(y**2 + x**2) / np.float32(width_mm**2))


def _rounded_box(y: Field, x: Field, half_depth: Field, half_width: Field) -> tuple[Field, Field]:
    """Distance along the ray from the middle to an oval that is a little square, and the ratio of the radii."""
    squared_y, squared_x = (y / half_depth) ** 2, (x / half_width) ** 2
    ratio = 0.55 * np.sqrt(squared_y + squared_x) + 0.45 * np.sqrt(np.sqrt(squared_y**2 + squared_x**2))
    distance = np.sqrt(y**2 + x**2) * (1 - 1 / np.maximum(ratio, 1e-3))
    return distance.astype(np.float32), ratio


def _paint_wall(canvas: Canvas, torso: Torso, fat_mm: float) -> None:
    everywhere = canvas.everywhere.box
    sideways = np.sin(torso.bearing) ** 2
    thickness = fat_mm * (0.8 + 0.3 * (1 - sideways) + 0.10 * canvas.swell + 0.03 * canvas.rough)
    thickness = thickness * profile(
        canvas, (1.2, 1.2, 1.15, 1.1, 0.9, 0.75, 0.6, 0.5), (*LEVELS[:1], -180, -130, -80, 0, 60, 120, 252)
    )
    skin = torso.trunk - np.maximum(thickness, 4)
    canvas.paint(everywhere, skin, SKIN_HU)
    canvas.paint(everywhere, skin + 2.2, FAT_HU + 5 * canvas.mottle)
    septa = np.abs(canvas.rough * 0.7 + canvas.mottle * 0.35)
    marbled = MUSCLE_HU - 26 * np.clip(0.16 - septa, 0, 0.16) / 0.16 + 4 * canvas.mottle
    canvas.paint(everywhere, torso.trunk + 0.6 * canvas.rough, marbled)
    _paint_chest_wall(canvas, torso)
    depth = torso.trunk
    below_ribs = np.clip((LUMBAR_TOP_MM - 10 - canvas.z) / 20, 0, 1) * np.clip((canvas.z + 125) / 20, 0, 1)
    for plane in (-5.5, -10.5):
        layer = np.abs(depth - plane) - 0.5 + 6 * (1 - below_ribs) + 4 * (1 - sideways)
        canvas.paint(everywhere, layer, FAT_HU)
    canvas.paint(everywhere, torso.cavity, FAT_HU + 4 * canvas.mottle)


def _paint_chest_wall(canvas: Canvas, torso: Torso) -> None:
    """Fat between the layers of muscle around the ribs: widest in the armpit, thin under the chest muscles."""
    room = torso.cavity - torso.trunk
    depth = -torso.trunk / np.maximum(room, 1)
    high = np.clip((canvas.z - 70) / 60, 0, 1)
    armpit = np.exp(-(((torso.bearing - 1.55) / 0.38) ** 2)) * high
    front = np.exp(-(((torso.bearing - 2.35) / 0.45) ** 2)) * high
    back = np.exp(-(((torso.bearing - 0.6) / 0.5) ** 2)) * high
    gaps = (
        (0.52, 0.24 * armpit + 0.035 * front + 0.05 * back),
        (0.70, 0.05 * armpit + 0.025 * front + 0.02 * back),
        (0.30, 0.03 * armpit + 0.045 * back),
    )
    for middle, half in gaps:
        gap = (np.abs(depth - middle - 0.05 * canvas.swell) - half - 0.012 * canvas.rough) * room
        canvas.paint(canvas.everywhere.box, np.maximum(gap, 10 - torso.cavity), FAT_HU + 5 * canvas.mottle)
    lower = np.clip((110 - canvas.z) / 40, 0, 1) * np.clip((canvas.z + 10) / 30, 0, 1)
    sheet = np.abs(torso.cavity - 13 - 1.5 * canvas.swell) - 2.2 * lower
    canvas.paint(canvas.everywhere.box, np.where(lower > 0, sheet, FAR_MM), FAT_HU)


def paint_back(canvas: Canvas, torso: Torso) -> None:
    """The muscles along the spine, the loins and the seat."""
    region = canvas.everywhere
    spine = profile(canvas, SPINE_DEPTH, SPINE_LEVELS)
    half_width = profile(canvas, (14, 24, 27, 24, 22, 18), (-215, -150, -60, 20, 120, 250))
    for side, sign in SIDES:
        across = (sign * region.x - 31) / half_width
        along = (region.y - (spine - 35)) / 17
        ratio = np.sqrt(across**2 + along**2)
        erector = np.maximum((ratio - 1) * 17, torso.trunk + 3) + 1.2 * canvas.rough
        erector = np.maximum(erector, -210 - region.z)
        canvas.paint(region.box, erector - 1.6, FAT_HU)
        canvas.paint(region.box, erector, _marbled(canvas), f"{side} autochthonous muscle")
    for side, sign in SIDES:
        knots = [
            (0, -42, 30, 6),
            (-45, -40, 38, 14),
            (-100, -34, 48, 19),
            (-150, -8, 62, 22),
            (-200, 24, 78, 18),
            (-240, 30, 88, 14),
        ]
        near, distance = canvas.capsules(curve(mirrored(knots, sign), 6))
        distance += 1.0 * canvas.rough[near.box]
        canvas.paint(near.box, distance - 1.5, FAT_HU)
        canvas.paint(near.box, distance, MUSCLE_HU + 3 * canvas.mottle[near.box], f"{side} iliopsoas")


def _marbled(canvas: Canvas) -> Field:
    streaks = np.clip(np.abs(canvas.rough + 0.4 * canvas.mottle) - 0.08, 0, 0.2) / 0.2
    return MUSCLE_HU - 38 + 38 * streaks


def paint_seat(canvas: Canvas, torso: Torso) -> None:
    """The great and the middle muscle of each buttock, and the lining of the pelvis."""
    region = canvas.around((-262, -118, -180), (-84, 84, 180))
    z, cavity, rough = region.z, torso.cavity[region.box], canvas.rough[region.box]
    split = torso.bearing[region.box] * 100 - 96 + 0.35 * (z + 170) + 7 * canvas.swell[region.box]
    body = np.maximum(torso.trunk[region.box] + 2, 13 - cavity) + rough
    for side, sign in SIDES:
        inside = np.where(sign * region.x > 0, body, FAR_MM)
        maximus = np.maximum(np.maximum(inside, split + 2), np.maximum(z + 132, 22 - sign * region.x))
        medius = np.maximum(np.maximum(inside, 2 - split), np.maximum(z + 105, split - 75))
        for distance, muscle in ((maximus, "gluteus maximus"), (medius, "gluteus medius")):
            canvas.paint(region.box, distance - 1.6, FAT_HU)
            canvas.paint(region.box, distance, _marbled(canvas)[region.box], f"{side} {muscle}")
    lining = np.maximum(np.maximum(cavity, -9 - cavity + 3 * rough), np.maximum(z + 178, region.y - 40))
    canvas.paint(region.box, np.maximum(lining, 22 - np.abs(region.x)), MUSCLE_HU)
