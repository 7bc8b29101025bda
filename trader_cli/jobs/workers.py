"""Where trials run: threads of this process, processes of this machine, or a Ray or Dask cluster; always by joblib.

Threads share the bars and every indicator, and the kernels let each other run. Copies of this process have the lab; any other
is sent it once and keeps it. Results come back in the order of their numbers, whoever was first.
"""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from trader_cli.errors import StrategyError, UsageError, VenueError, WorkersLostError
from trader_cli.jobs.lab import Lab, Variant
from trader_cli.jobs.memory import keep_memory
from trader_cli.jobs.threads import threads_for
from trader_cli.model.evidence import Trial
from trader_cli.strategy.sharing import MOST_BYTES

Engine = Literal["local", "threads", "processes", "ray", "dask"]
Numbered = tuple[int, Mapping[str, Any]]

_MOST_IN_BLOCK = 64
_BLOCK_SECONDS = 0.1
"""What a block of trials should take: long against its way to a worker, short against a commit."""
_LEAST_SECONDS = 1e-6
_ROUND_SECONDS = 1.0
_MOST_IN_ROUND = 1024

_MOST_LABS = 4

_WORTH_COPIES_SECONDS = 0.3
"""Of work for one: from then on, copies of this process have won back the 50 ms that they take to come and go."""
_WORTH_PROCESSES_SECONDS = 20.0
"""Of work for one: from then on, processes that begin anew have won back the two seconds that each takes to start."""
_TELLING_SECONDS = 1.0
"""A replay that takes longer says how long they take; in a shorter first one much may be what only the first does."""
_LEAST_SHARED_BYTES = 32 * 1024 * 1024

_labs: dict[str, Lab] = {}
"""The newest labs that this process was sent, by their tokens: workers outlive a sweep, and several may share them."""


@dataclass(frozen=True)
class Parcel:
    """A lab on its way to other processes: where each of them finds it, once. token: of its contents."""

    token: str
    path: str = ""
    ref: Any = None

    def lab(self) -> Lab:
        """Return the lab, unpacked by the first who asks in a process."""
        if self.token not in _labs:
            if self.path:
                packed = Path(self.path).read_bytes()
            else:
                import ray

                packed = ray.get(self.ref)
            unpack(self.token, packed)
        return _labs[self.token]


def unpack(token: str, packed: bytes) -> None:
    """Keep a lab in this process, in the place of the oldest where there are many."""
    keep_memory()
    _keep(token, pickle.loads(packed))  # noqa: S301 packed by ourselves a moment ago


def _keep(token: str, lab: Lab) -> None:
    while len(_labs) >= _MOST_LABS:
        _labs.pop(next(iter(_labs)))
    _labs[token] = lab


def run_trial(lab: Lab, number: int, params: Mapping[str, Any]) -> Trial:
    """Replay one combination; what the strategy refuses is a trial with a problem."""
    try:
        found = lab.run(Variant(params=params), exact=True)
    except (StrategyError, UsageError) as error:
        return Trial(number, dict(params), {}, problem=error.message)
    return Trial(number, dict(params), dict(found.stats), found.digest)


def run_block(lab: Lab | Parcel, block: Sequence[Numbered]) -> list[Trial]:
    """Replay some combinations one after the other."""
    own = lab.lab() if isinstance(lab, Parcel) else lab
    return [run_trial(own, number, params) for number, params in block]


class Pool:
    """Workers that are ready. engine: where they are; workers: how many trials run at once; seconds: of a trial, if known.

    dismiss: sends them home without waiting for their end, where that takes a while.
    """

    def __init__(
        self,
        parallel: Any,
        lab: Lab | Parcel,
        engine: Engine,
        workers: int,
        seconds: float | None,
        dismiss: Callable[[], None],
    ) -> None:
        self.engine = engine
        self.workers = workers
        self._parallel = parallel
        self._lab = lab
        self.dismiss = dismiss
        self._each = _BLOCK_SECONDS if seconds is None else max(seconds, _LEAST_SECONDS)

    def run(self, first: int, last: int, at: Callable[[int], Mapping[str, Any]]) -> Iterator[Trial]:
        """Yield the trials first to last - 1 in order.

        They are given out in rounds of about a second: what was not yet taken from us is never more than a round.
        """
        from joblib import delayed

        while first < last:
            block = min(_MOST_IN_BLOCK, int(_BLOCK_SECONDS / self._each))
            whole = int(_ROUND_SECONDS / self._each) * self.workers
            count = min(max(whole, 2 * self.workers), max(_MOST_IN_ROUND, 2 * self.workers * block), last - first)
            begin = time.perf_counter()
            given: list[list[Numbered]] = []
            start = first
            while start < first + count:
                # Ever smaller towards the end, so that nobody is left with much to do when the others have done.
                size = max(1, min(block, (first + count - start) // (2 * self.workers)))
                given.append([(number, at(number)) for number in range(start, start + size)])
                start += size
            with missing(f"among trials {first:,} to {first + count - 1:,}"):
                yield from _taken(self._parallel(delayed(run_block)(self._lab, one) for one in given))
            self._each = max((time.perf_counter() - begin) * self.workers / count, _LEAST_SECONDS)
            first += count


def _taken(blocks: Iterable[list[Trial]]) -> Iterator[Trial]:
    try:
        for trials in blocks:
            yield from trials
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            with warnings.catch_warnings():
                # Whoever is interrupted knows that he leaves results behind.
                warnings.simplefilter("ignore")
                close()


def best_engine(lab: Lab, workers: int, trials: int) -> tuple[Engine, int, float | None]:
    """Return where so many trials are soonest done on this machine, by how many workers, and how long each takes, if known.

    workers: 0 = as many as are best. Copies of this process gain wherever they can be made and there is a little to do. Else
    threads, which share everything, gain where series are long, and processes that begin anew where there is much to do.
    """
    import joblib

    from trader_cli.jobs.forked import forkable

    cores = workers or joblib.cpu_count()
    if cores == 1:
        return "local", 1, None
    copies = forkable()
    if not copies and (workers or threads_for(lab.series) > 1):
        return "threads", cores, None
    seconds = replay_seconds(lab)
    least = 0.0 if workers else _WORTH_COPIES_SECONDS if copies else _WORTH_PROCESSES_SECONDS
    worth = copies if seconds is None else seconds * trials >= least
    return ("processes", cores, seconds) if worth or workers else ("local", 1, seconds)


def replay_seconds(lab: Lab) -> float | None:
    """Return how long a replay takes, None where the strategy refuses its own values."""
    for _ in range(2):
        begin = time.perf_counter()
        try:
            lab.run()
        except (StrategyError, UsageError):
            return None
        seconds = time.perf_counter() - begin
        if seconds >= _TELLING_SECONDS:
            break
    return seconds


@contextmanager
def pool(lab: Lab, engine: Engine, workers: int, address: str, token: str, trials: int = 0) -> Iterator[Pool]:
    """Give workers. workers: 0 = what is best here for so many trials, of a cluster all; address: of a cluster, empty = one on
    this machine, made for us.
    """
    import joblib

    keep_memory()
    with ExitStack() as stack:
        sent: Lab | Parcel = lab
        seconds = None
        if engine == "local":
            engine, workers, seconds = best_engine(lab, workers, trials)
        count = workers or joblib.cpu_count()
        if engine == "ray":
            count, backend, sent = stack.enter_context(_ray(lab, workers, address, token))
        elif engine == "dask":
            count, backend, sent = stack.enter_context(_dask(lab, workers, address, token))
        elif count == 1:
            engine, backend = "local", {"backend": "sequential"}
        elif engine == "threads":
            backend = {"backend": "threading"}
        else:
            if seconds is None:
                # What a first replay compiles and loads, copies of this process have then.
                seconds = replay_seconds(lab)
            backend, sent = stack.enter_context(_processes(lab, count, token))
        streams = engine != "ray"
        stack.enter_context(joblib.parallel_config(**backend))
        parallel = joblib.Parallel(
            n_jobs=count, return_as="generator" if streams else "list", pre_dispatch="2*n_jobs", batch_size=1
        )
        dismiss = getattr(backend["backend"], "dismiss", _nothing)
        yield Pool(stack.enter_context(parallel), sent, engine, count, seconds, dismiss)


@contextmanager
def _processes(lab: Lab, count: int, token: str) -> Iterator[tuple[dict[str, Any], Parcel]]:
    from trader_cli.jobs.forked import Forked

    with processes(count, partial(_move_in, token, lab, count)) as backend:
        if isinstance(backend["backend"], Forked):
            yield backend, Parcel(token)
            return
        with tempfile.TemporaryDirectory(prefix="trader-lab-") as folder:
            path = Path(folder) / "lab"
            path.write_bytes(pickle.dumps(lab))
            yield backend, Parcel(token, path=str(path))


def _move_in(token: str, lab: Lab, count: int) -> None:
    # So many stores of indicators are not to be so many times as large.
    lab.share_at_most(max(MOST_BYTES // count, _LEAST_SHARED_BYTES))
    _keep(token, lab)


def _nothing() -> None:
    pass


@contextmanager
def processes(count: int, born: Callable[[], None] = _nothing) -> Iterator[dict[str, Any]]:
    """Give joblib's backend for processes of this machine: copies of this one where they can be made, else such as begin anew.

    born: what a copy does first. At the end they are sent home: the program ends without a farewell, and nobody else would.
    """
    from trader_cli.jobs.forked import Forked, forkable

    copies = None
    # The system may refuse so large a copy, even though its memory would be shared.
    with suppress(OSError):
        copies = Forked(count, born) if forkable() else None
    if copies is not None:
        try:
            yield {"backend": copies}
        finally:
            copies.terminate()
        return
    from joblib.executor import MemmappingExecutor
    from joblib.externals.loky import get_reusable_executor

    try:
        yield {"backend": "loky", "initializer": _ignore_ctrl_c}
    finally:
        executor = get_reusable_executor(reuse=True)
        if isinstance(executor, MemmappingExecutor):
            # With them goes the folder that joblib shares with them.
            executor.terminate(kill_workers=True)
        else:
            # Nothing was given out, so joblib's own was never made.
            executor.shutdown(kill_workers=True)


def _ignore_ctrl_c() -> None:
    # It reaches every process in front of a terminal; who gave out the work ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def missing(work: str) -> Iterator[None]:
    """Say it where a worker dies at its work. Raises WorkersLostError."""
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkersLostError(
            f"a worker process died {work}: killed from outside, or crashed in machine code",
            "where the system killed it for want of memory, `--workers 1` needs less, and so do fewer bars",
        ) from error


@contextmanager
def _ray(lab: Lab, workers: int, address: str, token: str) -> Iterator[tuple[int, dict[str, Any], Parcel]]:
    _needs("ray", "ray")
    # Said before ray reads them: a sweep reports to nobody, and what its workers print is not ours.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.util.joblib import register_ray

    own = not ray.is_initialized()
    if own:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if address:
                ray.init(address=address, **quiet)
            else:
                ray.init(num_cpus=workers or None, include_dashboard=False, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise _unreachable("Ray", address, error) from error
    try:
        register_ray()
        count = workers or int(ray.cluster_resources().get("CPU", 1))
        yield count, {"backend": "ray"}, Parcel(token, ref=ray.put(pickle.dumps(lab)))
    finally:
        if own:
            ray.shutdown()


@contextmanager
def _dask(lab: Lab, workers: int, address: str, token: str) -> Iterator[tuple[int, dict[str, Any], Parcel]]:
    _needs("distributed", "dask")
    from distributed import Client, LocalCluster

    from trader_cli.jobs.workers_dask import Carrier

    with ExitStack() as stack:
        try:
            if address:
                client = stack.enter_context(Client(address, timeout="10s"))
            else:
                cluster = stack.enter_context(
                    LocalCluster(n_workers=workers or None, threads_per_worker=1, dashboard_address=None)
                )
                client = stack.enter_context(Client(cluster))
        except (OSError, TimeoutError, ValueError) as error:
            raise _unreachable("Dask", address, error) from error
        # Workers that come later get it too.
        client.register_plugin(Carrier(token, pickle.dumps(lab)), name=f"trader-{token[:16]}")
        stack.callback(_forget, client, f"trader-{token[:16]}")
        count = workers or max(1, sum(client.nthreads().values()))
        yield count, {"backend": "dask"}, Parcel(token)


def _forget(client: Any, name: str) -> None:
    # A cluster that is gone has forgotten already.
    with suppress(Exception):
        client.unregister_worker_plugin(name)


def _needs(module: str, engine: str) -> None:
    if find_spec(module) is None:
        raise UsageError(
            f"`--engine {engine}` needs the package `{module}`, which is not installed",
            "install it: `pip install 'trader-cli[distributed]'`",
        )


def _unreachable(kind: str, address: str, error: Exception) -> VenueError:
    where = f"at `{address}`" if address else "on this machine"
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return VenueError(f"no {kind} cluster {where}: {first}", "see that it runs and that `--address` is its own")
