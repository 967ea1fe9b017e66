from collections.abc import Callable
from pathlib import Path

from imedbench.build.estimate import estimate
from imedbench.build.pipeline import Workers, build_store
from imedbench.build.plan import Source
from imedbench.build.tasks import BuildSettings


def test_an_estimate_counts_and_measures_and_writes_nothing(make_source: Callable[..., Source], tmp_path: Path) -> None:
    source = make_source("abcd", (64, 64, 60))
    (source.folder / "e.nii.gz").write_bytes(b"\x1f\x8b")
    out = tmp_path / "store"
    found = estimate([source], out, BuildSettings(name="store"), workers=2)
    assert not out.exists()
    [row] = found.sources
    assert (row.recipe, row.studies, row.images, row.nbytes) == ("set", 4, 240, 4 * 64 * 64 * 60 * 2)
    assert [problem["study"] for problem in found.problems] == ["set/e"]
    assert found.seconds > 0
    assert found.finished == 0
    build_store([source], out, BuildSettings(name="store"), workers=Workers(0))
    stored = sum(path.stat().st_size for path in (out / "parts").rglob("*") if path.is_file())
    # Two thirds are the volumes', whose planes are sampled from the middle.
    assert 0.9 < found.store_bytes / stored < 1.1, found.store_bytes / stored
    again = estimate([source], out, BuildSettings(name="store"), workers=2)
    assert again.finished == 240
    assert again.seconds == 0
