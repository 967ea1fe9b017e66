"""What a promptable model offers to imedbench."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from imedbench.types import Box, Click, Image, Prediction, Prompt

if TYPE_CHECKING:
    from torch import Tensor

PromptKind = Literal["click", "box", "scribble", "mask", "text"]


@dataclass(frozen=True, slots=True)
class Weights:
    """Where a checkpoint comes from and how it is known to be the right one."""

    sha256: str
    """Empty where none is published: then the user fetches the file and names it."""
    size: int
    """Bytes; 0 where it is not known."""
    url: str = ""
    """Empty where the file ships in a package, or only a page has it."""
    package: str = ""
    """``package/path/in/it`` where the file ships in a package."""
    page: str = ""
    """Where a person finds the file, if a browser is needed to fetch it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which of a model's masks stay when it is asked everywhere in an image; SAM's unless said otherwise.

    The thresholds are those of IMed-361M's paper, section 3, and of segment_anything where it is silent.
    """

    least_score: float = 0.85
    """Predicted IoU."""
    least_stability: float = 0.95
    """Overlap of the mask cut at ``stability_offset`` above and below its threshold."""
    stability_offset: float = 1.0
    most_runs: float = 1e9
    """Stretches of foreground in a row of the mask's box, on average; more frayed masks are dropped."""
    least_contrast: float = 2.0
    """Standard deviation of the grey levels (0 to 255) in and just around the mask's box; air has less."""
    crop_layers: int = 0
    """How often the picture is halved, and its parts looked at by themselves."""
    covering_score: float = 0.0
    """Predicted IoU from which on a mask covers points."""
    adaptive: bool = False
    """Whether points that are covered already are not asked."""


@dataclass(frozen=True, slots=True)
class Card:
    """A model in the catalogue; says what it is without importing it."""

    name: str
    summary: str
    loader: str
    """``module:function``; called with (card, checkpoint path or None, device) it returns a `Model`."""
    prompts: tuple[PromptKind, ...]
    dimensions: tuple[int, ...]
    """Of the images it takes: (2,), (3,) or (2, 3)."""
    licence: str
    source: str
    """Where the network and its weights come from."""
    weights: Weights | None = None
    """None where the model has nothing to load, or only what its user names."""
    judgement: Judgement = Judgement()
    """In mask generation, where its sessions can do that."""
    sees_truth: bool = False
    """Whether an evaluation ends each target's prompts with the truth itself, as a `MaskPrompt`: for checks of the
    harness, never for a ranking."""


@runtime_checkable
class Session(Protocol):
    """One image, encoded once, ready for prompts."""

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        """The mask for all prompts of one target together; ``previous`` is this session's last answer for it."""
        ...

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        """`predict` for many targets on the same image, as one batch."""
        ...


@runtime_checkable
class Model(Protocol):
    """A promptable model."""

    card: Card

    def start(self, image: Image) -> Session:
        """Encodes the image; raises `ValueError` where its dimension is not one of the card's."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Masks that passed the score, still on the model's own coarse grid."""

    logits: "Tensor"
    """(k, h, w) mask logits on the model's output grid."""
    scores: "Tensor"
    """(k,) predicted IoU."""
    prompt: "Tensor"
    """(k,) index of the prompt each came from."""


@runtime_checkable
class ProposalSession(Session, Protocol):
    """A session that can also answer many lone prompts cheaply, for mask generation."""

    def propose(self, prompts: Sequence[Click | Box], least_score: float) -> Candidates:
        """All candidate masks of each prompt whose predicted IoU is above ``least_score``.

        Nothing is computed for a mask that its score discards.
        """
        ...

    def enlarge(self, logits: "Tensor") -> "Tensor":
        """(k, h, w) on the model's grid to (k, height, width) on the image's, both logits."""
        ...
