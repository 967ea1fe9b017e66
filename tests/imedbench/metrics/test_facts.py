import math

import numpy as np
import pytest

from imedbench import catalog
from imedbench.errors import UnknownName
from imedbench.metrics.facts import METRICS, higher_is_better, split_label, worst_of

DIAGONAL = np.array([100.0, 50.0])
TURNS = np.array([5, 11])


def test_every_metric_of_the_catalogue_has_its_facts() -> None:
    assert set(METRICS) == set(catalog.METRICS)


def test_labels() -> None:
    assert split_label("nsd 2 mm") == ("", "nsd")
    assert split_label("noc@90 iou") == ("noc", "iou")
    assert split_label("auc nsd 1 voxels") == ("auc", "nsd")
    for label in ("auc", "dize", "gain dize"):
        with pytest.raises(UnknownName):
            split_label(label)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("dice", [0, 0]),
        ("nsd 2 mm", [0, 0]),
        ("hd95", [100, 50]),
        ("volume-error", [1, 1]),
        ("auc dice", [0, 0]),
        ("auc assd", [400, 500]),
        ("noc@85 iou", [5, 11]),
        ("gain dice", [-1, -1]),
        ("gain hd95", [100, 50]),
        ("monotonicity dice", [0, 0]),
    ],
)
def test_what_a_failed_session_counts(label: str, expected: list[float]) -> None:
    assert worst_of(label, DIAGONAL, TURNS).tolist() == expected


def test_which_way_is_better() -> None:
    better = {label: higher_is_better(label) for label in ("dice", "hd95", "auc iou", "auc assd", "noc@90 iou")}
    assert better == {"dice": True, "hd95": False, "auc iou": True, "auc assd": False, "noc@90 iou": False}
    assert higher_is_better("monotonicity hd95")


@pytest.mark.parametrize("name", METRICS)
def test_the_best_is_better_than_the_worst(name: str) -> None:
    facts = METRICS[name]
    assert (facts.best > facts.worst) == facts.higher_is_better
    assert math.isfinite(facts.best)
