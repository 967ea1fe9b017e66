import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imedbench.store
from imedbench.build.plan import IMAGES_PER_PART
from imedbench.store import Record, Store
from imedbench.store.format import MASK_ARRAYS, MOST_ARRAYS, Extent, choose_arrays, padded

Build = Callable[[Sequence[Sequence[Record]]], Path]
SPECIFICATION = Path(imedbench.store.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
IMAGES = 6_400_000
MOST_FILES = 200_000
EXAMPLE = re.search(r"```python\n(.*?)```", SPECIFICATION, re.DOTALL)


@pytest.mark.parametrize("case", ["grey", "colour", "single", "deep", "volume/z0003", "volume/y0019", "volume"])
def test_example_of_the_specification_reads_a_case(build: Build, records: list[Record], case: str) -> None:
    assert EXAMPLE
    code = EXAMPLE[1]
    assert "imedbench" not in code
    found: dict[str, object] = {"store": build([records[:2], records[2:]]), "case": case}
    exec(code, found)
    truth = next(record.case for record in records if record.case.id == case)
    np.testing.assert_array_equal(found["masks"], list(truth.masks) or np.zeros((0, *truth.masks.shape)))
    assert found["names"] == [mask.target for mask in truth.masks.infos]
    assert np.asarray(found["kinds"]).tolist() == [mask.kind == "interactive" for mask in truth.masks.infos]
    if len(truth.image.grid) == 2:
        np.testing.assert_array_equal(found["picture"], truth.image.voxels)


def test_example_is_short() -> None:
    assert EXAMPLE
    assert len(EXAMPLE[1].strip().splitlines()) <= 16


def test_zarr_reads_a_volume_as_planes(build: Build, records: list[Record]) -> None:
    import zarr

    path = build([records])
    row = Store.open(path).cases.to_pylist()[0]
    planes = zarr.open_group(path, mode="r")[f"parts/00000/{row['original_array']}"]
    first = row["original_row"]
    np.testing.assert_array_equal(planes[first : first + 5, :20, :37], records[0].case.image.voxels)


@given(st.integers(1, 20_000), st.integers(0, 3))
def test_ladder_holds_the_side_with_little_waste(side: int, coarseness: int) -> None:
    size = padded(side, coarseness)
    assert size >= side
    assert size % 32 == 0
    assert size - side < max(32 * 2**coarseness, side / 8)


def test_common_sizes_need_no_padding() -> None:
    for side in (32, 64, 96, 128, 256, 320, 512, 1024, 2048):
        assert padded(side) == side


def test_images_of_all_sizes_share_few_arrays() -> None:
    rng = np.random.default_rng(0)
    sizes = [(int(h), int(w)) for h, w in rng.integers(20, 3000, (1024, 2))]
    specs = choose_arrays(
        [Extent("image", size, (3,), "uint8") for size in sizes]
        + [Extent("original", size, (), "uint16") for size in sizes]
    )
    assert len({spec.name for spec in specs}) <= MOST_ARRAYS - len(MASK_ARRAYS)
    for size, spec in zip(sizes * 2, specs, strict=True):
        assert all(side <= room for side, room in zip(size, spec.chunk, strict=False))


def test_more_types_than_arrays_are_one_array_each() -> None:
    types = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    extents = [
        Extent("original", (30, side), tail, kind) for kind in types for tail in ((), (3,)) for side in (30, 900)
    ]
    assert len({spec.name for spec in choose_arrays(extents)}) == 16


def test_six_million_images_stay_under_two_hundred_thousand_files() -> None:
    a_part = 1 + 2 + 2 * MOST_ARRAYS
    parts = -(-IMAGES // IMAGES_PER_PART)
    above = 6
    assert parts * a_part + above < MOST_FILES


def test_files_of_a_part_are_those_of_the_arithmetic(build: Build, records: list[Record]) -> None:
    path = build([records])
    part = path / "parts/00000"
    arrays = [entry for entry in part.iterdir() if entry.is_dir()]
    assert sum(entry.is_file() for entry in part.rglob("*")) == 1 + 2 + 2 * len(arrays)
    assert all(sum(1 for _ in array.iterdir()) == 2 for array in arrays)


def test_specification_states_the_limits() -> None:
    assert f"more than {MOST_ARRAYS} arrays" in SPECIFICATION
    assert f"at most {1 + 2 + 2 * MOST_ARRAYS} files" in SPECIFICATION
    assert f"at most {-(-IMAGES // IMAGES_PER_PART) * (1 + 2 + 2 * MOST_ARRAYS):,} files" in SPECIFICATION


def test_specification_names_every_column() -> None:
    from imedbench.store.index import schema

    index = SPECIFICATION.split("## 6. Index")[1]
    for table in ("cases", "masks", "problems"):
        for column in schema(table).names:
            assert f"`{column}`" in index, f"{table}.{column} is not in FORMAT.md"
