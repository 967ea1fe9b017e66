"""What IMIS-Net begins its training with: public parts, a checkpoint of its own, or random weights."""

from pathlib import Path

from torch import nn

from baselines.imis_net.checkpoint import load_checkpoint
from baselines.imis_net.course import Network
from baselines.imis_net.network import ImisNet
from imedbench import catalog
from imedbench.errors import MissingWeights, printable
from imedbench.models.checkpoint import fill, read_checkpoint
from imedbench.models.weights import find_weights

_SAM = "image_encoder."
_BLOCKS = {".mlp.lin1.": ".mlp.fc1.", ".mlp.lin2.": ".mlp.fc2."}
"""How timm calls what segment_anything calls otherwise."""
_CLIP_TEXT = "text_model."
_CLIP_PAGE = "https://huggingface.co/openai/clip-vit-base-patch32"


def start(settings: Network, checkpoint: Path | None, name: str) -> ImisNet:
    """The network before the first step; the body of its image encoder and its text encoder do not learn.

    Raises:
        MissingWeights: weights that it begins with are not here, or do not fit.
    """
    network = ImisNet(settings.geometry, settings.settings)
    if checkpoint is not None:
        load_checkpoint(network, checkpoint, name)
    else:
        if settings.image_weights:
            _fill_body(network, settings.image_weights)
        if settings.text_weights:
            _fill_text(network, Path(settings.text_weights))
    frozen: list[nn.Module] = [network.image_encoder.sam_encoder, network.text_model]
    # No loss reaches what is never used: the meaning of a mask, and the mask for prompts that are clear.
    frozen += [network.mask_decoder.semantic_prediction_head, network.mask_decoder.output_hypernetworks_mlps[0]]
    if not settings.neck:
        frozen.append(network.image_encoder.neck)
    for part in frozen:
        part.requires_grad_(requires_grad=False)
    return network


def _fill_body(network: ImisNet, model: str) -> None:
    """Fills the body of the image encoder with that of a model of the catalogue."""
    path = find_weights(catalog.card(model), None)
    assert path is not None
    state = read_checkpoint(path, model)
    body = {}
    for name, value in state.items():
        if not name.startswith(_SAM):
            continue
        translated = name.removeprefix(_SAM)
        for theirs, ours in _BLOCKS.items():
            translated = translated.replace(theirs, ours)
        body[translated] = value
    fill(network.image_encoder.sam_encoder, body, path, f"the image encoder of {model}")


def _fill_text(network: ImisNet, path: Path) -> None:
    """Fills the text encoder with CLIP's, from a file of the whole CLIP or of its text part."""
    if not path.is_file():
        message = (
            f"{printable(path)}: the text encoder's weights are not here; fetch CLIP ViT-B/32 from {_CLIP_PAGE} "
            "(model.safetensors), name it in network.text_weights, or leave that empty for random weights."
        )
        raise MissingWeights(message)
    state = {}
    for name, value in read_checkpoint(path, "CLIP").items():
        if name.startswith(_CLIP_TEXT) and not name.endswith("position_ids"):
            state[name.removeprefix(_CLIP_TEXT)] = value.float()
    text: nn.Module = network.text_model
    inner = getattr(text, "text_model", text)
    fill(inner, state, path, "CLIP's text encoder")
