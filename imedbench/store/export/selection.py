"""Which cases an export takes, and what their files are called."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imedbench.errors import BadInput

if TYPE_CHECKING:
    from imedbench.store import Store

COLUMNS = ("id", "dataset", "split", "modality", "ndim", "axis", "channels", "original_array")
# Test patients' surplus images are neither for training nor for testing.
RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class Row:
    """What the index says of a case."""

    id: str
    dataset: str
    split: str
    modality: str
    ndim: int
    axis: int
    """-1 where it is not a plane of a volume."""
    channels: tuple[str, ...]
    original: bool
    """Whether it has intensities of its own beside the 8-bit picture."""

    @property
    def name(self) -> str:
        """What its files are called."""
        return file_name(self.id)


def file_name(case: str) -> str:
    """The id of a case as the name of a file, without ending."""
    return re.sub(r"[/\\:*?\"<>|\x00-\x1f]", "_", case)


def rows_of(store: "Store") -> Iterator[Row]:
    """All cases in the order of the store, from the index."""
    for batch in store.scan("cases", COLUMNS):
        for row in batch.to_pylist():
            yield Row(
                row["id"],
                row["dataset"],
                row["split"],
                row["modality"],
                row["ndim"],
                row["axis"],
                tuple(row["channels"]),
                bool(row["original_array"]),
            )


def pictures_of(store: "Store", layout: str) -> tuple[list[str], int, list[str]]:
    """For a layout of pictures: the data sets, the number of pictures to write, and notes on what is left out.

    Raises:
        BadInput: there are no pictures.
    """
    tally: Counter[str] = Counter()
    datasets: set[str] = set()
    for row in rows_of(store):
        kind = "volume" if row.ndim == 3 else "reserve" if row.split == RESERVE else "picture"
        tally[kind] += 1
        if kind == "picture":
            datasets.add(row.dataset)
    if not tally["picture"]:
        fact = f"holds {tally['volume']} volumes and no pictures to train or test on, and {layout} is made of pictures"
        raise BadInput(store.info.name, fact, "export it as nnunet or webdataset, or build it with slices")
    notes = []
    if tally["volume"]:
        notes.append(f"{tally['volume']} volumes are left out; their slices are written.")
    if tally["reserve"]:
        notes.append(f"{tally['reserve']} surplus test images (split reserve) are left out.")
    return sorted(datasets), tally["picture"], notes


def pictures(store: "Store") -> Iterator[Row]:
    """The 2-D cases to train or test on."""
    return (row for row in rows_of(store) if row.ndim == 2 and row.split != RESERVE)


def targets_of(store: "Store") -> dict[str, list[str]]:
    """The truth targets of each data set, in alphabetical order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    owners = pa.Table.from_batches(store.scan("cases", ["id", "dataset"]))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for batch in store.scan("masks", ["case", "target", "kind"]):
        truth = pa.Table.from_batches([batch.filter(pc.equal(batch.column("kind"), "gt"))])
        pairs = truth.group_by(["case", "target"]).aggregate([]).join(owners, "case", "id")
        for row in pairs.group_by(["dataset", "target"]).aggregate([]).to_pylist():
            found[row["dataset"]].add(row["target"])
    return defaultdict(list, {name: sorted(targets) for name, targets in found.items()})


def create_file(path: Path, content: bytes) -> None:
    """Writes a new file.

    Raises:
        BadInput: another case has the same name.
    """
    try:
        with path.open("xb") as target:
            target.write(content)
    except FileExistsError:
        fact = "two cases of the store would have this name"
        raise BadInput(path.name, fact, "rename one of the studies and build again") from None
