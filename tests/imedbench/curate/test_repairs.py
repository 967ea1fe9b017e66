import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from imedbench.curate.classes import classes
from imedbench.curate.colours import colour_tables
from imedbench.curate.repairs import Edit, hand_out, repair_path, take_back
from imedbench.curate.task import CurateSettings
from imedbench.curate.totalseg import curate
from imedbench.errors import BadInput
from imedbench.io import read_image
from imedbench.workers import Workers

KNOWN = classes("v2")


@pytest.fixture
def out(source: Path, tmp_path: Path) -> Path:
    curate(source, tmp_path / "out", CurateSettings(), workers=Workers(0))
    return tmp_path / "out"


def edit(path: Path, where: Any, name: str, kind: type = np.uint8) -> None:
    """As a program for drawing would save it."""
    file = nibabel.load(path)
    labels = np.asanyarray(file.dataobj).copy()
    labels[where] = KNOWN.number(name)
    nibabel.Nifti1Image(labels.astype(kind), file.affine).to_filename(path)


def test_tables_of_names_lie_beside_what_is_handed_out(out: Path, tmp_path: Path) -> None:
    assert hand_out(out, ["s0001"], tmp_path / "repair", KNOWN) == [tmp_path / "repair" / "s0001"]
    for file, text in colour_tables(KNOWN).items():
        assert (tmp_path / "repair" / file).read_text() == text


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_a_repair_is_recorded_and_used_by_the_next_run(source: Path, out: Path, tmp_path: Path, kind: type) -> None:
    hand_out(out, ["s0000", "s0001"], tmp_path / "repair", KNOWN)
    edited = tmp_path / "repair" / "s0001" / "labels.nii.gz"
    was = read_image(edited).voxels
    edit(edited, np.s_[20:24, 20:24, 3], "skeletal_muscle", kind)
    now = read_image(edited).voxels
    changed = take_back(out, tmp_path / "repair", KNOWN)
    assert changed["s0000"] == []
    assert sum(each.ml for each in changed["s0001"]) == pytest.approx(np.count_nonzero(was != now) * 0.012)
    assert {each.now for each in changed["s0001"]} == {"skeletal_muscle"}
    record = json.loads((out / "repairs" / "s0001.jsonl").read_text())
    assert [Edit(**each) for each in record["edits"]] == changed["s0001"]
    summary = curate(source, out, CurateSettings(), workers=Workers(0))
    assert [row["repaired"] for row in summary.rows] == [False, True]
    assert np.array_equal(read_image(out / "s0001" / "labels.nii.gz").voxels, now)


def test_a_second_repair_builds_on_the_first(source: Path, out: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("liver", "spleen")):
        folder = tmp_path / f"repair{number}"
        hand_out(out, ["s0001"], folder, KNOWN)
        edit(folder / "s0001" / "labels.nii.gz", np.s_[30:33, 30:33, number], name)
        take_back(out, folder, KNOWN)
        curate(source, out, CurateSettings(), workers=Workers(0))
    assert len((out / "repairs" / "s0001.jsonl").read_text().splitlines()) == 2
    labels = read_image(out / "s0001" / "labels.nii.gz").voxels
    assert (labels[0] == KNOWN.number("liver")).any()
    assert (labels[1] == KNOWN.number("spleen")).any()


def test_what_was_handed_out_is_not_overwritten(out: Path, tmp_path: Path) -> None:
    hand_out(out, ["s0001"], tmp_path / "repair", KNOWN)
    with pytest.raises(BadInput, match="s0001: is there already"):
        hand_out(out, ["s0001"], tmp_path / "repair", KNOWN)


def test_a_subject_that_is_not_there(out: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"s0009: holds no labels\.nii\.gz"):
        hand_out(out, ["s0009"], tmp_path / "repair", KNOWN)


@pytest.mark.parametrize("fault", ["another subject", "another grid", "a number of no class"])
def test_repairs_that_cannot_be_used_change_nothing(out: Path, tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "repair"
    hand_out(out, ["s0000", "s0001"], folder, KNOWN)
    edit(folder / "s0000" / "labels.nii.gz", np.s_[20:24, 20:24, 3], "liver")
    path = folder / "s0001" / "labels.nii.gz"
    file = nibabel.load(path)
    if fault == "another subject":
        path.parent.rename(folder / "s0007")
    elif fault == "another grid":
        nibabel.Nifti1Image(np.asanyarray(file.dataobj)[1:], file.affine).to_filename(path)
    else:
        nibabel.Nifti1Image(np.asanyarray(file.dataobj) + np.uint8(90), file.affine).to_filename(path)
    with pytest.raises(BadInput):
        take_back(out, folder, KNOWN)
    assert not repair_path(out, "s0000").exists()


def test_a_folder_without_repairs(out: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder in it holds"):
        take_back(out, tmp_path / "nothing", KNOWN)
