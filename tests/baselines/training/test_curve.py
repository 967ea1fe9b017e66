from pathlib import Path

from baselines.training.curve import Curve, read_curve


def test_a_run_that_goes_on_takes_back_what_came_later(tmp_path: Path) -> None:
    curve = Curve(tmp_path, 0)
    for step in (1, 2, 3):
        curve.write(step, {"loss": step / 2}, {"samples_per_second": 7.0})
    curve.close()
    Curve(tmp_path, 2).close()
    assert read_curve(tmp_path) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1.0}]


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "curve.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert read_curve(tmp_path) == [{"step": 1, "loss": 2.0}]
    assert read_curve(tmp_path / "none") == []


def test_tensorboard_reads_it(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curve = Curve(tmp_path, 0)
    curve.write(1, {"loss": 0.5}, {"samples_per_second": 7.0})
    curve.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(each.step, each.value) for each in events.Scalars("loss")] == [(1, 0.5)]
    assert [each.value for each in events.Scalars("samples_per_second")] == [7.0]
