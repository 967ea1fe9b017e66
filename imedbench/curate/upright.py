"""Volumes whose file says the wrong way up, round or about, by where the organs lie in them."""

from dataclasses import replace

import numpy as np

from imedbench.curate.classes import Classes
from imedbench.curate.findings import Finding
from imedbench.curate.grid import Grid
from imedbench.curate.places import FRONT, RIGHT, UP, Places
from imedbench.curate.subject import Subject

_MOST = 0.2
"""Of the facts, which may fit in a volume that is the wrong way round."""
_SAYS = {
    UP: "runs from head to feet where its file says from feet to head",
    FRONT: "runs from front to back where its file says from back to front",
    RIGHT: "is mirrored: left and right of its file are exchanged",
}
_LEAST_SPINE = 5
"""Vertebrae that show the way along a body."""
_ALONG = 0.7
"""Cosine between the spine and the way from the feet to the head: 45 degrees."""


def upright(subject: Subject, classes: Classes, grid_mm: float) -> tuple[Subject, list[Finding]]:
    """The subject with its axes turned the right way round, where the places of its organs leave no doubt.

    A patient whose organs are mirrored while pairs are on their sides is left alone: that is situs inversus. Where the
    pairs are on the wrong sides and the organs are not, names are exchanged, not the file: see `rules`.
    """
    grid = Grid.of(subject.image.grid, subject.spacing_mm, grid_mm)  # type: ignore[arg-type]
    places = Places.of(subject.labels, classes, grid)
    findings = _lying(places)
    axes = [axis for axis in (UP, FRONT) if _is_against(places.agreement(axis))]
    if _is_against(places.agreement(RIGHT)):
        if _is_against(places.sides()):
            axes.append(RIGHT)
        else:
            what = "has its organs mirrored: situs inversus, or the file's left and right are exchanged"
            findings.append(Finding("orientation", (), what, "review"))
    findings += [Finding("orientation", (), _SAYS[axis], "turned") for axis in axes]
    return _turned(subject, tuple(axes)) if axes else subject, findings


def _is_against(share: float | None) -> bool:
    return share is not None and share <= _MOST


def _lying(places: Places) -> list[Finding]:
    """A spine that runs along another axis."""
    spine = np.array([places.centres[name] for name in places.spine()])
    if len(spine) < _LEAST_SPINE:
        return []
    along = np.linalg.svd(spine - spine.mean(0))[2][0]
    if abs(along[UP]) >= _ALONG:
        return []
    axis = ("up", "forward", "sideways")[int(np.abs(along).argmax())]
    return [Finding("orientation", (), f"has a spine that runs {axis}, not from the feet to the head", "review")]


def _turned(subject: Subject, axes: tuple[int, ...]) -> Subject:
    """Its arrays turned about; the file's places stay, so that what is written lies right."""
    voxels, labels = np.flip(subject.image.voxels, axes), np.flip(subject.labels, axes)
    image = replace(subject.image, voxels=np.ascontiguousarray(voxels))
    return replace(subject, image=image, labels=np.ascontiguousarray(labels))
