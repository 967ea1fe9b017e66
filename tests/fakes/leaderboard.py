"""A leaderboard with many submissions, made in a moment from one that was checked."""

import shutil
import time
from typing import Any

import numpy as np
import sqlalchemy as sa

from leaderboard import audit
from leaderboard.board import Board
from leaderboard.database import draws, means, submissions
from leaderboard.teams import new_id


def fill(board: Board, model: str, count: int, seed: int = 0) -> list[str]:
    """Adds so many submissions whose scores lie around those of the submission ``model``; returns their ids."""
    rng = np.random.default_rng(seed)
    found = []
    with board.database.write() as connection:
        rows = {
            table: [dict(row._mapping) for row in connection.execute(sa.select(table).where(column == model))]
            for table, column in (
                (submissions, submissions.c.id),
                (means, means.c.submission_id),
                (draws, draws.c.submission_id),
            )
        }
        (known,) = rows[submissions]
        for number in range(count):
            identity, shift = new_id(), float(rng.normal(0, 0.02))
            told: dict[str, Any] = {
                "id": identity,
                "sha256": f"{number:064d}",
                "answers": f"{number:064d}",
                "about": known["about"] | {"name": f"model {number}"},
                "received": time.time() - 1000 * number,
            }
            connection.execute(submissions.insert().values(**known | told))
            connection.execute(means.insert(), [_moved(row, identity, shift) for row in rows[means]])
            connection.execute(draws.insert(), [_drawn(row, identity, shift) for row in rows[draws]])
            shutil.copytree(board.settings.checked / model, board.settings.checked / identity)
            found.append(identity)
        audit.record(connection, "test", "filled", str(count))
    return found


def _moved(row: dict[str, Any], identity: str, shift: float) -> dict[str, Any]:
    values = {name: row[name] + shift for name in ("mean", "low", "high") if row[name] is not None}
    return row | values | {"submission_id": identity}


def _drawn(row: dict[str, Any], identity: str, shift: float) -> dict[str, Any]:
    values = np.frombuffer(row["values"], "<f4") + np.float32(shift)
    return row | {"submission_id": identity, "values": values.tobytes()}
