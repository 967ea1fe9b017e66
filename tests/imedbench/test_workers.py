from pathlib import Path

import pytest
import torch

from imedbench.errors import Unavailable
from imedbench.workers import Workers, alone, connect, cores, one_thread


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        alone(out, ".build", "build"),
        pytest.raises(Unavailable, match="another build is writing here; wait for it"),
        alone(out, ".build", "build"),
    ):
        pass
    with alone(out, ".build", "build"):
        assert (out / ".build").is_dir()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with (
        pytest.raises(Unavailable, match="holds other files and no evaluation"),
        alone(tmp_path, ".eval", "evaluation"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_work_in_this_process(tmp_path: Path) -> None:
    with connect(Workers(0), tmp_path) as client:
        assert client.submit(sum, [1, 2]).result() == 3


def test_a_worker_computes_on_one_thread() -> None:
    threads = torch.get_num_threads()
    try:
        one_thread()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    assert cores() >= 1
