import dataclasses
from collections.abc import Callable

import pytest

from imedbench.report import statistics as module
from imedbench.report.statistics import AREAS, RESOLUTIONS, summarise
from imedbench.store import Store, index
from imedbench.types import Case


def test_counts_pictures_and_volumes_apart(sample_store: Store) -> None:
    found = summarise(sample_store)
    assert (found.pictures, found.volumes, found.studies, found.patients) == (5, 1, 4, 4)
    assert (found.truth, found.interactive, found.volume_truth) == (4 * 3 + 1, 4 * 3, 3)
    assert found.mean_masks == pytest.approx(25 / 5)
    assert found.datasets == ("alpha", "beta")
    assert [(row.modality, row.pictures, row.volumes, row.truth) for row in found.modalities] == [
        ("ct", 4, 1, 12),
        ("fundus", 1, 0, 1),
    ]


def test_counts_a_target_by_mask_by_picture_and_by_group(sample_store: Store) -> None:
    rows = {row.target: row for row in summarise(sample_store).targets}
    assert set(rows) == {"liver", "liver tumor", "spleen", "optic disc"}
    assert (rows["liver tumor"].masks, rows["liver tumor"].pictures, rows["liver tumor"].volumes) == (8, 4, 1)
    assert (rows["spleen"].masks, rows["spleen"].volumes) == (0, 1)
    assert rows["liver"].group == "abdomen"


def test_sorts_into_the_classes_of_the_paper(sample_store: Store) -> None:
    found = summarise(sample_store)
    assert dict(zip(RESOLUTIONS, found.resolutions.counts, strict=True))["< 256"] == 5
    areas = dict(zip(AREAS, found.truth_areas.counts, strict=True))
    # Liver 256 / 1200 and optic disc 120 / 1536, tumours 16 / 1200.
    assert areas == dict.fromkeys(AREAS, 0) | {"1–2 %": 8, "5–10 %": 1, "10–50 %": 4}
    assert found.truth_per_image.counts[:2] == (0, 5)
    assert found.interactive_per_image.counts[:2] == (1, 4)
    assert sum(found.interactive_areas.shares) == pytest.approx(1)


@pytest.mark.parametrize(("side", "place"), [(255, 0), (256, 1), (511, 1), (512, 2), (1024, 2), (1025, 3)])
def test_class_limits_are_those_of_their_names(side: int, place: int) -> None:
    assert module._sort_in(module.np.array([side]), module.RESOLUTION_EDGES)[place] == 1


def test_splits_are_listed_in_order_and_hold_no_leak(sample_store: Store) -> None:
    found = summarise(sample_store)
    assert [(row.split, row.pictures, row.volumes, row.patients) for row in found.splits] == [
        ("train", 2, 1, 1),
        ("test", 1, 0, 1),
        ("reserve", 1, 0, 1),
        ("external", 1, 0, 1),
    ]
    assert found.leaked == 0


def test_a_leak_is_seen(make_store: Callable[..., Store], sample_cases: list[Case]) -> None:
    leaky = [dataclasses.replace(case, patient="p1") if case.id == "s2" else case for case in sample_cases]
    assert summarise(make_store(leaky)).leaked == 1


def test_the_build_s_own_tallies_and_the_quarantine_come_along(sample_store: Store) -> None:
    found = summarise(sample_store)
    assert found.removed == (("slices without a truth mask", 9), ("truth masks under the least area", 4))
    assert found.strangers == (("odd name", 2),)
    assert [problem["study"] for problem in found.problems] == ["bad1"]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_does_not_depend_on_the_batches(sample_store: Store, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = summarise(sample_store)
    monkeypatch.setattr(index, "BATCH", size)
    assert summarise(sample_store) == whole
