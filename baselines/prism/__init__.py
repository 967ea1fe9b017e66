"""PRISM (Li et al., MICCAI 2024): volumes segmented in turns, with a choice among candidates and a correction."""

from dataclasses import replace

from imedbench.models.base import Card, Weights

_SOURCE = "https://github.com/MedICL-VU/PRISM"

CARD = Card(
    name="prism",
    summary="PRISM: 3-D; clicks, a box, scribbles; weights of one's own (imedbench train prism)",
    loader="baselines.prism.adapter:load",
    prompts=("click", "box", "scribble", "mask"),
    dimensions=(3,),
    licence="Apache-2.0",
    source=_SOURCE,
)


def _published(name: str, tumour: str) -> Card:
    return replace(
        CARD,
        name=f"prism-{name}",
        summary=f"PRISM with the published weights for {tumour} in CT",
        weights=Weights(sha256="", size=0, page=f"best.pth.tar for {name} from {_SOURCE}"),
    )


COLON = _published("colon", "colon tumours")
PANCREAS = _published("pancreas", "pancreas tumours")
LITS = _published("lits", "liver tumours")
KITS = _published("kits", "kidney tumours")
ORACLE_CROP = replace(
    CARD,
    name="prism-oracle-crop",
    summary="PRISM as its paper tests it: what it looks at is cut out around the truth, which no user could do",
    sees_truth=True,
)
