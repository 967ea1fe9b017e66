"""What a training run of IMIS-Net is told, besides what all networks are."""

from pydantic import Field, model_validator

from baselines.imis_net.image import EncoderSize
from baselines.imis_net.network import Geometry, TextSize
from baselines.imis_net.settings import Settings
from baselines.training.course import Course, Strict
from baselines.training.objectives import MaskLoss, Sums


class Network(Strict):
    """The network; `Settings` and `Geometry` say what each means."""

    settings: Settings
    width: int = 768
    image: EncoderSize = EncoderSize()
    text: TextSize = TextSize()
    image_weights: str = ""
    """Model of the catalogue whose image encoder it begins with: ``sam-vit-b``; empty for random weights."""
    text_weights: str = ""
    """File with the text encoder that it begins with: CLIP ViT-B/32 as transformers keeps it; empty for random ones."""
    neck: bool = True
    """Whether the neck of the image encoder learns. In the released script no gradient reaches it."""

    @property
    def geometry(self) -> Geometry:
        """The sizes."""
        return Geometry(self.width, self.image, self.text)


FACT = "imis_net"
"""Where the header of trained weights has the `Network` they are for, as JSON."""


class Data(Strict):
    """What a sample is."""

    truth: int = Field(default=5, ge=0)
    """Truth masks an image, drawn again where there are fewer."""
    interactive: int = Field(default=5, ge=0)
    """Interactive masks an image, likewise."""
    intensity_chance: float = Field(default=0.2, ge=0, le=1)
    """How often intensities are scaled, and how often they are shifted, after normalisation."""
    intensity_range: float = Field(default=0.2, ge=0)
    """By up to this much, either way."""
    variants: int = Field(default=0, ge=0)
    """Different intensities an image is met with; what the frozen encoder makes of each is then kept on disk. 0 for new
    ones each time, and nothing kept."""

    @model_validator(mode="after")
    def _something(self) -> "Data":
        if not self.truth + self.interactive:
            message = "a sample needs masks: truth, interactive or both"
            raise ValueError(message)
        return self


class Session(Strict):
    """The simulated user. Chances are those of the released script; the paper names kinds, not chances."""

    corrections: int = Field(default=8, ge=0)
    """Rounds after the first: K of the paper."""
    truth_box: float = Field(default=0.4, ge=0, le=1)
    """How often a truth mask is asked for by a box; else by a click, or by text."""
    truth_text: float = Field(default=0.3, ge=0, le=1)
    interactive_box: float = Field(default=0.5, ge=0, le=1)
    """How often an interactive mask is; else by a click."""
    central: bool = False
    """Whether first clicks are drawn from the half of the pixels nearest to the centroid (released script), or from
    all."""
    box_jitter: int = Field(default=5, ge=0)
    """Pixels that each side of a box moves by, at most."""
    clicks: tuple[int, ...] = (1, 3, 4, 7)
    """A round's number of clicks is one of these."""
    text_for_mask: float = Field(default=0.4, ge=0, le=1)
    """How often, among a truth's clicks, the text stands in for the mask of the round before."""

    @model_validator(mode="after")
    def _sums_up(self) -> "Session":
        if self.truth_box + self.truth_text > 1:
            message = "truth_box and truth_text add up to more than 1"
            raise ValueError(message)
        return self


class Objective(Strict):
    """The loss: `baselines.training.objectives.MaskLoss`."""

    sums: Sums = "mask"
    focal: float = 20.0
    dice: float = 1.0
    score: float = 1.0
    hard: bool = True

    @property
    def loss(self) -> MaskLoss:
        """The function."""
        return MaskLoss(self.sums, self.focal, self.dice, score=self.score, hard=self.hard)


class ImisCourse(Course):
    """A whole course."""

    network: Network
    data: Data = Data()
    session: Session = Session()
    objective: Objective = Objective()
