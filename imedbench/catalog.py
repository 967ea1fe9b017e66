"""The catalogue: everything that can be named on the command line or in a protocol, one line each.

An entry is ``module:attribute``: of a model's `Card`, a simulated user's or an imperfection's class, a metric's
function; of a network that can be trained, its subject. Other packages add models under the entry point group
``imedbench.models``.
"""

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from imedbench.errors import Unavailable, UnknownName

if TYPE_CHECKING:
    from imedbench.models.base import Card

MODELS = {
    "imis-lite": "baselines.imis_lite:CARD",
    "lite-medsam": "baselines.sam:LITE_MEDSAM",
    "sam-vit-b": "baselines.sam:SAM_VIT_B",
    "sam-vit-l": "baselines.sam:SAM_VIT_L",
    "sam-vit-h": "baselines.sam:SAM_VIT_H",
    "medsam": "baselines.sam:MEDSAM",
    "sam-med2d": "baselines.sam:SAM_MED2D",
    "sam2-tiny": "baselines.sam2:SAM2_TINY",
    "sam2-small": "baselines.sam2:SAM2_SMALL",
    "sam2-base-plus": "baselines.sam2:SAM2_BASE_PLUS",
    "sam2-large": "baselines.sam2:SAM2_LARGE",
    "medsam2": "baselines.sam2:MEDSAM2",
    "imis-net": "baselines.imis_net:CARD",
    "prism": "baselines.prism:CARD",
    "prism-colon": "baselines.prism:COLON",
    "prism-pancreas": "baselines.prism:PANCREAS",
    "prism-lits": "baselines.prism:LITS",
    "prism-kits": "baselines.prism:KITS",
    "prism-oracle-crop": "baselines.prism:ORACLE_CROP",
    "prism-colon-oracle-crop": "baselines.prism:COLON_ORACLE_CROP",
    "prism-pancreas-oracle-crop": "baselines.prism:PANCREAS_ORACLE_CROP",
    "prism-lits-oracle-crop": "baselines.prism:LITS_ORACLE_CROP",
    "prism-kits-oracle-crop": "baselines.prism:KITS_ORACLE_CROP",
    "threshold": "imedbench.models.threshold:THRESHOLD",
    "oracle": "imedbench.models.oracle:ORACLE",
}

DEFAULT_MODEL = "imis-lite"
"""What is asked where no model is named: it needs no network and no GPU."""

TRAINING = {
    "imis-lite": "baselines.imis_lite.training:SUBJECT",
    "imis-net": "baselines.imis_net.training:SUBJECT",
    "prism": "baselines.prism.training:SUBJECT",
}
TRAINER = "baselines.training.run"
"""The module that trains them."""

SIMULATORS = {
    "click": "imedbench.prompts.click:ClickUser",
    "box": "imedbench.prompts.box:BoxUser",
    "scribble": "imedbench.prompts.scribble:ScribbleUser",
    "mask": "imedbench.prompts.mask:MaskUser",
    "text": "imedbench.prompts.text:TextUser",
}

IMPERFECTIONS = {
    "displace": "imedbench.prompts.imperfect:Displace",
    "wrong-side": "imedbench.prompts.imperfect:WrongSide",
    "miss": "imedbench.prompts.imperfect:Miss",
    "scale": "imedbench.prompts.imperfect:Scale",
    "jitter": "imedbench.prompts.imperfect:Jitter",
    "dilate": "imedbench.prompts.imperfect:Dilate",
    "translate": "imedbench.prompts.imperfect:Translate",
}

METRICS = {
    "dice": "imedbench.metrics.overlap:dice",
    "iou": "imedbench.metrics.overlap:iou",
    "volume-error": "imedbench.metrics.overlap:volume_error",
    "boundary-iou": "imedbench.metrics.boundary:boundary_iou",
    "nsd": "imedbench.metrics.surface:surface_dice",
    "hd95": "imedbench.metrics.surface:hd95",
    "assd": "imedbench.metrics.surface:assd",
}


def models() -> dict[str, str]:
    """Name to ``module:attribute`` of every known model, this project's first; its names cannot be taken."""
    theirs = {entry.name: entry.value for entry in entry_points(group="imedbench.models")}
    return MODELS | {name: place for name, place in theirs.items() if name not in MODELS}


def card(name: str) -> "Card":
    """The card of a model; imports no network.

    Raises:
        UnknownName: no model has this name.
        Unavailable: another package's entry point does not lead to a card of this name.
    """
    from imedbench.models.base import Card

    known = models()
    try:
        found = resolve("model", known, name)
    except UnknownName:
        raise
    except Exception as problem:
        fault = f"{type(problem).__name__}: {problem}".splitlines()[0]
        raise Unavailable(_astray(name, known[name], fault)) from problem
    if not isinstance(found, Card):
        raise Unavailable(_astray(name, known[name], f"it is of type {type(found).__name__}, not a Card"))
    if found.name != name:
        raise Unavailable(_astray(name, known[name], f"its card is called {found.name!r}"))
    return found


def _astray(name: str, place: str, fault: str) -> str:
    return (
        f"the model {name} cannot be had from {place} ({fault}); correct the entry point of the package that brings it."
    )


def resolve(kind: str, table: Mapping[str, str], name: str) -> Any:
    """The object that ``table[name]`` points at."""
    if name not in table:
        raise UnknownName(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
