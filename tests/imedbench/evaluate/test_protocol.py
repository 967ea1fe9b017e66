from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from imedbench.errors import BadProtocol, UnknownName
from imedbench.evaluate.protocol import (
    CurveSpec,
    MetricSpec,
    Protocol,
    list_protocols,
    load_protocol,
    protocol_text,
)

CLICK = {"simulate": "click"}
SMALL: dict[str, Any] = {
    "id": "small",
    "summary": "One click, then another.",
    "source": "Of this test.",
    "arms": [{"name": "clicks", "first": [CLICK], "later": [CLICK], "turns": 2}],
    "metrics": [{"metric": "dice"}, {"metric": "nsd", "tolerance_mm": 2}],
    "curves": [{"curve": "auc", "of": "nsd 2 mm"}],
}


def changed(*path: str | int, value: object) -> dict[str, Any]:
    """SMALL with one entry changed."""
    written = deepcopy(SMALL)
    entry: Any = written
    for step in path[:-1]:
        entry = entry[step]
    entry[path[-1]] = value
    return written


def load(folder: Path, written: object) -> Protocol:
    path = folder / "mine.yaml"
    path.write_text(written if isinstance(written, str) else yaml.safe_dump(written))
    return load_protocol(str(path))


def test_a_file_says_what_the_mapping_says(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL) == Protocol.model_validate(SMALL)


def test_a_name_and_the_text_behind_it_are_the_same() -> None:
    for name in list_protocols():
        assert Protocol.model_validate(yaml.safe_load(protocol_text(name))) == load_protocol(name)


@pytest.mark.parametrize("wrong", ["no-such-protocol", "/no/such/file.yaml", "."])
def test_unknown_name_lists_the_known(wrong: str) -> None:
    with pytest.raises(UnknownName, match=r"cvpr2025.*noc.*single"):
        load_protocol(wrong)


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("arms: [", "is not YAML"),
        ("- a list", "the whole"),
        ("", "the whole"),
        (changed("id", value="Not An Id"), "mine.yaml: id"),
        (changed("colour", value="blue"), "colour"),
        (changed("arms", value=[]), "arms"),
        (changed("arms", 0, "turns", value=0), "arms.0.turns"),
        (changed("arms", 0, "turns", value=1), "arms.0: .*later"),
        (changed("arms", 0, "later", value=[]), "arms.0: .*later"),
        (changed("arms", 0, "kept", value=["box"]), "kept"),
        (changed("arms", 0, "first", 0, value={"simulate": "telepathy"}), "mine.yaml: there is no simulated user"),
        (changed("arms", 0, "first", 0, value={"simulate": "click", "place": "nowhere"}), "arms.0.first.0"),
        (changed("metrics", 0, "metric", value="charm"), "mine.yaml: there is no metric called 'charm'"),
        (changed("metrics", 0, "tolerance_mm", value=1), "tolerance_mm"),
        (changed("metrics", 1, value={"metric": "nsd"}), "tolerance_mm"),
        (changed("metrics", 1, value={"metric": "dice"}), "two metrics"),
        (changed("arms", value=[SMALL["arms"][0]] * 2), "two arms"),
        (changed("curves", 0, "of", value="iou"), "'iou' is not a metric of this protocol; it has: dice, nsd 2 mm"),
        (changed("curves", 0, "threshold", value=0.9), "threshold"),
        (changed("curves", 0, value={"curve": "noc", "of": "dice"}), "threshold"),
        (changed("metrics", 0, "gate", value={"metric": "nsd 2 mm", "above": 0.2}), "stands before it"),
        (changed("metrics", 1, "gate", value={"metric": "nsd 2 mm", "above": 0.2}), "stands before it"),
    ],
)
def test_a_mistake_names_the_file_and_the_field(tmp_path: Path, written: object, field: str) -> None:
    with pytest.raises(BadProtocol, match=field) as caught:
        load(tmp_path, written)
    assert "mine.yaml" in str(caught.value)


def test_labels_tell_metrics_apart() -> None:
    assert MetricSpec(metric="dice").label == "dice"
    assert MetricSpec(metric="nsd", tolerance_mm=2).label == "nsd 2 mm"
    assert MetricSpec(metric="nsd", tolerance_mm=0.5, unit_spacing=True).label == "nsd 0.5 voxels"
    assert MetricSpec(metric="hd95", unit_spacing=True).label == "hd95 voxels"
    assert CurveSpec(curve="noc", of="iou", threshold=0.85).label == "noc@85 iou"
    assert CurveSpec(curve="auc", of="nsd 2 mm").label == "auc nsd 2 mm"


def test_digest_is_of_what_bears_on_results() -> None:
    digest = Protocol.model_validate(SMALL).digest()
    assert Protocol.model_validate(changed("summary", value="Other words.")).digest() == digest
    assert Protocol.model_validate(changed("source", value="Other words.")).digest() == digest
    for path, value in (
        (("seed",), 1),
        (("arms", 0, "turns"), 3),
        (("arms", 0, "feedback"), False),
        (("arms", 0, "first", 0, "place"), "uniform"),
        (("metrics", 1, "tolerance_mm"), 3),
    ):
        written = changed(*path, value=value)
        written["curves"] = []
        bare = changed("curves", value=[])
        assert Protocol.model_validate(written).digest() != Protocol.model_validate(bare).digest(), path


def test_an_arm_says_what_it_needs() -> None:
    box = {"simulate": "box", "imperfect": [{"apply": "scale", "low": 0.5, "high": 0.5}]}
    protocol = Protocol.model_validate(
        changed(
            "arms",
            value=[
                {"name": "clicks", "first": [CLICK], "later": [CLICK, {"simulate": "scribble"}], "turns": 2},
                {"name": "box", "first": [box]},
                {"name": "later", "first": [CLICK], "later": [box], "turns": 3, "memory": "latest", "kept": ["box"]},
            ],
        )
    )
    assert [arm.kinds for arm in protocol.arms] == [{"click", "scribble"}, {"box"}, {"click", "box"}]
    assert [arm.perfect for arm in protocol.arms] == [True, False, False]


def test_protocols_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_protocol("single"), "seed", 1)  # noqa: B010
