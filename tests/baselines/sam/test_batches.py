from baselines.sam.batches import alike


def test_each_is_in_one_batch_with_its_kind() -> None:
    assert list(alike("abacaaa", 2)) == [[0, 2], [4, 5], [6], [1], [3]]
    assert list(alike([(1, True), (1, False), (1, True)], 9)) == [[0, 2], [1]]
    assert list(alike([], 2)) == []
