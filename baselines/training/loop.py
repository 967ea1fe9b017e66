"""The loop: batches, rounds of simulated sessions, updates, and what is kept on the way.

A step is a function of the weights, the seed and its number, so a run that is killed and goes on from a checkpoint
takes the same way as one that was left alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from baselines.training.average import Average, trained
from baselines.training.checkpoint import restore_weights, weights_of
from baselines.training.course import Course, Optimiser
from baselines.training.reading import Read
from baselines.training.schedule import factor
from baselines.training.trainee import Chance, Losses, Trainee
from imedbench.errors import BadResults


@dataclass(slots=True, eq=False)
class Window:
    """Sums of what happened since the last line of the log, still on the device."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    samples: int = 0
    since: float = field(default_factory=perf_counter)

    def add(self, losses: Losses) -> None:
        """Takes the values of one round."""
        for name, value in losses.items():
            found = value.detach().float()
            self.sums[name] = self.sums[name] + found if name in self.sums else found
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self, fabric: Fabric) -> dict[str, float]:
        """Of each value over rounds, batches and devices, by name; waits for the devices."""
        if not self.sums:
            return {}
        names = sorted(self.sums)
        values = torch.stack([self.sums[name] / self.counts[name] for name in names])
        if fabric.world_size > 1:
            values = fabric.all_reduce(values, reduce_op="mean")  # type: ignore[assignment]
        return dict(zip(names, values.tolist(), strict=True))

    @property
    def speed(self) -> float:
        """Samples a second on this device."""
        return self.samples / max(perf_counter() - self.since, 1e-9)


class Trainer:
    """A network on its devices with its optimiser: what a checkpoint holds."""

    def __init__(self, fabric: Fabric, trainee: Trainee, course: Course) -> None:
        """Moves the network to the device."""
        self._fabric, self.trainee, self._course = fabric, trainee, course
        self.network = trainee.network
        fabric.to_device(self.network)
        if course.loop.compile:
            self.network.compile()
        weights = trained(self.network)
        self._weights = list(weights.values())
        if not weights:
            message = "no parameter of the network is to be trained"
            raise ValueError(message)
        self.optimiser: Any = fabric.setup_optimizers(_optimiser(weights, course.optimiser))
        self.average = Average(self.network, course.loop.average) if course.loop.average else None
        self.step = 0

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        average = self.average
        return {
            "step": self.step,
            "network": weights_of(self.network),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self._fabric.strategy.precision.state_dict(),
            "average": None if average is None else {"values": average.values, "updates": average.updates},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from there.

        Raises:
            BadResults: it is of another network.
        """
        restore_weights(self.network, state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._fabric.strategy.precision.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.restore(state["average"]["values"], state["average"]["updates"])
        self.step = state["step"]

    def learn(self, reads: Iterator[Read], window: Window) -> None:
        """One step."""
        loop = self._course.loop
        rate = self._course.optimiser.rate * factor(self._course.schedule, self.step, loop.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.network.train()
        for part in range(loop.accumulate):
            read = next(reads)
            window.samples += len(read.places)
            torch.manual_seed(_seed(loop.seed, read))
            with self._fabric.autocast():
                session = self.trainee.begin(read.batch, Chance(loop.seed, read.places))
            rounds = self.trainee.rounds(session)
            for number in range(rounds):
                with self._fabric.autocast():
                    losses = self.trainee.round(session, number)
                self._fabric.backward(losses["loss"] / loop.accumulate)
                window.add(losses)
                last = number == rounds - 1
                if last:
                    self.trainee.end(session)
                if self._is_due(part, first=number == 0, last=last):
                    window.add({"gradient": self._update()})
        self.step += 1

    def _is_due(self, part: int, *, first: bool, last: bool) -> bool:
        """Whether weights change after this round."""
        when = self._course.loop.update
        if when == "each" or (when == "first-and-end" and first):
            return True
        return last and part == self._course.loop.accumulate - 1

    def _update(self) -> Tensor:
        """Averages gradients over devices and changes the weights; returns the norm of the gradient."""
        average_gradients(self._fabric, self._weights)
        norm = self._fabric.clip_gradients(
            self.network,
            self.optimiser,
            max_norm=self._course.optimiser.clip or float("inf"),
            error_if_nonfinite=False,
        )
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.average is not None:
            self.average.update()
        assert norm is not None
        return norm


def average_gradients(fabric: Fabric, weights: list[torch.nn.Parameter]) -> None:
    """Makes each gradient the mean over devices; one that nothing reached is zero.

    All in one message, once an update: the rounds of a session reach different parameters, which torch's wrapper
    would only average where the last round reaches them.
    """
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    if fabric.world_size == 1:
        return
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    together = fabric.all_reduce(torch.cat([each.flatten() for each in gradients]), reduce_op="mean")
    assert isinstance(together, Tensor)
    parts = torch.split(together, [each.numel() for each in gradients])
    torch._foreach_copy_(gradients, [part.view_as(each) for part, each in zip(parts, gradients, strict=True)])


def run_steps(trainer: Trainer, reads: Iterator[Read], fabric: Fabric, course: Course, *, listen: "Listener") -> None:
    """Goes on to the last step.

    Raises:
        BadResults: the loss is no number any more.
        ImedbenchError: a sample cannot be read.
    """
    loop = course.loop
    window = Window()
    while trainer.step < loop.steps:
        trainer.learn(reads, window)
        kept = trainer.step % loop.checkpoint_every == 0 or trainer.step == loop.steps
        if kept or trainer.step % loop.log_every == 0:
            values, speed = window.means(fabric), window.speed * fabric.world_size
            _check(values, trainer.step, course)
            listen.log(trainer, values, speed)
            window = Window()
        if kept:
            listen.keep(trainer)
        if is_validated(course, trainer.step):
            listen.validate(trainer)
            window = Window()


def is_validated(course: Course, step: int) -> bool:
    """Whether the network is looked at after so many steps."""
    every = course.validation.every
    return every > 0 and step > 0 and (step % every == 0 or step == course.loop.steps)


@dataclass(frozen=True, slots=True)
class Listener:
    """What is done with a run on the way, on the first process only or on all."""

    log: Callable[[Trainer, dict[str, float], float], None]
    keep: Callable[[Trainer], None]
    validate: Callable[[Trainer], None]


def _seed(seed: int, read: Read) -> int:
    """For what torch draws in a batch, such as dropout: the same on whatever device it is met."""
    first = read.places[0]
    return int(np.random.SeedSequence([seed, first.step, first.position]).generate_state(1)[0])


def _check(values: dict[str, float], step: int, course: Course) -> None:
    if torch.isfinite(torch.tensor(values["loss"])):
        return
    message = (
        f"the loss is no number any more (steps up to {step}); lower optimiser.rate ({course.optimiser.rate:g}), set "
        f"optimiser.clip, or choose another loop.precision ({course.loop.precision})."
    )
    raise BadResults(message)


def _optimiser(weights: dict[str, torch.nn.Parameter], settings: Optimiser) -> torch.optim.Optimizer:
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, weight in weights.items():
        groups.setdefault(settings.factor(name), []).append(weight)
    kind: Any = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.name]
    optimiser: torch.optim.Optimizer = kind(
        [{"params": members, "factor": factor} for factor, members in groups.items()],
        lr=settings.rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=next(iter(weights.values())).is_cuda,
    )
    return optimiser
