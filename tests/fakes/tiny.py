"""A network of a few hundred weights with its subject, and a command line that trains it: what the loop is tested with.

python tiny.py STORE OUT [--steps N] [--batch N] [--accumulate N] [--devices N] [--die STEP] [--workers N]
"""

import argparse
import os
import signal
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.training.course import Course
from baselines.training.objectives import MaskLoss
from baselines.training.order import Place
from baselines.training.run import Hardware, Plan, train
from baselines.training.trainee import Samples, Subject
from imedbench.store.loader import InteractiveDataset, SampleSettings, collate


class Tiny(nn.Module):
    """Two layers; ``first`` is reached in the first round alone, ``never`` in none."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Dropout(0.1), nn.Conv2d(8, 1, 1))
        self.first = nn.Parameter(torch.zeros(1))
        self.never = nn.Parameter(torch.ones(1))
        self.still = nn.Parameter(torch.ones(1), requires_grad=False)


class TinySamples(Samples):
    def __init__(self, dataset: InteractiveDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, place: Place) -> Any:
        return self._dataset[place.epoch, place.sample]

    def collate(self, samples: Any) -> Any:
        return collate(samples)


class TinyTrainee:
    def __init__(self, die: int = -1, poison: int = -1) -> None:
        self.network = Tiny()
        self.facts = {"tiny": "yes"}
        self._die, self._poison, self._loss = die, poison, MaskLoss()

    def samples(self, stores: Any) -> TinySamples:
        return TinySamples(InteractiveDataset(stores[0], SampleSettings(16, truth=1, interactive=0)))

    def begin(self, batch: Any, chance: Any) -> dict[str, Any]:
        step = chance.places[0].step
        if step == self._die:
            os.kill(os.getpid(), signal.SIGKILL)
        noise = [torch.from_numpy(chance.own(i, 0).random((1, 16, 16), "float32")) for i in range(len(batch.masks))]
        return {
            "seen": torch.cat([batch.image.float() / 255, torch.stack(noise).to(batch.image.device)], 1),
            "truth": batch.masks[:, 0],
            "poisoned": step == self._poison,
        }

    def rounds(self, state: Any) -> int:
        return 3

    def end(self, state: Any) -> None:
        state["ended"] = True

    def round(self, state: dict[str, Any], number: int) -> dict[str, torch.Tensor]:
        logits = self.network.body(state["seen"])[:, 0]
        if number == 0:
            logits = logits + self.network.first
        if state["poisoned"]:
            logits = logits * torch.nan
        return self._loss(logits, state["truth"], torch.zeros(len(logits), device=logits.device))


def tiny_subject(die: int = -1, poison: int = -1) -> Subject:
    return Subject("tiny", "", Course, "", lambda _course, _checkpoint, _folder: TinyTrainee(die, poison))


def course(**loop: Any) -> Course:
    """A short one."""
    usual = {"steps": 6, "batch": 2, "precision": "32-true", "workers": 0, "log_every": 1, "checkpoint_every": 2}
    return Course.model_validate({"loop": usual | loop, "optimiser": {"rate": 0.01, "weight_decay": 0.01, "clip": 1.0}})


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("store", type=Path)
    options.add_argument("out", type=Path)
    for name, value in {"steps": 6, "batch": 2, "accumulate": 1, "devices": 1, "die": -1, "workers": 0}.items():
        options.add_argument(f"--{name}", type=int, default=value)
    given = options.parse_args()
    torch.set_num_threads(1)
    wanted = course(
        steps=given.steps, batch=given.batch, accumulate=given.accumulate, workers=given.workers, average=0.9
    )
    plan = Plan(tiny_subject(given.die), wanted, (given.store,), given.out, None)
    train(plan, Hardware("cpu", given.devices))


if __name__ == "__main__":
    main()
