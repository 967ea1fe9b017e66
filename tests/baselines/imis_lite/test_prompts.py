import pytest
import torch

from baselines.imis_lite.prompts import DRAWN, FIRST, GRID, INSIDE, LAST, NOTHING, OUTSIDE, Prompts

NAN = float("nan")
CLICKS = torch.tensor([[[20.0, 30.0], [50.0, 60.0]], [[70.0, 80.0], [0.0, 0.0]]]), torch.tensor([[1, 0], [1, -1]])
BOXES = torch.tensor([[10.0, 20.0, 110.0, 60.0], [NAN] * 4])


def masks() -> torch.Tensor:
    given = torch.full((2, DRAWN, DRAWN), 8.0)
    given[0] = NAN
    return given


@pytest.mark.parametrize("clicked", [False, True])
@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_any_mixture(clicked: bool, boxed: bool, masked: bool) -> None:
    given = CLICKS if clicked else None, BOXES if boxed else None, masks() if masked else None
    if not any((clicked, boxed, masked)):
        with pytest.raises(ValueError, match="without a click, a box or a mask"):
            Prompts.of(*given)
        return
    prompts = Prompts.of(*given)
    count = 2 * clicked + 2 * boxed
    assert prompts.points.shape == (2, count, 2)
    assert prompts.kinds.shape == (2, count)
    assert prompts.masks.shape == (2, DRAWN, DRAWN)
    assert prompts.masked.tolist() == [0.0, float(masked)]
    first, second = prompts.kinds.tolist()
    assert first == [INSIDE, OUTSIDE] * clicked + [FIRST, LAST] * boxed
    assert second == [INSIDE, NOTHING] * clicked + [NOTHING, NOTHING] * boxed
    assert not prompts.points.isnan().any()
    assert not prompts.drawn().isnan().any()


def test_places_stay_what_they_are() -> None:
    prompts = Prompts.of(CLICKS, BOXES)
    assert prompts.points[0].tolist() == [[20, 30], [50, 60], [10, 20], [110, 60]]


def test_spots_are_where_the_clicks_are() -> None:
    """A pixel of the drawn grid is two by two of the square."""
    places = torch.tensor([[[2 * 90 + 0.5, 2 * 33 + 0.5], [2 * 12 + 0.5, 2 * 101 + 0.5], [64.0, 64.0]]])
    inside, outside, box, mask = Prompts.of((places, torch.tensor([[1, 0, -1]]))).drawn()[0]
    for spot, (row, column) in ((inside, (33, 90)), (outside, (101, 12))):
        assert divmod(int(spot.argmax()), GRID) == (row, column)
        assert spot[row, column] == pytest.approx(1)
        assert spot[row, column + 2] == pytest.approx(torch.exp(torch.tensor(-0.5)))
        assert spot.sum() < 8 * torch.pi * 1.05
    assert not box.any()
    assert not mask.any()


def test_spots_do_not_add_up() -> None:
    places = torch.tensor([[[64.0, 64.0]] * 5])
    assert Prompts.of((places, torch.ones(1, 5, dtype=torch.long))).drawn().max() <= 1


def test_a_box_is_filled() -> None:
    """Pixels 20 to 59 in x and 100 to 139 in y of the square are 10 to 29 and 50 to 69 of the drawn grid."""
    drawn = Prompts.of(boxes=torch.tensor([[20.0, 100.0, 59.0, 139.0], [NAN] * 4])).drawn()
    expected = torch.zeros(GRID, GRID, dtype=torch.bool)
    expected[50:70, 10:30] = True
    assert torch.equal(drawn[0, 2] > 0.5, expected)
    assert drawn[0, 2, 60, 20] > 0.99
    assert drawn[0, 2, 40, 20] < 0.01
    assert not drawn[1].any()
    assert not drawn[0, [0, 1, 3]].any()


def test_earlier_masks_are_softened() -> None:
    """A pixel of the drawn grid is the mean of two by two."""
    logits = torch.linspace(-30, 30, GRID * GRID).reshape(1, GRID, GRID)
    given = logits.repeat_interleave(2, 1).repeat_interleave(2, 2)
    given[:, ::2, ::2] += 3
    given[:, 1::2, 1::2] -= 3
    soft = Prompts.of(masks=given).softened()
    assert soft.abs().max() <= 1
    assert torch.equal(soft > 0, logits > 0)
    torch.testing.assert_close(soft, torch.tanh(logits / 4))
    assert torch.equal(Prompts.of(masks=given).drawn()[:, 3], soft)
    assert not Prompts.of(masks=masks()).softened()[0].any()
