import os
from pathlib import Path

import pytest

from imedbench.errors import BadRecipe
from imedbench.layout.pattern import Tree, match_name, variables


def touch(root: Path, *names: str) -> Tree:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return Tree(root)


def test_variables_in_order() -> None:
    assert variables("label/x___{study}.({n}, {h}, {w}, 1).npz") == ["study", "n", "h", "w"]


@pytest.mark.parametrize(("pattern", "message"), [("{case}.png", r"\{case\} is no variable"), ("{study.png", "brace")])
def test_pattern_that_means_nothing_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(BadRecipe, match=message):
        variables(pattern)


@pytest.mark.parametrize(
    ("name", "step", "values"),
    [
        ("x___ABD_001_100.(13, 512, 512, 1).npz", "x___{study}.({n}, {h}, {w}, 1).npz", "ABD_001_100"),
        ("a.b.c.nii.gz", "{study}.nii.gz", "a.b.c"),
        ("case_0001_0000.nii.gz", "{study}_0000.nii.gz", "case_0001"),
        ("p1_s2_mask.png", "{study}_{any}.png", "p1_s2"),
    ],
)
def test_study_takes_as_much_as_it_can(name: str, step: str, values: str) -> None:
    found = match_name(name, step, {})
    assert found is not None
    assert found["study"] == values


@pytest.mark.parametrize(
    ("name", "step"), [("a.nii", "{study}.nii.gz"), (".png", "{study}.png"), ("axb.png", "a.{any}")]
)
def test_name_that_does_not_fit(name: str, step: str) -> None:
    assert match_name(name, step, {}) is None


def test_longest_known_study_and_shortest_target() -> None:
    studies = {"amos_1", "amos_1_2", "s0114_111"}
    step = "{study}_{target}_{instance}.png"
    assert match_name("amos_1_2_rib_left_9_000.png", step, {}, studies) == {
        "study": "amos_1_2",
        "target": "rib_left_9",
        "instance": "000",
    }
    assert match_name("amos_3_liver_000.png", step, {}, studies) is None
    assert match_name("amos_1_2_000.png", step, {}, studies) == {"study": "amos_1", "target": "2", "instance": "000"}


def test_study_behind_another_variable() -> None:
    found = match_name("left_lung_p_7.png", "{target}_{study}.png", {}, {"p_7", "7"})
    assert found == {"target": "left_lung", "study": "p_7"}


def test_same_variable_twice_is_the_same_text(tmp_path: Path) -> None:
    tree = touch(tmp_path, "a/a_flair.nii", "b/a_flair.nii", "b/b_flair.nii")
    assert [found.path for found in tree.matches("{study}/{study}_flair.nii")] == ["a/a_flair.nii", "b/b_flair.nii"]
    assert match_name("x_x.png", "{patient}_{patient}.png", {}) == {"patient": "x"}
    assert match_name("x_y.png", "{patient}_{patient}.png", {}) is None


def test_matches_are_sorted_and_hidden_files_left_out(tmp_path: Path) -> None:
    tree = touch(tmp_path, "c.png", "a.png", "._a.png", ".DS_Store", "b/d.png")
    assert [found.path for found in tree.matches("{study}.png")] == ["a.png", "c.png"]


def test_folder_pattern_matches_folders_only(tmp_path: Path) -> None:
    tree = touch(tmp_path, "p1/1.dcm", "p2/1.dcm", "README")
    assert [found.path for found in tree.matches("{study}/")] == ["p1", "p2"]
    assert [found.path for found in tree.matches("./")] == [""]


def test_pattern_stays_below_the_source(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="stays below"):
        list(touch(tmp_path, "a.png").matches("../{study}.png"))


def test_loop_of_links_ends(tmp_path: Path) -> None:
    tree = touch(tmp_path, "a/x.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert [found.path for found in tree.matches("{study}/x.png")] == ["a/x.png"]
    assert "self" in tree.failures


def test_names_that_are_no_utf8_are_kept(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).touch()
    found = next(Tree(tmp_path).matches("{study}.png"))
    assert (tmp_path / found.path).exists()
