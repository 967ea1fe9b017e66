from pathlib import Path

import pytest

from baselines.imis_net.settings import read_settings
from imedbench.errors import BadInput

WHOLE = 'side = 64\nresize = "nearest"\nencoder_epsilon = 1e-5\ntext_kernel = false\nspelling = "vocabulary"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_code_and_paper_differ_in() -> None:
    released, paper = read_settings("released"), read_settings("paper")
    assert (released.side, released.grid) == (paper.side, paper.grid) == (1024, 64)
    assert released.text_kernel is paper.text_kernel is True
    assert (released.resize, paper.resize) == ("nearest", "bilinear")
    assert (released.encoder_epsilon, paper.encoder_epsilon) == (1e-5, 1e-6)
    assert (released.spelling, paper.spelling) == ("released", "vocabulary")


def test_ones_own_file(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, WHOLE))
    assert (settings.side, settings.grid, settings.text_kernel) == (64, 4, False)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        (WHOLE.replace("64", "65"), "side is 65, which is no multiple of 16"),
        (WHOLE.replace("64", "-16"), "side: Input should be greater than 0"),
        (WHOLE.replace('"nearest"', '"cubic"'), "resize: Input should be 'nearest' or 'bilinear'"),
        (WHOLE.replace("side", "sides"), "side: Field required"),
        (WHOLE + "more = 1\n", "more: Unexpected keyword argument"),
        (WHOLE + "=", "is no TOML"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, fact: str) -> None:
    with pytest.raises(BadInput, match=rf"own\.toml: .*{fact}.*; see paper\.toml"):
        read_settings(written(tmp_path, text))
