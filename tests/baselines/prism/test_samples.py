from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.prism.intake import Intake
from baselines.prism.samples import PrismSamples
from baselines.training.order import Place
from imedbench.errors import BadStore
from imedbench.store import Store

STILL = {"mirror": 0, "shift_chance": 0, "zoom_chance": 0}


def samples_of(tools: dict[str, Any], store: Path, **data: Any) -> PrismSamples:
    return PrismSamples([Store.open(store)], tools["course"](data=data))


def test_targets_of_training_volumes(tools: dict[str, Any], volumes: Path) -> None:
    """Both boxes of the first and third, the parted liver of the second as one; the fourth is for tests."""
    samples = samples_of(tools, volumes)
    found = Counter((case, target) for _, case, target in samples._goals)
    assert found == {
        ("volume0", "liver"): 1, ("volume0", "spleen"): 1, ("volume1", "liver"): 1,
        ("volume2", "liver"): 1, ("volume2", "spleen"): 1,
    }  # fmt: skip
    assert len(samples_of(tools, volumes, targets=("spleen",))) == 2


def test_a_cube(tools: dict[str, Any], volumes: Path) -> None:
    """At 1 mm: slices 2 mm apart are doubled; axes are x, y, z; the target is bright."""
    samples = samples_of(tools, volumes, intake=Intake(0, 250, 0, 1), **STILL)
    for number in range(len(samples)):
        sample = samples[Place(0, 0, 0, number)]
        assert sample.image.shape == sample.truth.shape == (1, 32, 32, 32)
        assert set(sample.truth.unique().tolist()) == {0, 1}
        inside = sample.image[sample.truth > 0]
        assert float(inside.mean()) > 70
        assert float(sample.image[sample.truth == 0].mean()) < 40
    name = next(index for index, goal in enumerate(samples._goals) if goal[1:] == ("volume0", "liver"))
    truth = samples[Place(0, 0, 0, name)].truth[0]
    x, y, z = (int(places.max() - places.min()) + 1 for places in torch.nonzero(truth).unbind(1))
    assert (x, y) == (14, 9)
    assert 9 <= z <= 10


def test_the_box(tools: dict[str, Any], volumes: Path) -> None:
    sample = samples_of(tools, volumes)[Place(0, 0, 0, 0)]
    places = torch.nonzero(sample.truth[0])
    assert sample.box.tolist() == [*places.amin(0).tolist(), *(places.amax(0) + 1).tolist()]
    course = tools["course"](session={"box_stray": 9})
    strayed = PrismSamples([Store.open(volumes)], course)[Place(0, 0, 0, 0)]
    assert (strayed.box[:3] <= sample.box[:3]).all()
    assert (strayed.box[3:] >= sample.box[3:]).all()
    assert not torch.equal(strayed.box, sample.box)
    assert strayed.box.min() >= 0
    assert strayed.box.max() <= 32


def test_a_sample_belongs_to_its_place(tools: dict[str, Any], volumes: Path) -> None:
    one, other = samples_of(tools, volumes), samples_of(tools, volumes)
    other[Place(0, 0, 0, 3)]
    for epoch in (0, 1):
        first, second = one[Place(5, 1, epoch, 2)], other[Place(9, 0, epoch, 2)]
        assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert not torch.equal(one[Place(0, 0, 0, 2)].image, one[Place(0, 0, 1, 2)].image)


def test_memory_is_bounded(tools: dict[str, Any], volumes: Path) -> None:
    """Volumes go when there is no room; samples stay the same."""
    roomy, narrow = samples_of(tools, volumes), samples_of(tools, volumes, memory_gb=0)
    for number in (0, 2, 3, 0):
        place = Place(0, 0, 0, number)
        assert torch.equal(roomy[place].image, narrow[place].image)
    assert len(narrow._volumes) == 1
    assert len(roomy._volumes) == 3


def test_intensities_are_measured(tools: dict[str, Any], volumes: Path, tmp_path: Path) -> None:
    """In CT inside the targets; elsewhere each volume by itself."""
    intake = samples_of(tools, volumes).intake
    assert not intake.own
    assert 60 < intake.low < intake.mean < intake.high < 240
    other = samples_of(tools, tools["write"](tmp_path / "mr.zarr", "mr"), spacing_mm=1.5).intake
    assert other.own
    assert other.spacing_mm == 1.5
    given = Intake(0, 1, 0, 1)
    assert samples_of(tools, volumes, intake=given).intake == given


def test_nothing_to_learn(tools: dict[str, Any], volumes: Path) -> None:
    with pytest.raises(BadStore, match="no volume of its split 'train' has kidney, tumour"):
        samples_of(tools, volumes, targets=("kidney", "tumour"))
