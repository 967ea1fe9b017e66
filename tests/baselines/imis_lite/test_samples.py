from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.imis_lite import samples as module
from baselines.imis_lite.course import LiteCourse
from baselines.imis_lite.encoder import stretched
from baselines.imis_lite.prompts import FIRST, INSIDE, NOTHING
from baselines.imis_lite.samples import LiteSample, LiteSamples
from baselines.imis_lite.views import View, plain, reduced
from baselines.training.cache import FeatureCache
from baselines.training.order import Place
from imedbench.errors import BadStore
from imedbench.evaluate.data import digest_of
from imedbench.masks import Masks
from imedbench.store import Store
from imedbench.types import Mask


def course(seed: int = 0, session: dict[str, Any] | None = None, **data: Any) -> LiteCourse:
    tables = {"data": {"masks": 5, **data}, "session": session or {}}
    return LiteCourse.model_validate({"loop": {"steps": 1, "seed": seed}, "optimiser": {"rate": 1e-3}, **tables})


def open_samples(path: Path, cache: FeatureCache | None = None, **told: Any) -> LiteSamples:
    return LiteSamples([Store.open(path)], course(**told), cache)


def at(sample: int, epoch: int = 0, step: int = 0) -> Place:
    return Place(step, 0, epoch, sample)


def same(one: LiteSample, other: LiteSample) -> bool:
    pairs = [(mine, theirs) for mine, theirs in zip(one, other, strict=True) if isinstance(mine, torch.Tensor)]
    return one.name == other.name and all(torch.equal(*pair) for pair in pairs)


def case_of(sample: LiteSample) -> str:
    return sample.name.split("/")[1]


def variant_of(sample: LiteSample) -> int:
    return int(sample.name.split("/")[2])


def test_what_a_sample_is(pictures: Path) -> None:
    samples = open_samples(pictures, variants=1)
    for number in range(5):
        sample = samples[at(number)]
        view = plain(Store.open(pictures)[case_of(sample)].image.grid)
        voxels = Store.open(pictures)[case_of(sample)].image.voxels
        np.testing.assert_array_equal(sample.pixels, view.picture(np.repeat(voxels[..., None], 3, 2)))
        assert sample.filled == view.filled
        assert sample.features is None
        for each in (sample.wanted, sample.other):
            assert each.shape == (5, 256, 256)
            assert each.dtype == torch.float32
            assert each.min() >= 0
            assert each.max() == 1
            assert each.flatten(1).any(1).all()
        assert sample.points.shape == (5, 3, 2)
        assert sample.kinds.shape == (5, 3)
        assert torch.equal(sample.lone, (sample.kinds != FIRST).all(1) & (sample.kinds == INSIDE).any(1))
        assert sample.rough.shape == (5, 256, 256)
        assert torch.equal(sample.rough.flatten(1).any(1), (sample.kinds == NOTHING).all(1))


def test_the_extremes_are_cut_off_as_in_use(pictures: Path) -> None:
    sample = open_samples(pictures, variants=1, stretched=True)[at(0)]
    image = Store.open(pictures)[case_of(sample)].image
    expected = plain(image.grid).picture(stretched(np.repeat(image.voxels[..., None], 3, 2)))
    np.testing.assert_array_equal(sample.pixels, expected)
    assert not torch.equal(sample.pixels, open_samples(pictures, variants=1)[at(0)].pixels)


def test_a_sample_belongs_to_its_place(pictures: Path) -> None:
    """Not to the step, to who asks, or to what was asked before."""
    one, other = open_samples(pictures), open_samples(pictures)
    other[at(3)]
    assert same(one[at(1)], other[at(1, step=9)])
    assert not same(one[at(1)], one[at(1, epoch=1)])
    assert not torch.equal(one[at(1)].points, open_samples(pictures, seed=1)[at(1)].points)


def test_the_cache_changes_nothing_else(pictures: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "key")
    with_cache, without = (open_samples(pictures, each, variants=2) for each in (cache, None))
    first = with_cache[at(2, epoch=1)]
    assert first.features is None
    made = {"deep": torch.randn(1, 256, 64, 64), "early": torch.randn(1, 2, 2), "pixels": torch.rand(1, 2, 2)}
    cache.save(first.name, made)
    again = with_cache[at(2, epoch=1)]
    assert again.features is not None
    assert torch.equal(again.features.deep, made["deep"].half())
    assert same(first, again)
    assert same(first, without[at(2, epoch=1)])
    assert with_cache[at(2)].features is None


@pytest.mark.parametrize("count", [2, 3, 5, 13])
def test_all_pictures_are_met_before_any_again(pictures: Path, count: int) -> None:
    samples = open_samples(pictures, pictures={"discs": count}, masks=1)
    assert len(samples) == count
    met = [case_of(samples[at(number % count, number // count)]) for number in range(20)]
    for start in range(0, 20, 5):
        assert len(set(met[start : start + 5])) == 5
    assert "case5" not in met
    assert met[:5] != met[5:10] or met[:5] != met[10:15]


def test_variants_are_few_and_the_first_is_plain(pictures: Path) -> None:
    samples = open_samples(pictures, variants=2, masks=1)
    names = {(epoch, number): samples[at(number, epoch)].name for epoch in range(4) for number in range(5)}
    assert Counter(variant_of(samples[at(number, epoch)]) for epoch, number in names) == {0: 10, 1: 10}
    assert len(set(names.values())) == 10
    by_name: dict[str, list[LiteSample]] = {}
    for epoch, number in names:
        sample = samples[at(number, epoch)]
        by_name.setdefault(sample.name, []).append(sample)
    for first, second in by_name.values():
        assert torch.equal(first.pixels, second.pixels)
        assert not torch.equal(first.points, second.points) or not torch.equal(first.wanted, second.wanted)


def test_views_have_a_seed_of_their_own(pictures: Path) -> None:
    """Runs with other sessions and another order see the same views, and share what is kept of them."""
    first, same, other = (
        {sample.name: sample for sample in (samples[at(number, 1)] for number in range(5))}
        for samples in (viewed(pictures, *seeds) for seeds in ((0, 0), (7, 0), (7, 7)))
    )
    assert first.keys() == same.keys() == other.keys()
    assert list(first) != list(same)
    for name, sample in first.items():
        assert torch.equal(sample.pixels, same[name].pixels)
        assert not torch.equal(sample.points, same[name].points)
        assert not torch.equal(sample.pixels, other[name].pixels)


def viewed(path: Path, seed: int, of_views: int) -> LiteSamples:
    told = course(seed, variants=2)
    data = told.data.model_copy(update={"seed": of_views})
    return LiteSamples([Store.open(path)], told.model_copy(update={"data": data}), None)


def test_without_variants_every_view_is_new(pictures: Path) -> None:
    samples = open_samples(pictures, masks=1)
    names = [samples[at(number, epoch)].name for epoch in range(3) for number in range(5)]
    assert len(set(names)) == 15
    assert not any(name.endswith("/0") for name in names)


def shares(masks: Masks, view: View, kind: str) -> list[torch.Tensor]:
    """Each mask of a kind as training has it."""
    return [torch.from_numpy(reduced(placed[None], 256))[0] for placed in fine(masks, view, kind)]


def fine(masks: Masks, view: View, kind: str) -> list[Mask]:
    return [view.mask(masks[index]) for index, info in enumerate(masks.infos) if info.kind == kind]


def among(mask: torch.Tensor, masks: list[torch.Tensor]) -> int | None:
    """Which of them it is."""
    return next((number for number, each in enumerate(masks) if torch.equal(each, mask)), None)


def test_a_share_of_truth_each_once_before_any_again(pictures: Path) -> None:
    samples = open_samples(pictures, masks=10, truth_share=0.6, variants=1, session={"box": 1, "both": 0, "mask": 0})
    for number in range(5):
        sample = samples[at(number)]
        case = Store.open(pictures)[case_of(sample)]
        view = plain(case.image.grid)
        truths, others = (shares(case.masks, view, kind) for kind in ("gt", "interactive"))
        drawn = Counter((among(each, truths), among(each, others)) for each in sample.wanted)
        expected = {(0, None): 3, (1, None): 3, (None, 0): 2, (None, 1): 2} if truths else {(None, 0): 5, (None, 1): 5}
        assert drawn == expected
        assert torch.equal(sample.wanted, sample.other)


def test_boxes_are_around_their_masks(pictures: Path) -> None:
    samples = open_samples(pictures, variants=1, session={"box": 1, "both": 0, "mask": 0, "tight": 1})
    sample = samples[at(0)]
    for mask, points, kinds in zip(sample.wanted, sample.points, sample.kinds, strict=True):
        assert kinds[0] == NOTHING
        ys, xs = np.nonzero(mask.numpy() > 0.5)
        around = np.array([xs.min(), ys.min(), xs.max(), ys.max()])
        assert np.abs(points[1:].flatten().numpy() - around).max() < 0.1 * np.ptp(xs) + 2


def test_a_click_wants_the_truth_wherever_it_is_in_one(pictures: Path) -> None:
    samples = open_samples(pictures, masks=12, truth_share=0.5, variants=1, session={"box": 0.2, "both": 0.4})
    told: Counter[str] = Counter()
    for number, epoch in product(range(5), range(3)):
        sample = samples[at(number, epoch)]
        case = Store.open(pictures)[case_of(sample)]
        masks = [fine(case.masks, plain(case.image.grid), kind) for kind in ("gt", "interactive")]
        told.update(meant(sample, row, *masks) for row in range(12) if sample.kinds[row, 0] == INSIDE)
    assert min(told[each] for each in ("both", "truth", "other")) > 5


def test_a_grid_asks_anywhere(pictures: Path) -> None:
    samples = open_samples(pictures, masks=12, grid=0.75, variants=1, session={"box": 1, "both": 0, "mask": 0})
    told: Counter[str] = Counter()
    for number, epoch in product(range(5), range(3)):
        sample = samples[at(number, epoch)]
        assert sample.lone.tolist() == [False] * 3 + [True] * 9
        case = Store.open(pictures)[case_of(sample)]
        masks = [fine(case.masks, plain(case.image.grid), kind) for kind in ("gt", "interactive")]
        for row in range(3, 12):
            x, y = sample.points[row, 0].int().tolist()
            assert x < sample.filled[1]
            assert y < sample.filled[0]
            if any(mask[2 * y, 2 * x] for mask in (*masks[0], *masks[1])):
                told[meant(sample, row, *masks)] += 1
            else:
                told["nothing"] += 1
                assert not sample.wanted[row].any()
                assert not sample.other[row].any()
    assert min(told[each] for each in ("both", "truth", "other", "nothing")) > 0


def meant(sample: LiteSample, row: int, truths: list[Mask], others: list[Mask]) -> str:
    """What is under a click; checks what it is wanted to mean, and what else it may."""
    x, y = (2 * sample.points[row, 0]).int().tolist()
    under_truth, under_others = (
        [torch.from_numpy(reduced(mask[None], 256))[0] for mask in masks if mask[y, x]] for masks in (truths, others)
    )
    wanted, other = sample.wanted[row], sample.other[row]
    if not under_truth:
        assert among(wanted, under_others) is not None
        assert torch.equal(wanted, other)
        return "other"
    assert among(wanted, under_truth) is not None
    if not under_others:
        assert torch.equal(wanted, other)
        return "truth"
    assert among(other, under_others) is not None
    return "both"


def test_small_masks_are_not_asked_for(pictures: Path) -> None:
    """The half disc is the smallest; where nothing is large enough the picture is seen as it is, with all its masks."""
    session = {"box": 1, "both": 0, "mask": 0}
    masks = Store.open(pictures)["case0"].masks
    view = plain(Store.open(pictures)["case0"].image.grid)
    half = min(float(mask.mean()) for mask in fine(masks, view, "interactive"))
    for least, kinds in ((half * 1.1, 3), (0.9, 4)):
        samples = open_samples(pictures, masks=8, least_area=least, variants=1, session=session)
        sample = next(each for each in (samples[at(number)] for number in range(5)) if case_of(each) == "case0")
        assert len({each.numpy().tobytes() for each in sample.wanted}) == kinds
    samples = open_samples(pictures, least_area=0.9, session=session)
    assert {variant_of(samples[at(number, epoch)]) for number in range(5) for epoch in range(2)} == {0}


def test_masks_out_of_sight(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plainly = open_samples(pictures, variants=1)[at(2)]

    def away(grid: tuple[int, int], *_: object) -> View:
        return replace(plain(grid), place=np.array([[1.0, 0, 9999], [0, 1, 0]]))

    monkeypatch.setattr(module, "varied", away)
    sample = open_samples(pictures)[at(2)]
    assert sample.name == plainly.name
    assert torch.equal(sample.pixels, plainly.pixels)


def test_side_by_side(pictures: Path) -> None:
    samples = open_samples(pictures)
    one, other = samples[at(0)], samples[at(1)]
    batch = samples.collate([one, other])
    assert batch.names == (one.name, other.name)
    assert batch.filled == (one.filled, other.filled)
    assert batch.features == (None, None)
    for name in ("pixels", "wanted", "other", "points", "kinds", "lone"):
        assert torch.equal(getattr(batch, name), torch.stack([getattr(one, name), getattr(other, name)]))


def test_several_stores(pictures: Path, tools: dict[str, Any], tmp_path: Path) -> None:
    other = tools["write"](tmp_path / "more.zarr", [tools["record"](number) for number in (7, 8)])
    stores = [Store.open(pictures), Store.open(other)]
    samples = LiteSamples(stores, course(pictures={"more": 3}), None)
    assert len(samples) == 8
    names = [samples[at(number)].name for number in range(8)]
    first, second = (digest_of(store) for store in stores)
    assert [name.split("/")[0] for name in names] == [first] * 5 + [second] * 3
    assert {name.split("/")[1] for name in names[5:]} == {"case7", "case8"}


def test_the_order_of_stores_does_not_matter(pictures: Path, tools: dict[str, Any], tmp_path: Path) -> None:
    """The same picture is seen alike, and has the same name in the cache."""
    other = tools["write"](tmp_path / "more.zarr", [tools["record"](number) for number in (7, 8)])
    stores = [Store.open(pictures), Store.open(other)]
    one, two = (LiteSamples(order, course(variants=3), None) for order in (stores, stores[::-1]))
    mine = {one[at(number, epoch)].name: one[at(number, epoch)].pixels for number in range(7) for epoch in range(3)}
    theirs = {two[at(number, epoch)].name: two[at(number, epoch)].pixels for number in range(7) for epoch in range(3)}
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(pixels, theirs[name]) for name, pixels in mine.items())


def test_truth_alone(pictures: Path) -> None:
    samples = open_samples(pictures, interactive=False, variants=1)
    assert len(samples) == 4
    for number in range(4):
        sample = samples[at(number)]
        case = Store.open(pictures)[case_of(sample)]
        truths = shares(case.masks, plain(case.image.grid), "gt")
        assert Counter(among(each, truths) for each in sample.wanted).keys() == {0, 1}
        assert all(among(each, truths) is not None for each in sample.other)


def test_nothing_to_learn_from(tools: dict[str, Any], tmp_path: Path) -> None:
    tested = tools["record"](0, "test")
    bare = tools["record"](1)
    bare = replace(bare, case=replace(bare.case, masks=bare.case.masks.select([])))
    path = tools["write"](tmp_path / "none.zarr", [tested, bare])
    with pytest.raises(BadStore, match=r"none\.zarr: no picture of the split 'train' has masks"):
        open_samples(path)


def test_empty_masks_are_named(tools: dict[str, Any], tmp_path: Path) -> None:
    empty = tools["record"](0)
    masks = Masks.from_dense(np.zeros((2, 48, 64), bool), tools["infos"](1, 1))
    path = tools["write"](tmp_path / "empty.zarr", [replace(empty, case=replace(empty.case, masks=masks))])
    with pytest.raises(BadStore, match="all masks of case0 are empty"):
        open_samples(path)[at(0)]
