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
    judgement=Judgement(least_score=0.4, least_stability=0.0, adaptive=True),
    weights=Weights(
        sha256="506fe2aa3135100d11153efdc41a8c3c5fda775efef03a63ad4e624f105f85ec",
        size=11961210,
        package="baselines/imis_lite/imis-lite.safetensors",
    ),
)
