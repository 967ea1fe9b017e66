import itertools

import pytest
import torch
from torch import Tensor

from baselines.prism.settings import Settings
from baselines.prism.vision import Attention, Block, PatchEmbedding, _whole, _windows, blocks

WIDTH, HEADS = 8, 2


def settings(grid: int, window: int, **changes: str) -> Settings:
    return Settings(size=16 * grid, width=WIDTH, depth=4, heads=HEADS, window=window, embedding=48, **changes)


def by_hand(attention: Attention, tokens: Tensor, side: int) -> Tensor:
    """One window of (1, n, n, n, c), a query and a key at a time, as the facts state the sums."""
    grid = tokens.shape[1]
    filled = torch.zeros(side, side, side, WIDTH)
    filled[:grid, :grid, :grid] = tokens[0]
    width = WIDTH // HEADS
    queries, keys, values = (each.unflatten(-1, (HEADS, width)) for each in attention.qkv(filled).chunk(3, -1))
    tables = [getattr(attention, f"rel_pos_{axis}") for axis in "dhw"]
    last, places = attention.side - 1, list(itertools.product(range(side), repeat=3))
    found = torch.zeros(grid, grid, grid, HEADS, width)
    for (a, b, c), head in itertools.product(itertools.product(range(grid), repeat=3), range(HEADS)):
        asked = queries[:, :, :, head]
        matches = []
        for x, y, z in places:
            match = asked[a, b, c] @ keys[x, y, z, head] / width**0.5
            if attention.relative == "published":
                match = match + asked[a, b, c] @ tables[0][a - z + last] + asked[a, b, x] @ tables[1][b - z + last]
                match = match + asked[a, b, y] @ tables[2][y - z + last]
            else:
                own = asked[a, b, c]
                match = match + own @ tables[0][a - x + last] + own @ tables[1][b - y + last]
                match = match + own @ tables[2][c - z + last]
            matches.append(match)
        weights = torch.softmax(torch.stack(matches), 0)
        found[a, b, c, head] = sum(w * values[x, y, z, head] for w, (x, y, z) in zip(weights, places, strict=True))
    return attention.proj(found.flatten(-2))[None]


@pytest.mark.parametrize("relative", ["published", "textbook"])
@pytest.mark.parametrize(("window", "padding", "side"), [(2, "seen", 2), (3, "seen", 3), (3, "none", 2)])
def test_attention_by_hand(relative: str, window: int, padding: str, side: int) -> None:
    attention = Attention(settings(2, window, relative=relative, padding=padding), everywhere=False)
    for axis in "dhw":
        torch.nn.init.normal_(getattr(attention, f"rel_pos_{axis}"))
    tokens = torch.randn(1, 2, 2, 2, WIDTH)
    with torch.no_grad():
        torch.testing.assert_close(attention(tokens), by_hand(attention, tokens, side), atol=1e-5, rtol=1e-4)


def test_several_windows_do_not_see_each_other() -> None:
    attention = Attention(settings(5, 3), everywhere=False)
    tokens = torch.randn(2, 5, 5, 5, WIDTH)
    changed = tokens.clone()
    changed[:, 3:] += 1
    with torch.no_grad():
        before, after = attention(tokens), attention(changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize(("grid", "side"), [(4, 2), (5, 3), (3, 3), (2, 4)])
def test_windows_and_back(grid: int, side: int) -> None:
    tokens = torch.randn(2, grid, grid, grid, 3)
    windows = _windows(tokens, side)
    assert windows.shape[1:] == (side, side, side, 3)
    assert torch.equal(_whole(windows, 2, grid), tokens)


def test_the_last_of_each_quarter_attends_everywhere() -> None:
    made = blocks(Settings(size=64, width=WIDTH, depth=8, heads=HEADS, window=3, embedding=48))
    assert [block.attn.side for block in made if isinstance(block, Block)] == [3, 4, 3, 4, 3, 4, 3, 4]


def test_a_block_and_patches() -> None:
    tokens = PatchEmbedding(WIDTH)(torch.randn(2, 1, 32, 32, 32))
    assert tokens.shape == (2, 2, 2, 2, WIDTH)
    assert Block(settings(2, 2), everywhere=True)(tokens).shape == tokens.shape
