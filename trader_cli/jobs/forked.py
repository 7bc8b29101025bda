"""Workers that are copies of this process: they share what it has loaded and laid out, and are ready in some milliseconds.

Threads would share as much, but wait for each other at Python's lock; processes that begin anew load for two seconds.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from joblib.parallel import ParallelBackendBase

_SURVIVE = {
    "_cffi_backend",
    "_cyutility",
    "coverage",
    "greenlet",
    "llvmlite",
    "markupsafe",
    "numba",
    "numpy",
    "pandas",
    "psutil",
    "pyarrow",
    "pydantic_core",
    "scipy",
    "sqlalchemy",
    "talib",
    "yaml",
}
"""Packages with machine code that go on working in a copy of the process: they have no threads, or make them anew there."""
_NOT = ("numba.np.ufunc.omppool", "numba.np.ufunc.tbbpool", "numba.np.ufunc.workqueue")
"""Parts of such packages that do not: numba's threads, once a strategy has asked for `parallel=True`."""
_PR_SET_PDEATHSIG = 1


def forkable() -> bool:
    """Tell whether a copy of this process could work.

    A copy has no thread but the one that made it: a lock that another one held stays shut there, and a library that hands its
    work to threads of its own waits for ever. So there must be no other thread of Python's, and no package with machine
    code of which it is not known that it survives.
    """
    return sys.platform.startswith("linux") and threading.active_count() == 1 and not _native() - _SURVIVE


def _native() -> set[str]:
    """Return the top packages, other than Python's own, of the machine code that is loaded."""
    found = {name for name in _NOT if name in sys.modules}
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").endswith(".so"):
            found.add(name.partition(".")[0])
    return found - sys.stdlib_module_names


class Forked(ParallelBackendBase):  # type: ignore[misc]  # joblib is not typed
    """joblib's workers as copies of this process. One that is killed ends the work with an error instead of a silence.

    count: how many copies, made at once. born: what each does first. Raises OSError where the system makes none, for want of
    memory or of processes.
    """

    supports_retrieve_callback = True

    def __init__(self, count: int, born: Callable[[], None]) -> None:
        super().__init__()
        others = multiprocessing.active_children()
        context = multiprocessing.get_context("fork")
        self._executor: ProcessPoolExecutor | None = ProcessPoolExecutor(count, context, _begin, (os.getpid(), born))
        # What exists by now is nothing for the copies' collectors, whose marks would turn shared pages into pages of their own.
        gc.freeze()
        # A Ctrl-C reaches every process in front of a terminal. The copies never see it: who made them ends them.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            with warnings.catch_warnings():
                # Python warns of threads of any library. Those of whom it is known that they survive are no danger.
                warnings.simplefilter("ignore", DeprecationWarning)
                # With the first piece of work they are made.
                self._executor.submit(os.getpid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            gc.unfreeze()
            self._copies = [one for one in multiprocessing.active_children() if one not in others]
            if len(self._copies) < count:
                self.terminate()

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Return how many workers there are where so many were asked for."""
        return n_jobs

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], None] | None = None) -> Future[Any]:
        """Give some work out."""
        if self._executor is None:
            raise RuntimeError("the workers have gone home")
        try:
            future: Future[Any] = self._executor.submit(func)
        except BrokenProcessPool as error:
            # Told like the answer of the worker that died.
            future = Future()
            future.set_exception(error)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Return what some work gave; raises BrokenProcessPool where a worker died."""
        return out.result()

    def dismiss(self) -> None:
        """Send the workers home; what they are at is not waited for."""
        for one in self._copies:
            one.kill()

    def terminate(self) -> None:
        """Send the workers home and wait for their end: they hold what this process held."""
        if self._executor is not None:
            self.dismiss()
            self._executor.shutdown(wait=True, cancel_futures=True)
            # Where not all of them could be made, nobody else waits for those that were.
            for one in self._copies:
                one.join()
            self._executor = None

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002 nothing is asked of us after that
        """End the work."""
        self.terminate()


def _begin(parent: int, born: Callable[[], None]) -> None:
    # What this process does at its end is not what a copy of it does.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Where the parent is killed nobody is left to end the copies, and what it held open, a lease, they hold too.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    born()
