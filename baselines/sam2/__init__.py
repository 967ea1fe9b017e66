"""SAM 2.1 and its medical relative as models of the catalogue."""

from imedbench.models.base import Card, Weights

_META = "https://dl.fbaipublicfiles.com/segment_anything_2/092824"
_LOADER = "baselines.sam2.adapter:load"


def _sam2(size: str, digest: str, length: int) -> Card:
    file = size.replace("-", "_")
    return Card(
        name=f"sam2-{size}",
        summary=f"Segment Anything 2.1 with the {size} Hiera image encoder; natural images and videos",
        loader=_LOADER,
        prompts=("click", "box", "mask"),
        dimensions=(2,),
        licence="Apache-2.0",
        source="https://github.com/facebookresearch/sam2",
        weights=Weights(sha256=digest, size=length, url=f"{_META}/sam2.1_hiera_{file}.pt"),
    )


SAM2_TINY = _sam2("tiny", "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69", 156_008_466)
SAM2_SMALL = _sam2("small", "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38", 184_416_285)
SAM2_BASE_PLUS = _sam2("base-plus", "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5", 323_606_802)
SAM2_LARGE = _sam2("large", "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318", 898_083_611)
MEDSAM2 = Card(
    name="medsam2",
    summary="MedSAM2: SAM 2.1 tiny at 512 pixels, trained on medical volumes and videos, without its memory; boxes",
    loader=_LOADER,
    prompts=("box",),
    dimensions=(2,),
    licence="Apache-2.0",
    source="https://github.com/bowang-lab/MedSAM2",
    weights=Weights(sha256="", size=0, url="https://huggingface.co/wanglab/MedSAM2/resolve/main/MedSAM2_latest.pt"),
)
