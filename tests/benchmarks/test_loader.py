"""A training sample from the store, against a loader that does what the one of IMed-361M's authors does.

Theirs reads a one-hot CSR file of labels and a label map of regions, makes both dense, resizes every class, cleans
every region by opening, closing and labelling, and only then draws the few masks that it needs.
"""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

CASES = 6
DRAWN = 5
SMALLEST = 0.0005
TIMES_FASTER = 20


@pytest.fixture(scope="session")
def store(slices: Any, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("loader") / "store"
    names = json.loads((shared_data / "btcv/dataset.json").read_text())["labels"]
    create_store(path, StoreInfo("btcv", {}, {}, {}))
    with PartWriter(path, 0) as writer:
        for one in slices[:CASES]:
            truth = Masks.from_dense(dense_labels(one.label), [MaskInfo(names[str(row)]) for row in range(1, 14)])
            truth = truth.select(np.flatnonzero(truth.areas()))
            image = Image(grey(one.image), (1.0, 1.0), np.eye(4), "ct")
            masks = Masks.concatenate([truth, one.interactive()])
            writer.add(Record(Case(one.name, image, masks, "train", "btcv", one.name, one.name)))
    finish_store(path, [])
    return Store.open(path)


def grey(path: Path) -> np.ndarray:
    from PIL import Image as Pillow

    return np.array(Pillow.open(path).convert("L"))


def dense_labels(path: Path) -> np.ndarray:
    """(classes, rows, columns); the shape stands in the name of the file."""
    from scipy import sparse

    return sparse.load_npz(path).toarray().reshape(ast.literal_eval(path.name.split(".")[-2]))[..., 0]


def their_sample(one: Any, size: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Picture, masks, points and boxes, made the long way."""
    from PIL import Image as Pillow

    def nearest(plane: np.ndarray) -> np.ndarray:
        return np.array(Pillow.fromarray(plane).resize((size, size), Pillow.Resampling.NEAREST))

    picture = nearest(np.repeat(grey(one.image)[..., None], 3, axis=2)).transpose(2, 0, 1)
    normal = ((picture - np.array([123.675, 116.28, 103.53])[:, None, None]) / 58.0).astype(np.float32)
    labels = np.stack([nearest(plane.astype(np.int32)) for plane in dense_labels(one.label)])
    regions = cleaned(nearest(np.load(one.regions)["arr_0"].reshape(512, 512).astype(np.float32) - 1))
    classes = np.flatnonzero(labels.sum((1, 2)))
    values = np.setdiff1d(np.unique(regions), [-1])
    masks = np.concatenate(
        [
            labels[rng.choice(classes, DRAWN, replace=len(classes) < DRAWN)] > 0,
            [regions == value for value in rng.choice(values, DRAWN, replace=len(values) < DRAWN)],
        ]
    )
    points, boxes = zip(*(point_and_box(mask, rng) for mask in masks), strict=True)
    return normal, masks.astype(np.float32), np.array(points), np.array(boxes)


def cleaned(regions: np.ndarray) -> np.ndarray:
    """Each region opened, closed and rid of small components; small regions go."""
    from scipy import ndimage

    least = regions.size * SMALLEST
    for value in np.unique(regions):
        before = regions == value
        if before.sum() < least or value == -1:
            regions[before] = -1
            continue
        after = ndimage.binary_closing(ndimage.binary_opening(before))
        components, count = ndimage.label(after)
        sizes = ndimage.sum(after, components, range(count + 1))
        for small in np.flatnonzero(sizes < least):
            after[components == small] = False
        regions[before] = -1
        regions[after] = value
    return regions


def point_and_box(mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One of the half of the voxels nearest to the centroid, and a box that moves by up to 5."""
    inside = np.argwhere(mask)
    order = np.argsort(((inside - inside.mean(0)) ** 2).sum(1))
    box = np.stack([inside.min(0), inside.max(0)]) + rng.integers(-5, 6, (2, 2))
    return inside[rng.choice(order[: max(1, len(order) // 2)])], box.clip(0, len(mask) - 1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [256, 1024])
def test_training_sample(store: Store, slices: Any, size: int, benchmark: Any, fastest: Any) -> None:
    import cv2
    import torch

    from imedbench.store.loader import InteractiveDataset, SampleSettings

    dataset = InteractiveDataset(store, SampleSettings(size=size, box_jitter=5))
    rng = np.random.default_rng(0)
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        sample = benchmark(dataset.__getitem__, 0)
        ours = fastest(lambda: [dataset[index] for index in range(CASES)], 5) / CASES
        theirs = fastest(lambda: [their_sample(one, size, rng) for one in slices[:2]], 2) / 2
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)
    assert sample.masks.shape == (2 * DRAWN, size, size)
    benchmark.extra_info.update(milliseconds=1e3 * ours, their_milliseconds=1e3 * theirs, times_faster=theirs / ours)
    assert theirs / ours >= TIMES_FASTER
