from typing import Any

import torch

from baselines.imis_net.network import Geometry, ImisNet
from baselines.imis_net.prompts import Given
from baselines.imis_net.settings import read_settings
from baselines.imis_net.tokens import END, START


def test_size_is_the_published_one(fake_imis_net: dict[str, Any]) -> None:
    with torch.device("meta"):
        network = ImisNet(Geometry(), read_settings("released"))
    count = sum(each.numel() for each in network.parameters())
    assert count == 182_516_560
    # Table 2 of the paper: all but the image encoder's body and the text encoder.
    fixed = (network.image_encoder.sam_encoder, network.text_model)
    assert count - sum(each.numel() for part in fixed for each in part.parameters()) == 29_679_696


def test_what_follows_the_end_of_a_text_does_not_matter(network: ImisNet) -> None:
    short = torch.tensor([[START, 320, 777, END]])
    long = torch.tensor([[START, 320, 777, END, END, 5, END]])
    with torch.inference_mode():
        torch.testing.assert_close(network.describe(short), network.describe(long), atol=1e-5, rtol=1e-5)
        other = network.describe(torch.tensor([[START, 320, 778, END]]))
    assert float((network.describe(short) - other).abs().max()) > 1e-3


def test_targets_of_different_images(network: ImisNet) -> None:
    generator = torch.Generator().manual_seed(5)
    embeddings = torch.randn(2, 32, 8, 8, generator=generator)
    points, labels = torch.tensor([[[9.0, 90.0]], [[40.0, 1.0]]]), torch.ones(2, 1)
    masks = torch.randn(2, 1, 32, 32, generator=generator)
    places = network.prompt_encoder.places()
    with torch.inference_mode():
        together = network(embeddings, places, Given(2, points, labels, masks=masks))
        for index in range(2):
            part = slice(index, index + 1)
            alone = network(embeddings[part], places, Given(1, points[part], labels[part], masks=masks[part]))
            torch.testing.assert_close(together.logits[part], alone.logits, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(together.meanings[part], alone.meanings, atol=1e-4, rtol=1e-4)
