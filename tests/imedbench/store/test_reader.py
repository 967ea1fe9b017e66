import pickle
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from imedbench.errors import BadStore, UnknownName
from imedbench.masks import Masks
from imedbench.store import Record, Store
from imedbench.types import Case, Image

Build = Callable[[Sequence[Sequence[Record]]], Path]


def same_masks(ours: Masks, theirs: Masks) -> None:
    assert ours.shape == theirs.shape
    assert ours.infos == theirs.infos
    for name in ("indptr", "starts", "lengths"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def same_image(ours: Image, theirs: Image) -> None:
    assert ours.voxels.dtype == theirs.voxels.dtype
    np.testing.assert_array_equal(ours.voxels, theirs.voxels)
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    for name in ("spacing_mm", "modality", "channels", "grid"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert (ours.source is None) == (theirs.source is None)
    if ours.source and theirs.source:
        np.testing.assert_array_equal(ours.source.affine, theirs.source.affine)
        assert (ours.source.axes, ours.source.flipped) == (theirs.source.axes, theirs.source.flipped)


def same_case(ours: Case, theirs: Case) -> None:
    for name in ("id", "split", "dataset", "patient", "study", "provenance"):
        assert getattr(ours, name) == getattr(theirs, name)
    same_image(ours.image, theirs.image)
    same_masks(ours.masks, theirs.masks)


def test_every_case_comes_back_as_it_went_in(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records[:3], records[3:]]))
    assert len(store) == len(records)
    assert list(store) == list(store.ids) == [record.case.id for record in records]
    for record in records:
        same_case(store[record.case.id], record.case)
        same_image(store.image(record.case.id), record.case.image)
        same_masks(store.case_masks(record.case.id), record.case.masks)


def test_reading_cases_leaves_the_index_on_disk(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records[:3], records[3:]]))
    for case in store:
        store.original(case)
    assert len(store) == len(records)
    assert not {"cases", "masks"} & vars(store).keys()


def test_original_intensities_are_kept_once(build: Build, records: list[Record]) -> None:
    path = build([records])
    store = Store.open(path)
    volume = records[0].case.image
    for record in records:
        original = store.original(record.case.id)
        if record.parent:
            expected = volume.voxels.take(record.index, record.axis)[::-1, ::-1]
        else:
            expected = (record.original or record.case.image).voxels
        assert original.voxels.dtype == expected.dtype
        np.testing.assert_array_equal(original.voxels, expected)
        assert original.spacing_mm == record.case.image.spacing_mm
        assert original.window == (None if original.voxels.dtype == np.uint8 else record.window)
    stored = sorted(entry.name for entry in (path / "parts/00000").iterdir() if entry.name.startswith("original"))
    assert stored == ["original-32x64-int16", "original-64x64-uint16"]


def test_slice_finds_its_volume_in_another_part(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records[1:], records[:1]]))
    expected = records[0].case.image.voxels[:, 19][::-1, ::-1]
    np.testing.assert_array_equal(store.original("volume/y0019").voxels, expected)


def test_a_path_may_be_text(build: Build, records: list[Record]) -> None:
    path = build([records])
    assert Store.open(str(path)).path == path


def test_name_tag_and_problems(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records]))
    assert (store.info.name, store.info.settings, store.info.version) == ("made", {"seed": 1}, {"imedbench": "0"})
    problem = {"study": "broken", "path": "raw/broken.nii.gz", "error": "raw/broken.nii.gz: cut short."}
    assert store.problems.to_pylist() == [problem]


def test_scan_gives_the_tables_piece_by_piece(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records[:4], records[4:]]))
    ids = [name for batch in store.scan("cases", ["id"]) for name in batch.column("id").to_pylist()]
    assert ids == list(store.ids)
    assert sum(batch.num_rows for batch in store.scan("masks")) == store.masks.num_rows


def test_pickled_store_reads_on(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records]))
    store.image("grey")
    same_case(pickle.loads(pickle.dumps(store))["grey"], records[4].case)


def test_threads_read_together(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records]))
    wanted = [record.case for record in records] * 8
    with ThreadPoolExecutor(8) as pool:
        for ours, theirs in zip(pool.map(lambda case: store[case.id], wanted), wanted, strict=True):
            same_case(ours, theirs)


def test_unknown_case_names_its_neighbours(build: Build, records: list[Record]) -> None:
    with pytest.raises(UnknownName, match=r"no case called 'volumes'; there are: .*volume/z0003"):
        Store.open(build([records]))["volumes"]


def test_empty_store_is_a_store(build: Build) -> None:
    store = Store.open(build([[], []]))
    assert len(store) == 0
    with pytest.raises(UnknownName):
        store["anything"]


def test_slice_without_its_volume_says_so(build: Build, records: list[Record]) -> None:
    store = Store.open(build([records[1:]]))
    with pytest.raises(BadStore, match=r"case 'volume/y0019' .* its volume 'volume' is not in the store"):
        store.original("volume/y0019")


def test_damaged_chunk_names_the_case_and_the_file(build: Build, records: list[Record]) -> None:
    path = build([records])
    shard = path / "parts/00000/masks-2d/c.0.0"
    content = bytearray(shard.read_bytes())
    content[40] ^= 1
    shard.write_bytes(content)
    store = Store.open(path)
    with pytest.raises(BadStore, match=r"case 'volume/z0003' cannot be read: .*masks-2d.*row 0 .*checksum"):
        store["volume/z0003"]
    assert store["grey"].id == "grey"


def test_lost_array_names_the_case(build: Build, records: list[Record]) -> None:
    path = build([records])
    shutil.rmtree(path / "parts/00000/masks-3d")
    with pytest.raises(BadStore, match=r"case 'volume' cannot be read: .*masks-3d"):
        Store.open(path)["volume"]


def test_lost_group_names_the_part(build: Build, records: list[Record]) -> None:
    path = build([records])
    (path / "parts/00000/zarr.json").unlink()
    with pytest.raises(BadStore, match=r"case 'grey' .*00000: this part"):
        Store.open(path).case_masks("grey")


@pytest.mark.parametrize("table", ["cases", "masks", "problems"])
def test_damaged_index_is_named(build: Build, records: list[Record], table: str) -> None:
    path = build([records])
    (path / f"{table}.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadStore, match=f"{table}.parquet: this index"):
        getattr(Store.open(path), table)
