"""Masks from the label files of any format, by the way they encode what they mean.

All readers answer on the image's grid, refuse a label whose geometry disagrees with it, and leave out masks without a
voxel; a label without any mask at all is refused. A name that is empty marks a value that is known and not wanted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imedbench.errors import BadInput
from imedbench.io.arrays import LABEL_NAMES, members
from imedbench.io.checks import check_dtype
from imedbench.io.geometry import on_grid_of
from imedbench.io.images import FAMILIES, load, suffix_of
from imedbench.masks import MaskInfo, Masks
from imedbench.types import Array, Image

ROUNDING = 1e-4
"""How far a label stored as scaled numbers may lie from a whole number."""
LOSSY = (".jpg", ".jpeg")
BLUR = 64
"""How far JPEG may move a value."""
BETWEEN = 0.05
"""Share of the pixels that JPEG may leave between the two values of a mask."""
LISTED = 10
"""Values that a sentence lists before it says how many more there are."""
SHAPE_IN_NAME = re.compile(r"\((\d+(?:,\s*\d+)*),?\)")


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A file that is the mask of one target, or of one instance of it."""

    path: Path
    target: str
    instance: int = 0


def read_label_map(path: Path, image: Image, values: Mapping[int, str], *, instances: bool = False) -> Masks:
    """A mask for each named value of an integer label map; values that share a name are one mask.

    Args:
        path: the label map; a palette counts as its numbers.
        image: whose grid the masks are for.
        values: what each value means; 0 is background unless it is named.
        instances: whether each value is one object. Objects of a name are then counted from 1 in order of value, and
            where there is but one name, values that are not listed are objects of it too.

    Raises:
        BadInput: see the module; or a value has no name.
    """
    labels = _whole_numbers(path, _single(path, load_label(path), image))
    present = _unique(labels)
    if instances:
        infos = _instance_infos(path, present, values)
    else:
        _refuse_unknown(path, [value for value in present if value not in values and value != 0], values)
        labels, infos = _merged(labels, {value: name for value, name in values.items() if name and value in present})
    return filled(path, Masks.from_labels(labels, infos))


def read_mask_files(files: Sequence[MaskFile], image: Image) -> Masks:
    """The masks of files that each hold one: 0 outside and one other value inside.

    Raises:
        BadInput: see the module; or a file has more than one value besides 0.
    """
    parts = [Masks.empty(image.grid)]
    for file in files:
        labels = _single(file.path, load_label(file.path), image)
        present = _unique(labels)
        inside = [value for value in present if value != 0]
        if len(inside) > 1:
            fact = f"holds {len(present)} values where the mask of one target has two"
            raise BadInput(file.path, fact, "threshold it, or name its values in the recipe as a label map")
        parts.append(Masks.from_labels(labels != 0, {True: MaskInfo(file.target, instance=file.instance)}))
    masks = Masks.concatenate(parts)
    return filled(files[0].path.parent if files else Path(), masks)


def read_csr(path: Path, image: Image, names: Mapping[int, str]) -> Masks:
    """The rows of a one-hot scipy CSR matrix (.npz) with the dense shape in its file name, as IMed-361M ships.

    ``x.(13, 512, 512, 1).npz`` has 13 rows, one a class; row k is ``names[k + 1]``. Nothing is made dense.

    Raises:
        BadInput: see the module; or a row with voxels has no name.
    """
    rows, grid = _shape_in_name(path)
    if grid != image.grid:
        raise BadInput(path, f"has the shape {grid} where the image has {image.grid}", "pair it with its own image")
    if image.source is not None and len(grid) == 3:
        fact = "cannot be laid over the image, because it holds no orientation"
        raise BadInput(path, fact, "save both as NIfTI or NRRD with the same affine")
    indptr, columns = _csr_parts(path, rows, grid)
    owners = np.repeat(np.arange(rows), np.diff(indptr))
    order = np.lexsort((columns, owners))
    columns, owners = columns[order], owners[order]
    # A run ends where the next voxel is not the neighbour, or begins a new row of the picture, or another mask.
    new = np.ones(len(columns), np.bool_)
    new[1:] = (columns[1:] != columns[:-1] + 1) | (columns[1:] % grid[-1] == 0) | (owners[1:] != owners[:-1])
    starts = np.flatnonzero(new)
    lengths = np.diff(starts, append=len(columns))
    counts = np.bincount(owners[starts], minlength=rows)
    used = [int(row) + 1 for row in np.flatnonzero(counts)]
    _refuse_unknown(path, [number for number in used if number not in names], names)
    infos = tuple(MaskInfo(names.get(row + 1, "")) for row in range(rows))
    masks = Masks(grid, np.concatenate([[0], np.cumsum(counts)]), columns[starts], lengths, infos)
    return filled(path, masks.select(number - 1 for number in used if names[number]))


def read_colours(path: Path, image: Image, colours: Mapping[tuple[int, int, int], str]) -> Masks:
    """A mask for each named colour (red, green, blue) of a picture; black is background unless it is named.

    Raises:
        BadInput: see the module; or a colour has no name.
    """
    label = load(path)
    pixels = on_grid_of(path, label, image)
    if len(label.channels) == 1:
        pixels = np.repeat(pixels[..., None], 3, axis=-1)
    if pixels.dtype != np.uint8 or pixels.shape[-1] != 3:
        fact = f"holds {pixels.shape[-1]} channels of {pixels.dtype} where colours are three of uint8"
        raise BadInput(path, fact, "save it as an 8-bit RGB picture")
    codes = (pixels.astype(np.int32) * np.array([1 << 16, 1 << 8, 1], np.int32)).sum(axis=-1, dtype=np.int32)
    names = {_code(colour): name for colour, name in colours.items()}
    unknown = [code for code in _unique(codes) if code not in names and code != 0]
    _refuse_unknown(path, [(code >> 16, code >> 8 & 255, code & 255) for code in unknown], colours, "colours")
    labels, infos = _merged(codes, {code: name for code, name in names.items() if name})
    return filled(path, Masks.from_labels(labels, infos))


def read_regions(path: Path, image: Image) -> Masks:
    """Published interactive masks: an integer map whose values above 0 are a mask each; 0 and -1 are none.

    Raises:
        BadInput: the map cannot be read or is not on the image's grid.
    """
    labels = _whole_numbers(path, _single(path, load_label(path), image))
    infos = {value: MaskInfo("", kind="interactive") for value in _unique(labels) if value > 0}
    return Masks.from_labels(labels, infos)


def filled(path: Path, masks: Masks) -> Masks:
    """Those masks that have a voxel; raises `BadInput` where none has."""
    kept = np.flatnonzero(np.diff(masks.indptr))
    if not len(kept):
        fact = "is an empty label: no voxel belongs to a target"
        raise BadInput(path, fact, "leave the study out, or correct the label")
    return masks if len(kept) == len(masks) else masks.select(int(index) for index in kept)


def named_parts(
    path: Path, labels: Sequence[str], names: Mapping[str, str] | None, what: str
) -> dict[tuple[str, int], list[int]]:
    """Which of the labelled objects make each (target, instance): a label that stands twice is counted from 1.

    Raises:
        BadInput: ``names`` lacks a label.
    """
    if names is not None:
        unknown = [repr(label) for label in dict.fromkeys(labels) if label not in names]
        _refuse_unknown(path, unknown, [repr(name) for name in names], what)
    parts: dict[tuple[str, int], list[int]] = {}
    for member, label in enumerate(labels):
        target = label if names is None else names[label]
        instance = labels[: member + 1].count(label) if labels.count(label) > 1 else 0
        if target:
            parts.setdefault((target, instance), []).append(member)
    return parts


def load_label(path: Path) -> Image:
    """The label file as an image: palettes as numbers, of an .npz the array that is called a label.

    Raises:
        BadInput: it cannot be read; or it is a JPEG of more than two values, which the format has blurred.
    """
    suffix = suffix_of(path)
    family = FAMILIES.get(suffix)
    if suffix in LOSSY:
        return _cut(path, load(path))
    if family == "raster":
        return load(path, palette="index")
    if family == "arrays":
        return load(path, names=LABEL_NAMES)
    return load(path)


def _cut(path: Path, label: Image) -> Image:
    """The mask that a JPEG was made of, cut in the middle of its two values; a coloured one as it is."""
    voxels = label.voxels
    if voxels.ndim > 2:
        if np.ptp(voxels, axis=-1).max() > BLUR:
            return label
        voxels = np.rint(voxels.mean(axis=-1)).astype(voxels.dtype)
    peak = int(voxels.max())
    if ((voxels > peak / 4) & (voxels < 3 * peak / 4)).mean() > BETWEEN or 0 < peak < 2 * BLUR:
        fact = "is a label map in JPEG, which does not keep its values"
        raise BadInput(path, fact, "take the original, in PNG for example")
    return replace(label, voxels=(voxels > peak / 2) * np.uint8(255), channels=("",))


def _single(path: Path, label: Image, image: Image) -> Array:
    """The label's values on the image's grid; a grey picture saved as colour counts as grey."""
    values = on_grid_of(path, label, image)
    if len(label.channels) == 1:
        return values
    first = values[..., 0]
    if all(np.array_equal(first, values[..., number]) for number in range(1, len(label.channels))):
        return first
    fact = f"has {len(label.channels)} channels where a label map has one"
    raise BadInput(path, fact, "name its colours in the recipe, or save it as a label map")


def _whole_numbers(path: Path, labels: Array) -> Array:
    """The labels as integers."""
    if labels.dtype.kind in "iu":
        return labels
    whole = np.rint(labels)
    off = np.abs(labels - whole) > ROUNDING
    count = int(off.sum())
    if count:
        fact = f"holds {count} values that are not whole numbers, for example {labels.flat[int(off.argmax())]:g}"
        raise BadInput(path, fact, "save the label map as integers, resampled with nearest neighbours")
    return whole.astype(np.int32)


def _unique(labels: Array) -> list[int]:
    import fastremap

    if labels.dtype.kind == "f":
        return [float(value) for value in np.unique(labels)]  # type: ignore[misc]
    return [int(value) for value in fastremap.unique(labels)]


def _merged(labels: Array, names: Mapping[int, str]) -> tuple[Array, dict[int, MaskInfo]]:
    """The labels with one value a name, and what each value is."""
    import fastremap

    first: dict[str, int] = {}
    for value, name in names.items():
        first.setdefault(name, value)
    moved = {value: first[name] for value, name in names.items() if first[name] != value}
    if moved:
        labels = fastremap.remap(labels, moved, preserve_missing_labels=True)
    return labels, {value: MaskInfo(name) for name, value in first.items()}


def _instance_infos(path: Path, present: Sequence[int], values: Mapping[int, str]) -> dict[int, MaskInfo]:
    """Every value as an object of its own."""
    names = {name for name in values.values() if name}
    alone = next(iter(names)) if len(names) == 1 else ""
    unknown = [value for value in present if value not in values and value != 0]
    if not alone:
        _refuse_unknown(path, unknown, values)
    counts: dict[str, int] = {}
    infos = {}
    for value in present:
        name = values.get(value, alone if value != 0 else "")
        if name:
            counts[name] = counts.get(name, 0) + 1
            infos[value] = MaskInfo(name, instance=counts[name])
    return infos


def _refuse_unknown(path: Path, unknown: Sequence[object], known: Iterable[object], what: str = "values") -> None:
    if unknown:
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        listed = ", ".join(str(value) for value in unknown[:LISTED])
        named = list(known)
        among = ", ".join(str(value) for value in named[:LISTED]) + (", ..." if len(named) > LISTED else "")
        fact = f"holds the {what} {listed}{more}, which the recipe does not name (it names {among or 'none'})"
        raise BadInput(path, fact, "add them to the recipe, with an empty name to leave them out")


def _code(colour: tuple[int, int, int]) -> int:
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def _shape_in_name(path: Path) -> tuple[int, tuple[int, ...]]:
    """Rows and grid from ``name.(rows, y, x, 1).npz``; the last 1 is the authors' channel axis."""
    found = SHAPE_IN_NAME.findall(path.name)
    shape = tuple(int(part) for part in found[-1].split(",")) if found else ()
    if len(shape) < 3:
        fact = "has no dense shape such as (13, 512, 512, 1) in its file name"
        raise BadInput(path, fact, "rename it as the authors do")
    rows, *grid = shape
    return rows, tuple(grid[:-1] if len(grid) > 2 and grid[-1] == 1 else grid)


def _csr_parts(path: Path, rows: int, grid: tuple[int, ...]) -> tuple[Array, Array]:
    """Row pointers and column indices of the voxels that are not 0, checked against each other."""
    size = int(np.prod(grid))
    with members(path) as held:
        if not {"format", "shape", "indptr", "indices", "data"} <= set(held):
            fact = "is not a scipy CSR matrix: it lacks indptr, indices or data"
            raise BadInput(path, fact, "save it with scipy.sparse.save_npz")
        form, shape = held["format"].read().item(), tuple(int(part) for part in held["shape"].read())
        indptr, columns, values = (held[name].read() for name in ("indptr", "indices", "data"))
    check_dtype(path, values.dtype)
    if form not in {b"csr", "csr"} or shape != (rows, size):
        fact = f"holds a {form if isinstance(form, str) else form.decode()} matrix of shape {shape} where its name "
        raise BadInput(path, f"{fact}promises CSR of {(rows, size)}", "rename it, or save it again")
    sound = len(indptr) == rows + 1 and indptr[0] == 0 and indptr[-1] == len(columns) == len(values)
    if not sound or (np.diff(indptr) < 0).any() or (len(columns) and not 0 <= columns.min() <= columns.max() < size):
        fact = "is a CSR matrix whose indices do not fit its shape"
        raise BadInput(path, fact, "save it again with scipy.sparse.save_npz")
    kept = values != 0
    indptr = np.concatenate([[0], np.cumsum(kept)])[indptr]
    return indptr.astype(np.int64), columns[kept].astype(np.int64)
