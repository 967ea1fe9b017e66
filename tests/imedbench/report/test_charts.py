import xml.etree.ElementTree as ET

import pytest

from imedbench.report.charts import Chart, Series, bars, columns, legend, short

CHART = Chart("Masks", ["a & b", "<c>", "d"], [Series("truth", [10, 5, 0]), Series("other", [0, 20, 0])], "masks")


@pytest.mark.parametrize("draw", [bars, columns])
def test_charts_are_well_formed_and_scaled_to_the_largest_value(draw: object) -> None:
    root = ET.fromstring(
        f"<div>{draw(CHART)}</div>".replace("scope=col", 'scope="col"').replace("scope=row", 'scope="row"')
    )  # type: ignore[operator]
    side = "width" if draw is bars else "height"
    sizes = [float(box.get(side, "").rstrip("%")) for box in root.iter("rect")]
    tips = [box.find("title").text for box in root.iter("rect")]  # type: ignore[union-attr]
    by_tip = dict(zip(tips, sizes, strict=True))
    assert by_tip["<c>, other: 20 masks"] == pytest.approx(2 * by_tip["a & b, truth: 10 masks"], rel=0.01)
    assert by_tip["d, truth: 0 masks"] == 0
    assert root.find("svg").get("aria-label") == "Masks"  # type: ignore[union-attr]


def test_the_numbers_are_in_a_table_too() -> None:
    assert "<th scope=row>a &amp; b</th><td>10</td><td>0</td>" in bars(CHART)


def test_a_small_number_can_be_seen() -> None:
    drawn = columns(Chart("x", ["a", "b"], [Series("s", [1, 1_000_000])]))
    assert 'height="0.67"' in drawn


def test_nothing_to_show() -> None:
    assert "<svg" in bars(Chart("x", [], [Series("s", [])]))
    assert "<svg" in columns(Chart("x", ["a"], [Series("s", [0])]))


def test_names_are_escaped() -> None:
    assert "&lt;script&gt;" in legend([Series("<script>", [])])
    assert "<script>" not in bars(Chart("x", ["<script>"], [Series("s", [1])], swatches=["#fff"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (361_000_000, "361M"),
        (6_400_000, "6.4M"),
        (0.5, "0.5"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
