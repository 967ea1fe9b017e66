"""What was done, by whom, in a chain: each entry carries the digest of the one before it, so none can be changed."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from leaderboard.database import audit

BEGINNING = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done."""

    id: int
    at: float
    """Seconds since 1970."""
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    """Digest of the entry before."""
    digest: str


def record(connection: sa.Connection, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Adds an entry, in the transaction of what it tells of."""
    take_turn(connection)
    last = connection.execute(sa.select(audit.c.digest).order_by(audit.c.id.desc()).limit(1)).scalar()
    previous, at = last or BEGINNING, time.time()
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    told = {"at": at, "actor": actor, "action": action, "subject": subject, "detail": text, "previous": previous}
    connection.execute(audit.insert().values(**told, digest=_digest(told)))


def take_turn(connection: sa.Connection) -> None:
    """Waits for every other transaction that writes an entry, and has others wait; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("LOCK TABLE audit IN EXCLUSIVE MODE"))


def entries(connection: sa.Connection, newest: int = 0) -> Iterator[Entry]:
    """All of them in order; or the newest so many, newest first."""
    query = sa.select(audit).order_by(audit.c.id.desc() if newest else audit.c.id)
    for row in connection.execute(query.limit(newest) if newest else query):
        fields = dict(row._mapping)
        yield Entry(**fields | {"detail": json.loads(fields["detail"])})


def broken(connection: sa.Connection) -> int | None:
    """The number of the first entry that does not follow from the one before it; None where the chain holds."""
    previous = BEGINNING
    for row in connection.execute(sa.select(audit).order_by(audit.c.id)):
        told = dict(row._mapping)
        digest = told.pop("digest")
        number = told.pop("id")
        if told["previous"] != previous or digest != _digest(told):
            return int(number)
        previous = digest
    return None


def _digest(told: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
