import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, TISSUES, VISCERAL, classes
from imedbench.curate.decisions import Decision, write_decisions
from imedbench.curate.settings import TissueSettings
from imedbench.curate.task import CurateSettings, Task, curate_subject
from imedbench.curate.totalseg import CurateSummary, Progress, curate
from imedbench.errors import BadInput
from imedbench.io import read_image
from imedbench.workers import Workers

HERE = Workers(0)
SETTINGS = CurateSettings()


def run(source: Path, out: Path, settings: CurateSettings = SETTINGS, **told: Any) -> CurateSummary:
    return curate(source, out, settings, workers=HERE, **told)


def test_a_subject_gets_tissues(source: Path, tmp_path: Path, trunk: Any) -> None:
    summary = run(source, tmp_path / "out")
    assert not summary.problems
    for name in ("s0000", "s0001"):
        labels = read_image(tmp_path / "out" / name / "labels.nii.gz").voxels
        known = classes("v2")
        assert np.array_equal(labels[trunk.labels > 0], trunk.labels[trunk.labels > 0])
        for tissue, truth in zip(
            (MUSCLE, VISCERAL, SUBCUTANEOUS), (trunk.muscle, trunk.visceral, trunk.subcutaneous), strict=True
        ):
            assert (labels[truth] == known.number(tissue)).mean() > 0.95
        assert (tmp_path / "out" / name / "ct.nii.gz").read_bytes() == (source / name / "ct.nii.gz").read_bytes()
        file, original = (nibabel.load(path / name / "ct.nii.gz") for path in (tmp_path / "out", source))
        assert np.array_equal(file.affine, original.affine)


def test_what_is_known_of_it(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(source, out)
    names = json.loads((out / "labels.json").read_text())
    assert [names[str(number)] for number in (118, 119, 120)] == list(TISSUES)
    assert (out / "meta.csv").read_text() == (source / "meta.csv").read_text()
    told = json.loads((out / "provenance.json").read_text())
    assert told["settings"]["tissue"]["fat_hu"] == [-190, -30]
    rows = [json.loads(line) for line in (out / "subjects.jsonl").read_text().splitlines()]
    assert rows == list(summary.rows)
    assert 0.05 < rows[0]["labelled_before"] < 0.3 < 0.85 < rows[0]["labelled_after"] <= 1
    assert {each["name"] for each in rows[0]["structures"]} == {"liver", "vertebrae_L3", *TISSUES}


def test_a_second_run_does_what_is_left(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out)
    before = (out / "s0000" / "labels.nii.gz").stat().st_mtime_ns
    (out / "s0001" / "labels.nii.gz").unlink()
    told: list[Progress] = []
    run(source, out, progress=told.append)
    assert (out / "s0000" / "labels.nii.gz").stat().st_mtime_ns == before
    assert (out / "s0001" / "labels.nii.gz").is_file()
    assert told == [Progress(1, 2, 0), Progress(2, 2, 0)]
    run(source, out, replace(SETTINGS, tissue=TissueSettings(fat_hu=(-150, -30))))
    assert (out / "s0000" / "labels.nii.gz").stat().st_mtime_ns != before


def test_a_bad_subject_is_named_and_the_rest_goes_on(source: Path, tmp_path: Path) -> None:
    (source / "s0000" / "ct.nii.gz").write_bytes(b"no gzip")
    out = tmp_path / "out"
    summary = run(source, out)
    (problem,) = summary.problems
    assert problem["subject"] == "s0000"
    assert "ct.nii.gz" in problem["error"]
    assert not (out / "s0000").exists()
    assert (out / "s0001" / "labels.nii.gz").is_file()
    (source / "s0000" / "ct.nii.gz").write_bytes((source / "s0001" / "ct.nii.gz").read_bytes())
    assert not run(source, out).problems


def test_what_others_found_wrong_is_mended_and_told(source: Path, tmp_path: Path, write: Any, trunk: Any) -> None:
    known = classes("v2")
    labels = trunk.labels.copy()
    labels[trunk.labels == known.number("liver")] = known.number("heart")
    (source / "s0001").rename(source / "s0143")
    write(source / "s0143" / "labels.nii.gz", labels)
    summary = run(source, tmp_path / "out")
    row = summary.rows[1]
    assert [(error["remedy"], error["structures"]) for error in row["known_errors"]] == [("clear", ["heart"])]
    assert "heart" not in {each["name"] for each in row["structures"]}
    assert summary.rows[0]["known_errors"] == []


def test_a_file_a_class_on_demand(source: Path, tmp_path: Path, trunk: Any) -> None:
    out = tmp_path / "out"
    run(source, out, replace(SETTINGS, per_class=True))
    files = sorted(path.name for path in (out / "s0001" / "segmentations").iterdir())
    assert len(files) == 120
    liver = read_image(out / "s0001" / "segmentations" / "liver.nii.gz").voxels
    assert np.array_equal(liver > 0, trunk.labels == classes("v2").number("liver"))


def test_rai(source: Path, tmp_path: Path, trunk: Any) -> None:
    out = tmp_path / "out"
    run(source, out, replace(SETTINGS, orientation="rai"))
    for name in ("ct.nii.gz", "labels.nii.gz"):
        assert nibabel.aff2axcodes(nibabel.load(out / "s0000" / name).affine) == ("L", "P", "S")
    assert np.array_equal(read_image(out / "s0000" / "ct.nii.gz").voxels, trunk.voxels)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(source: Path, tmp_path: Path, workers: int) -> None:
    run(source, tmp_path / "here")
    curate(source, tmp_path / "there", SETTINGS, workers=Workers(workers))
    for name in ("s0000/labels.nii.gz", "s0001/labels.nii.gz", "subjects.jsonl"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_no_subjects(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        run(tmp_path, tmp_path / "out")


def test_a_fault_of_the_program_stays_with_its_subject(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(task: Task) -> bool:
        if task.name == "s0000":
            raise ZeroDivisionError("by nothing")
        return curate_subject(task)

    monkeypatch.setattr("imedbench.curate.totalseg.curate_subject", fail)
    (problem,) = run(source, tmp_path / "out").problems
    assert "s0000: ZeroDivisionError: by nothing. This is a fault of imedbench" in problem["error"]
    assert "Traceback" in problem["traceback"]
    assert (tmp_path / "out" / "s0001" / "labels.nii.gz").is_file()


def test_a_full_disk_stops_the_run(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(task: Task) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device", str(task.target))

    monkeypatch.setattr("imedbench.curate.totalseg.curate_subject", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        run(source, tmp_path / "out")
    assert caught.value.errno == errno.ENOSPC


def test_what_is_rejected_is_left_out_until_it_is_not(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out)
    write_decisions(out, {"s0000": Decision("reject", "moved"), "s0001": Decision("accept", "fine")})
    before = (out / "s0001" / "labels.nii.gz").stat().st_mtime_ns
    summary = run(source, out)
    assert [(row["subject"], row["rejected"]) for row in summary.rejected] == [("s0000", "moved")]
    assert [row["subject"] for row in summary.curated] == ["s0001"]
    assert not (out / "s0000").exists()
    assert (out / "s0001" / "labels.nii.gz").stat().st_mtime_ns == before
    write_decisions(out, {})
    assert len(run(source, out).curated) == 2
    assert (out / "s0000" / "labels.nii.gz").is_file()


def test_a_table_of_decisions_that_cannot_be_read_stops_the_run(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "review.csv").write_text("nonsense")
    with pytest.raises(BadInput, match=r"review\.csv"):
        run(source, out)


def test_the_first_version(source: Path, tmp_path: Path, write: Any, trunk: Any) -> None:
    known, first = classes("v2"), classes("v1")
    labels = np.zeros_like(trunk.labels)
    for name in ("liver", "vertebrae_L3"):
        labels[trunk.labels == known.number(name)] = first.number(name)
    shutil.rmtree(source / "s0000")
    write(source / "s0001" / "labels.nii.gz", labels)
    summary = run(source, tmp_path / "out", replace(SETTINGS, version="v1"))
    assert {each["name"] for each in summary.curated[0]["structures"]} == {"liver", "vertebrae_L3", *TISSUES}
    assert len(json.loads((tmp_path / "out" / "labels.json").read_text())) == 107
    found = read_image(tmp_path / "out" / "s0001" / "labels.nii.gz").voxels
    assert np.array_equal(found[labels > 0], labels[labels > 0])
    assert (found == first.number(MUSCLE)).sum() > 1000
