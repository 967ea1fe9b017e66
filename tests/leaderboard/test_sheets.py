import json
import runpy
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from imedbench import catalog
from imedbench.evaluate.plan import RunSettings, make_plan
from imedbench.store import Store
from imedbench.types import Mask
from leaderboard.sheets import CaseSheet, Which, sheet_of, subset_of
from leaderboard.tasks import Task
from leaderboard.teams import Refused

FAKE = runpy.run_path(str(Path(__file__).resolve().parents[1] / "fakes" / "plays.py"))
TOLD = {"card": json.loads(json.dumps(asdict(catalog.card("threshold")))), "across": "box"}


@pytest.fixture(scope="module")
def play_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made: Store = FAKE["make_store"](tmp_path_factory.mktemp("sheets") / "store")
    return made


@pytest.fixture
def play_task(play_store: Store, tmp_path: Path) -> Iterator[Task]:
    place = FAKE["make_place"](tmp_path / "board", play_store)
    yield place.task
    place.board.database.close()


def test_what_is_owed_is_what_an_evaluation_asks(play_task: Task, play_store: Store) -> None:
    sheet = sheet_of(play_task, TOLD)
    plan = make_plan(play_store, RunSettings("threshold", "clicks-9", "noisy", subset=subset_of(play_task)))
    assert [(case, tuple(each.masks.values())) for case, each in sheet.cases.items()] == [
        (subject.case, subject.masks) for subject in plan.subjects
    ]
    assert tuple(sheet.arms.values()) == plan.arms
    assert sheet.sessions == 8
    assert sheet_of(play_task, TOLD) is sheet


def test_a_goal_is_the_truth_with_its_place(play_task: Task, play_store: Store) -> None:
    sheet = sheet_of(play_task, TOLD)
    which = Which("s1", "spleen", 0, "9 clicks")
    goal = sheet.cases["s1"].goal(play_store.case_masks("s1"), which)
    expected: Mask = play_store["s1"].masks["spleen"]
    assert (goal.truth == expected).all()
    assert (goal.spacing_mm, goal.target, goal.instance) == (play_store["s1"].image.spacing_mm, "spleen", 0)


def test_a_session_is_owed_or_not(play_task: Task) -> None:
    sheet = sheet_of(play_task, TOLD)
    which = Which("s1", "spleen", 0, "9 clicks")
    assert sheet.owes(which)
    for change in ({"case": "s7"}, {"target": "heart"}, {"instance": 2}, {"prompts": "text"}):
        assert not sheet.owes(replace(which, **change))


@pytest.mark.parametrize(("grid", "most"), [((8, 8), 64), ((512, 512, 300), 6), ((2000, 2000, 2000), 1)])
def test_large_images_are_played_few_at_a_time(grid: tuple[int, ...], most: int) -> None:
    assert CaseSheet("s", grid, (1.0,) * len(grid), {}).at_once == most


def test_data_that_have_changed_are_not_played_and_no_folder_is_named(play_task: Task, tmp_path: Path) -> None:
    other: Any = FAKE["make_store"](tmp_path / "other", patients=2)
    for path in (other.path, tmp_path / "nowhere"):
        with pytest.raises(Refused, match="tell the organisers") as caught:
            sheet_of(replace(play_task, store=path), TOLD)
        assert caught.value.status == 503
        assert str(tmp_path) not in str(caught.value)
