"""A leaderboard: its settings and its database."""

from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa
from alembic.util import CommandError

from imedbench.errors import Unavailable
from leaderboard.database import Database
from leaderboard.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """What all parts of the service need."""

    settings: Settings
    database: Database

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Opens a leaderboard, or begins one; tables of an older version are brought up to date.

        Raises:
            OSError: the folder cannot be written.
            Unavailable: the database cannot be reached, or is of a newer version.
        """
        for folder in (settings.folder, settings.uploads, settings.bundles, settings.checked):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            database = Database(settings.database_url)
            database.migrate()
        except (sa.exc.SQLAlchemyError, ModuleNotFoundError, CommandError) as problem:
            told = str(getattr(problem, "orig", None) or problem).splitlines()[0][:200]
            message = f"the database cannot be used ({told}); check --database."
            raise Unavailable(message) from problem
        return cls(settings, database)
