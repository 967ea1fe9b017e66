import pytest

from baselines.training.course import Schedule
from baselines.training.schedule import factor


def test_a_rise_comes_first() -> None:
    schedule = Schedule(warmup=10, first=0.1)
    assert [factor(schedule, step, 100) for step in (0, 5, 10, 99)] == pytest.approx([0.1, 0.55, 1, 1])


@pytest.mark.parametrize(
    ("shape", "middle", "end"),
    [("cosine", 0.55, 0.1), ("linear", 0.55, 0.1), ("polynomial", 0.1 + 0.9 * 0.5**0.9, 0.1)],
)
def test_what_falls_ends_where_it_is_told(shape: str, middle: float, end: float) -> None:
    schedule = Schedule.model_validate({"shape": shape, "last": 0.1, "warmup": 20})
    assert factor(schedule, 20, 120) == pytest.approx(1)
    assert factor(schedule, 70, 120) == pytest.approx(middle)
    assert factor(schedule, 120, 120) == pytest.approx(end)


def test_a_staircase() -> None:
    schedule = Schedule(shape="staircase", drops=(10, 20), drop=0.5)
    assert [factor(schedule, step, 30) for step in (9, 10, 19, 20)] == [1, 0.5, 0.5, 0.25]
