from pathlib import Path

import nibabel
import numpy as np
import pytest

from imedbench.errors import BadInput
from imedbench.layout.names import names_of_table, names_within, without_background


def write_nifti(path: Path, table: str) -> None:
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(30, table.encode()))
    image.to_filename(path)


def test_table_in_a_nifti_header(tmp_path: Path) -> None:
    label = '<Label Key="{}"><![CDATA[{}]]></Label>'
    rows = "".join(label.format(*row) for row in [(0, "background"), (1, "liver"), (7, "left kidney")])
    write_nifti(tmp_path / "a.nii.gz", f"<CaretExtension><LabelTable>{rows}</LabelTable></CaretExtension>")
    assert names_within(tmp_path / "a.nii.gz") == {1: "liver", 7: "left kidney"}


def test_header_without_a_readable_table(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", "<LabelTable><Label")
    assert names_within(tmp_path / "a.nii") == {}
    assert names_within(tmp_path / "b.png") == {}


def test_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"\x1f\x8b no gzip")
    with pytest.raises(BadInput, match="cannot be read as NIfTI"):
        names_within(tmp_path / "a.nii.gz")


def test_segments_in_an_nrrd_header(tmp_path: Path) -> None:
    header = "NRRD0004\nSegment0_LabelValue:=3\nSegment0_Name:=spleen\nSegment1_Name:=odd\n\n"
    (tmp_path / "a.seg.nrrd").write_bytes(header.encode() + b"\0" * 8)
    assert names_within(tmp_path / "a.seg.nrrd") == {3: "spleen"}


def test_bids_table(tmp_path: Path) -> None:
    (tmp_path / "dseg.tsv").write_text("index\tname\tabbreviation\n0\tBackground\tbg\n2\tGray Matter\tGM\n")
    assert names_of_table(tmp_path / "dseg.tsv") == {2: "Gray Matter"}
    (tmp_path / "bad.tsv").write_text("index,name\n1,liver\n")
    with pytest.raises(BadInput, match="no table of labels"):
        names_of_table(tmp_path / "bad.tsv")


def test_background_is_only_left_out_at_zero() -> None:
    assert without_background({0: "Background", 1: "background", 2: "liver"}) == {1: "background", 2: "liver"}
    assert without_background({0: "liver"}) == {0: "liver"}
