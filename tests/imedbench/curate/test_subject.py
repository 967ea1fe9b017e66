from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.subject import find_subjects, read_subject
from imedbench.errors import BadInput

KNOWN = classes("v2")
Write = Callable[[Path, Any], None]


def test_both_layouts_are_the_same_subject(source: Path, trunk: Any) -> None:
    folders = find_subjects(source)
    assert [folder.name for folder in folders] == ["s0000", "s0001"]
    for folder in folders:
        subject = read_subject(folder, KNOWN)
        assert subject.spacing_mm == trunk.spacing_mm
        assert np.array_equal(subject.image.voxels, trunk.voxels)
        assert np.array_equal(subject.labels, trunk.labels)


def test_a_folder_without_subjects(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no folder in it holds ct\.nii\.gz"):
        find_subjects(tmp_path)


def test_a_missing_class(source: Path) -> None:
    (source / "s0000" / "segmentations" / "aorta.nii.gz").unlink()
    with pytest.raises(BadInput, match=r"aorta.nii.gz: this class is missing; .*--version"):
        read_subject(source / "s0000", KNOWN)


def test_masks_of_the_other_version(source: Path) -> None:
    with pytest.raises(BadInput, match=r"heart_myocardium.nii.gz: this class and \d+ more are missing"):
        read_subject(source / "s0000", classes("v1"))


def test_a_mask_of_no_class(source: Path, write: Write, trunk: Any) -> None:
    write(source / "s0000" / "segmentations" / "tail.nii.gz", trunk.labels)
    with pytest.raises(BadInput, match=r"tail.nii.gz: is of no class"):
        read_subject(source / "s0000", KNOWN)


def test_no_masks_at_all(source: Path) -> None:
    (source / "s0001" / "labels.nii.gz").unlink()
    with pytest.raises(BadInput, match=r"segmentations: there is no such folder"):
        read_subject(source / "s0001", KNOWN)


def test_numbers_of_no_class(source: Path, write: Write, trunk: Any) -> None:
    write(source / "s0001" / "labels.nii.gz", trunk.labels + np.uint8(100))
    with pytest.raises(BadInput, match=r"labels.nii.gz: holds numbers from 100 to \d+ where classes are 0 to 117"):
        read_subject(source / "s0001", KNOWN)


def test_labels_on_another_grid(source: Path, write: Write, trunk: Any) -> None:
    write(source / "s0001" / "labels.nii.gz", trunk.labels[:-1])
    with pytest.raises(BadInput, match=r"labels.nii.gz: .*shape|grid"):
        read_subject(source / "s0001", KNOWN)


@pytest.mark.parametrize("change", [lambda hu: hu + 1024, lambda hu: np.abs(hu) // 4, lambda hu: hu // 40])
def test_what_is_no_ct(source: Path, write: Write, trunk: Any, change: Callable[[Any], Any]) -> None:
    write(source / "s0001" / "ct.nii.gz", change(trunk.voxels).astype(np.int16))
    with pytest.raises(BadInput, match=r"ct.nii.gz: is no CT in Hounsfield units: .* give the CT itself"):
        read_subject(source / "s0001", KNOWN)


@pytest.mark.parametrize("offset", [-1024, -2048])
def test_an_intercept_that_was_added_twice(source: Path, write: Write, trunk: Any, offset: int) -> None:
    write(source / "s0001" / "ct.nii.gz", (trunk.voxels + offset).astype(np.int16))
    with pytest.raises(BadInput, match=rf"ct.nii.gz: is not in Hounsfield units: .* a median of {60 + offset}"):
        read_subject(source / "s0001", KNOWN)


def test_what_is_curated_is_no_source(source: Path) -> None:
    (source / "subjects.jsonl").write_text("")
    with pytest.raises(BadInput, match="is curated already"):
        find_subjects(source)
