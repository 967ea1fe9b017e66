"""Results folders as a run leaves them, made in a moment: a store of ellipses and a model that nearly finds them."""

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imedbench.evaluate.data import digest_of
from imedbench.evaluate.protocol import Protocol
from imedbench.evaluate.results import KEY, write_run
from imedbench.evaluate.tables import FORMAT, WHOLE_SESSION, schema
from imedbench.evaluate.written import write_prompts
from imedbench.masks import MaskInfo, Masks
from imedbench.models.base import Card
from imedbench.store import PartWriter, Record, Store, StoreInfo, create_store, finish_store
from imedbench.types import Box, Case, Click, Image

CLICK = {"simulate": "click"}
CORRECT = {"simulate": "click", "region": "largest-error"}
BOX = {"simulate": "box"}
METRICS = [{"metric": "dice"}, {"metric": "iou"}, {"metric": "nsd", "tolerance_mm": 2.0}, {"metric": "hd95"}]
CARD = Card("alpha", "A model of ellipses", "none:none", ("click", "box"), (2, 3), "Apache-2.0", "https://example.org")
TARGETS = (
    ("liver", "abdomen", 0.30),
    ("spleen", "abdomen", 0.16),
    ("kidney", "abdomen", 0.11),
    ("tumor", "lesion", 0.05),
)
"""Name, group and radius as a share of the picture."""
FAILURE = "CUDA ran out of memory on a batch of one target."


def turns_protocol(turns: int = 5) -> Protocol:
    """Two arms with corrections, and every curve."""
    arms = [
        {"name": "click", "first": [CLICK], "later": [CORRECT], "turns": turns},
        {"name": "box, then clicks", "first": [BOX], "later": [CORRECT], "turns": turns},
    ]
    curves = [{"curve": "auc", "of": "dice"}, {"curve": "gain", "of": "dice"}, {"curve": "monotonicity", "of": "dice"}]
    curves += [{"curve": "noc", "of": "iou", "threshold": 0.8}]
    fields = {"id": "fake-turns", "summary": "Clicks.", "source": "None.", "arms": arms, "metrics": METRICS}
    return Protocol.model_validate(fields | {"curves": curves, "shown": [1, 3, turns]})


def levels_protocol(name: str = "fake-levels") -> Protocol:
    """One turn; points displaced and boxes scaled, as robustness curves."""
    arms = []
    for level in (0, 25, 50, 75, 100):
        user = CLICK | {"imperfect": [{"apply": "displace", "low": level / 100, "high": level / 100}] if level else []}
        series = {"name": "point displacement (%)", "level": level}
        arms.append({"name": f"point {level} %", "first": [user], "series": series})
    for level in (50, 75, 100, 125, 150):
        scaled = [{"apply": "scale", "low": level / 100, "high": level / 100}] if level != 100 else []
        series = {"name": "box scale (%)", "level": level}
        arms.append({"name": f"box {level} %", "first": [BOX | {"imperfect": scaled}], "series": series})
    fields = {"id": name, "summary": "Levels.", "source": "None.", "arms": arms, "metrics": METRICS[:2]}
    return Protocol.model_validate(fields)


def make_store(folder: Path, *, patients: int = 6, volumes: bool = False, seed: int = 0) -> Store:
    """Cases with four ellipses each, two a patient, CT and MR."""
    rng = np.random.default_rng(seed)
    info = StoreInfo("ellipses", {}, {}, {"imedbench": "0"})
    create_store(folder, info)
    with PartWriter(folder, 0) as writer:
        for number in range(2 * patients):
            writer.add(Record(_case(number, (10, 96, 96) if volumes else (160, 192), rng)))
    finish_store(folder, ())
    return Store.open(folder)


@dataclass(frozen=True, slots=True)
class Answers:
    """How good the fake model is."""

    model: str = "alpha"
    error: float = 0.25
    """Of the first guess, as a share of the object's radius; each turn leaves 60 % of it."""
    failing: int = 0
    """How many sessions fail in their second turn, or in their first where they have one."""
    seed: int = 0
    prompts: str = "perfect"
    skipped: tuple[str, ...] = ()
    """Arms of the protocol that the model cannot be asked."""


def write_results(folder: Path, store: Store, protocol: Protocol, answers: Answers = Answers()) -> Path:
    """The folder of a run over all targets of the store."""
    rng = np.random.default_rng(answers.seed)
    turns: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    sessions = [one for one in _sessions(store, protocol) if one["facts"]["prompts"] not in answers.skipped]
    for number, session in enumerate(sessions):
        _play(session, protocol, answers, (turns, scores), rng if number >= answers.failing else None)
    folder.mkdir(parents=True, exist_ok=True)
    facts = run_facts(folder, store, protocol, answers)
    for name, rows in (("turns", turns), ("scores", scores)):
        columns = schema(name).with_metadata({KEY: facts["id"].encode()})
        pq.write_table(pa.Table.from_pylist(rows, columns), folder / f"{name}.parquet")
    write_run(folder, facts)
    return folder


def run_facts(folder: Path, store: Store, protocol: Protocol, answers: Answers) -> dict[str, Any]:
    """What run.json says."""
    return {
        "format": FORMAT,
        "protocol_digest": protocol.digest(),
        "prompts_digest": _digest(answers.prompts),
        "model": answers.model,
        "weights_sha256": _digest(answers.model),
        "data_digest": digest_of(store),
        "subset": {"split": "test", "on": "auto", "targets": [], "limit": 0, "dimension": len(store.cases["shape"][0])},
        "across": "",
        "batch": 32,
        "id": _digest(f"{answers}"),
        "protocol": protocol.model_dump(mode="json"),
        "prompts": {"name": answers.prompts, "summary": "A user of the tests.", "source": "None."},
        "card": asdict(CARD) | {"name": answers.model},
        "data": {"name": store.info.name, "cases": len(store), "targets": len(store.masks)}
        | {"path": os.path.relpath(store.path, folder)},
        "skipped": list(answers.skipped),
        "versions": {"imedbench": "0.1.0", "numpy": np.__version__},
        "status": "finished",
        "started": "2026-01-01T10:00:00+00:00",
        "finished": "2026-01-01T10:04:00+00:00",
        "device": "cpu",
        "failed": answers.failing,
        "notes": [],
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _case(number: int, shape: tuple[int, ...], rng: np.random.Generator) -> Case:
    flat = len(shape) == 2
    size = shape[-1]
    centres = np.array([[0.35, 0.3], [0.6, 0.72], [0.72, 0.35], [0.33, 0.36]]) + rng.normal(0, 0.02, (4, 2))
    masks, infos = [], []
    for (name, _, radius), centre in zip(TARGETS, centres, strict=True):
        middle = centre * shape[-2:]
        middle = middle if flat else np.array([shape[0] / 2, *middle])
        axes = size * radius * rng.uniform(0.8, 1.1, 2) * 0.6
        axes = axes if flat else np.array([shape[0] * 0.42, *axes])
        masks.append(ellipse(shape, middle, axes))
        infos.append(MaskInfo(name))
    picture = rng.normal(60, 9, shape) + sum(50 * mask * rng.uniform(0.5, 1) for mask in masks)
    voxels = np.clip(picture, 0, 255).astype(np.uint8)
    spacing = (1.5, 0.8) if flat else (5.0, 1.5, 1.5)
    image = Image(
        voxels if flat else (voxels.astype(np.int16) * 4 - 500),
        spacing,
        np.diag([*spacing[::-1], 1.0] if not flat else [0.8, 1.5, 1.0, 1.0]),
        "ct" if number % 3 else "mr",
        window=None if flat else (-500, 520),
    )
    patient = f"p{number // 2}"
    return Case(f"s{number}", image, Masks.from_dense(masks, infos), "test", "ellipses", patient, f"s{number}", {})


def ellipse(shape: Sequence[int], middle: Any, axes: Any) -> Any:
    """A filled ellipse or ellipsoid as a bool array."""
    places = np.ogrid[tuple(slice(length) for length in shape)]
    return sum(((place - m) / a) ** 2 for place, m, a in zip(places, middle, axes, strict=True)) <= 1


def _sessions(store: Store, protocol: Protocol) -> Iterator[dict[str, Any]]:
    groups = {name: group for name, group, _ in TARGETS}
    for name in store:
        case = store[name]
        for index, info in enumerate(case.masks.infos):
            for arm in protocol.arms:
                facts = {"dataset": case.dataset, "patient": case.patient, "study": case.study, "case": case.id}
                facts |= {"modality": case.image.modality, "target": info.target, "group": groups[info.target]}
                facts |= {"instance": 0, "prompts": arm.name}
                yield {"facts": facts, "truth": case.masks[index], "spacing_mm": case.image.spacing_mm, "arm": arm}


def _play(
    session: Mapping[str, Any],
    protocol: Protocol,
    answers: Answers,
    tables: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    rng: np.random.Generator | None,
) -> None:
    """Adds the rows of one session; without a generator it fails."""
    arm, truth, facts = session["arm"], session["truth"], session["facts"]
    fails_at = 0 if rng else min(2, arm.turns)
    rng = rng or np.random.default_rng(0)
    level = abs(arm.series.level / 100 - arm.series.name.startswith("box")) if arm.series else 0.0
    error = answers.error * (1 + 2 * level) * rng.lognormal(0, 0.4) * (2.0 if facts["target"] == "tumor" else 1.0)
    values: dict[str, list[float]] = {metric.label: [] for metric in protocol.metrics}
    for turn in range(1, arm.turns + 1):
        failed = bool(fails_at) and turn >= fails_at
        guess = _guess(truth, error * 0.6 ** (turn - 1), rng)
        if not failed or turn == fails_at:
            tables[0].append(_turn(session, turn, guess, failed=failed))
        for label, value in _measure(truth, guess, error * 0.6 ** (turn - 1)).items():
            if label in values:
                values[label].append(np.nan if failed else value)
                tables[1].append(_score(session, (turn, label, values[label][-1]), failed=failed))
    for curve in protocol.curves if arm.turns > 1 else ():
        value = np.nan if fails_at else _curve(curve.curve, values[curve.of], curve.threshold or 0)
        tables[1].append(_score(session, (WHOLE_SESSION, curve.label, value), failed=bool(fails_at)))


def _guess(truth: Any, error: float, rng: np.random.Generator) -> Any:
    places = np.argwhere(truth)
    middle, half = places.mean(0), (np.ptp(places, axis=0) + 1) / 2
    away = rng.normal(size=truth.ndim)
    away *= error / np.linalg.norm(away)
    return ellipse(truth.shape, middle + away * half, np.maximum(half * (1 + rng.normal(0, error / 2)), 0.6))


def _measure(truth: Any, guess: Any, error: float) -> dict[str, float]:
    shared, total = int((truth & guess).sum()), int(truth.sum()) + int(guess.sum())
    dice = 2 * shared / total
    return {"dice": dice, "iou": dice / (2 - dice), "nsd 2 mm": min(1.0, dice * 1.05), "hd95": 40 * error}


def _curve(name: str, values: list[float], threshold: float) -> float:
    if name == "auc":
        return float(np.trapezoid(values))
    if name == "gain":
        return values[-1] - values[0]
    if name == "monotonicity":
        return float(np.mean(np.diff(values) >= 0))
    reached = [turn for turn, value in enumerate(values, 1) if value >= threshold]
    return float(reached[0] if reached else len(values))


def _turn(session: Mapping[str, Any], turn: int, guess: Any, *, failed: bool) -> dict[str, Any]:
    truth = session["truth"]
    runs = Masks.from_dense([guess], [MaskInfo("")])
    places = np.argwhere(truth)
    low, high = places.min(0), places.max(0) + 1
    boxed = turn == 1 and session["arm"].first[0].model_dump().get("simulate") == "box"
    inside = bool(turn % 2)
    click = Click(tuple(float(place) for place in (places[len(places) // 2] if inside else low)), inside)
    box = Box(tuple(low.tolist()), tuple(high.tolist()))
    return session["facts"] | {
        "turn": turn,
        "shape": list(truth.shape),
        "spacing_mm": list(session["spacing_mm"]),
        "given": write_prompts([box if boxed else click]),
        "starts": [] if failed else runs.starts.tolist(),
        "lengths": [] if failed else runs.lengths.tolist(),
        "model_score": 0.9,
        "seconds": 0.02,
        "encode_seconds": 0.1 if turn == 1 else 0.0,
        "clicks": int(not boxed),
        "corners": 2 * boxed,
        "scribble_mm": 0.0,
        "effort_s": 7.0 if boxed else 3.0,
        "slices": 0 if truth.ndim == 2 else 1,
        "error": FAILURE if failed else "",
    }


def _score(session: Mapping[str, Any], score: tuple[int, str, float], *, failed: bool) -> dict[str, Any]:
    turn, metric, value = score
    truth = session["truth"]
    voxels = int(truth.sum())
    return session["facts"] | {
        "turn": turn,
        "voxels": voxels,
        "fraction": voxels / truth.size,
        "diagonal_mm": math.hypot(
            *(side * step for side, step in zip(truth.shape, session["spacing_mm"], strict=True))
        ),
        "metric": metric,
        "value": value,
        "seconds": 0.1 + 0.02 * turn,
        "failed": failed,
    }
