import numpy as np

from imedbench.demo.xray import SILHOUETTES, make_xray


def test_a_film_shows_dark_lungs_beside_a_bright_heart() -> None:
    film, masks = make_xray(1)
    assert film.dtype == np.uint8
    assert film.shape == (512, 512)
    assert list(masks) == list(SILHOUETTES)
    assert all(mask.shape == film.shape and mask.any() for mask in masks.values())
    # As on a light box: the patient's right is at the left.
    columns = {name: np.argwhere(mask)[:, 1].mean() for name, mask in masks.items()}
    assert columns["right lung"] < 256 < columns["left lung"]
    assert columns["right clavicle"] < columns["left clavicle"]
    apex = np.zeros_like(masks["right lung"])
    apex[:250] = True
    assert np.median(film[masks["right lung"] & apex]) + 25 < np.median(film[masks["heart"]])
    assert np.argwhere(masks["right clavicle"])[:, 0].mean() < np.argwhere(masks["heart"])[:, 0].mean()
