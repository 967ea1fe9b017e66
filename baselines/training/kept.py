"""What a run leaves: weights in safetensors, what they came from, and a model card."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

WEIGHTS = "model.safetensors"
CARD = "card.md"


def save_weights(network: nn.Module, path: Path, facts: Mapping[str, str], kind: torch.dtype | None = None) -> None:
    """Writes all entries of a network's state, in ``kind`` where one is named and they are numbers with a fraction.

    Args:
        network: whose.
        path: of the safetensors file; it is replaced whole.
        facts: kept in the file's header.
        kind: half precision, say.
    """
    from safetensors.torch import save

    state = {}
    for name, value in network.state_dict().items():
        plain = value.detach().cpu().contiguous()
        state[name] = plain.to(kind) if kind is not None and plain.is_floating_point() else plain.clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(save(state, metadata=dict(facts)))
    unfinished.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    _write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes a file of one JSON object a line, whole or not at all."""
    _write(path, "".join(json.dumps(line) + "\n" for line in lines))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of such a file, without a last one that was cut short; none where there is no file."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return lines


def _write(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def write_card(path: Path, run: Mapping[str, Any], scores: list[dict[str, Any]]) -> None:
    """A model card: what was trained on what, how, and what `imedbench` measured on the way."""
    lines = [
        f"# {run['model']}",
        "",
        f"Trained with imedbench {run['versions']['imedbench']}: `{run['command']}`",
        "",
        f"- steps: {run['course']['loop']['steps']:,}; images a step: {run['images_a_step']}; seed: "
        f"{run['course']['loop']['seed']}",
        f"- trained weights: {run['trained']:,} of {run['weights']:,}",
        f"- began with: {run['start'] or 'what its course names'}; frozen weights, SHA-256: {run['frozen']}",
        *(f"- data: {data['name']}, index SHA-256 {data['digest']}" for data in run["data"]),
        f"- images to learn from: {run['images']:,}",
        "- settings: `course.toml`; losses: `curve.jsonl`; everything else: `run.json`",
        "",
        *_table(scores),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(scores: list[dict[str, Any]]) -> list[str]:
    if not scores:
        return ["It was not validated on the way."]
    last = scores[-1]
    rows = [f"| {store} | {arm} | {dice:.3f} |" for store, arms in last["dice"].items() for arm, dice in arms.items()]
    return [
        f"Mean Dice after the last turn, step {last['step']:,}, split {last['split']}, prompts {last['prompts']}:",
        "",
        "| data | prompts of the arm | Dice |",
        "|---|---|---|",
        *rows,
    ]
