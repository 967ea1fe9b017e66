from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imedbench.errors import BadRecipe, ImedbenchError
from imedbench.layout import Problem, Study, find_studies, infer_recipe, read_study
from imedbench.layout.checking import CheckedStudy, check_source
from imedbench.recipe import Recipe
from imedbench.types import Array

Put = Callable[..., Path]
STUDIES = {
    "btcv": 156,
    "msd_hippocampus": 218,
    "brats2015": 4,
    "medscribble": 56,
    "sa_med2d_demo": 4,
    "nrrd": 1,
    "dicom_ct": 1,
    "dicom_mr": 1,
    "totalsegmentator": 3,
}


def studies_of(source: Path, recipe: Recipe) -> list[Study]:
    found = list(find_studies(source, recipe))
    assert not [one for one in found if isinstance(one, Problem)], found
    return [one for one in found if isinstance(one, Study)]


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_real_sample(shared_data: Path, name: str) -> None:
    source = shared_data / name
    recipe, reasons = infer_recipe(source)
    studies = [one for one in find_studies(source, recipe) if isinstance(one, Study)]
    assert len(studies) == STUDIES[name]
    labelled = next((study for study in studies if study.labels), studies[0])
    image, truth, _ = read_study(labelled, recipe)
    assert len(image.grid) == recipe.dimension
    assert (len(truth) > 0) == (name != "dicom_mr")
    assert all(reason.endswith(".") for reason in reasons)


def test_real_label_tables_name_the_targets(shared_data: Path) -> None:
    for name, count in (("dicom_ct", 31), ("totalsegmentator", 41)):
        recipe, _ = infer_recipe(shared_data / name)
        study = next(study for study in studies_of(shared_data / name, recipe) if study.labels)
        assert len(read_study(study, recipe)[1].targets) == count


def test_empty_and_missing_folders(source: Path) -> None:
    with pytest.raises(BadRecipe, match="no file here can be read as an image"):
        infer_recipe(source)
    with pytest.raises(BadRecipe, match="no such folder"):
        infer_recipe(source / "nowhere")
    (source / "scans.zip").write_bytes(b"PK")
    with pytest.raises(BadRecipe, match=r"unpack scans\.zip first"):
        infer_recipe(source)
    with pytest.raises(BadRecipe, match=r"scans\.zip: is an archive; unpack it"):
        infer_recipe(source / "scans.zip")


def test_folders_of_train_and_test(put: Put, source: Path, mask: Array) -> None:
    for name in ("train/{}/a.png", "train/{}/b.png", "val/{}/c.png"):
        put(name.format("images"))
        put(name.format("masks"), mask)
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "{any}/images/{study}.png"}
    assert recipe.labels[0].path == "{any}/masks/{study}.png"
    assert len(studies_of(source, recipe)) == 3


def test_slices_of_one_patient_stay_together(put: Put, source: Path, mask: Array) -> None:
    for study in ("p1_001", "p1_002", "p2_001"):
        put(f"images/{study}.png")
        put(f"masks/{study}.png", mask)
    recipe, _ = infer_recipe(source)
    assert {study.patient for study in studies_of(source, recipe)} == {"p1", "p2"}


def test_counted_pictures_are_not_one_patient(put: Put, source: Path, mask: Array) -> None:
    for study in ("image_001", "image_002"):
        put(f"images/{study}.png")
        put(f"masks/{study}.png", mask)
    recipe, _ = infer_recipe(source)
    assert len({study.patient for study in studies_of(source, recipe)}) == 2


def test_name_of_the_folder_says_the_modality(put: Put, tmp_path: Path, source: Path) -> None:
    put("CT_chest_1.nii")
    put("CT_chest_2.nii")
    assert infer_recipe(source)[0].modality == "ct"


def test_images_that_may_hide_labels_are_refused(put: Put, source: Path) -> None:
    put("x/a.png")
    put("y/a.png")
    with pytest.raises(BadRecipe, match="share the name of 'a'"):
        infer_recipe(source)


def test_several_kinds_of_images_are_refused(put: Put, source: Path) -> None:
    put("a.png")
    put("b.nii")
    with pytest.raises(BadRecipe, match=r"images of several kinds \(.nii, .png\)"):
        infer_recipe(source)


def test_damaged_file_does_not_stop_the_inference(put: Put, source: Path, labels: Array) -> None:
    for study in ("a", "b", "c"):
        put(f"images/{study}.nii.gz")
        put(f"labels/{study}.nii.gz", labels)
    for name in ("images/a.nii.gz", "labels/a.nii.gz"):
        whole = (source / name).read_bytes()
        (source / name).write_bytes(whole[: len(whole) // 2])
    recipe, _ = infer_recipe(source)
    assert recipe.labels[0].names == {1: "label 1", 2: "label 2"}
    assert len(studies_of(source, recipe)) == 3


def test_dicom_series_of_a_patient_are_studies(shared_data: Path, source: Path) -> None:
    for folder, series in (("p1/a", "dicom_ct/series"), ("p1/b", "dicom_mr"), ("p2", "dicom_mr")):
        (source / folder).parent.mkdir(exist_ok=True)
        (source / folder).symlink_to(shared_data / series)
    recipe, _ = infer_recipe(source)
    studies = studies_of(source, recipe)
    # The same scan lies in two folders, and its header says whose it is; the other one's does not.
    assert len({study.patient for study in studies} - {"p1", "p2"}) == 1
    assert [study.images[0].name for study in studies] == ["a", "b", "p2"]
    assert read_study(studies[0], recipe)[0].modality == "ct"


def test_labels_that_nothing_pairs_are_refused(put: Put, source: Path, mask: Array) -> None:
    put("images/a.png")
    put("images/b.png")
    put("masks/one.png", mask)
    with pytest.raises(ImedbenchError, match="which image this label belongs to cannot be told"):
        infer_recipe(source)


def test_series_mixed_in_one_folder_are_studies(shared_data: Path, source: Path) -> None:
    for path in (*(shared_data / "dicom_ct/series").iterdir(), *(shared_data / "dicom_mr").iterdir()):
        (source / path.name).symlink_to(path)
    recipe, _ = infer_recipe(source)
    studies = studies_of(source, recipe)
    assert [read_study(study, recipe)[0].grid for study in studies] == [(20, 512, 512), (32, 51, 35)]
    checked = list(check_source(source, recipe))
    assert [one.shape for one in checked if isinstance(one, CheckedStudy)] == [(20, 512, 512), (32, 51, 35)]
    assert len({study.patient for study in studies}) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rt-utils writes as pydicom 2 did
def test_structure_sets_beside_their_series(shared_data: Path, source: Path) -> None:
    rt_utils = pytest.importorskip(
        "rt_utils", reason="needs rt-utils, which brings an OpenCV that wants a display: pip install --no-deps rt-utils"
    )
    for patient in ("p1", "p2"):
        (source / patient / "mr").mkdir(parents=True)
        for path in (shared_data / "dicom_mr").glob("*.dcm"):
            (source / patient / "mr" / path.name).write_bytes(path.read_bytes())
        built = rt_utils.RTStructBuilder.create_new(dicom_series_path=str(source / patient / "mr"))
        mask = np.zeros((51, 35, 32), bool)
        mask[20:30, 10:20, 5:9] = True
        built.add_roi(mask=mask, name="hippocampus")
        built.save(str(source / patient / "structures.dcm"))
    recipe, _ = infer_recipe(source)
    assert recipe.images == {"": "{study}/mr/"}
    assert [(one.path, one.encoding) for one in recipe.labels] == [("{study}/structures.dcm", "rtstruct")]
    first, second = studies_of(source, recipe)
    assert (first.id, second.id) == ("p1", "p2")
    image, truth, _ = read_study(first, recipe)
    assert truth.targets == ("hippocampus",)
    assert image.modality == "mr"
