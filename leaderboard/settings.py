"""What an operator may set."""

from pathlib import Path

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from sqlalchemy import URL


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Of one leaderboard; times are seconds, sizes bytes."""

    folder: Path
    """Holds the database, unless another is named, and all files."""
    database: str = ""
    """URL of a PostgreSQL database; SQLite in the folder where empty."""
    name: str = "imedbench leaderboard"
    largest_bundle: int = Field(default=4 * 2**30, gt=0)
    largest_chunk: int = Field(default=8 * 2**20, gt=0)
    """Of an upload, sent at once."""
    uploads_open: int = Field(default=8, gt=0)
    """Of a team, at a time."""
    uploads_a_day: int = Field(default=100, gt=0)
    """Of a team that became submissions."""
    upload_days: float = Field(default=7, gt=0)
    """After which an upload that was not finished is forgotten."""
    requests_a_minute: int = Field(default=600, gt=0)
    """From one address."""
    plays_a_day: int = Field(default=2, gt=0)
    """Attempts of a team at a task whose truth is hidden."""
    lease: float = Field(default=60, gt=0)
    """After which a check is taken from a worker that has not been heard of."""
    attempts: int = Field(default=3, gt=0)
    """At checking a submission, before it is given up."""
    worker_memory: int = Field(default=12 * 2**30, gt=0)
    """Address space of a process that opens what strangers sent."""
    check_processes: int = Field(default=1, gt=0)

    @property
    def database_url(self) -> str:
        """Of the database."""
        path = (self.folder / "leaderboard.db").resolve()
        return self.database or URL.create("sqlite", database=str(path)).render_as_string()

    @property
    def uploads(self) -> Path:
        """Bundles on their way in."""
        return self.folder / "uploads"

    @property
    def bundles(self) -> Path:
        """Bundles as they were sent, by checksum."""
        return self.folder / "bundles"

    @property
    def checked(self) -> Path:
        """A folder a submission: results that were computed here."""
        return self.folder / "checked"

    def bundle(self, sha256: str) -> Path:
        """Where a bundle is kept."""
        return self.bundles / f"{sha256}.imedbench.zip"
