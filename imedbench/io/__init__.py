"""Readers of raw files, one module a family of formats; nothing is imported before it is used."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imedbench.io.dicom import peek_series, read_series
    from imedbench.io.dicom_seg import read_dicom_seg
    from imedbench.io.dicom_series import Series, series_in
    from imedbench.io.geometry import Header
    from imedbench.io.images import is_image, peek, read_image
    from imedbench.io.labels import (
        MaskFile,
        read_colours,
        read_csr,
        read_label_map,
        read_mask_files,
        read_regions,
    )
    from imedbench.io.rtstruct import read_rtstruct

__all__ = [
    "Header",
    "MaskFile",
    "Series",
    "is_image",
    "peek",
    "peek_series",
    "read_colours",
    "read_csr",
    "read_dicom_seg",
    "read_image",
    "read_label_map",
    "read_mask_files",
    "read_regions",
    "read_rtstruct",
    "read_series",
    "series_in",
]

_HOMES = {
    "geometry": ("Header",),
    "images": ("is_image", "peek", "read_image"),
    "dicom": ("peek_series", "read_series"),
    "dicom_series": ("Series", "series_in"),
    "dicom_seg": ("read_dicom_seg",),
    "rtstruct": ("read_rtstruct",),
    "labels": ("MaskFile", "read_colours", "read_csr", "read_label_map", "read_mask_files", "read_regions"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"imedbench.io.{module}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return __all__
