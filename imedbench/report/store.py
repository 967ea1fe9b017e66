"""The page about a store: what is in it, what it looks like, what was left out and why."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imedbench.masks import Masks
from imedbench.report.charts import Chart, Series
from imedbench.report.choice import choose_cases, windows_of
from imedbench.report.colours import hexadecimal, region_colours, target_colours
from imedbench.report.drawing import fills, fit, picture_of
from imedbench.report.outlines import svg_paths
from imedbench.report.page import render, webp_uri, write_page
from imedbench.report.planes import views_of
from imedbench.report.statistics import GROUPS, Statistics, summarise
from imedbench.types import Case

if TYPE_CHECKING:
    from imedbench.store import Store

CASES = 20
# Longest side of an embedded picture, in pixels. The outlines are vectors and need none.
PICTURE = 560
TARGETS_SHOWN = 60
UNKNOWN = "modality unknown"
TRUTH, INTERACTIVE = "var(--truth)", "var(--interactive)"


@dataclass(frozen=True, slots=True)
class Shape:
    """One mask to draw."""

    path: str
    """The ``d`` of an SVG path."""
    colour: str
    opacity: float
    words: str
    """What the tooltip says."""


@dataclass(frozen=True, slots=True)
class Plate:
    """One case on the contact sheet."""

    id: str
    name: str
    """The id without what every case of its data set begins with."""
    height: int
    width: int
    picture: str
    """A data URI."""
    truth: tuple[Shape, ...]
    interactive: tuple[Shape, ...]
    legend: tuple[tuple[str, str], ...]
    """Target and colour."""
    facts: str
    words: str
    """What a screen reader says."""


def write_report(
    store: "Store", path: Path, cases: int = CASES, advance: Callable[[int, int], None] = lambda done, total: None
) -> Statistics:
    """Writes the store's page, one self-contained HTML file; returns the numbers in it.

    Args:
        store: a finished store.
        path: of the page; what is there is replaced.
        cases: how many are shown.
        advance: called with the number of cases drawn and of all to draw.
    """
    statistics = summarise(store)
    colours = {name: hexadecimal(colour) for name, colour in colours_of(statistics).items()}
    chosen = choose_cases(store, cases)
    windows = windows_of(store, chosen)
    plates = []
    for done, name in enumerate(chosen, 1):
        plates.append(_plate(store[name], windows[name], colours))
        advance(done, len(chosen))
    write_page(_page(store, statistics, plates, colours), path)
    return statistics


def colours_of(statistics: Statistics) -> dict[str, tuple[int, int, int]]:
    """The colour of each target in every picture of this store."""
    return target_colours(row.target for row in statistics.targets)


def _plate(case: Case, window: tuple[float, ...], colours: Mapping[str, str]) -> Plate:
    import cv2

    view = views_of(case.image, case.masks)[0]
    rows, columns = view.voxels.shape[:2]
    # Small pictures are not blown up: the browser does that as well.
    scale = min(1.0, PICTURE / max(fit(view, max(rows, columns))))
    height, width = (max(1, round(length * scale)) for length in fit(view, max(rows, columns)))
    picture = picture_of(view.voxels, case.image.channels, window)
    if picture.shape[:2] != (height, width):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    factors = (height / rows, width / columns)
    truth, interactive = view.masks.of_kind("gt"), view.masks.of_kind("interactive")
    named = [colours[info.target] for info in truth.infos]
    regions = [hexadecimal(colour) for colour in region_colours(interactive)]
    return Plate(
        id=case.id,
        name=case.id.removeprefix(f"{case.dataset}/"),
        height=height,
        width=width,
        picture=webp_uri(picture),
        truth=_shapes(truth, named, factors),
        interactive=_shapes(interactive, regions, factors),
        legend=tuple((target, colours[target]) for target in sorted(truth.targets)),
        facts=_facts(case),
        words=_words(case, view.masks),
    )


def _shapes(masks: Masks, colours: Sequence[str], factors: tuple[float, float]) -> tuple[Shape, ...]:
    """The masks, large ones first: small ones lie on top."""
    areas, opacities = masks.areas(), fills(masks)
    paths = svg_paths(masks, factors)
    size = int(np.prod(masks.shape))
    shapes = []
    for index in np.argsort(-areas, kind="stable"):
        info = masks.infos[index]
        words = info.target or "region"
        words += f" {info.instance}" if info.instance else ""
        words += f", {100 * areas[index] / size:.2g} % of the picture"
        words += f", score {info.score:.2f}" if info.kind == "interactive" else ""
        shapes.append(Shape(paths[index], colours[index], round(float(opacities[index]), 2), words))
    return tuple(shapes)


def _facts(case: Case) -> str:
    size = " × ".join(str(length) for length in case.image.grid)
    steps = [f"{step:.3g}" for step in case.image.spacing_mm]
    spacing = " × ".join(steps if len(set(steps)) > 1 else steps[:1])
    return f"{case.image.modality or UNKNOWN} · {size} · {spacing} mm · {case.split} · {case.dataset}"


def _words(case: Case, masks: Masks) -> str:
    targets = ", ".join(masks.targets) or "no truth"
    generated = len(masks.of_kind("interactive"))
    words = [case.image.modality, f"picture {case.id}: {targets}; {generated} interactive masks"]
    return " ".join(filter(None, words))


def _page(store: "Store", statistics: Statistics, plates: Sequence[Plate], colours: Mapping[str, str]) -> str:
    info = store.info
    return render(
        "store.html.j2",
        title=f"{info.name}: an imedbench store",
        statistics=statistics,
        plates=plates,
        overview=_overview(statistics),
        charts=_charts(statistics),
        groups=_target_groups(statistics, colours),
        recipes=[(name, recipe, _pretty(recipe)) for name, recipe in info.recipe.items()],
        settings=_pretty(info.settings.get("build", {})),
        versions=info.version,
    )


def _overview(statistics: Statistics) -> list[tuple[str, str]]:
    """The numbers that matter, and what they count."""
    flat = statistics.pictures > 0
    numbers = [(statistics.pictures, "pictures")] if flat else []
    numbers += [(statistics.volumes, "volumes")] if statistics.volumes else []
    numbers += [(statistics.truth if flat else statistics.volume_truth, "truth masks")]
    numbers += [(statistics.interactive, "interactive masks")] if statistics.interactive else []
    shown = [(f"{number:,}", name) for number, name in numbers]
    shown += [(f"{statistics.mean_masks:.1f}", "masks a picture")] if flat else []
    return [
        *shown,
        (f"{len(statistics.targets):,}", "targets"),
        (f"{statistics.studies:,}", "studies"),
        (f"{statistics.patients:,}", "patients"),
    ]


def _charts(statistics: Statistics) -> dict[str, Chart]:
    image, images = ("picture", "pictures") if statistics.pictures else ("volume", "volumes")
    modalities = statistics.modalities
    names = [row.modality or UNKNOWN for row in modalities]
    held = [Series("pictures", [row.pictures for row in modalities], "var(--plain)")]
    held += [Series("volumes", [row.volumes for row in modalities], "var(--other)")]
    return {
        "modality_images": Chart(
            "Images by modality", names, [series for series in held if any(series.values)], "images"
        ),
        "modality_masks": Chart(
            "Masks by modality",
            names,
            _pair([row.truth for row in modalities], [row.interactive for row in modalities]),
            "masks",
        ),
        "masks": Chart(
            f"Masks per {image}",
            statistics.truth_per_image.classes,
            _pair(statistics.truth_per_image.counts, _where_any(statistics.interactive_per_image.counts)),
            images,
        ),
        "resolutions": Chart(
            f"{images.capitalize()} by resolution",
            statistics.resolutions.classes,
            [Series(images, statistics.resolutions.counts, "var(--plain)")],
            images,
        ),
        "areas": Chart(
            "Masks by area, in % of the image",
            [name.removesuffix(" %") for name in statistics.truth_areas.classes],
            _pair(statistics.truth_areas.counts, statistics.interactive_areas.counts),
            "masks",
        ),
    }


def _pair(truth: Sequence[float], interactive: Sequence[float]) -> list[Series]:
    """Truth and interactive beside one another; the truth alone where nothing was generated."""
    series = [Series("truth", truth, TRUTH)]
    return [*series, Series("interactive", interactive, INTERACTIVE)] if any(interactive) else series


def _where_any(counts: Sequence[int]) -> Sequence[int]:
    """How many images have how many masks; nothing where all of them have none."""
    return counts if any(counts[1:]) else ()


def _target_groups(statistics: Statistics, colours: Mapping[str, str]) -> list[tuple[str, int, Chart]]:
    """A chart for each anatomical group, of the targets with the most masks; and how many targets it has."""
    groups = []
    shown = sorted(statistics.targets, key=lambda row: (-row.masks, -row.volumes))[:TARGETS_SHOWN]
    kept = {row.target for row in shown}
    for group, members in groupby(statistics.targets, key=lambda row: row.group):
        rows = list(members)
        best = [row for row in rows if row.target in kept]
        values = [row.masks or row.volumes for row in best]
        chart = Chart(
            f"{GROUPS[group]}: truth masks by target",
            [row.target for row in best],
            [Series("truth", values, TRUTH)],
            "masks",
            [colours[row.target] for row in best],
        )
        groups.append((GROUPS[group], len(rows), chart))
    return groups


def _pretty(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, indent=2, ensure_ascii=False, default=str)
