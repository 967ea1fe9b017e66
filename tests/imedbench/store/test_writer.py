import hashlib
import json
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.errors import BadStore
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store, finished_parts

TAG = StoreInfo("made", {}, {}, {})
# Run in a process of its own: reads records from its input and writes them as a part, or dies on the way.
WRITE = """
import os, pickle, signal, sys
from pathlib import Path
from imedbench.store import PartWriter
store, part, end = sys.argv[1:]
with PartWriter(Path(store), int(part)) as writer:
    for record in pickle.load(sys.stdin.buffer):
        writer.add(record)
    if end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def digests(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def write_part(store: Path, part: int, records: list[Record]) -> None:
    with PartWriter(store, part) as writer:
        for record in records:
            writer.add(record)


def begin_part(store: Path, part: int, records: list[Record], end: str = "well") -> "subprocess.Popen[bytes]":
    """Starts a process that writes a part."""
    command = [sys.executable, "-c", WRITE, str(store), str(part), end]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin
    with process.stdin:
        pickle.dump(records, process.stdin)
    return process


def test_same_input_gives_the_same_files(tmp_path: Path, records: list[Record]) -> None:
    for name in ("one", "two"):
        create_store(tmp_path / name, TAG)
        write_part(tmp_path / name, 0, records)
        finish_store(tmp_path / name, [])
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) > 15


def test_parallel_writers_give_the_same_files(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path / "serial", TAG)
    create_store(tmp_path / "parallel", TAG)
    parts = [records[:1], records[1:4], records[4:]]
    writers = [begin_part(tmp_path / "parallel", number, part) for number, part in enumerate(parts)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for number in (2, 0, 1):
        write_part(tmp_path / "serial", number, parts[number])
    for name in ("serial", "parallel"):
        finish_store(tmp_path / name, [])
    assert digests(tmp_path / "serial") == digests(tmp_path / "parallel")


def test_killed_writer_leaves_nothing_that_counts(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path / "store", TAG)
    write_part(tmp_path / "store", 0, records[4:])
    assert begin_part(tmp_path / "store", 1, records, "killed").wait() == -signal.SIGKILL
    parts = tmp_path / "store/parts"
    assert any(entry.name.startswith(".unfinished-00001-") for entry in parts.iterdir())
    assert finished_parts(tmp_path / "store") == {0}
    create_store(tmp_path / "store", TAG)
    assert sorted(entry.name for entry in parts.iterdir()) == ["00000", "zarr.json"]


def test_failed_writer_leaves_nothing_at_all(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path, TAG)
    with pytest.raises(RuntimeError, match="on purpose"), PartWriter(tmp_path, 0) as writer:
        writer.add(records[0])
        message = "on purpose"
        raise RuntimeError(message)
    assert [entry.name for entry in (tmp_path / "parts").iterdir()] == ["zarr.json"]


def test_part_is_not_there_before_its_end(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path, TAG)
    with PartWriter(tmp_path, 7) as writer:
        writer.add(records[4])
        assert finished_parts(tmp_path) == set()
    assert finished_parts(tmp_path) == {7}


def test_first_writer_of_a_part_wins(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path, TAG)
    with PartWriter(tmp_path, 0) as slow:
        slow.add(records[4])
        write_part(tmp_path, 0, records[5:6])
    finish_store(tmp_path, [])
    assert Store.open(tmp_path).ids == ("colour",)
    assert sorted(entry.name for entry in (tmp_path / "parts").iterdir()) == ["00000", "zarr.json"]


def test_parts_are_readable_like_the_store(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path / "store", TAG)
    (tmp_path / "store/parts").chmod(0o750)
    write_part(tmp_path / "store", 0, records[4:5])
    assert (tmp_path / "store/parts/00000").stat().st_mode & 0o777 == 0o750


def test_unfinished_store_is_not_opened(tmp_path: Path, build: Any, records: list[Record]) -> None:
    path = build([records])
    create_store(path, replace(TAG, name="again"))
    with pytest.raises(BadStore, match="unfinished; run the command again"):
        Store.open(path)
    assert finished_parts(path) == {0}
    finish_store(path, [])
    assert Store.open(path).info.name == "again"
    assert len(Store.open(path)) == len(records)


def test_parts_added_later_leave_the_old_ones_alone(tmp_path: Path, build: Any, records: list[Record]) -> None:
    path = build([records[:4]])
    before = digests(path / "parts/00000")
    create_store(path, TAG)
    write_part(path, 1, records[4:])
    finish_store(path, [])
    assert digests(path / "parts/00000") == before
    assert len(Store.open(path)) == len(records)


def test_newer_version_says_to_update(build: Any, records: list[Record]) -> None:
    path = build([records[4:5]])
    tag = json.loads((path / "zarr.json").read_text())
    tag["attributes"]["version"] = 2
    (path / "zarr.json").write_text(json.dumps(tag))
    for use in (lambda: Store.open(path), lambda: create_store(path, TAG), lambda: finish_store(path, [])):
        with pytest.raises(BadStore, match="version 2 and this imedbench reads up to 1; update imedbench"):
            use()


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"attributes": {"format": "other", "version": 1}}'])
def test_other_folders_are_no_stores(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "zarr.json").write_text(content)
    with pytest.raises(BadStore, match="no imedbench store; name the folder"):
        Store.open(tmp_path)


def test_create_does_not_take_over_another_zarr_group(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    with pytest.raises(BadStore, match="no imedbench store"):
        create_store(tmp_path, TAG)


def test_nothing_is_finished_where_there_is_no_store(tmp_path: Path) -> None:
    assert finished_parts(tmp_path / "none") == set()


def test_case_twice_in_a_part_is_refused(tmp_path: Path, records: list[Record]) -> None:
    create_store(tmp_path, TAG)
    with PartWriter(tmp_path, 0) as writer:
        writer.add(records[4])
        with pytest.raises(BadStore, match="case 'grey' is in this part twice"):
            writer.add(records[4])


def test_masks_that_cannot_be_stored_name_the_case(tmp_path: Path, records: list[Record]) -> None:
    case = records[4].case
    broken = case.masks.select([0]).with_infos([MaskInfo("liver", score=float("nan"))])
    create_store(tmp_path, TAG)
    with PartWriter(tmp_path, 0) as writer, pytest.raises(BadStore, match=r"case 'grey' has masks .* not a finite"):
        writer.add(Record(replace(case, masks=broken)))


def test_pictures_of_many_sizes_make_few_files(tmp_path: Path, records: list[Record]) -> None:
    rng = np.random.default_rng(3)
    create_store(tmp_path, TAG)
    base = records[4].case
    expected = {}
    with PartWriter(tmp_path, 0) as writer:
        for number in range(60):
            shape = tuple(int(side) for side in rng.integers(1, 700, 2))
            voxels = rng.integers(0, 3, shape).astype(np.uint8)
            case = replace(base, id=f"p{number}", image=replace(base.image, voxels=voxels), masks=Masks.empty(shape))
            writer.add(Record(case))
            expected[case.id] = voxels
    finish_store(tmp_path, [])
    assert sum(file.is_file() for file in (tmp_path / "parts/00000").rglob("*")) <= 31
    store = Store.open(tmp_path)
    for name, voxels in expected.items():
        np.testing.assert_array_equal(store.image(name).voxels, voxels)


def test_writing_a_large_volume_holds_one_plane(tmp_path: Path, records: list[Record]) -> None:
    import tracemalloc

    base = records[0].case
    voxels = np.zeros((60, 512, 512), np.int16)
    case = replace(base, image=replace(base.image, voxels=voxels), masks=Masks.empty(voxels.shape))
    create_store(tmp_path, TAG)
    tracemalloc.start()
    with PartWriter(tmp_path, 0) as writer:
        writer.add(Record(case))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < voxels.nbytes / 4
