import math
import re
import xml.etree.ElementTree as ET
from typing import Any

from markupsafe import Markup

from imedbench.report.axes import linear_axis
from imedbench.report.plots import Box, BoxRow, Cloud, Line, Plot, Spot, boxes, key, plot

X, Y = linear_axis("turn", [0, 10]), linear_axis("a < b", [0, 1], (0, 1))


def parsed(drawn: Markup) -> ET.Element:
    """The drawing as a tree; fails where it is not well formed."""
    return ET.fromstring(f"<div>{drawn}</div>".replace("scope=row", 'scope="row"'))


def circles(root: ET.Element) -> list[tuple[str, str]]:
    return [(each.get("cx", ""), each.get("cy", "")) for each in root.iter("circle")]


def line(*places: tuple[float, float], name: str = "one") -> Line:
    return Line(name, [Spot(x, y, y - 0.1, y + 0.1, f"at {x:g}: {y:g}") for x, y in places], "red")


def test_spots_stand_where_the_axes_say() -> None:
    root = parsed(plot(Plot("title", X, Y, [line((0, 0.5), (5, 1.0))])))
    assert circles(root) == [("0.0%", "50.0%"), ("50.0%", "0.0%")]
    band = next(path for path in root.iter("path") if path.get("class") == "band")
    assert band.get("d") == "M0.0,40.0L50.0,0.0L50.0,10.0L0.0,60.0Z"


def test_marks_and_titles_are_words_of_the_page() -> None:
    root = parsed(plot(Plot("title", X, Y, [line((0, 0.5))])))
    words = [each.text for each in root.iter("span")]
    assert words == ["0", "0.2", "0.4", "0.6", "0.8", "1", "0", "2", "4", "6", "8", "10"]
    assert "a < b" in [each.text for each in root.iter("p")]


def test_a_lonely_spot_has_a_whisker_and_no_band() -> None:
    root = parsed(plot(Plot("title", X, Y, [line((2, 0.5))])))
    assert [each.get("class") for each in root.iter("line") if each.get("class")] == ["whisker"]
    assert not list(root.iter("path"))


def test_a_missing_interval_or_number_leaves_the_rest() -> None:
    nothing = Spot(1, math.nan, math.nan, math.nan, "nothing")
    bare = Spot(2, 0.4, math.nan, math.nan, "bare")
    root = parsed(plot(Plot("title", X, Y, [Line("one", [nothing, bare, Spot(3, 0.6, 0.5, 0.7, "all")], "red")])))
    assert len(circles(root)) == 2
    assert "nan" not in ET.tostring(root, encoding="unicode").replace("nothing", "")


def test_the_numbers_are_there_for_screen_readers() -> None:
    drawn = plot(Plot("title", X, Y, [line((0, 0.5), name="<one>")]))
    assert "<th scope=row>&lt;one&gt;</th><td>at 0: 0.5</td>" in drawn


def test_a_cloud_of_points_and_one_of_squares() -> None:
    clouds = [Cloud("a", "red", [(5, 0.5)]), Cloud("b", "blue", squares=[(0, 0, 5, 0.5, 1), (5, 0.5, 10, 1, 400)])]
    root = parsed(plot(Plot("title", X, Y, clouds=clouds)))
    assert circles(root) == [("50.0%", "50.0%")]
    few, many = root.iter("rect")
    assert (few.get("x"), few.get("y"), few.get("width"), few.get("height")) == ("0.0%", "50.0%", "50.00%", "50.00%")
    assert float(few.get("opacity", 1)) < float(many.get("opacity", 0))
    assert many.find("title").text == "400"  # type: ignore[union-attr]


def test_boxes_have_a_row_a_name() -> None:
    drawn = boxes("title", Y, [BoxRow("liver & co", [Box(0.1, 0.2, 0.5, 0.6, 0.9, "red", "words")], "n = 3")])
    root = parsed(drawn)
    rectangle = next(root.iter("rect"))
    assert (rectangle.get("x"), rectangle.get("width")) == ("20.0%", "40.0%")
    assert [each.text for each in root.iter("span") if each.get("class") == "box-note"] == ["n = 3"]
    assert "liver &amp; co" in drawn


def test_a_long_list_of_boxes_has_a_ruler_at_its_end_too() -> None:
    def rulers(rows: int) -> int:
        box = Box(0.1, 0.2, 0.5, 0.6, 0.9, "red", "words")
        return str(boxes("title", Y, [BoxRow(str(row), [box]) for row in range(rows)])).count("box-ruler")

    assert (rulers(3), rulers(30)) == (1, 2)


def test_a_key_shows_colour_and_dash() -> None:
    drawn: Any = key([("a", "red", ""), ("b", "blue", "6 4")])
    assert re.findall(r'stroke="(\w+)" stroke-dasharray="([\d ]*)"', str(drawn)) == [("red", ""), ("blue", "6 4")]
