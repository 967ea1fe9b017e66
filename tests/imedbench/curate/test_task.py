from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.decisions import Decision
from imedbench.curate.files import picture_path
from imedbench.curate.task import CurateSettings, Task, curate_subject
from imedbench.io import read_image

KNOWN = classes("v2")


@pytest.fixture
def task(manikin: Any, tmp_path: Path) -> Task:
    return as_task(manikin, tmp_path)


def as_task(manikin: Any, folder: Path, **told: Any) -> Task:
    (folder / "source" / "s0000").mkdir(parents=True)
    (folder / "out" / ".curate").mkdir(parents=True)
    z, y, x = manikin.spacing_mm
    for name, voxels in (("ct", manikin.voxels), ("labels", manikin.labels)):
        image = nibabel.Nifti1Image(voxels.transpose(2, 1, 0), np.diag([x, y, z, 1.0]))
        image.to_filename(folder / "source" / "s0000" / f"{name}.nii.gz")
    return Task(folder / "source" / "s0000", folder / "out", CurateSettings(**told))


def test_it_is_done_once_it_is_written(task: Task) -> None:
    assert not task.is_done
    assert curate_subject(task)
    assert task.is_done
    assert task.row()["labelled_after"] > 0.8
    assert picture_path(task.out, "s0000").stat().st_size > 1000
    assert not replace(task, settings=CurateSettings(mend=False)).is_done


def test_a_mirrored_file_is_written_the_right_way_round(manikin: Any, tmp_path: Path) -> None:
    task = as_task(manikin.flipped(2), tmp_path)
    assert curate_subject(task)
    assert [finding["remedy"] for finding in task.row()["findings"]] == ["turned"]
    assert np.array_equal(read_image(task.target / "ct.nii.gz").voxels, manikin.voxels)
    there = manikin.labels > 0
    assert np.array_equal(read_image(task.target / "labels.nii.gz").voxels[there], manikin.labels[there])


def test_what_is_only_to_be_told_is_not_mended(manikin: Any, tmp_path: Path) -> None:
    wrong = manikin.named(kidney_left="kidney_right", kidney_right="kidney_left")
    task = as_task(wrong, tmp_path, mend=False)
    assert curate_subject(task)
    assert [(each["rule"], each["remedy"]) for each in task.row()["findings"]] == [("sides", "review")]
    there = wrong.labels > 0
    assert np.array_equal(read_image(task.target / "labels.nii.gz").voxels[there], wrong.labels[there])


def test_a_rejected_subject_is_not_there(task: Task) -> None:
    curate_subject(task)
    rejected = replace(task, decision=Decision("reject", "moved"))
    assert not rejected.is_done
    assert curate_subject(rejected)
    assert rejected.is_done
    assert rejected.row()["rejected"] == "moved"
    assert not task.target.exists()


def test_a_scan_of_nothing(task: Task, manikin: Any) -> None:
    z, y, x = manikin.spacing_mm
    air = nibabel.Nifti1Image(np.full(manikin.voxels.shape[::-1], -1000, np.int16), np.diag([x, y, z, 1.0]))
    air.to_filename(task.folder / "ct.nii.gz")
    nibabel.Nifti1Image(np.zeros(air.shape, np.uint8), air.affine).to_filename(task.folder / "labels.nii.gz")
    assert not curate_subject(task)
    assert "shows no body" in task.row()["error"]
    assert not task.is_done
