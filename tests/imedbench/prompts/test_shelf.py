from pathlib import Path

import pytest

from imedbench.errors import BadProtocol, UnknownName
from imedbench.prompts.sets import PromptSet
from imedbench.prompts.shelf import Shelf

SETS = Shelf("set", "imedbench.prompts", "sets", PromptSet)
GOOD = "name: mine\nsummary: s\nsource: s\n"


def test_names_stand_for_files_of_the_project() -> None:
    assert SETS.names() == sorted(SETS.names())
    for name in SETS.names():
        assert SETS.load(name).name == name
        assert f"name: {name}".encode() in SETS.text(name)


def test_a_path_stands_for_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    assert SETS.load(str(path)).name == "mine"
    assert SETS.text(str(path)) == GOOD.encode()


@pytest.mark.parametrize("missing", ["perfekt", "no/such/file.yaml"])
def test_what_is_neither_is_refused_with_the_names(missing: str) -> None:
    for ask in (SETS.load, SETS.text):
        with pytest.raises(UnknownName, match=r"there is no set called .*; there are: .*noisy, perfect"):
            ask(missing)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"\xff\xfe\x00", "is not YAML"),
        (b"a: [", "is not YAML"),
        (b"3", "the whole: "),
        (GOOD.encode() + b"clicks: []\n", "clicks: Extra inputs"),
        (GOOD.encode() + b"click: [{apply: nudge}]\n", "there is no imperfection called 'nudge'"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, text: bytes, fault: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(text)
    with pytest.raises(BadProtocol, match=rf"bad\.yaml: {fault}.*; correct it\."):
        SETS.load(str(path))
