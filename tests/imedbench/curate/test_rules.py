from typing import Any

import numpy as np
import pytest

from imedbench.curate.body import Scan
from imedbench.curate.classes import classes
from imedbench.curate.findings import Finding
from imedbench.curate.rules import mended
from imedbench.curate.settings import TissueSettings

KNOWN = classes("v2")
SETTINGS = TissueSettings(grid_mm=6.0)


def ruled(manikin: Any) -> tuple[Any, list[Finding]]:
    return mended(Scan.of(manikin.voxels, manikin.spacing_mm, SETTINGS), manikin.labels, KNOWN)


def test_a_right_volume_is_left_alone(manikin: Any) -> None:
    labels, findings = ruled(manikin)
    assert labels is manikin.labels
    assert findings == []


def test_exchanged_kidneys(manikin: Any) -> None:
    labels, findings = ruled(manikin.named(kidney_left="kidney_right", kidney_right="kidney_left"))
    assert np.array_equal(labels, manikin.labels)
    assert findings == [Finding("sides", ("kidney_left", "kidney_right"), "have each other's name", "renamed")]


def test_all_sides_exchanged_without_organs_that_tell(manikin: Any) -> None:
    pairs = [KNOWN.number(f"kidney_{side}") for side in ("left", "right")]
    manikin.labels[~np.isin(manikin.labels, pairs)] = 0
    wrong = manikin.named(kidney_left="kidney_right", kidney_right="kidney_left")
    labels, [finding] = ruled(wrong)
    assert labels is wrong.labels
    assert (finding.rule, finding.remedy) == ("sides", "review")


def test_two_vertebrae_with_each_others_name(manikin: Any) -> None:
    labels, findings = ruled(manikin.named(vertebrae_L1="vertebrae_L2", vertebrae_L2="vertebrae_L1"))
    assert np.array_equal(labels, manikin.labels)
    assert [(finding.rule, finding.remedy) for finding in findings] == [("order", "renamed")]
    assert findings[0].structures == ("vertebrae_L1", "vertebrae_L2")


def test_three_vertebrae_in_another_order_are_for_review(manikin: Any) -> None:
    names = {"vertebrae_T12": "vertebrae_L1", "vertebrae_L1": "vertebrae_L2", "vertebrae_L2": "vertebrae_T12"}
    wrong = manikin.named(**names)
    labels, findings = ruled(wrong)
    assert labels is wrong.labels
    assert {finding.remedy for finding in findings} == {"review"}
    assert any("do not follow each other" in finding.what for finding in findings)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        # The numbers of all above one gap are shifted.
        ({"vertebrae_T9": "vertebrae_T8", "vertebrae_T8": "vertebrae_T7"}, "others come between their names"),
        ({"vertebrae_T12": "spinal_cord"}, "as if one more were between"),
    ],
)
def test_gaps_of_the_spine(manikin: Any, names: dict[str, str], told: str) -> None:
    _, findings = ruled(manikin.named(**names))
    assert any(told in finding.what and finding.remedy == "review" for finding in findings)


def test_ribs_in_another_order(manikin: Any) -> None:
    _, findings = ruled(manikin.named(rib_left_7="rib_left_8", rib_left_8="rib_left_7"))
    assert [finding.structures for finding in findings] == [("rib_left_7", "rib_left_8")]


def test_what_lies_outside_the_body_loses_its_label(manikin: Any) -> None:
    right = manikin.labels.copy()
    manikin.labels[30:33, 0:2, 0:2] = KNOWN.number("liver")
    labels, [finding] = ruled(manikin)
    assert np.array_equal(labels, right)
    assert (finding.rule, finding.structures, finding.remedy) == ("outside", ("liver",), "cleared")
    assert finding.ml == pytest.approx(12 * 0.15)


def test_intensities_that_no_liver_has(manikin: Any) -> None:
    manikin.voxels[manikin.labels == KNOWN.number("liver")] = -700
    _, [finding] = ruled(manikin)
    assert (finding.rule, finding.structures, finding.remedy) == ("intensity", ("liver",), "review")
    assert "-700 HU" in finding.what


def test_no_label_at_all(manikin: Any) -> None:
    manikin.labels[:] = 0
    _, [finding] = ruled(manikin)
    assert finding.rule == "empty"


def test_ribs_that_the_scan_cuts_off_say_nothing(manikin: Any) -> None:
    """Of the seventh rib only its front is seen, which lies low."""
    wrong = manikin.named(rib_left_7="rib_left_8", rib_left_8="rib_left_7")
    cut = type(manikin)(wrong.voxels[:51], wrong.labels[:51])
    assert not [finding for finding in ruled(cut)[1] if finding.rule == "order"]
