"""What every test may use."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine must not fail a property.
settings.register_profile("imedbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("imedbench")

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what tests find into tests/golden, to be looked at before it is committed."""
    parser.addoption("--update-golden", action="store_true", help="write tests/golden anew")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real samples beside the checkout; the test is skipped where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real samples in ../shared/data, which are not part of the repository")
    return folder
