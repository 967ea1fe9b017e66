from baselines.training.order import Place
from baselines.training.trainee import Chance


def test_chance_belongs_to_step_position_and_round() -> None:
    chance = Chance(3, (Place(5, 2, 0, 9), Place(5, 3, 0, 1)))
    draws = {
        "common": chance.common(0).random(),
        "later": chance.common(1).random(),
        "first": chance.own(0, 0).random(),
        "second": chance.own(1, 0).random(),
        "other seed": Chance(4, chance.places).own(0, 0).random(),
        "other step": Chance(3, (Place(6, 2, 0, 9),)).own(0, 0).random(),
    }
    assert len(set(draws.values())) == len(draws)


def test_who_computes_it_does_not_matter() -> None:
    """The same sample, alone on its device or beside another."""
    together = Chance(3, (Place(5, 2, 0, 9), Place(5, 3, 0, 1)))
    alone = Chance(3, (Place(5, 3, 0, 1),))
    assert together.own(1, 4).random() == alone.own(0, 4).random()
    assert together.common(4).random() == alone.common(4).random()
