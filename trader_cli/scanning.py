"""The composition of a scan: universe, bars stored or asked for, and the limits of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from trader_cli.errors import StrategyError, UsageError, VenueError, did_you_mean
from trader_cli.model.orders import Resolution

if TYPE_CHECKING:
    from trader_cli.jobs.plan import Request
    from trader_cli.jobs.scan import Gathered, Terms
    from trader_cli.jobs.scanning.filters import Traded
    from trader_cli.market.feed import CachedFeed
    from trader_cli.model.bars import Bars
    from trader_cli.model.timeframe import Timeframe
    from trader_cli.trading import LeftMs
    from trader_cli.venues.client import Client
    from trader_cli.venues.tickers import Market
    from trader_cli.wiring import Wiring

T = TypeVar("T")

_NONE_DEPLOYED = (
    "deploy one: `trader strategy deploy momentum`",
    "or name it: `trader scan --strategy momentum`",
    "`trader strategy list` shows them",
)


@dataclass(frozen=True)
class Universe:
    """Which symbols are looked at. text: where they are from, in words."""

    symbols: tuple[str, ...]
    text: str

    def including(self, extra: Sequence[str]) -> Universe:
        """Return it with these symbols too; `BTC/USD@kraken` is there where `BTC/USD` is."""
        more = (one for one in extra if one.partition("@")[0] not in self.symbols)
        return replace(self, symbols=(*self.symbols, *dict.fromkeys(more)))


def request_of(parts: Wiring, names: Sequence[str], params: Mapping[str, str]) -> Request:
    """Return what is asked: the strategies named, else the deployed ones. Raises StrategyError where there are none."""
    if names:
        return parts.request(",".join(names), params)
    if params:
        raise UsageError(
            "`--param` needs `--strategy`", "a deployed one keeps its own: `trader strategy deploy NAME --param …`"
        )
    deployments = parts.ledger.deployments()
    if not deployments:
        raise StrategyError("no strategy is deployed, so there is nothing to ask", *_NONE_DEPLOYED)
    return parts.deployed_request(deployments)


def stated_universe(request: Request, file: Path | None) -> Universe:
    """Return the universe of a file, else the symbols of the request. Raises UsageError for a file that is none."""
    if file is None:
        return Universe(request.symbols, "named")
    from trader_cli.jobs.scanning.universe import read_universe

    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"`{file}` cannot be read: {error.strerror}", "name a file with one symbol a line") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"`{file}` is no text in UTF-8", "write one symbol a line") from error
    return Universe(read_universe(text, str(file)), f"file {file.name}")


def stored(parts: Wiring, request: Request, universe: Universe, top: int | None) -> Gathered:
    """Return the stored bars of a universe. top: only the so many most traded on their last day; None = all."""
    from trader_cli.jobs.scan import gather_stored
    from trader_cli.jobs.scene import load

    found = gather_stored(universe.symbols, lambda symbol: load(replace(request, symbols=(symbol,)), parts.bars)[0])
    if top is None:
        return found
    from trader_cli.jobs.scanning.filters import day_volume

    return replace(found, series=sorted(found.series, key=day_volume, reverse=True)[:top])


def stored_universe(parts: Wiring, exchange: str, quote: str) -> Universe:
    """Return the symbols that are stored with this quote. Raises UsageError where there is none."""
    known = parts.bars.symbols(exchange or None)
    found = tuple(one for one in known if one.partition("/")[2] == quote)
    if not found:
        quotes = sorted({one.partition("/")[2] for one in known} - {""})
        raise UsageError(
            f"nothing quoted in `{quote}` is stored" + (f" for `{exchange}`" if exchange else ""),
            *did_you_mean(quote, quotes),
            "`trader data list` shows what there is; or name a venue: `--set venue.id=kraken`",
        )
    return Universe(found, f"stored, {quote}")


class Live:
    """One scan at the configured venue: its markets, their last day, and candles, all under its one public rate budget.

    left_ms: of the time the venue may be asked.
    """

    def __init__(self, parts: Wiring, request: Request, left_ms: LeftMs) -> None:
        from trader_cli.model.timeframe import Timeframe
        from trader_cli.trading import Post
        from trader_cli.venues.history_rest import Rest
        from trader_cli.venues.limits import rest_ms

        if not parts.settings.venue.id:
            raise UsageError(
                "no venue is configured",
                'state it in `trader.toml`: `[venue]`, `id = "kraken"` or `id = "binance"`; or `--set venue.id=kraken`',
                "or scan stored bars: `trader scan --stored`",
            )
        self.parts = parts
        self.venue = parts.settings.venue.id
        self.timeframe: Timeframe = request.timeframe or (
            request.timeframes[0] if request.timeframes else Timeframe.parse("4h")
        )
        self._since_ms = request.since_ms
        self._left_ms = left_ms
        self._post = Post(parts, "", "", left_ms)
        self._posts = [self._post]
        self._together_ms = self._post.client.budget.together_ms()
        self._turned_away = ""
        self._rest = Rest(self._rest_ms, parts.now_ms, parts.sleep)
        self._rest_of_others = Rest(lambda: rest_ms(self.venue, by_pair=False), parts.now_ms, parts.sleep)
        # Which bar is closed is a question of the venue's clock.
        self._skew_ms = 0
        self._skew_ms = self._public(self._post.venue.skew_ms)

    @property
    def calls(self) -> int:
        """Requests made."""
        return sum(one.client.calls for one in self._posts)

    @cached_property
    def markets(self) -> Mapping[str, Market]:
        """Every market of the venue, by our symbol."""
        from trader_cli.trading import state_folder
        from trader_cli.venues.tickers import Markets

        client, hours = self._post.client, float(self.parts.settings.venue.rules_hours)
        path = state_folder() / f"{self.venue}-markets.json"

        def listed(params: Mapping[str, str]) -> object:
            return self._public(lambda: client.markets(params))

        return Markets(path, self.venue, hours, listed, self.parts.now_ms).all()

    @cached_property
    def traded(self) -> Mapping[str, Traded]:
        """What was traded at every market in 24 hours, and its best prices, by our symbol."""
        from trader_cli.venues.tickers import tickers

        days = self._public(lambda: tickers(self._post.client))
        return {one.symbol: days[one.id] for one in self.markets.values() if one.id in days}

    def universe(self, quote: str, top: int | None) -> Universe:
        """Return the venue's open markets in a quote, the most traded first. Raises UsageError where there is none."""
        from trader_cli.jobs.scanning.filters import most_traded

        found = [one.symbol for one in self.markets.values() if one.quote == quote and one.open]
        if not found:
            quotes = sorted({one.quote for one in self.markets.values()})
            raise UsageError(f"`{self.venue}` has no open market in `{quote}`", *did_you_mean(quote, quotes))
        best = most_traded(found, self.traded)[:top]
        return Universe(tuple(best), f"{self.venue}, {quote}" + (f", the {top} most traded" if top else ""))

    def gather(
        self, universe: Universe, terms: Terms, extra: Sequence[str], progress: Callable[[int, int], None]
    ) -> Gathered:
        """Return the bars of a universe. What its market's last day leaves out already is not asked for, but for `extra`."""
        from trader_cli.jobs.scan import Gathered
        from trader_cli.jobs.scanning.fetching import Patience, gather
        from trader_cli.jobs.scanning.filters import most_traded, without_bars

        traded = self.traded
        unknown = {one: self._closed(one) for one in universe.symbols if not self._is_open(one)}
        asked = [one for one in universe.symbols if one not in unknown]
        spared = without_bars([one for one in asked if one not in extra], traded, terms.limits)
        gone = {one.symbol for one in spared}
        ordered = [*extra, *most_traded([one for one in asked if one not in gone and one not in extra], traded)]
        ordered = [one for one in ordered if one not in unknown]
        # A venue that paces its calls by the clock is asked one question at a time.
        most = 1 if self._rest_ms() else self.parts.settings.scan.connections
        count = min(most, max(len(ordered), 1))
        patience = Patience(self._left_ms, self.parts.settings.scan.give_up, self.parts.now_ms, self.parts.sleep)
        found = gather(ordered, [self._feed(i) for i in range(count)], patience, progress)
        now_ms = self._post.client.now_ms()
        newest_ms = self.timeframe.floor(now_ms) - self.timeframe.ms
        fresh = {one.symbol for one in found.series if int(one.open_ms[-1]) >= newest_ms}
        behind = [one for one in found.unasked if one not in fresh]
        notes = self._pace()
        if behind:
            notes.append(
                f"{len(behind)} of {len(ordered)} symbols were not asked for: {found.stopped}; stored bars stand in where "
                "there are any, and the next scan goes on with them"
            )
        return Gathered(found.series, {**unknown, **found.problems}, now_ms, traded, spared, notes)

    def _public(self, ask: Callable[[], T]) -> T:
        """Return the answer to a question that is counted by our address; who came too early asks once more (R1.2)."""
        try:
            return self._rest_of_others.rested(ask)
        except VenueError as error:
            wait_ms = error.retry_ms + self._skew_ms - self.parts.now_ms()
            if error.resolution != Resolution.WAIT or not 0 < wait_ms < self._left_ms():
                raise
        self.parts.sleep(wait_ms / 1000)
        return self._rest_of_others.rested(ask)

    def _rest_ms(self) -> int:
        from trader_cli.venues.limits import rest_ms

        together = self._together_ms > self.parts.now_ms()
        return rest_ms(self.venue, by_pair=self.parts.settings.scan.by_pair and not together)

    def _pace(self) -> list[str]:
        """Return what there is to say where candles would be counted by pair, and are not."""
        from trader_cli.jobs.summary import iso

        if not (self._turned_away or (self.parts.settings.scan.by_pair and self._rest_ms())):
            return []
        until = f"until {iso(self._together_ms)}; `scan.by_pair = false` is that pace for good"
        if self._turned_away:
            return [f"{self._turned_away}, while candles were counted by pair: one public call a second in all {until}"]
        return [f"one public call a second in all, because an earlier scan by pair was turned away, {until}"]

    def _asking(self, client: Client) -> Callable[[Mapping[str, Any]], object]:
        """Return a client's question for candles, by pair while the venue answers it so."""
        from trader_cli.jobs.scanning.fetching import OURS

        def asked(params: Mapping[str, Any]) -> object:
            try:
                return client.candles(params, by_pair=self.parts.settings.scan.by_pair)
            except VenueError as error:
                if error.resolution == Resolution.WAIT and error.pattern not in OURS and not self._rest_ms():
                    pause_ms = max(self.parts.settings.scan.by_pair_pause_h * 3_600_000, self._left_ms())
                    self._together_ms = self.parts.now_ms() + pause_ms
                    self._turned_away = error.message
                    client.budget.count_together(self._together_ms)
                raise

        return asked

    def _is_open(self, symbol: str) -> bool:
        return symbol in self.markets and self.markets[symbol].open

    def _closed(self, symbol: str) -> str:
        if symbol in self.markets:
            return f"`{self.venue}` takes no orders for it now"
        near = did_you_mean(symbol, self.markets)
        return f"`{self.venue}` does not trade it" + (f"; {near[0]}" if near else "")

    def _feed(self, number: int) -> _Feed:
        """Return a worker's own connection: a client asks one question at a time."""
        from trader_cli.market.feed import CachedFeed
        from trader_cli.trading import Post
        from trader_cli.venues.candles import Candles

        while len(self._posts) <= number:
            self._posts.append(Post(self.parts, "", "", self._left_ms))
        client = self._posts[number].client
        client.skew_ms = self._skew_ms
        spike = float(self.parts.settings.execution.spike_times)
        ask = self._rest.between(self._asking(client))
        candles = Candles(self.venue, ask, lambda symbol: self.markets[symbol].id, client.now_ms, spike)
        feed = CachedFeed(self.parts.home / "data", self.venue, self.parts.bars, candles, client.now_ms)
        return _Feed(feed, self.timeframe, self._since_ms, self._skew_ms)


@dataclass(frozen=True)
class _Feed:
    """A cached feed, of bars of one length. skew_ms: our clock minus the venue's."""

    feed: CachedFeed
    timeframe: Timeframe
    since_ms: int | None
    skew_ms: int

    def closed(self, symbol: str) -> Bars:
        try:
            return self.feed.closed(symbol, self.timeframe, self.since_ms)
        except VenueError as error:
            # What the venue says is by its clock, what our own budget says is by ours.
            if error.retry_ms and error.pattern not in ("budget", "ban"):
                error.retry_ms += self.skew_ms
            raise

    def known(self, symbol: str) -> Bars:
        return self.feed.known(symbol, self.timeframe, self.since_ms)


def terms_of(parts: Wiring) -> Terms:
    """Return the limits of the configuration."""
    from trader_cli.jobs.scan import Terms
    from trader_cli.jobs.scanning.filters import Limits
    from trader_cli.jobs.scanning.signals import Protection, Sureness

    settings = parts.settings
    one, risk = settings.scan, settings.risk
    return Terms(
        limits=Limits(
            late_bars=one.max_late_bars,
            volume=float(one.min_volume),
            spread_bps=float(one.max_spread_bps),
            age_bars=one.min_age_bars,
            order_pct=float(one.max_order_pct),
            volume_bars=one.volume_bars,
            bypass_pct=float(one.bypass_pct),
            bypass_bars=one.bypass_bars,
        ),
        protection=Protection(float(risk.stop_pct) / 100, float(risk.target_pct) / 100, float(settings.exits.stop_atr)),
        sureness=Sureness(float(one.look_confidence), float(one.act_confidence), float(risk.min_confidence)),
        order=_order(parts),
        rank=one.rank,
        workers=one.workers,
        stated=one.model_dump(mode="json"),
    )


def _order(parts: Wiring) -> float:
    """Return the quote that a whole position costs: of the methods that look at stops or volatility, the most it may."""
    settings = parts.settings
    if settings.sizing.method == "notional":
        return float(settings.sizing.notional)
    return float(settings.account.cash * settings.sizing.fraction)
