from typing import Any

import numpy as np

from imedbench.curate.classes import classes
from imedbench.curate.pieces import Pieces, without_specks

KNOWN = classes("v2")
MM = (3.0, 3.0, 3.0)


def scene(*specks: tuple[str, tuple[slice, slice, slice]]) -> Any:
    """A spleen of 1,000 voxels, a liver of 8,000, and more."""
    labels = np.zeros((40, 60, 60), np.uint8)
    labels[5:15, 5:15, 5:15] = KNOWN.number("spleen")
    labels[5:25, 30:50, 30:50] = KNOWN.number("liver")
    for name, where in specks:
        labels[where] = KNOWN.number(name)
    return labels


def test_pieces_of_a_label() -> None:
    pieces = Pieces.of(scene(("spleen", np.s_[30:32, 30:32, 30:32])))
    first, second = pieces.of_label(KNOWN.number("spleen"))
    assert (pieces.sizes[first], pieces.sizes[second]) == (1000, 8)
    assert pieces.gap_mm(first, second, MM) == np.linalg.norm([15 * 3, 15 * 3, 15 * 3])
    assert not pieces.reaches_end(first)


def test_nothing_to_mend() -> None:
    labels = scene()
    assert without_specks(labels, KNOWN, MM) == (labels, [])


def test_a_speck_far_off_loses_its_label() -> None:
    found, [finding] = without_specks(scene(("spleen", np.s_[30:32, 30:32, 10:12])), KNOWN, MM)
    assert np.array_equal(found, scene())
    assert (finding.structures, finding.remedy, finding.ml) == (("spleen",), "cleared", 0.216)


def test_a_speck_within_another_structure_becomes_part_of_it() -> None:
    found, [finding] = without_specks(scene(("spleen", np.s_[10:12, 40:42, 40:42])), KNOWN, MM)
    assert np.array_equal(found, scene())
    assert finding.remedy == "renamed"


def test_a_speck_nearby_may_hang_on_its_structure() -> None:
    labels = scene(("spleen", np.s_[5:7, 5:7, 17:19]))
    assert without_specks(labels, KNOWN, MM) == (labels, [])


def test_a_large_second_piece_is_only_told_of() -> None:
    labels = scene(("spleen", np.s_[20:28, 5:12, 5:12]))
    found, [finding] = without_specks(labels, KNOWN, MM)
    assert found is labels
    assert finding.remedy == "review"
    assert "10.6 ml" in finding.what


def test_what_the_scan_cuts_off_is_no_second_piece() -> None:
    labels = scene(("spleen", np.s_[32:40, 5:12, 5:12]))
    assert without_specks(labels, KNOWN, MM) == (labels, [])


def test_bowel_is_often_in_pieces() -> None:
    labels = scene(("colon", np.s_[20:30, 5:15, 5:15]), ("colon", np.s_[36:38, 50:52, 5:7]))
    assert without_specks(labels, KNOWN, MM) == (labels, [])
