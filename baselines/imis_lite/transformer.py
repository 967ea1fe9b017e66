"""SAM's two-way transformer, its weights under the names of segment_anything, with prompts that may be padded."""

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS = 8
HIDDEN = 2048


class Norm(nn.LayerNorm):
    """A layer norm whose answer keeps the precision of what it is given, also under autocast."""

    def forward(self, input: Tensor) -> Tensor:
        """Of the same shape."""
        weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
        return functional.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


class Attention(nn.Module):
    """From one sequence (b, n, c) to another (b, m, c)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, penalty: Tensor | None = None) -> Tensor:
        """What each query finds, (b, n, c); ``penalty`` (b, 1, 1, m) is added to what the keys match.

        Written out, as torch's fused attention is slow on CPUs where one side has a handful of tokens.
        """
        asked, offered = _by_head(self.q_proj(queries)), _by_head(self.k_proj(keys))
        match = (asked * asked.shape[-1] ** -0.5) @ offered.mT
        if penalty is not None:
            match = match + penalty.to(match.dtype)
        told = _by_head(self.v_proj(values))
        found: Tensor = self.out_proj((torch.softmax(match, -1).to(told.dtype) @ told).transpose(1, 2).flatten(2))
        return found


class Mlp(nn.Module):
    """Two layers at each position."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        """Of the same shape."""
        found: Tensor = self.lin2(functional.relu(self.lin1(values)))
        return found


class Layer(nn.Module):
    """Tokens attend to each other and to the image, and the image to them."""

    def __init__(self, width: int, *, first: bool) -> None:
        """The first layer's tokens are their places, and forgotten."""
        super().__init__()
        self.first = first
        self.self_attn = Attention(width, width)
        self.norm1 = Norm(width)
        self.cross_attn_token_to_image = Attention(width, width // 2)
        self.norm2 = Norm(width)
        self.mlp = Mlp(width, HIDDEN)
        self.norm3 = Norm(width)
        self.norm4 = Norm(width)
        self.cross_attn_image_to_token = Attention(width, width // 2)

    def forward(
        self, tokens: Tensor, image: Tensor, places: tuple[Tensor, Tensor], penalty: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens (b, t, c) and image (b, n, c) after it.

        Args:
            tokens: (b, t, c).
            image: (b, n, c).
            places: (b, t, c) of the tokens and (1, n, c) of the image.
            penalty: (b, 1, 1, t) of tokens that are padding.
        """
        own, grid = places
        if self.first:
            tokens = self.norm1(self.self_attn(own, own, own, penalty))
        else:
            placed = tokens + own
            tokens = self.norm1(tokens + self.self_attn(placed, placed, tokens, penalty))
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + own, image + grid, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        return tokens, self.norm4(image + self.cross_attn_image_to_token(image + grid, tokens + own, tokens, penalty))


class Transformer(nn.Module):
    """Two layers and a last look at the image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList((Layer(width, first=True), Layer(width, first=False)))
        self.final_attn_token_to_image = Attention(width, width // 2)
        self.norm_final_attn = Norm(width)

    def forward(self, tokens: Tensor, image: Tensor, grid: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (b, t, c) and image (b, n, c); see `Layer.forward`."""
        places, found = (tokens, grid), tokens
        for layer in self.layers:
            found, image = layer(found, image, places, penalty)
        found = found + self.final_attn_token_to_image(found + tokens, image + grid, image)
        return self.norm_final_attn(found), image


def _by_head(values: Tensor) -> Tensor:
    """(b, n, c) to (b, heads, n, c / heads)."""
    return values.view(*values.shape[:2], HEADS, -1).transpose(1, 2)
