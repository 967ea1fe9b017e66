from collections import Counter

import pytest

from imedbench.recipe import load_recipe
from imedbench.targets import OTHER, Target, Vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.load()


def test_holds_the_204_targets_of_the_paper(vocabulary: Vocabulary) -> None:
    assert len(vocabulary.targets) == len({target.name for target in vocabulary.targets}) == 204


def test_six_groups(vocabulary: Vocabulary) -> None:
    counts = Counter(target.group for target in vocabulary.targets)
    assert counts == {"skeleton": 61, "head_neck": 51, "abdomen": 29, "thorax": 25, "lesion": 25, "pelvis": 13}


def test_every_target_resolves_to_itself(vocabulary: Vocabulary) -> None:
    for target in vocabulary.targets:
        assert vocabulary.resolve(target.name) == target


def test_sides_come_in_pairs(vocabulary: Vocabulary) -> None:
    names = {target.name for target in vocabulary.targets}
    for target in vocabulary.targets:
        if target.side == "left":
            assert target.name.startswith("left ")
            assert target.name.replace("left", "right", 1) in names


@pytest.mark.parametrize(
    "spelling",
    ["kidney_right", "right kidney", "R kidney", "Kidney-Right", "KidneyRight", "rt. kidney", "kidneys_right"],
)
def test_one_target_however_it_is_spelt(vocabulary: Vocabulary, spelling: str) -> None:
    assert vocabulary.resolve(spelling) == Target("right kidney", "abdomen", "right")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("heart_atrium_left", "left atrium"),
        ("autochthon_left", "left autochthonous muscle"),
        ("lung_upper_lobe_left", "left upper lobe"),
        ("rib_left_9", "left rib 9"),
        ("vertebrae_T9", "vertebra T9"),
        ("L1", "vertebra L1"),
        ("hip_left", "left hip"),
        ("gluteus_maximus_left", "left gluteus maximus"),
        ("iliac_vena_left", "left iliac vein"),
        ("clavicula_right", "right clavicle"),
        ("portal_vein_and_splenic_vein", "portal and splenic veins"),
        ("Oesophagus", "esophagus"),
        ("postcava", "inferior vena cava"),
        ("small_bowel", "small intestine"),
        ("kidney_cyst_left", "kidney cyst"),
        ("liver tumour", "liver tumor"),
        ("gall_bladder", "gallbladder"),
        ("prostate/uterus", "prostate and uterus"),
        ("non_enhancing_tumor", "non-enhancing tumor"),
        ("left_ventricular_blood_pool", "left ventricle"),
        ("head_of_femur_left", "left femur"),
    ],
)
def test_synonyms_of_data_sets(vocabulary: Vocabulary, spelling: str, name: str) -> None:
    found = vocabulary.resolve(spelling)
    assert found is not None
    assert found.name == name


def test_sided_target_may_be_named_without_a_side(vocabulary: Vocabulary) -> None:
    assert vocabulary.resolve("hippocampus") == Target("hippocampus", "head_neck")
    assert vocabulary.resolve("anterior hippocampus") == Target("anterior hippocampus", "head_neck")


@pytest.mark.parametrize("name", ["skull", "left liver", "kidney 3", "", "bone of contention", "rib 13"])
def test_other_names_are_outside(vocabulary: Vocabulary, name: str) -> None:
    assert vocabulary.resolve(name) is None


def test_place_keeps_names_from_outside_and_merges_them(vocabulary: Vocabulary) -> None:
    assert vocabulary.place("Pulmonary_Nodule") == vocabulary.place("lung nodules") == Target("lung nodule", OTHER)
    assert vocabulary.place("Bone_of-Contention") == Target("bone of contention", OTHER)
    assert vocabulary.place("liver").group == "abdomen"


def test_all_classes_of_totalsegmentator_have_a_place_of_their_own(vocabulary: Vocabulary) -> None:
    names = load_recipe("totalsegmentator").targets
    placed = Counter(vocabulary.place(name).name for name in names)
    assert len(names) == 117
    assert [name for name, count in placed.items() if count > 1] == ["kidney cyst"]
