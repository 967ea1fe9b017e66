import pickle
from pathlib import Path

import pytest

from imedbench.errors import BadInput, ImedbenchError, MissingWeights, UnknownName, printable

ERRORS = [
    BadInput(Path("a/b.nii"), "it is empty", "copy it again"),
    UnknownName("model", "sma", ["sam", "medsam"]),
    MissingWeights("no file"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_travel_between_processes_whole(error: ImedbenchError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_bad_input_is_one_sentence_with_file_fact_and_remedy() -> None:
    assert str(ERRORS[0]) == "a/b.nii: it is empty; copy it again."


def test_unknown_name_lists_what_there_is() -> None:
    assert str(ERRORS[1]) == "there is no model called 'sma'; there are: medsam, sam"


def test_undecodable_names_can_be_shown() -> None:
    assert printable("caf\udce9") == "caf\\xe9"
