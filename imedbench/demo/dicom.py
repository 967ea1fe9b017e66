"""A phantom as a hospital would send it: one DICOM file a slice in no order, and a DICOM segmentation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imedbench.types import Image

INTERCEPT_HU = -1024
ANATOMICAL_STRUCTURE = ("91723000", "SCT", "Anatomical structure")


def write_series(folder: Path, image: Image, patient: str, rng: np.random.Generator) -> list[Any]:
    """Writes a CT series of (z, y, x) int16 Hounsfield units; returns its data sets, lowest slice first.

    File names are random, so that only the headers tell the order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    slices = []
    names = rng.permutation(len(image.voxels)) + 1
    shared = _shared(image, patient)
    for index in range(len(image.voxels)):
        path = folder / f"IM{names[index]:04d}"
        slices.append(_slice(path, shared, image, index))
        slices[-1].save_as(path, enforce_file_format=True)
    return slices


def _shared(image: Image, patient: str) -> dict[str, Any]:
    """What all slices of a series have in common."""
    identifiers = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    series = {keyword: _uid(patient, keyword) for keyword in identifiers}
    depth, step_y, step_x = image.spacing_mm
    return series | {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "Modality": "CT", "PatientID": patient, "PatientName": f"Phantom^{patient}", "PatientBirthDate": "",
        "PatientSex": "O", "StudyDate": "20200101", "StudyTime": "120000", "StudyID": "1", "AccessionNumber": "",
        "ReferringPhysicianName": "", "SeriesNumber": 1, "SeriesDescription": "Torso, portal venous phase",
        "Manufacturer": "imedbench", "PatientPosition": "HFS", "PositionReferenceIndicator": "",
        "ImageType": ["DERIVED", "PRIMARY", "AXIAL"], "KVP": 120, "AcquisitionNumber": 1,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelRepresentation": 0,
        "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "RescaleIntercept": INTERCEPT_HU, "RescaleSlope": 1,
        "RescaleType": "HU", "WindowCenter": 40, "WindowWidth": 400, "SliceThickness": depth,
        "PixelSpacing": [step_y, step_x], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    }  # fmt: skip


def _slice(path: Path, shared: Mapping[str, Any], image: Image, index: int) -> Any:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    plane = image.voxels[index]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword, value in shared.items():
        setattr(dataset, keyword, value)
    # DICOM's x and y grow to the left and the back: the last voxel of a RAS+ plane comes first.
    corner = image.affine @ (index, plane.shape[0] - 1, plane.shape[1] - 1, 1)
    dataset.ImagePositionPatient = [float(value) for value in (-corner[0], -corner[1], corner[2])]
    dataset.SliceLocation = float(corner[2])
    dataset.InstanceNumber = len(image.voxels) - index
    dataset.SOPInstanceUID = _uid(shared["PatientID"], str(index))
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset.Rows, dataset.Columns = plane.shape
    stored = np.clip(plane[::-1, ::-1].astype(np.int32) - INTERCEPT_HU, 0, 4095).astype("<u2")
    dataset.PixelData = stored.tobytes()
    return dataset


def _uid(*names: str) -> str:
    """A UID that is the same in each run."""
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["imedbench demo", *names]))


def write_segmentation(path: Path, slices: list[Any], labels: NDArray[np.uint8], names: Mapping[int, str]) -> None:
    """Writes the named values of a (z, y, x) label map as a binary DICOM SEG on the series, one segment each."""
    import highdicom
    from highdicom.sr.coding import CodedConcept

    kind = CodedConcept(*ANATOMICAL_STRUCTURE)
    phantom = CodedConcept("PHANTOM", "99IMEDBENCH", "Phantom")
    algorithm = highdicom.AlgorithmIdentificationSequence("phantom", phantom, "1")
    segments = [
        highdicom.seg.SegmentDescription(
            number, name, kind, CodedConcept(f"T{value}", "99IMEDBENCH", name), "AUTOMATIC", algorithm
        )
        for number, (value, name) in enumerate(names.items(), start=1)
    ]
    numbered = np.zeros(256, np.uint8)
    numbered[list(names)] = range(1, len(names) + 1)
    patient = slices[0].PatientID
    segmentation = highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=numbered[labels[:, ::-1, ::-1]],
        segmentation_type="BINARY",
        segment_descriptions=segments,
        series_instance_uid=_uid(patient, "segmentation series"),
        series_number=2,
        sop_instance_uid=_uid(patient, "segmentation"),
        instance_number=1,
        manufacturer="imedbench",
        manufacturer_model_name="demo",
        software_versions="1",
        device_serial_number="1",
        series_description="Truth of the phantom",
    )
    _make_timeless(segmentation, slices[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    segmentation.save_as(path)


def _make_timeless(segmentation: Any, first: Any) -> None:
    """Replaces what would make each run's file another one: the hour of writing and a random identifier."""
    segmentation.ContentDate = segmentation.InstanceCreationDate = first.StudyDate
    segmentation.ContentTime = segmentation.InstanceCreationTime = first.StudyTime
    for device in segmentation.ContributingEquipmentSequence:
        if "ContributionDateTime" in device:
            device.ContributionDateTime = first.StudyDate + first.StudyTime
    for dimension in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        dimension.DimensionOrganizationUID = _uid(first.PatientID, "dimensions")
