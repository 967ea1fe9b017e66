"""Tissues of phantoms that are known from the surfaces they were drawn with; the aim is a Dice of 0.95 everywhere."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imedbench.curate.body import Scan
from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, VISCERAL, classes
from imedbench.curate.settings import TissueSettings
from imedbench.curate.tissue import label_tissues
from imedbench.metrics.overlap import dice

FAKE: dict[str, Any] = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "tissue.py"))
USUAL = (0.94, 0.94, 0.94)
LEAST = {
    "obese": (0.94, 0.91, 0.97),
    # Fat under the skin that is one to three voxels thick.
    "lean": (0.94, 0.94, 0.88),
    # The circle cuts through the fat under the skin, lengthwise.
    "round field of view": (0.94, 0.94, 0.92),
    "noise": (0.91, 0.90, 0.93),
    # The fat of one armpit, shut in by muscle, is taken for the inside of the chest.
    "thorax": (0.93, 0.74, 0.92),
}
"""Of muscle, visceral and subcutaneous fat, where they are not as usual: just below what was measured."""


@pytest.mark.slow
@pytest.mark.parametrize("looks", FAKE["LOOKS"])
def test_tissues_of_a_phantom(looks: str, record_property: Callable[[str, object], None]) -> None:
    known, scan = classes("v2"), FAKE["scan"](FAKE["LOOKS"][looks])
    settings = TissueSettings()
    labels, _ = label_tissues(Scan.of(scan.voxels, FAKE["SPACING_MM"], settings), scan.labels, known, settings)
    reached = {name: labels == known.number(name) for name in (MUSCLE, VISCERAL, SUBCUTANEOUS)}
    reached[MUSCLE] |= known.of("muscle")[labels]
    scores = [dice(scan.tissues[name], mask) for name, mask in reached.items()]
    record_property("Dice", [round(score, 3) for score in scores])
    print(f"{looks}: " + ", ".join(f"{name} {score:.3f}" for name, score in zip(reached, scores, strict=True)))  # noqa: T201
    assert all(score >= least for score, least in zip(scores, LEAST.get(looks, USUAL), strict=True))
