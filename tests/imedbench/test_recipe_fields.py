import pytest
from pydantic import ValidationError

from imedbench.recipe_fields import Checksum, Filters, Labels, Percentile, Slices


def test_noisy_sets_have_the_stricter_area() -> None:
    assert Filters().least_area == 0.001
    assert Filters(noisy=True).least_area == 0.005
    assert Filters(noisy=True, min_area=0.01).least_area == 0.01


def test_axes_are_sorted_and_counted_once() -> None:
    assert Slices(axes=(2, 0, 2)).axes == (0, 2)


def test_numbers_survive_json() -> None:
    labels = Labels(path="x", names={1: "liver"})
    assert Labels.model_validate_json(labels.model_dump_json()) == labels


def test_text_keys_of_files_stay_text() -> None:
    labels = Labels(path="{study}_{target}.png", encoding="files", names={"0003": "liver"})
    assert Labels.model_validate_json(labels.model_dump_json()).names == {"0003": "liver"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encoding": "files", "path": "{study}.png"}, "either {target} in the path"),
        ({"encoding": "files", "path": "{study}_{target}.png", "target": "liver"}, "either {target} in the path"),
        ({"encoding": "csr", "path": "{study}.npz"}, "csr needs names"),
        ({"encoding": "map", "names": {"liver": "liver"}}, "numbers"),
        ({"encoding": "colours", "names": {"red": "liver"}}, "#rrggbb"),
        ({"encoding": "map", "separate": True}, "separate needs"),
    ],
)
def test_labels_that_cannot_be_read_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Labels.model_validate(fields)


@pytest.mark.parametrize("digest", ["fe25", "FE250E5718E0A3B5DF4C4EA9D58A62FE", "g" * 32])
def test_checksum_of_the_wrong_shape_is_refused(digest: str) -> None:
    with pytest.raises(ValidationError, match="32 hexadecimal"):
        Checksum(file="x.zip", algorithm="md5", digest=digest)


@pytest.mark.parametrize("percentile", [(5.0, 1.0), (-1.0, 50.0), (0.0, 101.0)])
def test_percentiles_rise_within_a_hundred(percentile: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="rising"):
        Percentile(percentile=percentile)
