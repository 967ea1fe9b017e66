"""From a results folder to a bundle: who submits what, and the model's card."""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from imedbench.errors import BadSubmission, printable
from imedbench.evaluate.results import Results
from imedbench.submission.about import About
from imedbench.submission.bundle import SUFFIX, pack

PAGE = "MODEL.md"


def prepare(
    results: Path,
    folder: Path,
    said: Mapping[str, str],
    card: Path | None = None,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Packs a run; returns the bundle's path.

    Args:
        results: folder of a finished run; or a bundle, which is copied as it is.
        folder: where the bundle is written.
        said: fields of `About`; what is empty is taken from the model's card in the catalogue.
        card: Markdown; the catalogue's where there is none.
        progress: told of bytes of guesses.

    Raises:
        BadResults: there is no finished run.
        BadSubmission: what is said is too long, or plays tricks.
    """
    if results.is_file():
        target = folder / results.name
        if target.resolve() != results.resolve():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(results, target)
        return target
    run = Results.open(results)
    known = About.of_card(dict(run.run["card"])).model_dump()
    try:
        about = About.model_validate({name: said.get(name) or value for name, value in known.items()})
    except ValidationError as problem:
        first = problem.errors()[0]
        message = f"--{first['loc'][0]}: {first['msg']}."
        raise BadSubmission(message) from problem
    text = _read(card) if card is not None else _card_of(run)
    subject, protocol, prompts = run.run["card"]["name"], run.protocol.id, run.run["prompts"]["name"]
    return pack(run, folder / f"{subject}-{protocol}-{prompts}{SUFFIX}", about, text, progress=progress)


def _read(card: Path) -> str:
    try:
        return card.read_text("utf-8")
    except UnicodeDecodeError as problem:
        message = f"{printable(card)}: is not text in UTF-8; write it as such."
        raise BadSubmission(message) from problem


def _card_of(run: Results) -> str:
    """What the model's package says of it in its MODEL.md; else what the catalogue says."""
    card = run.run["card"]
    package = card["loader"].partition(":")[0].rpartition(".")[0]
    # A run may be older than its model's package is here, or that package may be gone.
    with contextlib.suppress(ImportError):
        spec = find_spec(package) if package else None
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if (Path(place) / PAGE).is_file():
                return (Path(place) / PAGE).read_text("utf-8")
    prompts, licence = ", ".join(card["prompts"]), card["licence"]
    return f"# {card['name']}\n\n{card['summary']}. Prompts: {prompts}. Licence: {licence}. Source: {card['source']}.\n"
