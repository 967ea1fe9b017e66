"""The parts of a recipe: label files, listed studies, slices, windows, filters, splits, checksums."""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Encoding = Literal["map", "files", "instances", "csr", "colours", "dicom-seg", "rtstruct"]
KEYS: dict[str, type] = {"map": int, "csr": int}
"""What stands left of the colon in ``names``, where it is not text."""
DIGEST_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128, "xxh128": 32}
NOISY_AREA = 0.005


class Strict(BaseModel):
    """A value with these fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Labels(Strict):
    """One kind of label files, and what is in them."""

    path: str = ""
    """Pattern of the files below the source folder; empty where `Recipe.studies` lists them."""
    encoding: Encoding = "map"
    """map (an integer a voxel), files (one file a target), instances (one file an object), csr (one-hot sparse rows,
    the shape in the file name), colours (a colour a target), dicom-seg, rtstruct."""
    names: dict[int | str, str] = {}
    """Name of each target: by its value (map), row + 1 (csr), ``"#rrggbb"`` (colours), segment or ROI (DICOM), or by
    the text that stands for ``{target}`` in the path. Empty where the files themselves carry the names."""
    ignore: tuple[int, ...] = ()
    """Values of a map, besides 0, that are no target (void, unlabelled)."""
    target: str = ""
    """The target of files that hold just one, and whose path has no ``{target}``."""
    optional: bool = False
    """An image without such a file is used all the same."""
    separate: bool = False
    """In a map, each value is one object of `target` (cells, say) rather than a target of its own."""

    @model_validator(mode="before")
    @classmethod
    def _numbered(cls, fields: Any) -> Any:
        """Makes numbers of the keys that JSON turned into text."""
        if not isinstance(fields, dict) or fields.get("encoding", "map") not in KEYS:
            return fields
        names = fields.get("names")
        if not isinstance(names, dict):
            return fields
        return fields | {"names": {_number_in(key): name for key, name in names.items()}}

    @model_validator(mode="after")
    def _complete(self) -> "Labels":
        wanted = KEYS.get(self.encoding, str)
        for key in self.names:
            if not isinstance(key, wanted):
                message = f"the keys of names are {'numbers' if wanted is int else 'text'} for {self.encoding}"
                raise ValueError(message)
            if self.encoding == "colours" and not re.fullmatch(r"#[0-9a-fA-F]{6}", str(key)):
                message = f'a colour is written "#rrggbb", not {key!r}'
                raise ValueError(message)
        self._check_target()
        return self

    def _check_target(self) -> None:
        named = "{target}" in self.path
        if self.encoding in {"files", "instances"} and named == bool(self.target):
            message = f"{self.encoding} needs either {{target}} in the path, or the field target"
            raise ValueError(message)
        if self.encoding in {"csr", "colours"} and not self.names:
            message = f"{self.encoding} needs names"
            raise ValueError(message)
        if self.separate and not (self.encoding == "map" and self.target):
            message = "separate needs a map, and the field target"
            raise ValueError(message)


def _number_in(key: Any) -> Any:
    return int(key) if isinstance(key, str) and re.fullmatch(r"-?\d+", key) else key


class ListedStudy(Strict):
    """A study whose files follow no pattern."""

    id: str
    """Its name in the store."""
    images: tuple[str, ...]
    """Its image below the source folder; several where each channel is a file."""
    labels: tuple[str, ...] = ()
    """Its label files; the first belongs to the first entry of `Recipe.labels`, and so on."""
    patient: str = ""
    """Whose it is; empty for the id, or what `Recipe.patient` finds in it."""
    modality: str = ""
    """Empty for the recipe's."""


class Slices(Strict):
    """How volumes are cut into pictures."""

    axes: tuple[Literal[0, 1, 2], ...] = (0,)
    """Array axes (z, y, x) to cut along; empty for none."""
    every: int = Field(default=1, ge=1)
    """Take one slice in this many."""
    keep_volume: bool = True
    """Store the volume with its original intensities too."""
    labelled_only: bool = True
    """Leave out slices without a truth mask."""

    @field_validator("axes")
    @classmethod
    def _each_once(cls, axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(axes)))


class Percentile(Strict):
    """A window found in each image."""

    percentile: tuple[float, float]
    """Percentiles, 0 to 100, of the voxels above the lowest value that become 0 and 255."""

    @field_validator("percentile")
    @classmethod
    def _rising(cls, percentile: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= percentile[0] < percentile[1] <= 100:
            message = "two rising numbers from 0 to 100"
            raise ValueError(message)
        return percentile


class Filters(Strict):
    """What is left out, after section 3.1 and 3.3 of the IMed-361M paper."""

    max_aspect: float = Field(default=1.5, ge=1)
    """Slices longer than this times their width are left out."""
    min_area: float = Field(default=0.001, ge=0, lt=1)
    """Masks under this fraction of the picture are left out."""
    noisy: bool = False
    """The set's labels are noisy: masks under 0.005 of the picture are left out."""

    @property
    def least_area(self) -> float:
        """The fraction of the picture that a mask must cover."""
        return max(self.min_area, NOISY_AREA) if self.noisy else self.min_area


class SplitRule(Strict):
    """How patients are divided."""

    test_fraction: float = Field(default=0.1, ge=0, le=1)
    """Of the patients."""
    max_test: int = Field(default=3000, ge=0)
    """At most this many test images."""
    external: bool = False
    """No patient is for training or testing: the set is kept for external validation."""


class Checksum(Strict):
    """How a downloaded file is known to be the right one."""

    file: str
    """Its name, as published."""
    algorithm: Literal["md5", "sha1", "sha256", "sha512", "xxh128"]
    digest: str
    """Hexadecimal, lower case."""

    @model_validator(mode="after")
    def _right_length(self) -> "Checksum":
        if not re.fullmatch(rf"[0-9a-f]{{{DIGEST_LENGTHS[self.algorithm]}}}", self.digest):
            message = f"{self.algorithm} is {DIGEST_LENGTHS[self.algorithm]} hexadecimal digits"
            raise ValueError(message)
        return self
