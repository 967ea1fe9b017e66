from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.places import RIGHT
from imedbench.curate.subject import Subject
from imedbench.curate.upright import upright
from imedbench.types import Image

KNOWN = classes("v2")
PAIRS = {
    name: name.replace("left", "right") if "left" in name else name.replace("right", "left")
    for name in KNOWN.names
    if "left" in name or name.replace("right", "left") in KNOWN.names
}


def subject_of(manikin: Any) -> Subject:
    affine = np.zeros((4, 4))
    affine[(2, 1, 0), (0, 1, 2)] = manikin.spacing_mm
    affine[3, 3] = 1
    return Subject("s0000", Image(manikin.voxels, manikin.spacing_mm, affine, "ct"), manikin.labels)


def test_a_patient_who_lies_right_is_left_alone(manikin: Any) -> None:
    subject = subject_of(manikin)
    found, findings = upright(subject, KNOWN, 6.0)
    assert found is subject
    assert findings == []


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2)])
def test_one_who_lies_wrong_is_turned(manikin: Any, axes: tuple[int, ...]) -> None:
    wrong = manikin
    for axis in axes:
        wrong = wrong.flipped(axis)
    found, findings = upright(subject_of(wrong), KNOWN, 6.0)
    assert [finding.remedy for finding in findings] == ["turned"] * len(axes)
    assert np.array_equal(found.image.voxels, manikin.voxels)
    assert np.array_equal(found.labels, manikin.labels)


def test_mirrored_organs_with_right_sides_are_left_alone(manikin: Any) -> None:
    inverted = manikin.flipped(RIGHT).named(**{name: other for name, other in PAIRS.items() if other in KNOWN.names})
    subject = subject_of(inverted)
    found, findings = upright(subject, KNOWN, 6.0)
    assert found is subject
    assert [(finding.rule, finding.remedy) for finding in findings] == [("orientation", "review")]
    assert "situs inversus" in findings[0].what


def test_wrong_names_are_no_wrong_file(manikin: Any) -> None:
    subject = subject_of(manikin.named(**{name: other for name, other in PAIRS.items() if other in KNOWN.names}))
    assert upright(subject, KNOWN, 6.0) == (subject, [])


def test_a_patient_on_the_side(manikin: Any) -> None:
    subject = subject_of(manikin)
    voxels, labels = (array.swapaxes(0, 2) for array in (manikin.voxels, manikin.labels))
    spacing = manikin.spacing_mm[::-1]
    lying = replace(subject, image=replace(subject.image, voxels=voxels, spacing_mm=spacing), labels=labels)
    _, findings = upright(lying, KNOWN, 6.0)
    assert any("a spine that runs sideways" in finding.what for finding in findings)


def test_three_wrong_names_turn_nothing(manikin: Any) -> None:
    names = [f"vertebrae_{name}" for name in ("L1", "L2", "L3")]
    manikin.labels[~np.isin(manikin.labels, [KNOWN.number(name) for name in names])] = 0
    subject = subject_of(manikin.named(**dict(zip(names, reversed(names), strict=True))))
    assert upright(subject, KNOWN, 6.0) == (subject, [])
