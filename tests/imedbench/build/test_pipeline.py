import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from imedbench.build.pipeline import Progress, build_store
from imedbench.build.plan import Source, digest_of, make_plan, save_plan, survey
from imedbench.build.proposals import settings_for
from imedbench.build.staging import Piece, save_piece
from imedbench.build.tasks import WORK, BuildSettings, piece_path
from imedbench.errors import BadStore, ImedbenchError, MissingWeights, Unavailable, UnknownName
from imedbench.recipe import Recipe, SplitRule
from imedbench.store import Store
from imedbench.workers import Workers

RECIPE = """
name: torso
dimension: 3
modality: ct
images: images/{study}.nii.gz
labels:
  - path: labels/{study}.nii.gz
    names: {1: liver, 2: spleen}
patient: "(?P<patient>p[0-9]+)"
window: [-100, 300]
"""


def write_study(folder: Path, name: str, planes: int = 40) -> None:
    rng = np.random.default_rng(len(name) + planes)
    voxels = rng.integers(-200, 400, (48, 40, planes)).astype(np.int16)
    labels = np.zeros(voxels.shape, np.uint8)
    labels[5:20, 5:30, 3:] = 1
    labels[25:40, 10:20, : planes // 2] = 2
    for kind, volume in (("images", voxels), ("labels", labels)):
        path = folder / kind / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(volume, np.diag([1.0, 1, 3, 1])), path)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    for number in range(5):
        write_study(folder, f"p{number}")
    (tmp_path / "torso.yaml").write_text(RECIPE)
    return folder


def recipe(raw: Path) -> Recipe:
    from imedbench.recipe import load_recipe

    return load_recipe(str(raw.parent / "torso.yaml"))


def build(raw: Path, out: Path, **settings: object) -> list[Progress]:
    seen: list[Progress] = []
    settings = {"workers": Workers(0), **settings}
    build_store([Source(raw, recipe(raw))], out, BuildSettings(name="test"), progress=seen.append, **settings)
    return seen


def digests(store: Path) -> dict[str, str]:
    """Every file of the arrays, by its content."""
    parts = sorted(path for path in (store / "parts").rglob("*") if path.is_file())
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in parts}


def sides_of(store: Store) -> dict[str, str]:
    """The split of each case."""
    return dict(zip(store.cases["id"].to_pylist(), store.cases["split"].to_pylist(), strict=True))


def command(raw: Path, out: Path, workers: int = 2) -> list[str]:
    options = ["--source", raw, "--recipe", raw.parent / "torso.yaml", "--out", out, "--interactive", "none"]
    return [sys.executable, "-m", "imedbench", "build", *map(str, options), "--workers", str(workers)]


def test_a_build_makes_a_store_of_volumes_and_slices(raw: Path, tmp_path: Path) -> None:
    seen = build(raw, tmp_path / "store")
    assert [step for step in seen if step.stage == "images"][-1] == Progress("images", 200, 200, 0)
    assert seen[-1].done == seen[-1].total
    store = Store.open(tmp_path / "store")
    assert len(store) == 5 + 5 * 40
    case = store["torso/p0/z0010"]
    assert case.image.voxels.dtype == np.uint8
    assert case.masks.targets == ("liver", "spleen")
    volume = store["torso/p0"]
    assert volume.image.voxels.dtype == np.int16
    # Half a turn from the RAS volume, window -100 to 300.
    expected = np.clip((volume.image.voxels[10, ::-1, ::-1] + 100.0) / 400 * 255, 0, 255)
    assert np.abs(case.image.voxels - expected).max() <= 0.5
    assert np.array_equal(case.masks["liver"], volume.masks["liver"][10, ::-1, ::-1])
    assert np.array_equal(store.original("torso/p0/z0010").voxels, volume.image.voxels[10, ::-1, ::-1])


def test_the_store_does_not_depend_on_the_number_of_workers(raw: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "one")
    build(raw, tmp_path / "two", workers=Workers(2))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_bad_study_goes_to_quarantine_and_the_rest_goes_on(raw: Path, tmp_path: Path) -> None:
    whole = (raw / "images" / "p1.nii.gz").read_bytes()
    (raw / "images" / "p1.nii.gz").write_bytes(whole[: len(whole) // 2])
    build(raw, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert len(store) == 4 * 41
    [problem] = store.problems.to_pylist()
    assert problem["study"] == "torso/p1"
    assert "p1.nii.gz" in problem["error"]
    assert "truncated" in problem["error"]


def test_a_study_that_was_repaired_comes_in_a_new_part(raw: Path, tmp_path: Path) -> None:
    path = raw / "images" / "p1.nii.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    build(raw, tmp_path / "store")
    before = digests(tmp_path / "store")
    build(raw, tmp_path / "store")
    assert digests(tmp_path / "store") == before
    path.write_bytes(whole)
    build(raw, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert len(store) == 5 * 41
    assert store.problems.num_rows == 0
    assert before.items() <= digests(tmp_path / "store").items()


def test_added_data_come_in_new_parts_and_move_nothing(raw: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "store")
    before = digests(tmp_path / "store")
    sides = sides_of(Store.open(tmp_path / "store"))
    write_study(raw, "p00", planes=7)
    build(raw, tmp_path / "store")
    after = digests(tmp_path / "store")
    assert before.items() <= after.items()
    store = Store.open(tmp_path / "store")
    assert len(store) == 5 * 41 + 8
    assert sides.items() <= sides_of(store).items()


def test_a_study_that_went_after_it_was_stored_is_no_problem(raw: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "store")
    (raw / "images" / "p1.nii.gz").unlink()
    (raw / "labels" / "p1.nii.gz").unlink()
    build(raw, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    assert store.problems.num_rows == 0
    assert len(store) == 5 * 41


def test_a_study_that_went_before_it_was_read_is_named(raw: Path, tmp_path: Path) -> None:
    sources, settings = [Source(raw, recipe(raw))], BuildSettings(name="test")
    digest = digest_of(sources, asdict(settings))
    plan = make_plan(survey(sources))
    save_plan(tmp_path / "store" / WORK / "plan.json", plan, digest)
    save_piece(piece_path(tmp_path / "store", plan.parts[0], 0), Piece([], []))
    (raw / "images" / "p1.nii.gz").unlink()
    (raw / "labels" / "p1.nii.gz").unlink()
    build(raw, tmp_path / "store")
    [problem] = Store.open(tmp_path / "store").problems.to_pylist()
    assert problem["study"] == "torso/p1"
    assert not [path for path in (tmp_path / "store" / WORK).iterdir() if path.is_dir()]


def test_no_patient_is_on_two_sides(raw: Path, tmp_path: Path) -> None:
    for number in range(20, 50):
        write_study(raw, f"p{number}", planes=2)
        write_study(raw, f"p{number}_followup", planes=2)
    build(raw, tmp_path / "store")
    cases = Store.open(tmp_path / "store").cases
    sides: dict[str, set[str]] = {}
    for patient, side in zip(cases["patient"].to_pylist(), cases["split"].to_pylist(), strict=True):
        sides.setdefault(patient, set()).add(side)
    assert {len(side) for side in sides.values()} == {1}
    assert {"train", "test"} == set.union(*sides.values())


def test_what_no_build_made_is_left_alone(raw: Path, tmp_path: Path) -> None:
    thesis = tmp_path / "occupied" / "thesis.docx"
    thesis.parent.mkdir()
    thesis.write_text("dear")
    with pytest.raises(Unavailable, match="holds other files and no build"):
        build(raw, thesis.parent)
    assert [path.name for path in thesis.parent.iterdir()] == ["thesis.docx"]
    with pytest.raises(Unavailable, match="nothing can be written here"):
        build(raw, thesis)


def test_an_empty_folder_will_do(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    build(raw, tmp_path / "store")
    assert (tmp_path / "store" / "report.html").exists()


@pytest.mark.parametrize(
    ("workers", "checkpoint", "error"),
    [
        (Workers(0, device="tpu"), "", UnknownName),
        (Workers(0), "nowhere.pth", MissingWeights),
        (Workers(scheduler="banana"), "", Unavailable),
    ],
)
def test_what_no_worker_could_do_is_refused_before_anything_is_written(
    raw: Path, tmp_path: Path, workers: Workers, checkpoint: str, error: type[ImedbenchError]
) -> None:
    settings = BuildSettings("store", settings_for("lite-medsam", checkpoint))
    with pytest.raises(error):
        build_store([Source(raw, recipe(raw))], tmp_path / "store", settings, workers=workers)
    assert not (tmp_path / "store").exists()


def test_a_scheduler_that_is_not_there(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError

    sources, settings = [Source(raw, recipe(raw))], BuildSettings("another")
    with monkeypatch.context() as patch, pytest.raises(Unavailable, match="no dask scheduler answers there"):
        patch.setattr("distributed.Client", refuse)
        build_store(sources, tmp_path / "store", settings, workers=Workers(scheduler="tcp://127.0.0.1:1"))
    # Nothing is done yet, so the next try may have other settings.
    build(raw, tmp_path / "store")
    assert len(Store.open(tmp_path / "store"))


def test_another_setting_is_refused(raw: Path, tmp_path: Path) -> None:
    build(raw, tmp_path / "store")
    with pytest.raises(BadStore, match="begun with other recipes or settings"):
        build_store([Source(raw, recipe(raw))], tmp_path / "store", BuildSettings(name="other"))


def test_a_second_build_of_the_same_store_is_refused(raw: Path, tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "store" / WORK).mkdir(parents=True)
    with (tmp_path / "store" / WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="another build is writing"):
            build(raw, tmp_path / "store")


@pytest.mark.slow
def test_a_build_killed_again_and_again_ends_in_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    for number in range(10, 40):
        write_study(raw, f"p{number}", planes=64)
    build(raw, tmp_path / "quiet")
    out = tmp_path / "killed"
    kills = 0
    for pause in (6.0, 8.0, 9.0):
        process = subprocess.Popen(command(raw, out), start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(pause)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills
    finished = subprocess.run(command(raw, out), capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert digests(out) == digests(tmp_path / "quiet")


@pytest.mark.slow
def test_a_killed_worker_is_replaced(raw: Path, tmp_path: Path) -> None:
    import psutil

    for number in range(10, 40):
        write_study(raw, f"p{number}", planes=64)
    build(raw, tmp_path / "quiet")
    out = tmp_path / "killed"
    process = subprocess.Popen(command(raw, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed = 0
    while process.poll() is None and not killed:
        time.sleep(0.2)
        if not any((out / WORK).glob("0*/*.npz")):
            continue
        workers = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        for worker in workers[:1]:
            worker.kill()
            killed += 1
    assert killed
    assert process.wait(timeout=120) == 0
    assert digests(out) == digests(tmp_path / "quiet")


def test_test_images_beyond_the_limit_are_set_aside(raw: Path, tmp_path: Path) -> None:
    few = recipe(raw).model_copy(update={"split": SplitRule(test_fraction=1.0, max_test=30)})
    build_store([Source(raw, few)], tmp_path / "store", BuildSettings(name="test"), workers=Workers(0))
    cases = Store.open(tmp_path / "store").cases.to_pylist()
    sides = [case["split"] for case in cases if case["ndim"] == 2]
    assert (sides.count("test"), sides.count("reserve")) == (30, 170)
    assert {case["split"] for case in cases if case["ndim"] == 3} == {"test"}
