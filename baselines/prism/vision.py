"""PRISM's vision transformer on the tokens of a volume, with windows and relative positions.

A block that attends within windows larger than the grid has one window, filled up with zeros. The published code lets
tokens attend to that filling (`Settings.padding`), and it looks relative positions up at exchanged coordinates
(`Settings.relative`): with tables D, H, W, a query at (a, b, c) and a key at (x, y, z) in a window of n tokens a side,

- published: q(a, b, c) D[a - z] + q(a, b, x) H[b - z] + q(a, b, y) W[y - z], where q(a, b, x) is that of another token;
- textbook: q(a, b, c) D[a - x] + q(a, b, c) H[b - y] + q(a, b, c) W[c - z], as in ViTDet.

Rows of the tables are counted from the least difference, 1 - n.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.prism.settings import PATCH, STAGES, Settings


class PatchEmbedding(nn.Module):
    """Cubes of voxels to tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(1, width, PATCH, stride=PATCH)

    def forward(self, image: Tensor) -> Tensor:
        """(b, 1, h, w, d) to (b, h / 16, w / 16, d / 16, c)."""
        tokens: Tensor = self.proj(image)
        return tokens.movedim(1, -1)


class Attention(nn.Module):
    """Of a grid of tokens to themselves, all of them or in windows."""

    def __init__(self, settings: Settings, *, everywhere: bool) -> None:
        super().__init__()
        self.heads = settings.heads
        self.relative, self.filled = settings.relative, settings.padding == "seen"
        self.side = settings.grid if everywhere else settings.window
        self.qkv = nn.Linear(settings.width, 3 * settings.width)
        self.proj = nn.Linear(settings.width, settings.width)
        shape = (2 * self.side - 1, settings.width // settings.heads)
        for axis in "dhw":
            self.register_parameter(f"rel_pos_{axis}", nn.Parameter(torch.zeros(shape)))

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, n, n, c) to the same shape."""
        count, grid = len(tokens), tokens.shape[1]
        windows = _windows(tokens, self.side)
        inside = self.side if self.filled or grid > self.side else grid
        windows = windows[:, :inside, :inside, :inside]
        made = self.qkv(windows).view(*windows.shape[:4], 3, self.heads, -1)
        queries, keys, values = made.permute(4, 0, 5, 1, 2, 3, 6)
        # Of what only fills a single window up nobody asks what it finds.
        asked = min(inside, grid)
        bias = self._bias(queries, asked).flatten(2, 4).flatten(3)
        asking = queries[:, :, :asked, :asked, :asked].flatten(2, 4)
        found = functional.scaled_dot_product_attention(asking, keys.flatten(2, 4), values.flatten(2, 4), bias)
        found = found.transpose(1, 2).reshape(len(found), asked, asked, asked, -1)
        mended: Tensor = self.proj(_whole(found, count, grid))
        return mended

    def _bias(self, queries: Tensor, asked: int) -> Tensor:
        """(b, heads, a, b, c, x, y, z) from queries (b, heads, n, n, n, d): what positions add to each match."""
        inside = queries.shape[2]
        places = torch.arange(inside, device=queries.device)
        apart = places[:asked, None] - places + self.side - 1
        tables = [getattr(self, f"rel_pos_{axis}").to(queries.dtype) for axis in "dhw"]
        if self.relative == "textbook":
            own = queries[:, :, :asked, :asked, :asked]
            first = torch.einsum("ghabcd,axd->ghabcx", own, tables[0][apart])
            second = torch.einsum("ghabcd,byd->ghabcy", own, tables[1][apart])
            third = torch.einsum("ghabcd,czd->ghabcz", own, tables[2][apart])
            return first[..., None, None] + second[..., None, :, None] + third[..., None, None, :]
        rows = queries[:, :, :asked, :asked]
        between = places[:, None] - places + self.side - 1
        first = torch.einsum("ghabcd,azd->ghabcz", rows[..., :asked, :], tables[0][apart])
        second = torch.einsum("ghabxd,bzd->ghabxz", rows, tables[1][apart])
        third = torch.einsum("ghabyd,yzd->ghabyz", rows, tables[2][between])
        shared = second[..., None, :] + third[..., None, :, :]
        return first[..., None, None, :] + shared[:, :, :, :, None]


class Block(nn.Module):
    """Attention, then an MLP, both on normed tokens."""

    def __init__(self, settings: Settings, *, everywhere: bool) -> None:
        super().__init__()
        width = settings.width
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(settings, everywhere=everywhere)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.ModuleDict({"lin1": nn.Linear(width, 4 * width), "lin2": nn.Linear(4 * width, width)})

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, n, n, n, c) to the same shape."""
        tokens = tokens + self.attn(self.norm1(tokens))
        added: Tensor = self.mlp["lin2"](functional.gelu(self.mlp["lin1"](self.norm2(tokens))))
        return tokens + added


def blocks(settings: Settings) -> nn.ModuleList:
    """All of a transformer; the last of each quarter attends everywhere."""
    stage = settings.depth // STAGES
    return nn.ModuleList(Block(settings, everywhere=number % stage == stage - 1) for number in range(settings.depth))


def _windows(tokens: Tensor, side: int) -> Tensor:
    """(b, n, n, n, c) to (b windows, side, side, side, c), filled up with zeros at the far end of each axis."""
    grid = tokens.shape[1]
    along = -(-grid // side)
    gap = along * side - grid
    padded = functional.pad(tokens, (0, 0, *(3 * (0, gap))))
    parts = padded.reshape(-1, along, side, along, side, along, side, tokens.shape[-1])
    return parts.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(0, 3)


def _whole(windows: Tensor, count: int, grid: int) -> Tensor:
    """(b windows, m, m, m, c) back to (b, n, n, n, c)."""
    side = windows.shape[1]
    along = round((len(windows) / count) ** (1 / 3))
    parts = windows.reshape(count, along, along, along, *windows.shape[1:]).permute(0, 1, 4, 2, 5, 3, 6, 7)
    return parts.reshape(count, along * side, along * side, along * side, -1)[:, :grid, :grid, :grid]
