import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from imedbench.errors import Unavailable
from imedbench.workers import Workers, alone, connect, cores, one_thread, own_device


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


def test_an_interrupt_is_this_processs_business(tmp_path: Path) -> None:
    # A shell's background job begins deaf, and so would its workers, whatever they are told.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with connect(Workers(1), tmp_path) as client:
            assert client.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_worker_computes_on_one_thread() -> None:
    threads = torch.get_num_threads()
    try:
        one_thread()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    assert cores() >= 1


def test_gpus_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for name, gpus, device in ((5, 4, "cuda:1"), ("0", 4, "cuda:0"), (5, 1, "auto"), ("tcp://a:1", 4, "auto")):
        monkeypatch.setattr("torch.cuda.device_count", lambda gpus=gpus: gpus)
        monkeypatch.setattr("distributed.get_worker", lambda name=name: SimpleNamespace(name=name))
        assert own_device("auto") == device
    assert own_device("cpu") == "cpu"
    assert own_device("cuda:3") == "cuda:3"


def test_without_a_worker_the_device_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert own_device("cuda") == "cuda"
