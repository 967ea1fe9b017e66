"""A submission as one file: FORMAT.md beside this module says what is in it.

Whoever opens a bundle trusts nothing in it: what is not exactly as specified is refused before anything is unpacked.
"""

import hashlib
import json
import math
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from imedbench import __version__
from imedbench.errors import BadSubmission, printable
from imedbench.evaluate.results import KEY, RUN, TABLES, Results
from imedbench.evaluate.tables import schema
from imedbench.submission.about import About, refuse_tricks
from imedbench.submission.record import check_record

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT, VERSION = "imedbench-submission", 1
MANIFEST, CARD = "submission.json", "card.md"
FILES = (RUN, *(f"{table}.parquet" for table in TABLES), CARD)
SUFFIX = ".imedbench.zip"
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, OSError, ValueError, struct.error)
"""What `zipfile` raises on bytes that are no archive."""
COPIED = 2**20
"""Bytes that are copied, and hashed, at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader takes at most; bytes."""

    bundle: int = 4 * 2**30
    """The whole file."""
    json: int = 4 * 2**20
    """Manifest and record of the run, each."""
    card: int = 2**18
    group: int = 2**29
    """A row group of a table, uncompressed."""
    group_values: int = 2**26
    """Entries of a column of a row group."""


LIMITS = Limits()
GROUP_BYTES, GROUP_ROWS = 2**26, 65_536
"""Of a row group that is written, uncompressed: whichever is reached first, but one row at least."""


@dataclass(frozen=True, eq=False, slots=True)
class Bundle:
    """A submission that was unpacked; of its tables only form and size were looked at."""

    folder: Path
    """Holds `FILES`, like a results folder."""
    about: About
    run: Mapping[str, Any]
    sha256: str
    """Of the file that it came from."""

    @property
    def card(self) -> str:
        """What its makers say of the model, in Markdown."""
        return (self.folder / CARD).read_text("utf-8")


def pack(
    results: Results, target: Path, about: About, card: str, *, progress: Callable[[int], None] = lambda _: None
) -> Path:
    """Writes a finished run as a submission; the same run gives the same bytes.

    Args:
        results: of the run.
        target: the file, written whole or not at all.
        about: who submits what.
        card: Markdown.
        progress: told of bytes of guesses, as they are written.

    Raises:
        BadSubmission: the card is too long or holds what no card may.
    """
    refuse_tricks(card, "the card", multiline=True)
    if len(card.encode()) > LIMITS.card:
        message = f"the card is larger than {LIMITS.card // 1024} KiB; shorten it."
        raise BadSubmission(message)
    run = dict(results.run) | {"data": {k: v for k, v in results.run["data"].items() if k != "path"}}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.partial")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=True) as archive:
            told = {RUN: _add(archive, RUN, [_json(run)]), CARD: _add(archive, CARD, [card.encode()])}
            for table in TABLES:
                told[f"{table}.parquet"] = _add_table(archive, results, table, progress)
            manifest = {
                "format": FORMAT,
                "version": VERSION,
                "run": run["id"],
                "about": about.model_dump(),
                "files": {name: told[name] for name in FILES},
                "written_by": f"imedbench {__version__}",
            }
            _add(archive, MANIFEST, [_json(manifest)])
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _add(archive: zipfile.ZipFile, name: str, blocks: "list[bytes] | Iterator[bytes]") -> dict[str, Any]:
    """Adds a file without a date; its size and checksum."""
    digest, size = hashlib.sha256(), 0
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
        for block in blocks:
            digest.update(block)
            size += len(block)
            file.write(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _add_table(
    archive: zipfile.ZipFile, results: Results, table: str, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Adds a table in row groups that a reader can hold."""
    import tempfile

    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema(table).with_metadata({KEY: results.run["id"].encode()})
    plain = [name for name in columns.names if name not in ("starts", "lengths")]
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, columns, compression="zstd", compression_level=9, use_dictionary=plain) as writer:
            for group in _groups(results.path / f"{table}.parquet"):
                rows = pa.Table.from_batches(group).cast(columns)
                writer.write_table(rows, row_group_size=rows.num_rows)
                progress(rows.nbytes)
        file.seek(0)
        return _add(archive, f"{table}.parquet", iter(lambda: file.read(COPIED), b""))


def _groups(path: Path) -> "Iterator[list[pa.RecordBatch]]":
    import pyarrow.parquet as pq

    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(64):
            if waiting and (rows + batch.num_rows > GROUP_ROWS or size + batch.nbytes > GROUP_BYTES):
                yield waiting
                waiting, rows, size = [], 0, 0
            waiting.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
    if waiting:
        yield waiting


def unpack(path: Path, folder: Path, limits: Limits = LIMITS) -> Bundle:
    """Opens a bundle that nobody vouches for, into a folder that is empty or not there.

    Raises:
        BadSubmission: it is not what FORMAT.md specifies; the message names what is wrong. Nothing is left behind then.
    """
    with _archive(path, limits) as archive:
        manifest = _read_json(archive, MANIFEST)
        about, run = _about(manifest), _read_json(archive, RUN)
        check_record(run)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name in FILES:
                _extract(archive, name, manifest["files"].get(name), folder / name)
            _check_card(folder / CARD)
            for table in TABLES:
                _check_table(folder / f"{table}.parquet", table, run.get("id"), limits)
        except BaseException:
            for name in FILES:
                (folder / name).unlink(missing_ok=True)
            raise
    return Bundle(folder, about, run, sha256_of(path))


def _check_card(path: Path) -> None:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as problem:
        message = f"{CARD} is not text in UTF-8; write it as such."
        raise BadSubmission(message) from problem
    refuse_tricks(text, CARD, multiline=True)


def sha256_of(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _archive(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """The zip file, if it holds exactly the files of a bundle, each as it is: then it cannot grow."""
    size = path.stat().st_size
    if size > limits.bundle:
        message = f"{printable(path.name)}: {size:,} bytes, and at most {limits.bundle:,} are taken."
        raise BadSubmission(message)
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            message = f"{printable(path.name)}: is no bundle of `imedbench submit` (wrong first bytes)."
            raise BadSubmission(message)
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGED as problem:
            raise _damaged(path.name, problem) from problem
        with archive:
            _check_members(archive, size, limits)
            yield archive


def _damaged(name: str, problem: Exception) -> BadSubmission:
    return BadSubmission(f"{printable(name)}: the zip file is damaged ({str(problem)[:200]}); send it again.")


def _check_members(archive: zipfile.ZipFile, size: int, limits: Limits) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if sorted(names) != sorted((MANIFEST, *FILES)):
        told = ", ".join(repr(name)[:60] for name in names[:10])
        message = f"a bundle holds {', '.join((MANIFEST, *FILES))}, each once, and this holds {told or 'nothing'}."
        raise BadSubmission(message)
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 or kind not in (0, stat.S_IFREG):
            message = f"{member.filename}: a bundle's files are stored as they are: no compression, cipher or link."
            raise BadSubmission(message)
        most = {MANIFEST: limits.json, RUN: limits.json, CARD: limits.card}.get(member.filename, limits.bundle)
        if member.file_size != member.compress_size or member.file_size > min(most, size):
            message = f"{member.filename}: claims {member.file_size:,} bytes, which it cannot have."
            raise BadSubmission(message)


def _read_json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    text = b"".join(_blocks(archive, name))
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as problem:
        message = f"{name}: is no JSON ({str(problem)[:200]})."
        raise BadSubmission(message) from problem
    if not isinstance(found, dict):
        message = f"{name}: holds no object."
        raise BadSubmission(message)
    for text_in in _texts(found):
        refuse_tricks(text_in, name, multiline=True)
    return found


def _no_constant(name: str) -> Any:
    message = f"{name} is no number"
    raise ValueError(message)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _no_constant(text)
    return number


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one


def _about(manifest: Mapping[str, Any]) -> About:
    if manifest.get("format") != FORMAT or not isinstance(manifest.get("version"), int):
        message = f"{MANIFEST}: is not of a submission."
        raise BadSubmission(message)
    if manifest["version"] > VERSION:
        message = f"{MANIFEST}: is of version {manifest['version']}, and this reads up to {VERSION}; update imedbench."
        raise BadSubmission(message)
    if not isinstance(manifest.get("files"), dict):
        message = f"{MANIFEST}: names no files."
        raise BadSubmission(message)
    try:
        return About.model_validate(manifest.get("about"))
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        message = f"{MANIFEST}: about{'.' + place if place else ''}: {first['msg']}."
        raise BadSubmission(message) from problem


def _extract(archive: zipfile.ZipFile, name: str, told: Any, target: Path) -> None:
    """Unpacks a file that is what the manifest says."""
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as out:
        for block in _blocks(archive, name):
            digest.update(block)
            size += len(block)
            out.write(block)
    if told != {"bytes": size, "sha256": digest.hexdigest()}:
        message = f"{name}: is not the file that {MANIFEST} names; pack the results again."
        raise BadSubmission(message)


def _blocks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of a file."""
    try:
        with archive.open(name) as file:
            while block := file.read(COPIED):
                yield block
    except _DAMAGED as problem:
        raise _damaged(name, problem) from problem


def _check_table(path: Path, table: str, run: Any, limits: Limits) -> None:
    """Refuses a table whose form or size is not as specified, by its footer alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            found, facts = file.schema_arrow, file.metadata
    except (OSError, pa.ArrowException, ValueError) as problem:
        message = f"{path.name}: is no Parquet file ({str(problem)[:200]})."
        raise BadSubmission(message) from problem
    expected = schema(table)
    if found.remove_metadata() != expected:
        wrong = [
            repr(name)[:60] for name in sorted({*found.names, *expected.names}) if not _alike(found, expected, name)
        ]
        told = ", ".join(wrong[:5]) or "the order of its columns"
        message = f"{path.name}: its columns are not those of a submission ({told})."
        raise BadSubmission(message)
    if (found.metadata or {}).get(KEY) != str(run).encode():
        message = f"{path.name}: belongs to another run than {RUN}."
        raise BadSubmission(message)
    for number in range(facts.num_row_groups):
        group = facts.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        bytes_held = max(group.total_byte_size, sum(column.total_uncompressed_size for column in columns))
        if bytes_held > limits.group or max(column.num_values for column in columns) > limits.group_values:
            message = f"{path.name}: row group {number} is larger than a reader may hold ({bytes_held:,} bytes)."
            raise BadSubmission(message)


def _alike(found: "pa.Schema", expected: "pa.Schema", name: str) -> bool:
    """Whether both have one column of this name, of one type."""
    once = found.names.count(name) == expected.names.count(name) == 1
    return once and bool(found.field(name).equals(expected.field(name)))
