import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imedbench.errors import BadResults
from imedbench.evaluate.results import Results, guess_of, merge, read_run, write_run
from imedbench.evaluate.tables import FORMAT, schema
from imedbench.masks import MaskInfo, Masks

ROW = {
    **dict.fromkeys(("dataset", "patient", "study", "case", "modality", "target", "group", "prompts"), "x"),
    "instance": 0,
    "turn": 1,
    "voxels": 4,
    "fraction": 0.5,
    "diagonal_mm": 3.0,
    "metric": "dice",
    "value": 0.25,
    "seconds": 0.1,
    "failed": False,
}


def written(folder: Path, **run: object) -> Path:
    folder.mkdir(exist_ok=True)
    write_run(folder, {"format": FORMAT, "id": "abc", "status": "finished", "data": {"path": "../store"}} | run)
    pieces = []
    for number in range(3):
        pieces.append(folder / f"{number}.parquet")
        pq.write_table(pa.Table.from_pylist([ROW | {"turn": number + 1}], schema("scores")), pieces[-1])
    merge(iter(pieces), folder / "scores.parquet", "scores", "abc")
    return folder


def test_pieces_are_joined_in_order(tmp_path: Path) -> None:
    results = Results.open(written(tmp_path / "run"))
    assert results.scores["turn"].to_pylist() == [1, 2, 3]
    assert results.scores["value"].to_pylist() == [0.25] * 3
    assert results.data == tmp_path / "store"


def test_large_pieces_are_not_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = pa.Table.from_pylist([ROW], schema("scores"))
    for size, groups in ((1, [1, 1, 1]), (2 * piece.nbytes, [2, 1])):
        monkeypatch.setattr("imedbench.evaluate.results.GROUP_BYTES", size)
        folder = written(tmp_path / str(size))
        found = pq.ParquetFile(folder / "scores.parquet").metadata
        assert [found.row_group(number).num_rows for number in range(found.num_row_groups)] == groups
        assert Results.open(folder).scores["turn"].to_pylist() == [1, 2, 3]


def test_nothing_there(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    with pytest.raises(BadResults, match="there are no results here; name a folder that `imedbench eval` wrote"):
        Results.open(tmp_path)


def test_unfinished(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match="unfinished; repeat the command"):
        Results.open(written(tmp_path, status="running"))


def test_a_run_that_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": FORMAT, "id": "abc"}))
    with pytest.raises(BadResults, match=r"run.json: cannot be read \(it has no 'status'\); choose another folder"):
        Results.open(tmp_path)


def test_of_a_newer_version(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match=f"results of format {FORMAT + 1}, and this version reads up to {FORMAT}"):
        Results.open(written(tmp_path, format=FORMAT + 1))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"format": "x"}), "null"])
def test_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BadResults, match=r"run.json: cannot be read"):
        read_run(tmp_path)


def test_a_table_of_another_run(tmp_path: Path) -> None:
    folder = written(tmp_path)
    write_run(folder, {"format": FORMAT, "id": "other", "status": "finished"})
    with pytest.raises(BadResults, match="belongs to another run"):
        _ = Results.open(folder).scores


def test_a_table_that_is_gone_or_cut(tmp_path: Path) -> None:
    results = Results.open(written(tmp_path))
    with pytest.raises(BadResults, match=r"turns.parquet: cannot be read"):
        _ = results.turns
    path = tmp_path / "scores.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadResults, match=r"scores.parquet: cannot be read"):
        _ = results.scores


def test_a_guess_comes_back() -> None:
    guess = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    runs = Masks.from_dense([guess], [MaskInfo("")])
    row = {"shape": [3, 4, 5], "starts": runs.starts.tolist(), "lengths": runs.lengths.tolist(), "target": "liver"}
    np.testing.assert_array_equal(guess_of(row), guess)
    assert not guess_of(row | {"starts": [], "lengths": []}).any()


def test_a_path_may_be_text(tmp_path: Path) -> None:
    folder = written(tmp_path / "out")
    assert Results.open(str(folder)).path == folder
    with pytest.raises(BadResults, match="there are no results here"):
        Results.open(str(tmp_path))
