from typing import Any

import numpy as np
import pytest

from imedbench.metrics.surfels import surfel_areas

SPACINGS = [(1.0, 1.0, 1.0), (1.0, 2.0, 3.5), (0.3, 5.0, 0.7), (2.0, 0.1, 0.1)]


def reversed_bits(codes: int) -> list[int]:
    """The peer numbers corners from the other end."""
    width = codes.bit_length() - 1
    return [int(f"{code:0{width}b}"[::-1], 2) for code in range(codes)]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_all_256_areas_equal_the_peers_table(spacing: tuple[float, ...], peer: Any) -> None:
    theirs = peer.lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
    np.testing.assert_allclose(surfel_areas(spacing), theirs[reversed_bits(256)], rtol=1e-14)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_all_16_lengths_equal_the_peers_table(spacing: tuple[float, ...], peer: Any) -> None:
    theirs = peer.lookup_tables.create_table_neighbour_code_to_contour_length(spacing[:2])
    np.testing.assert_allclose(surfel_areas(spacing[:2]), theirs[reversed_bits(16)], rtol=1e-14)


def test_known_areas() -> None:
    areas = surfel_areas((1.0, 2.0, 3.0))
    assert areas[0] == areas[255] == 0
    assert areas[0b00001111] == pytest.approx(2 * 3)
    assert areas[0b00110011] == pytest.approx(1 * 3)
    assert areas[0b01010101] == pytest.approx(1 * 2)
    # A single corner: the triangle between the middles of its three edges.
    assert areas[1] == pytest.approx(np.linalg.norm([2 * 3, 1 * 3, 1 * 2]) / 8)


def test_inside_and_outside_have_the_same_surface() -> None:
    for spacing in SPACINGS:
        areas = surfel_areas(spacing)
        np.testing.assert_allclose(areas, areas[::-1])
