from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.imis_lite.encoder import Features
from baselines.imis_lite.image import Pyramid
from baselines.imis_lite.network import MASKS, ImageMaps, ImisLite, from_lite_medsam
from baselines.imis_lite.prompts import DRAWN, FIRST, GRID, INSIDE, LAST, NOTHING, OUTSIDE, Prompts

NONE = NOTHING


def tell(kinds: list[list[int]], masked: list[bool]) -> Prompts:
    """Of as many targets, at places and with masks of chance."""
    chance = torch.Generator().manual_seed(8)
    count = len(kinds)
    points = torch.rand(count, len(kinds[0]), 2, generator=chance) * 255
    masks = functional.interpolate(torch.randn(count, 1, 8, 8, generator=chance) * 9, DRAWN)[:, 0]
    given = torch.tensor(masked, dtype=torch.float32)
    return Prompts(points, torch.tensor(kinds), masks * given[:, None, None], given)


def rows(prompts: Prompts, index: int, points: int) -> Prompts:
    own = slice(index, index + 1)
    return Prompts(prompts.points[own, :points], prompts.kinds[own, :points], prompts.masks[own], prompts.masked[own])


KINDS = [
    ([INSIDE, NONE, NONE], False),
    ([FIRST, LAST, NONE], False),
    ([FIRST, LAST, INSIDE], True),
    ([INSIDE, OUTSIDE, NONE], True),
    ([NONE, NONE, NONE], True),
    ([OUTSIDE, INSIDE, INSIDE], False),
]
MIXED = tell([kinds for kinds, _ in KINDS], [masked for _, masked in KINDS])


class Given(nn.Module):
    """In the place of a neck: maps that are known."""

    def __init__(self, pyramid: Pyramid) -> None:
        super().__init__()
        self.pyramid = pyramid

    def forward(self, _: Features) -> Pyramid:
        return self.pyramid


def pyramid() -> Pyramid:
    chance = torch.Generator().manual_seed(9)
    shapes = ((1, 256, 32, 32), (1, 64, 64, 64), (1, 32, 128, 128), (1, 16, 256, 256))
    return Pyramid(*(torch.randn(shape, generator=chance) for shape in shapes))


@pytest.fixture
def own(lite: Any) -> ImisLite:
    """One to change."""
    return from_lite_medsam(lite).eval().requires_grad_(False)


def seen(network: ImisLite, maps: Pyramid, features: Features) -> ImageMaps:
    network.neck = Given(maps)
    with torch.inference_mode():
        return network.see(features)


def test_small_enough_to_ship(network: ImisLite) -> None:
    assert sum(weight.numel() for weight in network.parameters()) < 6.5e6
    assert sum(2 * value.numel() for value in network.state_dict().values()) < 25e6


def test_many_prompts_on_one_image(network: ImisLite, features: Features) -> None:
    with torch.inference_mode():
        maps = network.see(Features(*(each[:1] for each in features)))
        answers = network.decode(maps, MIXED)
    assert [tuple(each.shape) for each in maps] == [
        (1, 1024, 256), (1, 1024, 256), (1, 1024, 4, 64), (1, 1024, 4, 4, 32), (1, 16, 65536)
    ]  # fmt: skip
    assert answers.logits.shape == (6, MASKS, DRAWN, DRAWN)
    assert answers.scores.shape == (6, MASKS)
    assert torch.isfinite(answers.logits).all()
    assert answers.scores.min() >= 0
    assert answers.scores.max() <= 1
    flat = answers.logits.flatten(0, 1)
    assert all(not torch.allclose(flat[0], other, atol=1e-3) for other in flat[1:])


@pytest.mark.parametrize("gradients", [False, True])
def test_any_mixture_in_a_batch_is_each_alone(network: ImisLite, features: Features, gradients: bool) -> None:
    """Padding and neighbours do not matter, with the plain transformer or the swift one."""
    with torch.inference_mode():
        maps = network.see(Features(*(each[:1] for each in features)))
    maps = ImageMaps(*(each.clone() for each in maps))
    with torch.set_grad_enabled(gradients):
        together = network.decode(maps, MIXED)
        for index, (kinds, _) in enumerate(KINDS):
            alone = network.decode(maps, rows(MIXED, index, 3 - kinds.count(NONE)))
            torch.testing.assert_close(together.logits[index], alone.logits[0], atol=2e-3, rtol=1e-3)
            torch.testing.assert_close(together.scores[index], alone.scores[0], atol=1e-4, rtol=0)


def test_the_plain_transformer_and_the_swift_one_agree(network: ImisLite, features: Features) -> None:
    one = Features(*(each[:1] for each in features))
    plain = network(one, MIXED)
    with torch.inference_mode():
        swift = network(one, MIXED)
    assert plain.logits.requires_grad
    torch.testing.assert_close(plain.logits.detach(), swift.logits.clone(), atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(plain.scores.detach(), swift.scores.clone(), atol=1e-4, rtol=0)


def test_only_chosen_masks_are_finished(network: ImisLite, features: Features) -> None:
    one = Features(*(each[:1] for each in features))
    with torch.inference_mode():
        maps = network.see(one)
        answers, sketch = network.decode(maps, MIXED), network.sketch(maps, MIXED)
        chosen = torch.arange(6 * MASKS).view(6, MASKS) % 5 == 1
        finished = network.finish(maps, sketch, chosen)
        torch.testing.assert_close(finished, answers.logits[chosen], atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(sketch.scores, answers.scores)
        assert network.finish(maps, sketch, chosen & False).shape == (0, DRAWN, DRAWN)


def test_compiled_it_answers_the_same(own: ImisLite, features: Features) -> None:
    one = Features(*(each[:1] for each in features))
    plain = own(one, MIXED)
    calls = []

    def backend(graph: Any, inputs: Any) -> Any:
        calls.append(len(inputs))
        return graph.forward

    own.compile(backend=backend)
    torch.testing.assert_close(own(one, MIXED).logits, plain.logits, atol=2e-3, rtol=1e-3)
    assert len(calls) >= 2


def test_a_prompt_on_each_image(network: ImisLite, features: Features) -> None:
    pair = Prompts(*(each[2:4] for each in (MIXED.points, MIXED.kinds, MIXED.masks, MIXED.masked)))
    with torch.inference_mode():
        together, maps = network(features, pair), network.see(features)
        for index in range(2):
            alone = network.decode(maps.row(index), rows(pair, index, 3))
            torch.testing.assert_close(together.logits[index], alone.logits[0], atol=2e-3, rtol=1e-3)


def test_starts_as_lite_medsam(lite: Any, own: ImisLite, features: Features) -> None:
    """With the same tokens and nothing finer, a box is answered by all four of LiteMedSAM's masks, pixel by pixel."""
    maps = pyramid()
    maps = Pyramid(maps.tokens, *(torch.zeros_like(each) for each in maps[1:]))
    boxes = torch.tensor([[30.0, 40.0, 200.0, 120.0], [5.0, 90.0, 60.0, 250.0]])
    with torch.inference_mode():
        found = own.decode(seen(own, maps, features), Prompts.of(boxes=boxes))
        expected, _ = lite.mask_decoder.predict_masks(
            maps.tokens,
            lite.prompt_encoder.pe_layer((32, 32))[None],
            lite.prompt_encoder._embed_boxes(boxes),
            lite.prompt_encoder.no_mask_embed.weight[..., None, None].expand(2, -1, 32, 32),
        )
    assert expected.std() > 0.1
    torch.testing.assert_close(found.logits, smoothed(expected), atol=1e-3, rtol=1e-3)


def test_its_transformer_is_lite_medsams(lite: Any, own: ImisLite) -> None:
    chance = torch.Generator().manual_seed(2)
    tokens, image, grid = (torch.randn(2, length, 256, generator=chance) for length in (8, 36, 36))
    with torch.inference_mode():
        found = own.transformer(tokens, image, grid, torch.zeros(2, 1, 1, 8))
        expected = lite.mask_decoder.transformer(image.mT.unflatten(2, (6, 6)), grid.mT.unflatten(2, (6, 6)), tokens)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def quiet(network: ImisLite, *names: str) -> None:
    with torch.no_grad():
        for name in names:
            for weight in network.get_submodule(name).parameters():
                weight.zero_()


def channels(monkeypatch: pytest.MonkeyPatch, network: ImisLite, chosen: list[int]) -> None:
    """Each mask is one of the finest channels."""
    kernels = functional.one_hot(torch.tensor(chosen), 32).float()
    monkeypatch.setattr(network, "_kernels", lambda tokens: kernels.expand(len(tokens), -1, -1))


def test_pixels_of_the_finest_map_keep_their_order(
    own: ImisLite, features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = pyramid()
    quiet(own, "rise_fine", "edges")
    channels(monkeypatch, own, [3, 0, 31, 17])
    with torch.inference_mode():
        found = own.decode(seen(own, maps, features), MIXED).logits
    expected = smoothed(functional.gelu(maps.fine[:, [3, 0, 31, 17]]))
    torch.testing.assert_close(found, expected.expand(6, -1, -1, -1))


def test_the_finest_map_is_added(own: ImisLite, features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mask by weights of its own, pixel by pixel; for prompts on one image and on several."""
    maps = Pyramid(*(torch.cat([each, each + 1]) for each in pyramid()))
    edges = torch.randn(2, MASKS, 16, generator=torch.Generator().manual_seed(3))
    monkeypatch.setattr(own, "_draw", lambda *_: torch.zeros(2, MASKS, GRID, GRID))
    monkeypatch.setattr(own.edges, "forward", lambda _: edges)
    pair = Prompts(*(each[2:4] for each in (MIXED.points, MIXED.kinds, MIXED.masks, MIXED.masked)))
    seen_maps = seen(own, maps, features)
    with torch.inference_mode():
        several, one = own.decode(seen_maps, pair).logits, own.decode(seen_maps.row(0), pair).logits
    torch.testing.assert_close(several, torch.einsum("bmc,bcyx->bmyx", edges, maps.detail), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one, torch.einsum("bmc,cyx->bmyx", edges, maps.detail[0]), atol=1e-4, rtol=1e-4)


def smoothed(values: Tensor) -> Tensor:
    """On twice the grid, with what lies between."""
    return functional.interpolate(values, scale_factor=2.0, mode="bilinear")


def enlarged(values: Tensor) -> Tensor:
    """Each pixel two by two."""
    return functional.interpolate(values, scale_factor=2.0, mode="nearest")


@pytest.mark.parametrize("source", ["middle", "drawn"])
def test_pixels_of_the_middle_map_keep_their_order(
    own: ImisLite, features: Features, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    maps = pyramid()
    maps = Pyramid(maps.tokens, maps.middle if source == "middle" else 0 * maps.middle, 0 * maps.fine, 0 * maps.detail)
    quiet(own, "rise_middle", "rise_fine", "edges")
    if source == "drawn":
        nn.init.normal_(own.drawn[2].weight)
    with torch.no_grad():
        # The first 32 of 64 channels go as they are to each of the four finer pixels.
        own.rise_fine.weight.copy_(torch.eye(32, 64).repeat(4, 1))
    channels(monkeypatch, own, [1, 2, 30, 31])
    with torch.inference_mode():
        found = own.decode(seen(own, maps, features), MIXED).logits
        middle = own.norm((maps.middle + own.drawn(MIXED.drawn())).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        expected = smoothed(functional.gelu(enlarged(functional.gelu(middle)))[:, [1, 2, 30, 31]])
    assert expected[1].std() > 0.02
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_tokens_lie_in_rows(own: ImisLite, features: Features) -> None:
    """The place of a token is the place of a click in the middle of its eight by eight pixels."""
    maps = seen(own, pyramid(), features)
    x, y = 11, 20
    place = own._place((torch.tensor([8 * x + 3.5, 8 * y + 3.5]) + 0.5) / 256)
    torch.testing.assert_close(maps.grid[0, 32 * y + x], place, atol=1e-5, rtol=0)
    assert torch.equal(maps.tokens[0, 32 * y + x], pyramid().tokens[0, :, y, x])


def test_every_kind_of_prompt_counts(network: ImisLite, features: Features) -> None:
    with torch.inference_mode():
        maps = network.see(Features(*(each[:1] for each in features)))
        for kinds, masked in (([INSIDE, NONE], 0), ([FIRST, LAST], 0), ([INSIDE, NONE], 1)):
            one = tell([kinds], [bool(masked)])
            other_kinds = Prompts(one.points, torch.tensor([[OUTSIDE, NONE]]), one.masks, one.masked)
            moved = Prompts(255 - one.points, one.kinds, one.masks, one.masked)
            turned = Prompts(one.points, one.kinds, one.masks.mT, one.masked)
            answers = [network.decode(maps, each).logits for each in (one, other_kinds, moved, turned)]
            changed = [not torch.allclose(answers[0], each, atol=1e-3) for each in answers[1:]]
            assert changed == [True, True, bool(masked)]


def test_weights_go_through_half_precision(network: ImisLite, features: Features) -> None:
    again = ImisLite()
    again.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    one = Features(*(each[:1] for each in features))
    with torch.inference_mode():
        exact, rough = network(one, MIXED), again.eval()(one, MIXED)
    assert ((exact.logits > 0) != (rough.logits > 0)).float().mean() < 0.01
    torch.testing.assert_close(exact.scores, rough.scores, atol=0.01, rtol=0)
