"""A run's account at every bar, rebuilt from bars and fills: what the engine saw at each close, without the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.errors import DataError, UsageError
from trader_cli.jobs.page_ledger import Point, RunLine
from trader_cli.jobs.ports import BarSource
from trader_cli.model.bars import Bars, Floats, Ints
from trader_cli.model.timeframe import Timeframe
from trader_cli.stats.calendar import Span
from trader_cli.stats.performance import NAN, buy_and_hold

_CASH = 1e-8
_SAME = 1e-6
"""The part by which a rebuilt account may differ from a recorded one: rounding, and nothing else."""
_STORED = "replay:"
WINDOWS = (90, 30)
"""Days of the rolling Sharpe ratio: the first of which the run has at least twice as many."""


@dataclass(frozen=True, eq=False)
class Curve:
    """An account over time, in quote; every column has shape (n,), and is taken at `close_ms`, ms UTC.

    start: the money it began with.
    equity: cash and holdings at the last close. benchmark: the same money held from the start, NaN where no bars are known.
    invested: the part of equity that is held, NaN where it is not known. whole: every bar is there, not a part of them.
    """

    start: float
    close_ms: Ints
    equity: Floats
    benchmark: Floats
    invested: Floats
    whole: bool

    @property
    def drawdown(self) -> Floats:
        """How far equity is under its highest so far, in percent, 0 or negative."""
        return fallen(self.start, self.equity)

    @property
    def benchmark_drawdown(self) -> Floats:
        """The same of the benchmark, NaN where that is."""
        return fallen(self.start, self.benchmark)


def fallen(start: float, values: Floats) -> Floats:
    """Return how far each value is under the highest so far, `start` first, in percent, 0 or negative.

    NaN where the highest is not above 0, or the value is NaN.
    """
    peaks = np.fmax.accumulate(np.r_[start, values])[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(peaks > 0, (values / peaks - 1.0) * 100, NAN)


def read_bars(run: RunLine, source: BarSource) -> tuple[dict[str, Bars], list[str]]:
    """Return the bars of a run's span by symbol, and a sentence for each symbol that has none now."""
    found: dict[str, Bars] = {}
    problems = []
    timeframe = Timeframe.parse(run.timeframe)
    # A session begins within a bar: the one it decided on first had opened before.
    since_ms = run.start_ms - (0 if run.mode == "backtest" else 2 * timeframe.ms)
    for symbol in run.symbols:
        plain, _, venue = symbol.partition("@")
        exchange = (venue or run.exchange).removeprefix(_STORED)
        try:
            found[symbol] = source.load(plain, exchange, timeframe, since_ms, run.end_ms)
        except (DataError, UsageError) as error:
            problems.append(error.message)
    return found, problems


def rebuilt(run: RunLine, fills: Sequence[Mapping[str, Any]], series: Mapping[str, Bars], cost_rate: float) -> Curve:
    """Return the account of a finished run at every close: cash after its fills, holdings at their last price.

    cost_rate: fee and slippage of the benchmark's purchase, as a fraction. Raises DataError where the bars of a symbol are
    missing, or where the account that follows is not the recorded one: then the bars are not those that the run saw.
    """
    missing = [one for one in run.symbols if one not in series]
    if missing:
        raise DataError(f"the bars of {', '.join(missing)} are not there any more")
    timeframe = Timeframe.parse(run.timeframe)
    open_ms, opens, closes = _grid([series[one] for one in run.symbols])
    place = {name: i for i, name in enumerate(run.symbols)}
    rows = np.searchsorted(open_ms, [int(one["time_ms"]) for one in fills], side="right") - 1
    cash = np.zeros(len(open_ms), np.int64)
    held = np.zeros((len(open_ms), len(run.symbols)), np.int64)
    for row, one in zip(rows.tolist(), fills, strict=True):
        cash[max(row, 0)] -= one["side"] * one["notional"] + one["fee"]
        held[max(row, 0), place[one["symbol"]]] += one["side"] * one["quantity"]
    cash = run.cash_start + np.cumsum(cash)
    held = np.cumsum(held, axis=0)
    with np.errstate(invalid="ignore"):
        invested = np.where(held != 0, held * _CASH * closes, 0.0).sum(axis=1)
    equity = cash * _CASH + invested
    end = run.equity_end * _CASH
    if not abs(float(equity[-1]) - end) <= _SAME * max(abs(end), 1.0):
        raise DataError(f"with the bars of now the account ends at {equity[-1]:,.2f}, the run ended at {end:,.2f}")
    benchmark = buy_and_hold(opens, closes, run.cash_start * _CASH, cost_rate)
    return Curve(run.cash_start * _CASH, open_ms + timeframe.ms, equity, benchmark, invested, whole=True)


def recorded(run: RunLine) -> Curve:
    """Return the few hundred points of the account that a finished run wrote down itself."""
    points = run.stats.get("equity_line") or []
    close_ms = np.array([_moment(one[0]) for one in points], np.int64)
    equity, held = (np.array([float(one[i]) for one in points]) for i in (1, 2))
    return Curve(run.cash_start * _CASH, close_ms, equity, held, np.full(len(points), NAN), whole=False)


def stepped(run: RunLine, steps: Sequence[Point], series: Mapping[str, Bars], cost_rate: float) -> Curve:
    """Return the account of a session as its steps wrote it down: the last step of each bar. steps: oldest first."""
    timeframe = Timeframe.parse(run.timeframe)
    last = {one.bar_ms: one for one in steps if one.bar_ms >= 0}
    kept = [last[one] for one in sorted(last)]
    close_ms = np.array([one.bar_ms + timeframe.ms for one in kept], np.int64)
    equity = np.array([one.equity * _CASH for one in kept])
    invested = np.array([(one.equity - one.cash) * _CASH for one in kept])
    benchmark = np.full(len(kept), NAN)
    if kept and all(one in series for one in run.symbols):
        open_ms, opens, closes = _grid([series[one].between(kept[0].bar_ms, None) for one in run.symbols])
        if len(open_ms):
            held = buy_and_hold(opens, closes, run.cash_start * _CASH, cost_rate)
            at = np.searchsorted(open_ms, close_ms - timeframe.ms, side="right") - 1
            benchmark = np.where(at >= 0, held[np.maximum(at, 0)], run.cash_start * _CASH)
    return Curve(run.cash_start * _CASH, close_ms, equity, benchmark, invested, whole=True)


@dataclass(frozen=True, eq=False)
class Rolling:
    """The Sharpe ratio of the last `days` days at each `time_ms` (close, ms UTC), shape (n,); empty for a short run."""

    days: int
    time_ms: Ints
    values: Floats


def rolling_sharpe(curve: Curve, timeframe_ms: int) -> Rolling:
    """Return the Sharpe ratio of a moving window of daily returns, annualised as `curve_stats` does it.

    NaN where no return of the window differs from another. Source: Sharpe (1994), "The Sharpe Ratio".
    """
    span = Span.of(curve.close_ms - timeframe_ms, timeframe_ms)
    daily = curve.equity[span.ends]
    window = next((one for one in WINDOWS if len(daily) >= 2 * one), 0)
    if not window or not curve.whole or not (daily > 0).all():
        return Rolling(0, np.empty(0, np.int64), np.empty(0))
    returns = daily[1:] / daily[:-1] - 1.0
    views = np.lib.stride_tricks.sliding_window_view(returns, window)
    mean, deviation = views.mean(axis=1), views.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(deviation > 1e-15, mean / deviation * np.sqrt(span.periods), NAN)
    return Rolling(window, curve.close_ms[span.ends[window:]], values)


def _grid(series: Sequence[Bars]) -> tuple[Ints, Floats, Floats]:
    """Return (opens in ms of any symbol, shape (T,); open prices; close prices, carried on), the latter of shape (T, S).

    NaN where a symbol has no bar, for closes before its first.
    """
    open_ms = np.unique(np.concatenate([one.open_ms for one in series]))
    opens = np.full((len(open_ms), len(series)), NAN)
    closes = np.full((len(open_ms), len(series)), NAN)
    for s, one in enumerate(series):
        opens[np.searchsorted(open_ms, one.open_ms), s] = one.open
        at = np.searchsorted(one.open_ms, open_ms, side="right") - 1
        if len(one):
            closes[:, s] = np.where(at >= 0, one.close[np.maximum(at, 0)], NAN)
    return open_ms, opens, closes


def _moment(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))
