"""CTs of phantoms whose muscle and fat are known from the surfaces that they were drawn with, not from intensities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, VISCERAL, Classes, classes
from imedbench.demo.abdomen import Findings, paint_abdomen
from imedbench.demo.canvas import Box, Canvas, Field
from imedbench.demo.chest import paint_chest
from imedbench.demo.curves import curve, mirrored
from imedbench.demo.phantom import TABLE_HU, _scanned
from imedbench.demo.skeleton import paint_cage, paint_pelvis, paint_spine
from imedbench.demo.torso import FAT_HU, MUSCLE_HU, SIDES, SKIN_HU, Torso, build_torso, paint_back, paint_seat
from imedbench.targets import Vocabulary

_BONE_HU = 150.0
SPACING_MM = (3.0, 1.5, 1.5)
BEYOND_HU = -2048


@dataclass(frozen=True)
class Looks:
    """What differs from the usual phantom."""

    fat_mm: float = 15.0
    bend_mm: float = 0.0
    """How far the spine bends to the side."""
    arms: bool = False
    """Beside the trunk."""
    metal: bool = False
    """A hip of metal, with its streaks."""
    noise: float = 1.0
    """Times the usual."""
    contrast: bool = False
    """Vessels and kidneys at the height of an arterial phase."""
    cut_mm: float = 0.0
    """What the field of view leaves out on the patient's left."""
    circle_mm: float = 0.0
    """Radius of the circle that is reconstructed; beyond it voxels hold what no air has."""
    span_mm: tuple[float, float] = (-240.0, 240.0)
    """Of the body, from the middle of the trunk: towards the feet, towards the head."""
    seed: int = 3


LOOKS = {
    "usual": Looks(),
    "obese": Looks(fat_mm=45),
    "lean": Looks(fat_mm=8),
    "scoliotic": Looks(bend_mm=22),
    "arms down": Looks(arms=True),
    "cut field of view": Looks(cut_mm=60),
    "round field of view": Looks(circle_mm=150),
    "metal": Looks(metal=True),
    "noise": Looks(noise=3.5),
    "contrast": Looks(contrast=True),
    "thorax": Looks(span_mm=(60.0, 240.0)),
    "pelvis": Looks(span_mm=(-250.0, -90.0)),
}


@dataclass(frozen=True)
class Scan:
    """A CT of a phantom."""

    voxels: NDArray[np.int16]
    """(z, y, x)"""
    labels: NDArray[np.uint8]
    """Of version 2."""
    tissues: dict[str, NDArray[np.bool_]]
    """What is muscle and fat in truth; muscles that have a label are in it, fat between muscles is in none."""
    body: NDArray[np.bool_]


class _Painted(Canvas):
    """A canvas that knows how much of each voxel is fat, and how much lean, whatever else is in it."""

    def __init__(self, *told: Any, **named: Any) -> None:
        super().__init__(*told, **named)
        self.fat, self.lean = np.zeros(self.hu.shape, np.float32), np.zeros(self.hu.shape, np.float32)

    def paint(self, box: Box, distance: Field, hu: float | Field, name: str | None = None) -> None:
        super().paint(box, distance, hu, name)
        share = np.clip(0.5 - distance / self.edge_mm, 0, 1).astype(np.float32)
        # What is painted between the two is a mixture, as fascia is; gas and bone are neither.
        fatty = np.clip((MUSCLE_HU - hu) / (MUSCLE_HU - FAT_HU), 0, 1)
        for whole, part in ((self.fat, fatty), (self.lean, 1 - fatty)):
            new = np.where((np.asarray(hu) > 2 * FAT_HU) & (np.asarray(hu) < _BONE_HU), part, 0)
            whole[box] += share * (new - whole[box])


def scan(looks: Looks, spacing_mm: tuple[float, float, float] = SPACING_MM) -> Scan:
    """The CT."""
    rng = np.random.default_rng(looks.seed)
    low, high = looks.span_mm
    wide = 420 + 2 * max(0.0, looks.fat_mm - 20) + (120 if looks.arms else 0)
    lengths = (high - low, 300 + 2 * max(0.0, looks.fat_mm - 20), wide)
    shape = tuple(int(length / step) for length, step in zip(lengths, spacing_mm, strict=True))
    canvas = _Painted((shape[0], shape[1], shape[2]), spacing_mm, rng, height_mm=(low + high) / 2)
    if looks.bend_mm:
        canvas.x = (canvas.x - looks.bend_mm * np.sin(canvas.z / 70)).astype(np.float32)
    torso = build_torso(canvas, looks.fat_mm)
    bare = canvas.hu.copy()
    paint_back(canvas, torso)
    paint_seat(canvas, torso)
    paint_chest(canvas, torso, rng, effusion=False)
    paint_cage(canvas, torso)
    paint_spine(canvas)
    paint_pelvis(canvas, torso)
    paint_abdomen(canvas, torso, rng, Findings())
    arms = _paint_arms(canvas) if looks.arms else np.zeros(canvas.shape, np.uint8)
    _paint_table(canvas, torso, looks)
    labels = _labels(canvas, classes("v2"))
    tissues = _tissues(canvas, torso, labels, arms=arms)
    body = (bare > -500) | (arms > 0) | (labels > 0)
    if looks.contrast:
        _enhance(canvas)
    if looks.metal:
        _implant(canvas, rng)
    clean = _scanned(canvas, np.random.default_rng(looks.seed)).astype(np.float32)
    if looks.noise != 1:
        again = _scanned(canvas, np.random.default_rng(looks.seed + 1)).astype(np.float32)
        clean += (looks.noise - 1) / np.sqrt(2) * (clean - again)
    voxels = clean.clip(-1024, 3071).astype(np.int16)
    if looks.circle_mm:
        beyond = np.broadcast_to(np.hypot(canvas.y, canvas.x) > looks.circle_mm, voxels.shape)
        voxels[beyond] = BEYOND_HU
        labels[beyond] = 0
        body &= ~beyond
        tissues = {name: mask & ~beyond for name, mask in tissues.items()}
    keep = slice(0, shape[2] - int(looks.cut_mm / spacing_mm[2]) if looks.cut_mm else None)
    cut = (slice(None), slice(None), keep)
    return Scan(voxels[cut], labels[cut], {name: mask[cut] for name, mask in tissues.items()}, body[cut])


def _labels(canvas: Canvas, known: Classes) -> NDArray[np.uint8]:
    vocabulary = Vocabulary.load()
    numbers = {vocabulary.place(name).name: number for number, name in enumerate(known.names, 1)}
    numbers |= {f"{side} {part}": numbers["heart"] for side in ("left", "right") for part in ("atrium", "ventricle")}
    numbers |= {"left myocardium": numbers["heart"], "ascending aorta": numbers["aorta"]}
    table = np.zeros(256, np.uint8)
    for name, number in canvas.names.items():
        table[number] = numbers.get(name, 0)
    found: NDArray[np.uint8] = table[canvas.labels]
    return found


def _tissues(
    canvas: _Painted, torso: Torso, labels: NDArray[np.uint8], *, arms: NDArray[np.uint8]
) -> dict[str, NDArray[np.bool_]]:
    """By what was painted, before any scanner: a voxel is of the tissue that has more than half of it."""
    free = (labels == 0) & (canvas.labels == 0)
    fat, lean = canvas.fat > 0.5, canvas.lean > 0.5
    within = torso.trunk < 0
    named = classes("v2").of("muscle")[labels]
    return {
        SUBCUTANEOUS: free & fat & ~within & (arms == 0) | (arms == 1),
        VISCERAL: free & fat & (torso.cavity < 0),
        MUSCLE: free & lean & within & (torso.cavity > 0) | named | (arms == 2),
    }


def _paint_arms(canvas: Canvas) -> NDArray[np.uint8]:
    """1 in their fat, 2 in their muscle."""
    found = np.zeros(canvas.shape, np.uint8)
    for _, sign in SIDES:
        for radius, hu, kind in ((44.0, SKIN_HU, 0), (41.5, FAT_HU, 1), (32.0, MUSCLE_HU, 2), (11.0, 700.0, 0)):
            line = curve(mirrored([(-300, -10, 222, radius), (0, -20, 226, radius), (300, -20, 222, radius)], sign))
            near, distance = canvas.capsules(line)
            canvas.paint(near.box, distance, hu)
            found[near.box][distance < 0] = kind
    return found


def _paint_table(canvas: Canvas, torso: Torso, looks: Looks) -> None:
    body: Field = torso.trunk - looks.fat_mm * 1.4
    shell = np.abs(canvas.y + 135 + looks.fat_mm) - 2 + 0 * canvas.z + 0 * canvas.x
    canvas.paint(canvas.everywhere.box, np.maximum(shell, 4 - body).astype(np.float32), TABLE_HU)


def _enhance(canvas: Canvas) -> None:
    for name in ("aorta", "inferior vena cava", "portal and splenic veins", "left kidney", "right kidney"):
        canvas.hu[canvas.labelled(canvas.everywhere.box, [name])] += 180


def _implant(canvas: Canvas, rng: np.random.Generator) -> None:
    """A ball of metal in the right hip, and rays of false intensities in the slices that it lies in."""
    near, ball = canvas.ellipsoid((-226.0, -2.0, 92.0), (24.0, 24.0, 24.0))
    canvas.paint(near.box, ball, 3000.0)
    z, y, x = canvas.z + 226, canvas.y + 2, canvas.x - 92
    angle, away = np.arctan2(y, x), np.hypot(y, x)
    rays = sum(np.cos(order * angle + rng.uniform(0, 6)) for order in (5, 9, 14)) / 3
    streaks = 260 * rays * np.exp(-away / 60) * (np.abs(z) < 24) * (away > 24)
    canvas.hu += np.where(canvas.hu > -500, streaks, 0).astype(np.float32)
