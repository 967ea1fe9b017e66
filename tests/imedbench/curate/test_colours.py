from imedbench.curate.classes import MUSCLE, TISSUES, classes
from imedbench.curate.colours import SLICER, SNAP, TISSUE_COLOURS, colour_tables, label_colours

KNOWN = classes("v2")


def test_every_label_has_a_colour_of_its_own() -> None:
    table = label_colours(KNOWN)
    used = {tuple(colour) for colour in table[1 : len(KNOWN.every) + 1].tolist()}
    assert len(used) > 110
    assert not table[0].any()
    assert not table[len(KNOWN.every) + 1 :].any()


def test_tissues_have_theirs_in_both_versions() -> None:
    for version in ("v1", "v2"):
        known = classes(version)
        table = label_colours(known)
        assert {name: tuple(table[known.number(name)].tolist()) for name in TISSUES} == TISSUE_COLOURS


def test_tables_for_both_programs() -> None:
    tables = colour_tables(KNOWN)
    snap, slicer = tables[SNAP].splitlines(), tables[SLICER].splitlines()
    assert len(snap) == len(slicer) == 121
    assert snap[5].endswith('1 1 1 "liver"')
    assert slicer[5].startswith("5 liver ")
    red, green, blue = TISSUE_COLOURS[MUSCLE]
    assert f'118 {red} {green} {blue} 1 1 1 "skeletal_muscle"' in snap
    assert f"118 skeletal_muscle {red} {green} {blue} 255" in slicer
