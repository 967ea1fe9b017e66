from pathlib import Path

import numpy as np
import pytest

from imedbench.build.staging import Piece, load_piece, save_piece
from imedbench.masks import MaskInfo, Masks
from imedbench.store import Record
from imedbench.types import Case, Image, SourceGrid


def record(*, original: bool) -> Record:
    rng = np.random.default_rng(3)
    dense = rng.random((2, 6, 5)) > 0.5
    infos = [MaskInfo("liver", instance=2), MaskInfo("", "interactive", score=0.91, stability=0.97, point=(2.5, 1.0))]
    picture = Image(rng.integers(0, 255, (6, 5)).astype(np.uint8), (1.5, 2.0), np.diag([1.0, 2, 1.5, 1]), "ct")
    raw = Image(
        rng.normal(size=(6, 5)).astype(np.float32),
        (1.5, 2.0),
        np.eye(4),
        "ct",
        source=SourceGrid(np.eye(4), (2, 1, 0), (True, False, False)),
    )
    case = Case("set/a/z0003", picture, Masks.from_dense(dense, infos), "test", "set", "p", "set/a", {"files": "é.nii"})
    return Record(case, 0, 3, "set/a", (-100.0, 300.0), raw if original else None)


@pytest.mark.parametrize("original", [False, True])
def test_a_piece_comes_back_as_it_was(tmp_path: Path, original: bool) -> None:
    before = record(original=original)
    save_piece(tmp_path / "part" / "00000.npz", Piece([before], [{"study": "b"}], {"small": 3}, {"thing": 1}))
    piece = load_piece(tmp_path / "part" / "00000.npz")
    assert (piece.problems, piece.counts, piece.strangers) == ([{"study": "b"}], {"small": 3}, {"thing": 1})
    [after] = piece.records
    assert (after.axis, after.index, after.parent, after.window) == (0, 3, "set/a", (-100.0, 300.0))
    for name in ("id", "split", "dataset", "patient", "study", "provenance"):
        assert getattr(after.case, name) == getattr(before.case, name)
    assert after.case.masks.infos == before.case.masks.infos
    assert np.array_equal(np.stack(list(after.case.masks)), np.stack(list(before.case.masks)))
    for one, other in ((before.case.image, after.case.image), (before.original, after.original)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert np.array_equal(one.voxels, other.voxels)
            assert np.array_equal(one.affine, other.affine)
            assert (one.spacing_mm, one.modality, one.channels) == (other.spacing_mm, other.modality, other.channels)
            assert (one.source is None) == (other.source is None)
            assert one.source is None or (one.source.axes, one.source.flipped) == (
                other.source.axes,
                other.source.flipped,
            )


def test_a_piece_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", stop)
    with pytest.raises(OSError, match="No space"):
        save_piece(tmp_path / "00000.npz", Piece([], []))
    assert not (tmp_path / "00000.npz").exists()
