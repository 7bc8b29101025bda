"""Fixtures for every room: where the shared test data lies, and a home of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Property tests draw the same examples each time, so that a red build is red again; depth comes from `-m deep`.
settings.register_profile("repository", derandomize=True, database=None, deadline=None)
settings.load_profile("repository")

REPOSITORY = Path(__file__).resolve().parent.parent


_COMPILE = """
from pathlib import Path
from trader_cli.config.layers import load_settings
from trader_cli.jobs.warming import compile_engine
compile_engine(load_settings("plain", Path("."), {}, {}).settings.model_dump())
"""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the engine once, before every worker would begin to at the same time."""
    if not hasattr(session.config, "workerinput") and session.config.getoption("numprocesses", 0):
        subprocess.run([sys.executable, "-c", _COMPILE], check=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data for tests; tests that need it are skipped where it is absent."""
    stated = os.environ.get("TRADER_SHARED_DATA")
    folder = Path(stated) if stated else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared test data: set TRADER_SHARED_DATA or put it in {folder.name}/ beside the checkout")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of this test's own, so that nothing touches the user's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("TRADER_HOME", str(folder))
    return folder
