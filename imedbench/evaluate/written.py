"""Prompts as JSON, in array order and voxel units, as they stand in `turns.parquet`.

| prompt | written as |
|---|---|
| click | ``{"click": [z, y, x], "inside": true}`` |
| box | ``{"box": [[z, y, x], [z, y, x]]}``, low and high, high exclusive |
| scribble | ``{"scribble": [[z, ...], [y, ...], [x, ...]], "inside": true}``, a list an axis |
| mask | ``{"mask": {"shape": [...], "starts": [...], "lengths": [...]}}``, runs of the voxels whose logit is above 0 |
| text | ``{"text": "..."}`` |
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from imedbench.masks import MaskInfo, Masks
from imedbench.types import Box, Click, Logits, MaskPrompt, Prompt, Scribble, Text

CERTAIN = 10.0
"""Size of the logits of a mask prompt that is read back: of the logits only the sign was written."""


def write_prompts(prompts: Sequence[Prompt]) -> str:
    """The prompts as one line of JSON."""
    return json.dumps([_written(prompt) for prompt in prompts], separators=(",", ":"), ensure_ascii=False)


def read_prompts(text: str) -> tuple[Prompt, ...]:
    """The prompts that `write_prompts` wrote.

    Raises:
        ValueError: the text is not that.
    """
    try:
        return tuple(_read(entry) for entry in json.loads(text))
    except (KeyError, TypeError, IndexError, ValueError) as problem:
        message = f"not a list of prompts ({problem!r})"
        raise ValueError(message) from problem


def _written(prompt: Prompt) -> dict[str, Any]:
    match prompt:
        case Click(at, inside):
            return {"click": [float(each) for each in at], "inside": inside}
        case Box(low, high):
            return {"box": [[float(each) for each in low], [float(each) for each in high]]}
        case Scribble(voxels, inside):
            return {"scribble": voxels.T.tolist(), "inside": inside}
        case MaskPrompt(logits):
            runs = Masks.from_dense([logits > 0], [MaskInfo("")])
            return {
                "mask": {
                    "shape": list(runs.shape),
                    "starts": runs.starts.tolist(),
                    "lengths": runs.lengths.tolist(),
                }
            }
        case Text(words):
            return {"text": words}


def _read(entry: dict[str, Any]) -> Prompt:
    if "click" in entry:
        return Click(tuple(entry["click"]), entry["inside"])
    if "box" in entry:
        low, high = entry["box"]
        return Box(tuple(low), tuple(high))
    if "scribble" in entry:
        return Scribble(np.array(entry["scribble"], np.int32).T, entry["inside"])
    if "mask" in entry:
        return MaskPrompt(_logits(**entry["mask"]))
    return Text(entry["text"])


def _logits(shape: list[int], starts: list[int], lengths: list[int]) -> Logits:
    indptr = np.array([0, len(starts)], np.int64)
    runs = Masks(tuple(shape), indptr, np.array(starts, np.int64), np.array(lengths, np.int64), (MaskInfo(""),))
    return np.where(runs.decode(0), np.float32(CERTAIN), np.float32(-CERTAIN))
