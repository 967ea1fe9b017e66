from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from imedbench.errors import BadStore, UnknownName
from imedbench.report.cases import draw_from, sheet_from
from imedbench.report.colours import target_colours
from imedbench.store import Store


def test_a_target_has_the_colour_that_it_has_in_the_whole_store(sample_store: Store, tmp_path: Path) -> None:
    colours = target_colours(["liver", "liver tumor", "spleen", "optic disc"])
    for path in (draw_from(sample_store, "eye.1", tmp_path), sheet_from(sample_store, tmp_path)):
        with Pillow.open(path) as drawn:
            pixels = np.asarray(drawn).reshape(-1, 3)
        # The outline is drawn in the pure colour.
        assert (pixels == colours["optic disc"]).all(1).any()


def test_names_that_are_near_come_first(sample_store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        draw_from(sample_store, "s1/z01", tmp_path)
    assert "s1/z0001, s1/z0002" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_empty_store_cannot_be_drawn(make_store: Callable[..., Store], tmp_path: Path) -> None:
    with pytest.raises(BadStore, match="holds no case"):
        sheet_from(make_store([]), tmp_path)
