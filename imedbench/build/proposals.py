"""Interactive masks: what a promptable model finds in an image when it is asked everywhere.

As in SAM's automatic mask generation (Kirillov et al. 2023, section 5): many lone prompts, masks kept by predicted IoU
and by stability, near duplicates removed in favour of the more confident.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from imedbench import catalog
from imedbench.build.crops import crops
from imedbench.build.regions import RegionSettings, contrast, grey_levels, region_boxes
from imedbench.masks import MaskInfo, Masks
from imedbench.models.base import Candidates, Model, ProposalSession
from imedbench.types import Box, Click, Image

if TYPE_CHECKING:
    from torch import Tensor

Lone = Click | Box

_PROMPTS_AT_ONCE = 128
_AROUND = 3
"""Pixels around a mask's box that are looked at with it."""
_COARSEST = 8
"""Points a side that an adaptive grid begins with, at least."""
_PIXELS_AT_ONCE = {"cpu": 2**22, "cuda": 2**26}
"""Enlarged masks are looked at in batches of this many pixels: 16 MB, or 256 MB where each batch waits for a GPU."""


@dataclass(frozen=True, slots=True)
class ProposalSettings:
    """How candidate masks are asked for and which stay; the defaults suit a model that answers clicks, as SAM does.

    The thresholds are those of IMed-361M's paper, section 3, and of segment_anything where it is silent.
    """

    model: str = "sam-vit-b"
    checkpoint: str = ""
    """Path of a checkpoint to use instead of the model's own."""
    source: Literal["grid", "regions"] = "grid"
    """Prompts: clicks on a grid, or boxes of image regions for models that answer boxes only."""
    points_per_side: int = 32
    crop_layers: int = 0
    """How often the picture is halved: with 1 each of its quarters is looked at by itself too, asked at half as many
    points a side. What their inner borders cut off is left to the whole picture."""
    crop_overlap: float = 0.2
    """Of the quarters, as a share of the picture's shorter side; finer layers' is half of it, and so on."""
    adaptive: bool = False
    """Whether the grid is gone through from coarse to fine, and points that are covered are not asked. Each point that
    is asked covers the smallest of its masks that stay and are sure enough."""
    covering_score: float = 0.0
    """Predicted IoU from which on a mask covers points."""
    regions: RegionSettings = field(default_factory=RegionSettings)
    least_score: float = 0.85
    """Predicted IoU."""
    least_stability: float = 0.95
    """Overlap of the mask cut at ``stability_offset`` above and below its threshold."""
    stability_offset: float = 1.0
    nms: Literal["mask", "box"] = "mask"
    """What overlaps: the masks, or, as in segment_anything, their boxes."""
    nms_iou: float = 0.7
    largest_fraction: float = 0.8
    """Masks over more of the image are background."""
    smallest_fraction: float = 0.0005
    """Masks under this share of the image are dropped."""
    most_runs: float = 1e9
    """Stretches of foreground in a row of the mask's box, on average; more frayed masks are dropped."""
    least_contrast: float = 0.0
    """Standard deviation of the grey levels (0 to 255) in and just around the mask's box; where there is less, as in
    air, there is nothing to see."""

    @property
    def is_adaptive(self) -> bool:
        """Whether what was found decides what is asked."""
        return self.adaptive and self.source == "grid"


def settings_for(
    model: str, checkpoint: str = "", least_score: float | None = None, crop_layers: int | None = None
) -> ProposalSettings:
    """Settings that suit a model of the catalogue, as its card says where nothing is said here.

    One that takes no clicks is asked about regions.

    Raises:
        UnknownName: no model has this name.
    """
    card = catalog.card(model)
    judged = asdict(card.judgement)
    if least_score is not None:
        judged["least_score"] = least_score
    if crop_layers is not None:
        judged["crop_layers"] = crop_layers
    return ProposalSettings(model, checkpoint, source="grid" if "click" in card.prompts else "regions", **judged)


def propose(model: Model, image: Image, settings: ProposalSettings) -> Masks:
    """Candidate masks of a 2-D image, most confident first, with score, stability and the point that was asked.

    Raises:
        TypeError: the model's sessions cannot propose.
    """
    found = [Masks.empty(image.grid)]
    for crop in crops(image.grid, settings.crop_layers, settings.crop_overlap):
        points = math.ceil(settings.points_per_side / 2**crop.layer)
        seen = _Seen.start(model, crop.of(image), replace(settings, points_per_side=points), image.grid)
        found.append(crop.back(seen.everything(), image.grid))
    return without_duplicates(_visible(image, Masks.concatenate(found), settings.least_contrast), settings)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A picture, or a part of one, that is asked about."""

    session: ProposalSession
    image: Image
    settings: ProposalSettings
    pixels: int
    """Of the whole picture."""

    @classmethod
    def start(cls, model: Model, image: Image, settings: ProposalSettings, grid: tuple[int, ...]) -> Self:
        """Has it encoded.

        Raises:
            TypeError: the model's sessions cannot propose.
        """
        session = model.start(image)
        if not isinstance(session, ProposalSession):
            message = f"{model.card.name} answers prompts but cannot propose masks"
            raise TypeError(message)
        return cls(session, image, settings, math.prod(grid))

    def everything(self) -> Masks:
        """All masks that stay."""
        parts, covered = [Masks.empty(self.image.grid)], np.zeros(self.image.grid, np.bool_)
        for batch in _batches(prompts_for(self.image, self.settings), self.settings):
            asked = [prompt for prompt in batch if not covered[_pixel(prompt)]]
            if not asked:
                continue
            candidates = self.session.propose(asked, self.settings.least_score)
            found = Masks.concatenate([parts[0], *self._judge(candidates, asked)])
            if self.settings.is_adaptive:
                sure = [i for i, info in enumerate(found.infos) if info.score >= self.settings.covering_score]
                _cover(covered, found.select(sure))
            parts.append(found)
        return Masks.concatenate(parts)

    def _judge(self, candidates: Candidates, prompts: Sequence[Lone]) -> Iterator[Masks]:
        """The stable masks of sensible size, a batch of enlarged ones at a time."""
        settings, session = self.settings, self.session
        at_once = _PIXELS_AT_ONCE["cuda" if candidates.logits.is_cuda else "cpu"]
        size = max(1, at_once // math.prod(self.image.grid))
        least, most = settings.smallest_fraction * self.pixels, settings.largest_fraction * self.pixels
        owners, scores = candidates.prompt.tolist(), candidates.scores.tolist()
        for start in range(0, len(scores), size):
            full = session.enlarge(candidates.logits[start : start + size])
            wide, area, narrow = (_count_above(full, level * settings.stability_offset) for level in (-1, 0, 1))
            stability = narrow.astype(np.float32) / np.maximum(wide, 1).astype(np.float32)
            kept = np.flatnonzero((area > least) & (area <= most) & (stability >= settings.least_stability))
            if len(kept):
                infos = [
                    MaskInfo(
                        "",
                        "interactive",
                        0,
                        scores[start + i],
                        float(stability[i]),
                        _centre(prompts[owners[start + i]]),
                    )
                    for i in kept
                ]
                masks = Masks.from_dense((full[kept] > 0).cpu().numpy(), infos)
                yield masks.select(np.flatnonzero(_runs_a_row(masks) <= settings.most_runs))


def _visible(image: Image, masks: Masks, least_contrast: float) -> Masks:
    """Those in boxes of a picture where there is something to see."""
    if least_contrast <= 0:
        return masks
    boxes = masks.boxes()
    low, high = np.maximum(boxes[:, 0] - _AROUND, 0), np.minimum(boxes[:, 1] + _AROUND, image.grid)
    seen = contrast(grey_levels(image.voxels), np.concatenate([low, high], 1)) >= least_contrast
    return masks.select(np.flatnonzero(seen))


def _batches(prompts: Sequence[Lone], settings: ProposalSettings) -> Iterator[Sequence[Lone]]:
    """All prompts once; an adaptive grid in ever finer steps, others in their order."""
    levels = _levels(settings.points_per_side) if settings.is_adaptive else [range(len(prompts))]
    for level in levels:
        for start in range(0, len(level), _PROMPTS_AT_ONCE):
            yield [prompts[index] for index in level[start : start + _PROMPTS_AT_ONCE]]


def _levels(side: int) -> list[Sequence[int]]:
    """Numbers of the points of a grid, row by row: those at ever smaller distances, each once."""
    numbers = np.arange(side * side).reshape(side, side)
    left = np.ones(side * side, np.bool_)
    levels: list[Sequence[int]] = []
    step = 2 ** max(0, (side // _COARSEST).bit_length() - 1)
    while step:
        level = numbers[step // 2 :: step, step // 2 :: step].ravel()
        levels.append(level[left[level]].tolist())
        left[level] = False
        step //= 2
    return levels


def _cover(covered: NDArray[np.bool_], masks: Masks) -> None:
    """Adds the smallest mask of each point."""
    areas = masks.areas()
    smallest: dict[tuple[float, ...], int] = {}
    for index in np.argsort(-areas, kind="stable").tolist():
        smallest[masks.infos[index].point] = index
    for index in smallest.values():
        covered |= masks[index]


def _pixel(prompt: Lone) -> tuple[int, ...]:
    return tuple(int(place) for place in _centre(prompt))


def prompts_for(image: Image, settings: ProposalSettings) -> list[Lone]:
    """Clicks at the centres of a grid's cells, row by row as segment_anything counts them, or boxes of regions."""
    if settings.source == "regions":
        return [*region_boxes(image, settings.regions)]
    centres = (np.arange(settings.points_per_side) + 0.5) / settings.points_per_side
    rows, columns = (centres * length for length in image.grid)
    return [Click((float(y), float(x))) for y in rows for x in columns]


def without_duplicates(masks: Masks, settings: ProposalSettings) -> Masks:
    """The masks by falling score, each only if it does not overlap a better one by more than ``nms_iou``."""
    scores = np.array([info.score for info in masks.infos], np.float32)
    ranked = masks.select(np.argsort(-scores, kind="stable"))
    if settings.nms == "box":
        return ranked.select(_by_box(ranked, settings.nms_iou))
    iou = ranked.overlaps(ranked)
    free = np.ones(len(ranked), np.bool_)
    for index in range(len(ranked)):
        if free[index]:
            free[index + 1 :] &= iou[index, index + 1 :] <= settings.nms_iou
    return ranked.select(np.flatnonzero(free))


def _by_box(ranked: Masks, iou: float) -> NDArray[np.int64]:
    """Indices kept by torchvision's NMS on boxes whose last pixel counts as their edge, as in segment_anything."""
    import torch
    from torchvision.ops import nms

    boxes = ranked.boxes()
    corners = np.concatenate([boxes[:, 0, ::-1], boxes[:, 1, ::-1] - 1], 1).astype(np.float32)
    scores = torch.tensor([info.score for info in ranked.infos], dtype=torch.float32)
    kept: NDArray[np.int64] = nms(torch.from_numpy(corners), scores, iou).numpy()
    return kept


def _runs_a_row(masks: Masks) -> NDArray[np.float64]:
    """(n,): runs of each mask over the rows of its box."""
    rows = np.diff(masks.boxes()[:, :, 0], axis=1)[:, 0]
    runs: NDArray[np.float64] = np.diff(masks.indptr) / np.maximum(rows, 1)
    return runs


def _centre(prompt: Lone) -> tuple[float, ...]:
    if isinstance(prompt, Click):
        return prompt.at
    return tuple((low + high - 1) / 2 for low, high in zip(prompt.low, prompt.high, strict=True))


def _count_above(logits: "Tensor", level: float) -> NDArray[np.int64]:
    """(k,): pixels of each mask's logits above a level."""
    above = logits > level
    if above.is_cuda:
        counted: NDArray[np.int64] = above.sum((1, 2)).cpu().numpy()
        return counted
    return np.array([np.count_nonzero(each) for each in above.numpy()], np.int64)
