from pathlib import Path
from typing import Any

import pytest

from imedbench.curate.classes import TISSUES
from imedbench.curate.decisions import Decision, write_decisions
from imedbench.curate.statistics import CuratedStatistics, summarise, write_statistics
from imedbench.curate.task import CurateSettings
from imedbench.curate.totalseg import curate
from imedbench.errors import BadInput
from imedbench.workers import Workers


@pytest.fixture
def out(source: Path, tmp_path: Path, write: Any, trunk: Any) -> Path:
    (source / "s0002").mkdir()
    (source / "s0002" / "ct.nii.gz").write_bytes(b"nothing")
    labels = trunk.labels.copy()
    labels[0:5] = 0
    write(source / "s0001" / "labels.nii.gz", labels)
    curate(source, tmp_path / "out", CurateSettings(), workers=Workers(0))
    return tmp_path / "out"


def test_shares_structures_and_splits(out: Path) -> None:
    told = summarise(out)
    assert (told.subjects, len(told.quarantined), told.rejected) == (2, 1, ())
    assert told.splits == (("test", 1), ("train", 1))
    assert told.mean("before") == pytest.approx(sum(told.before) / 2)
    assert 0.05 < told.mean("before") < 0.1 < 0.85 < told.mean("after")
    assert [row.name for row in told.structures[:3]] == list(TISSUES)
    liver = next(row for row in told.structures if row.name == "liver")
    # Of its two volumes neither is whole: one has twenty slices, the other fifteen.
    assert (liver.subjects, liver.whole, liver.mean_hu) == (2, 0, 60)
    assert liver.least_ml == pytest.approx(0.75 * liver.most_ml)
    assert liver.ml == pytest.approx((liver.least_ml + liver.most_ml) / 2)


def test_what_was_rejected(source: Path, out: Path) -> None:
    write_decisions(out, {"s0000": Decision("reject", "moved")})
    curate(source, out, CurateSettings(), workers=Workers(0))
    told = summarise(out)
    assert (told.subjects, told.rejected, told.splits) == (1, (("s0000", "moved"),), (("test", 1),))


def test_a_page_with_pictures(out: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    write_statistics(out, tmp_path / "page.html", advance=lambda done, total: steps.append((done, total)))
    text = (tmp_path / "page.html").read_text()
    assert text.count("data:image/webp;base64,") == 2
    assert steps == [(1, 2), (2, 2)]
    assert "skeletal muscle" in text
    assert "s0002" in text
    assert f"{100 * summarise(out).mean('after'):.1f} %" in text


def test_nothing_came_out(source: Path, tmp_path: Path) -> None:
    for name in ("s0000", "s0001"):
        (source / name / "ct.nii.gz").write_bytes(b"nothing")
    out = tmp_path / "out"
    curate(source, out, CurateSettings(), workers=Workers(0))
    told = summarise(out)
    assert isinstance(told, CuratedStatistics)
    assert (told.subjects, told.structures, told.before) == (0, (), ())
    write_statistics(out, tmp_path / "page.html")
    assert "In quarantine: 2" in (tmp_path / "page.html").read_text()


def test_what_is_no_curated_data(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        summarise(tmp_path)
