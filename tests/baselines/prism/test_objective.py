import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.prism.course import Objective
from baselines.prism.decoder import Candidates
from baselines.prism.network import Answer
from baselines.prism.objective import Losses, boundary, dice_loss, soft_dice

DRAWN: Any = runpy.run_path(str(Path(__file__).resolve().parents[2] / "fakes" / "prism.py"))["drawn"]
LOGITS: Tensor = DRAWN("mask_logits", (2, 1, 16, 16, 16))
SCORES = torch.tensor([[0.3], [0.7]])


def truth() -> Tensor:
    inside = torch.zeros(2, 1, 16, 16, 16)
    inside[0, 0, 4:10, 5:12, 3:9] = 1
    inside[1, 0, 2:6, 2:6, 8:15] = 1
    return inside


def test_the_published_numbers() -> None:
    """Of the authors' code on the same numbers."""
    likely = torch.sigmoid(LOGITS)
    assert float(dice_loss(likely, truth()).mean()) == pytest.approx(0.8692395, abs=1e-6)
    edges = functional.mse_loss(boundary(likely), boundary(truth()))
    assert float(edges) == pytest.approx(0.0560463, abs=1e-6)
    assert (1 - soft_dice(likely, truth())).tolist() == pytest.approx([0.8876756, 0.9487522], abs=1e-6)
    published = Losses(Objective(structure="dice", refined="published"), truth())
    losses = published(Answer(LOGITS, SCORES[:, 0], Candidates(LOGITS, SCORES), None))
    assert float(losses["score"]) == pytest.approx(0.4561015, abs=1e-6)
    assert float(losses["loss"]) == pytest.approx(1.8858030, abs=2e-6)


def test_the_papers_losses() -> None:
    """Cross-entropy beside Dice, the boundary of the corrected mask, and all candidates added up."""
    likely = torch.sigmoid(LOGITS)
    structure = 0.8692395 + 0.8061850
    edge = 10 * float(functional.mse_loss(boundary(likely), boundary(truth())))
    answer = Answer(LOGITS, SCORES[:, 0], Candidates(LOGITS.expand(-1, 3, -1, -1, -1), SCORES.expand(-1, 3)), LOGITS)
    losses = Losses(Objective(), truth())(answer)
    assert float(losses["candidates"]) == pytest.approx(3 * (structure + edge), rel=1e-5)
    assert float(losses["refined"]) == pytest.approx(structure + edge, rel=1e-5)
    assert float(losses["loss"]) == pytest.approx(4 * (structure + edge) + 3 * 0.4561015, rel=1e-5)
    less = Losses(Objective(refined="published"), truth())(answer)
    assert float(less["refined"]) == pytest.approx(structure, rel=1e-5)


def test_scores_do_not_move_masks() -> None:
    logits, scores = LOGITS.clone().requires_grad_(), SCORES.clone().requires_grad_()
    losses = Losses(Objective(), truth())(Answer(logits, scores[:, 0], Candidates(logits, scores), None))
    (gradient,) = torch.autograd.grad(losses["score"], [logits], allow_unused=True)
    assert gradient is None
    losses["score"].backward()
    assert scores.grad is not None
    assert scores.grad.any()


def test_a_perfect_answer_costs_nothing() -> None:
    sure = 60 * truth() - 30
    losses = Losses(Objective(), truth())(Answer(sure, torch.ones(2), Candidates(sure, torch.ones(2, 1)), sure))
    assert float(losses["loss"]) == pytest.approx(0, abs=1e-4)
