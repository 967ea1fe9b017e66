"""Runs migrations in the connection that the application hands over."""

from alembic import context

from leaderboard import play_tables  # noqa: F401 (its tables are of the same database)
from leaderboard.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
