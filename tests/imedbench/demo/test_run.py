from pathlib import Path
from typing import Any

import pytest

from imedbench.build.pipeline import Progress
from imedbench.catalog import DEFAULT_MODEL
from imedbench.demo import run
from imedbench.recipe import load_recipe
from imedbench.workers import Workers


def test_the_demo_builds_what_was_laid_out_with_a_model_that_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(Path(run.__file__).with_name("chest_xray.yaml"))
    built: dict[str, Any] = {}

    def lay_out(folder: Path, *, small: bool, progress: Any) -> list[Any]:
        progress("chest_xray", 0, 1)
        built["small"] = small
        return [(folder / "chest_xray", recipe)]

    def build(sources: Any, out: Path, settings: Any, **how: Any) -> str:
        built.update(sources=sources, out=out, settings=settings, **how)
        return "summary"

    monkeypatch.setattr(run, "write_raw", lay_out)
    monkeypatch.setattr(run, "build_store", build)
    told: list[Progress] = []
    assert run.run_demo(tmp_path, small=True, workers=Workers(2), progress=told.append) == "summary"
    assert [(step.stage, step.done, step.total) for step in told] == [("raw", 0, 1)]
    assert built["small"] is True
    assert built["out"] == tmp_path / "store"
    assert [(source.folder, source.recipe) for source in built["sources"]] == [
        (tmp_path / "raw" / "chest_xray", recipe)
    ]
    assert built["settings"].proposals.model == DEFAULT_MODEL
    assert built["workers"] == Workers(2)
