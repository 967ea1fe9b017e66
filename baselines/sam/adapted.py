"""SAM-Med2D's adapters: beside each block's MLP, a gate over channels and a bottleneck over space.

After figure 3 of Cheng et al. 2023 (arXiv 2308.16184). Names of layers are those of the released checkpoint.
"""

from typing import Any

from torch import Tensor, nn

_REDUCTION = 4
"""How many times fewer channels the gate's hidden layer has."""


class Adapter(nn.Module):
    """What is added to a block's positions (h, w, c), h and w even."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        hidden = channels // _REDUCTION
        self.channel = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False),
            nn.ReLU(),
        )

    def forward(self, values: Tensor) -> Tensor:
        """(h, w, c) to (h, w, c)."""
        gated = values * self.channel(values.mean((0, 1)))
        found = self.spatial(gated.permute(2, 0, 1)[None])[0].permute(1, 2, 0)
        answer: Tensor = self.norm(values + found)
        return answer


def adapt(encoder: Any) -> None:
    """Gives every block of an ``ImageEncoderViT`` an adapter, in place."""
    for block in encoder.blocks:
        block.Adapter = Adapter(block.norm2.normalized_shape[0])
