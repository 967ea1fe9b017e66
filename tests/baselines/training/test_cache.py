from pathlib import Path

import torch
from torch import nn

from baselines.training.cache import FeatureCache, digest_of_weights, rounded


def test_what_goes_in_comes_out_rounded(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "encoder")
    values = torch.randn(3, 4)
    assert cache.load("a/b") is None
    cache.save("a/b", {"body": values})
    found = cache.load("a/b")
    assert found is not None
    assert torch.equal(found["body"].float(), rounded(values))


def test_another_key_is_another_cache(tmp_path: Path) -> None:
    FeatureCache(tmp_path, "one").save("a", {"body": torch.zeros(1)})
    assert FeatureCache(tmp_path, "two").load("a") is None


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "encoder")
    cache.save("a", {"body": torch.zeros(1)})
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"half")
    assert cache.load("a") is None


def test_the_digest_is_of_the_weights() -> None:
    layer = nn.Linear(2, 2)
    before = digest_of_weights(layer)
    assert digest_of_weights(layer) == before
    with torch.no_grad():
        layer.bias[0] += 1
    assert digest_of_weights(layer) != before
