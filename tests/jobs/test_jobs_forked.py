"""Workers that are copies of this process: when there can be some, what they may keep, and what is left of those that die."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import joblib
import pytest
from research import lab_of, walk

from trader_cli.errors import WorkersLostError
from trader_cli.jobs import forked
from trader_cli.jobs.forked import Forked, forkable
from trader_cli.jobs.lab import Variant
from trader_cli.jobs.workers import missing, processes
from trader_cli.strategy import indicators
from trader_cli.strategy.base import Levels, Strategy
from trader_cli.strategy.params import Param
from trader_cli.strategy.sharing import Shared, shared, sharing

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="copies are made on Linux only")


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have threads of his own; they hold nothing that the copies need."""
    monkeypatch.setattr(forked, "forkable", lambda: True)


def loaded(monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
    module = ModuleType(name)
    module.__file__ = file
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of one thread with what the program itself loads."""
    monkeypatch.setattr(forked.threading, "active_count", lambda: 1)
    kept = {name for name in sys.modules if name.partition(".")[0] in ("numpy", "numba", "pyarrow")}
    for name, module in list(sys.modules.items()):
        if name not in kept and str(getattr(module, "__file__", "") or "").endswith(".so"):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("alone")
def test_a_process_of_one_thread_and_known_libraries_may_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    assert forkable()
    loaded(monkeypatch, "pandas._libs.lib", "/x/pandas/_libs/lib.cpython-311-x86_64-linux-gnu.so")
    loaded(monkeypatch, "_elementtree", "/x/lib-dynload/_elementtree.cpython-311-x86_64-linux-gnu.so")
    loaded(monkeypatch, "polars_like", "/x/polars_like/__init__.py")
    assert forkable()


@pytest.mark.usefixtures("alone")
def test_a_library_in_machine_code_that_nobody_knows_forbids_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(monkeypatch, "polars_like.polars", "/x/polars_like/polars.abi3.so")
    assert not forkable()


@pytest.mark.usefixtures("alone")
def test_threads_of_a_compiled_strategys_own_forbid_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(monkeypatch, "numba.np.ufunc.omppool", "/x/numba/np/ufunc/omppool.so")
    assert not forkable()


@pytest.mark.usefixtures("alone")
def test_on_other_systems_there_are_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not forkable()


def test_another_thread_forbids_copies() -> None:
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert not forkable()
    finally:
        ended.set()
        other.join()


def test_a_process_that_has_loaded_what_a_search_loads_may_be_copied() -> None:
    """Whoever adds a library in machine code says here whether it survives."""
    probe = (
        "import trader_cli.cli.optimize, trader_cli.jobs.workers, trader_cli.jobs.optimize, trader_cli.jobs.sweep\n"
        "import trader_cli.wiring, trader_cli.engine.replay, trader_cli.ledger.database, pyarrow.parquet, optuna, pandas\n"
        "from trader_cli.jobs.forked import _SURVIVE, _native, forkable\n"
        "assert forkable(), _native() - _SURVIVE\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def work(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def ask(count: int = 2, numbers: int = 20) -> list[tuple[int, int]]:
    with processes(count) as backend, joblib.parallel_config(**backend), joblib.Parallel(count) as parallel:
        assert isinstance(backend["backend"], Forked)
        return list(parallel(joblib.delayed(work)(number) for number in range(numbers)))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.usefixtures("copies")
def test_copies_do_the_work_and_are_gone_when_it_is_done() -> None:
    found = ask()
    assert [value for value, _ in found] == [number**2 for number in range(20)]
    workers = {pid for _, pid in found}
    assert os.getpid() not in workers
    assert 1 <= len(workers) <= 2
    assert all(gone(pid) for pid in workers)


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize("made", [0, 1])
def test_where_the_system_makes_no_more_copies_processes_begin_anew(made: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = os.fork, []

    def fork() -> int:
        asked.append(1)
        if len(asked) > made:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return real()

    monkeypatch.setattr(os, "fork", fork)
    before = multiprocessing.active_children()
    with processes(2) as backend:
        assert backend["backend"] == "loky"
        assert multiprocessing.active_children() == before
    assert len(asked) == made + 1


def busy(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)


def failing(folder: str) -> int:
    while not list(Path(folder).iterdir()):
        time.sleep(0.01)
    return int("nothing")


@pytest.mark.usefixtures("copies")
def test_work_that_fails_is_told_and_what_others_are_at_is_not_waited_for(tmp_path: Path) -> None:
    begin = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(joblib.parallel_config(**stack.enter_context(processes(2))))
        parallel = stack.enter_context(joblib.Parallel(2))
        with pytest.raises(ValueError, match="invalid literal"):
            parallel(joblib.delayed(one)(str(tmp_path)) for one in (busy, failing))
    assert time.monotonic() - begin < 30
    assert all(gone(int(one.name)) for one in tmp_path.iterdir())


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.usefixtures("copies")
def test_a_worker_that_is_killed_ends_the_work_with_an_error() -> None:
    with ExitStack() as stack:
        stack.enter_context(joblib.parallel_config(**stack.enter_context(processes(2))))
        parallel = stack.enter_context(joblib.Parallel(2))
        with pytest.raises(WorkersLostError, match="a worker process died at this") as lost, missing("at this"):
            parallel(joblib.delayed(killed)(number) for number in range(10))
    assert lost.value.exit_code == 1
    assert "--workers 1" in lost.value.hints[0]


_PARENT = """
import os, sys, time, joblib
from trader_cli.jobs import forked
from trader_cli.jobs.workers import processes

def named(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(60)

with processes(2) as backend, joblib.parallel_config(**backend), joblib.Parallel(2) as parallel:
    assert isinstance(backend["backend"], forked.Forked)
    parallel(joblib.delayed(named)(sys.argv[1]) for _ in range(2))
"""


def workers_of(running: subprocess.Popen[bytes], folder: Path) -> list[int]:
    for _ in range(3000):
        found = [int(one.name) for one in folder.iterdir()]
        if len(found) == 2:
            return found
        assert running.poll() is None
        time.sleep(0.02)
    raise AssertionError("the workers have not begun")


@pytest.mark.req("X10")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_where_who_gave_out_the_work_is_ended_nobody_is_left_at_it(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    workers = workers_of(running, tmp_path)
    running.send_signal(number)
    running.wait(30)
    for _ in range(500):
        if all(gone(pid) for pid in workers):
            return
        time.sleep(0.02)
    raise AssertionError(f"{workers} go on")


def test_a_store_of_indicators_keeps_no_more_than_it_may() -> None:
    calls: list[float] = []

    @shared
    def scaled(values: object, factor: float) -> object:
        calls.append(factor)
        return values * factor  # type: ignore[operator]

    bars = walk(1000, seed=1)
    column = bars.close
    column.flags.writeable = False
    store = Shared((column,))
    store.limit(3 * column.nbytes)
    with sharing(store):
        for factor in (1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0):
            scaled(column, factor)
        assert len(store) == 3
    assert calls == [1.0, 2.0, 3.0, 4.0, 1.0]


class Means(Strategy):
    """Hold while the fast average is above the slow one."""

    fast = Param(5, low=2, high=40)

    def targets(self, bars: object) -> Levels:
        close = bars.close  # type: ignore[attr-defined]
        return indicators.sma(close, self.fast) > indicators.sma(close, 50)


def test_a_lab_that_may_keep_nothing_says_the_same() -> None:
    wide, narrow = (lab_of(Means(), walk(500, seed=3)) for _ in range(2))
    narrow.share_at_most(1)
    for fast in (3, 7, 3, 9):
        assert wide.run(Variant({"fast": fast})).digest == narrow.run(Variant({"fast": fast})).digest
