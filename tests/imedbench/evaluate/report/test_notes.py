from imedbench.evaluate.report.notes import glossary, section_notes
from imedbench.evaluate.report.numbers import Numbers


def test_the_glossary_explains_what_the_page_shows(one: tuple[Numbers, ...], robust: tuple[Numbers, ...]) -> None:
    terms = dict(glossary(one))
    assert {"AUC", "Gain", "Monotonicity", "NoC", "Failed", "Mean and interval"} <= set(terms)
    assert "2.4 s for the first click" in terms["User's time"]
    assert "AUC" not in dict(glossary(robust))
    assert "a pixel counts 1 mm" in terms["Millimetres"]


def test_slices_are_explained_where_there_are_any(one: tuple[Numbers, ...], solid: tuple[Numbers, ...]) -> None:
    assert "For a slice touched" in dict(glossary(solid))
    assert "For a slice touched" not in dict(glossary(one))


def test_arms_that_are_not_drawn_are_told(robust: tuple[Numbers, ...], one: tuple[Numbers, ...]) -> None:
    assert "Shown: point 0 %, box 100 %" in section_notes(robust)["boxes"]
    assert "Shown" not in section_notes(one)["boxes"]


def test_several_runs_say_whose_prompts_are_drawn(two: tuple[Numbers, ...], one: tuple[Numbers, ...]) -> None:
    assert "prompts are those" in section_notes(two)["worst"]
    assert "prompts are those" not in section_notes(one)["worst"]
