"""How good a guess is, how a session went, and what it cost the user.

Every metric of the catalogue is called in one way, ``metric(truth, guess, spacing_mm, **settings) -> float``, where
those that count voxels do without the spacing. Truth and guess are bool arrays of one shape, (z, y, x) or (y, x), and
spacing_mm is the distance between voxel centres along each of their axes.

One rule for empty masks:

- Both empty: nothing is defined, every metric is NaN. Summaries count such values as missing, not as scores.
- One empty: overlaps (dice, iou, boundary_iou, surface_dice) are 0 and distances (hd95, assd) are infinite;
  volume_error is what its formula says, 1 for an empty guess and infinite for an empty truth. In means an infinite
  distance counts the diagonal of the image (`summary`).

DeepMind's surface-distance package does the same, but for the Hausdorff distance of two empty masks, which is infinite
there; MetricsReloaded has been counting two empty masks as a perfect 1 in overlaps.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imedbench.metrics.boundary import boundary_iou
    from imedbench.metrics.effort import Effort, effort_of
    from imedbench.metrics.overlap import dice, iou, volume_error
    from imedbench.metrics.paired import Comparison, compare
    from imedbench.metrics.summary import Bootstrap, Summary, summarise
    from imedbench.metrics.surface import SurfaceDistances, Surfaces, assd, hd95, surface_dice

__all__ = [
    "Bootstrap",
    "Comparison",
    "Effort",
    "Summary",
    "SurfaceDistances",
    "Surfaces",
    "assd",
    "boundary_iou",
    "compare",
    "dice",
    "effort_of",
    "hd95",
    "iou",
    "summarise",
    "surface_dice",
    "volume_error",
]

_HOMES = {
    "overlap": ("dice", "iou", "volume_error"),
    "boundary": ("boundary_iou",),
    "surface": ("SurfaceDistances", "Surfaces", "assd", "hd95", "surface_dice"),
    "effort": ("Effort", "effort_of"),
    "paired": ("Comparison", "compare"),
    "summary": ("Bootstrap", "Summary", "summarise"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"imedbench.metrics.{module}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
