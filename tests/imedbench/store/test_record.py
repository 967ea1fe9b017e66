from dataclasses import replace

import numpy as np
import pytest

from imedbench.errors import BadStore
from imedbench.store import Record
from imedbench.store.record import case_row, check, source_of, source_text
from imedbench.types import SourceGrid


def test_sound_records_pass(records: list[Record]) -> None:
    for record in records:
        check(record)


def of(record: Record, **changes: object) -> Record:
    return replace(record, case=replace(record.case, image=replace(record.case.image, **changes)))  # type: ignore[arg-type]


def test_contradictions_are_refused_by_name(records: list[Record]) -> None:
    grey, volume = records[4], records[0]
    picture = grey.case.image.voxels
    wrong = {
        "not of 8 bits": of(grey, voxels=picture.astype(np.int16)),
        "masks on the grid": of(grey, voxels=picture[1:]),
        "names a parent": replace(grey, parent="volume"),
        "original intensities of another shape": replace(grey, original=replace(grey.case.image, voxels=picture[1:])),
        "shape \\(40, 51, 1, 1\\)": of(grey, voxels=picture[..., None, None]),
        "type complex128": of(volume, voxels=volume.case.image.voxels.astype(complex)),
        "affine of shape \\(3, 3\\)": of(grey, affine=np.eye(3)),
        "1 spacings": of(grey, spacing_mm=(1.0,)),
    }
    for fact, record in wrong.items():
        with pytest.raises(BadStore, match=rf"case '(grey|volume)' .*{fact}"):
            check(record)


@pytest.mark.parametrize("name", ["", "caf\udce9"])
def test_ids_that_are_no_text_are_refused(records: list[Record], name: str) -> None:
    with pytest.raises(BadStore, match="empty or no UTF-8"):
        check(replace(records[4], case=replace(records[4].case, id=name)))


def test_source_grid_survives() -> None:
    grid = SourceGrid(np.array([[0.1, 1e-17, 3, 4]] * 4), (2, 0, 1), (True, False, True))
    back = source_of(source_text(grid))
    assert back is not None
    np.testing.assert_array_equal(back.affine, grid.affine)
    assert (back.axes, back.flipped) == (grid.axes, grid.flipped)
    assert source_of(source_text(None)) is None


def test_row_has_every_column(records: list[Record]) -> None:
    from imedbench.store.index import schema

    assert list(case_row(records[0], 3)) == schema("cases").names
