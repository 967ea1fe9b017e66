"""What the evaluation itself costs beside a model: reading, prompting, scoring and writing, on lite-medsam."""

import cProfile
import pstats
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from imedbench.evaluate.data import Subset, subjects
from imedbench.evaluate.protocol import Protocol, load_protocol
from imedbench.evaluate.tasks import Job, Task, chunks_of, load_model, piece_path, run_task
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

CASES = 6
MOST = 0.05
"""Of the model's own time."""
SIDE = 512


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Pictures the size of a CT slice with six discs each."""
    path = tmp_path_factory.mktemp("harness") / "store"
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    create_store(path, StoreInfo("discs", {}, {}, {}))
    with PartWriter(path, 0) as writer:
        for number in range(CASES):
            places = rng.uniform(80, SIDE - 80, (6, 2))
            discs = [np.hypot(rows - y, columns - x) < rng.uniform(15, 70) for y, x in places]
            voxels = np.clip(rng.normal(90, 12, (SIDE, SIDE)) + sum(60 * disc for disc in discs), 0, 255)
            masks = Masks.from_dense(discs, [MaskInfo("liver", instance=place) for place in range(1, 7)])
            image = Image(voxels.astype(np.uint8), (0.8, 0.8), np.eye(4), "ct")
            name = f"p{number}"
            writer.add(Record(Case(name, image, masks, "test", "discs", name, name)))
    finish_store(path, [])
    return Store.open(path)


def job(store: Store, out: Path, protocol: Protocol) -> Job:
    arms = tuple(arm for arm in protocol.arms if arm.kinds == {"box"})
    return Job(store.path, out, "lite-medsam", "", "cpu", protocol, arms, "box", 32)


def test_the_harness_costs_little_beside_the_model(
    store: Store, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    protocol = load_protocol("single")
    asked = job(store, tmp_path, protocol)
    load_model("lite-medsam", "", "cpu", None).start(store[store.ids[0]].image)
    tasks = [
        Task(subject.case, tuple(enumerate(chunks_of(subject, protocol, 32))))
        for subject in subjects(store, Subset(), 2)
    ]
    profile = cProfile.Profile()
    whole, model = 0.0, 0.0
    for task in tasks:
        start = time.perf_counter()
        run_task(asked, task)
        whole += time.perf_counter() - start
        for number, _ in task.chunks:
            turns = pq.read_table(piece_path(tmp_path, task.case, number, "turns"))
            model += pc.sum(turns["seconds"]).as_py() + pc.sum(turns["encode_seconds"]).as_py()
    profile.enable()
    run_task(job(store, tmp_path / "profiled", protocol), tasks[0])
    profile.disable()
    told = StringIO()
    pstats.Stats(profile, stream=told).sort_stats("cumulative").print_stats("imedbench", 25)
    record_property("harness_percent", 100 * (whole / model - 1))
    # Shown by `pytest -s` and in the XML report: where a case's time goes.
    sys.stdout.write(told.getvalue())
    assert whole <= (1 + MOST) * model
