from typing import Any

import pytest

from imedbench.errors import BadSubmission
from imedbench.evaluate.results import Results
from imedbench.submission.record import check_record


def test_the_record_of_a_run(results: Results) -> None:
    check_record(results.run)
    check_record({**results.run, "notes": ["further fields may be there"]})


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "protocol",
        "prompts",
        "card",
        "data",
        "subset",
        "skipped",
        "versions",
        "across",
        "weights_sha256",
        "finished",
    ],
)
@pytest.mark.parametrize("value", [None, 7, {}, ["x", 3]])
def test_a_field_that_is_missing_or_something_else(results: Results, name: str, value: Any) -> None:
    told = dict(results.run)
    told.pop(name)
    with pytest.raises(BadSubmission, match=name):
        check_record(told)
    if name == "versions" and value == {}:
        return
    with pytest.raises(BadSubmission, match=name):
        check_record({**results.run, name: value})


@pytest.mark.parametrize("change", [{"sees_truth": 0}, {"name": "x" * 201}, {"prompts": "click"}])
def test_a_card_that_is_none(results: Results, change: dict[str, Any]) -> None:
    with pytest.raises(BadSubmission, match=f"card.{next(iter(change))}"):
        check_record({**results.run, "card": {**results.run["card"], **change}})
