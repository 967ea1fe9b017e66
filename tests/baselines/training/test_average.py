import pytest
import torch
from torch import nn

from baselines.training.average import Average, trained


def network() -> nn.Linear:
    layer = nn.Linear(1, 1)
    nn.init.zeros_(layer.weight)
    layer.bias.requires_grad_(False)
    return layer


def test_it_follows_slowly() -> None:
    layer = network()
    average = Average(layer, 0.9)
    with torch.no_grad():
        layer.weight.fill_(1)
    # Decays of 1/10, then 2/11.
    average.update()
    assert average.values["weight"].item() == pytest.approx(0.9)
    average.update()
    assert average.values["weight"].item() == pytest.approx(0.9 * 2 / 11 + 9 / 11)
    assert set(average.values) == {"weight"}


def test_it_takes_the_weights_place_for_a_while() -> None:
    layer = network()
    average = Average(layer, 0.9)
    with torch.no_grad():
        layer.weight.fill_(1)
    with pytest.raises(ZeroDivisionError), average.in_place():
        assert layer.weight.item() == 0
        raise ZeroDivisionError
    assert layer.weight.item() == 1


def test_it_goes_on_from_where_it_was() -> None:
    layer = network()
    average = Average(layer, 0.9)
    average.restore({"weight": torch.full((1, 1), 5.0)}, 7)
    assert average.updates == 7
    assert average.values["weight"].item() == 5


def test_what_is_trained() -> None:
    assert set(trained(network())) == {"weight"}
