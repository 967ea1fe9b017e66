"""The tables, and how to reach them: SQLite in a file, or PostgreSQL by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

WAIT = 30
"""Seconds that a writer waits for another."""
CONNECTIONS = 40
"""At once, and some more when all are in use: as many as the service has threads."""
_MIGRATING = 7_204_611
"""Of PostgreSQL's locks the one that is held while tables are changed."""
metadata = sa.MetaData()


def _key(table: str) -> sa.Column[str]:
    return sa.Column(f"{table}_id", sa.String(32), sa.ForeignKey(f"{table}s.id"), nullable=False)


def _name() -> sa.Column[str]:
    return sa.Column("id", sa.String(32), primary_key=True)


teams = sa.Table(
    "teams",
    metadata,
    _name(),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("barred", sa.Boolean, nullable=False, default=False),
)
keys = sa.Table(
    "keys",
    metadata,
    _name(),
    _key("team"),
    sa.Column("digest", sa.String(64), nullable=False),  # of the secret, which is not kept
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float),
    sa.Column("revoked", sa.Float),
)
tasks = sa.Table(
    "tasks",
    metadata,
    _name(),  # also its address
    sa.Column("title", sa.String(100), nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("hidden", sa.Boolean, nullable=False),  # whether its truth stays here
    sa.Column("closed", sa.Boolean, nullable=False, default=False),
    sa.Column("store", sa.Text, nullable=False),  # path of the data, with truth
    sa.Column("protocol", sa.JSON, nullable=False),
    sa.Column("prompts", sa.JSON, nullable=False),
    sa.Column("asked", sa.JSON, nullable=False),  # `imedbench.submission.verify.Asked`
    sa.Column("facts", sa.JSON, nullable=False),  # of the data: cases, targets, patients, modalities
    sa.Column("created", sa.Float, nullable=False),
)
uploads = sa.Table(
    "uploads",
    metadata,
    _name(),
    _key("team"),
    _key("task"),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("submission_id", sa.String(32)),  # when it has become one
    sa.UniqueConstraint("team_id", "task_id", "sha256"),
)
submissions = sa.Table(
    "submissions",
    metadata,
    _name(),
    _key("team"),
    _key("task"),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("about", sa.JSON, nullable=False),
    sa.Column("run", sa.JSON, nullable=False),
    sa.Column("sees_truth", sa.Boolean, nullable=False),  # a model that is there for comparison only
    sa.Column("received", sa.Float, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("verdict", sa.JSON),
    sa.Column("answers", sa.String(64), nullable=False, default=""),
    sa.UniqueConstraint("task_id", "sha256"),
    sa.Index("submissions_by_task", "task_id", "state"),
)
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("submission_id", sa.String(32), sa.ForeignKey("submissions.id"), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("worker", sa.String(64), nullable=False, default=""),
    sa.Column("lease_until", sa.Float, nullable=False, default=0.0),
    sa.Column("created", sa.Float, nullable=False),
    sa.Index("jobs_by_state", "state", "id"),
)
means = sa.Table(
    "means",
    metadata,
    _key("submission"),
    sa.Column("prompts", sa.String(200), nullable=False),
    sa.Column("metric", sa.String(100), nullable=False),  # a metric's or a curve's label, or a kind of effort
    sa.Column("modality", sa.String(60), nullable=False),  # empty for all
    sa.Column("turn", sa.Integer, nullable=False),  # 0 for the whole session
    sa.Column("mean", sa.Float),
    sa.Column("low", sa.Float),
    sa.Column("high", sa.Float),
    sa.Column("sessions", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("undefined", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("submission_id", "prompts", "metric", "modality", "turn"),
)
draws = sa.Table(
    "draws",
    metadata,
    _key("submission"),
    sa.Column("prompts", sa.String(200), nullable=False),
    sa.Column("metric", sa.String(100), nullable=False),
    sa.Column("modality", sa.String(60), nullable=False),
    sa.Column("values", sa.LargeBinary, nullable=False),  # float32: the final mean in each bootstrap sample
    sa.PrimaryKeyConstraint("submission_id", "prompts", "metric", "modality"),
)
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("subject", sa.String(100), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
)


class Database:
    """A database and its transactions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._reader: Any = None
        self.engine = sa.create_engine(url, **_arguments(url))
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.startswith("sqlite")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that changes nothing."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at its end, and undone by an error.

        In SQLite writers take turns from the first statement on, so that none fails half-way.
        """
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def migrate(self) -> None:
        """Brings the tables up to this version's; those of a newer one are refused."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.write() as connection:
            if not self.is_sqlite:
                # Several processes may begin at once.
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def newest_entry(self) -> int:
        """Number of the newest entry in the log of a SQLite database, in microseconds; only one thread may ask."""
        if self._reader is None:
            held = self.engine.raw_connection()
            self._reader = held.driver_connection
            held.detach()
        row = self._reader.execute("SELECT max(id) FROM audit").fetchone()
        return int(row[0] or 0)

    def close(self) -> None:
        """Lets go of all connections."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self.engine.dispose()


def _arguments(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": WAIT, "check_same_thread": False}, "pool_size": CONNECTIONS}
    return {"pool_pre_ping": True, "pool_size": CONNECTIONS}


def _prepare(connection: Any, _: Any) -> None:
    # SQLAlchemy begins transactions, not the driver.
    connection.isolation_level = None
    for setting in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", f"busy_timeout = {WAIT * 1000}"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
