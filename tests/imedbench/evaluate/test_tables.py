from imedbench.evaluate.tables import WHOLE_SESSION, schema

SESSION = ["dataset", "patient", "study", "case", "modality", "target", "group", "instance", "prompts", "turn"]


def test_both_tables_begin_with_what_identifies_a_turn() -> None:
    for table in ("turns", "scores"):
        columns = schema(table)
        assert columns.names[: len(SESSION)] == SESSION
        assert not any(field.nullable for field in columns)


def test_the_columns_that_others_rely_on() -> None:
    # A change of these is a change of the format: its number moves, and an archive of the old one is added.
    assert schema("scores").names[len(SESSION) :] == [
        "voxels",
        "fraction",
        "diagonal_mm",
        "metric",
        "value",
        "seconds",
        "failed",
    ]
    assert schema("turns").names[len(SESSION) :] == [
        *("shape", "spacing_mm", "given", "starts", "lengths", "model_score", "seconds", "encode_seconds"),
        *("clicks", "corners", "scribble_mm", "effort_s", "slices", "error"),
    ]
    assert WHOLE_SESSION == 0
