"""The values that flow through imedbench.

Arrays are (z, y, x), or (y, x) in two dimensions; points follow that order in voxel units, with integers at voxel
centres. Boxes are (low, high) corners with ``high`` exclusive. What a model wants instead is its adapter's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imedbench.masks import Masks

Array: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]
Logits: TypeAlias = NDArray[np.float32]
Split: TypeAlias = Literal["train", "test", "reserve", "external"]


@dataclass(frozen=True, slots=True, eq=False)
class SourceGrid:
    """The grid of the file an image came from, and the way back to it."""

    affine: Array
    """(4, 4), file index (i, j, k, 1) to RAS+ millimetres, exactly as the file has it."""
    axes: tuple[int, int, int]
    """Axis of the file's array that became axis 0, 1, 2 here."""
    flipped: tuple[bool, bool, bool]
    """Whether axis 0, 1, 2 here runs against the file's."""

    def to_canonical(self, voxels: Array) -> Array:
        """An array on the file's grid (any trailing channel axis kept), seen as (z, y, x)."""
        turned = voxels.transpose(*self.axes, *range(3, voxels.ndim))
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)]

    def to_source(self, voxels: Array) -> Array:
        """An array in (z, y, x), seen on the file's own grid: the inverse of `to_canonical`."""
        unflipped = voxels[tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)]
        back = np.argsort(self.axes)
        return unflipped.transpose(*(int(axis) for axis in back), *range(3, voxels.ndim))


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One picture or volume with its place in space.

    A volume's axes run inferior to superior, posterior to anterior, left to right (RAS+, last axis first).
    """

    voxels: Array
    """(z, y, x) or (y, x), with a further last axis where there is more than one channel."""
    spacing_mm: tuple[float, ...]
    """Distance between voxel centres, one a spatial axis, in array order. Its length tells 2-D from 3-D."""
    affine: Array
    """(4, 4), array index (z, y, x, 1) to RAS+ millimetres (x, y, z, 1); in 2-D z is 0."""
    modality: str
    """Lower case: ct, mr, us, xray, fundus, ... as in the recipe."""
    channels: tuple[str, ...] = ("",)
    """One name a channel."""
    source: SourceGrid | None = None
    """The grid of the file, where the voxels were re-oriented."""
    window: tuple[float, float] | None = None
    """The intensities that become 0 and 255 in an 8-bit picture of it, where that is settled."""

    @property
    def grid(self) -> tuple[int, ...]:
        """The spatial shape: (z, y, x) or (y, x)."""
        return self.voxels.shape[: len(self.spacing_mm)]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One standardised image with all its masks: what models are trained and tested on."""

    id: str
    """Unique in the store: ``study`` for a picture or volume, ``study/z0042`` for a slice of it."""
    image: Image
    masks: "Masks"
    split: Split
    dataset: str
    patient: str
    study: str
    provenance: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Click:
    """A point inside or outside the object."""

    at: tuple[float, ...]
    inside: bool = True


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box around the object; ``high`` is exclusive."""

    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scribble:
    """A stroke, as the voxels it covers: (n, d) integers in array order."""

    voxels: NDArray[np.int32]
    inside: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class MaskPrompt:
    """An earlier or approximate answer, as logits on the image's grid."""

    logits: Logits


@dataclass(frozen=True, slots=True)
class Text:
    """What to segment, in words."""

    words: str


Prompt: TypeAlias = Click | Box | Scribble | MaskPrompt | Text


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model answers to the prompts of one turn."""

    logits: Logits
    """On the image's grid; above 0 is inside."""
    score: float
    """The model's own estimate of the overlap (IoU) with what was meant, 0 to 1."""
    memory: Any = None
    """What the model wants back with the next prompts of this target (its logits on its own grid, say); nobody else's
    business."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One interaction of a session: what the user gave and what came back."""

    index: int
    """From 1."""
    prompts: tuple[Prompt, ...]
    """What the user added in this turn."""
    guess: Mask
    seconds: float
    """The model's, for this target in this turn."""
    score: float = float("nan")
    """The model's own, as in `Prediction`."""
