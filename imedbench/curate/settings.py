"""What tissues are told apart by: every threshold, with where it comes from."""

from typing import Literal

from pydantic import ConfigDict, Field, PositiveFloat
from pydantic.dataclasses import dataclass

Between = Literal["muscle", "subcutaneous", "visceral", "none"]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class TissueSettings:
    """Thresholds of the tissue labels; intensities are Hounsfield units, lengths millimetres.

    Where no source is named the value was chosen on phantoms whose tissues are known (tests/benchmarks).
    """

    fat_hu: tuple[float, float] = (-190, -30)
    """Of adipose tissue: Mitsiopoulos et al., J Appl Physiol 85:115, 1998."""
    muscle_hu: tuple[float, float] = (-29, 150)
    """Of skeletal muscle: Mitsiopoulos et al. 1998; Aubrey et al., Acta Physiol 210:489, 2014."""
    body_hu: float = -300
    """What is denser is body, or lies on it: halfway from air to fat and soft tissue."""
    bone_hu: float = 180
    """What is denser than muscle with contrast agent is bone, where no label says otherwise."""
    gas_hu: float = -400
    """What is less dense inside the body is gas; the rim of gas passes through the intensities of fat."""
    noise_hu: float = Field(default=15.0, ge=0)
    """Deviation of the noise from which on intensities are smoothed: a tenth of what lies between fat and muscle."""
    smooth_mm: float = Field(default=0.8, ge=0)
    """Deviation of the Gaussian that they go through then, in each slice."""
    grid_mm: PositiveFloat = 3.0
    """Where tissues lie to each other is found on voxels of about this size."""
    table_mm: PositiveFloat = 5.0
    """Half the thickness of what is thinner than a body part: sheets, tubes, the top of a table."""
    skin_mm: float = Field(default=3.0, ge=0)
    """Thickness of the skin, which is as dense as muscle: 1 to 3 mm, and the edge's partial volume."""
    rim_mm: float = Field(default=1.5, ge=0)
    """So near to gas fat is believed only where it goes on: the edge of soft tissue looks like it."""
    neck_mm: PositiveFloat = 9.0
    """Fat narrower than twice this counts as the narrower part of a passage, where its two sides part."""
    wall_mm: PositiveFloat = 18.0
    """Lean tissue so near to bones, to labelled muscles or to the outer side of the body wall is muscle, if nothing
    else separates it: more than the thickness of the walls of chest and belly."""
    between_mm: PositiveFloat = 6.0
    """Fat in gaps narrower than twice this between muscles and bones is intermuscular."""
    island_ml: float = Field(default=2.0, ge=0)
    """Lean islands in the fat under the skin that are smaller, or hang on nothing, are vessels or glands."""
    between: Between = "none"
    """What intermuscular fat is labelled as."""
