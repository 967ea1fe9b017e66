"""DICOM files in folders, sorted into series by their headers alone."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imedbench.errors import BadInput
from imedbench.io.checks import clause, file_size, inaccessible, reading
from imedbench.io.dicom_frames import frames_of, place_along
from imedbench.io.images import has_preamble, starts_as_dicom, suffix_of

NOT_IMAGES = {"SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "REG", "PLAN", "DOC", "AU", "FID"}
"""Modalities of objects that speak of images and are none."""
TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SeriesDescription",
    "Modality",
    "PatientID",
    "ImageType",
    "InstanceNumber",
    "FrameOfReferenceUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "EncryptedAttributesSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]


@dataclass(frozen=True, slots=True)
class Series:
    """The files of one DICOM series."""

    uid: str
    """Empty where an anonymiser took it; the files of one folder then count as one series."""
    description: str
    modality: str
    """As in DICOM: CT, MR, ..."""
    patient_id: str
    paths: tuple[Path, ...]
    """In order along the patient, or by instance number where positions are missing; an instance stands once."""
    localizer: bool = False
    """Whether these are the planning views of a scan."""
    damaged: tuple[Path, ...] = ()
    """Files in the same folders that should be DICOM images and cannot be read: slices may be lost in them."""


def series_in(folder: Path) -> list[Series]:
    """All image series below a folder at any depth, in order of their first file's path.

    Segmentations, structure sets and reports are left out, as are files that are no DICOM. Links are followed, each
    folder once.

    Raises:
        BadInput: the folder cannot be read.
    """
    groups: dict[tuple[str, str], list[tuple[Path, Any]]] = {}
    damaged: list[Path] = []
    for path in files_below(folder):
        header = header_of(path)
        if _is_damaged(path, header):
            damaged.append(path)
        elif header is not None and _is_picture(header):
            uid = str(header.get("SeriesInstanceUID") or "")
            groups.setdefault((uid, "" if uid else str(path.parent)), []).append((path, header))
    found = [_series(uid, members, damaged) for (uid, _), members in groups.items()]
    known = {path for series in found for path in series.damaged}
    lost = [path for path in damaged if path not in known]
    return [*found, *(Series("", "", "", "", (path,), damaged=(path,)) for path in lost)]


def check_sound(series: Series) -> None:
    """Refuses a series beside which lies a file that may hold one of its slices and cannot be read."""
    for path in series.damaged:
        open_dataset(path, pixels=False)
        fact = "is a damaged DICOM file: it ends before its header does"
        raise BadInput(path, fact, "copy or download it again, or take it out of the folder")


def files_below(folder: Path) -> Iterator[Path]:
    """Every regular file below a folder but hidden ones, sorted, through links but never twice through a folder."""
    with reading(folder, "folder"):
        os.scandir(folder).close()
    seen: set[tuple[int, int]] = set()
    for root, names, files in os.walk(folder, followlinks=True, onerror=_report(folder)):
        place = os.stat(root)  # noqa: PTH116 - os.walk speaks in strings
        if (place.st_dev, place.st_ino) in seen:
            names.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        names.sort()
        shown = (Path(root, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in shown if path.is_file())


def header_of(path: Path) -> Any:
    """The dataset up to its pixels, only with `TAGS`; None where the file is not DICOM."""
    if suffix_of(path) != ".dcm" and not has_preamble(path) and not starts_as_dicom(path):
        return None
    try:
        return open_dataset(path, pixels=False)
    except BadInput:
        return None


def open_dataset(path: Path, *, pixels: bool = True) -> Any:
    """The pydicom dataset of a file, whole or, without ``pixels``, only with `TAGS`.

    Raises:
        BadInput: it is not DICOM, or is damaged.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    file_size(path)
    choice: dict[str, Any] = {} if pixels else {"stop_before_pixels": True, "specific_tags": TAGS}
    bare = not has_preamble(path) and starts_as_dicom(path)
    try:
        with reading(path, "DICOM"):
            return pydicom.dcmread(path, force=bare, **choice)
    except InvalidDicomError as problem:
        fact = "is not a DICOM file: it lacks the signature DICM"
        raise BadInput(path, fact, "check what it is, and decrypt it if it is enveloped") from problem
    except (ValueError, KeyError, AttributeError, NotImplementedError, TypeError) as problem:
        fact = f"is a damaged DICOM file ({clause(problem)})"
        raise BadInput(path, fact, "copy or download it again") from problem


def folder_of(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all of these, or the one file itself."""
    return paths[0] if len(paths) == 1 else Path(os.path.commonpath([path.parent for path in paths]))


def _report(folder: Path) -> Any:
    def report(problem: OSError) -> None:
        raise inaccessible(Path(problem.filename or folder), problem)

    return report


def _is_damaged(path: Path, header: Any) -> bool:
    """Whether a file says that it is a DICOM image and then is none."""
    from pydicom.uid import UID

    if header is None:
        return suffix_of(path) == ".dcm" or has_preamble(path)
    kind = header.get("SOPClassUID") or getattr(header, "file_meta", {}).get("MediaStorageSOPClassUID") or ""
    return UID(str(kind)).name.endswith("Image Storage") and not _has_pixels(header)


def _is_picture(header: Any) -> bool:
    """Whether this holds pixels of a patient, or hides in encryption that it does."""
    return header.get("Modality") not in NOT_IMAGES and _has_pixels(header)


def _has_pixels(header: Any) -> bool:
    return "Rows" in header or "EncryptedAttributesSequence" in header


def _series(uid: str, members: Sequence[tuple[Path, Any]], damaged: Sequence[Path]) -> Series:
    first, folders = members[0][1], {path.parent for path, _ in members}
    once: dict[str, tuple[Path, Any]] = {}
    for path, header in members:
        once.setdefault(str(header.get("SOPInstanceUID") or path), (path, header))
    ordered = sorted(once.values(), key=lambda member: _place(*member))
    return Series(
        uid,
        str(first.get("SeriesDescription") or ""),
        str(first.get("Modality") or ""),
        str(first.get("PatientID") or ""),
        tuple(path for path, _ in ordered),
        all("LOCALIZER" in (header.get("ImageType") or ()) for _, header in members),
        tuple(path for path in damaged if path.parent in folders),
    )


def _place(path: Path, header: Any) -> tuple[float, int, str]:
    """What slices are sorted by: the way along their normal, the instance number, the name."""
    try:
        along = place_along(frames_of(path, header)[0])
    except BadInput:
        along = 0.0
    return along, int(header.get("InstanceNumber") or 0), str(path)
