"""The composition of a fetch: this home's shelves of bars and the providers that fill them, wired to the one job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trader_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from trader_cli.jobs.fetch import Fetched, Progress, Provider, Wanted
    from trader_cli.wiring import Wiring

PROVIDERS = ("kraken", "binance")
# A request waits for its turn, however long the line: nobody waits for a fetch but who started it.
_NO_LIMIT_MS = 1 << 40


def fetch_bars(
    parts: Wiring, exchange: str, timeframes: Sequence[str], progress: Progress, *, replacing: bool, again: bool
) -> list[Fetched]:
    """Bring the stored series of the configuration's symbols up to date, each at these timeframes."""
    from trader_cli.config.moment import time_ms
    from trader_cli.jobs.fetch import Clock, Terms, Wanted, fetch
    from trader_cli.market.fetching import StoredShelf
    from trader_cli.model.timeframe import Timeframe

    settings = parts.settings
    if exchange not in PROVIDERS:
        raise UsageError(f"bars of `{exchange}` cannot be fetched", *did_you_mean(exchange, PROVIDERS), _KNOWN)
    if not settings.data.symbols:
        raise UsageError(
            "no symbols are stated", "name them: `--symbols BTC/USD,ETH/USD`, or `data.symbols` in `trader.toml`"
        )
    if not timeframes:
        raise UsageError("no timeframe is stated", "name one or more: `--timeframe 1h,1d`")
    frames = sorted({Timeframe.parse(one) for one in timeframes})
    wanted = [Wanted(exchange, symbol, one) for symbol in dict.fromkeys(settings.data.symbols) for one in frames]
    terms = Terms(
        since_ms=time_ms(settings.data.since, "data.since"),
        until_ms=time_ms(settings.data.until, "data.until"),
        first_bars=settings.fetch.first_bars,
        group_pages=settings.fetch.group_pages,
        tries=settings.fetch.tries,
        patience_ms=settings.fetch.patience_s * 1000,
        replacing=replacing,
        again=again,
    )
    known: dict[str, Provider] = {}

    def providers(one: Wanted) -> Sequence[Provider]:
        if one.exchange not in known:
            known[one.exchange] = _venue(parts, one.exchange)
        return (known[one.exchange],)

    clock = Clock(parts.now_ms, time.monotonic, parts.sleep)
    return fetch(wanted, lambda one: StoredShelf(parts.home / "data", one), providers, terms, clock, progress)


_KNOWN = f"known are {', '.join(f'`{one}`' for one in PROVIDERS)}; others come by `trader data import`"


def _venue(parts: Wiring, name: str) -> Provider:
    """Return a venue's public history, under the rate budget that all processes of this user share."""
    from trader_cli.trading import state_folder
    from trader_cli.venues.budget import Budget
    from trader_cli.venues.candles import Candles
    from trader_cli.venues.history import BinanceHistory, KrakenHistory
    from trader_cli.venues.history_trades import Trades
    from trader_cli.venues.opening import open_client, open_venue
    from trader_cli.venues.rules import Rulebook

    settings, where = parts.settings, state_folder()
    venue, execution = settings.venue, settings.execution
    stated = settings.fetch.kraken_url if name == "kraken" else settings.fetch.binance_url
    client = open_client(
        name,
        api_url=stated or (venue.api_url if venue.id == name else ""),
        key="",
        secret="",
        budget=Budget(where / f"{name}.json", name, "public", venue.tier, execution.cancel_reserve_pct, parts.now_ms),
        nonce_path=None,
        now_ms=parts.now_ms,
        sleep=parts.sleep,
        timeout_s=float(venue.timeout_s),
        recv_window_ms=venue.recv_window_ms,
        left_ms=lambda: _NO_LIMIT_MS,
    )
    rulebook = Rulebook(
        where / f"{name}-rules.json", name, venue.tier, float(venue.rules_hours), client.markets, client.now_ms
    )
    account = open_venue(client, rulebook, recv_window_ms=venue.recv_window_ms, stop_gap_bps=execution.max_slippage_bps)

    def pair(symbol: str) -> str:
        found = rulebook.raw([symbol])
        if symbol not in found:
            raise UsageError(f"{name} does not trade `{symbol}`", "choose others: `--symbols …`")
        return str(found[symbol]["id"])

    candles = Candles(name, client.candles, pair, client.now_ms, float(execution.spike_times))
    asked = _once(account.skew_ms)

    def now_ms() -> int:
        asked()
        return client.now_ms()

    if name == "binance":
        return BinanceHistory(candles, now_ms)

    def trades(params: Mapping[str, Any]) -> object:
        return client.read("public_get_trades", params, kind="market_data")

    return KrakenHistory(candles, Trades(trades, pair), now_ms)


def _once(ask: Callable[[], int]) -> Callable[[], int]:
    """Return a question that is asked until it is answered, and then no more."""
    answered: list[int] = []

    def asked() -> int:
        if not answered:
            answered.append(ask())
        return answered[0]

    return asked
