"""Words to the numbers that CLIP's text encoder takes, by the byte pairs of CLIP's own vocabulary."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from imedbench.errors import Unavailable

START, END = 49406, 49407
LONGEST = 77
"""Tokens of a text with its start and end: CLIP has no more positions."""


def tokenize(texts: Sequence[str]) -> Tensor:
    """(b, n) int64: each text in lower case between `START` and `END`, filled up with `END` to the longest.

    A text of more than 75 tokens loses its last ones.

    Raises:
        Unavailable: the package that carries the vocabulary is not installed.
    """
    encode = _tokenizer().encode
    rows = [[START, *encode(text)[: LONGEST - 2], END] for text in texts]
    longest = max(map(len, rows), default=0)
    return torch.tensor([row + [END] * (longest - len(row)) for row in rows], dtype=torch.int64)


@cache
def _tokenizer() -> Any:
    try:
        return import_module("open_clip.tokenizer").SimpleTokenizer()
    except ImportError as problem:
        message = "text prompts need CLIP's vocabulary, which is not installed; run: pip install open_clip_torch"
        raise Unavailable(message) from problem
