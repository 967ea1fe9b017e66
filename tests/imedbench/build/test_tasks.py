import json
from collections.abc import Callable
from pathlib import Path

import pytest

from imedbench.build.plan import Found, Part, Source, make_plan, survey
from imedbench.build.staging import load_piece
from imedbench.build.tasks import BuildSettings, Task, assemble, notes_path, piece_path, run_task
from imedbench.errors import MissingWeights
from imedbench.store import StoreInfo, create_store, finished_parts
from imedbench.store.format import part_path


@pytest.fixture
def source(make_source: Callable[..., Source]) -> Source:
    return make_source("ab", (20, 20, 6))


def begin(source: Source, out: Path) -> tuple[Part, list[Task]]:
    create_store(out, StoreInfo("test", {}, {}, {}))
    plan = make_plan(survey([source]))
    [part] = plan.parts
    return part, [
        Task(
            piece_path(out, part, number),
            tuple((plan.studies[bite.source, bite.study], bite) for bite in bites),
            (source,),
            BuildSettings(),
            device="cpu",
        )
        for number, bites in enumerate(part.tasks)
    ]


def test_tasks_leave_pieces_that_make_a_part(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "store"
    part, tasks = begin(source, out)
    assert [run_task(task) for task in tasks] == [0] * len(tasks)
    assert all(task.target.exists() for task in tasks)
    assemble(out, part)
    assert finished_parts(out) == {0}
    assert not tasks[0].target.parent.exists()
    assert json.loads(notes_path(out, part).read_text())["problems"] == []


def test_a_part_that_is_there_is_not_made_again(source: Source, tmp_path: Path) -> None:
    """As when a worker dies between its part's appearance and its answer."""
    out = tmp_path / "store"
    part, tasks = begin(source, out)
    for task in tasks:
        run_task(task)
    assemble(out, part)
    before = part_path(out, 0).stat().st_ino
    tasks[0].target.parent.mkdir()
    assemble(out, part)
    assert part_path(out, 0).stat().st_ino == before
    assert not tasks[0].target.parent.exists()


def test_a_task_that_is_done_is_not_done_again(source: Source, tmp_path: Path) -> None:
    _, [task, *_] = begin(source, tmp_path / "store")
    task.target.parent.mkdir(parents=True)
    task.target.write_bytes(b"as it was")
    assert run_task(task) == 0
    assert task.target.read_bytes() == b"as it was"


def test_a_study_that_breaks_half_way_is_left_out_whole(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "store"
    part, tasks = begin(source, out)
    assert len(tasks) == 2
    run_task(tasks[0])
    (source.folder / "b.nii.gz").write_bytes(b"gone bad")
    assert run_task(tasks[1]) == 1
    [problem] = load_piece(tasks[1].target).problems
    assert problem["study"] == "set/b"
    assert "b.nii.gz" in problem["error"]
    assemble(out, part)
    assert json.loads(notes_path(out, part).read_text())["problems"] == [problem]
    from imedbench.store import part_cases

    assert {case["study"] for case in part_cases(out, 0, ["study"])} == {"set/a"}


def test_an_error_nobody_thought_of_is_the_study_s_problem(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(_: Found) -> None:
        raise ZeroDivisionError("division by zero")

    _, [task, *_] = begin(source, tmp_path / "store")
    monkeypatch.setattr("imedbench.build.tasks.peek_study", surprise)
    assert run_task(task) == len({found.study.id for found, _ in task.bites})
    assert "ZeroDivisionError: division by zero" in load_piece(task.target).problems[0]["error"]


def test_what_is_not_the_study_s_fault_ends_the_build(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_weights(_: Found) -> None:
        raise MissingWeights("the weights are not here")

    _, [task, *_] = begin(source, tmp_path / "store")
    monkeypatch.setattr("imedbench.build.tasks.peek_study", no_weights)
    with pytest.raises(MissingWeights):
        run_task(task)
    assert not task.target.exists()
