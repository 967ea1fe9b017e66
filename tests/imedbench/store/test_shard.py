import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imedbench.errors import BadStore
from imedbench.store.format import DTYPES, ArraySpec
from imedbench.store.shard import ShardRows, ZarrRows, open_array, write_array

SPEC = ArraySpec("image-32x64", "uint8", (32, 64))


def rows_of(count: int, shape: tuple[int, ...] = (20, 64), dtype: str = "uint8") -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_rows_come_back_and_zarr_reads_the_same_bytes(tmp_path: Path, dtype: str) -> None:
    spec = ArraySpec(f"original-32x64-{dtype}", dtype, (32, 64))
    rows = rows_of(3, dtype=dtype)
    write_array(tmp_path / spec.name, spec, rows)
    direct, plain = open_array(tmp_path / spec.name), ZarrRows(tmp_path / spec.name)
    assert isinstance(direct, ShardRows)
    assert len(direct) == len(plain) == 3
    for index, row in enumerate(rows):
        assert direct.row(index).dtype == plain.row(index).dtype == row.dtype
        assert direct.row(index).tobytes() == plain.row(index).tobytes()
        np.testing.assert_array_equal(direct.row(index)[:20], row)
        assert not direct.row(index)[20:].any()


def test_padding_is_zero_whatever_came_before(tmp_path: Path) -> None:
    write_array(tmp_path / "a", SPEC, [np.full((32, 64), 9, np.uint8), np.full((1, 2), 7, np.uint8)])
    second = open_array(tmp_path / "a").row(1)
    assert second.sum() == 14


def test_zarr_names_the_axes_and_codecs(tmp_path: Path) -> None:
    import zarr

    spec = ArraySpec("image-32x64x3", "uint8", (32, 64, 3))
    write_array(tmp_path / spec.name, spec, rows_of(2, (32, 64, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = zarr.open_array(tmp_path / spec.name, mode="r")
    assert array.metadata.dimension_names == ("row", "y", "x", "channel")
    assert array.shards == (2, 32, 64, 3)
    assert array.chunks == (1, 32, 64, 3)


def test_threads_of_the_compressor_do_not_change_a_byte(tmp_path: Path) -> None:
    from numcodecs import blosc

    spec = ArraySpec("original-512x512-int16", "int16", (512, 512))
    rows = rows_of(2, (512, 512), "int16")
    before = blosc.set_nthreads(1)
    try:
        write_array(tmp_path / "one", spec, rows)
        blosc.set_nthreads(8)
        write_array(tmp_path / "eight", spec, rows)
    finally:
        blosc.set_nthreads(before)
    for name in ("c.0.0.0", "zarr.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "eight" / name).read_bytes()


def test_array_rewritten_by_another_tool_is_read(tmp_path: Path) -> None:
    import zarr

    rows = np.stack(rows_of(5, (32, 64)))
    zarr.create_array(tmp_path / "a", data=rows, chunks=(2, 16, 64), compressors=[zarr.codecs.GzipCodec()])
    found = open_array(tmp_path / "a")
    assert isinstance(found, ZarrRows)
    np.testing.assert_array_equal(np.stack([found.row(index) for index in range(len(found))]), rows)
    with pytest.raises(IndexError):
        found.row(5)


def test_shard_written_by_zarr_with_absent_chunks_is_read(tmp_path: Path) -> None:
    import zarr

    write_array(tmp_path / "a", SPEC, rows_of(3, (32, 64)))
    array = zarr.open_array(tmp_path / "a", mode="r+")
    array[1] = 0
    found = open_array(tmp_path / "a")
    assert isinstance(found, ShardRows)
    assert not found.row(1).any()
    np.testing.assert_array_equal(found.row(2), array[2])


@pytest.mark.parametrize("index", [-1, 3])
def test_rows_that_are_not_there_are_refused(tmp_path: Path, index: int) -> None:
    write_array(tmp_path / "a", SPEC, rows_of(3))
    with pytest.raises(IndexError, match=f"row {index} of 3"):
        open_array(tmp_path / "a").row(index)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a"
    write_array(path, SPEC, rows_of(2))
    return path


@settings(deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed_or_harmless(sound: Path, place: int, bit: int) -> None:
    shard = sound / "c.0.0.0"
    content = bytearray(shard.read_bytes())
    expected = [open_array(sound).row(index).copy() for index in range(2)]
    flipped = bytearray(content)
    flipped[place % len(content)] ^= 1 << bit
    try:
        shard.write_bytes(flipped)
        for index in range(2):
            try:
                found = open_array(sound).row(index)
            except BadStore as error:
                assert "c.0.0.0: row" in str(error)
            else:
                np.testing.assert_array_equal(found, expected[index])
    finally:
        shard.write_bytes(content)


@pytest.mark.parametrize("left", [0, 3, 20, 500])
def test_shard_that_is_cut_short_is_refused(tmp_path: Path, left: int) -> None:
    write_array(tmp_path / "a", SPEC, rows_of(2))
    shard = tmp_path / "a" / "c.0.0.0"
    shard.write_bytes(shard.read_bytes()[:left])
    with pytest.raises(BadStore, match=r"c\.0\.0\.0: row 1 .* damaged"):
        open_array(tmp_path / "a").row(1)


def test_array_without_metadata_or_shard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadStore, match="cannot be opened"):
        open_array(tmp_path / "none")
    write_array(tmp_path / "a", SPEC, rows_of(1))
    (tmp_path / "a" / "zarr.json").write_text(json.dumps({"shape": 3}))
    with pytest.raises(BadStore, match="cannot be opened"):
        open_array(tmp_path / "a")
    write_array(tmp_path / "b", SPEC, rows_of(1))
    (tmp_path / "b" / "c.0.0.0").unlink()
    with pytest.raises(BadStore, match="cannot be opened"):
        open_array(tmp_path / "b")
