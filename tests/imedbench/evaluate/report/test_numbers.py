import numpy as np
import pytest

from imedbench.evaluate.report.numbers import PER_SLICE, Numbers


def rows(numbers: Numbers, **wanted: object) -> list[float]:
    """The values of the scores with these entries, as they stand."""
    table = numbers.run.scores.to_pylist()
    return [row["value"] for row in table if all(row[name] == value for name, value in wanted.items())]


def test_means_of_turns_count_failures_at_their_worst(one: tuple[Numbers, ...]) -> None:
    values = rows(one[0], prompts="click", metric="dice", turn=3)
    mean = one[0].turns["click", "dice", 3]
    assert (mean.sessions, mean.failed, mean.undefined) == (48, 2, 0)
    assert mean.mean == pytest.approx(np.nansum(values) / 48)
    assert mean.low < mean.mean < mean.high


def test_curves_have_turn_0(one: tuple[Numbers, ...]) -> None:
    assert one[0].turns["click", "auc dice", 0].sessions == 48


def test_efforts_are_sums_over_sessions(one: tuple[Numbers, ...], solid: tuple[Numbers, ...]) -> None:
    assert one[0].efforts["click", "clicks"].mean == pytest.approx((46 * 5 + 2 * 2) / 48)
    assert one[0].efforts["box, then clicks", "corners"].mean == 2
    assert not any(str(key[1]).startswith(PER_SLICE) for key in one[0].efforts)
    assert solid[0].efforts["click", "slices"].mean == 5
    assert solid[0].efforts["click", "clicks"].mean == 5
    assert solid[0].efforts["click", f"{PER_SLICE}clicks"].mean == 1


def test_groups_are_of_final_values(one: tuple[Numbers, ...]) -> None:
    values = rows(one[0], prompts="click", metric="dice", turn=5, modality="ct")
    assert one[0].by_modality["ct", "click", "dice"].mean == pytest.approx(np.nansum(values) / len(values))
    assert {key[0] for key in one[0].by_target} == {"liver", "spleen", "kidney", "tumor"}
    assert {key[0] for key in one[0].by_group} == {"abdomen", "lesion"}
    assert sum(mean.sessions for key, mean in one[0].by_size.items() if key[1:] == ("click", "dice")) == 48


def test_sizes_are_powers_of_ten(one: tuple[Numbers, ...]) -> None:
    voxels = {row["voxels"] for row in one[0].run.scores.to_pylist()}
    assert {key[0] for key in one[0].by_size} == {"10–99", "100–999", "1,000–9,999"}
    assert min(voxels) >= 10
    assert max(voxels) < 10_000


def test_arms_can_be_pooled(robust: tuple[Numbers, ...]) -> None:
    arms = ["point 25 %", "point 50 %", "point 75 %", "point 100 %"]
    pooled = robust[0].pooled(arms, "dice")
    assert pooled is not None
    assert pooled.sessions == 4 * 48
    assert pooled.mean == pytest.approx(np.mean([robust[0].turns[arm, "dice", 1].mean for arm in arms]))
    assert robust[0].pooled([], "dice") is None


def test_values_of_sessions(one: tuple[Numbers, ...]) -> None:
    values, table = one[0].values("click", "dice")
    assert len(values) == table.num_rows == 48
    assert sorted(values)[:2] == [0, 0]
    assert sorted(values)[2] > 0.5
    answered = one[0].answered("click", "dice")
    assert len(answered) == 46
    assert answered["s1\x1fliver\x1f0\x1fclick"] in values
    assert len(one[0].values("click", "no metric")[0]) == 0
