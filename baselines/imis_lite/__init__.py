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
        sha256="3a49fa6d1dca74a09472036dd8c8c0549b843fff1d1e2f9d6efa86f1855fe86e",
        size=11_946_850,
        package="baselines/imis_lite/imis-lite.safetensors",
    ),
)
