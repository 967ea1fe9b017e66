"""A finished run, and versions of it that somebody has changed before they submit them."""

import json
import runpy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imedbench.evaluate.data import Subset
from imedbench.evaluate.plan import RunSettings
from imedbench.evaluate.results import Results
from imedbench.evaluate.run import evaluate
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import Bundle, pack, unpack
from imedbench.submission.verdict import Verdict
from imedbench.submission.verify import verify
from imedbench.workers import Workers

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "results.py"))
Row = dict[str, Any]
Rows = list[Row]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six pictures of three patients, four targets each."""
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("submission") / "store", patients=3)
    return made


@pytest.fixture(scope="session")
def results(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Of a classical model that errs, whose user errs too: nine clicks."""
    asked = RunSettings("threshold", "clicks-9", "noisy", subset=Subset(split="all", limit=3))
    return evaluate(store.path, tmp_path_factory.mktemp("submission") / "run", asked, workers=Workers(0)).results


@dataclass(frozen=True)
class Forger:
    """Changes a run and submits it."""

    results: Results
    store: Store
    folder: Path

    def run(
        self,
        turns: Callable[[Rows], Any] = lambda _: None,
        scores: Callable[[Rows], Any] = lambda _: None,
        record: Callable[[Row], Any] = lambda _: None,
    ) -> Results:
        """A copy of the run with tables and record changed in place by these functions."""
        copy = self.folder / "run"
        shutil.copytree(self.results.path, copy)
        told = json.loads((copy / "run.json").read_text())
        record(told)
        (copy / "run.json").write_text(json.dumps(told))
        for name, change in (("turns", turns), ("scores", scores)):
            table = pq.read_table(copy / f"{name}.parquet")
            rows = table.to_pylist()
            change(rows)
            columns = table.schema.with_metadata({b"imedbench": told["id"].encode()})
            pq.write_table(pa.Table.from_pylist(rows, columns), copy / f"{name}.parquet")
        return Results.open(copy)

    def bundle(self, **changes: Any) -> Bundle:
        """A changed run, packed and unpacked."""
        path = pack(self.run(**changes), self.folder / "it.imedbench.zip", About(name="forged"), "# Card\n")
        return unpack(path, self.folder / "unpacked")

    def verdict(self, asked: Any = None, **changes: Any) -> Verdict:
        """What the check says of a changed run."""
        return verify(self.bundle(**changes), self.store, asked)


@pytest.fixture
def forger(results: Results, store: Store, tmp_path: Path) -> Forger:
    return Forger(results, store, tmp_path)
