"""The command line: one module a verb, each a parse, one library call and a print."""

import sys
from importlib import import_module

import typer

from imedbench.errors import ImedbenchError, printable

app = typer.Typer(
    name="imedbench",
    help="The open workbench for interactive medical image segmentation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS = ("demo", "build", "eval", "report", "submit", "train", "stats", "view", "export", "models")
GROUPS = ("leaderboard", "curate", "recipes", "protocols", "prompts")

for verb in VERBS:
    app.command(verb)(getattr(import_module(f"imedbench.cli.{verb}"), verb))
for group in GROUPS:
    app.add_typer(import_module(f"imedbench.cli.{group}").app, name=group)


def main() -> None:
    """Runs the command line; an error meant for a person is one line and exit code 1."""
    try:
        app()
    except ImedbenchError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except OSError as problem:
        if problem.filename is None:
            raise
        place, reason = printable(str(problem.filename)), problem.strerror
        print(f"error: {place}: {reason}; check the path, its permissions and the space left.", file=sys.stderr)
        sys.exit(1)
