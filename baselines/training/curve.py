"""What a run tells on the way: ``curve.jsonl``, and the same for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baselines.training.kept import read_lines, write_lines

CURVE = "curve.jsonl"


class Curve:
    """Losses by step; a run that goes on from a checkpoint takes back what came after it."""

    def __init__(self, folder: Path, step: int) -> None:
        """Goes on after ``step`` steps."""
        from torch.utils.tensorboard import SummaryWriter

        self._path = folder / CURVE
        write_lines(self._path, [line for line in read_curve(folder) if line["step"] <= step])
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, float], passing: Mapping[str, float]) -> None:
        """Adds a line; ``passing`` values, such as speed, go to TensorBoard alone: they differ from run to run."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        self.board(step, {**values, **passing})

    def board(self, step: int, values: Mapping[str, float]) -> None:
        """Adds values to what TensorBoard shows alone."""
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()

    def close(self) -> None:
        """Ends what TensorBoard reads."""
        self._board.close()


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run; a last one that was cut short is left out."""
    return read_lines(folder / CURVE)
