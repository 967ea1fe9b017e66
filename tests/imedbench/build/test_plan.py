from pathlib import Path

import pytest

from imedbench.build.plan import (
    IMAGES_PER_PART,
    IMAGES_PER_TASK,
    Found,
    Source,
    check_sources,
    digest_of,
    load_parts,
    make_plan,
    save_plan,
)
from imedbench.errors import BadRecipe, BadStore
from imedbench.layout import Problem, Study
from imedbench.recipe import Recipe


def found(name: str, planes: int = 0) -> Found:
    study = Study(name, name, (Path(f"{name}.nii.gz"),))
    return Found(source=0, study=study, images=max(1, planes), planes=planes, nbytes=10)


def test_pictures_are_packed_into_tasks_and_parts() -> None:
    plan = make_plan(found(f"{number:05d}") for number in range(2 * IMAGES_PER_PART + 1))
    assert [part.images for part in plan.parts] == [IMAGES_PER_PART, IMAGES_PER_PART, 1]
    assert {len(task) for part in plan.parts[:2] for task in part.tasks} == {IMAGES_PER_TASK}
    assert plan.images == 2 * IMAGES_PER_PART + 1


def test_a_volume_is_cut_into_tasks_but_not_across_parts() -> None:
    plan = make_plan([found("a", IMAGES_PER_PART - 10), found("b", 70), found("c", 3 * IMAGES_PER_PART)])
    assert [{bite.study for task in part.tasks for bite in task} for part in plan.parts] == [{"a"}, {"b"}, {"c"}]
    first, *_, last = [bite for task in plan.parts[1].tasks for bite in task]
    assert (first.first, last.last) == (0, 70)
    assert max(bite.images for part in plan.parts for task in part.tasks for bite in task) == IMAGES_PER_TASK


def test_what_is_planned_stays_and_new_studies_come_behind(tmp_path: Path) -> None:
    before = make_plan([found("b"), found("d")])
    save_plan(tmp_path / "plan.json", before, "digest")
    earlier = load_parts(tmp_path / "plan.json", "digest")
    assert earlier == before.parts
    after = make_plan([found("a"), found("b"), found("c"), found("d")], earlier)
    assert after.parts[0] == before.parts[0]
    assert [[bite.study for task in part.tasks for bite in task] for part in after.parts] == [["b", "d"], ["a", "c"]]


def test_refused_studies_are_problems_and_not_planned() -> None:
    plan = make_plan([found("a"), Problem("b", "b.nii", "b.nii: it is broken; mend it.")])
    assert plan.images == 1
    assert plan.problems == [{"study": "b", "path": "b.nii", "error": "b.nii: it is broken; mend it."}]


def test_another_recipe_is_another_store(tmp_path: Path) -> None:
    one = Source(tmp_path, Recipe(name="one", dimension=2, images="{study}.png"))
    two = Source(tmp_path, Recipe(name="one", dimension=2, images="{study}.jpg"))
    assert digest_of([one], {"a": 1}) == digest_of([one], {"a": 1})
    assert len({digest_of([one], {}), digest_of([two], {}), digest_of([one], {"a": 1})}) == 3
    path = tmp_path / "store" / ".build" / "plan.json"
    save_plan(path, make_plan([found("a")]), digest_of([one], {}))
    with pytest.raises(BadStore, match=r"store: this store was begun with other recipes or settings; .*--out"):
        load_parts(path, digest_of([two], {}))
    assert load_parts(tmp_path / "none.json", "") == []


def test_two_sources_need_two_names(tmp_path: Path) -> None:
    source = Source(tmp_path, Recipe(name="one", dimension=2, images="{study}.png"))
    with pytest.raises(BadRecipe, match="both called one"):
        check_sources([source, source])
