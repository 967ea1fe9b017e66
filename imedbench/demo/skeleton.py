"""The bones of the phantom: spine, ribs, shoulder and pelvis."""

import numpy as np

from imedbench.demo.canvas import FAR_MM, Canvas, Field, Region, ellipsoid_distance, shared
from imedbench.demo.curves import curve, mirrored
from imedbench.demo.torso import FAT_HU, LUMBAR_TOP_MM, MUSCLE_HU, SIDES, SPINE_DEPTH, SPINE_LEVELS, Torso, profile

LUMBAR_PITCH_MM, THORACIC_PITCH_MM = 29.0, 19.5
LUMBAR_END_MM = LUMBAR_TOP_MM - 5 * LUMBAR_PITCH_MM
VERTEBRAE = ("L5", "L4", "L3", "L2", "L1", *(f"T{number}" for number in range(12, 0, -1)))
RIB_ENDS = (2.35, 2.4, 2.45, 2.45, 2.4, 2.35, 2.3, 2.2, 2.1, 1.95, 1.45, 1.0)
"""Bearing at which each rib passes into cartilage."""


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
    canvas.paint(region.box, bone, _bone(canvas, region, bone))
    for index, name in enumerate(VERTEBRAE, start=-5):
        canvas.mark(region.box, (bone < 0) & (np.floor(level) == index), f"vertebra {name}")
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
    shell = (np.abs(torso.cavity - 6) < 11) & (canvas.z > -70) & (torso.trunk < 0)
    outward, bearing = torso.cavity[shell] - 6, torso.bearing[shell]
    nearest = np.full(outward.shape, FAR_MM, np.float32)
    number = np.zeros(outward.shape, np.uint8)
    cartilage = nearest.copy()
    for rib, end in enumerate(RIB_ENDS, start=1):
        drop = (25, 45)[rib - 1] if rib < 3 else 72
        height = canvas.z[shell] - (269.5 - THORACIC_PITCH_MM * rib - drop * (1 - np.cos(0.95 * bearing)) / 2)
        strip = (np.sqrt((outward / 3.6) ** 2 + (height / 6.2) ** 2) - 1) * 4.2
        strip = np.maximum(strip, (np.abs(bearing - (0.28 + end) / 2) - (end - 0.28) / 2) * 90)
        number[strip < nearest] = rib
        np.minimum(nearest, strip, out=nearest)
        if rib <= 9:
            rise = height - np.maximum(bearing - end, 0) * (8 * rib - 14)
            strip = (np.sqrt((outward / 4) ** 2 + (rise / 7) ** 2) - 1) * 4.2
            np.minimum(cartilage, np.maximum(strip, (end - bearing) * 90), out=cartilage)
    for distance, hu in ((cartilage, 125.0), (nearest, 240 + 450 * np.clip((nearest + 3.0) / 1.5, 0, 1))):
        canvas.hu[shell] += np.clip(0.5 - distance / canvas.edge_mm, 0, 1) * (hu - canvas.hu[shell])
    right = canvas.x[shell] > 0
    values = canvas.labels[shell]
    for rib in range(1, len(RIB_ENDS) + 1):
        for side, where in (("right", right), ("left", ~right)):
            values[(nearest < 0) & (number == rib) & where] = canvas.number(f"{side} rib {rib}")
    canvas.labels[shell] = values
    _paint_breastbone(canvas, torso)
    _paint_shoulder(canvas, torso)


def _paint_breastbone(canvas: Canvas, torso: Torso) -> None:
    region = canvas.around((58, 20, -40), (205, 110, 40))
    width = profile(canvas, (7, 15, 13, 14, 24, 22), (58, 80, 120, 165, 185, 205))[region.box[0]]
    plate = shared(np.abs(torso.cavity[region.box] - 9) - 6, np.abs(region.x) - width, 5)
    plate = np.maximum(np.maximum(plate, np.abs(region.z - 131) - 70), -region.y)
    canvas.paint(region.box, plate, _bone(canvas, region, plate, 150), "sternum")


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
    """Sacrum, hip bones and heads of the femurs."""
    region = canvas.around((-262, -118, -180), (-84, 84, 180))
    z, x = region.z, region.x
    bearing, cavity = torso.bearing[region.box], torso.cavity[region.box]
    crest = -94 - 26 * ((bearing - 1.2) / 0.85) ** 2
    wing = np.abs(cavity - 7 - 2 * canvas.rough[region.box]) - 4.5 - np.clip((-170 - z) / 12, 0, 4)
    wing = np.maximum(np.maximum(wing, z - crest), (np.abs(bearing - 1.18) - 0.84) * 80)
    wing = np.maximum(wing, -212 - z)
    for side, sign in SIDES:
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
    _paint_sacrum(canvas, region)


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
