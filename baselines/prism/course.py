"""What a training run of PRISM is told, besides what all networks are."""

from typing import Any, Literal

from pydantic import Field, model_validator

from baselines.prism.intake import Intake
from baselines.prism.settings import Settings
from baselines.training.course import Course, Strict


class Data(Strict):
    """What a sample is: a cube of a volume around a voxel of one target."""

    targets: tuple[str, ...] = ()
    """Names of those to learn; all of a store where none is named."""
    intake: Intake | None = None
    """How intensities are cut and normalised; where none is said, as those inside the targets are."""
    spacing_mm: float = Field(default=1.0, gt=0)
    """Of an intake that is measured."""
    mirror: float = Field(default=0.5, ge=0, le=1)
    """How often each axis runs the other way."""
    shift: float = Field(default=0.5, ge=0)
    """Normalised intensities are moved by up to this much either way; published: 20 HU, which is 0.3 to 0.6."""
    shift_chance: float = Field(default=0.5, ge=0, le=1)
    zoom: tuple[float, float] = (0.85, 1.25)
    zoom_chance: float = Field(default=0.8, ge=0, le=1)
    memory_gb: float = Field(default=2.0, ge=0)
    """Of volumes at the network's spacing that each reader keeps."""


class Session(Strict):
    """The simulated user."""

    turns: int = Field(default=11, ge=1)
    """Answers; gradients flow from each to those before."""
    points: int = Field(default=50, ge=1)
    """Voxels that are clicked in a turn, of those that are wrong."""
    any_number: bool = True
    """Whether it is any number up to that, else always that."""
    box: bool = True
    """Whether the tight box is given, in each turn."""
    box_stray: int = Field(default=0, ge=0)
    """Voxels that each side of the box may be too far out."""
    scribbles: bool = False
    """Whether the middle lines of what is wrong are drawn too ("ultra+")."""
    scribble_from: int = Field(default=550, ge=1)
    """A scribble of so many voxels is cut to a run of ``scribble_most``."""
    scribble_most: int = Field(default=500, ge=1)
    scribble_margin: int = Field(default=15, ge=0)
    """What is falsely inside is drawn on only within the target's box, larger by this."""


class Objective(Strict):
    """The losses; see `objective.py`."""

    structure: Literal["dice-bce", "dice"] = "dice-bce"
    """The paper's Dice and cross-entropy, or what the published code came to: with one channel, the softmax
    cross-entropy of its MONAI is nothing."""
    boundary: float = 10.0
    """Of the candidates' boundary loss."""
    score: float = 1.0
    """Of the squared difference between predicted and true Dice."""
    refined: Literal["paper", "published"] = "paper"
    """Whether the corrected mask has a boundary loss too, or as in the published code none."""


_TEXTBOOK: dict[str, Any] = {"relative": "textbook", "padding": "none", "dense": "textbook"}


class PrismCourse(Course):
    """A whole course."""

    network: Settings = Settings(**_TEXTBOOK)
    data: Data = Data()
    session: Session = Session()
    objective: Objective = Objective()
    recompute: bool = True
    """Whether each turn is computed again for its gradients instead of being kept: 11 turns at 128 fit a card then."""

    @model_validator(mode="before")
    @classmethod
    def _no_quirks(cls, values: Any) -> Any:
        """What a course does not say of the network is as new training wants it, not as published weights do."""
        if isinstance(values, dict) and isinstance(values.get("network"), dict):
            return {**values, "network": {**_TEXTBOOK, **values["network"]}}
        return values
