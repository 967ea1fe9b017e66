from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from baselines.imis_lite import CARD, adapter, calibration
from baselines.imis_lite.network import ImisLite
from baselines.imis_lite.scale import PLAIN, Scale
from imedbench.build.proposals import ProposalSettings, settings_for
from imedbench.masks import MaskInfo, Masks
from imedbench.models.base import Model
from imedbench.models.checkpoint import read_facts
from imedbench.store import Store
from imedbench.types import Click, Image


def test_masks_are_compared_with_all_that_is_known(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One mask that is known with 0.9, half of it with 0.5, and one where nothing is with 0.3; in training pictures."""
    store = Store.open(pictures)
    monkeypatch.setattr(calibration, "EVERY", 3)
    asked = []

    def propose(model: Model, image: Image, settings: ProposalSettings) -> Masks:
        case = next(case for case in map(store.__getitem__, store) if np.array_equal(case.image.voxels, image.voxels))
        asked.append(case.split)
        whole = case.masks[0]
        half = whole & (np.cumsum(whole).reshape(whole.shape) <= whole.sum() // 2)
        nothing = np.zeros_like(whole)
        nothing[-3:, :3] = True
        scores = (0.9, 0.5, 0.3)
        return Masks.from_dense([whole, half, nothing], [MaskInfo("", "interactive", score=score) for score in scores])

    monkeypatch.setattr(calibration, "propose", propose)
    scores, found = calibration.outcomes(None, store)  # type: ignore[arg-type]
    assert asked == ["train"] * 2
    np.testing.assert_allclose(scores, [0.9, 0.5, 0.3] * 2)
    np.testing.assert_allclose(found[0::3], 1)
    assert ((found[1::3] > 0.4) & (found[1::3] <= 1)).all()
    np.testing.assert_allclose(found[2::3], 0)


def test_a_line_for_each_tenth_that_has_masks() -> None:
    lines = calibration.table(np.array([0.41, 0.49, 0.85]), np.array([0.2, 0.4, 0.8])).splitlines()
    assert [line.split() for line in lines] == [["0.4-0.5", "2", "0.300"], ["0.8-0.9", "1", "0.800"]]


def test_weights_are_written_with_what_their_scores_are_worth(
    network: ImisLite, lite: Any, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, out = tmp_path / "plain.safetensors", tmp_path / "calibrated.safetensors"
    # A calibration of before is forgotten.
    save_file(network.state_dict(), weights, {"course": "smoke", **Scale((0.0, 0.1, 0.1)).facts()})
    few = replace(settings_for(CARD.name), points_per_side=4, adaptive=False)
    monkeypatch.setattr(calibration, "settings_for", lambda name: few)
    monkeypatch.setattr(adapter, "lite_medsam", lambda: lite)
    monkeypatch.setattr(adapter, "_OFFSET", 0.02)
    monkeypatch.setattr("sys.argv", ["calibration", str(weights), str(pictures), str(out)])
    calibration.main()
    before, after = load_file(weights), load_file(out)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name].half(), after[name]) for name in before)
    facts = read_facts(out)
    assert facts["course"] == "smoke"
    scale = Scale.read(facts)
    assert scale not in (PLAIN, Scale((0.0, 0.1, 0.1)))
    # What a session is worth is what the file says.
    model = adapter.load(CARD, out, "cpu")
    plain = adapter.LiteModel(CARD, lite.image_encoder, network)
    store = Store.open(pictures)
    image = store[next(iter(store))].image
    told, said = (each.start(image).propose([Click((20.0, 20.0))], -1.0) for each in (model, plain))
    torch.testing.assert_close(told.scores, scale.of(said.scores), atol=2e-3, rtol=0)
