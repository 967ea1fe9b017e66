"""What a build would do, how large its store would be and how long it would take: measured on a few of its pictures."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from imedbench.build.plan import (
    IMAGES_PER_TASK,
    Found,
    Plan,
    Source,
    check_sources,
    digest_of,
    load_parts,
    make_plan,
    planes_in,
    survey,
)
from imedbench.build.prepare import Preparation
from imedbench.build.tasks import WORK, BuildSettings, load_model
from imedbench.errors import BadInput
from imedbench.layout import peek_study
from imedbench.store import PartWriter, Record, StoreInfo, create_store, finished_parts
from imedbench.store.format import part_path

STUDIES = 3
PLANES = 4


@dataclass(frozen=True, slots=True)
class SourceEstimate:
    """What one source holds."""

    folder: Path
    recipe: str
    studies: int
    images: int
    """Pictures before any filter."""
    nbytes: int
    """Of raw voxels."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A build, before it is run."""

    sources: tuple[SourceEstimate, ...]
    problems: tuple[dict[str, str], ...]
    finished: int
    """Pictures whose part is in the store already."""
    sampled: int
    """Pictures that were made to measure."""
    seconds: float
    """For what is left, with this many workers."""
    workers: int
    store_bytes: float
    """Of the whole store."""


@dataclass(slots=True)
class _Sample:
    pictures: int = 0
    picture_seconds: float = 0.0
    picture_bytes: int = 0
    volume_seconds: float = 0.0
    """To read volumes."""
    volume_bytes: int = 0
    """Of the same volumes in a store."""
    raw_bytes: int = 0
    """Of the same volumes, as voxels."""


def estimate(sources: Sequence[Source], out: Path, settings: BuildSettings, *, workers: int) -> Estimate:
    """Surveys the sources and builds a few pictures of some studies in a temporary folder; ``out`` is not touched.

    Raises:
        BadStore: ``out`` holds a store that was begun with other recipes or settings.
    """
    check_sources(sources)
    earlier = load_parts(out / WORK / "plan.json", digest_of(sources, asdict(settings)))
    plan = make_plan(survey(sources), earlier)
    done = finished_parts(out) if earlier else set()
    finished = sum(part.images for part in plan.parts if part.number in done)
    sample = _measure(list(plan.studies.values()), sources, settings)
    volumes = [found for found in plan.studies.values() if found.planes]
    raw, pictures = sum(found.nbytes for found in volumes) / max(1, sample.raw_bytes), max(1, sample.pictures)
    # Each worker that has planes of a volume reads all of it.
    reads = sum(found.nbytes * min(workers, -(-found.planes // IMAGES_PER_TASK)) for found in volumes)
    reading = sample.volume_seconds * reads / max(1, sample.raw_bytes)
    seconds = (sample.picture_seconds / pictures * plan.images + reading) / workers
    return Estimate(
        sources=tuple(_source_rows(plan, sources)),
        problems=tuple(plan.problems),
        finished=finished,
        sampled=sample.pictures,
        seconds=seconds * (1 - finished / max(1, plan.images)),
        workers=workers,
        store_bytes=sample.picture_bytes / pictures * plan.images + sample.volume_bytes * raw,
    )


def _source_rows(plan: Plan, sources: Sequence[Source]) -> Iterator[SourceEstimate]:
    for number, source in enumerate(sources):
        found = [study for study in plan.studies.values() if study.source == number]
        images, nbytes = sum(one.images for one in found), sum(one.nbytes for one in found)
        yield SourceEstimate(source.folder, source.recipe.name, len(found), images, nbytes)


def _measure(found: Sequence[Found], sources: Sequence[Source], settings: BuildSettings) -> _Sample:
    sample = _Sample()
    if settings.proposals and found:
        load_model(settings.proposals, "auto")
    step = max(1, len(found) // STUDIES)
    for study in found[step // 2 :: step][:STUDIES]:
        source = sources[study.source]
        model = load_model(settings.proposals, "auto") if settings.proposals else None
        preparation = Preparation(source.recipe, settings.proposals, model, settings.published)
        try:
            _prepare(preparation, study, sample)
        except BadInput:
            # The build itself will tell; a sample can do without.
            continue
    return sample


def _prepare(preparation: Preparation, study: Found, sample: _Sample) -> None:
    """Adds one study to the sample: a picture, or a volume and some planes from its middle."""
    planes = planes_in(peek_study(study.study), preparation.recipe)
    middle = max(0, len(planes) // 2 - PLANES // 2)
    start = time.perf_counter()
    if planes:
        volume = preparation.records(study.study, [])
        sample.volume_seconds += time.perf_counter() - start
        sample.volume_bytes += _stored(volume)
        sample.raw_bytes += study.nbytes
        start = time.perf_counter()
    records = preparation.records(study.study, planes[middle : middle + PLANES])
    sample.picture_seconds += time.perf_counter() - start
    sample.picture_bytes += _stored([record for record in records if len(record.case.image.grid) == 2])
    sample.pictures += min(PLANES, study.images)


def _stored(records: Sequence[Record]) -> int:
    """Bytes that the arrays of these records take; the index of a few is all overhead."""
    if not records:
        return 0
    with tempfile.TemporaryDirectory(prefix="imedbench-") as folder:
        store = Path(folder) / "sample"
        create_store(store, StoreInfo(name="sample", recipe={}, settings={}, version={}))
        with PartWriter(store, 0) as writer:
            for record in records:
                writer.add(record)
        return sum(file.stat().st_size for file in part_path(store, 0).glob("*/*"))
