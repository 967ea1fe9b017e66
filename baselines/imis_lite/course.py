"""What a training run of IMIS-lite is told, besides what all networks are."""

from collections.abc import Mapping

from pydantic import Field

from baselines.training.course import Course, Strict


class Views(Strict):
    """How a picture is varied before the encoder sees it."""

    zoom: tuple[float, float] = (0.75, 1.6)
    """Least and greatest; as likely on either side of 1 as their logarithms say."""
    turn: float = 12.0
    """Standard deviation in degrees."""
    stretch: float = 0.06
    """Standard deviation of the logarithm of width over height, halved."""
    mirror: tuple[float, float] = (0.15, 0.3)
    """How often rows, and columns, run the other way."""
    window: float = 0.6
    """How often a window of the intensities is taken."""
    gamma: float = 0.3
    """Standard deviation of the exponent's logarithm."""
    invert: float = 0.12
    """How often dark and bright change places."""
    blur: float = 0.25
    """How often it is blurred, by 0.4 to 1.2 pixels."""
    noise: float = 0.4
    """How often there is noise, of up to a twentieth of the range."""


class Data(Strict):
    """What a sample is."""

    masks: int = Field(default=16, ge=1)
    """Of an image at once, drawn again where it has fewer."""
    truth_share: float = Field(default=0.6, ge=0, le=1)
    """Of them, where an image has truth and interactive masks."""
    grid: float = Field(default=0.0, ge=0, le=1)
    """Share of the prompts that are clicks anywhere in the picture, as a grid asks them: where nothing is known to lie,
    only that the score is low is learned."""
    interactive: bool = True
    """Whether interactive masks are learned from; else truth alone."""
    least_area: float = Field(default=0.0004, ge=0, lt=1)
    """Share of the picture below which a mask is not asked for."""
    pictures: Mapping[str, int] = {}
    """How many pictures of a store are met in an epoch, by the store's name: several times each, or some of them,
    others in the next epoch. All once where it is not named."""
    stretched: bool = False
    """Whether the extremes of a picture are cut off first, as they are in use."""
    seed: int = 0
    """Of the views: runs that only differ in ``loop.seed`` can share what is kept of them."""
    variants: int = Field(default=0, ge=0)
    """Different views an image is met in, the first being the image as it is; what the encoder makes of them is kept on
    disk, 6 MB each. 0 for new views each time, and nothing kept."""
    views: Views = Views()


class Session(Strict):
    """The simulated user."""

    box: float = Field(default=0.4, ge=0, le=1)
    """How often a target is asked for by a box alone."""
    both: float = Field(default=0.1, ge=0, le=1)
    """How often by a box and a click."""
    mask: float = Field(default=0.05, ge=0, le=1)
    """How often by a rough mask; else by a click alone."""
    tight: float = Field(default=0.5, ge=0, le=1)
    """How often a box fits, but for a fiftieth of its side; else it is scaled and each side strays by itself."""
    scale: tuple[float, float] = (0.65, 1.4)
    """Of a box that does not fit, about its centre."""
    stray: float = 0.06
    """Standard deviation of each side of such a box, as a share of its length."""
    deepest: float = Field(default=0.4, ge=0, le=1)
    """How often a first click is on the deepest point of its target; else on any that is deep enough."""
    anywhere: float = Field(default=0.4, ge=0, le=1)
    """How often a correcting click is anywhere on what is wrong; else on its deepest point."""
    rounds: tuple[float, ...] = (0.15, 0.3, 0.2, 0.1, 0.08, 0.07, 0.05, 0.05)
    """How often a session has one round, two, three, ...; its first and its last answer are learned from, those between
    are only given."""


class Objective(Strict):
    """The loss on each mask: cross-entropy, Dice loss with squares in its denominator (V-Net), and on scores."""

    entropy: float = 0.5
    """Of the cross-entropy summed over the mask, over the area of the target."""
    least_area: float = 60.0
    """Pixels, of 256 x 256, that smaller targets count as."""
    most: float = 20.0
    """Cross-entropy above this counts as this."""
    score: float = 2.0
    """Of the squared difference between predicted and true IoU."""
    candidates: float = 0.5
    """Of the best of three further masks for a click, for each of what it may mean."""
    all_candidates: float = 0.03
    """Of the mean of the three: none is left without a gradient."""


class LiteCourse(Course):
    """A whole course."""

    data: Data = Data()
    session: Session = Session()
    objective: Objective = Objective()
