"""What follows a run, when its work is done and its lease is given back: figures written and pushed.

None of it may fail the run or hold it up: whatever goes wrong here is one line on stderr.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from trader_cli import __version__
from trader_cli.cli.kit import Run
from trader_cli.errors import TimeUpError, TraderError

if TYPE_CHECKING:
    from trader_cli.config.settings import Metrics
    from trader_cli.jobs.measures import Family
    from trader_cli.wiring import Wiring

_CYCLES = ("paper", "live")
_INTERRUPTED = 130
_FAULT = 1
_T = TypeVar("_T")


def exit_code(ended: BaseException | None) -> int:
    """Return the exit code of a run that ended so; None = well."""
    from trader_cli.cli.faults import translated

    if ended is None:
        return 0
    if isinstance(ended, KeyboardInterrupt):
        return _INTERRUPTED
    if isinstance(ended, SystemExit):
        return int(ended.code or 0) if isinstance(ended.code, int | None) else _FAULT
    known = translated(ended)
    return _FAULT if known is None else known.exit_code


def follow(run: Run, ended: BaseException | None, began: float) -> None:
    """Measure what a run left, and tell who is to know of it; began: of time.monotonic().

    Raises nothing but KeyboardInterrupt.
    """
    now = time.monotonic()
    until, code = now + _limit_s(run), exit_code(ended)
    with _harmless(run, "nothing was measured"):
        _measure(run, code, now - began, until)
    if run.measured in _CYCLES and not run.rehearses:
        from trader_cli.cli.alerts import after_run

        with _harmless(run, "nobody was alerted"):
            after_run(run, run.measured, code, _said(ended), until)


def _limit_s(run: Run) -> float:
    """Return how long all of this may take: a cycle that waits for a gateway or an address is late for the next."""
    try:
        return math.inf if run.wired is None else run.wired.settings.cycle.after_s
    except TraderError:
        # Then nothing is pushed and nobody is told: who and where cannot be read either.
        return math.inf


@contextmanager
def _harmless(run: Run, lost: str) -> Iterator[None]:
    """Make one line of whatever goes wrong: a fault in here is not worth the exit code of a cycle that traded."""
    try:
        yield
    except TraderError as error:
        run.note(f"warning: {lost}: {error.message}")
    except Exception as error:
        run.note(f"warning: {lost}: {type(error).__name__}: {error}")


def _said(ended: BaseException | None) -> str:
    """Return what was wrong, as it was shown."""
    from trader_cli.cli.faults import translated

    if ended is None:
        return ""
    known = translated(ended)
    return f"unexpected {type(ended).__name__}" if known is None else known.message


def _measure(run: Run, code: int, seconds: float, until: float) -> None:
    parts, path, push = run.wired, run.metrics, None
    if (settings := _told_by(run)) is not None and parts is not None:
        push = settings if settings.push_url else None
        if path is None and settings.file:
            path = parts.home / settings.file
    if path is None and push is None:
        return
    from trader_cli.jobs.measures import RunEnd, run_measures

    end = RunEnd(run.measured, __version__, code, seconds, time.time_ns() // 1_000_000)
    families = [*run_measures(end), *ledger_measures(parts, run.note)]
    if path is not None:
        _write(run, path, families)
    if push is not None:
        _push(run, push, families, until)


def _told_by(run: Run) -> Metrics | None:
    """Return what the configuration says of figures, None where it does not concern this run or cannot be read."""
    if run.wired is None or run.measured not in _CYCLES or run.rehearses:
        return None
    try:
        return run.wired.settings.metrics
    except TraderError:
        # The run itself has said what is wrong with it.
        return None


def ledger_measures(parts: Wiring | None, note: Callable[[str], None]) -> Sequence[Family]:
    """Return what the ledger says; where it cannot be read, that, and a note."""
    from trader_cli.jobs.measures import measures, nothing, unreadable
    from trader_cli.ledger.database import sqlite_path

    try:
        if parts is None:
            return unreadable()
        path = sqlite_path(parts.settings.ledger.url, parts.home)
        if path is not None and not path.exists():
            return nothing()
        return measures(parts.existing_ledger, parts.now_ms())
    except TraderError as error:
        note(f"warning: only the run itself is measured: {error.message}")
        return unreadable()


def _write(run: Run, path: Path, families: Sequence[Family]) -> None:
    from trader_cli.reports.metrics import write_metrics

    try:
        write_metrics(path, families)
    except OSError as error:
        run.note(f"warning: the figures could not be written to {path}: {error.strerror or error}")


def _push(run: Run, settings: Metrics, families: Sequence[Family], until: float) -> None:
    import socket

    from trader_cli.reports.push import push_metrics

    limit = settings.push_timeout_s
    try:
        # The request's own limit comes first as a rule, and says more. Half of the time is for telling of trouble.
        most = min(limit + 1, max(0.0, until - time.monotonic()) / 2)
        within(most, lambda: push_metrics(settings.push_url, socket.gethostname(), families, limit))
    except TimeUpError as error:
        run.note(f"warning: the figures were not pushed: {error.message}")
    except TraderError as error:
        run.note(f"warning: {error.message}")


def within(seconds: float, act: Callable[[], _T]) -> _T:
    """Return what `act` returns or raise what it raises. Raises TimeUpError where it takes longer; it is left alone then.

    A timeout of a socket is one for each of its steps: who answers a byte a second would hold a run for ever.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(act())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeUpError(f"no answer within {seconds:.1f} s")
    return results[0]


def report(run: Run, error: BaseException) -> None:
    """Tell Sentry of a fault of ours, where somebody wants that; of nothing else, and never loudly."""
    from trader_cli.cli.faults import translated

    # A reader that went away is nobody's fault.
    if not isinstance(error, Exception) or isinstance(error, BrokenPipeError) or translated(error) is not None:
        return
    with _harmless(run, "the fault was not reported"):
        _report(run, error)


def _report(run: Run, error: Exception) -> None:
    import os

    from trader_cli.config.secrets import NAMES_OF_VARIABLES, secret_of
    from trader_cli.reports.alerts import addresses
    from trader_cli.reports.sentry import report_fault

    settings = (run.wired or run.wiring()).settings
    if not settings.sentry.enabled:
        return
    limit = settings.sentry.timeout_s

    def work() -> None:
        dsn = secret_of(settings.sentry.dsn_env, os.environ)
        if dsn is None:
            return
        names = (key.split(".") for key in NAMES_OF_VARIABLES)
        each = [secret_of(getattr(getattr(settings, section), key), os.environ) for section, key in names]
        known = [one.reveal() for one in each if one is not None]
        parts = [part for text in known for part in addresses(text)]
        report_fault(dsn.reveal(), error, run.name, __version__, [*known, *parts], limit)

    within(limit + 1, work)
