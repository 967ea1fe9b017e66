"""The frame of the phantom: skin, fat, muscle walls, the space inside, spine, ribs and pelvis."""

from dataclasses import dataclass

import numpy as np

from imedbench.demo.canvas import FAR_MM, Canvas, Field, Region, ellipsoid_distance, shared
from imedbench.demo.curves import curve, mirrored
from imedbench.types import Mask

FAT_HU, MUSCLE_HU, SKIN_HU = -104.0, 58.0, 10.0
SIDES = (("right", 1), ("left", -1))

LEVELS = (-260, -200, -150, -100, -50, 0, 40, 80, 120, 160, 190, 215, 235, 252)
CAVITY_HALF_WIDTH = (66, 88, 112, 122, 124, 122, 121, 120, 116, 106, 92, 72, 48, 24)
CAVITY_HALF_DEPTH = (52, 62, 70, 73, 76, 80, 84, 86, 84, 76, 66, 50, 34, 16)
CAVITY_CENTRE = (-4, 4, 8, 9, 7, 4, 2, 0, -2, -6, -10, -16, -20, -24)
TRUNK_HALF_WIDTH = (166, 163, 150, 142, 140, 139, 141, 145, 149, 154, 158, 156, 146, 132)
TRUNK_FRONT_WALL = (22, 16, 12, 11, 11, 12, 14, 16, 20, 24, 24, 22, 20, 18)
TRUNK_BACK = (-104, -106, -104, -102, -102, -104, -106, -108, -108, -106, -104, -100, -94, -86)
SPINE_LEVELS = (-230, -180, -127, -60, 0, 60, 120, 180, 250)
SPINE_DEPTH = (-78, -70, -48, -38, -42, -52, -60, -60, -50)
LUMBAR_TOP_MM, LUMBAR_PITCH_MM, THORACIC_PITCH_MM = 18.0, 29.0, 19.5
LUMBAR_END_MM = LUMBAR_TOP_MM - 5 * LUMBAR_PITCH_MM


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
        canvas, (1.5, 1.35, 1.2, 1.1, 0.9, 0.75, 0.6, 0.5), (*LEVELS[:1], -180, -130, -80, 0, 60, 120, 252)
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
        halo = FAT_HU + 0 * erector
        canvas.paint(region.box, erector - 1.6, halo)
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


def _bone(canvas: Canvas, region: Region, distance: Field, marrow_hu: float = 190.0) -> Field:
    """Intensity of bone: a dense shell about spongy marrow."""
    shell = np.clip((distance + 3.4) / 1.8, 0, 1)
    spongy = marrow_hu + 35 * canvas.mottle[region.box]
    hu: Field = spongy + (680 - spongy) * shell
    return hu


def paint_spine(canvas: Canvas) -> None:
    """Vertebrae with discs, arches and processes, the canal with the cord, and the sacrum."""
    region = canvas.around((LUMBAR_END_MM - 4, -118, -52), (300, -8, 52))
    middle = profile(canvas, SPINE_DEPTH, SPINE_LEVELS)[region.box[0]]
    z, y, x = region.z, region.y - middle, region.x
    lumbar = z <= LUMBAR_TOP_MM
    pitch = np.where(lumbar, LUMBAR_PITCH_MM, THORACIC_PITCH_MM)
    level = (z - LUMBAR_TOP_MM) / pitch
    within = (level - np.floor(level) - 0.5) * pitch
    width = profile(canvas, (25, 23, 19, 14, 12), (-127, 0, 60, 180, 250))[region.box[0]]
    deep = 0.72 * width
    half_height = pitch / 2 - np.where(lumbar, 4.0, 2.2)
    waist = 0.90 + 0.12 * (within / half_height) ** 2
    barrel = (np.sqrt((x / width) ** 2 + (y / deep) ** 2) - waist) * deep + 0.5 * canvas.rough[region.box]
    ends = np.maximum(barrel, LUMBAR_END_MM - z)
    canvas.paint(region.box, ends + 1.5, 88.0)
    arch = _arch(x, y + deep + 8, within, pitch)
    bone = np.maximum(np.minimum(np.maximum(barrel, np.abs(within) - half_height), arch), LUMBAR_END_MM - z)
    canal = np.sqrt(x**2 + ((y + deep + 8) * 1.25) ** 2) - 10
    canvas.paint(region.box, np.maximum(canal, LUMBAR_END_MM - z), FAT_HU + 90)
    bone = np.maximum(bone, -canal)
    for name, part in (("lumbar spine", lumbar), ("thoracic spine", ~lumbar)):
        canvas.paint(region.box, np.where(part, bone, FAR_MM), _bone(canvas, region, bone), name)
    cord = np.maximum(np.sqrt(x**2 + ((y + deep + 8) * 1.2) ** 2) - 5.2, -22 - z)
    canvas.paint(region.box, cord, 42.0, "spinal cord")


def _arch(x: Field, y: Field, within: Field, pitch: Field) -> Field:
    """Pedicles, laminae, transverse and spinous processes about a canal whose middle is y = 0."""
    ring = np.abs(np.sqrt(x**2 + (y * 1.15) ** 2) - 13) - 3.2
    ring = np.maximum(ring, np.abs(within + 0.1 * y) - 0.33 * pitch)
    wings = np.maximum(np.abs(np.sqrt((y + 3 + 0.12 * np.abs(x)) ** 2 + within**2)) - 4.6, np.abs(np.abs(x) - 22) - 14)
    spine = np.sqrt((x / 0.9) ** 2 + np.maximum(np.abs(within - 0.35 * (y + 8)) - 0.22 * pitch, 0) ** 2) - 3.4
    spine = np.maximum(spine, np.abs(y + 23) - 11)
    arch: Field = np.minimum(np.minimum(ring, wings), spine)
    return arch


def paint_cage(canvas: Canvas, torso: Torso) -> None:
    """Twelve pairs of ribs with their cartilage, breastbone, shoulder blades and collar bones."""
    on_shell = (np.abs(torso.cavity - 6) < 11) & (canvas.z > -70) & (torso.trunk < 0)
    z, outward, bearing = canvas.z[on_shell], torso.cavity[on_shell] - 6, torso.bearing[on_shell]
    side = canvas.x[on_shell] > 0
    nearest = np.full(z.shape, FAR_MM, np.float32)
    cartilage = nearest.copy()
    for rib in range(1, 13):
        top = 250 - THORACIC_PITCH_MM * (rib - 1)
        drop = (25, 45)[rib - 1] if rib < 3 else 72
        end = (2.35, 2.4, 2.45, 2.45, 2.4, 2.35, 2.3, 2.2, 2.1, 1.95, 1.45, 1.0)[rib - 1]
        height = z - (top - drop * (1 - np.cos(0.95 * bearing)) / 2)
        strip = (np.sqrt((outward / 3.6) ** 2 + (height / 6.2) ** 2) - 1) * 4.2
        nearest = np.minimum(nearest, np.maximum(strip, (np.abs(bearing - (0.28 + end) / 2) - (end - 0.28) / 2) * 90))
        if rib <= 9:
            rise = height - np.maximum(bearing - end, 0) * (8 * rib - 14)
            strip = (np.sqrt((outward / 4) ** 2 + (rise / 7) ** 2) - 1) * 4.2
            cartilage = np.minimum(cartilage, np.maximum(strip, (end - bearing) * 90))
    _paint_flat(canvas, on_shell, cartilage, 125.0)
    _paint_flat(canvas, on_shell, nearest, 240 + 450 * np.clip((nearest + 3.0) / 1.5, 0, 1))
    for name, where in (("right rib", side), ("left rib", ~side)):
        labels = canvas.labels[on_shell]
        labels[(nearest < 0) & where] = canvas.number(name)
        canvas.labels[on_shell] = labels
    _paint_breastbone(canvas, torso)
    _paint_shoulder(canvas, torso)


def _paint_flat(canvas: Canvas, chosen: Mask, distance: Field, hu: float | Field) -> None:
    share = np.clip(0.5 - distance / canvas.edge_mm, 0, 1)
    canvas.hu[chosen] += share * (hu - canvas.hu[chosen])


def _paint_breastbone(canvas: Canvas, torso: Torso) -> None:
    region = canvas.around((58, 20, -40), (205, 110, 40))
    width = profile(canvas, (7, 15, 13, 14, 24, 22), (58, 80, 120, 165, 185, 205))[region.box[0]]
    plate = shared(np.abs(torso.cavity[region.box] - 9) - 6, np.abs(region.x) - width, 5)
    plate = np.maximum(np.maximum(plate, np.abs(region.z - 131) - 70), -region.y)
    canvas.paint(region.box, plate, _bone(canvas, region, plate, 150))


def _paint_shoulder(canvas: Canvas, torso: Torso) -> None:
    region = canvas.around((110, -110, -165), (235, 20, 165))
    z, bearing = region.z, torso.bearing[region.box]
    depth = np.abs(torso.cavity[region.box] - 27 - 3 * canvas.rough[region.box]) - 2.6
    half_width = np.clip((z - 112) * 0.55, 0, 46)
    blade = np.maximum(depth, np.abs((bearing - 0.95) * 85) - half_width)
    blade = np.maximum(np.maximum(blade, 112 - z), z - 222)
    for side, sign in SIDES:
        mine = np.where(sign * region.x > 0, blade, FAR_MM)
        canvas.paint(region.box, mine, _bone(canvas, region, mine, 260), f"{side} scapula")
        knots = [(192, 62, 22, 8), (204, 52, 60, 6), (222, 14, 110, 6.5), (228, -14, 140, 8)]
        near, distance = canvas.capsules(curve(mirrored(knots, sign)))
        canvas.paint(near.box, distance, _bone(canvas, near, distance), f"{side} clavicle")


def paint_pelvis(canvas: Canvas, torso: Torso) -> None:
    """Sacrum, hip bones, heads of the femurs, and the muscles of the seat."""
    region = canvas.around((-262, -118, -180), (-84, 84, 180))
    z, y, x = region.z, region.y, region.x
    bearing, cavity = torso.bearing[region.box], torso.cavity[region.box]
    crest = -94 - 26 * ((bearing - 1.2) / 0.85) ** 2
    wing = np.abs(cavity - 7 - 2 * canvas.rough[region.box]) - 4.5 - np.clip((-170 - z) / 12, 0, 4)
    wing = np.maximum(np.maximum(wing, z - crest), (np.abs(bearing - 1.18) - 0.84) * 80)
    wing = np.maximum(wing, -212 - z)
    for side, sign in SIDES:
        _paint_seat(canvas, torso, region, (side, sign))
        socket = ellipsoid_distance(region, (-222, -2, sign * 88), (34, 34, 34))
        hollow = ellipsoid_distance(region, (-224, -2, sign * 90), (26, 26, 26))
        cup = np.maximum(np.maximum(socket, -hollow), sign * x - 100)
        near, pubis = canvas.capsules(curve(mirrored([(-212, 22, 76, 9), (-228, 46, 40, 8), (-240, 54, 8, 9)], sign)))
        canvas.paint(near.box, pubis, _bone(canvas, near, pubis), f"{side} hip")
        hip = np.where(sign * x > 0, np.minimum(wing, cup), FAR_MM)
        canvas.paint(region.box, hip, _bone(canvas, region, hip), f"{side} hip")
        near, head = canvas.capsules(
            curve(mirrored([(-224, -2, 90, 23), (-232, -6, 116, 16), (-245, -8, 140, 19)], sign))
        )
        canvas.paint(near.box, head, _bone(canvas, near, head, 260), f"{side} femur")
    lining = np.maximum(np.maximum(cavity, -9 - cavity + 3 * canvas.rough[region.box]), np.maximum(z + 178, y - 40))
    canvas.paint(region.box, np.maximum(lining, 22 - np.abs(x)), MUSCLE_HU)
    _paint_sacrum(canvas, region)


def _paint_seat(canvas: Canvas, torso: Torso, region: Region, side: tuple[str, int]) -> None:
    name, sign = side
    inside = np.maximum(torso.trunk[region.box] + 2, 13 - torso.cavity[region.box])
    inside = np.maximum(inside, np.where(sign * region.x > 0, -FAR_MM, FAR_MM)) + canvas.rough[region.box]
    split = torso.bearing[region.box] * 100 - 96 + 0.35 * (region.z + 170) + 7 * canvas.swell[region.box]
    maximus = np.maximum(np.maximum(inside, split + 2), np.maximum(region.z + 132, 22 - sign * region.x))
    medius = np.maximum(np.maximum(inside, 2 - split), np.maximum(region.z + 105, split - 75))
    for distance, muscle in ((maximus, "gluteus maximus"), (medius, "gluteus medius")):
        canvas.paint(region.box, distance - 1.6, FAT_HU)
        canvas.paint(region.box, distance, _marbled(canvas)[region.box], f"{name} {muscle}")


def _paint_sacrum(canvas: Canvas, region: Region) -> None:
    z, x = region.z, region.x
    middle = profile(canvas, SPINE_DEPTH, SPINE_LEVELS)[region.box[0]] - 4
    fall = np.clip((LUMBAR_END_MM - z) / 92, 0, 1)
    y = region.y - middle
    half_width, half_depth = 54 - 40 * fall, 20 - 12 * fall
    bow = y + 0.006 * x**2 * (1 - fall)
    half_width = half_width * (1 + 0.3 * np.clip(bow / half_depth, -1, 1))
    wedge = (np.sqrt((x / half_width) ** 4 + (bow / half_depth) ** 4) ** 0.5 - 1) * half_depth
    wedge = np.maximum(np.maximum(wedge, z - LUMBAR_END_MM + 1), -222 - z)
    holes = np.sqrt((np.abs(x) - 20 + 6 * fall) ** 2 + (np.abs((z + 140) % 22 - 11)) ** 2) - 4
    canal = np.sqrt(x**2 + (bow + 8) ** 2) - 6 * (1 - fall)
    wedge = np.maximum(np.maximum(wedge, -holes), -canal)
    canvas.paint(region.box, np.maximum(wedge - 1.5, -FAR_MM), MUSCLE_HU - 30)
    canvas.paint(region.box, wedge, _bone(canvas, region, wedge, 130), "sacrum")
