from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.sam import LITE_MEDSAM, SAM_VIT_B
from imedbench.build.proposals import ProposalSettings, prompts_for, propose, settings_for, without_duplicates
from imedbench.build.regions import region_boxes
from imedbench.errors import UnknownName
from imedbench.io import read_regions
from imedbench.masks import MaskInfo, Masks
from imedbench.models import load
from imedbench.models.base import Candidates, Card
from imedbench.types import Box, Click, Image, Prediction, Prompt

SETTINGS = ProposalSettings(points_per_side=4, least_score=0.5, smallest_fraction=0.0)


class Drawn:
    """Answers each click with the disc around it, on a grid of half the image's size; rising steeply."""

    card: Card = SAM_VIT_B

    def __init__(self, radius: float = 8, score: float = 0.9, slope: float = 40) -> None:
        self.radius, self.score, self.slope = radius, score, slope
        self.asked: list[int] = []

    def start(self, image: Image) -> "Drawn":
        self.grid = image.grid
        return self

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        raise NotImplementedError

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        raise NotImplementedError

    def propose(self, prompts: Sequence[Click | Box], least_score: float) -> Candidates:
        self.asked.append(len(prompts))
        rows, columns = torch.meshgrid(*(torch.arange(0, side, 2.0) for side in self.grid), indexing="ij")
        logits = [
            self.slope * (self.radius - torch.hypot(rows - click.at[0], columns - click.at[1]))
            for click in prompts
            if isinstance(click, Click)
        ]
        # The further right, the surer.
        scores = [self.score + click.at[1] * 1e-3 for click in prompts if isinstance(click, Click)]
        kept = [index for index, score in enumerate(scores) if score > least_score]
        drawn = torch.stack(logits)[kept] if kept else torch.zeros(0, *rows.shape)
        return Candidates(drawn, torch.tensor([scores[index] for index in kept]), torch.tensor(kept))

    def enlarge(self, logits: Tensor) -> Tensor:
        return torch.repeat_interleave(torch.repeat_interleave(logits, 2, 1), 2, 2)


@pytest.fixture
def image() -> Image:
    return Image(np.zeros((80, 100), np.uint8), (1.0, 1.0), np.eye(4), "ct")


def test_a_grid_asks_at_the_centres_of_its_cells(image: Image) -> None:
    clicks = prompts_for(image, replace(SETTINGS, points_per_side=2))
    assert [click.at for click in clicks if isinstance(click, Click)] == [(20, 25), (20, 75), (60, 25), (60, 75)]


def test_regions_ask_for_their_boxes(shared_disc: Image) -> None:
    assert prompts_for(shared_disc, replace(SETTINGS, source="regions")) == region_boxes(shared_disc)


@pytest.fixture
def shared_disc() -> Image:
    rows, columns = np.mgrid[:128, :128]
    disc = (rows - 60) ** 2 + (columns - 50) ** 2 < 20**2
    return Image(np.where(disc, 200, 50).astype(np.uint8), (1.0, 1.0), np.eye(4), "ct")


def test_every_point_gives_its_mask_by_falling_score(image: Image) -> None:
    found = propose(Drawn(), image, SETTINGS)
    assert len(found) == 16
    assert [info.score for info in found.infos] == sorted((info.score for info in found.infos), reverse=True)
    for mask, info in zip(found, found.infos, strict=True):
        assert info.kind == "interactive"
        assert info.target == ""
        assert info.point is not None
        centre = np.argwhere(mask).mean(0)
        assert np.abs(centre - info.point).max() < 2
        assert 0.8 < info.stability <= 1


def test_points_are_asked_in_batches(image: Image) -> None:
    model = Drawn()
    propose(model, image, replace(SETTINGS, points_per_side=12))
    assert model.asked == [128, 16]


def test_an_adaptive_grid_asks_what_is_not_covered(image: Image) -> None:
    """Discs of 30 pixels around the first of 16 x 16 points cover most of the others."""
    plain = replace(SETTINGS, points_per_side=16)
    few, all_of_them = Drawn(radius=30), Drawn(radius=30)
    found = propose(few, image, replace(plain, adaptive=True))
    everything = propose(all_of_them, image, plain)
    assert sum(all_of_them.asked) == 256
    assert sum(few.asked) < 100
    # What is covered by all together is covered by the few.
    assert np.array_equal(np.any(list(found), 0), np.any(list(everything), 0))


def test_masks_that_are_not_sure_cover_nothing(image: Image) -> None:
    """Discs to the right of the middle score above 0.95; only they spare the points that they lie on."""
    settings = replace(SETTINGS, points_per_side=16, adaptive=True)
    all_cover, some_cover, none_cover = (Drawn(radius=30) for _ in range(3))
    propose(all_cover, image, settings)
    propose(some_cover, image, replace(settings, covering_score=0.95))
    propose(none_cover, image, replace(settings, covering_score=2.0))
    assert sum(all_cover.asked) < sum(some_cover.asked) < sum(none_cover.asked) == 256


@pytest.mark.parametrize("side", [1, 4, 16, 33])
def test_an_adaptive_grid_asks_every_point_once_where_nothing_is_found(image: Image, side: int) -> None:
    model = Drawn()
    assert not len(propose(model, image, replace(SETTINGS, points_per_side=side, adaptive=True, least_score=2.0)))
    assert sum(model.asked) == side * side


class Reaching(Drawn):
    """Discs of a tenth of what it looks at: a quarter is answered with smaller ones."""

    def start(self, image: Image) -> "Drawn":
        part = Reaching(radius=0.1 * max(image.grid))
        part.grid, part.asked = image.grid, self.asked
        return part


def test_quarters_are_asked_by_themselves_and_then_the_whole(image: Image) -> None:
    model = Reaching()
    found = propose(model, image, replace(SETTINGS, points_per_side=8, crop_layers=1))
    # The picture, and four crops at half as many points a side.
    assert model.asked == [64, 16, 16, 16, 16]
    assert found.shape == image.grid
    # Quarters of 48 x 60 are answered with discs of 6 pixels, the picture of 80 x 100 with discs of 10.
    areas = found.areas()
    small = np.flatnonzero(areas < 200)
    assert len(small) > 4
    assert (areas > 250).any()
    for index in small:
        place = found.infos[index].point
        assert place is not None
        # At the picture's border a disc is cut.
        assert np.abs(np.argwhere(found[index]).mean(0) - place).max() < 3


def test_where_there_is_nothing_to_see_nothing_is_found(image: Image) -> None:
    voxels = image.voxels.copy()
    voxels[10:30, 60:90] = 200
    busy = replace(image, voxels=voxels)
    found = propose(Drawn(), busy, replace(SETTINGS, least_contrast=2.0))
    everything = propose(Drawn(), busy, SETTINGS)
    assert len(everything) == 16
    # Discs of 8 pixels around (10, 62.5), (10, 87.5), (30, 62.5), (30, 87.5) see a part of the bright field.
    assert {info.point for info in found.infos} == {(10.0, 62.5), (10.0, 87.5), (30.0, 62.5), (30.0, 87.5)}


def test_no_mask_is_an_empty_answer(image: Image) -> None:
    found = propose(Drawn(score=0.1), image, SETTINGS)
    assert len(found) == 0
    assert found.shape == (80, 100)


@pytest.mark.parametrize("least", [0.5, 0.93])
def test_the_score_decides(image: Image, least: float) -> None:
    found = propose(Drawn(), image, replace(SETTINGS, least_score=least))
    assert {info.point[1] for info in found.infos if info.point} == {
        x for x in (12.5, 37.5, 62.5, 87.5) if 0.9 + x * 1e-3 > least
    }


def test_blurred_masks_are_unstable(image: Image) -> None:
    assert len(propose(Drawn(), image, SETTINGS)) == 16
    assert len(propose(Drawn(slope=1), image, SETTINGS)) == 0
    assert len(propose(Drawn(slope=1), image, replace(SETTINGS, stability_offset=0.1))) == 16


def test_background_and_specks_are_dropped(image: Image) -> None:
    assert len(propose(Drawn(radius=200), image, SETTINGS)) == 0
    assert len(propose(Drawn(radius=200), image, replace(SETTINGS, largest_fraction=1.0))) == 1
    assert len(propose(Drawn(radius=8), image, replace(SETTINGS, smallest_fraction=0.05))) == 0


def test_frayed_masks_are_dropped(image: Image) -> None:
    class Frayed(Drawn):
        def enlarge(self, logits: Tensor) -> Tensor:
            full = super().enlarge(logits)
            return torch.where(torch.arange(full.shape[2]) % 2 == 0, full, -1e3)

    model, settings = Frayed(slope=1000, radius=12), replace(SETTINGS, least_stability=0.9)
    assert len(propose(model, image, settings)) == 16
    assert len(propose(model, image, replace(settings, most_runs=3.0))) == 0
    assert len(propose(Drawn(slope=1000, radius=12), image, replace(settings, most_runs=3.0))) == 16


def squares() -> Masks:
    """A good square, a worse one inside it that covers 81 %, its frame, and a far one."""
    dense = np.zeros((4, 40, 40), np.bool_)
    dense[0, :20, :20] = True
    dense[1, :18, :18] = True
    dense[2, :20, :20] = True
    dense[2, 4:16, 4:16] = False
    dense[3, 30:, 30:] = True
    scores = (0.9, 0.8, 0.7, 0.6)
    return Masks.from_dense(dense, [MaskInfo("", "interactive", score=score) for score in scores])


def test_mask_nms_spares_what_only_shares_a_box() -> None:
    order = squares().select([3, 1, 2, 0])
    kept = without_duplicates(order, ProposalSettings(nms="mask"))
    assert [info.score for info in kept.infos] == [0.9, 0.7, 0.6]
    kept = without_duplicates(order, ProposalSettings(nms="box"))
    assert [info.score for info in kept.infos] == [0.9, 0.6]


@pytest.mark.parametrize("nms", ["mask", "box"])
def test_nms_of_nothing(nms: str) -> None:
    assert len(without_duplicates(Masks.empty((4, 4)), ProposalSettings(nms=nms))) == 0  # type: ignore[arg-type]


def test_a_model_that_cannot_propose(image: Image) -> None:
    class Mute:
        card = SAM_VIT_B

        def start(self, image: Image) -> object:
            return object()

    with pytest.raises(TypeError, match="sam-vit-b answers prompts but cannot propose masks"):
        propose(Mute(), image, SETTINGS)  # type: ignore[arg-type]


def test_settings_follow_what_the_model_answers() -> None:
    assert "click" not in LITE_MEDSAM.prompts
    assert settings_for("lite-medsam").source == "regions"
    assert settings_for("lite-medsam").least_score == 0.7
    assert settings_for("sam-vit-b").source == "grid"
    assert settings_for("sam-vit-b").least_score == 0.85
    mine = settings_for("sam-vit-h", "mine.pth", 0.6)
    assert (mine.model, mine.checkpoint, mine.least_score) == ("sam-vit-h", "mine.pth", 0.6)
    assert settings_for("lite-medsam", least_score=0.0).least_score == 0.0
    assert settings_for("sam-vit-b").crop_layers == 0
    assert settings_for("sam-vit-b", crop_layers=2).crop_layers == 2
    with pytest.raises(UnknownName):
        settings_for("sam")


def test_lite_medsam_finds_a_disc_without_a_network(shared_disc: Image) -> None:
    found = propose(load("lite-medsam", device="cpu"), shared_disc, settings_for("lite-medsam"))
    truth = Masks.from_dense([shared_disc.voxels > 100], [MaskInfo("disc")])
    assert truth.overlaps(found).max() > 0.85


def test_a_grid_of_points_runs_on_lite_medsam(shared_disc: Image) -> None:
    settings = ProposalSettings("lite-medsam", points_per_side=3, least_score=-1.0, least_stability=0.0)
    found = propose(load("lite-medsam", device="cpu"), shared_disc, settings)
    assert all(info.point is not None for info in found.infos)


@pytest.mark.slow
def test_published_regions_are_found_again(shared_data: Path) -> None:
    """On real slices; the published masks come from a larger model, so agreement is far from full."""
    model, settings, best = load("lite-medsam", device="cpu"), settings_for("lite-medsam"), []
    for path in sorted((shared_data / "btcv" / "image").glob("*.png"))[::60]:
        image = Image(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (1.0, 1.0), np.eye(4), "ct")
        published = read_regions(path.parents[1] / "imask" / f"x___{path.stem}.npz", image)
        found = propose(model, image, settings)
        assert len(found) > 15
        best.append(published.overlaps(found).max(1).mean())
    assert np.mean(best) > 0.2
