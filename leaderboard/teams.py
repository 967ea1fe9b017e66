"""Teams and their API keys, of which only digests are kept."""

import hashlib
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass

import sqlalchemy as sa

from imedbench.errors import ImedbenchError
from imedbench.submission.about import refuse_tricks
from leaderboard.audit import record
from leaderboard.database import keys, teams

PREFIX = "imb"
"""Of every key, so that one that was published by accident can be searched for."""
DAY = 86400.0
_NUMBER = re.compile(r"[0-9a-f]{12}")


class Refused(ImedbenchError):
    """Something that is not allowed, or does not exist, or came too often; carries an HTTP status."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Team:
    """Who submits."""

    id: str
    name: str


def new_id() -> str:
    """Short, and nobody's guess."""
    return secrets.token_hex(6)


def add_team(connection: sa.Connection, name: str, actor: str = "admin") -> Team:
    """A new team.

    Raises:
        Refused: the name is no plain line of 1 to 60 characters, or is taken.
    """
    name = unicodedata.normalize("NFC", name).strip()
    refuse_tricks(name, "the team's name")
    if not 1 <= len(name) <= 60:
        message = "a team's name has 1 to 60 characters."
        raise Refused(message)
    # Databases know capitals of few alphabets.
    if name.casefold() in {known.casefold() for known in connection.execute(sa.select(teams.c.name)).scalars()}:
        message = f"there is a team called {name!r}; choose another name."
        raise Refused(message, 409)
    team = Team(new_id(), name)
    connection.execute(teams.insert().values(id=team.id, name=name, created=time.time(), barred=False))
    record(connection, actor, "team added", team.id, name=name)
    return team


def find_team(connection: sa.Connection, name: str) -> Team:
    """The team of this name.

    Raises:
        Refused: there is none.
    """
    name = unicodedata.normalize("NFC", name).strip()
    row = connection.execute(sa.select(teams.c.id, teams.c.name).where(teams.c.name == name)).first()
    if row is None:
        message = f"there is no team called {name!r}; `imedbench leaderboard admin list` names them."
        raise Refused(message, 404)
    return Team(row.id, row.name)


def bar_team(connection: sa.Connection, team: Team, *, barred: bool, actor: str = "admin") -> None:
    """Takes a team's right to submit, or gives it back; what it has submitted stays."""
    connection.execute(teams.update().where(teams.c.id == team.id).values(barred=barred))
    record(connection, actor, "team barred" if barred else "team readmitted", team.id)


def issue_key(connection: sa.Connection, team: Team, days: float | None = None, actor: str = "admin") -> str:
    """A new key; it is shown this once.

    Args:
        connection: to the database.
        team: whose it is.
        days: after which it is void; None for never.
        actor: who issues it.
    """
    number, secret, now = new_id(), secrets.token_urlsafe(32), time.time()
    connection.execute(
        keys.insert().values(
            id=number,
            team_id=team.id,
            digest=_digest(secret),
            created=now,
            expires=None if days is None else now + days * DAY,
            revoked=None,
        )
    )
    record(connection, actor, "key issued", team.id, key=number, days=days)
    return f"{PREFIX}_{number}_{secret}"


def revoke_key(connection: sa.Connection, key_id: str, actor: str = "admin") -> None:
    """Makes a key void, by the part between its underscores.

    Raises:
        Refused: there is no such key.
    """
    query = keys.update().where(keys.c.id == key_id, keys.c.revoked.is_(None)).values(revoked=time.time())
    if not connection.execute(query).rowcount:
        message = f"there is no valid key {key_id!r}; it is the part of a key between its first two underscores."
        raise Refused(message, 404)
    record(connection, actor, "key revoked", key_id)


def team_of_key(connection: sa.Connection, key: str) -> Team:
    """Whose key this is.

    Raises:
        Refused: it is nobody's, expired or revoked, or its team is barred.
    """
    prefix, _, rest = key.partition("_")
    number, _, secret = rest.partition("_")
    query = sa.select(keys, teams.c.name, teams.c.barred).join(teams, teams.c.id == keys.c.team_id)
    known = prefix == PREFIX and _NUMBER.fullmatch(number)
    row = connection.execute(query.where(keys.c.id == number)).first() if known else None
    # A key that is not there costs the same comparison.
    matches = secrets.compare_digest(row.digest if row else "0" * 64, _digest(secret))
    if row is None or not matches or row.revoked is not None or (row.expires is not None and row.expires < time.time()):
        message = "this key is not valid; ask the organisers for another."
        raise Refused(message, 401)
    if row.barred:
        message = f"the team {row.name} may not submit; ask the organisers."
        raise Refused(message, 403)
    return Team(row.team_id, row.name)


def _digest(secret: str) -> str:
    # The secret has 256 bits of chance: no salt and no slow function would make it harder to find.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
