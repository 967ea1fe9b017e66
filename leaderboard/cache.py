"""Pages that were made already, until anything changes on the leaderboard."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

HELD = 64 * 2**20
"""Bytes of pages, at most; what was not asked for the longest goes first."""


class Cache:
    """Texts by address, all of one revision."""

    def __init__(self, most: int = HELD) -> None:
        self._most, self._size, self._revision = most, 0, -1
        self._pages: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._makers: dict[str, tuple[threading.Lock, int]] = {}
        """Of each page that is being made, whose turn it is, and how many are there."""

    def __contains__(self, address: str) -> bool:
        """Whether there is a page of this address, of whatever revision."""
        return address in self._pages

    def get(self, address: str, revision: int) -> bytes | None:
        """The page as it is in this revision; None where it has to be made."""
        with self._lock:
            if revision != self._revision or address not in self._pages:
                return None
            self._pages.move_to_end(address)
            return self._pages[address]

    @contextmanager
    def making(self, address: str) -> Iterator[None]:
        """While one makes a page, others who want the same wait, and then find it made."""
        with self._lock:
            turn, waiting = self._makers.get(address, (threading.Lock(), 0))
            self._makers[address] = (turn, waiting + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                waiting = self._makers[address][1] - 1
                self._makers[address] = (turn, waiting)
                if not waiting:
                    del self._makers[address]

    def put(self, address: str, revision: int, page: bytes) -> None:
        """Keeps a page; those of an earlier revision are forgotten."""
        with self._lock:
            if revision < self._revision:
                return
            if revision > self._revision:
                self._pages.clear()
                self._size, self._revision = 0, revision
            self._size += len(page) - len(self._pages.pop(address, b""))
            self._pages[address] = page
            while self._size > self._most:
                self._size -= len(self._pages.popitem(last=False)[1])
