import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imedbench.errors import BadInput
from imedbench.layout.contents import channel_names, describe_labels, looks_like_label, modality_in, patient_rule
from imedbench.types import Array

Put = Callable[..., Path]


@pytest.mark.parametrize(
    ("names", "modality"),
    [
        (["case_CT_1", "case_CT_2"], "ct"),
        (["a_flair", "a_t1"], "mr"),
        (["ct_1", "mr_1"], ""),
        (["status", "acts"], ""),
        (["X-Ray"], "xray"),
        (["chestXRay", "cxr_1"], "xray"),
    ],
)
def test_modality_by_the_words_of_names(names: list[str], modality: str) -> None:
    assert modality_in(names) == modality


def test_patient_rule_needs_more_than_one_owner_and_a_number_in_it() -> None:
    assert patient_rule(["p1_01", "p1_02", "p2_01"])
    rule = patient_rule(["torso_1_z0006", "torso_1_z0018", "torso_2_slice4"])
    assert [re.search(rule, name)["patient"] for name in ("torso_1_z0006", "torso_2_slice4")] == ["torso_1", "torso_2"]  # type: ignore[index]
    assert not patient_rule(["p1_left1", "p2_left1"])
    assert not patient_rule(["p1_01", "p1_02"])
    assert not patient_rule(["image_01", "picture_02"])
    assert not patient_rule(["p1_01", "p2_x"])


def test_values_are_told(put: Put, source: Path, labels: Array) -> None:
    put("a_seg.nii", labels)
    fields, reasons = describe_labels(source, ["a_seg.nii"], "{study}_seg.nii")
    assert fields["names"] == {1: "label 1", 2: "label 2"}
    assert reasons == ["{study}_seg.nii: a label map with the values 1, 2 in 1 file; write what they mean into names."]


def test_target_that_the_path_names(put: Put, source: Path, mask: Array) -> None:
    put("masks/liver/a.png", mask)
    fields, _ = describe_labels(source, ["masks/liver/a.png"], "masks/liver/{study}.png")
    assert (fields["encoding"], fields["target"]) == ("files", "liver")


def test_colours_are_told(put: Put, source: Path) -> None:
    picture = np.zeros((8, 9, 3), np.uint8)
    picture[:2] = (255, 0, 0)
    picture[4:] = (0, 16, 255)
    put("a_seg.png", picture)
    fields, _ = describe_labels(source, ["a_seg.png"], "{study}_seg.png")
    assert fields["encoding"] == "colours"
    assert set(fields["names"]) == {"#ff0000", "#0010ff"}


def test_picture_is_no_label(put: Put, source: Path) -> None:
    put("a_seg.png", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    with pytest.raises(BadInput, match="colours, too many"):
        describe_labels(source, ["a_seg.png"], "{study}_seg.png")
    put("b_seg.nii", np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32))
    with pytest.raises(BadInput, match="so it is no label map"):
        describe_labels(source, ["b_seg.nii"], "{study}_seg.nii")


def test_label_is_known_by_its_values(put: Put, labels: Array) -> None:
    assert looks_like_label(put("a.nii", labels))
    assert not looks_like_label(put("b.nii"))


def test_channels_are_named_by_what_differs() -> None:
    patterns = ["{study}/Flair_subtrMeanDivStd.nii.gz", "{study}/T1c_subtrMeanDivStd.nii.gz"]
    assert channel_names(patterns) == ["flair", "t1c"]
    assert channel_names(["{study}_a_a.nii", "{study}_a.nii"]) == ["0", "1"]
