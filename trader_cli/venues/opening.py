"""Opens a venue: the one door for whoever wires it.

The client comes first, for the rulebook and the candles ask through it; the account is known before either, for the budget
counts by it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from trader_cli.jobs.ports import Venue
from trader_cli.venues.account import Rules
from trader_cli.venues.binance import Binance
from trader_cli.venues.client import Budget, Client
from trader_cli.venues.kraken import Kraken


def open_client(
    venue: str,
    *,
    api_url: str,
    key: str,
    secret: str,
    budget: Budget,
    nonce_path: Path | None,
    now_ms: Callable[[], int],
    sleep: Callable[[float], None],
    timeout_s: float,
    recv_window_ms: int,
    left_ms: Callable[[], int] | None = None,
) -> Client:
    """Return what sends requests to a venue. No request is made yet.

    nonce_path: one file for a key, shared by every process that uses it. now_ms, sleep: this machine's, sleep in seconds.
    left_ms: what is left of the caller's time, for a request to wait for its turn.
    """
    return Client(
        venue,
        api_url=api_url,
        key=key,
        secret=secret,
        budget=budget,
        nonce_path=nonce_path,
        clock=now_ms,
        sleep=sleep,
        timeout_s=timeout_s,
        recv_window_ms=recv_window_ms,
        left_ms=left_ms,
    )


def open_venue(client: Client, rulebook: Rules, *, recv_window_ms: int, stop_gap_bps: Decimal) -> Venue:
    """Return the trading account behind a client.

    stop_gap_bps: how far below its trigger a stop still sells where the venue takes no stop at market.
    """
    if client.venue == "kraken":
        return Kraken(client, rulebook)
    return Binance(client, rulebook, recv_window_ms, stop_gap_bps)
