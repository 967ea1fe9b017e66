import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from imedbench.errors import BadStore
from imedbench.masks import MaskInfo, Masks
from imedbench.store import Record, Store
from imedbench.store.loader import Batch, EpochSampler, InteractiveDataset, Sample, SampleSettings, collate

SMALL = SampleSettings(size=64, truth=3, interactive=2)


@pytest.fixture
def store(build: Any, records: list[Record]) -> Store:
    return Store.open(build([records[:4], records[4:]]))


def equal(ours: Sample, theirs: Sample) -> bool:
    tensors = ("image", "masks", "points", "boxes", "interactive")
    same = all(torch.equal(getattr(ours, name), getattr(theirs, name)) for name in tensors)
    return same and ours.case == theirs.case and ours.targets == theirs.targets


def test_sample_has_the_shapes_and_types_it_says(store: Store) -> None:
    sample = InteractiveDataset(store, SMALL)[0]
    assert (sample.image.shape, sample.image.dtype) == ((3, 64, 64), torch.uint8)
    assert (sample.masks.shape, sample.masks.dtype) == ((5, 64, 64), torch.bool)
    assert (sample.points.shape, sample.points.dtype) == ((5, 2), torch.float32)
    assert (sample.boxes.shape, sample.boxes.dtype) == ((5, 2, 2), torch.float32)
    assert sample.interactive.tolist() == [False, False, False, True, True]
    assert len(sample.targets) == 5
    assert set(sample.targets[:3]) <= {"liver", "left kidney"}


def test_prompts_belong_to_their_masks(store: Store) -> None:
    dataset = InteractiveDataset(store, SMALL)
    for index in range(len(dataset)):
        sample = dataset[3, index]
        for mask, point, box in zip(sample.masks, sample.points.int(), sample.boxes, strict=True):
            assert mask[point[0], point[1]]
            inside = mask.nonzero()
            assert box[0].tolist() == inside.min(0).values.tolist()
            assert box[1].tolist() == (inside.max(0).values + 1).tolist()


def test_only_pictures_of_the_split_with_all_kinds_are_drawn(store: Store) -> None:
    drawn = InteractiveDataset(store, SMALL)
    assert [drawn[index].case for index in range(len(drawn))] == [
        "volume/z0003", "volume/y0019", "volume/x0000", "grey", "deep",
    ]  # fmt: skip
    truth = InteractiveDataset(store, replace(SMALL, interactive=0))
    assert [truth[index].case for index in range(len(truth))][-1] == "same"
    assert len(InteractiveDataset(store, replace(SMALL, split="test"))) == 1


def test_nothing_to_draw_is_said_at_once(store: Store) -> None:
    with pytest.raises(BadStore, match="no picture of the split 'external' has the masks"):
        InteractiveDataset(store, replace(SMALL, split="external"))


def test_masks_are_drawn_without_replacement_where_they_suffice(store: Store) -> None:
    dataset = InteractiveDataset(store, replace(SMALL, truth=3, interactive=2))
    grey = next(index for index in range(len(dataset)) if dataset[index].case == "grey")
    for epoch in range(20):
        masks = dataset[epoch, grey].masks
        assert len({tuple(mask.flatten().tolist()) for mask in masks}) == 5
    many = InteractiveDataset(store, replace(SMALL, truth=7))[grey]
    distinct = {tuple(mask.flatten().tolist()) for mask in many.masks[:7]}
    assert 1 <= len(distinct) <= 3


def test_draw_depends_on_seed_epoch_and_case_alone(store: Store, records: list[Record], tmp_path: Path) -> None:
    one = InteractiveDataset(store, SMALL)
    assert equal(one[2, 3], InteractiveDataset(store, SMALL)[2, 3])
    assert equal(one[3], one[0, 3])
    assert not equal(one[2, 3], one[3, 3])
    assert not equal(one[2, 3], InteractiveDataset(store, replace(SMALL, seed=1))[2, 3])


def test_order_of_the_store_does_not_matter(build: Any, records: list[Record]) -> None:
    ahead = InteractiveDataset(Store.open(build([records])), SMALL)
    samples = {ahead[index].case: ahead[index] for index in range(len(ahead))}
    shutil.rmtree(ahead.store.path)
    behind = InteractiveDataset(Store.open(build([records[::-1]])), SMALL)
    for index in range(len(behind)):
        assert equal(behind[index], samples[behind[index].case])


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_give_the_same_batches(store: Store, workers: int) -> None:
    dataset = InteractiveDataset(store, SMALL)
    sampler = EpochSampler(len(dataset), seed=5)
    loader = DataLoader(
        dataset,
        batch_size=2,
        sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
    )
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        batches = list(loader)
        order = list(sampler)
        assert all(isinstance(batch, Batch) for batch in batches)
        assert [name for batch in batches for name in batch.cases] == [dataset[key].case for key in order]
        expected = torch.cat([dataset[key].points[None] for key in order])
        assert torch.equal(torch.cat([batch.points for batch in batches]), expected)


def test_batch_stacks_samples(store: Store) -> None:
    dataset = InteractiveDataset(store, SMALL)
    batch = collate([dataset[0], dataset[3]])
    assert batch.cases == ("volume/z0003", "grey")
    assert (batch.image.shape, batch.masks.shape, batch.boxes.shape) == ((2, 3, 64, 64), (2, 5, 64, 64), (2, 5, 2, 2))
    assert batch.targets[1] == dataset[3].targets


def test_sampler_shares_every_case_once_an_epoch() -> None:
    samplers = [EpochSampler(10, seed=1, rank=rank, replicas=4) for rank in range(4)]
    drawn = [list(sampler) for sampler in samplers]
    assert [len(part) for part in drawn] == [len(sampler) for sampler in samplers] == [3] * 4
    counts = Counter(index for part in drawn for _, index in part)
    assert set(counts) == set(range(10))
    assert sorted(counts.values()) == [1] * 8 + [2] * 2
    for sampler in samplers:
        sampler.set_epoch(1)
    assert [list(sampler) for sampler in samplers] != drawn


def test_jittered_boxes_keep_a_pixel_and_stay_inside(store: Store) -> None:
    dataset = InteractiveDataset(store, replace(SMALL, box_jitter=20))
    tight = InteractiveDataset(store, SMALL)
    moved = 0
    for epoch in range(30):
        boxes = dataset[epoch, 3].boxes
        moved += int((boxes != tight[epoch, 3].boxes).any())
        assert (boxes[:, 1] > boxes[:, 0]).all()
        assert boxes.min() >= 0
        assert boxes.max() <= 64
    assert moved == 30


def test_pictures_of_one_two_and_three_channels(build: Any, records: list[Record]) -> None:
    colour = next(record for record in records if record.case.id == "colour").case
    pair = replace(colour, id="pair", image=replace(colour.image, voxels=colour.image.voxels[..., :2]))
    store = Store.open(build([[Record(colour), Record(pair)]]))
    settings = SampleSettings(size=33, split="test", truth=1, interactive=1, interpolation="nearest")
    dataset = InteractiveDataset(store, replace(settings, size=64))
    np.testing.assert_array_equal(
        dataset[0].image.numpy()[:, ::2][:, :32], np.moveaxis(_tall(colour), 2, 0)[:, ::2][:, :32]
    )
    assert torch.equal(dataset[1].image[:2], dataset[0].image[:2])
    mean = dataset[1].image[:2].double().mean(0).floor()
    assert torch.equal(dataset[1].image[2].double(), mean)


def _tall(case: Any) -> np.ndarray:
    rows = (2 * np.arange(64) + 1) * 33 // 128
    return case.image.voxels[rows]


def test_grey_is_repeated_and_large_pictures_are_averaged(build: Any, records: list[Record]) -> None:
    grey = records[4].case
    checks = np.indices((128, 128)).sum(0) % 2 * 200
    image = replace(grey.image, voxels=checks.astype(np.uint8))
    masks = Masks.from_dense([np.ones((128, 128), bool)], [MaskInfo("liver")])
    store = Store.open(build([[Record(replace(grey, image=image, masks=masks))]]))
    sample = InteractiveDataset(store, SampleSettings(size=64, truth=1, interactive=0))[0]
    assert (sample.image == 100).all()


def test_damaged_case_is_named_and_not_replaced(store: Store) -> None:
    shard = next((store.path / "parts/00001").glob("masks-2d/c*"))
    content = bytearray(shard.read_bytes())
    content[30] ^= 4
    shard.write_bytes(content)
    dataset = InteractiveDataset(store, SMALL)
    with pytest.raises(BadStore, match="case 'grey' cannot be read"):
        dataset[3]


def test_case_whose_masks_are_all_empty_is_named(build: Any, records: list[Record]) -> None:
    empty = Masks.from_dense([np.zeros((40, 51), bool)], [MaskInfo("liver")])
    store = Store.open(build([[Record(replace(records[4].case, masks=empty))]]))
    with pytest.raises(BadStore, match="case 'grey' cannot be read: all its gt masks are empty"):
        InteractiveDataset(store, SampleSettings(size=64, truth=1, interactive=0))[0]


@pytest.mark.parametrize("index", [-1, 5])
def test_samples_that_are_not_there_are_refused(store: Store, index: int) -> None:
    with pytest.raises(IndexError):
        InteractiveDataset(store, SMALL)[index]
