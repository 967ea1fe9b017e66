from hypothesis import given
from hypothesis import strategies as st

from imedbench.build.splits import draw, split_of, surplus


def test_about_a_tenth_is_for_testing() -> None:
    sides = [split_of("set", f"patient {i}") for i in range(5000)]
    assert 0.08 < sides.count("test") / 5000 < 0.12
    assert set(sides) == {"train", "test"}


@given(st.text(), st.text())
def test_a_patient_is_always_on_the_same_side(dataset: str, patient: str) -> None:
    assert split_of(dataset, patient) == split_of(dataset, patient)
    assert 0 <= draw(dataset, patient) < 1


def test_the_draw_is_frozen() -> None:
    # If this changes, every store that was ever built changes sides.
    assert draw("btcv", "ABD_001") == 0.656072365605397


def test_external_sets_are_never_trained_on() -> None:
    assert {split_of("isles", f"{i}", external=True) for i in range(50)} == {"external"}


def test_surplus_depends_on_names_alone_and_only_grows() -> None:
    images = [f"image {i}" for i in range(40)]
    left = surplus("set", images, most=25)
    assert len(left) == 15
    assert surplus("set", reversed(images), most=25) == left
    # A test image that was set aside stays aside when data are added.
    assert set(left) <= set(surplus("set", [*images, *(f"new {i}" for i in range(20))], most=25))
