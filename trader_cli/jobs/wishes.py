"""What every wallet wants of every symbol: strategies asked, timeframes agreed, disagreements decided, levels filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from trader_cli.engine.panel import Measured, reads_atr
from trader_cli.jobs.coordination import Combined, combine
from trader_cli.jobs.plan import Chosen, Levels, Request
from trader_cli.jobs.ports import SwingCache
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe
from trader_cli.risk.rules import SIZE_VOLATILITY, Rules
from trader_cli.strategy import fibonacci, indicators
from trader_cli.strategy.base import compute
from trader_cli.strategy.consensus import agree, scaled
from trader_cli.strategy.signals import Signals


@dataclass(frozen=True, eq=False)
class Wishes:
    """Per wallet one entry a symbol. strategies: how many each wallet has.

    timeframes: what was read together, empty where only the bars' own was.
    """

    wallets: tuple[tuple[Combined, ...], ...]
    strategies: tuple[int, ...]
    timeframes: tuple[Timeframe, ...]

    @property
    def signals(self) -> list[list[Signals]]:
        """What the engine is told."""
        return [[one.signals for one in wallet] for wallet in self.wallets]


def find_levels(
    request: Request, series: Sequence[Bars], digests: Mapping[str, str], cache: SwingCache | None
) -> list[fibonacci.FibLevels]:
    """Return the levels of every series where the request wants them (R4.3), else none.

    digests: of each symbol's bars. cache: where their swings are kept; None = found anew.
    """
    wanted = request.levels
    if wanted is None:
        return []
    return [_levels(bars, digests.get(bars.symbol, ""), wanted, cache) for bars in series]


def ask(request: Request, series: Sequence[Bars], levels: Sequence[fibonacci.FibLevels]) -> Wishes:
    """Return the wishes of all wallets for all symbols; a strategy that trades in two wallets is asked once.

    levels: as `find_levels` found them. Raises StrategyError.
    """
    timeframes = _timeframes(request, series)
    answers: dict[tuple[str, int], Signals] = {}

    def answer(one: Chosen, s: int) -> Signals:
        key = (one.name, s)
        if key not in answers:
            bars = series[s]
            if len(bars) == 0:
                # A symbol whose bars begin later than the others': nobody is asked about nothing.
                said = Signals(np.empty(0))
            elif timeframes:
                said = agree(one.instance, bars, timeframes, resample)
            else:
                said = compute(one.instance, bars)
            # Before strategies are compared: reward and risk are those of the levels each would trade with.
            answers[key] = fibonacci.protect(said, levels[s]) if levels and len(bars) else said
        return answers[key]

    wallets = []
    for wallet in request.wallets:
        names = [one.name for one in wallet.strategies]
        row = []
        for s, bars in enumerate(series):
            answered = [answer(one, s) for one in wallet.strategies]
            if not names:
                # A wallet whose strategies are not deployed wants nothing, and nothing changed.
                row.append(_nothing(bars))
                continue
            if len(names) == 1:
                said = Combined(answered[0], _always_first(len(bars)), ())
            else:
                said = combine(names, answered, bars, request.method)
            row.append(said)
        wallets.append(tuple(row))
    return Wishes(tuple(wallets), tuple(len(one.strategies) for one in request.wallets), timeframes)


def unasked(request: Request, series: Sequence[Bars]) -> Wishes:
    """Return the wishes of a moment at which nobody is asked: none, and nothing changed."""
    silent = tuple(_nothing(bars) for bars in series)
    counts = tuple(len(one.strategies) for one in request.wallets)
    return Wishes((silent,) * len(request.wallets), counts, _timeframes(request, series))


def measure(request: Request, series: Sequence[Bars], rules: Rules) -> list[Measured]:
    """Return what the rules read of every symbol beside its bars; empty where none reads anything."""
    atr, volatility = reads_atr(rules), rules.size_method == SIZE_VOLATILITY
    if not (atr or volatility):
        return []
    return [
        Measured(
            indicators.atr(bars.high, bars.low, bars.close, request.atr_period) if atr else None,
            indicators.realised_volatility(bars.close, bars.open_ms, request.volatility_bars) if volatility else None,
        )
        for bars in series
    ]


def _timeframes(request: Request, series: Sequence[Bars]) -> tuple[Timeframe, ...]:
    return scaled(request.timeframes, series[0].timeframe) if request.timeframes else ()


@lru_cache(maxsize=64)
def _always_first(bars: int) -> Ints:
    # Read-only, so that all may have the same.
    return np.broadcast_to(np.int64(0), bars)


def _nothing(bars: Bars) -> Combined:
    return Combined(Signals(np.full(len(bars), np.nan)), np.full(len(bars), -1, np.int64), ())


def _levels(bars: Bars, digest: str, wanted: Levels, cache: SwingCache | None) -> fibonacci.FibLevels:
    key = f"{digest}|{bars.symbol}|{bars.timeframe}|{wanted.wing}"
    kept = cache.swings(key) if cache is not None else None
    if kept is None:
        found = fibonacci.swings(bars.high, bars.low, wanted.wing)
        if cache is not None:
            cache.store_swings(key, _as_rows(found, bars.open_ms))
    else:
        found = _from_rows(kept, bars.open_ms)
    return fibonacci.levels(bars, found, wanted.wing, wanted.atr_period, wanted.atr_multiple)


def _as_rows(found: fibonacci.Swings, open_ms: Ints) -> list[tuple[int, int, float, str]]:
    kinds = ["high" if kind == fibonacci.HIGH else "low" for kind in found.kind.tolist()]
    times = (open_ms[found.bar].tolist(), open_ms[found.known].tolist())
    return list(zip(*times, found.price.tolist(), kinds, strict=True))


def _from_rows(rows: Sequence[tuple[int, int, float, str]], open_ms: Ints) -> fibonacci.Swings:
    happened, known, price, kind = zip(*rows, strict=True) if rows else ((), (), (), ())
    kinds = [fibonacci.HIGH if one == "high" else fibonacci.LOW for one in kind]
    return fibonacci.Swings(
        np.searchsorted(open_ms, np.array(happened, np.int64)).astype(np.int64),
        np.searchsorted(open_ms, np.array(known, np.int64)).astype(np.int64),
        np.array(price, np.float64),
        np.array(kinds, np.int64),
    )
