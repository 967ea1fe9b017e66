"""PRISM (Li et al. 2024): an image is encoded once; each turn's prompts give candidates, a choice, a correction."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from baselines.prism.decoder import Candidates, Decoder, Prepared
from baselines.prism.encoder import ImageEncoder
from baselines.prism.prompts import PromptEncoder, Prompts
from baselines.prism.settings import Settings


class Seen(NamedTuple):
    """What turns on an image share."""

    image: Tensor
    """(b, 1, S, S, S), normalised."""
    coarse: Tensor
    """(b, c, S / 16, S / 16, S / 16)"""
    prepared: Prepared
    """Of the decoder."""


class Answer(NamedTuple):
    """Of one turn for b targets."""

    logits: Tensor
    """(b, 1, S, S, S): the mask; what the next turn is told."""
    score: Tensor
    """(b,) predicted Dice of the candidate that was chosen, before it was corrected."""
    candidates: Candidates
    errors: Tensor | None
    """(b, 1, S, S, S) where the correction sees errors; None without one."""


class Prism(nn.Module):
    """The whole network, for cubes of one size."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Random weights; the published network where nothing else is said."""
        super().__init__()
        self.settings = settings or Settings()
        self.image_encoder = ImageEncoder(self.settings)
        self.prompt_encoder = PromptEncoder(self.settings)
        self.mask_decoder = Decoder(self.settings)

    def compile(self, *args: Any, **options: Any) -> None:
        """Has torch compile the image's encoder and a turn."""
        self.image_encoder.compile(*args, **options)
        super().compile(*args, **options)

    def see(self, image: Tensor) -> Seen:
        """What turns share, of normalised images (b, 1, S, S, S)."""
        encoded = self.image_encoder(image)
        return Seen(image, encoded.coarse, self.mask_decoder.prepare(encoded.skips))

    def forward(self, seen: Seen, prompts: Prompts, said: Tensor) -> Answer:
        """One turn.

        Args:
            seen: b images.
            prompts: of this turn alone.
            said: (b, 2, S, S, S): 1 on each voxel said to be inside, and outside, in this turn and those before.
        """
        tokens, cells = self.prompt_encoder(seen.coarse, prompts)
        candidates = self.mask_decoder(tokens, cells, seen.prepared)
        score, best = candidates.scores.max(1)
        chosen = candidates.logits[torch.arange(len(best), device=best.device), best][:, None]
        if self.mask_decoder.refine is None:
            return Answer(chosen, score, candidates, None)
        mended, errors = self.mask_decoder.refine(seen.image, chosen, said)
        return Answer(mended, score, candidates, errors)
