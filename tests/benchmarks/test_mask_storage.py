"""Bytes a mask and time to decode, on the published interactive masks of BTCV, against what others use."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.masks import Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

coco = pytest.importorskip("pycocotools.mask")
# pycocotools 2.0.11 with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
MICROSECOND = 1e-6
BYTES_A_MASK = 160
DECODE_S = 50 * MICROSECOND
TIMES_FASTER = 5
BOXES_FASTER = 4.5
"""5.0 to 5.6 times were measured on quiet machines, 4.98 on a busy one; what is asserted must hold there too."""
READ_FASTER = 2
COMPARED = 60


@pytest.fixture(scope="session")
def published(slices: Any) -> list[Masks]:
    return [one.interactive() for one in slices]


@pytest.fixture(scope="session")
def sixty(published: list[Masks]) -> Masks:
    return Masks.concatenate(published[:3]).select(range(COMPARED))


@pytest.fixture(scope="session")
def sixty_coco(sixty: Masks) -> list[Any]:
    return [coco.encode(np.asfortranarray(mask, np.uint8)) for mask in sixty]


def stored(folder: Path, published: list[Masks]) -> Path:
    """A store of the masks, on empty pictures."""
    create_store(folder, StoreInfo("btcv", {}, {}, {}))
    with PartWriter(folder, 0) as writer:
        for number, masks in enumerate(published):
            image = Image(np.zeros(masks.shape, np.uint8), (1.0, 1.0), np.eye(4), "ct")
            writer.add(Record(Case(str(number), image, masks, "train", "btcv", "p", str(number))))
    finish_store(folder, [])
    return folder


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def scipy_bytes(masks: Masks) -> int:
    """The authors' layout of labels: one-hot rows of a CSR matrix in an npz file."""
    from scipy import sparse

    file = io.BytesIO()
    sparse.save_npz(file, masks.csr().astype(np.int32))
    return file.tell()


def npy_bytes(masks: Masks) -> int:
    """The authors' layout of interactive masks: an int64 label map in an npy file."""
    file = io.BytesIO()
    np.save(file, np.zeros((*masks.shape, 1), np.int64))
    return file.tell()


@pytest.mark.slow
def test_bytes_a_mask(
    published: list[Masks], tmp_path: Path, benchmark: Any, record_property: Callable[[str, object], None]
) -> None:
    path = benchmark.pedantic(stored, (tmp_path / "store", published), rounds=1)
    part = path / "parts/00000"
    # Everything that reading the masks takes: chunks, index of the shard, metadata, names of targets.
    ours = size_of(part / "masks-2d") + (part / "zarr.json").stat().st_size
    count = sum(map(len, published))
    bytes_a_mask = {
        "imedbench": ours / count,
        "index in Parquet": (part / "masks.parquet").stat().st_size / count,
        "COCO RLE": sum(len(coco.encode(np.asfortranarray(m, np.uint8))["counts"]) for p in published for m in p)
        / count,
        "scipy npz": sum(map(scipy_bytes, published)) / count,
        "authors' npy": sum(map(npy_bytes, published)) / count,
    }
    record_property("bytes_a_mask", bytes_a_mask)
    benchmark.extra_info.update(bytes_a_mask)
    assert count == 5106
    assert bytes_a_mask["imedbench"] <= BYTES_A_MASK
    assert bytes_a_mask["COCO RLE"] / bytes_a_mask["imedbench"] >= 2
    assert bytes_a_mask["scipy npz"] / bytes_a_mask["imedbench"] >= 40
    assert bytes_a_mask["authors' npy"] / bytes_a_mask["imedbench"] >= 400
    store = Store.open(path)
    for number, masks in enumerate(published):
        found = store.case_masks(str(number))
        np.testing.assert_array_equal(found.starts, masks.starts)
        np.testing.assert_array_equal(found.lengths, masks.lengths)


def test_decoding_one_mask(
    sixty: Masks, sixty_coco: list[Any], benchmark: Any, fastest: Any, times_faster: Any
) -> None:
    middle = int(np.argsort(np.diff(sixty.indptr))[COMPARED // 2])
    dense = benchmark(sixty.decode, middle)
    np.testing.assert_array_equal(dense, coco.decode(sixty_coco[middle]))
    seconds = fastest(lambda: sixty.decode(middle), 200)
    ratio = times_faster(lambda: coco.decode(sixty_coco[middle]), lambda: sixty.decode(middle), TIMES_FASTER)
    benchmark.extra_info.update(microseconds=seconds / MICROSECOND, times_faster=ratio)
    assert seconds <= DECODE_S
    assert ratio >= TIMES_FASTER, ratio


def test_reading_a_case_from_disk(published: list[Masks], tmp_path: Path, benchmark: Any, times_faster: Any) -> None:
    """Row to dense arrays, all masks of a case, against COCO RLE in memory."""
    store = Store.open(stored(tmp_path / "store", published[:4]))
    case = published[1]
    encoded = [coco.encode(np.asfortranarray(mask, np.uint8)) for mask in case]
    masks = benchmark(lambda: list(store.case_masks("1")))
    np.testing.assert_array_equal(masks, list(case))
    ratio = times_faster(
        lambda: [coco.decode(mask) for mask in encoded], lambda: list(store.case_masks("1")), READ_FASTER
    )
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= READ_FASTER, ratio


@pytest.mark.parametrize("operation", ["areas", "overlaps"])
def test_operation(sixty: Masks, sixty_coco: list[Any], operation: str, benchmark: Any, times_faster: Any) -> None:
    ours, theirs = {
        "areas": (lambda: sixty.areas(), lambda: coco.area(sixty_coco)),
        "overlaps": (lambda: _fresh_overlaps(sixty), lambda: coco.iou(sixty_coco, sixty_coco, [0] * COMPARED)),
    }[operation]
    np.testing.assert_allclose(benchmark(ours), theirs())
    ratio = times_faster(theirs, ours, TIMES_FASTER)
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= TIMES_FASTER, ratio


def test_boxes(sixty: Masks, sixty_coco: list[Any], benchmark: Any, times_faster: Any) -> None:
    """Theirs are one pass in C over the runs of each mask, ours a few in numpy over all of them at once."""
    boxes = benchmark(sixty.boxes)
    corner_and_size = np.concatenate([boxes[:, 0, ::-1], (boxes[:, 1] - boxes[:, 0])[:, ::-1]], axis=1)
    np.testing.assert_array_equal(corner_and_size, coco.toBbox(sixty_coco))
    # Ours take 12 microseconds: of many calls one is not disturbed.
    ratio = times_faster(lambda: coco.toBbox(sixty_coco), sixty.boxes, BOXES_FASTER, 2000)
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= BOXES_FASTER, ratio


def test_operations_together(sixty: Masks, sixty_coco: list[Any], benchmark: Any, times_faster: Any) -> None:
    def ours() -> None:
        fresh = replace(sixty)
        fresh.areas(), fresh.boxes(), fresh.overlaps(fresh)

    def theirs() -> None:
        coco.area(sixty_coco), coco.toBbox(sixty_coco), coco.iou(sixty_coco, sixty_coco, [0] * COMPARED)

    benchmark(ours)
    ratio = times_faster(theirs, ours, TIMES_FASTER)
    benchmark.extra_info.update(times_faster=ratio)
    assert ratio >= TIMES_FASTER, ratio


def _fresh_overlaps(masks: Masks) -> Any:
    """Without what an earlier call has kept."""
    fresh = replace(masks)
    return fresh.overlaps(fresh)
