"""The organs under the diaphragm, with their vessels, contents and lesions."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imedbench.demo.canvas import AIR_HU, FAR_MM, Canvas, Field, Region, ellipsoid_distance, joined, shared
from imedbench.demo.curves import Growth, Knots, Segments, curve, grow, packed_loops, pieces
from imedbench.demo.torso import FAT_HU, SIDES, Torso

RECTUM_TOP_MM = -188.0
LIVER_HU, PORTAL_HU, CAVA_HU, BLOOD_HU = 112.0, 168.0, 138.0, 152.0
WALL_HU = 88.0
STOMACH = [
    (50, -8, -40, 24),
    (36, 2, -50, 29),
    (10, 20, -54, 28),
    (-14, 36, -44, 24),
    (-32, 46, -24, 20),
    (-30, 46, 2, 14),
    (-22, 38, 20, 9),
]
DUODENUM = [
    (-20, 36, 24, 10),
    (-18, 26, 42, 12),
    (-40, 14, 50, 12),
    (-68, 4, 46, 12),
    (-76, 0, 18, 11),
    (-70, 2, -12, 11),
    (-52, 10, -34, 11),
]
PANCREAS = [
    (-58, 12, 28, 11),
    (-40, 16, 26, 12),
    (-28, 22, 8, 9),
    (-18, 18, -18, 10),
    (-6, 2, -48, 10),
    (6, -16, -76, 8),
]
COLON = [
    (-138, 26, 76, 22),
    (-118, 14, 90, 25),
    (-84, 2, 98, 23),
    (-52, 6, 98, 22),
    (-40, 34, 84, 21),
    (-58, 60, 50, 21),
    (-72, 66, 6, 20),
    (-60, 62, -40, 20),
    (-40, 48, -80, 19),
    (-22, 26, -102, 17),
    (-40, -6, -106, 16),
    (-74, -14, -102, 15),
    (-112, 0, -92, 16),
    (-142, 10, -76, 17),
    (-160, 30, -48, 17),
    (-150, 36, -10, 17),
    (-164, 8, 16, 17),
    (-170, -26, 10, 17),
    (-188, -42, 0, 18),
    (-214, -44, 0, 21),
    (-238, -38, 0, 20),
    (-258, -44, 0, 14),
]


Pipe: TypeAlias = tuple[Knots, float, str | None]
CAVA = (
    (96, 8, 30, 11),
    (64, -6, 28, 12),
    (30, -18, 26, 12),
    (-10, -22, 22, 11.5),
    (-60, -20, 20, 11),
    (-100, -20, 18, 10),
)
AORTA = ((46, -24, -13, 11), (20, -18, -10, 10.5), (0, -14, -8, 10), (-60, -12, -8, 9), (-98, -14, -6, 8.5))
PORTAL = ((-90, 20, 14, 5), (-40, 12, 14, 6), (-26, 8, 14, 7), (-8, 6, 20, 7), (6, 8, 30, 7), (14, 8, 42, 6))
SPLENIC = ((-26, 8, 12, 5.5), (-16, 4, -18, 5), (2, -12, -50, 4.6), (12, -26, -76, 4.2))
TRUNKS: list[Pipe] = [
    (CAVA, CAVA_HU, "inferior vena cava"),
    (AORTA, BLOOD_HU, "aorta"),
    (((-10, -8, -6, 4), (-30, 2, -3, 4), (-70, 16, 4, 3.2), (-110, 26, 14, 2.4)), BLOOD_HU, None),
    (((4, -8, -6, 4), (8, 4, -4, 3.5), (10, 10, 12, 3), (12, 14, 26, 2.4)), BLOOD_HU, None),
    (((8, 2, -6, 3), (4, -4, -40, 2.8), (14, -18, -80, 2.4)), BLOOD_HU, None),
    (PORTAL, PORTAL_HU, "portal and splenic veins"),
    (SPLENIC, PORTAL_HU, "portal and splenic veins"),
]
"""The unpaired vessels; those without a name are painted but not labelled."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a radiologist would report of the belly."""

    liver_lesions: int = 0
    kidney_cyst: bool = False
    gallstone: bool = False


def paint_abdomen(canvas: Canvas, torso: Torso, rng: np.random.Generator, findings: Findings) -> None:
    """Everything below the diaphragm, back to front in the order that organs indent each other."""
    liver = _paint_liver(canvas, torso)
    _paint_spleen(canvas, torso)
    _paint_kidneys(canvas, torso, findings)
    _paint_mesentery(canvas, rng)
    _paint_small_bowel(canvas, torso, rng)
    _paint_colon(canvas, torso, rng)
    _paint_pancreas(canvas)
    _paint_stomach(canvas, torso)
    _paint_vessels(canvas)
    _paint_liver_vessels(canvas, liver, rng)
    _paint_lesions(canvas, liver, rng, findings)
    _paint_gallbladder(canvas, findings)
    _paint_pelvic_organs(canvas)


def _paint_liver(canvas: Canvas, torso: Torso) -> Field:
    z, y, x = canvas.z, canvas.y, canvas.x
    room = shared(torso.cavity + 5, torso.above + 4, 10)
    floor = (-80 + 0.60 * (104 - x) + 0.22 * (y - 10) - z) * 0.8
    medial = joined(-(0.55 * (x - 4) + 0.83 * (y + 4)), 34 - x, 16)
    left_end = -(x + 66) + 0.25 * (40 - y) + 0.2 * z
    liver = shared(shared(shared(room, floor, 18), medial, 12), left_end, 16) + 1.6 * canvas.rough
    cleft = np.maximum(
        np.abs(x + 6 + 0.2 * (y - 40) + 4 * canvas.rough) - 1.0 - 0.10 * np.maximum(22 - z, 0),
        np.maximum(z - 30, 26 - y),
    )
    porta = ellipsoid_distance(canvas.everywhere, (4, 12, 22), (9, 16, 22), (-20, 0, 0))
    liver = np.maximum(liver, -np.minimum(cleft, porta))
    canvas.paint(canvas.everywhere.box, liver, LIVER_HU + 2.5 * canvas.mottle + 2 * canvas.rough, "liver")
    return liver


def _paint_spleen(canvas: Canvas, torso: Torso) -> None:
    region, distance = canvas.ellipsoid((18, -32, -93), (60, 54, 38), (-24, 0, 10))
    hollow = ellipsoid_distance(region, (14, 6, -48), (56, 40, 25), (-24, 0, 0))
    distance = shared(distance, -hollow, 10)
    distance = shared(distance, shared(torso.cavity[region.box] + 5, torso.above[region.box] + 4, 8), 8)
    distance += 1.2 * canvas.rough[region.box]
    canvas.paint(region.box, distance, 124 + 2 * canvas.mottle[region.box], "spleen")


def _paint_kidneys(canvas: Canvas, torso: Torso, findings: Findings) -> None:
    for side, sign in SIDES:
        centre = (-44 if sign > 0 else -28, -42, sign * 62)
        tilt = (sign * 30, sign * -12, 8)
        region, kidney = canvas.ellipsoid(centre, (47, 21, 25), tilt)
        local = _turned(region, centre, sign)
        sinus = np.sqrt((local[0] / 24) ** 2 + (local[1] / 7) ** 2 + (np.maximum(0.25 * -local[2], local[2]) / 8) ** 2)
        sinus = (sinus - 1) * 7 - canvas.rough[region.box]
        kidney = np.maximum(kidney + 0.7 * canvas.rough[region.box], -(sinus + 0.8 * np.maximum(local[2] + 15, 0)))
        halo, fascia = kidney - 9, np.abs(kidney - 11) - 0.6
        canvas.paint(region.box, np.maximum(halo, torso.cavity[region.box] - 10), FAT_HU, "")
        canvas.paint(region.box, np.maximum(fascia, torso.cavity[region.box]), FAT_HU + 45)
        pyramids = (
            np.sin(local[0] / 47 * 12) + np.sin(np.arctan2(local[1], local[2]) * 3) + 0.5 * canvas.mottle[region.box]
        )
        deep = np.clip((-kidney - 5.5) / 2, 0, 1) * np.clip(0.7 + pyramids, 0, 1)
        canvas.paint(region.box, kidney, 178 - 36 * deep, f"{side} kidney")
        canvas.paint(region.box, np.maximum(sinus, kidney), FAT_HU + 30, f"{side} kidney")
        canvas.paint(region.box, np.maximum(sinus + 5.5, kidney), 20.0, f"{side} kidney")
        _paint_adrenal(canvas, side, sign)
    if findings.kidney_cyst:
        region, cyst = canvas.ellipsoid((-12, -52, -86), (15, 16, 15))
        canvas.paint(region.box, cyst + 0.4 * canvas.rough[region.box], 6.0, "kidney cyst")


def _turned(region: Region, centre: tuple[float, float, float], sign: int) -> tuple[Field, Field, Field]:
    """Coordinates of a kidney: along it, front to back, and away from the spine."""
    level, depth, outward = region.z - centre[0], region.y - centre[1], sign * (region.x - centre[2])
    cosine, sine = np.cos(np.radians(30)), np.sin(np.radians(30))
    return level, cosine * depth + sine * outward, cosine * outward - sine * depth


def _paint_adrenal(canvas: Canvas, side: str, sign: int) -> None:
    top = 14 if sign > 0 else 22
    stem = (top, -34, sign * 36, 2.6)
    arms = [
        [stem, (top - 8, -44, sign * 44, 2.4)],
        [stem, (top - 10, -46, sign * 34, 2.4)],
        [stem, (top + 8, -30, sign * 34, 2.2)],
    ]
    region, distance = canvas.capsules(np.concatenate([curve(arm) for arm in arms]))
    canvas.paint(region.box, distance - 3, FAT_HU, "")
    canvas.paint(region.box, distance, 78.0, f"{side} adrenal gland")


def _paint_mesentery(canvas: Canvas, rng: np.random.Generator) -> None:
    growth = Growth(generations=7, length_mm=26, shrink=0.85, thin=0.8, spread_deg=32)
    trees = [
        grow(
            rng,
            ((-52 - 9 * k, 12 + 3 * k, 4 - 4 * k, 2.6), (-0.8, 0.5, side)),
            growth,
            lambda point: -64 < point[2] < 64,
        )
        for k, side in enumerate((0.6, -0.6, 0.3, -0.3, 0.9, -0.9))
    ]
    region, distance = canvas.capsules(np.concatenate(trees))
    canvas.paint(region.box, distance, 100.0)


def _paint_small_bowel(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    for low, high in (((-62, 0, -104), (-2, 56, -30)), ((-176, 0, -80), (-52, 74, 80))):
        knots = packed_loops(rng, low, high, 24.5)
        radii = rng.uniform(10, 14, len(knots))
        line = curve(np.column_stack([knots, radii]).tolist(), 5)
        _paint_loops(canvas, torso, line)
    region, distance = canvas.capsules(curve(DUODENUM))
    distance += 0.8 * canvas.rough[region.box]
    canvas.paint(region.box, distance - 1.5, FAT_HU)
    canvas.paint(region.box, distance, WALL_HU, "duodenum")
    canvas.paint(region.box, distance + 3, 22 + 8 * canvas.mottle[region.box])


def _paint_loops(canvas: Canvas, torso: Torso, line: Segments) -> None:
    """Small bowel: wall, folds and content, with a little gas."""
    region, distance = canvas.capsules(line)
    rough, mottle = canvas.rough[region.box], canvas.mottle[region.box]
    distance = np.maximum(distance + 1.1 * rough, torso.cavity[region.box] + 4)
    canvas.paint(region.box, distance - 1.4, FAT_HU + 5 * mottle, "")
    canvas.paint(region.box, distance, WALL_HU, "small intestine")
    folds = 18 + 26 * np.clip(mottle, -0.5, 1.5)
    canvas.paint(region.box, distance + 2.2, folds)
    gas = np.maximum(distance + 3.2, (1.35 - rough) * 6)
    canvas.paint(region.box, gas, AIR_HU + 40)


def _paint_colon(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    line = curve(COLON, 4)
    along = np.arange(len(line) + 1) * 4.0
    haustra = 1 + 0.13 * np.sin(along / 26 * 2 * np.pi + rng.uniform(0, 6))
    points = np.concatenate([line[:, 0], line[-1:, 1]])
    points[:, 3] *= 0.88 * haustra
    region, distance = canvas.capsules(pieces(points))
    rough, mottle = canvas.rough[region.box], canvas.mottle[region.box]
    distance = np.maximum(distance + 1.4 * rough, torso.cavity[region.box] + 3)
    canvas.paint(region.box, distance - 1.6, FAT_HU + 5 * mottle, "")
    canvas.paint(region.box, distance, 72.0, "colon")
    stool = 38 + 16 * rough - 420 * np.clip(mottle - 0.75, 0, 1.2)
    canvas.paint(region.box, distance + 2.6, stool)
    canvas.mark(region.box, (distance < 0) & (region.z < RECTUM_TOP_MM), "rectum")
    gas = np.maximum(distance + 3.2, (0.35 - 1.2 * rough - 0.03 * (region.y - 20)) * 7)
    canvas.paint(region.box, gas, AIR_HU + 15)


def _paint_pancreas(canvas: Canvas) -> None:
    region, distance = canvas.capsules(curve(PANCREAS))
    lobules = 1.6 * canvas.mottle[region.box] + 0.8 * canvas.rough[region.box]
    canvas.paint(region.box, distance - 2.0, FAT_HU + 10)
    canvas.paint(region.box, distance + lobules, 98.0, "pancreas")


def _paint_stomach(canvas: Canvas, torso: Torso) -> None:
    region, distance = canvas.capsules(curve(STOMACH))
    rough, mottle = canvas.rough[region.box], canvas.mottle[region.box]
    distance = np.maximum(distance + 1.5 * rough, torso.above[region.box] + 6)
    distance = np.maximum(distance, torso.cavity[region.box] + 5)
    canvas.paint(region.box, distance - 2.0, FAT_HU, "")
    canvas.paint(region.box, distance, WALL_HU - 8, "stomach")
    rugae = distance + 4.2 + 1.5 * mottle
    canvas.paint(region.box, rugae, 26 + 12 * mottle + 8 * rough)
    canvas.paint(region.box, np.maximum(rugae, 26 - region.y), AIR_HU + 10)


def _paint_vessels(canvas: Canvas) -> None:
    pipes = [*TRUNKS]
    for side, sign in SIDES:
        pipes += _limb_vessels(side, sign)
    for knots, hu, name in pipes:
        region, distance = canvas.capsules(curve(knots))
        covered = canvas.labelled(region.box, ["liver", "pancreas", "right kidney", "left kidney"])
        canvas.paint(region.box, np.where(covered, FAR_MM, distance - 1.0), FAT_HU + 55)
        canvas.paint(region.box, distance, hu, name)


def _limb_vessels(side: str, sign: int) -> list[Pipe]:
    """The vessels of one kidney and one leg."""
    hilum = -38 if sign > 0 else -24
    iliac = [
        (-98, -15, -5 + 3 * sign, 6.5),
        (-124, -20, 22 * sign, 6),
        (-160, -10, 44 * sign, 5.5),
        (-200, 32, 66 * sign, 5),
        (-250, 48, 78 * sign, 5),
    ]
    beside = [(z - 3, y - 11, x + 3 * sign, radius + 0.8) for z, y, x, radius in iliac[1:]]
    return [
        ([(-97, -21, 14, 8), *beside], CAVA_HU, f"{side} iliac vein"),
        (iliac, BLOOD_HU, f"{side} iliac artery"),
        ([(hilum + 2, -20, 16 * (sign > 0), 4.5), (hilum, -30, sign * 40, 4)], CAVA_HU + 25, None),
        ([(hilum + 8, -16, -6, 3), (hilum + 2, -34, sign * 40, 2.6)], BLOOD_HU, None),
    ]


def _paint_liver_vessels(canvas: Canvas, liver: Field, rng: np.random.Generator) -> None:
    def within(point: NDArray[np.float64]) -> bool:
        return canvas.at(liver, point) < -5

    growth = Growth(generations=7, length_mm=26, shrink=0.85, thin=0.76, spread_deg=30)
    portal = [
        ((14, 8, 42, 5), (0.5, -0.5, 0.8)),
        ((14, 8, 42, 5), (-0.7, 0.1, 0.8)),
        ((12, 14, 26, 4.5), (0.5, 0.9, -0.8)),
        ((14, 8, 42, 4.5), (0.2, 0.9, 0.7)),
    ]
    hepatic = [
        ((62, -4, 32, 5), (-0.4, -0.2, 1)),
        ((62, 0, 30, 5), (-0.5, 0.9, 0.5)),
        ((62, 0, 26, 4.5), (-0.2, 0.9, -0.7)),
        ((50, -10, 32, 4), (-0.8, -0.2, 0.9)),
    ]
    for roots, hu in ((portal, PORTAL_HU), (hepatic, PORTAL_HU - 12)):
        region, distance = canvas.capsules(np.concatenate([grow(rng, root, growth, within) for root in roots]))
        inside = np.maximum(distance, liver[region.box] + 3)
        canvas.paint(region.box, np.where(canvas.labelled(region.box, ["liver"]), inside, FAR_MM), hu)


def _paint_lesions(canvas: Canvas, liver: Field, rng: np.random.Generator, findings: Findings) -> None:
    painted = 0
    while painted < findings.liver_lesions:
        centre = (rng.uniform(-30, 55), rng.uniform(-50, 60), rng.uniform(10, 105))
        radius = rng.uniform(8, 19)
        if canvas.at(liver, centre) > -radius - 4:
            continue
        radii = (radius * rng.uniform(0.8, 1.1), radius * rng.uniform(0.8, 1.1), radius)
        region, distance = canvas.ellipsoid(centre, radii)
        distance += 0.12 * radius * canvas.rough[region.box] + 0.5 * canvas.mottle[region.box]
        distance = np.maximum(distance, liver[region.box] + 1)
        core = 58 + 26 * np.exp(-((distance / 4) ** 2)) + 5 * canvas.mottle[region.box]
        canvas.paint(region.box, distance, core, "liver tumor")
        painted += 1


def _paint_gallbladder(canvas: Canvas, findings: Findings) -> None:
    region, distance = canvas.capsules(curve([(-44, 58, 62, 14), (-26, 46, 52, 12), (-10, 30, 42, 6), (-2, 22, 34, 3)]))
    distance += 0.5 * canvas.rough[region.box]
    canvas.paint(region.box, distance - 1.6, 80.0)
    canvas.paint(region.box, distance, 8.0, "gallbladder")
    if findings.gallstone:
        stone = np.maximum(ellipsoid_distance(region, (-46, 48, 61), (7, 6, 7)), distance + 1)
        canvas.paint(region.box, stone, 260.0)


def _paint_pelvic_organs(canvas: Canvas) -> None:
    parts = (
        ("bladder", (-206, 22, 0), (30, 30, 42), 3.0, 42.0, 4.0),
        ("prostate", (-244, 6, 0), (18, 17, 23), 1.0, 66.0, 84.0),
    )
    for name, centre, radii, wall_mm, wall_hu, content_hu in parts:
        region, distance = canvas.ellipsoid(centre, radii)
        distance += 1.5 * canvas.rough[region.box]
        canvas.paint(region.box, distance - 2.0, FAT_HU, "")
        canvas.paint(region.box, distance, wall_hu, name)
        canvas.paint(region.box, distance + wall_mm, content_hu)
