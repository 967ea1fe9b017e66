"""A chest radiograph of a phantom: X-rays summed through the body, with the silhouettes of lungs, heart and bones."""

import numpy as np
from numpy.typing import NDArray

from imedbench.demo.canvas import Field
from imedbench.demo.phantom import make_phantom

SHAPE = (240, 100, 256)
SPACING_MM = (1.3, 3.0, 1.4)
CENTRE_MM = 88.0
"""Height of the film's middle above the phantom's."""
SIZE = 512
LEAST_MM = 6.0
"""A silhouette begins where this much of the organ lies in the way."""
WATER_PER_MM = 0.019
"""Attenuation of water at about 80 keV."""
SILHOUETTES = {
    "right lung": ("right upper lobe", "right middle lobe", "right lower lobe"),
    "left lung": ("left upper lobe", "left lower lobe", "pleural effusion"),
    "heart": ("right atrium", "right ventricle", "left atrium", "left ventricle", "left myocardium"),
    "right clavicle": ("right clavicle",),
    "left clavicle": ("left clavicle",),
}
"""What is outlined on the film, in the order of drawing: later ones cover earlier ones."""


def make_xray(seed: int) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.bool_]]]:
    """A frontal radiograph, bone white, the patient's right at the left, and a (y, x) mask of each silhouette."""
    from scipy.ndimage import gaussian_filter

    image, labels, names = make_phantom(seed, SHAPE, SPACING_MM, CENTRE_MM)
    numbers = {name: number for number, name in names.items()}
    density = np.clip(image.voxels.astype(np.float32) / 1000 + 1, 0, None)
    # Bone takes away more than its density says, because it is rich in calcium.
    density += 0.7 * np.clip(density - 1.15, 0, None)
    film = _film(density.sum(axis=1) * np.float32(WATER_PER_MM * SPACING_MM[1]))
    masks = {}
    for name, parts in SILHOUETTES.items():
        inside = np.isin(labels, [numbers[part] for part in parts if part in numbers])
        depth = inside.sum(axis=1, dtype=np.float32) * SPACING_MM[1]
        masks[name] = gaussian_filter(_enlarged(depth), 2.5) > LEAST_MM
    return film, masks


def _film(path_length: Field) -> NDArray[np.uint8]:
    """Optical density of the film, with its contrast evened out as a digital detector does."""
    from scipy.ndimage import gaussian_filter

    wide = _enlarged(path_length)
    local = wide - 0.62 * gaussian_filter(wide, 60)
    low, high = np.percentile(local[wide > 0.5], (0.5, 99.7))
    shown = np.clip((local - low) / (high - low), 0, 1) ** 0.9
    grain = np.random.default_rng(0).normal(0, 2.0, shown.shape)
    film: NDArray[np.uint8] = np.clip(np.rint(shown * 238 + 8 + gaussian_filter(grain, 0.6)), 0, 255).astype(np.uint8)
    return film


def _enlarged(plane: Field) -> Field:
    """A (z, x) plane as a square picture, head up, the patient's right at the left."""
    import cv2

    upright = np.ascontiguousarray(plane[::-1, ::-1])
    return cv2.resize(upright, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
