from pathlib import Path

import numpy as np
import pytest

from imedbench.errors import BadProtocol, UnknownName
from imedbench.prompts.box import BoxUser
from imedbench.prompts.click import ClickUser
from imedbench.prompts.imperfect import Displace, Jitter, Miss
from imedbench.prompts.mask import MaskUser
from imedbench.prompts.sets import PromptSet, list_sets, load_set, set_text
from imedbench.prompts.text import TextUser
from imedbench.types import Box, Click

TRUTH = np.zeros((9, 40, 40), np.bool_)
TRUTH[2:7, 10:30, 10:30] = True


def test_sets_that_ship() -> None:
    assert {"perfect", "noisy", "time-pressure", "medsam-train", "imis-train", "sam-med2d"} <= set(list_sets())
    digests = {load_set(name).digest() for name in list_sets()}
    assert len(digests) == len(list_sets())


@pytest.mark.parametrize("name", list_sets())
def test_a_set_has_the_name_of_its_file_and_says_where_it_is_from(name: str) -> None:
    found = load_set(name)
    assert found.name == name
    assert found.summary
    assert found.source


@pytest.mark.parametrize(("name", "by"), [("prism-eroded", 5), ("prism-dilated", -5)])
def test_boxes_of_prisms_table_3(name: str, by: int) -> None:
    truth = np.zeros((30, 40, 40), np.bool_)
    truth[8:22, 10:30, 12:28] = True
    (box,) = load_set(name).spoil(BoxUser())(truth, ~truth, np.random.default_rng(0))
    assert box == Box((8 + by, 10 + by, 12 + by), (22 - by, 30 - by, 28 - by))


def test_perfect_changes_nothing() -> None:
    user = ClickUser()
    assert load_set("perfect").spoil(user) == user


def test_imperfections_go_to_their_kind_after_the_users_own() -> None:
    jitter, displace = Jitter(low=1, high=1), Displace(low=0.5, high=0.5)
    spoiling = PromptSet(name="x", summary="", source="", click=(displace,), box=(jitter,))
    own = Jitter(low=2, high=2)
    assert spoiling.spoil(BoxUser(imperfect=(own,))).imperfect == (own, jitter)
    assert spoiling.spoil(ClickUser()).imperfect == (displace,)
    assert spoiling.spoil(MaskUser()).imperfect == ()
    assert spoiling.spoil(TextUser()).imperfect == ()


def test_the_same_perfect_prompt_underlies_its_imperfect_ones() -> None:
    still = PromptSet(name="x", summary="", source="", click=(Displace(low=0, high=0),))
    user = ClickUser(place="uniform")
    for seed in range(5):
        perfect = user(TRUTH, ~TRUTH, np.random.default_rng(seed))
        assert still.spoil(user)(TRUTH, ~TRUTH, np.random.default_rng(seed)) == perfect


def test_who_clicks_by_slice_errs_within_the_slice() -> None:
    spoiling = PromptSet(name="x", summary="", source="", click=(Displace(low=1, high=1), Miss(probability=0.5)))
    for user in (ClickUser(slices="each"), ClickUser(slices="middle")):
        straight = user(TRUTH, ~TRUTH, np.random.default_rng(0))
        spoiled = spoiling.spoil(user)(TRUTH, ~TRUTH, np.random.default_rng(0))
        planes = [[prompt.at[0] for prompt in prompts if isinstance(prompt, Click)] for prompts in (straight, spoiled)]
        assert planes[0] == planes[1]
        assert spoiled != straight
    free = spoiling.spoil(ClickUser())
    heights = {prompt.at[0] for seed in range(30) for prompt in free(TRUTH, ~TRUTH, np.random.default_rng(seed))}  # type: ignore[union-attr]
    assert len(heights) > 1


def test_a_set_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsummary: s\nsource: s\nbox:\n  - {apply: dilate, radius: 5}\n")
    (box,) = load_set(str(path)).spoil(BoxUser())(TRUTH, ~TRUTH, np.random.default_rng(0))
    assert box == Box((0, 5, 5), (9, 35, 35))


def test_the_digest_is_of_what_bears_on_results(tmp_path: Path) -> None:
    text = "name: {}\nsummary: {}\nsource: s\nbox:\n  - {{apply: dilate, radius: {}}}\n"
    paths = [tmp_path / f"{number}.yaml" for number in range(3)]
    for path, values in zip(paths, [("a", "x", 5), ("b", "y", 5), ("a", "x", 6)], strict=True):
        path.write_text(text.format(*values))
    first, renamed, other = (load_set(str(path)).digest() for path in paths)
    assert first == renamed
    assert first != other
    assert len(first) == 64


def test_the_text_of_a_set_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# why\n")
    assert set_text(str(path)) == b"# why\n"
    assert b"# How the numbers were measured" in set_text("time-pressure")


def test_no_such_set() -> None:
    with pytest.raises(UnknownName, match="perfect"):
        load_set("prefect")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "is not YAML"),
        ("- 1", "the whole"),
        ("name: a\nsummary: s\n", "source"),
        ("name: a\nsummary: s\nsource: s\nboxes: []\n", "boxes"),
        ("name: a\nsummary: s\nsource: s\nbox: [{apply: shake}]\n", "no imperfection called 'shake'"),
        ("name: a\nsummary: s\nsource: s\nbox: [{apply: dilate, low: 3, high: 2}]\n", "low \\(3\\) is above high"),
        ("name: a\nsummary: s\nsource: s\nbox: [{radius: 3}]\n", "box"),
    ],
)
def test_a_file_that_is_not_a_set(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(BadProtocol, match=message) as caught:
        load_set(str(path))
    assert "bad.yaml" in str(caught.value)


def test_a_binary_file_is_not_a_set(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(BadProtocol, match="not YAML"):
        load_set(str(path))
