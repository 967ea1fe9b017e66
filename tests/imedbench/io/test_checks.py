import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imedbench.errors import BadInput
from imedbench.io.checks import (
    check_affine,
    check_finite,
    check_size,
    clause,
    file_size,
    is_utf8,
    readable_bytes,
    reading,
)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ValueError("first line.\nsecond line."), "first line"),
        (ValueError("One thing. Another thing."), "One thing, Another thing"),
        (EOFError(), "EOFError"),
        (ValueError("caf\udce9"), "caf\\xe9"),
        (ValueError("x" * 500), "x" * 200),
    ],
)
def test_clause(problem: Exception, told: str) -> None:
    assert clause(problem) == told


@pytest.mark.parametrize(
    ("problem", "fact"),
    [
        (EOFError(), "truncated"),
        (MemoryError(), "does not fit into memory"),
        (OSError(errno.ELOOP, "loop"), "leads back to itself"),
        (OSError(errno.EACCES, "denied"), "may not be read by this user"),
        (OSError(errno.EIO, "Input/output error"), r"cannot be read \(Input/output error\)"),
    ],
)
def test_what_the_system_raises(refused: Any, problem: Exception, fact: str) -> None:
    with refused(Path("a.nii"), fact), reading(Path("a.nii"), "NIfTI"):
        raise problem


def test_sizes(tmp_path: Path) -> None:
    check_size(tmp_path, 1000, 1000)
    check_size(tmp_path, 5000, 1000, ratio=5)
    with pytest.raises(BadInput, match=r"declares 1\.0 kB but only 999 bytes"):
        check_size(tmp_path, 1000, 999)
    assert readable_bytes(60 * 10**9) == "60.0 GB"


def test_files_that_are_none(tmp_path: Path, refused: Any) -> None:
    with refused(tmp_path, "is not a regular file"):
        file_size(tmp_path)
    (tmp_path / "a").touch()
    with refused(tmp_path / "a", "is empty"):
        file_size(tmp_path / "a")


def test_affines(refused: Any) -> None:
    check_affine(Path(), np.diag([1e-3, 1e-3, 1e-3, 1]))
    for value, fact in ((np.nan, "not finite"), (0.0, "singular")):
        with refused(Path("a"), fact):
            check_affine(Path("a"), np.diag([1, value, 1, 1]))


def test_finite_voxels_are_let_through() -> None:
    check_finite(Path(), np.full((3, 4), 1e308))
    check_finite(Path(), np.full((3, 4), 3e38, np.float32))
    check_finite(Path(), np.zeros((3, 4), np.int16))
    with pytest.raises(BadInput, match=r"1 voxels? that .* index \(2, 1\)"):
        check_finite(Path(), np.where(np.arange(12).reshape(3, 4) == 9, np.inf, 1e308))


def test_names() -> None:
    assert is_utf8(Path("é中"))
    assert not is_utf8(Path("a\udcff"))
