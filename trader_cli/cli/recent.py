"""What `trader report` shows of a stretch of time, as JSON knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trader_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from trader_cli.jobs.recent import Span
    from trader_cli.model.session import Session
    from trader_cli.wiring import Wiring

DAYS = 7
MODES = ("backtest", "paper", "live")
_DAY_MS = 86_400_000


def span_of(parts: Wiring, days: int | None, since: str | None, otherwise: int | None = None) -> Span:
    """Return the span that ends now: of so many days, or from a moment on; 0 days = from the beginning.

    otherwise: where it begins if nobody says, ms UTC; None = a week ago. Raises UsageError where both are stated, or a moment
    that is none or yet to come.
    """
    from trader_cli.config.moment import time_ms
    from trader_cli.jobs.recent import Span

    now = parts.now_ms()
    if days is not None and since is not None:
        raise UsageError("`--days` and `--since` both say where to begin", "state one of them")
    if since is not None:
        begin = time_ms(since, "--since") or 0
        if begin >= now:
            raise UsageError(f"`--since {since}` has not come yet", "state a moment that has passed")
        return Span(begin, now + 1)
    if days is None and otherwise is not None:
        return Span(otherwise, now + 1)
    wanted = DAYS if days is None else days
    return Span(now - wanted * _DAY_MS if wanted else 0, now + 1)


def check_mode(mode: str | None) -> None:
    """Raise UsageError for a mode that there is none of."""
    if mode is not None and mode not in MODES:
        raise UsageError(f"there is no mode `{mode}`", *did_you_mean(mode, MODES), f"choose one of {', '.join(MODES)}")


def recent_result(parts: Wiring, sessions: Sequence[Session], span: Span) -> dict[str, Any]:
    """Return what these sessions did in the span, by the names of the tables it makes."""
    from dataclasses import asdict

    from trader_cli.jobs.recent import recent
    from trader_cli.jobs.report_orders import figures_row
    from trader_cli.ledger.points import points_of

    ledger = parts.existing_ledger
    found = recent(
        ledger,
        lambda run_id, since_ms, by_bar: points_of(ledger, run_id, since_ms, by_bar=by_bar),
        sessions,
        span,
        parts.now_ms(),
        parts.settings.cycle.stale_bars,
    )
    return {
        "since": found.since,
        "until": found.until,
        "performance": [asdict(one) for one in found.performance],
        "daily": [asdict(one) for one in found.days],
        "wallets": [asdict(one) for one in found.wallets],
        "strategies": [asdict(one) for one in found.strategies],
        "risk_events": [asdict(one) for one in found.risk],
        "execution": figures_row(found.orders),
        "data_health": [asdict(one) for one in found.health],
    }
