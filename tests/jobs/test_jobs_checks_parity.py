"""The check `parity`: a sound strategy is the same run when stopped after every bar, a leak of one bar is located."""

from __future__ import annotations

import numpy as np
import pytest
from research import lab_of, walk

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.excerpt import busiest
from trader_cli.jobs.checks.parity import parity
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Status, Tried
from trader_cli.strategy import Levels, Signals, Strategy, from_entry, indicators, latch

LIMITS = {"warm_up_bars": 60, "parity_bars": 40}


class Crossing(Strategy):
    """Two averages, a stop, a target: what must survive a stop is at work."""

    def targets(self, bars: Bars) -> Signals:
        held = latch(bars.close > indicators.sma(bars.close, 5), bars.close < indicators.sma(bars.close, 5))
        return Signals(held, stop=from_entry(held, bars.close * 0.98), take=from_entry(held, bars.close * 1.03))


class OneBarAhead(Strategy):
    """Knows the next close."""

    def targets(self, bars: Bars) -> Levels:
        return np.append(bars.close[1:], np.nan) > bars.close


class Never(Strategy):
    """Never trades."""

    def targets(self, bars: Bars) -> Levels:
        return np.zeros(len(bars))


def _bench(strategy: Strategy, **settings: str) -> Bench:
    bars = [walk(400, seed, symbol=name, timeframe="4h") for seed, name in ((1, "AAA/USD"), (2, "BBB/USD"))]
    lab = lab_of(strategy, *bars, **settings)
    return Bench(lab, lab.run(), Tried(0, (), None, {}), LIMITS, 1)


@pytest.mark.req("X1")
def test_a_run_rebuilt_after_every_bar_makes_the_same_fills() -> None:
    exits = {"risk__trail_pct": "4", "risk__losing_streak": "2", "risk__cool_down_bars": "3", "exits__max_bars": "9"}
    found = parity(_bench(Crossing(), **exits))
    assert found.status is Status.PASS, found.message
    assert found.details["bars"] == 40
    # Not the sameness of doing nothing.
    assert found.details["fills"] >= 5


@pytest.mark.req("X1")
def test_a_leak_of_one_bar_is_located_by_bar_and_symbol() -> None:
    bench = _bench(OneBarAhead())
    found = parity(bench)
    assert found.status is Status.FAIL
    assert found.details["symbol"] in ("AAA/USD", "BBB/USD")
    bars = bench.lab.series[bench.lab.symbols.index(found.details["symbol"])]
    bar = found.details["bar"]
    # With its last bar before it, the strategy is flat; with one more it holds: the next close is higher.
    assert bars.close[bar + 1] > bars.close[bar]
    assert f"(bar {bar})" in found.message
    assert "`target` = 0.0, with later bars before it 1.0" in found.message


def test_where_nothing_is_traded_there_is_nothing_to_compare() -> None:
    found = parity(_bench(Never()))
    assert found.status is Status.WARN
    assert "traded nothing in 40 bars" in found.message


def test_the_busiest_rows_are_those_with_most_fills() -> None:
    grid = np.arange(0, 1000, 10)
    assert busiest(np.array([100, 500, 510, 520]), grid, 10) == (49, 59)
    assert busiest(np.empty(0, np.int64), grid, 10) == (90, 100)
    assert busiest(np.array([980, 990]), grid, 10) == (90, 100)
    assert busiest(np.array([100]), grid, 200) == (0, 100)
