import threading
import time
import tracemalloc

import pytest

from leaderboard.limits import KNOWN, Limiter


def test_so_many_in_a_burst_and_then_it_waits() -> None:
    limiter = Limiter(600)
    assert [limiter.wait("a", 0.0) for _ in range(600)] == [0.0] * 600
    assert limiter.wait("a", 0.0) == pytest.approx(0.1)


def test_it_fills_again_with_time() -> None:
    limiter = Limiter(60)
    for _ in range(60):
        limiter.wait("a", 0.0)
    assert limiter.wait("a", 0.5) == pytest.approx(0.5)
    assert limiter.wait("a", 1.0) == 0
    assert limiter.wait("a", 1.0) == pytest.approx(1.0)
    assert [limiter.wait("a", 11.5) for _ in range(11)] == [0.0] * 10 + [pytest.approx(0.5)]


def test_it_never_holds_more_than_a_minute() -> None:
    limiter = Limiter(5)
    limiter.wait("a", 0.0)
    assert [bool(limiter.wait("a", 1e6)) for _ in range(6)] == [False] * 5 + [True]


def test_asking_in_vain_costs_nothing() -> None:
    limiter = Limiter(1)
    assert limiter.wait("a", 0.0) == 0
    for second in range(1, 60):
        assert limiter.wait("a", float(second)) > 0
    assert limiter.wait("a", 60.0) == 0


def test_who_waits_as_long_as_told_is_answered() -> None:
    limiter = Limiter(7)
    now = 0.0
    for _ in range(7):
        limiter.wait("a", now)
    now += limiter.wait("a", now) + 1e-9
    assert limiter.wait("a", now) == 0


def test_askers_are_independent() -> None:
    limiter = Limiter(1)
    assert [limiter.wait(asker, 0.0) for asker in ("a", "b", "c")] == [0.0] * 3
    assert all(limiter.wait(asker, 0.0) for asker in ("a", "b", "c"))


def test_who_has_not_asked_for_the_longest_is_forgotten() -> None:
    limiter = Limiter(1)
    for number in range(KNOWN):
        limiter.wait(f"asker {number}", 0.0)
    limiter.wait("asker 0", 0.0)
    limiter.wait("new", 0.0)
    assert limiter.wait("asker 0", 0.0) > 0
    assert limiter.wait("asker 2", 0.0) > 0
    assert limiter.wait("asker 1", 0.0) == 0


def test_it_does_not_grow() -> None:
    limiter = Limiter(600)
    for number in range(KNOWN):
        limiter.wait(f"old {number:05}")
    tracemalloc.start()
    try:
        for number in range(10_000):
            limiter.wait(f"new {number:05}")
        grown = tracemalloc.get_traced_memory()[0]
        for number in range(10_000):
            limiter.wait(f"one {number:05}")
        assert tracemalloc.get_traced_memory()[0] < grown + 100_000
    finally:
        tracemalloc.stop()


def test_its_clock_is_the_time_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = Limiter(1)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert (limiter.wait("a"), limiter.wait("a")) == (0, 60)
    monkeypatch.setattr(time, "monotonic", lambda: 161.0)
    assert limiter.wait("a") == 0


def test_threads_together_get_no_more() -> None:
    limiter, answered = Limiter(500), []

    def ask() -> None:
        answered.extend(not limiter.wait("a", 0.0) for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answered) == 500
