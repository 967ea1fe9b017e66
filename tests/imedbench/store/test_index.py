from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.errors import BadStore
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, create_store, finish_store
from imedbench.store.index import batches, mask_rows, read_table, schema, write_table


def test_cases_say_what_the_records_said(build: Any, records: list[Record]) -> None:
    rows = {row["id"]: row for row in Store.open(build([records])).cases.to_pylist()}
    sagittal = rows["volume/x0000"]
    assert (sagittal["axis"], sagittal["index"], sagittal["parent"]) == (2, 0, "volume")
    assert sagittal["shape"] == [5, 20]
    assert sagittal["spacing_mm"] == [2.5, 1.0]
    assert sagittal["window"] == [-160.0, 240.0]
    assert (sagittal["gt"], sagittal["interactive"]) == (3, 2)
    assert (sagittal["original_array"], sagittal["original_row"]) == ("", -1)
    volume = rows["volume"]
    assert (volume["ndim"], volume["axis"], volume["index"], volume["parent"]) == (3, -1, -1, "")
    assert volume["image_array"] == volume["original_array"] == "original-32x64-int16"
    assert np.reshape(volume["affine"], (4, 4)).tolist() == records[0].case.image.affine.tolist()
    colour = rows["colour"]
    assert (colour["split"], colour["modality"], colour["channels"]) == ("test", "xray", ["red", "green", "blue"])
    assert (colour["study"], colour["patient"], colour["dataset"]) == ("colour", "patient of colour", "made")


def test_masks_have_areas_boxes_and_fractions(build: Any, records: list[Record]) -> None:
    table = Store.open(build([records])).masks
    rows = [row for row in table.to_pylist() if row["case"] == "grey"]
    masks = next(record.case.masks for record in records if record.case.id == "grey")
    assert [row["number"] for row in rows] == list(range(6))
    for row, dense, known in zip(rows, masks, masks.infos, strict=True):
        assert row["area"] == dense.sum()
        assert row["fraction"] == pytest.approx(dense.mean())
        inside = np.argwhere(dense)
        assert row["low"] == (inside.min(0).tolist() if len(inside) else [0, 0])
        assert row["high"] == ((inside.max(0) + 1).tolist() if len(inside) else [0, 0])
        assert (row["target"], row["kind"], row["instance"]) == (known.target, known.kind, known.instance)
        assert row["score"] == pytest.approx(known.score)


def test_root_tables_are_the_parts_in_order(build: Any, records: list[Record]) -> None:
    path = build([records[:2], [], records[2:]])
    for table in ("cases", "masks"):
        whole = read_table(path, table)
        assert whole.schema.equals(schema(table))
        parts = [
            row
            for part in range(3)
            for batch in batches(path / f"parts/{part:05d}/{table}.parquet")
            for row in batch.to_pylist()
        ]
        assert whole.to_pylist() == parts


def test_no_masks_make_no_rows() -> None:
    assert all(column == [] for column in mask_rows("one", Masks.empty((3, 3))).values())
    full = mask_rows("one", Masks.from_dense([np.ones((2, 3), bool)], [MaskInfo("liver")]))
    assert (full["area"], full["fraction"], full["high"]) == ([6], [1.0], [[2, 3]])


def test_two_cases_of_one_id_are_refused(tmp_path: Path, records: list[Record], build: Any) -> None:
    path = build([records])
    with PartWriter(path, 1) as writer:
        writer.add(records[5])
    with pytest.raises(BadStore, match="two cases are called 'colour'"):
        finish_store(path, [])


def test_nulls_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa

    with pytest.raises((pa.ArrowException, ValueError)):
        write_table(tmp_path / "x.parquet", "problems", {"study": [None], "path": [""], "error": [""]})
    assert not (tmp_path / "x.parquet").exists()


def test_paths_that_are_no_text_are_made_printable(tmp_path: Path, build: Any, records: list[Record]) -> None:
    path = build([records])
    odd = b"raw/caf\xe9.nii".decode("utf-8", "surrogateescape")
    create_store(path, Store.open(path).info)
    finish_store(path, [{"study": odd, "path": odd, "error": f"{odd}: cut short."}])
    assert Store.open(path).problems.to_pylist()[0]["path"] == "raw/caf\\xe9.nii"


def test_consolidation_holds_one_part_at_a_time(
    build: Any, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    path = build([[record] for record in records])
    read = []
    whole = parquet.read_table
    monkeypatch.setattr(parquet, "read_table", lambda file, **options: read.append(file) or whole(file, **options))
    before = [(table, (path / f"{table}.parquet").read_bytes()) for table in ("cases", "masks")]
    finish_store(path, [])
    assert len(read) == 2 * len(records)
    for table, content in before:
        assert (path / f"{table}.parquet").read_bytes() == content
