"""Which moment of which run is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.jobs.summary import iso
from trader_cli.jobs.why import moment_ms
from trader_cli.model.timeframe import Timeframe


class Listed(Protocol):
    """A run as the ledger lists it. start_ms: of a session when it began; end_ms: close of its last bar."""

    @property
    def run_id(self) -> str:
        """The listed `run_id`."""
        ...

    @property
    def mode(self) -> str:
        """The listed `mode`."""
        ...

    @property
    def timeframe(self) -> str:
        """The listed `timeframe`."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """The listed `symbols`."""
        ...

    @property
    def start_ms(self) -> int:
        """The listed `start_ms`."""
        ...

    @property
    def end_ms(self) -> int:
        """The listed `end_ms`."""
        ...


def asked_for(asked: str) -> tuple[str, int]:
    """Return symbol and moment (ms UTC) of `SYMBOL@TIME`; raises UsageError for anything else."""
    symbol, at, moment = asked.strip().rpartition("@")
    when = moment_ms(moment) if at else None
    if not symbol or when is None:
        raise UsageError(f"`{asked}` is not SYMBOL@TIME", "write e.g. `BTC/USD@2026-11-20T10:00`, times are UTC")
    return symbol, when


def chosen_run(runs: Sequence[Listed], symbol: str, when: int) -> Listed:
    """Return the run that is meant where none is named: of those that traded the symbol then a live one before paper before a
    backtest, the newest first. runs: newest first. Raises UsageError with the nearest symbol or time.
    """
    known = [one for one in runs if symbol in one.symbols]
    if not known:
        names = sorted({name for one in runs for name in one.symbols})
        shown = f"the ledger knows {', '.join(names[:6])}" if names else "no run is in the ledger yet"
        raise UsageError(f"no run traded `{symbol}`", *did_you_mean(symbol, names), shown)
    order = {"live": 0, "paper": 1}
    then = [one for one in known if first_moment(one) <= when < last_moment(one)]
    # A session goes on: what it did not do after its last decision is a question too.
    then = then or [one for one in known if one.mode != "backtest" and first_moment(one) <= when][:1]
    if not then:
        nearest = min(known, key=lambda one: min(abs(one.start_ms - when), abs(one.end_ms - when)))
        raise UsageError(
            f"no run traded `{symbol}` at {iso(when)}",
            f"the nearest is `{nearest.run_id}`: {iso(nearest.start_ms)} to {iso(nearest.end_ms)}",
        )
    return min(then, key=lambda one: order.get(one.mode, 2))


def first_moment(run: Listed) -> int:
    """Return the first moment that can be asked about: a session decides on the bar that closed before it began."""
    return run.start_ms - (0 if run.mode == "backtest" else Timeframe.parse(run.timeframe).ms)


def last_moment(run: Listed) -> int:
    """Return the first moment after the bar that follows the last decision."""
    return run.end_ms + Timeframe.parse(run.timeframe).ms
