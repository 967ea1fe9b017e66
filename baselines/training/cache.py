"""What a frozen encoder makes of an image, kept on disk: it is computed once, however often the image is met."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


class FeatureCache:
    """Tensors by name below a folder, one file each; any number of processes may read and write.

    They are kept, and given back, in half precision; who computes them anew must round them too (`rounded`), so that a
    run does not depend on what was in the cache.
    """

    def __init__(self, folder: Path, key: str) -> None:
        """``key`` stands for everything that the features depend on besides the name: `digest_of_weights`, settings."""
        self._folder = folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def load(self, name: str) -> dict[str, Tensor] | None:
        """The tensors under this name; None where there are none, or a file that cannot be read."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(self._path(name))
        except (FileNotFoundError, SafetensorError):
            return None

    def save(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Keeps them; whoever reads meanwhile sees the old file or the new one, whole."""
        import os

        from safetensors.torch import save_file

        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        save_file({key: value.detach().half().cpu().contiguous() for key, value in tensors.items()}, unfinished)
        unfinished.replace(path)

    def _path(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest}.safetensors"


def rounded(values: Tensor) -> Tensor:
    """As they come back from the cache: to half precision and back."""
    return values.half().to(values.dtype)


def digest_of_weights(module: nn.Module) -> str:
    """SHA-256 of all entries of a module's state."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
