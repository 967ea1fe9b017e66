import pytest

from imedbench import catalog
from imedbench.errors import UnknownName
from imedbench.models.base import Card


@pytest.mark.parametrize("name", catalog.MODELS)
def test_every_card_is_found_under_its_own_name(name: str) -> None:
    card = catalog.card(name)
    assert isinstance(card, Card)
    assert card.name == name


def test_a_wrong_name_lists_the_right_ones() -> None:
    with pytest.raises(UnknownName, match=r"no model called 'sma'.*lite-medsam"):
        catalog.card("sma")
