"""Work in order on several threads, and JSON lists that do not fit in memory."""

import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TextIO, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
MOST_THREADS = 8


def in_order(make: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """``make`` of each, in the order given, on several threads; no more than a few are held at a time.

    Reading and compressing let go of the interpreter, so threads are enough.
    """
    threads = max(1, min(MOST_THREADS, os.cpu_count() or 1))
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for thing in given:
            waiting.append(pool.submit(make, thing))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class JsonLists:
    """A JSON object whose lists grow on disk: ``add`` to them, then ``write`` the object; a context manager."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self.path = path
        self.counts = dict.fromkeys(names, 0)
        beside = {name: path.with_name(f".{path.name}.{name}") for name in self.counts}
        self._files = {name: place.open("w+", encoding="utf-8") for name, place in beside.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()
            Path(file.name).unlink()

    def add(self, name: str, entry: Mapping[str, Any]) -> None:
        """Appends an entry to a list."""
        file = self._files[name]
        file.write(",\n" if self.counts[name] else "\n")
        file.write(json.dumps(entry, ensure_ascii=False, separators=(", ", ": ")))
        self.counts[name] += 1

    def write(self, facts: Mapping[str, Any]) -> None:
        """Writes the object: these facts in their order; a fact named like a list is that list, whatever its value."""
        with self.path.open("x", encoding="utf-8") as target:
            target.write("{")
            for place, (name, value) in enumerate(facts.items()):
                target.write(f"{',' if place else ''}\n{json.dumps(name)}: ")
                if name in self._files:
                    self._copy(name, target)
                else:
                    json.dump(value, target, ensure_ascii=False)
            target.write("\n}\n")

    def _copy(self, name: str, target: TextIO) -> None:
        file = self._files[name]
        file.seek(0)
        target.write("[")
        shutil.copyfileobj(file, target)
        target.write("\n]")
