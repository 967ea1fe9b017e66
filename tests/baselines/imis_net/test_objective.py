import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.imis_net import objective
from baselines.imis_net.objective import judge
from baselines.training.objectives import MaskLoss


@pytest.fixture
def masks() -> tuple[Tensor, Tensor, Tensor]:
    """Logits, truths of which one is empty and one everything, and scores."""
    generator = torch.Generator().manual_seed(2)
    truth = torch.zeros(4, 64, 64, dtype=torch.bool)
    truth[0, 10:40, 5:30] = truth[1, 20:28, 33:60] = truth[2] = True
    return 6 * torch.randn(4, 16, 16, generator=generator), truth, torch.rand(4, generator=generator)


def on_enlarged(loss: MaskLoss, logits: Tensor, truth: Tensor, scores: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    full = functional.interpolate(logits[:, None], truth.shape[1:], mode="bilinear")[:, 0]
    return loss(full, truth, scores), full > 0


@pytest.mark.parametrize("sums", ["mask", "pooled"])
@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize("together", [1, 2 * 64 * 64, 2**20])
def test_it_is_the_loss_of_enlarged_masks(
    masks: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch, sums: str, hard: bool, together: int
) -> None:
    """The same terms, guesses and gradients, however many masks are looked at together."""
    monkeypatch.setattr(objective, "_TOGETHER", together)
    loss = MaskLoss(sums, hard=hard)  # type: ignore[arg-type]
    found = []
    for way in (on_enlarged, judge):
        logits, scores = (masks[each].clone().requires_grad_() for each in (0, 2))
        terms, guess = way(loss, logits, masks[1], scores)
        # Not the sum that training takes, so that each term's own gradient counts.
        (terms["loss"] + 3 * terms["dice"] + 5 * terms["focal"]).backward()
        found.append(({name: value.detach() for name, value in terms.items()}, guess, logits.grad, scores.grad))
    torch.testing.assert_close(found[1], found[0], atol=1e-6, rtol=1e-5)


def test_confidence_on_the_wrong_side_stays_finite() -> None:
    logits = torch.full((1, 4, 4), 1e4, requires_grad=True)
    loss = judge(MaskLoss(), logits, torch.zeros(1, 16, 16, dtype=torch.bool), torch.zeros(1)).terms["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_half_precision_is_summed_in_single(masks: tuple[Tensor, Tensor, Tensor]) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = judge(MaskLoss(), masks[0].bfloat16(), *masks[1:]).terms
    exact = judge(MaskLoss(), masks[0].bfloat16().float(), *masks[1:]).terms
    assert {value.dtype for value in found.values()} == {torch.float32}
    torch.testing.assert_close(found, exact, atol=0, rtol=0)


def test_nothing_of_full_size_is_kept_for_the_gradient(masks: tuple[Tensor, Tensor, Tensor]) -> None:
    kept = []
    logits = masks[0].clone().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        judge(MaskLoss(), logits, *masks[1:])
    assert kept
    assert all(tensor.numel() < masks[1].numel() for tensor in kept)
