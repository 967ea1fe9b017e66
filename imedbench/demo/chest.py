"""Lungs with vessels and airways, heart, and the great vessels of the chest."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imedbench.demo.canvas import AIR_HU, FAR_MM, Canvas, Field, ellipsoid_distance, joined
from imedbench.demo.curves import Growth, Knots, curve, grow, mirrored
from imedbench.demo.torso import FAT_HU, MUSCLE_HU, SIDES, Torso

BLOOD_HU, MYOCARDIUM_HU = 152.0, 102.0
LOBES = ("right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "left lower lobe")
AORTA = [
    (112, 16, 6, 13),
    (130, 24, 16, 15),
    (152, 22, 16, 15),
    (168, 6, 6, 14),
    (172, -14, -8, 13),
    (162, -34, -20, 12.5),
    (130, -40, -23, 12),
    (80, -32, -20, 11.5),
    (40, -22, -12, 11),
    (0, -14, -8, 10),
    (-60, -12, -8, 9),
    (-98, -14, -6, 8.5),
]


def paint_chest(canvas: Canvas, torso: Torso, rng: np.random.Generator, *, effusion: bool) -> None:
    """Everything above the diaphragm."""
    lungs = _lungs(canvas, torso)
    _paint_mediastinum(canvas, torso, lungs)
    _paint_lungs(canvas, torso, lungs, effusion=effusion)
    _paint_lung_vessels(canvas, lungs, rng)
    _paint_heart(canvas)
    _paint_great_vessels(canvas)
    _paint_airways(canvas, lungs, rng)


def _lungs(canvas: Canvas, torso: Torso) -> Field:
    """Distance to both lungs."""
    everywhere = canvas.everywhere
    z, y, x = canvas.z, canvas.y, canvas.x
    middle = np.abs(x) - 9 - 15 * np.exp(-(((y + 8) / 26) ** 2)) - 6 * np.clip((z - 195) / 40, 0, 1)
    kept = np.maximum(np.maximum(torso.cavity + 1.5, 6 - torso.above), -middle)
    heart = ellipsoid_distance(everywhere, (80, 20, -16), (48, 48, 66), (26, 24, 0))
    heart = joined(heart, ellipsoid_distance(everywhere, (150, 14, 2), (44, 38, 34)), 14)
    spine = np.sqrt(x**2 + (y + 58) ** 2) - 25
    lungs: Field = np.maximum(np.maximum(kept, -(heart + 1.2 * canvas.rough)), -spine)
    return lungs


def _paint_mediastinum(canvas: Canvas, torso: Torso, lungs: Field) -> None:
    everywhere = canvas.everywhere.box
    dome = np.maximum(np.abs(torso.above) - 2.0, torso.cavity)
    canvas.paint(everywhere, dome, MUSCLE_HU)
    lining = np.maximum(np.abs(lungs) - 0.9, torso.cavity - 4)
    canvas.paint(everywhere, lining, 20.0)


def _paint_lungs(canvas: Canvas, torso: Torso, lungs: Field, *, effusion: bool) -> None:
    z, y, x = canvas.z, canvas.y, canvas.x
    everywhere = canvas.everywhere.box
    right = x > 0
    oblique = (z - 90 + 0.92 * y + 4 * canvas.rough) * 0.72
    level = z - 104 - 0.05 * x + 2 * canvas.rough
    hu = -862 - 0.28 * y + 14 * canvas.mottle + 10 * canvas.rough
    horizontal = np.where(right & (oblique > 0), np.abs(level), FAR_MM)
    hu += 110 * np.exp(-((np.minimum(np.abs(oblique), horizontal) / 1.2) ** 2))
    canvas.paint(everywhere, lungs, hu)
    lobes = np.where(right, np.where(oblique < 0, 2, np.where(level < 0, 1, 0)), np.where(oblique < 0, 4, 3))
    for index, name in enumerate(LOBES):
        canvas.labels[(lungs < 0) & (lobes == index)] = canvas.number(name)
    if effusion:
        pool = np.maximum(np.maximum(lungs, y + 46 + 0.15 * z), x)
        canvas.paint(everywhere, pool, 9.0, "pleural effusion")


def _inside(canvas: Canvas, distance: Field, margin_mm: float) -> Callable[[NDArray[np.float64]], bool]:
    return lambda point: canvas.at(distance, point) < -margin_mm


def _paint_lung_vessels(canvas: Canvas, lungs: Field, rng: np.random.Generator) -> None:
    within = _inside(canvas, lungs, 4)
    growth = Growth(generations=8, length_mm=26, shrink=0.86, thin=0.75, spread_deg=32)
    for _, sign in SIDES:
        trees = []
        for direction in (
            (1, 0.3, 0.7),
            (0.4, 1, 0.6),
            (-0.6, -0.5, 0.7),
            (-1, 0.1, 0.5),
            (0.3, -0.9, 0.6),
            (-0.6, 0.8, 0.5),
            (0.9, -0.4, 0.3),
            (0, 0, 1),
        ):
            root = (118 + 9 * direction[0], -14 + 8 * direction[1], sign * (36 + 6 * direction[2]), 5.4)
            heading = (direction[0], direction[1], sign * direction[2])
            trees.append(grow(rng, (root, heading), growth, within))
        region, distance = canvas.capsules(np.concatenate(trees))
        canvas.paint(region.box, np.maximum(distance, lungs[region.box] - 1), 45.0)


def _paint_heart(canvas: Canvas) -> None:
    """Both atria, both ventricles with their muscle, seen in a late enhancement phase."""
    mottle, rough = canvas.mottle, canvas.rough
    left_tilt = (34, 28, 12)
    chambers = (
        ("", (82, 40, 2), (38, 24, 36), (20, 26, 8), 3.0, MYOCARDIUM_HU),
        ("right ventricle", (82, 41, 2), (34, 20, 32), (20, 26, 8), 0.0, BLOOD_HU - 10),
        ("right atrium", (96, 14, 32), (27, 22, 17), (0, 0, 0), 0.0, BLOOD_HU - 12),
        ("left atrium", (113, -9, -2), (19, 15, 30), (0, 0, 0), 0.0, BLOOD_HU),
        ("left myocardium", (80, 20, -36), (33, 30, 46), left_tilt, 0.0, MYOCARDIUM_HU),
        ("left ventricle", (84, 18, -32), (21, 18, 34), left_tilt, 0.0, BLOOD_HU),
    )
    for name, centre, radii, tilt, grown_mm, hu in chambers:
        region, distance = canvas.ellipsoid(centre, radii, tilt)
        distance = distance - grown_mm + 0.9 * rough[region.box]
        canvas.paint(region.box, distance, hu + 3 * mottle[region.box], name)


def _vessel(canvas: Canvas, knots: Knots, hu: float, name: str) -> None:
    region, distance = canvas.capsules(curve(knots))
    canvas.paint(region.box, distance - 1.0, 40.0)
    canvas.paint(region.box, distance, hu, name)


def _paint_great_vessels(canvas: Canvas) -> None:
    _vessel(canvas, [(102, -8, 0, 11), (124, -12, 2, 6)], BLOOD_HU, "left atrium")
    for _, sign in SIDES:
        for rise in (6, -14):
            _vessel(
                canvas,
                mirrored([(108 + rise / 3, -12, 18, 6), (110 + rise, -22, 44, 4.5)], sign),
                BLOOD_HU,
                "left atrium",
            )
    trunk = [(100, 44, -10, 13), (122, 34, -14, 13.5), (138, 14, -14, 13), (141, -6, -24, 10), (136, -20, -44, 8)]
    _vessel(canvas, trunk, BLOOD_HU - 4, "pulmonary artery")
    _vessel(
        canvas,
        [(138, 14, -14, 12), (135, -2, 4, 10), (131, -6, 28, 9), (126, -12, 46, 7)],
        BLOOD_HU - 4,
        "pulmonary artery",
    )
    _vessel(canvas, [(196, 10, 22, 8), (160, 10, 27, 9), (112, 10, 30, 10)], BLOOD_HU + 20, "superior vena cava")
    _vessel(canvas, [(196, 10, 22, 7), (206, 24, 2, 6.5), (218, 28, -34, 6)], BLOOD_HU + 20, "")
    for knots in (
        [(168, 4, 6, 7), (196, 6, 12, 6), (226, 4, 26, 5), (256, 0, 34, 4.5)],
        [(172, -8, -4, 5), (210, -4, -14, 4.5), (256, -6, -28, 4)],
        [(170, -18, -12, 5.5), (200, -24, -24, 5), (228, -22, -46, 4.5)],
    ):
        _vessel(canvas, knots, BLOOD_HU, "")
    _vessel(canvas, AORTA, BLOOD_HU, "aorta")
    _vessel(canvas, AORTA[:4], BLOOD_HU, "ascending aorta")


def _paint_airways(canvas: Canvas, lungs: Field, rng: np.random.Generator) -> None:
    gullet, distance = canvas.capsules(
        curve([(256, -28, -4, 6), (190, -32, -4, 6), (140, -30, -6, 6.5), (90, -28, -10, 7), (56, -14, -24, 8)])
    )
    canvas.paint(gullet.box, distance - 1.2, FAT_HU + 40)
    canvas.paint(gullet.box, distance, 52.0, "esophagus")
    canvas.paint(gullet.box, distance + 4.4, -300.0)
    within = _inside(canvas, lungs, 8)
    growth = Growth(generations=4, length_mm=22, shrink=0.8, thin=0.72, spread_deg=36)
    for side, sign in SIDES:
        root = [(150, -14, 4 * sign, 7), (136, -14, 20 * sign, 6.5), (122, -14, 40 * sign, 5.5)]
        stem = curve(root)
        trees = [
            grow(rng, ((122, -14, 40 * sign, 5), heading), growth, within)
            for heading in ((-1, -0.1, 0.5 * sign), (0.9, 0.1, 0.6 * sign), (0, 1, 0.5 * sign))
        ]
        _airway(canvas, np.concatenate([stem, *trees]), f"{side} bronchus", 1.3)
    _airway(canvas, curve([(256, -10, 0, 8.5), (200, -12, 1, 8.5), (150, -13, 2, 9)]), "trachea", 2.0)


def _airway(canvas: Canvas, segments: NDArray[np.float64], name: str, wall_mm: float) -> None:
    region, distance = canvas.capsules(segments)
    canvas.paint(region.box, distance - wall_mm, np.maximum(canvas.hu[region.box], -60.0))
    canvas.paint(region.box, distance, AIR_HU, name)
