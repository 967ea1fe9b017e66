"""IMIS-Net, the network that came with IMed-361M, as a model of the catalogue."""

from imedbench.models.base import Card, Weights

CARD = Card(
    name="imis-net",
    summary="IMIS-Net: SAM's ViT-B with CLIP's text encoder and a wider decoder, trained on IMed-361M",
    loader="baselines.imis_net.adapter:load",
    prompts=("click", "box", "text", "mask"),
    dimensions=(2,),
    licence="none stated",
    source="https://github.com/uni-medical/IMIS-Bench",
    weights=Weights(
        sha256="", size=0, page="IMISNet-B.pth from https://pan.baidu.com/s/1eCuHs3qhd1lyVGqUOdaeFw?pwd=r1pg"
    ),
)
