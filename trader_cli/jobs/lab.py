"""The lab: a request laid out once and replayed many times, with other parameters, costs, bars or symbols.

What a replay does is what `backtest` does: the same wishes, the same rules, the same loop. What the replays have in common,
the grid, prices and levels from swings, is made once and shared; every replay has a book and a log of its own, so that any
number of threads may replay at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from trader_cli.engine.panel import Ground, build_rules, lay_ground, lay_signals
from trader_cli.engine.state import CASH, HELD_BARS, Market, new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.errors import StrategyError, UsageError
from trader_cli.jobs.money_range import require_exact, run_in_range
from trader_cli.jobs.plan import Chosen, Request
from trader_cli.jobs.scene import Stage, purses_of, steps_of
from trader_cli.jobs.wallets import held_worth, marks_at
from trader_cli.jobs.wishes import ask, find_levels, measure
from trader_cli.model.bars import COLUMNS, Bars, Floats, Ints
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.timeframe import Timeframe
from trader_cli.risk.rules import Rules
from trader_cli.stats.calendar import Span
from trader_cli.stats.performance import returns_of, span_stats, trade_stats, turnover
from trader_cli.strategy.base import Strategy, sealed
from trader_cli.strategy.fibonacci import FibLevels
from trader_cli.strategy.sharing import Shared, sharing
from trader_cli.strategy.signals import Signals

_FIRST_ROOM = 4096


@dataclass(frozen=True)
class Variant:
    """One way to replay: what differs from the request.

    params: of its one strategy, over its own. settings: dotted keys over the request's sections, e.g. `costs.fee_bps`.
    first, last: the rows of the grid that are traded, [first, last), with a fresh book; the strategy sees all bars, so that it
    is warm. delay: bars by which every wish arrives late.
    """

    params: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    first: int = 0
    last: int | None = None
    delay: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a replay gave.

    span: the traded rows. equity: float64 (n,), quote, of the account at each close. start: quote before the
    first. final: 1e-8 quote, exact. held_bars: bars that closed with a holding.
    """

    span: Span
    equity: Floats
    start: float
    final: int
    fills: Fills
    trips: RoundTrips
    held_bars: int

    @property
    def open_ms(self) -> Ints:
        """Opens of the traded rows, int64 (n,), ms UTC."""
        return self.span.open_ms

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the fills, as `backtest` tells it."""
        return self.fills.digest()

    @property
    def daily(self) -> Floats:
        """Simple returns of UTC days (bars, where those are longer), those that the Sharpe ratio is made of."""
        return returns_of(np.r_[self.start, self.equity[self.span.ends]])

    @property
    def periods(self) -> float:
        """How many of `daily` a year has."""
        return self.span.periods

    @property
    def stats(self) -> dict[str, float]:
        """Figures by the names of `backtest --json`; NaN = not defined for this run."""
        # No `cached_property`: until Python 3.12 it holds one lock for all outcomes, and threads wait for each other.
        if "_stats" not in vars(self):
            vars(self)["_stats"] = self._figures()
        found: dict[str, float] = vars(self)["_stats"]
        return found

    def _figures(self) -> dict[str, float]:
        curve = span_stats(self.span, self.equity, self.start)
        trades = trade_stats(self.trips)
        bars = len(self.open_ms)
        return {
            "total_return_pct": curve.total_return_pct,
            "cagr_pct": curve.cagr_pct,
            "volatility_pct": curve.volatility_pct,
            "sharpe": curve.sharpe,
            "sortino": curve.sortino,
            "calmar": curve.calmar,
            "max_drawdown_pct": curve.max_drawdown_pct,
            "trades": trades.trades,
            "win_rate_pct": trades.win_rate_pct,
            "profit_factor": trades.profit_factor,
            "expectancy": trades.expectancy,
            "exposure_pct": self.held_bars / bars * 100 if bars else float("nan"),
            "turnover": turnover(self.fills.notional, self.equity),
            "fees_paid": int(self.fills.fee.sum()) * 1e-8,
            "final_equity": self.final * 1e-8,
            "fills": len(self.fills),
        }


class Lab:
    """A request on its bars, to be replayed in any number of variants; it may be pickled and used by several threads."""

    def __init__(self, request: Request, stage: Stage) -> None:
        self.request = request
        # Sealed once: every replay hands the same bars to its strategy.
        self.stage = replace(stage, series=[sealed(one) for one in stage.series])
        self._shared = Shared(tuple(column for one in self.stage.series for column in _columns(one)))
        self._lock = Lock()
        self._spans: dict[tuple[int, int], Span] = {}
        self._grounds: dict[tuple[Any, ...], tuple[Rules, Ground]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (Lab, (self.request, self.stage))

    @property
    def series(self) -> list[Bars]:
        """The bars, one entry a symbol, in the book's order."""
        return self.stage.series

    @property
    def symbols(self) -> tuple[str, ...]:
        """The book's symbols, in its order."""
        return tuple(one.symbol for one in self.stage.instruments)

    @property
    def timeframe(self) -> Timeframe:
        """Length of a bar."""
        return self.stage.timeframe

    @property
    def open_ms(self) -> Ints:
        """The grid, int64 (T,): every open at which a symbol has a bar."""
        return self._ground({})[1].open_ms

    def share_at_most(self, most_bytes: int) -> None:
        """Keep no more than this of the indicators that replays share."""
        self._shared.limit(most_bytes)

    def only(self, symbols: Sequence[str]) -> Lab:
        """Return a lab with these of the symbols; raises UsageError for none."""
        kept = [i for i, one in enumerate(self.symbols) if one in symbols]
        if not kept:
            raise UsageError(f"none of {', '.join(symbols)} is among {', '.join(self.symbols)}")
        places = {old: new for new, old in enumerate(kept)}
        legs = {places[a]: places[b] for a, b in self.stage.legs.items() if a in places and b in places}
        stage = replace(
            self.stage,
            series=[self.stage.series[i] for i in kept],
            instruments=[self.stage.instruments[i] for i in kept],
            legs=legs,
        )
        return Lab(self.request, stage)

    def on(self, series: Sequence[Bars]) -> Lab:
        """Return a lab with the same request on other bars, one entry a symbol in the same order."""
        timeframe = series[0].timeframe
        rules = self.stage.rules._replace(bar_ms=timeframe.ms)
        return Lab(self.request, replace(self.stage, series=list(series), timeframe=timeframe, rules=rules))

    def wanting(self, strategy: Strategy) -> Lab:
        """Return a lab with another strategy in the place of the first wallet's first one."""
        first = self._one()
        return Lab(self._with(replace(first, instance=strategy)), self.stage)

    def strategy(self, params: Mapping[str, object] | None = None) -> Strategy:
        """Return a fresh instance of the request's one strategy, with these parameters over its own."""
        one = self._one().instance
        return type(one)(**{**one.params, **(params or {})})

    def run(self, variant: Variant | None = None, *, exact: bool = False) -> Outcome:
        """Replay a variant. Raises StrategyError where the strategy fails, UsageError for what it cannot be set to.

        exact: whether one that leaves the range of exact money is refused too, as a backtest is. Who looks for a strategy that
        knows the future looks at those that grow beyond all bounds as well.
        """
        chosen = variant if variant is not None else Variant()
        request = self.request
        if chosen.params:
            request = self._with(replace(self._one(), instance=self.strategy(chosen.params)))
        rules, ground = self._ground(chosen.settings)
        try:
            with sharing(self._shared):
                wishes = ask(request, self.series, self._levels)
        except StrategyError:
            # Perhaps it writes into what others read: alone it gets arrays of its own, and may say what is wrong itself.
            wishes = ask(request, self.series, self._levels)
        signals = [[_late(one, chosen.delay) for one in wallet] for wallet in wishes.signals]
        market = lay_signals(ground, signals)
        bars = len(ground.open_ms)
        last = bars if chosen.last is None else min(chosen.last, bars)
        return self._replayed(market, rules, min(max(chosen.first, 0), last), last, exact)

    def _replayed(self, market: Market, rules: Rules, first: int, last: int, exact: bool) -> Outcome:
        purses = purses_of(self.request)
        book = new_book(len(self.series), purses)
        log = new_log(len(market.open_ms), _FIRST_ROOM)
        log = run_in_range(market, book, log, rules, self._steps, first, first, last)
        unallocated = self.request.cash - sum(purses)
        equity = log.equity[first:last]
        if unallocated:
            equity += unallocated * 1e-8
        fills = fills_of(self.symbols, market.open_ms, book, log)
        if exact and first < last:
            traded = market._replace(prices=market.prices[:, first:last], signals=market.signals[:, first:last])
            require_exact(market.open_ms[first:last], traded, equity, fills, purses, rules, self.stage.instruments)
        marks = marks_at(market, self.stage.instruments, last - 1)
        held = sum(held_worth(book, w, marks, self.stage.instruments) for w in range(len(purses)))
        return Outcome(
            span=self._span(first, last),
            equity=equity,
            start=self.request.cash * 1e-8,
            final=int(book.wallet[-1, CASH]) + held + unallocated,
            fills=fills,
            trips=round_trips(fills, self.timeframe.ms),
            held_bars=int(book.account[HELD_BARS]),
        )

    @cached_property
    def _steps(self) -> Ints:
        # Another strategy's legs are another lab: a variant changes parameters only.
        return steps_of(self.request, self.stage)

    @cached_property
    def _levels(self) -> list[FibLevels]:
        return find_levels(self.request, self.series, {}, None)

    def _span(self, first: int, last: int) -> Span:
        with self._lock:
            kept = self._spans.get((first, last))
        if kept is None:
            kept = Span.of(self.open_ms[first:last], self.timeframe.ms)
            with self._lock:
                self._spans[first, last] = kept
        return kept

    def _ground(self, settings: Mapping[str, object]) -> tuple[Rules, Ground]:
        key = tuple(sorted((name, str(value)) for name, value in settings.items()))
        with self._lock:
            if key not in self._grounds:
                self._grounds[key] = self._laid(settings)
            return self._grounds[key]

    def _laid(self, settings: Mapping[str, object]) -> tuple[Rules, Ground]:
        rules = self.stage.rules
        if settings:
            rules = build_rules(over(self.request.settings, settings), self.timeframe.ms)
            own, ground = self._grounds.get((), (None, None))
            if own is not None and ground is not None and _costs_only(own, rules):
                return rules, ground
        measured = measure(self.request, self.series, rules)
        return rules, lay_ground(self.series, len(self.request.wallets), rules, measured)

    def _one(self) -> Chosen:
        return self.request.wallets[0].strategies[0]

    def _with(self, chosen: Chosen) -> Request:
        wallet = self.request.wallets[0]
        changed = replace(wallet, strategies=(chosen, *wallet.strategies[1:]))
        return replace(self.request, wallets=(changed, *self.request.wallets[1:]))


def _columns(bars: Bars) -> Iterator[Floats]:
    yield from (getattr(bars, name) for name in COLUMNS)
    for peer in bars.peers:
        yield from _columns(peer)


def over(settings: Mapping[str, Mapping[str, Any]], changes: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Return the sections with dotted keys changed; raises UsageError for a key that is not there."""
    changed = {name: dict(section) for name, section in settings.items() if isinstance(section, Mapping)}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if name not in changed.get(section, {}):
            raise UsageError(f"there is no setting `{key}`")
        changed[section][name] = value
    return changed


def _costs_only(own: Rules, rules: Rules) -> bool:
    """Tell whether two sets of rules differ in costs alone, so that they look at the same measures."""
    costs = ("taker_rate", "maker_rate", "slip_rate", "break_even_gain", "micro_rate", "micro_slip")
    return own._replace(**{name: getattr(rules, name) for name in costs}) == rules


def _late(said: Signals, delay: int) -> Signals:
    if delay == 0:
        return said
    columns = {name: value for name, value in vars(said).items() if value is not None}
    return Signals(**{name: np.r_[np.full(delay, np.nan), value[:-delay]] for name, value in columns.items()})
