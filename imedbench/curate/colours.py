"""Colours of curated labels: in pictures, and in the tables that ITK-SNAP and 3D Slicer read."""

import colorsys

import numpy as np
from numpy.typing import NDArray

from imedbench.curate.classes import MUSCLE, SUBCUTANEOUS, VISCERAL, Classes

TISSUE_COLOURS = {MUSCLE: (214, 96, 77), VISCERAL: (253, 184, 99), SUBCUTANEOUS: (244, 221, 120)}
SNAP, SLICER = "itk-snap-labels.txt", "slicer-colours.ctbl"
"""Names and colours of the labels, as these programs read them."""


def label_colours(classes: Classes) -> NDArray[np.uint8]:
    """(256, 3): a colour for every number; black for none."""
    found = np.zeros((256, 3), np.uint8)
    for number in range(1, len(classes.names) + 1):
        # Steps by the golden ratio: neighbours in number differ in hue.
        hue, light = number * 0.618034 % 1, 0.45 + 0.15 * (number % 3)
        found[number] = np.rint(255 * np.array(colorsys.hls_to_rgb(hue, light, 0.7)))
    for name, colour in TISSUE_COLOURS.items():
        found[classes.number(name)] = colour
    return found


def colour_tables(classes: Classes) -> dict[str, str]:
    """Text of each program's table.

    ITK-SNAP reads number, colour, opacity, visibility twice, name; 3D Slicer reads number, name, colour, opacity.
    """
    snap, slicer = ['0 0 0 0 0 0 0 "Clear Label"'], ["0 background 0 0 0 0"]
    colours = label_colours(classes)
    for number, name in enumerate(classes.every, 1):
        colour = " ".join(map(str, colours[number]))
        snap.append(f'{number} {colour} 1 1 1 "{name}"')
        slicer.append(f"{number} {name} {colour} 255")
    return {SNAP: "\n".join(snap) + "\n", SLICER: "\n".join(slicer) + "\n"}
