"""What a store holds, in numbers: read from its Parquet index alone, in batches, so that memory stays flat.

The classes of resolution and of mask area are those of Figure 2 (c, d) of the IMed-361M paper (section 3.3).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from imedbench.store import Store

RESOLUTIONS = ("< 256", "256–511", "512–1024", "> 1024")
RESOLUTION_EDGES = (256, 512, 1025)
AREAS = ("< 0.1 %", "0.1–0.5 %", "0.5–1 %", "1–2 %", "2–5 %", "5–10 %", "10–50 %", "> 50 %")
AREA_EDGES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
MASK_COUNTS = ("0", "1–4", "5–9", "10–19", "20–29", "30–49", "50–74", "75–99", "≥ 100")
MASK_COUNT_EDGES = (1, 5, 10, 20, 30, 50, 75, 100)
GROUPS = {
    "abdomen": "Abdomen",
    "head_neck": "Head and neck",
    "skeleton": "Skeleton",
    "thorax": "Thorax",
    "pelvis": "Pelvis",
    "lesion": "Lesions",
    "other": "Other",
}
"""How the groups of `imedbench.targets` are called on a page."""
CASE_COLUMNS = ("dataset", "study", "patient", "split", "modality", "ndim", "shape", "gt", "interactive")
MASK_COLUMNS = ("case", "target", "kind", "fraction", "low")
TRAINED = "train"

Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModalityCount:
    """Pictures, volumes and the masks on pictures, of one modality."""

    modality: str
    pictures: int
    volumes: int
    truth: int
    interactive: int


@dataclass(frozen=True, slots=True)
class TargetCount:
    """How often one target has a truth mask."""

    target: str
    group: str
    """One of the six anatomical groups, or "other"; see `imedbench.targets.Target`."""
    pictures: int
    """Pictures with at least one mask of it."""
    masks: int
    """Truth masks of it on pictures; instances count one by one."""
    volumes: int
    """Volumes with at least one mask of it."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many fall in each class."""

    classes: tuple[str, ...]
    counts: Counts

    @property
    def shares(self) -> tuple[float, ...]:
        """The counts as fractions of their sum; zeros where there is nothing."""
        total = sum(self.counts)
        return tuple(count / total if total else 0.0 for count in self.counts)


@dataclass(frozen=True, slots=True)
class SplitCount:
    """The size of one side of the split."""

    split: str
    pictures: int
    volumes: int
    studies: int
    patients: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """All of it; see `summarise`. Distributions are over pictures, or over volumes where there are no pictures."""

    name: str
    pictures: int
    volumes: int
    studies: int
    patients: int
    datasets: tuple[str, ...]
    truth: int
    """Truth masks on pictures."""
    interactive: int
    """Interactive masks on pictures."""
    volume_truth: int
    """Truth masks on volumes."""
    modalities: tuple[ModalityCount, ...]
    """By falling number of pictures."""
    targets: tuple[TargetCount, ...]
    """By group, then by falling number of masks."""
    truth_per_image: Distribution
    interactive_per_image: Distribution
    masks_per_image: Distribution
    resolutions: Distribution
    """By the longer of rows and columns."""
    truth_areas: Distribution
    """By the fraction of the picture that a mask covers."""
    interactive_areas: Distribution
    splits: tuple[SplitCount, ...]
    leaked: int
    """Patients who are on the training side and on another one too; anything but 0 is an error of the build."""
    removed: tuple[tuple[str, int], ...]
    """What the filters left out: the rule and how often, most frequent first."""
    strangers: tuple[tuple[str, int], ...]
    """Names of the sources that the target vocabulary does not know, and how often, most frequent first."""
    problems: tuple[Mapping[str, str], ...]
    """The quarantine: study, path and error of each study that could not be used."""

    @property
    def mean_masks(self) -> float:
        """Masks per picture, of both kinds; the paper has 56."""
        return (self.truth + self.interactive) / self.pictures if self.pictures else 0.0


def summarise(store: "Store") -> Statistics:
    """Counts everything once. Reads the index only, never the arrays."""
    cases, masks = _CaseTally(), _MaskTally()
    for batch in store.scan("cases", CASE_COLUMNS):
        cases.add(batch)
    for batch in store.scan("masks", MASK_COLUMNS):
        masks.add(batch)
    flat = cases.pictures > 0
    dimension = 2 if flat else 3
    counts = cases.masks[dimension]
    return Statistics(
        name=store.info.name,
        pictures=cases.pictures,
        volumes=cases.volumes,
        studies=len(set().union(*cases.studies.values())),
        patients=len(set().union(*cases.patients.values())),
        datasets=tuple(sorted(cases.datasets)),
        truth=sum(row["truth"] for row in cases.modalities.values()),
        interactive=sum(row["interactive"] for row in cases.modalities.values()),
        volume_truth=cases.volume_truth,
        modalities=cases.modality_counts(),
        targets=_target_counts(masks),
        truth_per_image=_distribution(MASK_COUNTS, counts["truth"]),
        interactive_per_image=_distribution(MASK_COUNTS, counts["interactive"]),
        masks_per_image=_distribution(MASK_COUNTS, counts["all"]),
        resolutions=_distribution(RESOLUTIONS, cases.resolutions[dimension]),
        truth_areas=_distribution(AREAS, masks.areas["gt", dimension]),
        interactive_areas=_distribution(AREAS, masks.areas["interactive", dimension]),
        splits=cases.split_counts(),
        leaked=cases.leaked(),
        removed=_tallied(store, "counts"),
        strangers=_tallied(store, "strangers"),
        problems=tuple(store.problems.to_pylist()),
    )


def _classes(edges: tuple[float, ...]) -> defaultdict[Any, NDArray[np.int64]]:
    return defaultdict(lambda: np.zeros(len(edges) + 1, np.int64))


def _sort_in(values: NDArray[Any], edges: tuple[float, ...]) -> NDArray[np.int64]:
    """How many values lie in each class; a value on an edge belongs to the class above it."""
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def _distribution(classes: tuple[str, ...], counts: NDArray[np.int64]) -> Distribution:
    return Distribution(classes, tuple(int(count) for count in counts))


@dataclass(slots=True)
class _CaseTally:
    """Running sums over the rows of cases."""

    pictures: int = 0
    volumes: int = 0
    volume_truth: int = 0
    datasets: set[str] = field(default_factory=set)
    modalities: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    splits: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    studies: defaultdict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    patients: defaultdict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    masks: dict[int, defaultdict[Any, NDArray[np.int64]]] = field(
        default_factory=lambda: {2: _classes(MASK_COUNT_EDGES), 3: _classes(MASK_COUNT_EDGES)}
    )
    resolutions: defaultdict[Any, NDArray[np.int64]] = field(default_factory=lambda: _classes(RESOLUTION_EDGES))

    def add(self, batch: "pa.RecordBatch") -> None:
        """Takes in some rows."""
        import pyarrow as pa

        rows = pa.Table.from_batches([batch]).drop_columns(["shape"])
        summed = rows.group_by(["split", "modality", "ndim"]).aggregate(
            [("study", "count"), ("gt", "sum"), ("interactive", "sum")]
        )
        for row in summed.to_pylist():
            self._add_group(row)
        for name, found in (("study", self.studies), ("patient", self.patients)):
            for row in rows.group_by(["split", "dataset", name]).aggregate([]).to_pylist():
                found[row["split"]].add((row["dataset"], row[name]))
                self.datasets.add(row["dataset"])
        self._add_sizes(batch)

    def _add_group(self, row: Mapping[str, Any]) -> None:
        kind = "pictures" if row["ndim"] == 2 else "volumes"
        tally = self.modalities[row["modality"]]
        tally[kind] += row["study_count"]
        self.splits[row["split"]][kind] += row["study_count"]
        if row["ndim"] == 2:
            self.pictures += row["study_count"]
            tally["truth"] += row["gt_sum"]
            tally["interactive"] += row["interactive_sum"]
        else:
            self.volumes += row["study_count"]
            self.volume_truth += row["gt_sum"]

    def _add_sizes(self, batch: "pa.RecordBatch") -> None:
        dimensions = batch.column("ndim").to_numpy(zero_copy_only=False)
        truth = batch.column("gt").to_numpy(zero_copy_only=False)
        interactive = batch.column("interactive").to_numpy(zero_copy_only=False)
        sides = _last_two(batch.column("shape")).max(1)
        for dimension in (2, 3):
            chosen = dimensions == dimension
            self.resolutions[dimension] += _sort_in(sides[chosen], RESOLUTION_EDGES)
            counts = self.masks[dimension]
            counts["truth"] += _sort_in(truth[chosen], MASK_COUNT_EDGES)
            counts["interactive"] += _sort_in(interactive[chosen], MASK_COUNT_EDGES)
            counts["all"] += _sort_in((truth + interactive)[chosen], MASK_COUNT_EDGES)

    def modality_counts(self) -> tuple[ModalityCount, ...]:
        """One row a modality, the one with most images first."""
        rows = (
            ModalityCount(name, tally["pictures"], tally["volumes"], tally["truth"], tally["interactive"])
            for name, tally in self.modalities.items()
        )
        return tuple(sorted(rows, key=lambda row: (-row.pictures, -row.volumes, row.modality)))

    def split_counts(self) -> tuple[SplitCount, ...]:
        """One row a side, in the order train, test, reserve, external."""
        order = {name: place for place, name in enumerate(("train", "test", "reserve", "external"))}
        return tuple(
            SplitCount(name, tally["pictures"], tally["volumes"], len(self.studies[name]), len(self.patients[name]))
            for name, tally in sorted(self.splits.items(), key=lambda pair: order.get(pair[0], len(order)))
        )

    def leaked(self) -> int:
        """Patients of the training side that another side has too."""
        others = [patients for name, patients in self.patients.items() if name != TRAINED]
        return len(self.patients.get(TRAINED, set()) & set().union(*others))


@dataclass(slots=True)
class _MaskTally:
    """Running sums over the rows of masks. The rows of a case follow one another."""

    counted: dict[int, Counter[str]] = field(default_factory=lambda: {2: Counter(), 3: Counter()})
    images: dict[int, Counter[str]] = field(default_factory=lambda: {2: Counter(), 3: Counter()})
    areas: defaultdict[Any, NDArray[np.int64]] = field(default_factory=lambda: _classes(AREA_EDGES))
    open: tuple[str, frozenset[tuple[int, str]]] = ("", frozenset())
    """The last case seen and its targets: it may go on in the next batch."""

    def add(self, batch: "pa.RecordBatch") -> None:
        """Takes in some rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        dimensions = pc.list_value_length(batch.column("low"))
        rows = pa.table(
            {"ndim": dimensions} | {name: batch.column(name) for name in ("case", "target", "kind", "fraction")}
        )
        for dimension in (2, 3):
            for kind in ("gt", "interactive"):
                chosen = rows.filter(pc.and_(pc.equal(rows["ndim"], dimension), pc.equal(rows["kind"], kind)))
                self.areas[kind, dimension] += _sort_in(chosen["fraction"].to_numpy(), AREA_EDGES)
        self._add_targets(rows.filter(pc.equal(rows["kind"], "gt")))

    def _add_targets(self, truth: "pa.Table") -> None:
        if not truth.num_rows:
            return
        pairs = truth.group_by(["ndim", "target", "case"]).aggregate([("kind", "count")])
        for row in pairs.group_by(["ndim", "target"]).aggregate([("kind_count", "sum"), ("case", "count")]).to_pylist():
            self.counted[row["ndim"]][row["target"]] += row["kind_count_sum"]
            self.images[row["ndim"]][row["target"]] += row["case_count"]
        # A case may begin in one batch and end in the next: its targets are images of it once.
        first, last = truth["case"][0].as_py(), truth["case"][-1].as_py()
        before = self.open[1] if first == self.open[0] else frozenset()
        for dimension, target in before & _targets_of(pairs, first):
            self.images[dimension][target] -= 1
        carried = before if last == first else frozenset()
        self.open = (last, carried | _targets_of(pairs, last))


def _targets_of(pairs: "pa.Table", case: str) -> frozenset[tuple[int, str]]:
    """(dimension, target) of each truth mask of a case."""
    import pyarrow.compute as pc

    mine = pairs.filter(pc.equal(pairs["case"], case))
    return frozenset(zip(mine["ndim"].to_pylist(), mine["target"].to_pylist(), strict=True))


def _last_two(shapes: "pa.Array") -> NDArray[np.int64]:
    """(n, 2): rows and columns, from lists of two or three lengths."""
    ends = np.asarray(shapes.offsets)[1:]
    lengths = np.asarray(shapes.values)
    return np.stack([lengths[ends - 2], lengths[ends - 1]], 1).astype(np.int64)


def _target_counts(masks: _MaskTally) -> tuple[TargetCount, ...]:
    from imedbench.targets import OTHER, Vocabulary

    vocabulary = Vocabulary.load()
    rows = []
    for name in masks.counted[2].keys() | masks.counted[3].keys():
        rows.append(
            TargetCount(
                name,
                vocabulary.place(name).group,
                masks.images[2][name],
                masks.counted[2][name],
                masks.images[3][name],
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.group == OTHER, row.group, -row.masks, -row.volumes, row.target)))


def _tallied(store: "Store", name: str) -> tuple[tuple[str, int], ...]:
    """One of the build's own tallies, most frequent first."""
    return tuple(Counter(store.info.settings.get(name, {})).most_common())
