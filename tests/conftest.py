"""What every test may ask for: real data, a browser, and the options of the suite."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    parser.addoption(
        "--kills",
        type=int,
        default=3,
        help="how often the fault tests kill a run at a random moment (make faults: 50)",
    )


def require_component(name: str, how_to_install: str, *, present: bool) -> None:
    """Skip the test when a component of the system is missing; fail where CI=true.

    Parameters
    ----------
    name : str
        What is missing, in words: "chromium".
    how_to_install : str
        What to do about it: "apt-get install chromium".
    present : bool
        Whether it was found.
    """
    if present:
        return
    message = f"{name} is missing: {how_to_install}"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture
def n_kills(request: pytest.FixtureRequest) -> int:
    """How often a fault test kills a run."""
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; tests that ask for it are skipped where there is none."""
    named = os.environ.get("HEATLAS_TEST_DATA")
    if not named:
        pytest.skip("set HEATLAS_TEST_DATA to the folder of real test data to run this test")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"HEATLAS_TEST_DATA names {named}, which is not a folder", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's chromium, for playwright's executable_path."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    require_component("chromium", "apt-get install chromium", present=found is not None)
    assert found is not None
    return found
