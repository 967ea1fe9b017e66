from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from baselines.training.loop import Trainer, Window, average_gradients
from baselines.training.order import Place
from baselines.training.reading import Read


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    made = Fabric(accelerator="cpu", devices=1, precision="32-true")
    made.launch()
    return made


class Line:
    """y = w x, one weight: updates can be counted by hand."""

    def rounds(self, state: Any) -> int:
        return 3

    def end(self, state: Any) -> None:
        self.ends.append(len(self.seen))

    def __init__(self) -> None:
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.network.weight)
        self.seen: list[float] = []
        self.ends: list[int] = []

    def begin(self, batch: Any, chance: Any) -> Any:
        return batch

    def round(self, state: Any, number: int) -> dict[str, torch.Tensor]:
        self.seen.append(self.network.weight.item())
        return {"loss": (self.network(torch.ones(1, 1)) - 1).square().mean()}


def trainer_of(fabric: Fabric, course: Any, **loop: Any) -> Trainer:
    return Trainer(fabric, Line(), course(**loop))  # type: ignore[arg-type]


def reads(count: int) -> Any:
    return iter([Read((Place(0, index, 0, index),), None) for index in range(count)])


@pytest.mark.parametrize(
    ("update", "distinct"), [("end", [1, 1, 1]), ("first-and-end", [1, 2, 2]), ("each", [1, 2, 3])]
)
def test_when_weights_change(tiny: dict[str, Any], fabric: Fabric, update: str, distinct: list[int]) -> None:
    trainer = trainer_of(fabric, tiny["course"], update=update)
    trainer.learn(reads(1), Window())
    seen = trainer.trainee.seen  # type: ignore[attr-defined]
    assert [len(set(seen[: i + 1])) for i in range(3)] == distinct
    assert trainer.step == 1
    assert trainer.trainee.ends == [3]  # type: ignore[attr-defined]


def test_accumulated_batches_make_one_update(tiny: dict[str, Any], fabric: Fabric) -> None:
    trainer = trainer_of(fabric, tiny["course"], accumulate=3)
    window = Window()
    trainer.learn(reads(3), window)
    assert len(set(trainer.trainee.seen)) == 1  # type: ignore[attr-defined]
    # Three rounds of gradient -2 each, the mean over the three batches.
    assert window.means(fabric)["gradient"] == pytest.approx(6)
    assert window.samples == 3


def test_the_window_averages_rounds(tiny: dict[str, Any], fabric: Fabric) -> None:
    window = Window()
    for value in (1.0, 2.0, 6.0):
        window.add({"loss": torch.tensor(value)})
    window.add({"other": torch.tensor(5.0)})
    assert window.means(fabric) == {"loss": 3.0, "other": 5.0}
    assert Window().means(fabric) == {}


def test_a_network_that_cannot_learn_is_refused(tiny: dict[str, Any], fabric: Fabric) -> None:
    trainee: Any = SimpleNamespace(network=nn.Linear(1, 1).requires_grad_(False))
    with pytest.raises(ValueError, match="no parameter"):
        Trainer(fabric, trainee, tiny["course"]())


def test_what_nothing_reached_has_a_gradient_of_zero(fabric: Fabric) -> None:
    weight = nn.Parameter(torch.ones(2))
    average_gradients(fabric, [weight])
    assert weight.grad is not None
    assert weight.grad.tolist() == [0, 0]


def test_some_weights_learn_slower(tiny: dict[str, Any], fabric: Fabric) -> None:
    wanted = tiny["course"]()
    slow = wanted.model_copy(
        update={"optimiser": wanted.optimiser.model_copy(update={"factors": {"wei": 0.5, "w": 2.0}})}
    )
    trainer = Trainer(fabric, Line(), slow)  # type: ignore[arg-type]
    trainer.learn(reads(1), Window())
    assert trainer.optimiser.param_groups[0]["lr"] == pytest.approx(0.005)
