"""IMIS-lite: LiteMedSAM's frozen image encoder under a light decoder for clicks, boxes and earlier masks."""

from imedbench.models.base import Card, Judgement, Weights

CARD = Card(
    name="imis-lite",
    summary="LiteMedSAM's image encoder under a decoder of our own: clicks, boxes and masks, on a CPU too",
    loader="baselines.imis_lite.adapter:load",
    prompts=("click", "box", "mask"),
    dimensions=(2,),
    licence="Apache-2.0",
    source="trained by this project: baselines/imis_lite/MODEL.md",
    judgement=Judgement(least_score=0.2, least_stability=0.0, crop_layers=1, adaptive=True, covering_score=0.29),
    weights=Weights(
        sha256="f388e548163fe7a5ae9af0c2201f73a7b515d39474eb332898142a668237bb63",
        size=11961514,
        package="baselines/imis_lite/imis-lite.safetensors",
    ),
)
