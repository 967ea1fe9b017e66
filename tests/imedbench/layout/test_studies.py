import os
from pathlib import Path

import pytest

from imedbench.errors import BadRecipe
from imedbench.layout import LabelFile, Problem, Study, find_studies
from imedbench.recipe import Recipe

MAP = {"path": "labels/{study}.png", "names": {1: "liver"}}


def recipe(**fields: object) -> Recipe:
    return Recipe.model_validate({"name": "mine", "dimension": 2, "images": "images/{study}.png"} | fields)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def sound(source: Path, mine: Recipe) -> list[Study]:
    found = list(find_studies(source, mine))
    assert not [one for one in found if isinstance(one, Problem)]
    return [one for one in found if isinstance(one, Study)]


def test_images_with_their_labels(source: Path) -> None:
    touch(source, "images/b.png", "images/a.png", "labels/a.png", "labels/b.png")
    first, second = sound(source, recipe(labels=[MAP]))
    assert (first.id, first.patient, first.images) == ("a", "a", (source / "images/a.png",))
    assert first.labels == (LabelFile(source / "labels/a.png"),)
    assert second.id == "b"


def test_missing_folder_and_wrong_folder_are_refused(source: Path) -> None:
    touch(source, "pictures/a.png")
    with pytest.raises(BadRecipe, match="no such folder"):
        list(find_studies(source / "nowhere", recipe()))
    with pytest.raises(BadRecipe, match="is a file; give the folder that it lies in"):
        list(find_studies(source / "pictures/a.png", recipe()))
    with pytest.raises(BadRecipe, match=r"finds no image here \(it looks for `images/\{study\}.png`\)"):
        list(find_studies(source, recipe()))


def test_image_without_label_and_label_without_image_are_problems(source: Path) -> None:
    touch(source, "images/a.png", "images/b.png", "labels/b.png", "labels/c.png")
    lone, study, orphan = find_studies(source, recipe(labels=[MAP]))
    assert isinstance(lone, Problem)
    assert "no label file belongs to this image (looked for labels/{study}.png)" in lone.error
    assert isinstance(study, Study)
    assert isinstance(orphan, Problem)
    assert (orphan.study, orphan.path) == ("c", str(source / "labels/c.png"))


def test_optional_label_may_lack(source: Path) -> None:
    touch(source, "images/a.png", "images/b.png", "labels/b.png")
    assert [len(study.labels) for study in sound(source, recipe(labels=[MAP | {"optional": True}]))] == [0, 1]


def test_a_file_a_target_and_a_file_an_object(source: Path) -> None:
    files = {"path": "masks/{study}_{target}_{instance}.png", "encoding": "instances", "names": {"rib_9": "left rib 9"}}
    touch(source, "images/s_1.png", "masks/s_1_rib_9_001.png", "masks/s_1_rib_9_000.png", "masks/s_1_aorta_000.png")
    (study,) = sound(source, recipe(labels=[files]))
    assert [(label.target, label.instance) for label in study.labels] == [
        ("aorta", 0),
        ("left rib 9", 0),
        ("left rib 9", 1),
    ]


def test_study_whose_name_begins_like_another(source: Path) -> None:
    files = {"path": "masks/{study}_{target}.png", "encoding": "files"}
    touch(source, "images/p_1.png", "images/p_1_2.png", "masks/p_1_liver.png", "masks/p_1_2_liver.png")
    studies = sound(source, recipe(labels=[files]))
    assert [(study.id, [label.path.name for label in study.labels]) for study in studies] == [
        ("p_1", ["p_1_liver.png"]),
        ("p_1_2", ["p_1_2_liver.png"]),
    ]


def test_label_beside_its_image_is_no_image(source: Path) -> None:
    touch(source, "brain.png", "brain_label.png", "heart.png", "heart_label.png")
    beside = recipe(images="{study}.png", labels=[MAP | {"path": "{study}_label.png"}])
    assert [study.id for study in sound(source, beside)] == ["brain", "heart"]


def test_image_and_label_in_one_file(source: Path) -> None:
    touch(source, "a.npz")
    (study,) = sound(source, recipe(images="{study}.npz", labels=[MAP | {"path": "{study}.npz"}]))
    assert study.labels[0].path == study.images[0]


def test_channels_in_the_order_of_the_recipe(source: Path) -> None:
    images = {"t1": "{study}/t1.nii", "flair": "{study}/flair.nii"}
    touch(source, "a/t1.nii", "a/flair.nii", "b/t1.nii")
    study, problem = find_studies(source, recipe(images=images))
    assert isinstance(study, Study)
    assert [path.name for path in study.images] == ["t1.nii", "flair.nii"]
    assert isinstance(problem, Problem)
    assert "the channel flair has no file" in problem.error


def test_patient_by_rule(source: Path) -> None:
    touch(source, "images/ABD_001_100.png", "images/ABD_001_9.png", "images/odd.png")
    one, two, problem = find_studies(source, recipe(patient=r"^(?P<patient>.+)_\d+$"))
    assert isinstance(one, Study)
    assert isinstance(two, Study)
    assert one.patient == two.patient == "ABD_001"
    assert isinstance(problem, Problem)
    assert "finds no patient in 'odd'" in problem.error


def write_slice(path: Path, patient: str) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid()
    dataset.SeriesInstanceUID, dataset.Modality, dataset.PatientID = generate_uid(), "CT", patient
    dataset.Rows = dataset.Columns = 2
    dataset.BitsAllocated, dataset.SamplesPerPixel, dataset.PixelData = 8, 1, bytes(4)
    dataset["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize(
    ("pattern", "rule", "owners"),
    [
        ("{study}/", "", {"a": "P7", "b": "P7", "c": "c"}),
        ("{study}/", "(?P<patient>.)", {"a": "a", "b": "b", "c": "c"}),
        ("{patient}/", "", {"a": "a", "b": "b", "c": "c"}),
    ],
)
def test_two_scans_of_a_patient_are_known_by_their_headers(
    source: Path, pattern: str, rule: str, owners: dict[str, str]
) -> None:
    for folder, patient in (("a", "P7"), ("b", "P7"), ("c", "ANONYMOUS")):
        write_slice(source / folder / "1", patient)
    found = sound(source, recipe(images=pattern, labels=[], dimension=3, patient=rule))
    assert {study.id: study.patient for study in found} == owners


def test_patient_and_session_by_folder(source: Path) -> None:
    images = "{patient}/{session}/{study}.png"
    touch(source, "sub-1/ses-1/sub-1_ses-1_a.png", "sub-1/ses-2/b.png", "sub-2/ses-1/b.png")
    studies = sound(source, recipe(images=images))
    assert [(study.id, study.patient) for study in studies] == [
        ("sub-1_ses-1_a", "sub-1"),
        ("sub-1_ses-2_b", "sub-1"),
        ("sub-2_ses-1_b", "sub-2"),
    ]


def test_two_images_of_one_study_are_a_problem(source: Path) -> None:
    touch(source, "train/a.png", "test/a.png")
    (problem,) = find_studies(source, recipe(images="{any}/{study}.png"))
    assert isinstance(problem, Problem)
    assert "train/a.png is an image of the same study" in problem.error


def test_two_label_maps_of_one_study_are_a_problem(source: Path) -> None:
    touch(source, "images/a.png", "x/a.png", "y/a.png")
    (problem,) = find_studies(source, recipe(labels=[MAP | {"path": "{any}/{study}.png"}]))
    assert isinstance(problem, Problem)
    assert "2 files fit" in problem.error


def test_patterns_that_do_not_belong_together_are_refused(source: Path) -> None:
    touch(source, "p/a.png")
    crossed = recipe(images="{patient}/{study}.png", labels=[MAP])
    with pytest.raises(BadRecipe, match=r"'labels/\{study\}.png' must hold \{patient\}, \{study\}"):
        list(find_studies(source, crossed))


def test_published_interactive_masks(source: Path) -> None:
    touch(source, "images/a.png", "images/b.png", "imask/x_a.npz")
    first, second = sound(source, recipe(interactive="imask/x_{study}.npz"))
    assert first.interactive == source / "imask/x_a.npz"
    assert second.interactive is None


def test_listed_studies(source: Path) -> None:
    touch(source, "one.nii", "two.nii")
    listed = [
        {"id": "a", "images": ["one.nii"], "labels": ["two.nii"], "patient": "p", "modality": "mr"},
        {"id": "b", "images": ["gone.nii"]},
    ]
    mine = Recipe.model_validate({"name": "mine", "dimension": 3, "labels": [{}], "studies": listed})
    study, problem = find_studies(source, mine)
    assert study == Study("a", "p", (source / "one.nii",), (LabelFile(source / "two.nii"),), None, "mr")
    assert isinstance(problem, Problem)
    assert "lists this file and it is not there" in problem.error


def test_name_that_is_no_utf8_is_a_problem(source: Path) -> None:
    touch(source, "images/a.png", os.fsdecode(b"images/caf\xe9.png"))
    study, problem = find_studies(source, recipe())
    assert isinstance(study, Study)
    assert isinstance(problem, Problem)
    assert "caf\\xe9.png: the name is not UTF-8" in problem.error
    assert problem.study == "caf\\xe9"
