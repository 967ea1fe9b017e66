from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from leaderboard.settings import Settings


def file_of(settings: Settings) -> Path:
    return Path(str(sa.make_url(settings.database_url).database))


def test_all_files_lie_in_the_folder(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    places = (settings.uploads, settings.bundles, settings.checked, settings.bundle("0" * 64))
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert len({settings.uploads, settings.bundles, settings.checked}) == 3
    assert settings.bundle("0" * 64).parent == settings.bundles


def test_the_database_is_a_file_in_the_folder_unless_another_is_named(tmp_path: Path) -> None:
    assert file_of(Settings(tmp_path)) == tmp_path / "leaderboard.db"
    assert Settings(tmp_path, "postgresql+psycopg://host/it").database_url == "postgresql+psycopg://host/it"


def test_a_folder_may_be_told_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_of(Settings(Path("here"))) == tmp_path / "here" / "leaderboard.db"


@pytest.mark.parametrize(
    "name",
    ["largest_bundle", "largest_chunk", "uploads_open", "upload_days", "requests_a_minute", "lease", "attempts"],
)
def test_numbers_that_would_stop_everything(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(tmp_path, **{name: 0})


def test_a_setting_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        Settings(tmp_path, **{"lesae": 3})


def test_text_becomes_what_the_setting_is() -> None:
    settings = Settings(**{"folder": "board", "lease": "2.5", "attempts": "4"})
    assert (settings.folder, settings.lease, settings.attempts) == (Path("board"), 2.5, 4)
