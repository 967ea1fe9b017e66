"""What a stranger may send in place of a bundle: refused with the reason, and nothing is left behind."""

import io
import json
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imedbench.errors import BadSubmission
from imedbench.evaluate.results import Results
from imedbench.submission.about import About
from imedbench.submission.bundle import CARD, FILES, MANIFEST, Limits, pack, sha256_of, unpack

ABOUT = About(name="Threshold", summary="Grows regions.", licence="Apache-2.0", code="https://example.org/code")
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def packed(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(results, tmp_path_factory.mktemp("packed") / "it.imedbench.zip", ABOUT, "# Threshold\n\nÜber.\n")


def files_of(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files, target: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return target


def sealed(files: Files) -> Files:
    """With a manifest that fits."""
    import hashlib

    manifest = json.loads(files[MANIFEST])
    manifest["files"] = {
        name: {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()} for name in FILES
    }
    return files | {MANIFEST: json.dumps(manifest).encode()}


def refused(path: Path, folder: Path, words: str, limits: Limits | None = None) -> None:
    with pytest.raises(BadSubmission, match=words):
        unpack(path, folder, limits or Limits())
    assert not folder.exists() or not list(folder.iterdir())


def test_what_was_packed_is_unpacked(packed: Path, results: Results, tmp_path: Path) -> None:
    bundle = unpack(packed, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert bundle.about == ABOUT
    assert bundle.card == "# Threshold\n\nÜber.\n"
    assert bundle.sha256 == sha256_of(packed)
    assert "path" not in bundle.run["data"]
    for table in ("turns", "scores"):
        assert pq.read_table(tmp_path / "out" / f"{table}.parquet").equals(getattr(results, table))
    assert Results.open(tmp_path / "out").scores.equals(results.scores)


def test_the_same_run_gives_the_same_bytes(packed: Path, results: Results, tmp_path: Path) -> None:
    told: list[int] = []
    again = pack(results, tmp_path / "again.zip", ABOUT, "# Threshold\n\nÜber.\n", progress=told.append)
    assert again.read_bytes() == packed.read_bytes()
    assert sum(told) > 0


def test_guesses_are_written_in_groups_that_can_be_held(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imedbench.submission.bundle.GROUP_ROWS", 64)
    bundle = unpack(pack(results, tmp_path / "it.zip", ABOUT, ""), tmp_path / "out")
    with pq.ParquetFile(bundle.folder / "scores.parquet") as file:
        assert file.metadata.num_row_groups > 1
    assert Results.open(bundle.folder).scores.equals(results.scores)


def test_a_card_that_no_one_can_read(results: Results, tmp_path: Path) -> None:
    for card in ("a" * 300_000, "\u202egnp.exe"):
        with pytest.raises(BadSubmission):
            pack(results, tmp_path / "it.zip", ABOUT, card)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x89PNG\r\n\x1a\n" * 100, b"PK\x03\x04" + b"\0" * 500, b"#!/bin/sh\n"]
)
def test_no_zip_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it.zip").write_bytes(content)
    refused(tmp_path / "it.zip", tmp_path / "out", "first bytes|damaged")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_upload(packed: Path, tmp_path: Path, share: float) -> None:
    content = packed.read_bytes()
    (tmp_path / "it.zip").write_bytes(content[: int(share * len(content))])
    refused(tmp_path / "it.zip", tmp_path / "out", "damaged")


def test_a_zip_bomb(packed: Path, tmp_path: Path) -> None:
    files = files_of(packed) | {CARD: b"\0" * 50_000_000}
    bomb = zipped(files, tmp_path / "bomb.zip", zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    refused(bomb, tmp_path / "out", "stored as they are")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "..\\evil", "a/b", "run.json ", "RUN.JSON", "cafe\u0301"])
def test_a_path_that_leads_elsewhere(packed: Path, tmp_path: Path, name: str) -> None:
    refused(zipped(files_of(packed) | {name: b"x"}, tmp_path / "it.zip"), tmp_path / "out", "each once")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "out") == ["it.zip"]


def test_a_file_that_is_there_twice_or_not_at_all(packed: Path, tmp_path: Path) -> None:
    files = files_of(packed)
    for name in files:
        short = {key: value for key, value in files.items() if key != name}
        refused(zipped(short, tmp_path / "it.zip"), tmp_path / "out", "each once")
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        for name in (*files, "run.json"):
            with pytest.warns(UserWarning, match="Duplicate") if name in archive.namelist() else _nothing():
                archive.writestr(name, files[name])
    refused(tmp_path / "it.zip", tmp_path / "out", "each once")


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_a_symbolic_link(packed: Path, tmp_path: Path) -> None:
    files = files_of(packed)
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            if name == CARD:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                content = b"/etc/passwd"
            archive.writestr(info, content)
    refused(tmp_path / "it.zip", tmp_path / "out", "cipher or link")


def test_a_claim_of_ten_gigabytes(packed: Path, tmp_path: Path) -> None:
    """In the directory of the zip file; the archive itself is small."""
    content = bytearray(packed.read_bytes())
    place = content.find(b"PK\x01\x02", content.rfind(CARD.encode()) - 60)
    place = content.rfind(b"PK\x01\x02")
    struct.pack_into("<II", content, place + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    (tmp_path / "it.zip").write_bytes(bytes(content))
    refused(tmp_path / "it.zip", tmp_path / "out", "cannot have|damaged")


def test_a_file_that_is_too_large(packed: Path, tmp_path: Path) -> None:
    refused(packed, tmp_path / "out", "at most", Limits(bundle=1000))
    refused(packed, tmp_path / "out", "cannot have", Limits(json=10))


def test_a_file_that_the_manifest_does_not_name(packed: Path, tmp_path: Path) -> None:
    files = files_of(packed)
    for name in FILES:
        changed = files | {name: files[name] + b" "}
        refused(zipped(changed, tmp_path / "it.zip"), tmp_path / "out", "is not the file that")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "not of a submission"),
        ({"version": "1"}, "not of a submission"),
        ({"version": 2}, "version 2, and this reads up to 1"),
        ({"files": []}, "names no files"),
        ({"files": {}}, "is not the file"),
        ({"about": None}, "about"),
        ({"about": {"name": ""}}, "about.name"),
        ({"about": {"name": "a" * 61}}, "about.name"),
        ({"about": {"name": "x", "rank": 1}}, "about.rank"),
        ({"about": {"name": "x", "code": "javascript:alert(1)"}}, "about.code"),
        ({"about": {"name": "a\u202eb"}}, "invisible characters"),
    ],
)
def test_manifests(packed: Path, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    files = files_of(packed)
    manifest = json.dumps(json.loads(files[MANIFEST]) | change).encode()
    refused(zipped(files | {MANIFEST: manifest}, tmp_path / "it.zip"), tmp_path / "out", words)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999, "b": Infinity}', b"[" * 100_000]
)
@pytest.mark.parametrize("name", ["submission.json", "run.json"])
def test_json_that_is_none(packed: Path, tmp_path: Path, name: str, text: bytes) -> None:
    refused(zipped(files_of(packed) | {name: text}, tmp_path / "it.zip"), tmp_path / "out", name)


def test_a_card_in_another_encoding(packed: Path, tmp_path: Path) -> None:
    files = sealed(files_of(packed) | {CARD: "Über".encode("utf-16")})
    refused(zipped(files, tmp_path / "it.zip"), tmp_path / "out", "UTF-8")


def hostile(change: Callable[[pa.Table], pa.Table]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(content))
        out = io.BytesIO()
        changed = change(table)
        pq.write_table(changed.replace_schema_metadata(table.schema.metadata), out)
        return out.getvalue()

    return apply


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (hostile(lambda table: table.drop_columns(["value"])), "'value'"),
        (hostile(lambda table: table.append_column("'; DROP TABLE x", table["value"])), "DROP TABLE"),
        (hostile(lambda table: table.append_column("value", table["value"])), "'value'"),
        (hostile(lambda table: table.set_column(0, "dataset", pa.array([1] * table.num_rows))), "'dataset'"),
        (hostile(lambda table: table.select(table.column_names[::-1])), "order of its columns"),
        (hostile(lambda table: table.set_column(0, "dataset", pa.nulls(table.num_rows, pa.string()))), "'dataset'"),
        (lambda content: content[:-4] + b"PAR2", "no Parquet file"),
        (lambda content: b"PAR1" + b"\0" * 100 + b"PAR1", "no Parquet file"),
        (lambda content: b"", "no Parquet file"),
    ],
)
def test_tables_of_another_form(packed: Path, tmp_path: Path, change: Callable[[bytes], bytes], words: str) -> None:
    files = files_of(packed)
    files = sealed(files | {"scores.parquet": change(files["scores.parquet"])})
    refused(zipped(files, tmp_path / "it.zip"), tmp_path / "out", words)


def test_tables_of_another_run(packed: Path, tmp_path: Path) -> None:
    files = files_of(packed)
    run = json.loads(files["run.json"]) | {"id": "0" * 64}
    files = sealed(files | {"run.json": json.dumps(run).encode()})
    refused(zipped(files, tmp_path / "it.zip"), tmp_path / "out", "belongs to another run")


def test_a_table_that_grows(packed: Path, tmp_path: Path) -> None:
    """A few kilobytes of Parquet that are gigabytes in memory."""
    files = files_of(packed)
    table = pq.read_table(io.BytesIO(files["turns.parquet"]))
    zeros = pa.array([np.zeros(30_000_000, np.int64)], table.schema.field("starts").type)
    row = table.slice(0, 1).set_column(table.column_names.index("starts"), table.schema.field("starts"), zeros)
    out = io.BytesIO()
    pq.write_table(row, out, compression="zstd", use_dictionary=False)
    assert len(out.getvalue()) < 200_000
    files = sealed(files | {"turns.parquet": out.getvalue()})
    path = zipped(files, tmp_path / "it.zip")
    refused(path, tmp_path / "out", "larger than a reader may hold", Limits(group=2**26))
    refused(path, tmp_path / "out", "larger than a reader may hold", Limits(group_values=2**20))


@given(data=st.data())
def test_any_bytes_are_a_bundle_or_are_refused(data: st.DataObject, tmp_path_factory: Any, packed: Path) -> None:
    """Whatever is changed in a bundle: it is refused, or nothing of what is in it has changed."""
    folder = tmp_path_factory.mktemp("fuzz")
    content = bytearray(packed.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if kind == "flip":
            content[first] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del content[first : first + data.draw(st.integers(1, 64))]
        else:
            content[first:first] = data.draw(st.binary(min_size=1, max_size=64))
    (folder / "it.zip").write_bytes(bytes(content))
    try:
        bundle = unpack(folder / "it.zip", folder / "out")
    except BadSubmission as problem:
        assert len(str(problem)) < 700
        assert not (folder / "out").exists() or not list((folder / "out").iterdir())
    else:
        original = files_of(packed)
        assert {name: (bundle.folder / name).read_bytes() for name in FILES} == {n: original[n] for n in FILES}


@given(content=st.binary(max_size=2000))
def test_noise_is_refused(content: bytes, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("noise")
    (folder / "it.zip").write_bytes(b"PK\x03\x04" + content)
    refused(folder / "it.zip", folder / "out", ".")
