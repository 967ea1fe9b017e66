"""Volumes as NIfTI files, on the grid that they were read from."""

import gzip
from dataclasses import replace

import numpy as np

from imedbench.types import Array, Image, SourceGrid

WIDER = {"bool": "uint8", "int8": "int16", "float16": "float32", "int64": "int32", "uint64": "uint32"}
"""What takes the place of the types that NIfTI has not, or that few programs read."""


def nifti_of(voxels: Array, image: Image, *, level: int = 5) -> bytes:
    """One channel or label map on the grid of ``image`` as a gzipped NIfTI file, on the source's grid where known.

    Args:
        voxels: (z, y, x) or (y, x).
        image: says where they lie.
        level: of gzip; 1 is four times as fast as 5 and a tenth larger.
    """
    import nibabel as nib

    if image.source is not None:
        turned, affine = image.source.to_source(voxels), image.source.affine
    else:
        # NIfTI counts x first; a picture becomes a volume of one slice.
        turned, affine = (
            (voxels if voxels.ndim == 3 else voxels[None]).transpose(2, 1, 0),
            image.affine[:, [2, 1, 0, 3]],
        )
    if np.linalg.det(affine[:3, :3]) == 0:
        rows, columns = image.spacing_mm[-2:]
        affine = np.diag([columns, rows, 1.0, 1.0])
    kind = WIDER.get(voxels.dtype.name, voxels.dtype.name)
    file = nib.Nifti1Image(np.asarray(turned, kind), affine)  # type: ignore[no-untyped-call]
    file.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    # The gzip header holds no time, so that the same case gives the same file.
    return gzip.compress(file.to_bytes(), compresslevel=level, mtime=0)


def turned_rai(image: Image) -> Image:
    """The same volume, whose file is to run from right to left, front to back and below to above (ITK's "RAI")."""
    flipped = (False, True, True)
    affine = image.affine.copy()
    for axis, (length, flip) in enumerate(zip(image.grid, flipped, strict=True)):
        if flip:
            affine[:, 3] += affine[:, axis] * (length - 1)
            affine[:, axis] *= -1
    return replace(image, source=SourceGrid(affine[:, [2, 1, 0, 3]], (2, 1, 0), flipped))
