"""How often somebody may ask: a bucket that fills with time, one for each address and each team."""

import threading
import time
from collections import OrderedDict

KNOWN = 10_000
"""Askers that are remembered; who has not asked for the longest is forgotten first, its bucket long full again."""


class Limiter:
    """So many requests a minute, in bursts of as many."""

    def __init__(self, a_minute: int) -> None:
        self._most = float(a_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, asker: str, now: float | None = None) -> float:
        """Takes one request; 0 where it may be answered, else the seconds until the next may."""
        now = time.monotonic() if now is None else now
        with self._lock:
            left, then = self._buckets.pop(asker, (self._most, now))
            left = min(self._most, left + (now - then) * self._most / 60)
            wait = 0.0 if left >= 1 else (1 - left) * 60 / self._most
            self._buckets[asker] = (left if wait else left - 1, now)
            if len(self._buckets) > KNOWN:
                self._buckets.popitem(last=False)
        return wait
