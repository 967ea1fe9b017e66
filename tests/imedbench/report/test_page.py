import base64
import io
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image as Pillow

from imedbench.report.page import render, webp_uri, write_page


def test_a_picture_survives_as_a_data_uri() -> None:
    ramp = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 3, 2).repeat(32, 0)
    kind, _, text = webp_uri(ramp).partition(",")
    assert kind == "data:image/webp;base64"
    with Pillow.open(io.BytesIO(base64.b64decode(text))) as found:
        assert np.abs(np.asarray(found.convert("RGB")).astype(int) - ramp).max() < 12


def test_the_shell_stands_alone_and_escapes() -> None:
    text = render("page.html.j2", title="a < b")
    assert "<title>a &lt; b</title>" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("page.html.j2")


def test_a_page_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("old")
    write_page("née", tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "née"


def test_a_template_of_another_package_extends_the_shell(tmp_path: Path) -> None:
    (tmp_path / "own.html.j2").write_text("{% extends 'page.html.j2' %}{% block content %}{{ words }}{% endblock %}")
    text = render("own.html.j2", folder=tmp_path, title="own", words="a < b")
    assert "<title>own</title>" in text
    assert "a &lt; b" in text
