import pytest

from imedbench.evaluate.seeds import generator

SESSION = ("case/z0001", "liver", 0, "click")


def test_the_same_turn_draws_the_same() -> None:
    draws = [generator(7, SESSION, 2).random(3).tolist() for _ in range(2)]
    assert draws[0] == draws[1]
    # Frozen: published protocols depend on it.
    assert draws[0] == [0.8403963227754493, 0.32866559140319174, 0.8048997409981865]


@pytest.mark.parametrize(
    ("seed", "session", "turn"),
    [
        (8, SESSION, 2),
        (7, SESSION, 3),
        (7, ("case/z0002", *SESSION[1:]), 2),
        (7, (SESSION[0], "spleen", *SESSION[2:]), 2),
        (7, (*SESSION[:2], 1, "click"), 2),
        (7, (*SESSION[:3], "box"), 2),
    ],
)
def test_any_other_turn_draws_otherwise(seed: int, session: tuple[str, str, int, str], turn: int) -> None:
    assert generator(seed, session, turn).random() != generator(7, SESSION, 2).random()
