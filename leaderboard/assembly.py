"""Makes a submission of an attempt: the bundle that the team would have sent, had it had the truth."""

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from imedbench.evaluate.data import Subject
from imedbench.evaluate.loop import Dialogue
from imedbench.evaluate.plan import RunSettings, record_of
from imedbench.evaluate.results import TABLES, Results, merge, write_run
from imedbench.evaluate.scoring import Row, Scored, Scorer, gate_cases, score_rows, turn_rows
from imedbench.evaluate.tables import schema
from imedbench.evaluate.tasks import goal_of, identity_of
from imedbench.submission.about import About
from imedbench.submission.bundle import SUFFIX, pack, sha256_of
from imedbench.targets import Vocabulary
from imedbench.types import Case
from leaderboard.attempts import Game, check_playable, find_game, forget_guesses, progress
from leaderboard.audit import record
from leaderboard.database import submissions
from leaderboard.play_tables import FINISHED, OPEN, OVER, attempts, play_turns, plays
from leaderboard.plays import Forgotten, lead_again
from leaderboard.sheets import Which, subset_of
from leaderboard.submissions import accept
from leaderboard.teams import Refused

TRIES, PAUSE = 5, 0.5
"""At taking in a bundle that another process takes in at the same moment; seconds between them."""
_RUNNING: dict[str, "Future[str]"] = {}
"""Attempts that are being assembled in this process."""
_LOCK = threading.Lock()


def finish(game: Game, wait: float) -> str | None:
    """Begins to make a submission of an attempt whose sessions are all over; its id, or None while it is being made.

    Asked again it goes on; where the process has died meanwhile, it begins again and makes the same.

    Args:
        game: the attempt.
        wait: seconds.

    Raises:
        Refused: there are sessions left, or the attempt has ended otherwise.
    """
    if game.attempt.submission is not None:
        return game.attempt.submission
    check_playable(game)
    over, owed = progress(game)[OVER], game.sheet.sessions
    if over < owed:
        message = f"{over} of {owed} sessions are over; play the others first."
        raise Refused(message, 409)
    with _LOCK:
        if game.attempt.id not in _RUNNING:
            _RUNNING[game.attempt.id] = Future()
            threading.Thread(target=_run, args=(game, _RUNNING[game.attempt.id]), daemon=True).start()
        future = _RUNNING[game.attempt.id]
    try:
        return future.result(wait)
    except TimeoutError:
        return None


def _run(game: Game, future: "Future[str]") -> None:
    try:
        future.set_result(assemble(game))
    except BaseException as problem:  # noqa: BLE001 (whoever waits for it raises it)
        future.set_exception(problem)
    finally:
        with _LOCK:
            del _RUNNING[game.attempt.id]


def assemble(game: Game) -> str:
    """Makes a submission of an attempt; returns its id. The same sessions make the same bundle."""
    try:
        return _assemble(game)
    except Forgotten:
        # Another process has made it, or the team has given up meanwhile.
        now = find_game(game.board, game.team, game.attempt.id)
        if now.attempt.submission is None:
            check_playable(now)
            raise
        return now.attempt.submission


def _assemble(game: Game) -> str:
    uploads = game.board.settings.uploads
    uploads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=uploads, prefix=".play-") as folder:
        results = _write(game, Path(folder))
        text = game.attempt.record["text"]
        bundle = pack(results, Path(folder) / f"it{SUFFIX}", About.model_validate(game.attempt.about), text)
        identity = _submit(game, bundle)
    mine = (attempts.c.id == game.attempt.id) & (attempts.c.state == OPEN)
    with game.board.database.write() as connection:
        fields = {"state": FINISHED, "finished": time.time(), "submission_id": identity}
        if connection.execute(attempts.update().where(mine).values(**fields)).rowcount:
            forget_guesses(connection, game.attempt)
            record(connection, game.team.name, "attempt finished", game.attempt.id, submission=identity)
    return identity


def _submit(game: Game, bundle: Path, left: int = TRIES) -> str:
    """Takes the bundle in; where this process, or another, had got so far before, it is there already."""
    try:
        return accept(game.board, game.team, game.task, bundle)
    except (Refused, FileExistsError, sa.exc.IntegrityError) as problem:
        here = (submissions.c.task_id == game.task.id) & (submissions.c.team_id == game.team.id)
        query = sa.select(submissions.c.id).where(here, submissions.c.sha256 == sha256_of(bundle))
        with game.board.database.read() as connection:
            known = connection.execute(query).scalar()
        if known is not None:
            return str(known)
        if isinstance(problem, Refused) or not left:
            raise
    # Another process is about to write it down.
    time.sleep(PAUSE)
    return _submit(game, bundle, left - 1)


def _write(game: Game, folder: Path) -> Results:
    """A results folder, as an evaluation leaves it."""
    plan, vocabulary = game.sheet.plan, Vocabulary.load()
    for number, subject in enumerate(plan.subjects):
        rows = _case_rows(game, plan.store[subject.case], subject, vocabulary)
        for table in TABLES:
            _write_piece(folder / f"{number}.{table}", table, rows[table])
    run = run_record(game) | _times(game) | {"status": "finished", "notes": []}
    run |= {"device": game.attempt.record["device"], "failed": _failed(game)}
    run["data"] |= {"path": os.path.relpath(plan.store.path.resolve(), folder.resolve())}
    for table in TABLES:
        pieces = (folder / f"{number}.{table}" for number in range(len(plan.subjects)))
        merge(pieces, folder / f"{table}.parquet", table, run["id"])
    write_run(folder, run)
    return Results.open(folder)


def _write_piece(path: Path, table: str, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows), schema(table)), path)


def _case_rows(game: Game, case: Case, subject: Subject, vocabulary: Vocabulary) -> dict[str, list[Row]]:
    """The rows of both tables of a case's sessions, in the order of an evaluation."""
    plan = game.sheet.plan
    answered = _answered(game, case.id)
    turns: list[Row] = []
    scored: list[Scored] = []
    for number in subject.masks:
        goal = goal_of(case, number)
        who = identity_of(case, goal, vocabulary)
        scorer = Scorer(goal.truth, goal.spacing_mm, plan.protocol.metrics)
        for arm in plan.arms:
            rows = answered.get(Which(case.id, goal.target, goal.instance, arm.name), [])
            dialogue = lead_again(goal, arm, plan.protocol.seed, rows)
            if not rows:
                # The user had nothing to say from the start.
                dialogue.ask()
            turns += _turn_rows(dialogue, turn_rows(who, dialogue, rows[0].encode_seconds if rows else 0.0))
            scored.append(Scored.of(who, dialogue, scorer))
    gate_cases(plan.protocol, scored)
    return {"turns": turns, "scores": [row for session in scored for row in score_rows(plan.protocol, session)]}


def _turn_rows(dialogue: Dialogue, rows: list[Row]) -> list[Row]:
    # A turn that got no answer has no score of the model's, and a bundle has a number in every place.
    if dialogue.error or not dialogue.turns[-1].prompts:
        rows[-1]["model_score"] = 0.0
    return rows


def _answered(game: Game, case: str) -> dict[Which, list[sa.Row[Any]]]:
    """The turns of each session of a case, in order."""
    joined = plays.join(play_turns, play_turns.c.play_id == plays.c.id)
    session = (plays.c.case, plays.c.target, plays.c.instance, plays.c.prompts)
    query = sa.select(*session, play_turns).select_from(joined).order_by(play_turns.c.play_id, play_turns.c.turn)
    here = (plays.c.attempt_id == game.attempt.id) & (plays.c.case == case)
    with game.board.database.read() as connection:
        rows = list(connection.execute(query.where(here)))
    return {Which(*key): list(theirs) for key, theirs in groupby(rows, key=lambda row: tuple(row[:4]))}


def run_record(game: Game) -> dict[str, Any]:
    """What `run.json` says of what was asked of which model."""
    told, plan = game.attempt.record, game.sheet.plan
    settings = RunSettings(plan.card.name, subset=subset_of(game.task), across=told["across"], batch=told["batch"])
    return record_of(plan, settings, told["weights_sha256"]) | {"versions": told["versions"]}


def _times(game: Game) -> dict[str, str]:
    """From the attempt's beginning to its last answer, by this server's clock."""
    query = sa.select(sa.func.max(play_turns.c.answered_at)).join(plays, plays.c.id == play_turns.c.play_id)
    with game.board.database.read() as connection:
        last = connection.execute(query.where(plays.c.attempt_id == game.attempt.id)).scalar()
    moments = {"started": game.attempt.started, "finished": max(last or 0.0, game.attempt.started)}
    return {name: datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for name, at in moments.items()}


def _failed(game: Game) -> int:
    """Sessions that failed."""
    query = sa.select(sa.func.count()).select_from(play_turns).join(plays, plays.c.id == play_turns.c.play_id)
    here = (plays.c.attempt_id == game.attempt.id) & (play_turns.c.error != "")
    with game.board.database.read() as connection:
        return int(connection.execute(query.where(here)).scalar() or 0)
