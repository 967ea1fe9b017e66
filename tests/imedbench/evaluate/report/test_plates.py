import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from imedbench.evaluate.report.plates import Guess, Scene, draw_scene, plane_of
from imedbench.types import Box, Click, Image, Mask, Prompt, Scribble, Text


def image(shape: tuple[int, ...], spacing_mm: tuple[float, ...], dtype: Any = np.uint8) -> Image:
    voxels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    return Image(voxels, spacing_mm, np.eye(4), "ct")


def block(shape: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.bool_)
    mask[tuple(slice(first, last) for first, last in zip(low, high, strict=True))] = True
    return mask


def flat(*prompts: Prompt, size: int = 20, spacing_mm: tuple[float, float] = (1.0, 1.0)) -> tuple[ET.Element, str]:
    """A picture whose truth is nearly all of it, so that nothing is cropped."""
    truth = block((size, size), (1, 1), (size - 1, size - 1))
    scene = Scene(
        image((size, size), spacing_mm), truth, [Guess("a & b", "red", ~truth)], [(3, p) for p in prompts], "words"
    )
    drawing = draw_scene(scene)
    return ET.fromstring(str(drawing.svg)), drawing.note


def test_truth_guess_and_picture_are_there() -> None:
    root, note = flat()
    assert root.get("viewBox") == "0 0 480 480"
    assert root.get("aria-label") == "words"
    assert str(root.find("image").get("href")).startswith("data:image/webp")  # type: ignore[union-attr]
    titles = [path.find("title").text for path in root.iter("path") if "outline" in path.get("class", "")]  # type: ignore[union-attr]
    assert titles == ["truth", "a & b"]
    assert note == "20 × 20 mm shown"


def test_a_click_lies_in_the_middle_of_its_pixel() -> None:
    root, _ = flat(Click((2.0, 5.0)), Click((9.0, 9.0), inside=False))
    found = [(each.get("cx"), each.get("cy")) for each in root.iter("circle")]
    assert found == [("132.0", "60.0"), ("228.0", "228.0")]
    assert [each.get("class") for each in root.iter("g")] == ["click inside", "click outside"]
    assert [each.text for each in root.iter("text")] == ["3", "3"]


def test_a_box_encloses_its_pixels() -> None:
    root, _ = flat(Box((2, 4), (10, 16)))
    box = next(root.iter("rect"))
    assert [box.get(name) for name in ("x", "y", "width", "height")] == ["96.0", "48.0", "288.0", "192.0"]


def test_a_scribble_covers_its_pixels() -> None:
    root, _ = flat(Scribble(np.array([[0, 0], [1, 1]], np.int32), inside=False))
    stroke = next(path for path in root.iter("path") if "scribble" in path.get("class", ""))
    assert stroke.get("class") == "scribble outside"
    assert stroke.get("d") == "M0.0 0.0h24.0v24.0h-24.0zM24.0 24.0h24.0v24.0h-24.0z"


def test_millimetres_are_square() -> None:
    root, note = flat(spacing_mm=(2.0, 1.0))
    assert root.get("viewBox") == "0 0 240 480"
    assert note == "40 × 20 mm shown"


def test_a_small_object_is_seen_from_near() -> None:
    shape = (200, 200)
    truth = block(shape, (90, 100), (100, 104))
    scene = Scene(image(shape, (1.0, 1.0)), truth, [Guess("a", "red", truth)], [(1, Click((95.0, 102.0)))], "")
    drawing = draw_scene(scene)
    assert drawing.note == "42 × 42 mm shown"
    circle = next(ET.fromstring(str(drawing.svg)).iter("circle"))
    assert float(circle.get("cx", 0)) == pytest.approx(240, abs=20)


def test_a_prompt_far_away_is_still_seen() -> None:
    shape = (200, 200)
    truth = block(shape, (90, 100), (100, 104))
    scene = Scene(image(shape, (1.0, 1.0)), truth, [Guess("a", "red", truth)], [(1, Click((20.0, 102.0)))], "")
    circle = next(ET.fromstring(str(draw_scene(scene).svg)).iter("circle"))
    assert 0 < float(circle.get("cy", 0)) < 480


def test_a_volume_is_shown_where_the_guess_is_worst_and_turned_upright() -> None:
    shape = (6, 20, 20)
    truth, guess = block(shape, (1, 1, 1), (5, 19, 19)), block(shape, (1, 1, 1), (4, 19, 19))
    given = [(1, Click((4.0, 2.0, 5.0))), (2, Click((1.0, 9.0, 9.0))), (2, Text("liver"))]
    drawing = draw_scene(Scene(image(shape, (5.0, 1.0, 1.0), np.int16), truth, [Guess("a", "red", guess)], given, ""))
    assert drawing.note == "axial slice z = 4, 20 × 20 mm shown, 1 of 3 prompts on other slices"
    circle = next(ET.fromstring(str(drawing.svg)).iter("circle"))
    assert (circle.get("cx"), circle.get("cy")) == ("348.0", "420.0")


def test_a_box_of_other_slices_is_not_drawn() -> None:
    shape = (6, 20, 20)
    truth = block(shape, (1, 1, 1), (5, 19, 19))
    for low, high, boxes in ((0, 2, 1), (2, 6, 0)):
        guess = truth & ~block(shape, (1, 0, 0), (2, 20, 20))
        given = [(1, Box((low, 3, 3), (high, 9, 9)))]
        svg = draw_scene(Scene(image(shape, (1.0,) * 3), truth, [Guess("a", "red", guess)], given, "")).svg
        assert len(re.findall("box-prompt", str(svg))) == boxes


def test_the_plane_of_a_perfect_guess_is_the_fullest() -> None:
    truth = block((4, 5, 5), (1, 0, 0), (2, 2, 2)) | block((4, 5, 5), (2, 0, 0), (3, 4, 4))
    assert plane_of(truth, [truth]) == 2
    assert plane_of(truth, [truth & ~block((4, 5, 5), (1, 0, 0), (2, 5, 5))]) == 1


def test_an_empty_guess_is_no_reason_to_fail() -> None:
    shape = (30, 30)
    truth = block(shape, (10, 10), (12, 12))
    drawing = draw_scene(Scene(image(shape, (1.0, 1.0)), truth, [Guess("a", "red", np.zeros(shape, bool))], [], ""))
    assert 'd=""' in drawing.svg
