from typing import Any

import torch

from baselines.prism.network import Prism
from baselines.prism.prompts import Prompts

IMAGE = torch.randn(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))
SAID = torch.zeros(2, 2, 32, 32, 32, dtype=torch.bool)


def prompts(count: int = 2) -> Prompts:
    points = torch.tensor([[[3, 8, 30]], [[20, 21, 22]]])[:count]
    return Prompts(points, torch.tensor([[1], [0]])[:count], None, torch.zeros(count, 1, 32, 32, 32))


def test_how_many_weights() -> None:
    """As the facts count them, without the three entries that nothing uses."""
    with torch.device("meta"):
        whole = Prism()
    assert sum(weight.numel() for weight in whole.parameters()) == 118_147_716 - 384 - (2 * 32 + 2)
    assert len(whole.state_dict()) == 466 - 3


def test_the_candidate_with_the_best_score_is_mended(network: Prism, fake: dict[str, Any]) -> None:
    with torch.inference_mode():
        answer = network(network.see(IMAGE), prompts(), SAID)
        best = answer.candidates.scores.argmax(1)
        chosen = torch.stack([answer.candidates.logits[row, index] for row, index in enumerate(best)])[:, None]
        mended, errors = network.mask_decoder.refine(IMAGE, chosen, SAID)
    torch.testing.assert_close(answer.score, answer.candidates.scores.amax(1))
    torch.testing.assert_close(answer.logits, mended)
    torch.testing.assert_close(answer.errors, errors)


def test_without_a_choice_and_a_correction(fake: dict[str, Any]) -> None:
    plain = fake["fill"](Prism(fake["small"](candidates=1, refine=False)))
    with torch.inference_mode():
        answer = plain(plain.see(IMAGE), prompts(), SAID)
    assert answer.errors is None
    torch.testing.assert_close(answer.logits, answer.candidates.logits)


def test_targets_do_not_mix(network: Prism) -> None:
    with torch.inference_mode():
        both = network(network.see(IMAGE), prompts(), SAID).logits
        one = network(network.see(IMAGE[:1]), prompts(1), SAID[:1]).logits
    torch.testing.assert_close(both[:1], one, atol=1e-4, rtol=1e-3)
