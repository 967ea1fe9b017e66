import numpy as np

from imedbench.build.granularity import clean, correct
from imedbench.masks import MaskInfo, Masks


def square(*sides: slice) -> np.ndarray:
    mask = np.zeros((100, 100), bool)
    mask[sides] = True
    return mask


def generated(*masks: np.ndarray) -> Masks:
    return Masks.from_dense(masks, [MaskInfo("", "interactive", score=0.9 - i / 100) for i in range(len(masks))])


def joined(proposals: Masks, truth: Masks) -> Masks:
    corrected = correct(proposals, truth)
    return Masks.concatenate([corrected.from_truth, corrected.generated])


def test_a_region_whose_box_fits_the_truth_stays_and_takes_its_name() -> None:
    truth = Masks.from_dense([square(slice(10, 50), slice(10, 50))], [MaskInfo("liver")])
    region = square(slice(10, 50), slice(10, 50))
    region[20:30, 20:30] = False
    corrected = joined(generated(region), truth)
    assert [(info.target, info.kind, info.score) for info in corrected.infos] == [("liver", "interactive", 0.9)]
    assert np.array_equal(corrected[0], region)


def test_a_region_stands_for_one_truth_only() -> None:
    whole = square(slice(10, 50), slice(10, 50))
    ring = whole & ~square(slice(12, 48), slice(12, 48))
    truth = Masks.from_dense([whole, ring], [MaskInfo("left ventricle"), MaskInfo("left myocardium")])
    corrected = joined(generated(whole), truth)
    assert [info.target for info in corrected.infos] == ["left myocardium", "left ventricle"]
    assert np.array_equal(corrected[0], ring)
    assert np.array_equal(corrected[1], whole)


def test_of_regions_that_fit_the_box_the_most_alike_takes_the_name() -> None:
    whole = square(slice(10, 50), slice(10, 50))
    ring = whole & ~square(slice(12, 48), slice(12, 48))
    truth = Masks.from_dense([ring], [MaskInfo("left myocardium")])
    assert [info.target for info in joined(generated(whole, ring), truth).infos] == ["", "left myocardium"]
    # Alone, the disc stays as the paper's rule has it; it is no myocardium.
    assert [(info.target, info.score) for info in joined(generated(whole), truth).infos] == [("", 0.9)]


def test_a_region_whose_box_does_not_fit_is_replaced_by_the_truth() -> None:
    truth = Masks.from_dense([square(slice(10, 50), slice(10, 50))], [MaskInfo("liver")])
    part = square(slice(10, 40), slice(10, 50))
    larger = square(slice(0, 90), slice(0, 90))
    corrected = joined(generated(part, larger), truth)
    assert [(info.target, info.score) for info in corrected.infos] == [("liver", 1.0), ("", 0.89)]
    assert np.array_equal(corrected[0], truth[0])
    assert np.array_equal(corrected[1], larger)


def test_finer_and_larger_masks_are_objects_of_their_own() -> None:
    truth = Masks.from_dense([square(slice(10, 50), slice(10, 50))], [MaskInfo("liver")])
    vessel = square(slice(20, 24), slice(15, 45))
    body = square(slice(0, 100), slice(0, 95))
    corrected = joined(generated(vessel, body), truth)
    assert [info.target for info in corrected.infos] == ["liver", "", ""]


def test_truth_of_several_components_replaces_what_it_covers_whatever_the_box() -> None:
    both = square(slice(10, 30), slice(10, 30)) | square(slice(60, 90), slice(60, 90))
    truth = Masks.from_dense([both], [MaskInfo("bowel")])
    same_box = square(slice(10, 90), slice(10, 90))
    one_loop = square(slice(60, 90), slice(60, 90))
    corrected = joined(generated(same_box, one_loop), truth)
    assert [info.target for info in corrected.infos] == ["bowel", ""]
    assert np.array_equal(corrected[0], both)
    assert np.array_equal(corrected[1], same_box)


def test_nothing_is_lost_without_truth_or_without_proposals() -> None:
    proposals = generated(square(slice(0, 9), slice(0, 9)))
    assert correct(proposals, Masks.empty((100, 100))).generated is proposals
    truth = Masks.from_dense([square(slice(0, 9), slice(0, 9))], [MaskInfo("lung")])
    assert [info.kind for info in joined(Masks.empty((100, 100)), truth).infos] == ["interactive"]


def test_what_is_generated_is_tidied_and_the_truth_is_not() -> None:
    thin = square(slice(10, 50), slice(10, 11))
    speckled = square(slice(60, 90), slice(60, 90))
    speckled[5, 5] = True
    truth = Masks.from_dense([thin], [MaskInfo("optic nerve")])
    tidied = correct(generated(speckled), truth).tidied()
    assert np.array_equal(tidied[0], thin)
    assert not tidied[1][5, 5]
    assert tidied[1][70, 70]


def test_cleaning_removes_specks_and_fills_pinholes_only() -> None:
    mask = square(slice(10, 50), slice(10, 50))
    mask[80, 80] = True
    mask[30, 30] = False
    mask[15:25, 15:25] = False
    tidy = clean(generated(mask), largest_hole=0.001)[0]
    assert not tidy[80, 80]
    assert tidy[30, 30]
    assert not tidy[20, 20]
    assert tidy[10:50, 40].all()


def test_cleaning_keeps_thin_masks_and_borders() -> None:
    line = square(slice(50, 51), slice(0, 100))
    border = square(slice(0, 20), slice(0, 20))
    tidy = clean(generated(line, border))
    assert np.array_equal(tidy[0], line)
    assert tidy[1][0, 5]
    assert len(clean(Masks.empty((5, 5)))) == 0
