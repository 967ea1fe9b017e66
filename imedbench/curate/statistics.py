"""What a curated data set holds: labelled share before and after, volumes and intensities of each structure, faults."""

import csv
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imedbench.curate.classes import TISSUES
from imedbench.curate.files import META, picture_path
from imedbench.curate.review import TEMPLATES, classes_of, ranked, read_rows
from imedbench.report.charts import Chart, Series
from imedbench.report.page import file_uri, render, write_page

PICTURES = 12
_BINS = 20
_UNSAID = "not said"


@dataclass(frozen=True, slots=True)
class StructureRow:
    """One class over all subjects that have it."""

    name: str
    subjects: int
    whole: int
    """Subjects in which it reaches neither the first nor the last slice: volumes are theirs, or of all without one."""
    ml: float
    """Median volume."""
    least_ml: float
    most_ml: float
    mean_hu: float
    """Median of the subjects' means."""
    std_hu: float
    """Median of the subjects' deviations."""


@dataclass(frozen=True, slots=True)
class CuratedStatistics:
    """Of a curated data set."""

    name: str
    subjects: int
    """That came out."""
    quarantined: tuple[str, ...]
    """One sentence each."""
    rejected: tuple[tuple[str, str], ...]
    """Subject and note."""
    splits: tuple[tuple[str, int], ...]
    before: tuple[float, ...]
    """Share of each subject's body voxels with a label, in the source."""
    after: tuple[float, ...]
    structures: tuple[StructureRow, ...]
    faults: tuple[tuple[str, str, int], ...]
    """Rule, what was done, how often."""
    doubts: tuple[tuple[str, int], ...]
    """Measure beyond its limit, in how many subjects."""

    def mean(self, when: str) -> float:
        """Of the share "before" or "after", over subjects; NaN without one."""
        shares: tuple[float, ...] = getattr(self, when)
        return statistics.fmean(shares) if shares else float("nan")


def summarise(out: Path) -> CuratedStatistics:
    """Counts a curated data set.

    Raises:
        BadInput: ``out`` is none.
    """
    rows = read_rows(out)
    used = [row for row in rows if "structures" in row]
    faults = Counter((each["rule"], each["remedy"]) for row in used for each in row["findings"])
    doubts = Counter(check for row in used for check in {each["check"] for each in row["doubts"]})
    return CuratedStatistics(
        name=out.resolve().name,
        subjects=len(used),
        quarantined=tuple(row["error"] for row in rows if "error" in row),
        rejected=tuple((row["subject"], row["rejected"]) for row in rows if "rejected" in row),
        splits=_splits(out, {row["subject"] for row in used}),
        before=tuple(row["labelled_before"] for row in used),
        after=tuple(row["labelled_after"] for row in used),
        structures=tuple(_structures(used, classes_of(out).every)),
        faults=tuple((rule, remedy, count) for (rule, remedy), count in faults.most_common()),
        doubts=tuple(doubts.most_common()),
    )


def _structures(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterable[StructureRow]:
    """Tissues first, then the classes in their order."""
    every: dict[str, list[Mapping[str, Any]]] = {name: [] for name in (*TISSUES, *names)}
    for row in rows:
        for each in row["structures"]:
            every[each["name"]].append(each)
    for name, found in every.items():
        if found:
            whole = [each for each in found if not each["border"]]
            sizes = [each["ml"] for each in whole or found]
            hu, std = ([each[key] for each in found] for key in ("mean_hu", "std_hu"))
            middle = statistics.median(sizes), min(sizes), max(sizes)
            yield StructureRow(name, len(found), len(whole), *middle, statistics.median(hu), statistics.median(std))


def _splits(out: Path, subjects: set[str]) -> tuple[tuple[str, int], ...]:
    """Of the source's own table, where it has one."""
    path = out / META
    if not path.is_file():
        return ()
    text = path.read_text("utf-8-sig")
    table = list(csv.DictReader(text.splitlines(), delimiter=";" if ";" in text.partition("\n")[0] else ","))
    if not table or not {"image_id", "split"} <= set(table[0]):
        return ()
    told = {row["image_id"]: row["split"] or _UNSAID for row in table}
    return tuple(sorted(Counter(told.get(name, _UNSAID) for name in subjects).items()))


def write_statistics(out: Path, path: Path, advance: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Writes the page about a curated data set, one self-contained HTML file.

    Args:
        out: the data set.
        path: of the page; what is there is replaced.
        advance: called with the number of pictures taken in and of all to take in.

    Raises:
        BadInput: ``out`` is no curated data set.
    """
    told = summarise(out)
    rejected = {name for name, _ in told.rejected}
    there = [each for each in ranked(out) if each.name not in rejected and picture_path(out, each.name).is_file()]
    chosen = _spread(there, PICTURES)
    pictures = []
    for done, each in enumerate(chosen, 1):
        pictures.append((each, file_uri(picture_path(out, each.name), "image/webp")))
        advance(done, len(chosen))
    text = render(
        "curated.html.j2",
        folder=TEMPLATES,
        title=told.name,
        told=told,
        pictures=pictures,
        shares=_shares(told),
        volumes=_volumes(told),
    )
    write_page(text, path)


def _spread(subjects: Sequence[Any], count: int) -> list[Any]:
    """At most so many, evenly over the list from the most doubtful on."""
    if len(subjects) <= count:
        return list(subjects)
    return [subjects[round(place * (len(subjects) - 1) / (count - 1))] for place in range(count)]


def _shares(told: CuratedStatistics) -> Chart:
    """How many subjects have which share, before and after."""
    names = [f"{100 * low // _BINS} %" for low in range(_BINS)]

    def counted(shares: Sequence[float]) -> list[int]:
        found = Counter(min(_BINS - 1, int(share * _BINS)) for share in shares)
        return [found[place] for place in range(_BINS)]

    series = Series("in the source", counted(told.before), "var(--plain)"), Series("curated", counted(told.after))
    return Chart("Subjects by the share of their body that has a label", names, series)


def _volumes(told: CuratedStatistics) -> Chart:
    """Median litres of the tissues."""
    rows = [row for row in told.structures if row.name in TISSUES]
    names = [row.name.replace("_", " ") for row in rows]
    return Chart("Tissues, median volume in ml", names, [Series("", [row.ml for row in rows])])
