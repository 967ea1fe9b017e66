"""SAM 2.1's networks as transformers builds them, filled whole from either layout of checkpoint."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baselines.sam2.layout import is_original, translate
from imedbench.errors import UnknownName
from imedbench.models.checkpoint import fill, read_checkpoint


@dataclass(frozen=True, slots=True)
class Geometry:
    """What one size has unlike the others: facts of sam2/configs/sam2.1 and, for MedSAM2, of sam2.1_hiera_t512."""

    width: int = 96
    heads: int = 1
    blocks: tuple[int, int, int, int] = (1, 2, 7, 2)
    attends_everywhere: tuple[int, ...] = (5, 7, 9)
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    background: int = 7
    """Side of the positional embedding that windows share."""
    side: int = field(default=1024, kw_only=True)
    """Of the square that an image is stretched over."""


GEOMETRIES = {
    "sam2-tiny": Geometry(),
    "sam2-small": Geometry(blocks=(1, 2, 11, 2), attends_everywhere=(7, 10, 13)),
    "sam2-base-plus": Geometry(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    "sam2-large": Geometry(144, 2, (2, 6, 36, 4), (23, 33, 43), (8, 4, 16, 8)),
    "medsam2": Geometry(side=512),
}


def empty(geometry: Geometry) -> Any:
    """A ``Sam2VideoModel`` of this geometry with random weights; it holds the network for images too."""
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

    side = geometry.side
    widths = [geometry.width * 2**stage for stage in range(4)]
    backbone = Sam2HieraDetConfig(
        hidden_size=geometry.width,
        num_attention_heads=geometry.heads,
        image_size=[side, side],
        blocks_per_stage=list(geometry.blocks),
        embed_dim_per_stage=widths,
        num_attention_heads_per_stage=[geometry.heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(geometry.windows),
        global_attention_blocks=list(geometry.attends_everywhere),
        window_positional_embedding_background_size=[geometry.background] * 2,
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=widths[::-1],
        backbone_feature_sizes=[[side // stride] * 2 for stride in (4, 8, 16)],
    )
    config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"image_size": side},
        image_size=side,
        memory_attention_rope_feat_sizes=[side // 16] * 2,
    )
    return Sam2VideoModel(config)


def build(name: str, checkpoint: Path, device: str) -> Any:
    """The network of this name with these weights, ready for inference.

    Args:
        name: as in the catalogue.
        checkpoint: Meta's own ``.pt``, or transformers' ``.safetensors``.
        device: as torch names it.

    Raises:
        UnknownName: there is no such network.
        MissingWeights: the checkpoint does not fit it.
    """
    if name not in GEOMETRIES:
        kind = "network of the SAM 2 family"
        raise UnknownName(kind, name, GEOMETRIES)
    state = read_checkpoint(checkpoint, name)
    network = empty(GEOMETRIES[name])
    fill(network, translate(state) if is_original(state) else state, checkpoint, name)
    return network.eval().requires_grad_(False).to(device)  # noqa: FBT003 - torch's own signature
