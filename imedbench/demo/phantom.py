"""A CT of a person who never lived: a torso with organs, vessels and disease, drawn from a seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imedbench.demo.abdomen import Findings, paint_abdomen
from imedbench.demo.canvas import Canvas, Field
from imedbench.demo.chest import paint_chest
from imedbench.demo.skeleton import paint_cage, paint_pelvis, paint_spine
from imedbench.demo.torso import build_torso, paint_back, paint_seat
from imedbench.types import Image

SHAPE = (96, 256, 256)
SPACING_MM = (5.0, 1.4, 1.4)
NOISE_HU = 9.0
LOWEST_HU, HIGHEST_HU = -1024, 1600
TABLE_HU = -420.0


@dataclass(frozen=True, slots=True)
class Patient:
    """What differs from one phantom to the next."""

    size: float
    """Scale of the whole body; 1 is a trunk of about 30 cm across."""
    fat_mm: float
    """Usual thickness of the fat under the skin."""
    findings: Findings
    effusion: bool
    """Fluid beside the left lung."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Patient":
        """A patient at random."""
        findings = Findings(int(rng.integers(1, 4)), bool(rng.random() < 0.6), bool(rng.random() < 0.5))
        return cls(rng.uniform(0.95, 1.05), rng.uniform(9, 20), findings, bool(rng.random() < 0.4))


def make_phantom(
    seed: int,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    height_mm: float = 0.0,
) -> tuple[Image, NDArray[np.uint8], dict[int, str]]:
    """A CT-like torso from the seat to the top of the lungs, in a portal venous phase.

    The same seed is the same person on any grid; the noise differs. ``height_mm`` raises the field of view, whose
    middle lies at the lowest ribs, towards the head.

    Returns:
        The image (int16, Hounsfield units, RAS+), its label map, and the target of each label; 0 is unlabelled.
    """
    rng = np.random.default_rng(seed)
    patient = Patient.drawn(rng)
    canvas = Canvas(shape, spacing_mm, rng, size=patient.size, height_mm=height_mm)
    torso = build_torso(canvas, patient.fat_mm)
    paint_back(canvas, torso)
    paint_seat(canvas, torso)
    paint_chest(canvas, torso, rng, effusion=patient.effusion)
    paint_cage(canvas, torso)
    paint_spine(canvas)
    paint_pelvis(canvas, torso)
    paint_abdomen(canvas, torso, rng, patient.findings)
    _paint_table(canvas, torso.trunk - patient.fat_mm)
    voxels = _scanned(canvas, rng)
    present = set(np.unique(canvas.labels).tolist())
    names = {number: name for name, number in canvas.names.items() if number in present}
    return Image(voxels, spacing_mm, _affine(canvas), "ct"), canvas.labels, names


def _affine(canvas: Canvas) -> NDArray[np.float64]:
    """Array index (z, y, x, 1) to RAS+ millimetres (x, y, z, 1), the origin in the middle of the body."""
    affine = np.zeros((4, 4))
    for axis in range(3):
        affine[2 - axis, axis] = canvas.spacing_mm[axis]
        affine[2 - axis, 3] = canvas.axes[axis][0]
    affine[3, 3] = 1
    return affine


def _paint_table(canvas: Canvas, body: Field) -> None:
    """The top of the table: a thin curved shell under the back."""
    _, depth, side = np.meshgrid(*canvas.axes, indexing="ij", sparse=True)
    shell = np.abs(np.hypot(depth - 330, side) - 468) - 1.6
    shell = np.maximum(shell, np.abs(side) - 205) + 0 * canvas.z
    outside = np.maximum(shell, 3 - body)
    canvas.paint(canvas.everywhere.box, outside.astype(np.float32), TABLE_HU)


def _scanned(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.int16]:
    """The canvas as a scanner shows it: blurred by its aperture, with the grainy noise of filtered back-projection."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(canvas.hu, (0.3, 0.6, 0.6))
    # Photons are lost along the way: the noise grows with what a slice holds, and towards its middle.
    thickness = np.sqrt(np.clip(blurred + 1000, 0, None).mean(axis=(1, 2)) / 300)
    depth = 0.45 + 0.55 * gaussian_filter((canvas.hu > -500).astype(np.float32), (0, 20, 20))
    noisy = blurred + NOISE_HU * thickness[:, None, None] * depth * _grain(canvas.shape, rng)
    hounsfield: NDArray[np.int16] = np.clip(np.rint(noisy), LOWEST_HU, HIGHEST_HU).astype(np.int16)
    return hounsfield


def _grain(shape: tuple[int, int, int], rng: np.random.Generator) -> Field:
    """White noise through a ramp and a soft kernel in each slice, as reconstruction leaves it; unit deviation."""
    from scipy import fft

    across = np.hypot(fft.fftfreq(shape[1])[:, None], fft.rfftfreq(shape[2])[None])
    response = np.sqrt(across + 0.02) * np.exp(-((across / 0.26) ** 2))
    spectrum = fft.rfft2(rng.standard_normal(shape, np.float32)) * response.astype(np.float32)
    grain: Field = fft.irfft2(spectrum, shape[1:]).astype(np.float32)
    grain /= grain.std()
    return grain
