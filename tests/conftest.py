"""Fixtures for every room: where the shared test data lies, and a home of one's own."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Property tests draw the same examples each time, so that a red build is red again; depth comes from `-m deep`.
settings.register_profile("repository", derandomize=True, database=None, deadline=None)
settings.load_profile("repository")

REPOSITORY = Path(__file__).resolve().parent.parent


# Hundreds of tests start Python anew: it should read the program compiled, also where the environment says to keep nothing.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Ledgers wait for the disk at every commit, tens of thousands of times in all; a process that is killed loses nothing of what
# lies in memory either. Whoever states a folder of their own has it there.
_MEMORY = Path("/dev/shm")  # noqa: S108
_ENOUGH_BYTES = 4 << 30
if (
    not {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"} & set(os.environ)
    and _MEMORY.is_dir()
    and os.access(_MEMORY, os.W_OK)
    and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES
):
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)

FIRST = (
    # These need nothing compiled and are the longest.
    "faults/test_faults_binance.py",
    "faults/test_faults_kraken.py",
    "faults/test_faults_lag.py",
    # A long file that is begun last is waited for by all but one worker.
    "ledger/test_ledger_laws.py",
    "laws/test_laws_paper.py",
    "e2e/test_e2e_paper.py",
    "venues/test_venues_budget.py",
    "e2e/test_e2e_commands.py",
    "live/test_live_session.py",
)
"""Files in this order before all others."""
_INTERPRETED = FIRST[:3]

_COMPILE = """
from pathlib import Path
from trader_cli.config.layers import load_settings
from trader_cli.jobs.warming import compile_engine
compile_engine(load_settings("plain", Path("."), {}, {}).settings.model_dump())
"""
_LOCK = "TRADER_TESTS_COMPILING"
"""Names a file that is locked until the engine is compiled."""
_compiling = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile the engine once, before every worker would begin to at the same time; they collect their tests meanwhile."""
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", 0):
        return
    lock, os.environ[_LOCK] = tempfile.mkstemp(prefix="trader-compiling-")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # The lock is the child's from here on and ends with it, however it ends.
    session.config.stash[_compiling] = subprocess.Popen([sys.executable, "-c", _COMPILE], pass_fds=[lock])
    os.close(lock)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A compiler that fails is no matter of one test."""
    process = session.config.stash.get(_compiling, None)
    if process is not None:
        code = process.wait()
        Path(os.environ.pop(_LOCK)).unlink()
        assert code == 0, f"the engine could not be compiled: exit code {code}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    place = {REPOSITORY / "tests" / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make new ledgers in milliseconds, wherever tests are run."""
    if not session.config.getoption("numprocesses", 0) or hasattr(session.config, "workerinput"):
        import newborn

        newborn.remember()


@pytest.fixture
def real_migrations() -> Iterator[None]:
    """Run the migrations for every new ledger, as the program does."""
    import newborn

    newborn.forget()
    yield
    newborn.remember()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Wait for the compiled engine, before a test's own time begins."""
    if item.path.relative_to(REPOSITORY / "tests").as_posix() not in _INTERPRETED and (path := os.environ.get(_LOCK)):
        with Path(path).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        del os.environ[_LOCK]
    return (yield)


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
