"""SAM with seeded random weights that answer like trained ones, an image for it, and its package's own generator."""

import warnings
from functools import partial
from typing import Any

import numpy as np
import torch

from imedbench.build.proposals import ProposalSettings
from imedbench.masks import MaskInfo, Masks


def random_sam(side: int, width: int, depth: int, heads: int) -> Any:
    """A ``Sam`` of this geometry; the last layer attends everywhere, the others in windows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    torch.manual_seed(0)
    encoder = ImageEncoderViT(
        img_size=side,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        out_chans=256,
        window_size=14 if side == 1024 else 6,
        global_attn_indexes=(2, 5, 8, 11) if depth == 12 else (depth - 1,),
        use_rel_pos=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
    )
    prompts = PromptEncoder(256, (side // 16, side // 16), (side, side), 16)
    decoder = MaskDecoder(transformer_dim=256, transformer=TwoWayTransformer(2, 256, 8, 2048))
    sam = Sam(encoder, prompts, decoder).eval().requires_grad_(False)
    _spread(sam)
    return sam


def _spread(sam: Any) -> None:
    """Makes masks depend on their prompt and hang together, and scores and logits differ."""
    for name, parameter in sam.image_encoder.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    sam.image_encoder.neck[-1].weight *= 0.05
    for layer in sam.mask_decoder.transformer.layers:
        # Places attend to tokens like themselves where queries and keys are projected alike.
        attention = layer.cross_attn_image_to_token
        attention.q_proj.weight *= 8
        attention.k_proj.weight.copy_(attention.q_proj.weight)
        attention.out_proj.weight *= 6
    for convolution in (sam.mask_decoder.output_upscaling[0], sam.mask_decoder.output_upscaling[3]):
        # Neighbouring pixels of a smooth mask come from like weights.
        convolution.weight.copy_(convolution.weight.mean((2, 3), keepdim=True))
    for network in sam.mask_decoder.output_hypernetworks_mlps:
        network.layers[-1].weight *= 200
    sam.mask_decoder.iou_prediction_head.layers[-1].weight *= 20


def discs(height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8: discs of many colours on a dark ground, with noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    pixels = np.full((height, width, 3), 40.0)
    for _ in range(12):
        y, x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0.03, 0.2) * max(height, width)
        pixels[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = rng.uniform(60, 250, 3)
    return np.clip(pixels + rng.normal(0, 5, pixels.shape), 0, 255).astype(np.uint8)


def package_masks(sam: Any, pixels: np.ndarray, settings: ProposalSettings) -> Masks:
    """What ``segment_anything.SamAutomaticMaskGenerator`` finds with these settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from segment_anything import SamAutomaticMaskGenerator
    generator = SamAutomaticMaskGenerator(
        sam,
        points_per_side=settings.points_per_side,
        pred_iou_thresh=settings.least_score,
        stability_score_thresh=settings.least_stability,
        stability_score_offset=settings.stability_offset,
        box_nms_thresh=settings.nms_iou,
        output_mode="uncompressed_rle",
    )
    found = generator.generate(pixels)
    return Masks.from_dense([_decoded(each["segmentation"]) for each in found], [_described(each) for each in found])


def _decoded(runs: dict[str, Any]) -> np.ndarray:
    height, width = runs["size"]
    counts = np.array(runs["counts"])
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def _described(record: dict[str, Any]) -> MaskInfo:
    point = tuple(record["point_coords"][0][::-1])
    return MaskInfo("", "interactive", 0, record["predicted_iou"], record["stability_score"], point)
