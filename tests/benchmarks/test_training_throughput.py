"""Training of IMIS-Net as the paper has it, against a loop that does what the one of IMed-361M's authors does.

Theirs makes samples the long way (`test_loader.py`), keeps the map of each image once for every mask, answers with
attention written out, takes the losses of masks at full size by elementary operations, finds each click by going
through a list of all wrong pixels, and changes the weights after the first answer and after the last.
"""

import json
import runpy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.imis_net.course import ImisCourse
from baselines.imis_net.prompts import Given
from baselines.imis_net.tokens import tokenize
from baselines.imis_net.training import ImisTrainee
from baselines.imis_net.vocabulary import sentence
from baselines.training.course import read_course
from baselines.training.loop import Trainer, Window
from baselines.training.order import Shares
from baselines.training.reading import batches, order_of
from imedbench.masks import MaskInfo, Masks
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Case, Image

LOADER = runpy.run_path(str(Path(__file__).with_name("test_loader.py")))
PACKAGE = "baselines.imis_net"
TIMES_FASTER = 3
CASES, ROUNDS = 6, 2
Said = Callable[[str, object], None]


def course(**tables: dict[str, Any]) -> ImisCourse:
    """That of the paper, with the network of `smoke`: all sizes but those of layers are the paper's."""
    paper, smoke = (read_course(ImisCourse, PACKAGE, name).model_dump() for name in ("paper", "smoke"))
    network = smoke["network"] | {"settings": paper["network"]["settings"]}
    wanted = paper | {"network": network, "loop": paper["loop"] | {"precision": "32-true", "workers": 0}}
    return ImisCourse.model_validate({name: value | tables.get(name, {}) for name, value in wanted.items()})


@contextmanager
def one_thread() -> Iterator[None]:
    import cv2

    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)


@pytest.fixture(scope="module")
def names(shared_data: Path) -> list[str]:
    found: dict[str, str] = json.loads((shared_data / "btcv/dataset.json").read_text())["labels"]
    return [found[str(row)] for row in range(1, 14)]


@pytest.fixture(scope="module")
def store(slices: Any, names: list[str], tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("throughput") / "store"
    create_store(path, StoreInfo("btcv", {}, {}, {}))
    with PartWriter(path, 0) as writer:
        for one in slices[:CASES]:
            truth = Masks.from_dense(LOADER["dense_labels"](one.label), [MaskInfo(name) for name in names])
            masks = Masks.concatenate([truth.select(np.flatnonzero(truth.areas())), one.interactive()])
            image = Image(LOADER["grey"](one.image), (1.0, 1.0), np.eye(4), "ct")
            writer.add(Record(Case(one.name, image, masks, "train", "btcv", one.name, one.name)))
    finish_store(path, [])
    return Store.open(path)


class OurLoop:
    """The common loop on the store, a step at a time."""

    def __init__(self, wanted: ImisCourse, store: Store, folder: Path, device: str = "cpu") -> None:
        from lightning_fabric import Fabric

        torch.manual_seed(0)
        fabric = Fabric(accelerator=device, devices=1, precision=wanted.loop.precision)
        trainee = ImisTrainee(wanted, None, folder)
        self.trainer = Trainer(fabric, trainee, wanted)
        samples = trainee.samples([store])
        order = order_of(samples, Shares(wanted.loop.batch), seed=0, steps=range(wanted.loop.steps))
        self._reads = batches(samples, order, workers=wanted.loop.workers, device=fabric.device)
        self.window = Window()

    def step(self) -> None:
        self.trainer.learn(self._reads, self.window)


class WrittenOut(torch.nn.Module):
    """Attention whose weights are all in memory at once, with the projections of ours."""

    def __init__(self, fused: Any) -> None:
        super().__init__()
        self.fused = fused

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        asked, offered, told = (
            project(values).unflatten(2, (self.fused.heads, -1)).transpose(1, 2)
            for project, values in ((self.fused.q_proj, q), (self.fused.k_proj, k), (self.fused.v_proj, v))
        )
        match = torch.softmax((asked @ offered.mT) / asked.shape[-1] ** 0.5, -1)
        found: Tensor = self.fused.out_proj((match @ told).transpose(1, 2).flatten(2))
        return found


class TheirLoop:
    """A step of the authors' script on the files of their layout; the network has the weights of ours."""

    def __init__(self, wanted: ImisCourse, slices: Any, names: list[str], folder: Path) -> None:
        torch.manual_seed(0)
        self._course, self._slices, self._names = wanted, slices, names
        self._network = ImisTrainee(wanted, None, folder).network
        transformer = self._network.mask_decoder.transformer
        for name, part in list(transformer.named_modules()):
            if hasattr(part, "q_proj"):
                transformer.set_submodule(name, WrittenOut(part))
        weights = [weight for weight in self._network.parameters() if weight.requires_grad]
        self._optimiser = torch.optim.AdamW(weights, lr=wanted.optimiser.rate, weight_decay=1e-5)
        self._rng = np.random.default_rng(0)

    def step(self) -> None:
        drawn = [self._sample() for _ in range(self._course.loop.batch)]
        pictures, *targets = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        sides, points, boxes = (by_side(part) for part in targets)
        texts = self._rng.choice(self._names, len(sides[0])).tolist()
        text = self._network.describe(tokenize([sentence(name, "vocabulary") for name in texts]))
        features = self._network.image_encoder(pictures).detach().clone()
        features = torch.cat([each.repeat(sides.shape[1] // len(drawn), 1, 1, 1) for each in features])
        first = [
            self._first(*prompts, None if side else text)
            for side, prompts in enumerate(zip(points, boxes, strict=True))
        ]
        answers = self._answer(features, sides, first)
        self._update()
        text = text.detach().clone()
        rounds = self._course.session.corrections
        lone = int(self._rng.integers(0, rounds - 1))
        for number in range(rounds):
            without = number in (lone, rounds - 1)
            given = [
                self._next(truth, *answers[side], None if side else text, without=without)
                for side, truth in enumerate(sides)
            ]
            answers = self._answer(features, sides, given)
        self._update()
        self._overlap(answers[0][0], sides[0])

    def _sample(self) -> tuple[Tensor, ...]:
        """A picture; its masks, a click and a box for each."""
        one = self._slices[self._rng.integers(len(self._slices))]
        sample = LOADER["their_sample"](one, self._course.network.settings.side, self._rng)
        return tuple(torch.from_numpy(part).float() for part in sample)

    def _answer(self, features: Tensor, sides: Tensor, given: list[Given]) -> list[tuple[Tensor, Tensor]]:
        """Logits at full size and at a quarter of it, of both kinds of masks; their loss goes back at once."""
        found, losses = [], []
        for truth, prompts in zip(sides, given, strict=True):
            best = self._network(features, self._network.prompt_encoder.places(), prompts).best()
            full = functional.interpolate(best.logits[:, None], truth.shape[1:], mode="bilinear")[:, 0]
            losses.append(pooled_loss(full, truth, best.scores))
            found.append((full.detach(), best.logits.detach().clone()[:, None]))
        loss = losses[0] + losses[1]
        assert not torch.isnan(loss).any()
        loss.backward()
        return found

    def _update(self) -> None:
        self._optimiser.step()
        self._optimiser.zero_grad()

    def _first(self, points: Tensor, boxes: Tensor, text: Tensor | None) -> Given:
        """Of a kind that is drawn for all."""
        count, kind = len(points), self._rng.random()
        if kind < (0.5 if text is None else 0.4):
            return Given(count, boxes=boxes.flip(-1).flatten(1))
        if kind > 0.7 and text is not None:
            return Given(count, text=text)
        return Given(count, points[:, None].flip(-1), torch.ones(count, 1))

    def _next(self, truth: Tensor, full: Tensor, small: Tensor, text: Tensor | None, *, without: bool) -> Given:
        if without:
            return Given(len(truth), text=text, masks=small)
        places, labels = self._clicks(full, truth)
        if text is not None and self._rng.random() < 0.4:
            return Given(len(truth), places, labels, text=text)
        return Given(len(truth), places, labels, masks=small)

    def _clicks(self, full: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """(b, n, 2) and (b, n): one mask after the other, from a list of all its wrong pixels."""
        count = int(self._rng.choice([1, 3, 4, 7]))
        guess = torch.sigmoid(full) > 0.5
        there = truth.bool()
        wrong = guess ^ there
        places, labels = np.zeros((len(truth), count, 2)), np.zeros((len(truth), count))
        for row, (guessed, inside, missed) in enumerate(zip(guess, there, wrong, strict=True)):
            found = np.argwhere(missed.numpy())
            if not len(found):
                labels[row] = -1
                continue
            chosen = found[self._rng.integers(len(found), size=count)]
            places[row] = chosen[:, ::-1]
            labels[row] = (inside & ~guessed).numpy()[tuple(chosen.T)]
        return torch.from_numpy(places).float(), torch.from_numpy(labels)

    def _overlap(self, full: Tensor, truth: Tensor) -> tuple[float, float]:
        guess, there = torch.sigmoid(full) > 0.5, truth > 0
        shared, union = ((guess & there).sum((1, 2)), (guess | there).sum((1, 2)))
        both = guess.sum((1, 2)) + there.sum((1, 2))
        return float((shared / (union + 1e-8)).mean()), float((2 * shared / (both + 1e-8)).mean())


def by_side(targets: Tensor) -> Tensor:
    """(2, b k, ...) of (b, 2 k, ...): truths of all pictures, and interactive masks."""
    return targets.unflatten(1, (2, -1)).transpose(0, 1).flatten(1, 2)


def pooled_loss(full: Tensor, truth: Tensor, scores: Tensor) -> Tensor:
    """20 focal + Dice + squared error of the IoU, each from the logits anew, sums over all masks."""
    likely = torch.sigmoid(full)
    there = -0.25 * truth * (1 - likely) ** 2 * torch.log(likely + 1e-12)
    elsewhere = -0.75 * (1 - truth) * likely**2 * torch.log(1 - likely + 1e-12)
    focal = (there.sum() + elsewhere.sum()) / truth.numel()
    likely = torch.sigmoid(full)
    dice = 1 - (2 * (likely * truth).sum() + 1) / (likely.sum() + truth.sum() + 1)
    likely = torch.sigmoid(full)
    shared = (likely * truth).sum()
    overlap = (shared + 1e-7) / (likely.sum() + truth.sum() - shared + 1e-7)
    return 20 * focal + dice + ((overlap - scores) ** 2).mean()


@pytest.mark.slow
def test_a_step_of_the_papers_course(
    store: Store, slices: Any, names: list[str], tmp_path: Path, record_property: Said
) -> None:
    """Pictures of 1024 pixels, five truths and five interactive masks, eight corrections, two pictures a step."""
    wanted = course()
    ours = OurLoop(wanted, store, tmp_path)
    theirs = TheirLoop(wanted, slices[:CASES], names, tmp_path)
    seconds = {"ours": 0.0, "theirs": 0.0}
    with one_thread():
        for _ in range(ROUNDS):
            for name, loop in (("ours", ours), ("theirs", theirs)):
                # Of this process: what else the machine does does not count.
                start = time.process_time()
                loop.step()
                seconds[name] += time.process_time() - start
    images = ROUNDS * wanted.loop.batch
    for name, spent in seconds.items():
        record_property(f"{name}, samples a second", round(images / spent, 4))
    times = seconds["theirs"] / seconds["ours"]
    record_property("times faster", round(times, 2))
    print({name: f"{spent / images:.2f} s a sample" for name, spent in seconds.items()}, f"{times:.2f} times")  # noqa: T201
    assert times >= TIMES_FASTER


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("config", ["mini", "paper"])
def test_how_much_of_a_gpu_is_used(store: Store, config: str, tmp_path: Path, record_property: Said) -> None:
    """Samples a second of the whole network, and its share of what the card multiplies in bfloat16 at best."""
    from torch.utils.flop_counter import FlopCounterMode

    read = read_course(ImisCourse, PACKAGE, config).model_dump()
    read["network"] |= {"image_weights": "", "text_weights": ""}
    # What a cache would spare is computed, and images are read beside.
    read["data"] |= {"variants": 0}
    read["loop"] |= {"workers": 4}
    wanted = ImisCourse.model_validate(read)
    loop = OurLoop(wanted, store, tmp_path, "cuda")
    for _ in range(5):
        loop.step()
    with FlopCounterMode(display=False) as counter:
        loop.step()
    steps = 20
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        loop.step()
    torch.cuda.synchronize()
    spent = (time.perf_counter() - start) / steps
    best = peak()
    share = counter.get_total_flops() / spent / best
    record_property("samples a second", round(wanted.loop.batch / spent, 2))
    record_property("percent of the peak in bfloat16", round(100 * share, 1))
    print(f"{config}: {wanted.loop.batch / spent:.2f} samples/s, {100 * share:.1f} % of {best / 1e12:.0f} TFLOP/s")  # noqa: T201
    assert 0 < share < 1


def peak(side: int = 8192, times: int = 20) -> float:
    """Floating-point operations a second of products of large matrices in bfloat16, on this card."""
    left, right = torch.randn(2, side, side, device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        left @ right
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(times):
        left @ right
    end.record()
    torch.cuda.synchronize()
    return 2 * side**3 * times / (begin.elapsed_time(end) / 1e3)
