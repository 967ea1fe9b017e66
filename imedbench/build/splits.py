"""Which patients are for training and which for testing.

The side a patient is on depends on the name of the data set and of the patient and on nothing else. So all images of a
patient are on one side, and adding data moves nobody.
"""

import hashlib
from collections.abc import Iterable, Sequence

from imedbench.types import Split

MAX_TEST = 3000


def draw(*names: str) -> float:
    """A number from 0 to 1, the same for the same names for ever: the first 8 bytes of their SHA-256."""
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(dataset: str, patient: str, test_fraction: float = 0.1, *, external: bool = False) -> Split:
    """The side of a patient; all of an external set is ``external``, never trained on."""
    if external:
        return "external"
    return "test" if draw(dataset, patient) < test_fraction else "train"


def surplus(dataset: str, test_images: Iterable[str], most: int = MAX_TEST) -> Sequence[str]:
    """The test images of a set beyond ``most``, chosen by name alone.

    They are set aside ("reserve"), neither tested nor trained on: their patients are test patients.
    """
    ranked = sorted(test_images, key=lambda case: (draw(dataset, "image", case), case))
    return ranked[most:]
