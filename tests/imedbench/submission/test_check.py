from pathlib import Path

import pytest

from imedbench.errors import BadStore, BadSubmission
from imedbench.evaluate.results import Results
from imedbench.store import Store
from imedbench.submission.about import About
from imedbench.submission.bundle import pack
from imedbench.submission.check import check_file
from imedbench.submission.verify import Progress


@pytest.fixture
def packed(results: Results, tmp_path: Path) -> Path:
    return pack(results, tmp_path / "it.zip", About(name="it"), "# Card\n")


def test_an_honest_run_holds(packed: Path, store: Store, tmp_path: Path) -> None:
    told: list[Progress] = []
    verdict = check_file(packed, store.path, progress=told.append)
    assert (verdict.outcome, verdict.sessions) == ("verified", 12)
    assert [(each.done, each.total, each.discrepancies) for each in told] == [(1, 3, 0), (2, 3, 0), (3, 3, 0)]


def test_a_forged_run_does_not(forger: object, store: Store, tmp_path: Path) -> None:
    run = forger.run(scores=lambda rows: rows[0].update(value=0.99))  # type: ignore[attr-defined]
    verdict = check_file(pack(run, tmp_path / "it.zip", About(name="it"), "# Card\n"), store.path)
    assert verdict.outcome == "rejected"
    assert [check.name for check in verdict.failed] == ["scores"]


def test_nothing_stays_unpacked(packed: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    check_file(packed, store.path)
    (tmp_path / "bad.zip").write_bytes(packed.read_bytes()[:-50])
    with pytest.raises(BadSubmission):
        check_file(tmp_path / "bad.zip", store.path)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_without_the_data(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadStore):
        check_file(packed, tmp_path)
