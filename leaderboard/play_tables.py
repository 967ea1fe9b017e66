"""The tables of tasks whose truth is hidden: what was asked and answered, turn by turn."""

import sqlalchemy as sa

from leaderboard.database import metadata

OPEN, OVER, FINISHED, GIVEN_UP = "open", "over", "finished", "given up"
"""An attempt is open, then finished or given up; a session in it is open, then over."""
_IS_OPEN = sa.text("state = 'open'")

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("team_id", sa.String(32), sa.ForeignKey("teams.id"), nullable=False),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("tasks.id"), nullable=False),
    sa.Column("about", sa.JSON, nullable=False),  # `imedbench.submission.about.About`
    sa.Column("record", sa.JSON, nullable=False),  # what else the team says: `leaderboard.attempts.Entrant`
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("finished", sa.Float),
    sa.Column("submission_id", sa.String(32)),  # what it has become
    sa.Column("state", sa.String(16), nullable=False),
    sa.Index("attempts_by_team", "team_id", "task_id", "started"),
    # One at a time, whichever process is asked.
    sa.Index("attempts_open", "team_id", "task_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
)
plays = sa.Table(
    "plays",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("attempt_id", sa.String(32), sa.ForeignKey("attempts.id"), nullable=False),
    sa.Column("case", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("instance", sa.Integer, nullable=False),
    sa.Column("prompts", sa.Text, nullable=False),  # name of the arm
    sa.Column("state", sa.String(16), nullable=False),
    sa.UniqueConstraint("attempt_id", "case", "target", "instance", "prompts"),
)
play_turns = sa.Table(
    "play_turns",
    metadata,
    sa.Column("play_id", sa.Integer, sa.ForeignKey("plays.id"), nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("given", sa.Text, nullable=False),  # JSON, as in `imedbench.evaluate.written`
    sa.Column("starts", sa.LargeBinary),  # of the guess's runs, int64, little endian
    sa.Column("lengths", sa.LargeBinary),  # int32, little endian
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("model_score", sa.Float),
    sa.Column("seconds", sa.Float),
    sa.Column("encode_seconds", sa.Float),
    sa.Column("asked_at", sa.Float, nullable=False),
    sa.Column("answered_at", sa.Float),
    sa.PrimaryKeyConstraint("play_id", "turn"),
)
