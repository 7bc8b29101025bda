"""What a page needs from the ledger beside what reports read; `ledger` implements it, tests fake it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.model.evidence import SweepState, Trial, Verdict


class RunLine(Protocol):
    """A run as it is listed: what it was asked, when, and how it ended. Times ms UTC, money 1e-8 quote."""

    @property
    def run_id(self) -> str:
        """Its id."""
        ...

    @property
    def mode(self) -> str:
        """`backtest`, `paper` or `live`."""
        ...

    @property
    def strategy(self) -> str:
        """Names, separated by commas."""
        ...

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""
        ...

    @property
    def preset(self) -> str:
        """The preset it ran under."""
        ...

    @property
    def symbols(self) -> tuple[str, ...]:
        """Its symbols, `BTC/USD@kraken` where it had several exchanges."""
        ...

    @property
    def exchange(self) -> str:
        """Where its bars are from; `replay:NAME` for a session on stored bars."""
        ...

    @property
    def timeframe(self) -> str:
        """The length of its bars."""
        ...

    @property
    def quote(self) -> str:
        """The currency of its money."""
        ...

    @property
    def started_ms(self) -> int:
        """When somebody began it."""
        ...

    @property
    def start_ms(self) -> int:
        """Open of its first bar; of a session, when it began."""
        ...

    @property
    def end_ms(self) -> int:
        """Close of its last bar."""
        ...

    @property
    def bars(self) -> int:
        """How many bars it decided on."""
        ...

    @property
    def cash_start(self) -> int:
        """What it began with."""
        ...

    @property
    def equity_end(self) -> int:
        """What it ended with, holdings at their last price."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of its fills."""
        ...

    @property
    def code_digest(self) -> str:
        """SHA-256 of strategy source and program."""
        ...

    @property
    def stats(self) -> Mapping[str, Any]:
        """The figures it stated itself."""
        ...


class Point(Protocol):
    """What a step of a session says of money, in 1e-8 quote."""

    @property
    def seq(self) -> int:
        """0 for the opening, then one more each."""
        ...

    @property
    def time_ms(self) -> int:
        """When it was written, ms UTC."""
        ...

    @property
    def bar_ms(self) -> int:
        """Open of the newest bar decided on, ms UTC, -1 = none yet."""
        ...

    @property
    def cash(self) -> int:
        """Of all wallets."""
        ...

    @property
    def equity(self) -> int:
        """With holdings at their last price."""
        ...


class PageLedger(ReportLedger, Protocol):
    """What a page reads; nothing here writes."""

    def run(self, prefix: str) -> RunLine:
        """Return the run whose id begins so. Raises UsageError for none or several."""
        ...

    def verdicts(self, strategy: str | None = None, limit: int | None = None) -> Sequence[Verdict]:
        """Return verdicts, newest first."""
        ...

    def sweeps(self, strategy: str | None = None, limit: int | None = None) -> Sequence[SweepState]:
        """Return searches, newest first."""
        ...

    def trials(self, sweep_id: str, first: int = 0, limit: int | None = None) -> Iterator[Trial]:
        """Yield a search's trials in order of number."""
        ...
