from pathlib import Path

import pytest

from imedbench.curate.decisions import DECISIONS, Decision, read_decisions, write_decisions
from imedbench.errors import BadInput

TOLD = {"s0001": Decision("reject", 'odd, "very"'), "s0000": Decision("accept"), "s0002": Decision("", "ask again")}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_decisions(tmp_path, TOLD)
    assert read_decisions(tmp_path) == TOLD
    assert (tmp_path / DECISIONS).read_text().splitlines()[:2] == ["subject,verdict,note", "s0000,accept,"]


def test_without_a_table(tmp_path: Path) -> None:
    assert read_decisions(tmp_path) == {}


def test_a_table_of_a_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / DECISIONS).write_bytes(b"\xef\xbb\xbfsubject,verdict,note\r\ns0001,reject,odd\r\n")
    assert read_decisions(tmp_path) == {"s0001": Decision("reject", "odd")}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("subject,verdict,note\ns0001,rejct,odd\n", 2),
        ("subject,verdict,note\ns0000,accept,\ns0001,reject,odd,more\n", 3),
        ("subject,verdict,note\n,reject,odd\n", 2),
    ],
)
def test_a_line_that_cannot_be_read(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / DECISIONS).write_text(text)
    with pytest.raises(BadInput, match=f"cannot be read in line {line}.*accept, reject or nothing"):
        read_decisions(tmp_path)


@pytest.mark.parametrize("text", ["nonsense", "subject;verdict;note\ns0001;reject;odd\n", "subject,note\ns0001,odd\n"])
def test_another_header(tmp_path: Path, text: str) -> None:
    (tmp_path / DECISIONS).write_text(text)
    with pytest.raises(BadInput, match="has a header of"):
        read_decisions(tmp_path)


def test_no_table(tmp_path: Path) -> None:
    (tmp_path / DECISIONS).write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadInput, match="no table of decisions"):
        read_decisions(tmp_path)
