"""What follows a run, when its work is done and its lease is given back: figures written and pushed.

None of it may fail the run or hold it up: whatever goes wrong here is one line on stderr.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trader_cli import __version__
from trader_cli.cli.kit import Run
from trader_cli.errors import TraderError

if TYPE_CHECKING:
    from trader_cli.jobs.measures import Family
    from trader_cli.wiring import Wiring

_CYCLES = ("paper", "live")
_INTERRUPTED = 130
_FAULT = 1


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


def follow(run: Run, command: str, ended: BaseException | None, began: float) -> None:
    """Measure what a run left; began: of time.monotonic(). Raises nothing but KeyboardInterrupt."""
    try:
        _measure(run, command, exit_code(ended), time.monotonic() - began)
    except TraderError as error:
        run.note(f"warning: nothing was measured: {error.message}")
    except Exception as error:
        # A fault of ours in here is worth a line, not the exit code of a cycle that traded.
        run.note(f"warning: nothing was measured: unexpected {type(error).__name__}: {error}")


def _measure(run: Run, command: str, code: int, seconds: float) -> None:
    parts = run.wired
    stated, url = run.metrics, ""
    if parts is not None and command in _CYCLES and not run.rehearses:
        try:
            settings = parts.settings.metrics
        except TraderError:
            # The run itself has said what is wrong with the configuration.
            settings = None
        if settings is not None:
            url = settings.push_url
            if stated is None and settings.file:
                stated = parts.home / settings.file
    if stated is None and not url:
        return
    from trader_cli.jobs.measures import RunEnd, run_measures

    end = RunEnd(command, __version__, code, seconds, time.time_ns() // 1_000_000)
    families = [*run_measures(end), *ledger_measures(run, parts)]
    if stated is not None:
        _write(run, stated, families)


def ledger_measures(run: Run, parts: Wiring | None) -> Sequence[Family]:
    """Return what the ledger says; where it cannot be read, that, and a line on stderr."""
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
        run.note(f"warning: only the run itself is measured: {error.message}")
        return unreadable()


def _write(run: Run, path: Path, families: Sequence[Family]) -> None:
    from trader_cli.reports.metrics import write_metrics

    try:
        write_metrics(path, families)
    except OSError as error:
        run.note(f"warning: the figures could not be written to {path}: {error.strerror or error}")
