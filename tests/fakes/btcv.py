"""Three slices of two patients in the layout of IMed-361M's btcv: image, one-hot label, interactive masks."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import sparse

SIZE = 24
CLASSES = 13
STUDIES = ("ABD_001_100", "ABD_001_110", "ABD_002_9")


def write(folder: Path) -> None:
    """Writes the fake into a new or empty folder."""
    for name in ("image", "label", "imask"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(1)
    entries = []
    for study in STUDIES:
        Image.fromarray(rng.integers(0, 255, (SIZE, SIZE, 3), np.uint8)).save(folder / "image" / f"{study}.png")
        dense = np.zeros((CLASSES, SIZE, SIZE), bool)
        dense[5, 4:12, 4:14] = True
        dense[0, 14:20, 2:9] = True
        label = f"label/x___{study}.({CLASSES}, {SIZE}, {SIZE}, 1).npz"
        sparse.save_npz(folder / label, sparse.csr_matrix(dense.reshape(CLASSES, -1).astype(np.uint8)))
        regions = np.zeros((SIZE, SIZE), np.uint8)
        regions[:8] = 1
        regions[8:, :8] = 2
        np.savez_compressed(folder / "imask" / f"x___{study}.npz", regions)
        entries.append({"image": f"image/{study}.png", "label": label, "imask": f"imask/x___{study}.npz"})
    labels = {str(value): f"class_{value}" for value in range(CLASSES + 1)} | {"0": "background"}
    description = {"name": "BTCV", "dimension": "2D", "modality": {"0": "ct"}, "labels": labels, "training": entries}
    (folder / "dataset.json").write_text(json.dumps(description))
