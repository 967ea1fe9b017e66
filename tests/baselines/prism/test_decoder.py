from typing import Any

import pytest
import torch
from torch.nn import functional

from baselines.prism.decoder import Decoder, Raise, composed


def test_two_convolutions_in_one() -> None:
    double, convolution = torch.randn(3, 4, 2, 2, 2), torch.randn(5, 4, 3, 3, 3)
    values = torch.randn(2, 3, 3, 4, 2)
    expected = functional.conv3d(functional.conv_transpose3d(values, double, stride=2), convolution, padding=1)
    found = functional.conv_transpose3d(values, composed(double, convolution), stride=2, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_what_is_made_once_changes_nothing(side: int) -> None:
    """As if both maps went through the convolution together, biases and borders included; gradients too."""
    scale = Raise(6, 4, 5, raised=3)
    values = torch.randn(2, 6, side, side, side, requires_grad=True)
    skip = torch.randn(2, 4, 2 * side, 2 * side, 2 * side, requires_grad=True)
    found = scale(values, scale.prepare(skip))
    expected = scale.convs(torch.cat([skip, scale.upsample["deconv"](values)], 1))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    weights = [values, skip, *scale.parameters()]
    ours, theirs = (torch.autograd.grad(each.square().sum(), weights) for each in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("candidates", [1, 3])
def test_candidates(fake: dict[str, Any], candidates: int) -> None:
    """Of four masks the first is for answers without a choice."""
    decoder = fake["fill"](Decoder(fake["small"](candidates=candidates)))
    skips = [torch.randn(2, width, side, side, side) for width, side in ((4, 32), (4, 16), (8, 8), (8, 4))]
    tokens, cells = torch.randn(2, 9, 48), torch.randn(2, 48, 2, 2, 2)
    with torch.inference_mode():
        found = decoder(tokens, cells, decoder.prepare(skips))
        scores = torch.sigmoid(decoder.iou_prediction_head(tokens[:, 0]))
    assert found.logits.shape == (2, candidates, 32, 32, 32)
    torch.testing.assert_close(found.scores, scores[:, 1:] if candidates > 1 else scores[:, :1])
