"""The learning rate at each step, as a factor of the highest: a function of the step alone."""

import math

from baselines.training.course import Schedule


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at ``step``, from 0, of ``steps``."""
    if step < schedule.warmup:
        return schedule.first + (1 - schedule.first) * step / schedule.warmup
    if schedule.shape == "constant":
        return 1.0
    if schedule.shape == "staircase":
        return float(schedule.drop ** sum(step >= drop for drop in schedule.drops))
    done = (step - schedule.warmup) / max(1, steps - schedule.warmup)
    left: float = {
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
        "linear": 1 - done,
        "polynomial": (1 - done) ** schedule.power,
    }[schedule.shape]
    return schedule.last + (1 - schedule.last) * left
