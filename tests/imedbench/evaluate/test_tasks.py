import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from imedbench.evaluate.data import Subject
from imedbench.evaluate.protocol import Protocol, load_protocol
from imedbench.evaluate.tasks import Job, Task, chunks_of, give_up, load_model, piece_path, run_task
from imedbench.models.slicewise import Slicewise
from imedbench.store import Store
from imedbench.types import Prediction, Turn


def protocol(**fields: Any) -> Protocol:
    written = {
        "id": "test",
        "summary": "",
        "source": "",
        "arms": [{"name": name, "first": [{"simulate": name}]} for name in ("click", "box")],
        "metrics": [{"metric": "dice"}],
    }
    return Protocol.model_validate(written | fields)


@pytest.fixture
def job(pictures: Store, tmp_path: Path) -> Job:
    asked = protocol()
    return Job(pictures.path, tmp_path, "puppet", "", "cpu", asked, asked.arms, "box", 8)


def test_chunks_are_as_small_as_the_batch_allows() -> None:
    subject = Subject("case", 1000, tuple(range(10)))
    assert [len(chunk) for chunk in chunks_of(subject, protocol(), 8)] == [4, 4, 2]
    assert [len(chunk) for chunk in chunks_of(subject, protocol(), 1)] == [1] * 10
    # A session keeps a guess a turn: of 16 million voxels 6 sessions of 20 turns are 3 GB, or 21 of one.
    assert len(chunks_of(Subject("case", 2**24, tuple(range(10))), load_protocol("noc"), 32)[0]) == 6
    click = {"simulate": "click"}
    short = protocol(arms=[{"name": "click", "first": [click]}])
    assert len(chunks_of(Subject("case", 2**24, tuple(range(30))), short, 32)[0]) == 21
    # Large volumes go one by one, whatever the batch.
    assert [len(chunk) for chunk in chunks_of(Subject("case", 512**3, (0, 1)), protocol(), 8)] == [1, 1]


def test_a_gate_over_a_case_keeps_the_case_together() -> None:
    subject = Subject("case", 1000, tuple(range(10)))
    assert chunks_of(subject, load_protocol("cvpr2025"), 1) == [subject.masks]


def test_a_chunk_leaves_its_rows(job: Job, enlist: Any) -> None:
    puppet = enlist()
    done = run_task(job, Task("s1", ((0, (0, 1, 2)), (1, (3,)))))
    assert (done.targets, done.failed, done.notes) == (4, 0, ())
    assert [len(asked) for asked in puppet.asked] == [6, 2]
    rows = pq.read_table(piece_path(job.out, "s1", 0, "scores")).to_pylist()
    assert [(row["target"], row["prompts"]) for row in rows][:3] == [
        ("liver", "click"),
        ("liver", "box"),
        ("spleen", "click"),
    ]
    assert rows[0]["group"] == "abdomen"
    turns = pq.read_table(piece_path(job.out, "s1", 1, "turns")).to_pylist()
    assert sum(turn["encode_seconds"] for turn in turns) > 0


def test_a_task_that_kills_its_workers_is_given_up(job: Job, enlist: Any) -> None:
    puppet = enlist()
    done = give_up(job, Task("s1", ((0, (0, 1)),)), "the worker process died")
    assert (done.targets, done.failed) == (2, 4)
    assert puppet.asked == []
    turns = pq.read_table(piece_path(job.out, "s1", 0, "turns")).to_pylist()
    assert {turn["error"] for turn in turns} == {"the worker process died"}
    assert all(row["failed"] for row in pq.read_table(piece_path(job.out, "s1", 0, "scores")).to_pylist())


def test_what_was_answered_before_the_worker_died_stays(job: Job, enlist: Any) -> None:
    puppet = enlist()
    run_task(job, Task("s1", ((0, (0, 1)),)))
    both = Task("s1", ((0, (0, 1)), (1, (2, 3))))
    assert give_up(job, both, "the worker process died").failed == 4
    turns = pq.read_table(piece_path(job.out, "s1", 0, "turns")).to_pylist()
    assert {turn["error"] for turn in turns} == {""}
    assert len(puppet.asked) == 1
    assert run_task(job, both).targets == 4
    assert len(puppet.asked) == 1


def test_a_batch_lets_go_of_its_masks(job: Job, enlist: Any) -> None:
    held: list[int] = []

    def answer(grid: Any, prompts: Any, previous: Any) -> Prediction:
        held.append(sum(type(each) is Turn for each in gc.get_objects()))
        return Prediction(np.ones(grid, np.float32), 0.5)

    enlist(answer)
    run_task(replace(job, batch=2), Task("s1", ((0, (0, 1, 2, 3)),)))
    # Of 8 sessions in batches of 2: no turn of a batch before is left.
    assert held == [held[0]] * 8


def test_a_flat_model_goes_through_volumes_slice_by_slice(enlist: Any) -> None:
    enlist(dimensions=(2,))
    assert isinstance(load_model("puppet", "", "cpu", "slices"), Slicewise)
    assert not isinstance(load_model("puppet", "", "cpu", None), Slicewise)
    enlist(dimensions=(2, 3))
    assert not isinstance(load_model("puppet", "", "cpu", "slices"), Slicewise)
