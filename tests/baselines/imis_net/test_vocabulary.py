import pytest

from baselines.imis_net.settings import Spelling
from baselines.imis_net.vocabulary import _RELEASED, called, sentence
from imedbench.targets import Vocabulary

BEFORE = "A segmentation area of a "


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Liver", "liver"),
        ("kidney_left", "left kidney"),
        ("vertebra C3", "vertebrae c3"),
        ("brain stem", "bain stem"),
        ("Left bronchus", "left main bronchus"),
        ("non-enhancing tumor", "non enhancing tumor"),
        ("A segmentation area of a left kidney.", "left kidney"),
        ("a segmentation area of a  Brain Stem", "bain stem"),
        ("A segmentation area of a rib cage ornament.", "rib cage ornament"),
        ("A segmentation area of a St. Jude valve.", "st. jude valve"),
    ],
)
def test_targets_are_said_as_in_training(words: str, expected: str) -> None:
    assert sentence(words, "released") == f"{BEFORE}{expected}."


@pytest.mark.parametrize("spelling", ["released", "vocabulary"])
def test_free_text_is_kept(spelling: Spelling) -> None:
    assert sentence(" the  bright ring, upper left", spelling) == "the bright ring, upper left"
    assert sentence("", spelling) == ""


def test_the_vocabularys_own_names() -> None:
    assert called("brain stem", "vocabulary") == "brain stem"
    assert called("vertebra C3", "vocabulary") == "vertebra c3"
    assert called("hypoxic-ischemic encephalopathy", "vocabulary") == "hypoxic ischemic encephalopathy"


def test_each_of_the_204_has_a_name_of_its_own() -> None:
    targets = Vocabulary.load().targets
    names = {called(target.name, "released") for target in targets}
    assert len(names) == len(targets) == 204
    # Each name that differs belongs to a target that there is.
    vocabulary = Vocabulary.load()
    assert all(vocabulary.resolve(name) is not None for name in _RELEASED)
    assert all(sentence(target.name, "released") == f"{BEFORE}{called(target.name, 'released')}." for target in targets)
