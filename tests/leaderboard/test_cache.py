import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.cache import HELD, Cache

PUTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.integers(0, 40)), max_size=40)


def test_a_page_is_held_for_its_revision() -> None:
    cache = Cache()
    assert cache.get("a", 1) is None
    cache.put("a", 1, b"one")
    assert cache.get("a", 1) == b"one"
    assert (cache.get("b", 1), cache.get("a", 0), cache.get("a", 2)) == (None, None, None)


def test_pages_of_an_earlier_revision_are_forgotten() -> None:
    cache = Cache()
    cache.put("a", 1, b"one")
    cache.put("b", 2, b"two")
    assert (cache.get("a", 1), cache.get("a", 2), cache.get("b", 2)) == (None, None, b"two")


def test_a_page_that_comes_late_does_not_push_out_newer_ones() -> None:
    cache = Cache()
    cache.put("a", 2, b"new")
    cache.put("a", 1, b"old")
    cache.put("b", 1, b"old")
    assert (cache.get("a", 2), cache.get("a", 1), cache.get("b", 1), cache.get("b", 2)) == (b"new", None, None, None)


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    cache = Cache(30)
    for name in "abc":
        cache.put(name, 1, bytes(10))
    cache.get("a", 1)
    cache.put("d", 1, bytes(10))
    assert [name for name in "abcd" if cache.get(name, 1) is not None] == ["a", "c", "d"]


def test_a_page_that_is_larger_than_all_is_not_held() -> None:
    cache = Cache(30)
    cache.put("a", 1, bytes(31))
    assert cache.get("a", 1) is None
    cache.put("b", 1, bytes(30))
    assert cache.get("b", 1) == bytes(30)


@given(PUTS)
def test_no_more_bytes_are_held_than_allowed_and_none_is_lost_for_nothing(puts: list[tuple[str, int, int]]) -> None:
    cache, newest = Cache(60), -1
    for name, revision, size in puts:
        cache.put(name, revision, name.encode() * size)
        newest = max(newest, revision)
    held = {name: page for name in "abcdef" if (page := cache.get(name, newest)) is not None}
    assert sum(map(len, held.values())) <= 60
    for name, page in held.items():
        assert set(page) <= set(name.encode())
    last = next(((name, size) for name, revision, size in reversed(puts) if revision == newest), None)
    if last and last[1] <= 60:
        assert held[last[0]] == last[0].encode() * last[1]


def test_the_same_page_again_takes_no_more_room() -> None:
    cache = Cache(30)
    cache.put("a", 1, bytes(10))
    for _ in range(20):
        cache.put("b", 1, bytes(20))
    assert cache.get("a", 1) == bytes(10)


def test_many_threads() -> None:
    cache, wrong = Cache(500), []

    def ask(number: int) -> None:
        for turn in range(400):
            revision, name = turn // 40, str((turn * 7 + number) % 20)
            cache.put(name, revision, f"{revision} {name} ".encode() * 5)
            page = cache.get(name, revision)
            if page is not None and page != f"{revision} {name} ".encode() * 5:
                wrong.append(page)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    held = [page for number in range(20) if (page := cache.get(str(number), 9)) is not None]
    assert 0 < sum(map(len, held)) <= 500


def test_what_is_held_by_default_is_bounded() -> None:
    assert HELD <= 2**28


def test_of_many_who_want_a_page_one_makes_it() -> None:
    cache, made = Cache(), []

    def ask(_: int) -> bytes | None:
        with cache.making("/"):
            if cache.get("/", 1) is None:
                made.append(1)
                time.sleep(0.05)
                cache.put("/", 1, b"page")
        return cache.get("/", 1)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(64))) == {b"page"}
    assert len(made) == 1
    with pytest.raises(ValueError, match="cannot"), cache.making("/"):
        raise ValueError("cannot")
    assert ask(0) == b"page"
    assert not cache._makers
