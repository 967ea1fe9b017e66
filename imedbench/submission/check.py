"""Checks a bundle that lies on this machine, just as a leaderboard does."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from imedbench.store import Store
from imedbench.submission.bundle import unpack
from imedbench.submission.verdict import Verdict
from imedbench.submission.verify import Progress, verify


def check_file(
    path: Path, data: Path, *, workers: int = 1, progress: Callable[[Progress], None] = lambda _: None
) -> Verdict:
    """Opens a bundle and asks all its sessions again.

    Args:
        path: of the bundle.
        data: the store that it was evaluated on.
        workers: processes.
        progress: told after every case.

    Raises:
        BadSubmission: it is no bundle.
        BadStore: there is no store, or it is unfinished.
    """
    store = Store.open(data)
    with tempfile.TemporaryDirectory(prefix="imedbench-check-") as folder:
        return verify(unpack(path, Path(folder)), store, workers=workers, progress=progress)
