"""RTSTRUCT: contours in patient coordinates, filled on the image's grid."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import clause
from imedbench.io.dicom_series import header_of, open_dataset, series_in
from imedbench.io.geometry import LPS_TO_RAS
from imedbench.io.labels import filled, named_parts
from imedbench.io.polygons import filled_polygons
from imedbench.masks import MaskInfo, Masks
from imedbench.types import Array, Image

CLOSED = {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}
OFF_PLANE = 0.2
"""How far from a slice's centre, in slices, its contour may lie."""


def read_rtstruct(path: Path, series: Path, image: Image, names: Mapping[str, str] | None = None) -> Masks:
    """A mask for each structure with closed contours; pixels whose centre lies in or on a contour belong to it.

    Contours of one structure on one slice are combined by the even-odd rule, so that inner ones are holes. Structures
    of the same name are instances; different ones that ``names`` gives one target are one mask.

    Args:
        path: the RTSTRUCT file.
        series: the series it was drawn on (folder or file), whose frame of reference must be the structures'.
        image: that series as read by `read_image`.
        names: structure to target; None takes the structures' own names, an empty target leaves one out.

    Raises:
        BadInput: the structures belong to another series, lie off the image's slices, have no name, or are empty.
    """
    dataset = open_dataset(path)
    if dataset.get("Modality") != "RTSTRUCT":
        fact = f"is a DICOM object of modality {dataset.get('Modality') or 'unknown'} and no RTSTRUCT"
        raise BadInput(path, fact, "name the file that holds the structures")
    _check_frame(path, dataset, series)
    found = list(_structures(path, dataset))
    parts = named_parts(path, [name for name, _ in found], names, "structures")
    masks = [Masks.empty(image.grid)]
    for part, members in parts.items():
        by_place: dict[tuple[int, int], Array] = {}
        for member in members:
            for place, plane in _planes(path, found[member][1], image).items():
                by_place[place] = by_place[place] | plane if place in by_place else plane
        masks.append(Masks.from_dense([_volume(by_place, image)], [MaskInfo(part[0], instance=part[1])]))
    return filled(path, Masks.concatenate(masks))


def _check_frame(path: Path, dataset: Any, series: Path) -> None:
    """Refuses structures that say that they were drawn in another frame of reference."""
    theirs = {str(item.get("FrameOfReferenceUID")) for item in dataset.get("ReferencedFrameOfReferenceSequence") or ()}
    theirs |= {str(item.get("ReferencedFrameOfReferenceUID")) for item in dataset.get("StructureSetROISequence") or ()}
    files = [name for found in series_in(series) for name in found.paths[:1]] if series.is_dir() else [series]
    headers = [header for header in map(header_of, files) if header is not None]
    ours = {str(header.get("FrameOfReferenceUID")) for header in headers}
    if (theirs := theirs - {"None", ""}) and (ours := ours - {"None", ""}) and not theirs & ours:
        fact = f"was drawn in the frame of reference {min(theirs)} where the series has {min(ours)}"
        raise BadInput(path, fact, "pair it with the series it was drawn on")


def _structures(path: Path, dataset: Any) -> Iterator[tuple[str, list[Array]]]:
    """Name and closed contours, (n, 3) LPS mm each, of every structure that has any."""
    names = {
        int(item.ROINumber): str(item.get("ROIName") or "") for item in dataset.get("StructureSetROISequence") or ()
    }
    for item in dataset.get("ROIContourSequence") or ():
        try:
            contours = [
                np.asarray(contour.ContourData, np.float64).reshape(-1, 3)
                for contour in item.get("ContourSequence") or ()
                if contour.get("ContourGeometricType") in CLOSED
            ]
        except (ValueError, TypeError, AttributeError) as problem:
            fact = f"has a contour whose points cannot be read ({clause(problem)})"
            raise BadInput(path, fact, "export the structures again") from problem
        if contours:
            yield names.get(int(item.ReferencedROINumber), ""), contours


def _planes(path: Path, contours: list[Array], image: Image) -> dict[tuple[int, int], Array]:
    """The filled planes of one structure by (axis, index) in the image."""
    to_index = np.linalg.inv(image.affine) @ LPS_TO_RAS
    grid = image.grid if len(image.grid) == 3 else (1, *image.grid)
    grouped = defaultdict(list)
    for contour in contours:
        points = contour @ to_index[:3, :3].T + to_index[:3, 3]
        axis, index = _plane_of(path, points, image)
        if not 0 <= index < grid[axis]:
            fact = f"has a contour on slice {index} along axis {axis} of an image with {grid[axis]}"
            raise BadInput(path, fact, "pair it with the series it was drawn on")
        grouped[axis, index].append(np.delete(points, axis, axis=1))
    return {
        (axis, index): filled_polygons(group, tuple(np.delete(grid, axis))) for (axis, index), group in grouped.items()
    }


def _plane_of(path: Path, points: Array, image: Image) -> tuple[int, int]:
    """Axis and index of the image's slice that a contour lies in; of the file's own slices where it fits several."""
    own = image.source.axes.index(2) if image.source is not None and len(image.grid) == 3 else 0
    for axis in (own, *(axis for axis in range(3) if axis != own)):
        index = round(float(points[:, axis].mean()))
        if np.abs(points[:, axis] - index).max() <= OFF_PLANE:
            return axis, index
    low, high = points[:, own].min(), points[:, own].max()
    fact = f"has a contour between the image's slices, at {low:.2f} to {high:.2f} where slices are whole numbers"
    raise BadInput(path, fact, "pair it with the series it was drawn on")


def _volume(planes: Mapping[tuple[int, int], Array], image: Image) -> Array:
    dense = np.zeros(image.grid, np.bool_)
    whole = dense if dense.ndim == 3 else dense[None]
    for (axis, index), plane in planes.items():
        view = np.moveaxis(whole, axis, 0)[index]
        view |= plane
    return dense
