"""IMIS-lite: LiteMedSAM's frozen image encoder under a light decoder for clicks, boxes and earlier masks."""

from imedbench.models.base import Card, Weights

CARD = Card(
    name="imis-lite",
    summary="LiteMedSAM's image encoder under a decoder of our own: clicks, boxes and masks, on a CPU too",
    loader="baselines.imis_lite.adapter:load",
    prompts=("click", "box", "mask"),
    dimensions=(2,),
    licence="Apache-2.0",
    source="trained by this project: baselines/imis_lite/MODEL.md",
    weights=Weights(
        sha256="",
        size=0,
        package="baselines/imis_lite/imis-lite.safetensors",
    ),
)
