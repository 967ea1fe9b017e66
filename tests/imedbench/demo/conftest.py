"""A phantom on a coarse grid, drawn once."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from imedbench.demo.phantom import make_phantom
from imedbench.types import Image


class Phantom(NamedTuple):
    image: Image
    labels: NDArray[np.uint8]
    names: dict[int, str]

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Voxels with this label."""
        return self.labels == next(number for number, known in self.names.items() if known == name)

    def centre_mm(self, name: str) -> NDArray[np.float64]:
        """Middle of a structure: right, front, up, in RAS+ millimetres."""
        middle = np.argwhere(self.mask(name)).mean(axis=0)
        return self.image.affine[:3, :3] @ middle + self.image.affine[:3, 3]


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    return Phantom(*make_phantom(1, (48, 160, 160), (10.0, 2.4, 2.4)))
