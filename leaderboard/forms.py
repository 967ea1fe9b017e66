"""A bundle from the form of a page: the same steps as an upload, all at once."""

import hashlib
import tempfile
from pathlib import Path
from typing import BinaryIO

from imedbench.submission.bundle import COPIED
from leaderboard import uploads
from leaderboard.board import Board
from leaderboard.tasks import find_task
from leaderboard.teams import Refused, team_of_key


def receive(board: Board, task_id: str, key: str, file: BinaryIO) -> str:
    """Makes a submission of a file; returns its id.

    Raises:
        Refused: as `leaderboard.uploads.begin` and `complete`; or the key is not valid.
    """
    with board.database.read() as connection:
        team = team_of_key(connection, key.strip())
        task = find_task(connection, task_id)
    with tempfile.TemporaryDirectory(dir=board.settings.uploads, prefix=".form-") as folder:
        path = Path(folder) / "bundle"
        size, sha256 = _copy(file, path, board.settings.largest_bundle)
        upload = uploads.begin(board, team, task, (size, sha256))
        if upload.submission is None:
            path.replace(uploads.part_path(board, upload))
    return uploads.complete(board, team, upload)


def _copy(file: BinaryIO, target: Path, most: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        while block := file.read(COPIED):
            size += len(block)
            if size > most:
                message = f"more than {most:,} bytes, which is the most that is taken."
                raise Refused(message, 413)
            digest.update(block)
            out.write(block)
    if not size:
        message = "the file is empty."
        raise Refused(message)
    return size, digest.hexdigest()
