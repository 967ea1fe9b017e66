"""Names of SAM 2's layers: from Meta's checkpoints to transformers' ``Sam2VideoModel``.

The correspondence is the one that transformers' own converter states (convert_sam2_video_to_hf.py).
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_PLACES = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_CORNERS = "sam_prompt_encoder.point_embeddings"
_PERCEPTRON = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}
"""Of three layers; those of two have no middle one."""

_RULES = (
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"^obj_ptr_proj\.", "object_pointer_proj."),
    (r"^obj_ptr_tpos_proj\.", "temporal_positional_encoding_projection_layer."),
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
    (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"\bnorm(\d?)\.", r"layer_norm\1."),
    (r"\bnorm_final_attn\.", "layer_norm_final_attn."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"^memory_encoder\.pix_feat_proj\.", "memory_encoder.feature_projection."),
    (r"^memory_encoder\.fuser\.", "memory_encoder.memory_fuser."),
    (r"\.dwconv\.", ".depthwise_conv."),
    (r"\.pwconv(\d)\.", r".pointwise_conv\1."),
    (r"\.gamma$", ".scale"),
    (r"\.out_proj\.", ".o_proj."),
)


def is_original(state: Mapping[str, Tensor]) -> bool:
    """Whether these are names of Meta's checkpoints."""
    return any(key.startswith("image_encoder.trunk.") for key in state)


def translate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under transformers' names; a name that has no rule keeps its own."""
    translated = {}
    for key, value in state.items():
        if key == _PLACES:
            translated["prompt_encoder.shared_embedding.positional_embedding"] = value
            translated["shared_image_embedding.positional_embedding"] = value
        elif not key.startswith(_CORNERS):
            translated[_renamed(key)] = value
    corners = [state[key] for index in range(4) if (key := f"{_CORNERS}.{index}.weight") in state]
    if len(corners) == 4:
        translated["prompt_encoder.point_embed.weight"] = torch.cat(corners)
    return translated


def _renamed(key: str) -> str:
    for pattern, name in _RULES:
        key = re.sub(pattern, name, key)
    key = re.sub(r"\.mask_downsampler\.encoder\.(\d+)\.", _downsampler, key)
    # An MLP of two layers, as in transformer blocks, is called mlp; the others have three.
    if (match := re.search(r"\.mlp\.layers\.([01])\.", key)) is not None:
        return key.replace(match[0], f".mlp.{('proj_in', 'proj_out')[int(match[1])]}.")
    heads = r"(output_hypernetworks_mlps\.\d+|iou_prediction_head|pred_obj_score_head|object_pointer_proj)"
    return re.sub(heads + r"\.layers\.([012])\.", lambda match: f"{match[1]}.{_PERCEPTRON[match[2]]}.", key)


def _downsampler(match: re.Match[str]) -> str:
    """A convolution, a norm and an activation four times, and a last convolution."""
    layer, part = divmod(int(match[1]), 3)
    if layer == 4:
        return ".mask_downsampler.final_conv."
    return f".mask_downsampler.layers.{layer}.{('conv', 'layer_norm')[part]}."
