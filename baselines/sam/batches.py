"""Which targets are asked together."""

from collections.abc import Hashable, Iterator, Sequence


def alike(kinds: Sequence[Hashable], most: int) -> Iterator[list[int]]:
    """Indices of those of one kind, at most so many at a time; kinds in order of appearance."""
    groups: dict[Hashable, list[int]] = {}
    for index, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(index)
    for members in groups.values():
        for start in range(0, len(members), most):
            yield members[start : start + most]
