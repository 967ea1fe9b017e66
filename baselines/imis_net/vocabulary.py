"""What IMIS-Net is told to segment, in the words that it was trained with.

Training put each target's name into one sentence. The names are those of the released category map; most are those of
the project's vocabulary, in lower case. The others stand here, as the map has them.
"""

import re

from baselines.imis_net.settings import Spelling
from imedbench.targets import Vocabulary

_BEFORE, _AFTER = "A segmentation area of a ", "."

_RELEASED = {
    "anterior fibromuscular stroma": "prostate anterior fibromuscular stroma",
    "brain stem": "bain stem",
    "hypoxic-ischemic encephalopathy": "hypoxic ischemic encephalopathy",
    "larynx supraglottis": "larynx supraglot",
    "left autochthonous muscle": "left autochthonous muscles",
    "left bronchus": "left main bronchus",
    "left myocardium": "left ventricular myocardium",
    "left semicircular canal": "left vestibular semicircular canal",
    "lung infection": "lung infections",
    "myocardial edema": "left ventricular myocardial edema",
    "myocardial scar": "left ventricular myocardial scars",
    "non-enhancing tumor": "non enhancing tumor",
    "pharyngeal constrictor": "pharyngeal constrictor muscles",
    "portal vein": "portal veins",
    "right autochthonous muscle": "right autochthonous muscles",
    "right bronchus": "right main bronchus",
    "right semicircular canal": "right vestibular semicircular canal",
}
"""The released map's name of each target that it calls otherwise, vertebrae aside."""


def sentence(words: str, spelling: Spelling) -> str:
    """The text for a target's name or for such a sentence about one; other words as they are.

    Any spelling of a name that the vocabulary knows is that target. A sentence about something else keeps its words.
    """
    said = " ".join(words.split())
    inside = re.fullmatch(rf"{_BEFORE}(.+?){re.escape(_AFTER)}?", said, re.IGNORECASE)
    target = Vocabulary.load().resolve(inside[1] if inside else said)
    if target is not None:
        return f"{_BEFORE}{called(target.name, spelling)}{_AFTER}"
    return f"{_BEFORE}{_plain(inside[1])}{_AFTER}" if inside else said


def called(name: str, spelling: Spelling) -> str:
    """How a text prompt spells the target of this display name: lower case, words apart by single spaces."""
    if spelling == "released":
        name = _RELEASED.get(name, name)
        name = re.sub("^vertebra ", "vertebrae ", name)
    return _plain(name)


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.lower())).strip()
