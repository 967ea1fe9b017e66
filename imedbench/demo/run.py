"""The demo: raw files that need no network, a store built from them, a report about it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from imedbench.build.pipeline import BuildSummary, Progress, build_store
from imedbench.build.plan import Source
from imedbench.build.proposals import settings_for
from imedbench.build.tasks import BuildSettings
from imedbench.catalog import DEFAULT_MODEL
from imedbench.demo.raw import write_raw
from imedbench.workers import Workers

POINTS = 16
"""A side of the grid that is asked: fewer than in a build in earnest, to end within minutes on two cores."""


def run_demo(
    out: Path, *, small: bool = False, workers: Workers | None = None, progress: Callable[[Progress], None]
) -> BuildSummary:
    """Writes ``out/raw`` and builds ``out/store`` from it; what is there already is kept.

    Raises:
        ImedbenchError: the packages that hold the brain images are not installed.
    """
    laid_out = write_raw(
        out / "raw", small=small, progress=lambda _, done, total: progress(Progress("raw", done, total, 0))
    )
    sources = [Source(folder, recipe) for folder, recipe in laid_out]
    proposals = replace(settings_for(DEFAULT_MODEL, crop_layers=0), points_per_side=POINTS)
    settings = BuildSettings(name="demo", proposals=proposals)
    return build_store(sources, out / "store", settings, workers=workers, progress=progress)
