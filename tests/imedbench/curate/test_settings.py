import pytest
from pydantic import ValidationError

from imedbench.curate.settings import TissueSettings


def test_fat_and_muscle_do_not_share_intensities() -> None:
    settings = TissueSettings()
    assert settings.fat_hu[0] < settings.fat_hu[1] < settings.muscle_hu[0] < settings.muscle_hu[1]
    assert settings.gas_hu < settings.body_hu < settings.fat_hu[0]


@pytest.mark.parametrize("told", [{"skin": 3}, {"grid_mm": 0}, {"between": "bone"}])
def test_what_is_no_setting(told: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TissueSettings(**told)  # type: ignore[arg-type]
