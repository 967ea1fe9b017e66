"""Where work is done: in this process, in processes on this machine, or wherever a dask scheduler says."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import Unavailable

if TYPE_CHECKING:
    from distributed import Client

WORKER_ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": 2**32, "MALLOC_MMAP_MAX_": 0}
"""Memory stays with the workers between batches. Dask's own choice hands it back to the system at once, and a network
then spends two fifths of its time on page faults (measured with lite-medsam: 14.8 s an image instead of 8.5)."""
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
"""What workers on this machine start with: Ctrl-C reaches all processes of a terminal, and this one ends the others."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Where tasks run."""

    count: int = 1
    """Processes on this machine, a thread each; 0 works in this one."""
    scheduler: str = ""
    """Address of a running dask scheduler; empty for a cluster of ``count`` processes on this machine."""
    device: str = "auto"


def one_thread() -> None:
    """Lets networks compute on one thread of this process.

    The last bits of a network's sums depend on the number of threads, and a voxel here and there on them. With one
    thread a worker, and as many workers as cores, results are the same on any number of workers.
    """
    import torch

    torch.set_num_threads(1)


def own_device(device: str) -> str:
    """What ``auto`` and ``cuda`` mean to this worker: the GPUs of a machine are shared out among its workers."""
    if device not in {"auto", "cuda"}:
        return device
    import torch
    from distributed import get_worker

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus < 2:
        return device
    try:
        number = int(get_worker().name)
    except ValueError:
        # No worker at all, or one of somebody's own cluster, which has a name instead of a number.
        return device
    return f"cuda:{number % gpus}"


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def alone(out: Path, work: str, what: str) -> Iterator[None]:
    """Makes the folder of a run and keeps a second one away from it; a killed run holds nothing back.

    Args:
        out: what is written.
        work: name of the folder in it that tells this kind of run from others.
        what: the kind of run, in a word: ``build``.

    Raises:
        Unavailable: ``out`` holds other files, cannot be written, or is being written by another process.
    """
    import fcntl

    _make_place(out, work, what)
    with (out / work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            message = f"{out}: another {what} is writing here; wait for it, or choose another --out."
            raise Unavailable(message) from busy
        yield


def _make_place(out: Path, work: str, what: str) -> None:
    """Makes the folder; refuses one with anything in it that no such run has begun."""
    try:
        if out.is_dir() and not (out / work).is_dir() and any(out.iterdir()):
            message = f"{out}: this folder holds other files and no {what}; choose another --out, or empty it."
            raise Unavailable(message)
        (out / work).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        message = f"{out}: nothing can be written here ({problem.strerror}); choose another --out."
        raise Unavailable(message) from problem


@contextlib.contextmanager
def connect(workers: Workers, folder: Path) -> Iterator["Client"]:
    """A client of the scheduler that was named, or of a cluster made for this run in ``folder``."""
    import dask
    from distributed import Client, LocalCluster

    if workers.scheduler:
        try:
            client = Client(workers.scheduler, set_as_default=False)
        except OSError as problem:
            message = f"{workers.scheduler}: no dask scheduler answers there; start one with `dask scheduler`."
            raise Unavailable(message) from problem
        with client:
            yield client
        return
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}),
        LocalCluster(
            n_workers=max(1, workers.count),
            threads_per_worker=1,
            processes=workers.count > 0,
            dashboard_address="127.0.0.1:0",
            local_directory=str(folder),
            silence_logs=logging.CRITICAL,
            preload=[DEAF] if workers.count > 0 else [],
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
