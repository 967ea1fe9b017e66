from pathlib import Path

import pytest

from imedbench.curate.files import link, write


def test_writing_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, b"one")
    write(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_costs_nothing_on_one_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"voxels")
    (tmp_path / "b").write_bytes(b"earlier")
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").samefile(tmp_path / "b")


def test_a_link_to_another_disk_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("os.link", refuse)
    (tmp_path / "a").write_bytes(b"voxels")
    link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"voxels"
    assert not (tmp_path / "a").samefile(tmp_path / "b")
