"""Depth: `pytest -m deep`. Thousands of scenes against the slow reference, and the million bars of W1 trade by trade."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from candles import MINUTE, rules
from reference import Trade, replay
from test_engine_laws import random_bars, random_signals

from trader_cli.engine.panel import build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.model.bars import Bars
from trader_cli.model.fills import Reason
from trader_cli.model.instrument import Instrument
from trader_cli.strategy.signals import Signals

pytestmark = [pytest.mark.deep, pytest.mark.timeout(1800)]


def both(
    bars: Bars, target: np.ndarray, fee: str, slip: str, stop: str, goal: str, tick: str
) -> tuple[list[object], list[object]]:
    """Return the engine's round trips and the reference's, as comparable rows."""
    chosen = rules(fee_bps=fee, maker_fee_bps=fee, slippage_bps=slip, stop_pct=stop, target_pct=goal)
    instrument = Instrument(bars.symbol, Decimal(tick), Decimal("0.01"), described=True)
    open_ms, market = build_market([bars], [[Signals(target=target)]], chosen)
    book = new_book(1, (10_000_000 * 10**8,))
    log = run_bars(market, book, new_log(len(bars), 4096), chosen, build_steps([instrument]), 0, 0, len(bars))
    trips = round_trips(fills_of((bars.symbol,), open_ms, book, log), MINUTE.ms)
    first = int(bars.open_ms[0])
    stamps = ((column - first) // MINUTE.ms for column in (trips.entry_ms, trips.exit_ms))
    ours = list(zip(*(s.tolist() for s in stamps), trips.pnl.tolist(), trips.reason.tolist(), strict=True))
    columns = (bars.open.tolist(), bars.high.tolist(), bars.low.tolist(), bars.close.tolist())
    rows = [tuple(Decimal(str(value)) for value in row) for row in zip(*columns, strict=True)]
    one = Decimal(10_000)
    trades, _ = replay(
        rows, target.tolist(), Decimal(10_000_000), Decimal(1), Decimal(tick), Decimal(fee) / one, Decimal(slip) / one,
        Decimal(stop), Decimal(goal),
    )  # fmt: skip
    return ours, [row_of(trade) for trade in trades]


def row_of(trade: Trade) -> tuple[int, int, int, int]:
    return trade.entry_bar, trade.exit_bar, int(trade.pnl * 10**8), int(Reason[trade.reason.upper()])


def test_three_thousand_scenes_equal_the_reference() -> None:
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        bars = random_bars(rng, int(rng.integers(1, 200)), "T/USD")
        target = random_signals(rng, bars, levels=False).target
        target = np.where(target == 0.5, 1.0, target)
        fee, slip = (str(rng.choice(["0", "10", "26.5"])), str(rng.choice(["0", "5", "33.3333"])))
        stop, goal = (str(rng.choice(["0", "0.3", "2"])), str(rng.choice(["0", "0.2", "4"])))
        ours, theirs = both(bars, target, fee, slip, stop, goal, "0.01")
        assert ours == theirs, seed


@pytest.mark.parametrize(("slip", "stop", "goal"), [("0", "0", "0"), ("5", "2", "4")])
def test_w1_and_w2_equal_the_reference_trade_by_trade(slip: str, stop: str, goal: str) -> None:
    folder = os.environ.get("BENCH_DATA")
    if folder is None or not (Path(folder) / "w1.parquet").exists():
        pytest.skip("BENCH_DATA names no folder with w1.parquet")
    import pyarrow.parquet as pq

    table = pq.read_table(Path(folder) / "w1.parquet")
    count = table.num_rows
    columns = [table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    bars = Bars("W1/USD", "bench", MINUTE, np.arange(count, dtype=np.int64) * MINUTE.ms, *columns)
    cents = np.rint(bars.close * 100).astype(np.int64)
    sums = np.r_[0, np.cumsum(cents)]
    # SMA(20) > SMA(100) in whole cents: 5 x the sum of 20 against the sum of 100.
    target = np.zeros(count)
    target[99:] = 5 * (sums[100:] - sums[80:-20]) > (sums[100:] - sums[:-100])
    ours, theirs = both(bars, target, "10", slip, stop, goal, "0.00000001")
    assert len(ours) == 6972
    assert ours == theirs
