"""The raw folder of the demo: five small data sets in five layouts, each with the recipe that reads it."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imedbench.recipe import Recipe, parse_recipe

if TYPE_CHECKING:
    from imedbench.types import Image

TRUNCATED = "torso_truncated_on_purpose"
"""The study whose download seems to have stopped half way: the report's quarantine list shows it."""
README = "README.md"


class _Grid(NamedTuple):
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]


FINE = _Grid((96, 256, 256), (5.0, 1.4, 1.4))
THICK = _Grid((24, 256, 256), (20.0, 1.4, 1.4))


@dataclass(frozen=True, slots=True)
class _DataSet:
    name: str
    write: Callable[[Path, Recipe], None]
    every: int = 1
    """Of the recipe's slices, take one in this many."""


def write_raw(
    folder: Path,
    *,
    small: bool = False,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[tuple[Path, Recipe]]:
    """Lays out the demo's raw files, or what is still missing of them.

    Args:
        folder: made if need be; each data set is a folder in it, with its recipe beside it as a YAML file.
        small: fewer, thicker slices: a few images in all.
        progress: told (data set, how many are done, how many there are) before each data set and at the end.

    Returns:
        The folder and recipe of each data set, as `build_store` takes them.

    Raises:
        ImedbenchError: the packages that hold the brain images are not installed.
    """
    sets = _small_sets() if small else _sets()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / README).write_bytes(files("imedbench.demo").joinpath("raw.md").read_bytes())
    written = []
    for done, data_set in enumerate(sets):
        progress(data_set.name, done, len(sets))
        path = folder / f"{data_set.name}.yaml"
        path.write_text(_recipe_text(data_set), encoding="utf-8")
        recipe = parse_recipe(path.read_bytes(), path)
        _write_whole(folder / data_set.name, data_set.write, recipe)
        written.append((folder / data_set.name, recipe))
    progress("", len(sets), len(sets))
    return written


def _sets() -> list[_DataSet]:
    return [
        _DataSet("torso_ct", partial(_write_torsos, seeds=(1, 3))),
        _DataSet("torso_dicom", partial(_write_dicom, seed=2)),
        _DataSet("chest_xray", partial(_write_films, seeds=(4, 5))),
        _DataSet("brain_atlas", _write_atlas),
        _DataSet("brain_tissue", _write_tissue),
    ]


def _small_sets() -> list[_DataSet]:
    return [
        _DataSet("torso_ct", partial(_write_torsos, seeds=(1,), grid=THICK)),
        _DataSet("torso_dicom", partial(_write_dicom, seed=2, grid=THICK)),
        _DataSet("chest_xray", partial(_write_films, seeds=(4,))),
        _DataSet("brain_tissue", _write_tissue, every=6),
    ]


def _recipe_text(data_set: _DataSet) -> str:
    """The recipe that ships with the demo, taking as many slices as wanted."""
    text = files("imedbench.demo").joinpath(f"{data_set.name}.yaml").read_text(encoding="utf-8")
    return re.sub(r"every: (\d+)", lambda found: f"every: {int(found[1]) * data_set.every}", text)


def _write_whole(folder: Path, write: Callable[[Path, Recipe], None], recipe: Recipe) -> None:
    """Fills a folder unless it is there: it appears at once, when all of it is written."""
    if folder.is_dir():
        return
    partly = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partly, ignore_errors=True)
    write(partly, recipe)
    partly.rename(folder)


def _write_torsos(folder: Path, recipe: Recipe, seeds: tuple[int, ...], grid: _Grid = FINE) -> None:
    from imedbench.demo.phantom import make_phantom

    for number, seed in enumerate(seeds, start=1):
        image, labels, names = make_phantom(seed, grid.shape, grid.spacing_mm)
        study = folder / f"torso_{number}"
        _save(study / "ct.nii.gz", image, image.voxels)
        _save(study / "labels.nii.gz", image, _renumbered(labels, names, recipe))
    broken = folder / TRUNCATED
    shutil.copytree(folder / "torso_1", broken)
    whole = (broken / "ct.nii.gz").read_bytes()
    (broken / "ct.nii.gz").write_bytes(whole[: len(whole) // 2])


def _renumbered(labels: NDArray[np.uint8], names: Mapping[int, str], recipe: Recipe) -> NDArray[np.uint8]:
    """The label map with the values that the recipe gives to the names."""
    values = {name: int(value) for value, name in recipe.labels[0].names.items()}
    table = np.zeros(256, np.uint8)
    for number, name in names.items():
        table[number] = values[name]
    return table[labels]


def _save(path: Path, image: "Image", voxels: NDArray[Any]) -> None:
    """Writes a (z, y, x) volume as NIfTI, x first."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    affine = image.affine[:, [2, 1, 0, 3]]
    nibabel.save(nibabel.Nifti1Image(voxels.transpose(2, 1, 0), affine), path)  # type: ignore[no-untyped-call]


def _write_dicom(folder: Path, recipe: Recipe, seed: int, grid: _Grid = FINE) -> None:
    from imedbench.demo.dicom import write_segmentation, write_series
    from imedbench.demo.phantom import make_phantom

    del recipe  # a DICOM segmentation carries its names
    image, labels, names = make_phantom(seed, grid.shape, grid.spacing_mm)
    study = folder / "torso_dicom_1"
    slices = write_series(study / "ct", image, "torso_dicom_1", np.random.default_rng(seed))
    write_segmentation(study / "segmentation.dcm", slices, labels, names)


def _write_films(folder: Path, recipe: Recipe, seeds: tuple[int, ...]) -> None:
    from PIL import Image as Picture

    from imedbench.demo.xray import make_xray

    colours = {name: bytes.fromhex(str(colour)[1:]) for colour, name in recipe.labels[0].names.items()}
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for number, seed in enumerate(seeds, start=1):
        film, masks = make_xray(seed)
        outlines = np.zeros((*film.shape, 3), np.uint8)
        for name, mask in masks.items():
            outlines[mask] = tuple(colours[name])
        Picture.fromarray(film).save(folder / "images" / f"chest_{number}.png")
        Picture.fromarray(outlines).save(folder / "labels" / f"chest_{number}.png")


def _write_atlas(folder: Path, recipe: Recipe) -> None:
    from imedbench.demo.brain import write_atlas

    write_atlas(folder, {name: int(value) for value, name in recipe.labels[0].names.items()})


def _write_tissue(folder: Path, recipe: Recipe) -> None:
    from imedbench.demo.brain import write_tissue

    del recipe  # its names are those of the files
    write_tissue(folder)
