"""CLIP's own numbers for words; the vocabulary comes with open_clip_torch."""

import sys

import pytest

from baselines.imis_net.tokens import END, LONGEST, START, _tokenizer, tokenize
from imedbench.errors import Unavailable


def test_as_clip_numbers_them() -> None:
    pytest.importorskip("open_clip")
    # Known from the documentation of CLIP in transformers.
    assert tokenize(["a photo of a cat", "a photo of a dog"]).tolist() == [
        [START, 320, 1125, 539, 320, 2368, END],
        [START, 320, 1125, 539, 320, 1929, END],
    ]


def test_shorter_texts_are_filled_up() -> None:
    pytest.importorskip("open_clip")
    assert tokenize(["A segmentation area of a left kidney.", "A."]).tolist() == [
        [START, 320, 10551, 9512, 2445, 539, 320, 1823, 14610, 269, END],
        [START, 320, 269, END, END, END, END, END, END, END, END],
    ]


def test_texts_that_are_too_long_are_cut() -> None:
    pytest.importorskip("open_clip")
    rows = tokenize(["kidney " * 200, ""])
    assert rows.shape == (2, LONGEST)
    assert rows[0].tolist() == [START, *[14610] * 75, END]
    assert rows[1].tolist() == [START, *[END] * 76]


def test_no_texts() -> None:
    pytest.importorskip("open_clip")
    assert tokenize([]).numel() == 0


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _tokenizer.cache_clear()
    monkeypatch.setitem(sys.modules, "open_clip.tokenizer", None)
    with pytest.raises(Unavailable, match="run: pip install open_clip_torch"):
        tokenize(["kidney"])
