"""The composition of a fetch: this home's shelves of bars and the providers that fill them, wired to the one job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from trader_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from trader_cli.jobs.fetch import Fetched, Progress, Provider, Shelf, Wanted
    from trader_cli.market.providers import Scores
    from trader_cli.model.timeframe import Timeframe
    from trader_cli.wiring import Wiring

PROVIDERS = ("kraken", "binance", "yahoo", "alpaca")
# Whose bars are shares, with splits and dividends.
_STOCKS = ("yahoo", "alpaca")
# A request waits for its turn, however long the line: nobody waits for a fetch but who started it.
_NO_LIMIT_MS = 1 << 40


def fetch_bars(
    parts: Wiring,
    exchanges: Sequence[str],
    timeframes: Sequence[str],
    progress: Progress,
    *,
    replacing: bool,
    again: bool,
    recheck: str | None = None,
) -> list[Fetched]:
    """Bring the stored series of the configuration's symbols up to date, each at these exchanges and timeframes.

    recheck: length of the newest stored bars that are asked for once more, e.g. `7d`; None = those next to new ones alone.
    """
    from trader_cli.jobs.fetch import Wanted
    from trader_cli.model.timeframe import Timeframe

    for exchange in exchanges:
        if exchange not in PROVIDERS:
            raise UsageError(f"bars of `{exchange}` cannot be fetched", *did_you_mean(exchange, PROVIDERS), _KNOWN)
    if not parts.settings.data.symbols:
        raise UsageError(
            "no symbols are stated", "name them: `--symbols BTC/USD,ETH/USD`, or `data.symbols` in `trader.toml`"
        )
    if not timeframes:
        raise UsageError("no timeframe is stated", "name one or more: `--timeframe 1h,1d`")
    frames = sorted({Timeframe.parse(one) for one in timeframes})
    symbols = dict.fromkeys(parts.settings.data.symbols)
    places = dict.fromkeys(exchanges)
    wanted = [Wanted(place, symbol, one) for place in places for symbol in symbols for one in frames]
    return _fetched(parts, wanted, progress, replacing=replacing, again=again, recheck_ms=_length_ms(recheck))


def _length_ms(text: str | None) -> int:
    from trader_cli.model.timeframe import Timeframe

    if text is None:
        return 0
    try:
        return Timeframe.parse(text).ms
    except UsageError:
        raise UsageError(f"`--recheck {text}` is no length of time", "write e.g. `7d`, `48h` or `2w`") from None


def fill_gaps(parts: Wiring, timeframe: Timeframe) -> list[Fetched]:
    """Ask the configured venue for the bars that its stored series lack between two others; nothing where none does (R0.8)."""
    from trader_cli.jobs.fetch import Wanted

    exchange = parts.settings.venue.id
    lacking = []
    for symbol in dict.fromkeys(parts.settings.data.symbols):
        one = Wanted(exchange, symbol, timeframe)
        ends = _shelf(parts, one).ends()
        if ends is not None and _shelf(parts, one).unknown(exchange, ends, 1):
            lacking.append(one)
    if not lacking:
        return []
    return _fetched(parts, lacking, lambda _done, _of: None, replacing=False, again=False)


def _shelf(parts: Wiring, wanted: Wanted) -> Shelf:
    from trader_cli.market.fetching import StoredShelf
    from trader_cli.market.fetching_stocks import StockShelf

    return (StockShelf if wanted.exchange in _STOCKS else StoredShelf)(parts.home / "data", wanted)


def _fetched(
    parts: Wiring,
    wanted: Sequence[Wanted],
    progress: Progress,
    *,
    replacing: bool,
    again: bool,
    recheck_ms: int = 0,
) -> list[Fetched]:
    from trader_cli.config.moment import time_ms
    from trader_cli.jobs.fetch import Clock, Terms, fetch
    from trader_cli.market.fetching_finer import FinerFirst
    from trader_cli.market.providers import Watched

    settings = parts.settings
    terms = Terms(
        since_ms=time_ms(settings.data.since, "data.since"),
        until_ms=time_ms(settings.data.until, "data.until"),
        first_bars=settings.fetch.first_bars,
        group_pages=settings.fetch.group_pages,
        tries=settings.fetch.tries,
        patience_ms=settings.fetch.patience_s * 1000,
        replacing=replacing,
        again=again,
        recheck_ms=recheck_ms,
    )
    fallback = list(dict.fromkeys(settings.fetch.fallback))
    for name in fallback:
        if name not in PROVIDERS:
            raise UsageError(f"`{name}` cannot stand in", *did_you_mean(name, PROVIDERS), _KNOWN)
    scores, turn = provider_scores(parts), _Turn(parts.sleep)
    rename = _renaming(settings.fetch.quotes)
    frames = sorted({one.timeframe for one in wanted})

    def shelf(one: Wanted) -> Shelf:
        return _shelf(parts, one)

    @cache
    def inner(name: str) -> Provider:
        return _provider(parts, name, turn.sleep)

    @cache
    def own(name: str) -> Provider:
        asked = Watched(inner(name), scores, turn.answering_s)
        if name in _STOCKS:
            # A finer series of theirs is adjusted: no bar as it was traded is made of it.
            return asked
        return FinerFirst(asked, parts.home / "data", name, frames, shelf)

    def providers(one: Wanted) -> Sequence[Provider]:
        # Who has coins cannot stand in for shares.
        kind = one.exchange in _STOCKS
        names = [name for name in fallback if name != one.exchange and (name in _STOCKS) == kind]
        others = [Watched(inner(name), scores, turn.answering_s, rename) for name in scores.ranked(names)]
        return [own(one.exchange), *others]

    clock = Clock(parts.now_ms, time.monotonic, parts.sleep)
    return fetch(wanted, shelf, providers, terms, clock, progress)


_KNOWN = f"known are {', '.join(f'`{one}`' for one in PROVIDERS)}; others come by `trader data import`"


def provider_scores(parts: Wiring) -> Scores:
    """Return the records of all providers, kept where all homes of this user find them."""
    from trader_cli.market.providers import Scores
    from trader_cli.trading import state_folder

    fetch = parts.settings.fetch
    quotas = {name: getattr(fetch, f"{name}_quota") for name in PROVIDERS}
    half_life_ms = fetch.half_life_h * 3_600_000
    return Scores(state_folder() / "providers.json", half_life_ms, float(fetch.slow_s), quotas, parts.now_ms)


class _Turn:
    """A clock that stands still while a request waits for its turn: waiting is not the provider's slowness."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._waited_s = 0.0

    def sleep(self, seconds: float) -> None:
        """Let time pass, uncounted."""
        began = time.monotonic()
        self._sleep(seconds)
        self._waited_s += time.monotonic() - began

    def answering_s(self) -> float:
        """Return seconds that only rise, without those slept."""
        return time.monotonic() - self._waited_s


def _renaming(quotes: Sequence[str]) -> Callable[[str], str]:
    """Return what a stand-in is asked for by our symbol."""
    pairs: dict[str, str] = {}
    for text in quotes:
        ours, equals, theirs = text.partition("=")
        if not (equals and ours.strip() and theirs.strip()):
            raise UsageError(f"`fetch.quotes`: `{text}` is not OURS=THEIRS", "write e.g. `USD=USDT`")
        pairs[ours.strip()] = theirs.strip()

    def rename(symbol: str) -> str:
        base, slash, quote = symbol.partition("/")
        return f"{base}{slash}{pairs.get(quote, quote)}"

    return rename


def _provider(parts: Wiring, name: str, sleep: Callable[[float], None]) -> Provider:
    return _stocks(parts, name, sleep) if name in _STOCKS else _venue(parts, name, sleep)


def _stocks(parts: Wiring, name: str, sleep: Callable[[float], None]) -> Provider:
    """Return a source of stocks' bars, under the rate that all processes of this user share."""
    import os

    from trader_cli.config.secrets import pair
    from trader_cli.trading import state_folder
    from trader_cli.venues.alpaca import AlpacaHistory
    from trader_cli.venues.alpaca_post import AlpacaPost
    from trader_cli.venues.yahoo import YahooHistory
    from trader_cli.venues.yahoo_post import YahooPost

    fetch, spike_times = parts.settings.fetch, float(parts.settings.execution.spike_times)
    path, timeout_s = state_folder() / f"{name}.json", float(parts.settings.venue.timeout_s)
    if name == "yahoo":
        yahoo = YahooPost(fetch.yahoo_url, path, parts.now_ms, sleep, timeout_s)
        return YahooHistory(yahoo, parts.now_ms, spike_times)
    names = (fetch.alpaca_key_env, fetch.alpaca_secret_env)

    def keys() -> tuple[str, str]:
        key, secret = pair(names, os.environ)
        return key.reveal(), secret.reveal()

    alpaca = AlpacaPost(fetch.alpaca_url, path, parts.now_ms, sleep, timeout_s, fetch.alpaca_per_min, names, keys)
    return AlpacaHistory(alpaca, parts.now_ms, spike_times, fetch.alpaca_feed, fetch.alpaca_delay_min * 60_000)


def _venue(parts: Wiring, name: str, sleep: Callable[[float], None]) -> Provider:
    """Return a venue's public history, under the rate budget that all processes of this user share."""
    from trader_cli.trading import state_folder
    from trader_cli.venues.budget import Budget
    from trader_cli.venues.candles import Candles
    from trader_cli.venues.history import BinanceHistory, KrakenHistory
    from trader_cli.venues.history_rest import Rest
    from trader_cli.venues.history_trades import Trades
    from trader_cli.venues.limits import rest_ms
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
        sleep=sleep,
        timeout_s=float(venue.timeout_s),
        recv_window_ms=venue.recv_window_ms,
        left_ms=lambda: _NO_LIMIT_MS,
    )
    rest = Rest(lambda: rest_ms(name, by_pair=False), parts.now_ms, sleep)
    markets = rest.between(client.markets)
    rulebook = Rulebook(
        where / f"{name}-rules.json", name, venue.tier, float(venue.rules_hours), markets, client.now_ms
    )
    account = open_venue(client, rulebook, recv_window_ms=venue.recv_window_ms, stop_gap_bps=execution.max_slippage_bps)

    def pair(symbol: str) -> str:
        found = rulebook.raw([symbol])
        if symbol not in found:
            raise UsageError(f"{name} does not trade `{symbol}`", "choose others: `--symbols …`")
        return str(found[symbol]["id"])

    candles = Candles(name, rest.between(client.candles), pair, client.now_ms, float(execution.spike_times))
    asked = _once(account.skew_ms)

    def now_ms() -> int:
        asked()
        return client.now_ms()

    if name == "binance":
        return BinanceHistory(candles, now_ms)

    def trades(params: Mapping[str, Any]) -> object:
        return client.read("public_get_trades", params, kind="market_data")

    return KrakenHistory(candles, Trades(rest.between(trades), pair), now_ms)


def _once(ask: Callable[[], int]) -> Callable[[], int]:
    """Return a question that is asked until it is answered, and then no more."""
    answered: list[int] = []

    def asked() -> int:
        if not answered:
            answered.append(ask())
        return answered[0]

    return asked
