from importlib.metadata import EntryPoint

import pytest

from imedbench import catalog
from imedbench.errors import Unavailable, UnknownName
from imedbench.models.base import Card


@pytest.mark.parametrize("name", catalog.MODELS)
def test_every_card_is_found_under_its_own_name(name: str) -> None:
    card = catalog.card(name)
    assert isinstance(card, Card)
    assert card.name == name


def test_a_wrong_name_lists_the_right_ones() -> None:
    with pytest.raises(UnknownName, match=r"no model called 'sma'.*lite-medsam"):
        catalog.card("sma")


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("no_such_package:CARD", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("imedbench.models.oracle:NONE", "AttributeError: module 'imedbench.models.oracle' has no attribute 'NONE'"),
        ("imedbench.models.oracle:Oracle", "it is of type type, not a Card"),
        ("imedbench.models.oracle:ORACLE", "its card is called 'oracle'"),
    ],
)
def test_an_entry_point_that_leads_astray_is_named(monkeypatch: pytest.MonkeyPatch, place: str, fault: str) -> None:
    monkeypatch.setattr(catalog, "entry_points", lambda group: [EntryPoint("theirs", place, group)])
    with pytest.raises(Unavailable) as caught:
        catalog.card("theirs")
    assert str(caught.value).startswith(f"the model theirs cannot be had from {place} ({fault}); correct the entry")
    assert list(catalog.models()) == [*catalog.MODELS, "theirs"]
    assert catalog.card("oracle").name == "oracle"
