import zlib

import numpy as np
import pytest
import torch

from baselines.training.objectives import MaskLoss, dice_loss, focal, hard_iou, soft_iou


@pytest.fixture(scope="module")
def published() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two masks whose loss by IMIS-Net's released code is known."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(b"loss_logits")))
    logits = 3 * torch.from_numpy(rng.standard_normal((2, 1, 64, 64)).astype(np.float32))
    truth = torch.zeros_like(logits)
    truth[0, 0, 10:40, 5:30] = 1
    truth[1, 0, 20:28, 33:60] = 1
    return logits, truth, torch.tensor([0.3, 0.7])


def test_the_released_loss(published: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    logits, truth, scores = published
    found = MaskLoss("pooled", hard=False)(logits, truth, scores)
    assert found["focal"].item() == pytest.approx(0.7688186, abs=1e-6)
    assert found["dice"].item() == pytest.approx(0.8141364, abs=1e-6)
    assert soft_iou(logits, truth, "pooled").item() == pytest.approx(0.1023545, abs=1e-6)
    assert found["score"].item() == pytest.approx(0.1981219, abs=1e-6)
    assert found["loss"].item() == pytest.approx(16.3886299, abs=1e-5)


def test_masks_of_their_own_count_alike(published: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    """The mean of what each gives alone; pooled, the large one decides."""
    logits, truth, scores = published
    both = MaskLoss()(logits, truth, scores)
    each = [MaskLoss()(logits[i : i + 1], truth[i : i + 1], scores[i : i + 1]) for i in range(2)]
    for name, value in both.items():
        assert value.item() == pytest.approx(np.mean([one[name].item() for one in each]), rel=1e-5)
    pooled = dice_loss(logits, truth, "pooled").item()
    apart = dice_loss(logits, truth, "mask")
    assert apart.min() < pooled < apart.max()
    assert abs(pooled - apart[0].item()) < abs(pooled - apart[1].item())


def test_a_perfect_answer_costs_nothing() -> None:
    truth = torch.zeros(1, 8, 8)
    truth[0, :4] = 1
    found = MaskLoss()((truth * 2 - 1) * 50, truth, torch.ones(1))
    assert found["loss"].item() == pytest.approx(0, abs=1e-5)


def test_confidence_on_the_wrong_side_stays_finite() -> None:
    logits = torch.full((1, 4, 4), 1e4, requires_grad=True)
    loss = MaskLoss()(logits, torch.zeros(1, 4, 4), torch.zeros(1))["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_focal_is_milder_on_what_is_nearly_right() -> None:
    truth = torch.ones(2, 1, 1)
    sure, unsure = focal(torch.tensor([[[3.0]], [[0.0]]]), truth)
    entropy = -torch.log(torch.sigmoid(torch.tensor([3.0, 0.0])))
    assert sure.item() == pytest.approx(0.25 * (1 - torch.sigmoid(torch.tensor(3.0)).item()) ** 2 * entropy[0].item())
    assert unsure.item() == pytest.approx(0.25 * 0.25 * entropy[1].item())


def test_hard_overlap() -> None:
    guess = torch.tensor([[[1.0, 1.0, -1.0, -1.0]], [[-1.0, -1.0, -1.0, -1.0]], [[1.0, -1.0, -1.0, -1.0]]])
    truth = torch.tensor([[[0, 1, 1, 0]], [[0, 0, 0, 0]], [[0, 0, 0, 0]]], dtype=torch.bool)
    assert hard_iou(guess, truth).tolist() == pytest.approx([1 / 3, 1, 0])
