"""Runs of make-believe models: two that differ, one of robustness, one on volumes."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imedbench.evaluate.report.numbers import Numbers
from imedbench.evaluate.report.runs import gather
from imedbench.evaluate.results import Results

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[3] / "fakes" / "results.py"))
Make = Callable[..., Results]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Twelve pictures of six patients."""
    return FAKE["make_store"](tmp_path_factory.mktemp("pictures") / "store")


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory, pictures: Any) -> Make:
    """Called with what a model is like, and a protocol if not that of turns, makes its results."""

    def run(*, store: Any = None, protocol: Any = None, **answers: Any) -> Results:
        folder = tmp_path_factory.mktemp("run") / "results"
        chosen = protocol or FAKE["turns_protocol"]()
        return Results.open(FAKE["write_results"](folder, store or pictures, chosen, FAKE["Answers"](**answers)))

    return run


@pytest.fixture(scope="session")
def alpha(make: Make) -> Results:
    """Two arms of five turns on pictures; three sessions failed."""
    return make(failing=3)


@pytest.fixture(scope="session")
def beta(make: Make) -> Results:
    """The same, by a worse model."""
    return make(model="beta", error=0.5, seed=1)


@pytest.fixture(scope="session")
def levels(make: Make) -> Results:
    """Points displaced and boxes scaled."""
    return make(protocol=FAKE["levels_protocol"]())


@pytest.fixture(scope="session")
def volume(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """On volumes."""
    store = FAKE["make_store"](tmp_path_factory.mktemp("volumes") / "store", patients=2, volumes=True)
    return make(store=store, model="gamma", error=0.3)


@pytest.fixture(scope="session")
def one(alpha: Results) -> tuple[Numbers, ...]:
    """The numbers of one run."""
    return tuple(Numbers(run) for run in gather([alpha]).runs)


@pytest.fixture(scope="session")
def two(alpha: Results, beta: Results) -> tuple[Numbers, ...]:
    """The numbers of two."""
    return tuple(Numbers(run) for run in gather([alpha, beta]).runs)


@pytest.fixture(scope="session")
def robust(levels: Results) -> tuple[Numbers, ...]:
    """The numbers of the run of levels."""
    return tuple(Numbers(run) for run in gather([levels]).runs)


@pytest.fixture(scope="session")
def solid(volume: Results) -> tuple[Numbers, ...]:
    """The numbers of the run on volumes."""
    return tuple(Numbers(run) for run in gather([volume]).runs)
