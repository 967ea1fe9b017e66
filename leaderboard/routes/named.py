"""What paths name."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import Path

from leaderboard.addresses import Addresses
from leaderboard.queries import View
from leaderboard.submissions import Submission, find_submission
from leaderboard.tasks import Task, find_task
from leaderboard.teams import Refused

Identity = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
File = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,400}$")]


def view_of(connection: sa.Connection, task_id: str, file: str) -> tuple[Task, View]:
    """A task and the way to look at it.

    Raises:
        Refused: there is no such task, or no such way.
    """
    task = find_task(connection, task_id)
    view = Addresses(task).view(f"{file}.html")
    if view is None:
        message = f"the task {task.title} cannot be looked at that way."
        raise Refused(message, 404)
    return task, view


def pair_of(connection: sa.Connection, first: str, second: str) -> tuple[Submission, Submission]:
    """Two submissions that can be compared.

    Raises:
        Refused: one is not there, or they are to different tasks.
    """
    pair = (find_submission(connection, first), find_submission(connection, second))
    if pair[0].task != pair[1].task:
        message = "these two are submissions to different tasks."
        raise Refused(message, 404)
    return pair
