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
    judgement=Judgement(least_score=0.15, least_stability=0.0, crop_layers=1, adaptive=True, covering_score=0.45),
    weights=Weights(
        sha256="8e9dadff1614dc4a9cf6525ac4a6bdd3f40eddb7a520765bc2b32b2ad31b14a3",
        size=11961522,
        package="baselines/imis_lite/imis-lite.safetensors",
    ),
)
