"""Finished pieces of a part wait on disk until the part is complete, so that a killed build loses minutes at most.

A piece is one uncompressed ``.npz``: the arrays of its records by number, and their facts as JSON.
"""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imedbench.masks import MaskInfo, Masks
from imedbench.store import Record
from imedbench.types import Array, Case, Image, SourceGrid


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What one task of a build made."""

    records: list[Record]
    problems: list[dict[str, str]]
    """Studies that could not be used: study, path, error."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How much each filter left out, by its reason."""
    strangers: Mapping[str, int] = field(default_factory=dict)
    """Masks by names that are not in the target vocabulary."""


def save_piece(path: Path, piece: Piece) -> None:
    """Writes the piece; the file appears whole or not at all."""
    arrays: dict[str, Array] = {}
    facts = {
        "problems": piece.problems,
        "counts": dict(piece.counts),
        "strangers": dict(piece.strangers),
        "records": [_take_apart(record, f"{number}.", arrays) for number, record in enumerate(piece.records)],
    }
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode("ascii"), np.uint8)
    # A scheduler that loses sight of a worker gives its task to another: two may write at once.
    unfinished = path.with_suffix(f".{uuid.uuid4().hex}.unfinished")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def load_piece(path: Path) -> Piece:
    """The piece as it was saved."""
    with np.load(path, allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        records = [_put_together(entry, f"{number}.", arrays) for number, entry in enumerate(facts["records"])]
    return Piece(records, facts["problems"], facts["counts"], facts["strangers"])


def _take_apart(record: Record, prefix: str, arrays: dict[str, Array]) -> dict[str, Any]:
    case, masks = record.case, record.case.masks
    arrays[f"{prefix}indptr"] = masks.indptr
    arrays[f"{prefix}starts"] = masks.starts
    arrays[f"{prefix}lengths"] = masks.lengths
    return {
        "case": {name: getattr(case, name) for name in ("id", "split", "dataset", "patient", "study")},
        "provenance": dict(case.provenance),
        "image": _image_facts(case.image, f"{prefix}image", arrays),
        "original": _image_facts(record.original, f"{prefix}original", arrays) if record.original else None,
        "masks": {"shape": masks.shape, "infos": [asdict(info) for info in masks.infos]},
        "record": {name: getattr(record, name) for name in ("axis", "index", "parent", "window")},
    }


def _put_together(entry: dict[str, Any], prefix: str, arrays: Mapping[str, Array]) -> Record:
    infos = tuple(
        MaskInfo(**{**info, "point": tuple(info["point"]) if info["point"] else None})
        for info in entry["masks"]["infos"]
    )
    indptr, starts, lengths = (arrays[f"{prefix}{name}"] for name in ("indptr", "starts", "lengths"))
    masks = Masks(tuple(entry["masks"]["shape"]), indptr, starts, lengths, infos)
    image = _image(entry["image"], arrays[f"{prefix}image"])
    original = _image(entry["original"], arrays[f"{prefix}original"]) if entry["original"] else None
    case = Case(image=image, masks=masks, provenance=entry["provenance"], **entry["case"])
    place = entry["record"]
    return Record(case, place["axis"], place["index"], place["parent"], tuple(place["window"]), original)


def _image_facts(image: Image, key: str, arrays: dict[str, Array]) -> dict[str, Any]:
    arrays[key] = image.voxels
    source = image.source
    return {
        "spacing_mm": image.spacing_mm,
        "affine": image.affine.tolist(),
        "modality": image.modality,
        "channels": image.channels,
        "source": source and {"affine": source.affine.tolist(), "axes": source.axes, "flipped": source.flipped},
    }


def _image(facts: dict[str, Any], voxels: Array) -> Image:
    source = facts["source"]
    return Image(
        voxels=voxels,
        spacing_mm=tuple(facts["spacing_mm"]),
        affine=np.array(facts["affine"]),
        modality=facts["modality"],
        channels=tuple(facts["channels"]),
        source=source and SourceGrid(np.array(source["affine"]), tuple(source["axes"]), tuple(source["flipped"])),
    )
