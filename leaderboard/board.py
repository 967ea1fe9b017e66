"""A leaderboard: its settings and its database."""

from dataclasses import dataclass
from typing import Self

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
            sqlalchemy.exc.SQLAlchemyError: the database cannot be reached.
        """
        for folder in (settings.folder, settings.uploads, settings.bundles, settings.checked):
            folder.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database_url)
        database.migrate()
        return cls(settings, database)
