"""A results folder: `run.json`, `turns.parquet` and `scores.parquet`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from imedbench.errors import BadResults, printable
from imedbench.evaluate.protocol import Protocol
from imedbench.evaluate.tables import FORMAT, schema
from imedbench.masks import MaskInfo, Masks
from imedbench.types import Mask

if TYPE_CHECKING:
    import pyarrow as pa

RUN = "run.json"
TABLES = ("turns", "scores")
ANSWERS = ("given", "starts", "lengths")
"""The columns of ``turns`` that hold prompts and guesses."""
GROUP_ROWS, GROUP_BYTES = 65_536, 2**26
"""What is written, and read by who looks for one session, at once: whichever is reached first. Guesses in volumes are
large."""
KEY = b"imedbench"
"""Under which each table carries the id of its run."""


@dataclass(frozen=True, eq=False)
class Results:
    """A finished run."""

    path: Path
    run: Mapping[str, Any]
    """What was run on what, as in `run.json`."""

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Opens a results folder.

        Raises:
            BadResults: there is none, it is unfinished or damaged, or a newer version wrote it.
        """
        path = Path(path)
        run = read_run(path)
        if run is None:
            message = f"{printable(path)}: there are no results here; name a folder that `imedbench eval` wrote."
            raise BadResults(message)
        if run["status"] != "finished":
            message = f"{printable(path)}: this run is unfinished; repeat the command that began it."
            raise BadResults(message)
        return cls(path, run)

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol of the run, as it was then."""
        return Protocol.model_validate(self.run["protocol"])

    @cached_property
    def turns(self) -> "pa.Table":
        """What was asked and answered; `imedbench.evaluate.tables` names the columns."""
        return self._table("turns")

    @cached_property
    def scores(self) -> "pa.Table":
        """How good it was; `imedbench.evaluate.tables` names the columns."""
        return self._table("scores")

    @property
    def data(self) -> Path:
        """The store that was evaluated on, if it is still where it was."""
        path: str = self.run["data"]["path"]
        return (self.path / path).resolve()

    def efforts(self) -> "pa.Table":
        """``turns`` without prompts and guesses, which may be larger than the memory."""
        return self._table("turns", columns=[name for name in schema("turns").names if name not in ANSWERS])

    def session(self, which: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of ``turns`` of one session.

        Args:
            which: columns that identify it and their values: case, target, instance, prompts.
        """
        rows: list[dict[str, Any]] = self._table("turns", filters=_equal(which)).to_pylist()
        return rows

    def _table(self, name: str, **selection: Any) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path / f"{name}.parquet"
        try:
            table = pq.read_table(path, **selection)
        except (OSError, pa.ArrowInvalid) as problem:
            message = f"{printable(path)}: cannot be read ({problem}); repeat the evaluation."
            raise BadResults(message) from problem
        if table.schema.metadata.get(KEY, b"").decode() != self.run["id"]:
            message = f"{printable(path)}: belongs to another run than {RUN} beside it; repeat the evaluation."
            raise BadResults(message)
        columns = schema(name)
        return table.cast(columns if "columns" not in selection else _only(columns, selection["columns"]))


def _equal(which: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [(name, "=", value) for name, value in which.items()]


def _only(columns: "pa.Schema", names: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([columns.field(name) for name in names])


def read_run(path: Path) -> dict[str, Any] | None:
    """What stands in the folder's `run.json`; None where there is none.

    Raises:
        BadResults: it is damaged, or a newer version wrote it.
    """
    try:
        run: dict[str, Any] = json.loads((path / RUN).read_text(encoding="utf-8"))
        written = int(run["format"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        message = f"{printable(path / RUN)}: cannot be read ({problem}); choose another folder."
        raise BadResults(message) from problem
    if written > FORMAT:
        message = (
            f"{printable(path)}: results of format {written}, and this version reads up to {FORMAT}; update imedbench."
        )
        raise BadResults(message)
    if missing := [name for name in ("id", "status") if name not in run]:
        message = f"{printable(path / RUN)}: cannot be read (it has no {missing[0]!r}); choose another folder."
        raise BadResults(message)
    return run


def write_run(path: Path, run: Mapping[str, Any]) -> None:
    """Writes `run.json` whole."""
    partial = path / f".{RUN}.partial"
    partial.write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path / RUN)


def guess_of(row: Mapping[str, Any]) -> Mask:
    """The guess in a row of ``turns``."""
    runs = Masks(
        tuple(row["shape"]),
        np.array([0, len(row["starts"])], np.int64),
        np.asarray(row["starts"], np.int64),
        np.asarray(row["lengths"], np.int64),
        (MaskInfo(row["target"]),),
    )
    return runs.decode(0)


def merge(pieces: Iterator[Path], target: Path, table: str, run: str) -> None:
    """Joins pieces of a table, in order, into the file that a finished run has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema(table).with_metadata({KEY: run.encode()})
    partial = target.with_name(f".{target.name}.partial")
    with pq.ParquetWriter(partial, columns, compression="zstd") as writer:
        waiting: list[pa.Table] = []
        rows = size = 0
        for piece in pieces:
            waiting.append(pq.read_table(piece).cast(columns))
            rows, size = rows + waiting[-1].num_rows, size + waiting[-1].nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
                rows = size = 0
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    partial.replace(target)
