"""A store of ellipses, and models that do as they are told."""

import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench import catalog
from imedbench.models.base import Card
from imedbench.store import Store
from imedbench.types import Image, MaskPrompt, Prediction, Prompt

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "results.py"))

PUPPET = Card("puppet", "Does as it is told", "puppet:load", ("click", "box"), (2, 3), "Apache-2.0", "the tests")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six pictures of three patients, four targets each."""
    store: Store = FAKE["make_store"](tmp_path_factory.mktemp("pictures") / "store", patients=3)
    return store


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two volumes of one patient, four targets each."""
    store: Store = FAKE["make_store"](tmp_path_factory.mktemp("volumes") / "store", patients=1, volumes=True)
    return store


@dataclass
class Puppet:
    """A model whose answers are a function of what it is asked."""

    answer: Callable[[tuple[int, ...], Sequence[Prompt], Prediction | None], Prediction]
    card: Card = PUPPET
    asked: list[list[tuple[Prompt, ...]]] = field(default_factory=list)
    """The prompts of each call of `predict_many`."""
    images: list[Image] = field(default_factory=list)

    def start(self, image: Image) -> "Puppet":
        self.images.append(image)
        return replace(self, images=[image])

    def predict(self, prompts: Sequence[Prompt], previous: Prediction | None = None) -> Prediction:
        return self.predict_many([prompts], [previous])[0]

    def predict_many(
        self, prompts: Sequence[Sequence[Prompt]], previous: Sequence[Prediction | None] | None = None
    ) -> list[Prediction]:
        self.asked.append([tuple(each) for each in prompts])
        earlier = previous or [None] * len(prompts)
        grid = self.images[0].grid
        return [self.answer(grid, each, last) for each, last in zip(prompts, earlier, strict=True)]


def everything(grid: tuple[int, ...], prompts: Sequence[Prompt], previous: Prediction | None) -> Prediction:
    """The whole image."""
    return Prediction(np.ones(grid, np.float32), 0.5)


def truth(grid: tuple[int, ...], prompts: Sequence[Prompt], previous: Prediction | None) -> Prediction:
    """The truth, where it is shown."""
    (last,) = [prompt for prompt in prompts if isinstance(prompt, MaskPrompt)]
    return Prediction(last.logits, 1.0)


Enlist = Callable[..., Puppet]


@pytest.fixture
def enlist(monkeypatch: pytest.MonkeyPatch) -> Enlist:
    """Puts a puppet into the catalogue under its name, for this process."""
    import sys
    from types import ModuleType

    from imedbench.evaluate import tasks

    def enlisted(answer: Any = everything, **changes: Any) -> Puppet:
        puppet = Puppet(answer, replace(PUPPET, **changes))
        module = ModuleType("puppet")
        module.CARD = puppet.card  # type: ignore[attr-defined]
        module.load = lambda card, checkpoint, device: puppet  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "puppet", module)
        monkeypatch.setitem(catalog.MODELS, puppet.card.name, "puppet:CARD")
        tasks.load_model.cache_clear()
        return puppet

    return enlisted
