"""Pages: what each shows, and the template that it is shown by."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from markupsafe import Markup

from imedbench.evaluate.report.words import EFFORTS
from imedbench.report.page import TEMPLATES as SHARED
from imedbench.report.page import render
from imedbench.submission.verdict import CHECKS
from leaderboard import queries
from leaderboard.addresses import (
    OVERVIEW,
    STYLE,
    TAKE_PART,
    Addresses,
    compare_address,
    json_address,
    root_of,
    submission_address,
    targets_address,
)
from leaderboard.board import Board
from leaderboard.charts import MOST, Charts, Drawn
from leaderboard.comparison import Compared, compare
from leaderboard.details import PAGE, sessions_of
from leaderboard.pictures import read_worst
from leaderboard.queries import COMPARED, SORTS, Entry, Table, View
from leaderboard.submissions import WAITING, Submission
from leaderboard.tasks import Task, find_task, list_tasks

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

TEMPLATES = Path(__file__).with_name("templates")
_REPORT = Path(__file__).parents[1] / "imedbench" / "evaluate" / "report" / "templates"
FEW = 10
"""Patients, under which intervals say little."""
STATES = {
    "waiting": "is waiting to be checked",
    "verified": "was asked again and holds",
    "doubtful": "awaits the organisers' decision",
    "rejected": "did not pass its check",
    "withdrawn": "was withdrawn",
}


def overview_page(board: Board, connection: sa.Connection) -> str:
    """All tasks."""
    shown = [(each, Addresses(each.task)) for each in queries.overview(connection)]
    return _page(board, "overview.html.j2", OVERVIEW, title=board.settings.name, shown=shown, leaders=3)


def task_page(board: Board, connection: sa.Connection, task: Task, view: View, *, copy: bool = False) -> str:
    """A task's table, seen one way, and the curves of its first models; in a copy for reading nothing can be chosen."""
    addresses = Addresses(task)
    table = queries.table_of(connection, task, view)
    # Curves are of all modalities, and the same however the table is sorted: they are drawn once.
    whole = replace(view, modality="", sort="rank")
    drawn = _drawn(table, queries.entries_of(connection, task)) if view == whole else []
    return _page(
        board,
        "task.html.j2",
        addresses.of(view),
        title=f"{task.title}: {view.prompts}",
        task=task,
        table=table,
        pairs=_pairs(table) if copy else [],
        copy=copy,
        choices=_choices(task, view, addresses),
        sorts={name: (words, addresses.of(replace(view, sort=name))) for name, words in SORTS.items()},
        efforts=_efforts(table),
        effort_columns=EFFORTS,
        siblings=[(each, _home(each)) for each in queries.siblings_of(connection, task)],
        figures=_figures(connection, task, view, drawn) if drawn else [],
        few=FEW,
        curves=addresses.of(whole) if view != whole else "",
        colours={each.id: each.colour for each in drawn},
        json=json_address(addresses.of(view)),
        waiting=queries.waiting_of(connection).get(task.id, 0),
    )


def submission_page(board: Board, connection: sa.Connection, submission: Submission) -> str:
    """What a submission is, how its check ended, and what it scored."""
    task = find_task(connection, submission.task)
    found = queries.means_of(connection, submission.id)
    metric = task.protocol.metrics[0].label
    charts = _charts(connection, task, metric, [Drawn(submission.id, submission.name, 0)])
    sessions = sessions_of(board.settings.checked / submission.id, task)
    return _page(
        board,
        "submission.html.j2",
        submission_address(submission.id),
        title=f"{submission.name}, {submission.team.name}",
        submission=submission,
        state=STATES[submission.state],
        refresh=5 if submission.state == WAITING else 0,
        task=task,
        task_address=_home(task),
        checks=CHECKS,
        card=_markdown(_card(board, submission)),
        facts=_provenance(submission),
        scores=_scores(task, found),
        figures=[figure for arm in task.protocol.arms if (figure := charts.turns(arm))][:4] + list(charts.levels()),
        worst=read_worst(board.settings.checked / submission.id) if not task.hidden else [],
        targets=targets_address(submission.id, 1) if sessions else "",
        sessions=len(sessions),
        json=json_address(submission_address(submission.id)),
        protocol=json.dumps(submission.run["protocol"], indent=1, ensure_ascii=False),
    )


def targets_page(board: Board, connection: sa.Connection, submission: Submission, number: int) -> str | None:
    """A submission's results target by target; None where there is no such page."""
    task = find_task(connection, submission.task)
    sessions = sessions_of(board.settings.checked / submission.id, task)
    pages = -(-len(sessions) // PAGE)
    if not 1 <= number <= pages:
        return None
    return _page(
        board,
        "targets.html.j2",
        targets_address(submission.id, number),
        title=f"{submission.name}: target by target",
        submission=submission,
        home=submission_address(submission.id),
        columns=[queries.column_of(task, View("", spec.label)) for spec in task.protocol.metrics],
        labels=[spec.label for spec in task.protocol.metrics],
        shown=sessions[(number - 1) * PAGE : number * PAGE],
        number=number,
        pages=[targets_address(submission.id, each) for each in range(1, pages + 1)],
        total=len(sessions),
    )


def compare_page(board: Board, connection: sa.Connection, first: Submission, second: Submission) -> str:
    """Two submissions to one task beside each other."""
    task = find_task(connection, first.task)
    compared: Compared = compare(board, connection, task, (first, second))
    drawn = [Drawn(each.id, each.name, place) for place, each in enumerate((first, second))]
    view = queries.first_view(task)
    charts = _charts(connection, task, view.metric, drawn)
    figures = [figure for arm in task.protocol.arms if (figure := charts.turns(arm))]
    return _page(
        board,
        "compare.html.j2",
        compare_address(first.id, second.id),
        title=f"{first.name} and {second.name}",
        task=task,
        task_address=_home(task),
        pair=[(each, submission_address(each.id)) for each in (first, second)],
        compared=compared,
        figures=figures[:4] + list(charts.levels()),
    )


def take_part_page(board: Board, connection: sa.Connection, here: str = "") -> str:
    """How to take part; ``here`` is the service's own address, empty in a copy for reading."""
    shown = [each for each in list_tasks(connection) if not each.closed]
    return _page(board, "take-part.html.j2", TAKE_PART, title="How to take part", tasks=shown, here=here, checks=CHECKS)


def message_page(board: Board, title: str, message: str, address: str = OVERVIEW) -> str:
    """A page that says one thing: what was not found, or why something was refused."""
    return _page(board, "message.html.j2", address, title=title, message=message)


@cache
def style() -> str:
    """The style sheet of all pages."""
    own = Path(__file__).with_name("static") / "board.css"
    return "\n".join(path.read_text("utf-8") for path in (SHARED / "page.css", _REPORT / "results.css", own))


def _page(board: Board, template: str, address: str, **values: Any) -> str:
    root = root_of(address)
    return render(
        template,
        folder=TEMPLATES,
        site=board.settings.name,
        root=root,
        address=address,
        style=STYLE,
        overview=OVERVIEW,
        take_part=TAKE_PART,
        submission_address=submission_address,
        compare_address=compare_address,
        date=_date,
        **values,
    )


def _home(task: Task) -> str:
    """Where a task is looked at first."""
    return Addresses(task).of(queries.first_view(task))


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _choices(task: Task, view: View, addresses: Addresses) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """For each thing that may be chosen its values: words, address, whether it is the chosen one."""
    known = set(queries.views_of(task))
    parts = (
        ("Prompts", "prompts", [arm.name for arm in task.protocol.arms]),
        ("Score", "metric", list(queries.labels_of(task.protocol))),
        ("Modality", "modality", ["", *task.facts["modalities"]]),
    )
    found = []
    for words, field, values in parts:
        options = []
        for value in values:
            other = replace(view, **{field: value})
            if other in known:
                options.append((_words(task, other, field), addresses.of(other), value == getattr(view, field)))
        if len(options) > 1:
            found.append((words, options))
    return found


def _words(task: Task, view: View, field: str) -> str:
    if field == "metric":
        title = queries.column_of(task, view).title
        of = {spec.label: spec.of for spec in task.protocol.curves}.get(view.metric)
        return title if of is None else f"{title}, {queries.column_of(task, replace(view, metric=of)).title}"
    return str(getattr(view, field)) or "all"


def _efforts(table: Table) -> list[str]:
    """The kinds of effort that any model of the table cost."""
    return [name for name in EFFORTS if any(row.efforts.get(name) for row in table.rows)]


def _drawn(table: Table, entries: Mapping[str, Entry]) -> list[Drawn]:
    """The best of the table, then models that were asked otherwise only: series may be of their prompts."""
    best = sorted(table.rows, key=lambda row: (row.rank is None, row.rank.place if row.rank else 0))
    held = {row.entry.id: row.entry for row in best} | dict(entries)
    return [Drawn(each.id, each.name, place) for place, each in enumerate(list(held.values())[:MOST])]


def _pairs(table: Table) -> list[tuple[str, str]]:
    """The first model beside each of those after it: words and address."""
    entries = [row.entry for row in table.rows[:COMPARED]]
    # Exports have a page of each pair, in the order in which their submissions are listed.
    return [(f"{entries[0].name} and {each.name}", _compare(entries[0], each)) for each in entries[1:]]


def _compare(*pair: Entry) -> str:
    first, second = sorted(pair, key=_newest)
    return compare_address(first.id, second.id)


def _newest(entry: Entry) -> tuple[float, str]:
    return (-entry.received, entry.id)


def _charts(connection: sa.Connection, task: Task, metric: str, drawn: Sequence[Drawn]) -> Charts:
    return Charts(task, metric, drawn, queries.curves_of(connection, metric, [each.id for each in drawn]))


def _figures(connection: sa.Connection, task: Task, view: View, drawn: Sequence[Drawn]) -> list[Any]:
    """Curves of the view's metric; of a curve's own metric where a curve is looked at."""
    of = {spec.label: spec.of for spec in task.protocol.curves}
    charts = _charts(connection, task, of.get(view.metric, view.metric), drawn)
    turns = charts.turns(queries.arm_of(task, view.prompts))
    return [*([turns] if turns else []), *charts.levels()]


def _scores(task: Task, found: Any) -> list[tuple[str, list[tuple[Any, Any]]]]:
    """For each arm its final means: column and value."""
    rows = []
    for arm in task.protocol.arms:
        cells = []
        for label in queries.labels_of(task.protocol):
            view = View(arm.name, label)
            mean = found.get((arm.name, label, "", queries.final_turn(task, view)))
            if mean is not None:
                cells.append((queries.column_of(task, view), mean))
        if cells:
            rows.append((arm.name, cells))
    return rows


def _provenance(submission: Submission) -> list[tuple[str, str]]:
    run, about = submission.run, submission.about
    data, subset = run["data"], run["subset"]
    told = [
        ("Team", submission.team.name),
        ("Authors", about["authors"]),
        ("Licence", about["licence"]),
        ("Code", about["code"]),
        ("Paper", about["paper"]),
        ("Catalogue name", run["model"]),
        ("Weights", run["weights_sha256"] or "none"),
        ("Protocol", f"{run['protocol']['id']}, {run['protocol_digest']}"),
        ("Users", f"{run['prompts']['name']}, {run['prompts_digest']}"),
        ("Data", f"{data['name']}, {run['data_digest']}"),
        ("Subset", ", ".join(f"{name} {value}" for name, value in subset.items() if value)),
        ("Volumes", f"by {run['across']}" if run["across"] else ""),
        ("Not asked", ", ".join(run["skipped"])),
        ("Device", str(run.get("device", ""))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in run["versions"].items())),
        ("Run", f"{run.get('started', '')} to {run.get('finished', '')}"),
        ("Bundle", f"{submission.bytes / 1e6:,.1f} MB, {submission.sha256}"),
        ("Received", _date(submission.received)),
    ]
    return [(name, str(value)) for name, value in told if value]


def _card(board: Board, submission: Submission) -> str:
    path = board.settings.checked / submission.id / "card.md"
    return path.read_text("utf-8") if path.exists() else ""


def _markdown(text: str) -> Markup:
    """A card as HTML: no markup of its own is let through, and no picture from elsewhere."""
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type.startswith("heading_"):
            # Below the page's own heading of the card.
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    return Markup(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
