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


def _cropped(card: Card) -> Card:
    return replace(
        card,
        name=f"{card.name}-oracle-crop",
        summary=f"{card.summary}; looks at what is cut out around the truth, as in its paper: no user could do that",
        sees_truth=True,
    )


ORACLE_CROP = _cropped(CARD)
COLON_ORACLE_CROP = _cropped(COLON)
PANCREAS_ORACLE_CROP = _cropped(PANCREAS)
LITS_ORACLE_CROP = _cropped(LITS)
KITS_ORACLE_CROP = _cropped(KITS)
