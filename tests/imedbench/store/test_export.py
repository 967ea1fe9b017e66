from pathlib import Path

import pytest

from imedbench.errors import BadInput, UnknownName
from imedbench.store import Store
from imedbench.store.export import FORMATS, export_store


@pytest.mark.parametrize("layout", FORMATS)
def test_the_folder_appears_whole_and_progress_is_told(sample_store: Store, layout: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    summary = export_store(
        sample_store, layout, tmp_path / "new" / "out", lambda done, total: told.append((done, total))
    )
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    assert told == [(done, summary.cases) for done in range(1, summary.cases + 1)]
    assert not list((tmp_path / "new" / "out").rglob(".*"))


def test_a_folder_with_something_in_it_is_refused(sample_store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(BadInput, match="not empty"):
        export_store(sample_store, "coco", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_used(sample_store: Store, tmp_path: Path) -> None:
    export_store(sample_store, "coco", tmp_path)
    assert (tmp_path / "images").is_dir()


def test_an_unknown_format_lists_those_that_are(sample_store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="coco, imed361m, nnunet, webdataset"):
        export_store(sample_store, "voc", tmp_path / "out")


@pytest.mark.parametrize("layout", FORMATS)
def test_a_failure_leaves_nothing_behind(sample_store: Store, layout: str, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_store(sample_store, layout, tmp_path / "out", stop)
    assert not list(tmp_path.iterdir())
