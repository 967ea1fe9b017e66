"""The pixels of a DICOM file, through pydicom's decoders and, for lossless JPEG, through GDCM in SimpleITK."""

import math
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.checks import check_shape, check_size, clause, file_size
from imedbench.types import Array

PACKED = 20_000
"""Bytes of pixels that a byte of compressed file can stand for: JPEG 2000 spends about 100 bytes on an even frame."""
GDCM_DECODES = {
    "1.2.840.10008.1.2.4.51",  # JPEG extended, 12 bits
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
}
REMEDY = "decompress it, for example with gdcmconv --raw or dcmdjpeg, or export it uncompressed"
DESCRIPTION = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
)


def stored_pixels(path: Path, dataset: Any) -> Array:
    """(frames, rows, columns[, 3]) as stored, without rescaling; colour is RGB.

    Raises:
        BadInput: there are no pixels, they are encrypted, packed in an unknown way, damaged, or fewer than declared.
    """
    syntax = _syntax(path, dataset)
    _check_present(path, dataset)
    shape = _declared_shape(path, dataset, syntax)
    pixels = _decoded(path, dataset, syntax)
    return pixels.reshape(shape)


def plane_reader(path: Path, dataset: Any) -> Callable[[int], Array]:
    """A function of the frame's number that answers its stored pixels; bits are unpacked a frame at a time."""
    syntax = _syntax(path, dataset)
    if dataset.get("BitsAllocated") != 1 or (syntax.is_compressed and not syntax.is_deflated):
        pixels = stored_pixels(path, dataset)
        return lambda number: pixels[number]
    _check_present(path, dataset)
    _, rows, columns = _declared_shape(path, dataset, syntax)
    packed, area = np.frombuffer(dataset.PixelData, np.uint8), rows * columns

    def unpacked(number: int) -> Array:
        first, last = number * area, (number + 1) * area
        bits = np.unpackbits(packed[first // 8 : -(-last // 8)], bitorder="little")
        return bits[first % 8 : first % 8 + area].reshape(rows, columns)

    return unpacked


def _syntax(path: Path, dataset: Any) -> Any:
    """The transfer syntax; a file without one is as pydicom found it."""
    from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    meta = getattr(dataset, "file_meta", None)
    named = meta.get("TransferSyntaxUID") if meta is not None else None
    if not named:
        implicit, little = dataset.original_encoding
        named = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = named
    syntax = UID(named)
    if not _decoder(syntax) and syntax not in GDCM_DECODES:
        called = f"{syntax.name} ({syntax})" if syntax.name != syntax else str(syntax)
        known = "cannot be decoded here" if syntax.is_transfer_syntax and not syntax.is_private else "is not known"
        raise BadInput(path, f"uses the transfer syntax {called}, which {known}", REMEDY)
    return syntax


def _decoder(syntax: Any) -> Any:
    """Pydicom's decoder for this syntax where one is installed, else None."""
    from pydicom.pixels.decoders.base import get_decoder

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        return None
    return decoder if decoder.is_available else None


def _check_present(path: Path, dataset: Any) -> None:
    if "PixelData" in dataset and dataset.PixelData:
        return
    if "EncryptedAttributesSequence" in dataset:
        fact = "is encrypted: it has an Encrypted Attributes Sequence and no pixel data"
        raise BadInput(path, fact, "decrypt it with the key of whoever sent it")
    raise BadInput(path, "has no pixel data", "export the image again, or leave the file out")


def _declared_shape(path: Path, dataset: Any, syntax: Any) -> tuple[int, ...]:
    """The pixels' shape by the header, which the file must be large enough for."""
    try:
        frames, rows, columns = (int(dataset.get(name) or 0) for name in ("NumberOfFrames", "Rows", "Columns"))
        samples, bits = int(dataset.SamplesPerPixel), int(dataset.BitsAllocated)
    except (AttributeError, ValueError, TypeError) as problem:
        fact = f"lacks what describes its pixels ({clause(problem)})"
        raise BadInput(path, fact, "correct the header") from problem
    shape = (frames or 1, rows, columns)
    check_shape(path, shape)
    packed = syntax.is_compressed and not syntax.is_deflated
    ratio = PACKED if packed or syntax.is_deflated else 1
    size = file_size(path) if ratio > 1 else len(dataset.PixelData)
    check_size(path, math.ceil(math.prod(shape) * samples * bits / 8), size, ratio)
    colour = samples > 1 or dataset.get("PhotometricInterpretation") == "PALETTE COLOR"
    return (*shape, 3) if colour else shape


def _decoded(path: Path, dataset: Any, syntax: Any) -> Array:
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    try:
        if _decoder(syntax):
            with warnings.catch_warnings():
                # Of padding behind the last pixel, which does no harm.
                warnings.simplefilter("ignore", UserWarning)
                pixels: Array = pixel_array(dataset)
            if dataset.PhotometricInterpretation == "PALETTE COLOR":
                pixels = _eight_bits(apply_color_lut(pixels, dataset))
            return pixels
    except (ValueError, AttributeError, RuntimeError, NotImplementedError, TypeError, OSError) as problem:
        if syntax not in GDCM_DECODES:
            fact = f"has pixels that cannot be decoded ({clause(problem)})"
            raise BadInput(path, fact, "copy or download it again, or export it uncompressed") from problem
    return _decoded_by_gdcm(path, dataset)


def _eight_bits(pixels: Array) -> Array:
    """Palettes of 16 bits hold 8-bit colours in their upper bytes."""
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def _decoded_by_gdcm(path: Path, dataset: Any) -> Array:
    """The pixels alone, in a file of their own: GDCM would rescale them, each class of image by its own rules."""
    import SimpleITK as sitk
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    bare = Dataset()
    for name in DESCRIPTION:
        if name in dataset:
            bare.add(dataset[name])
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory() as folder:
        name = str(Path(folder, "pixels.dcm"))
        bare.save_as(name, enforce_file_format=True)
        try:
            return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(name, imageIO="GDCMImageIO")))
        except RuntimeError as problem:
            fact = "has pixels that cannot be decoded by pydicom or GDCM"
            raise BadInput(path, fact, REMEDY) from problem
