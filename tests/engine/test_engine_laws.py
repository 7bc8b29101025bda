"""Laws of the engine, on random bars: the reference, the interpreter, stopping anywhere, and money that adds up."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from candles import MINUTE, NAN, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import replay as obvious

from trader_cli.engine.panel import build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import CANDIDATE, CASH, QUANTITY, Book, Log, Market, new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.model.bars import Bars
from trader_cli.model.fills import Fills, Reason
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules
from trader_cli.strategy.signals import Signals

SAMPLES = settings(max_examples=60, deadline=None)


def random_bars(rng: np.random.Generator, count: int, symbol: str, holes: float = 0.0) -> Bars:
    """Prices on a grid of 0.01 that walk and gap; `holes` of the minutes are missing."""
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, count))), 2)
    open_ = np.round(np.r_[100, close[:-1]] * (1 + rng.normal(0, 0.004, count)), 2)
    high = np.round(np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.004, count))), 2)
    low = np.round(np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.004, count))), 2)
    high, low = np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close))
    keep = np.flatnonzero(rng.random(count) >= holes)
    if len(keep) == 0:
        keep = np.array([0])
    stamps = keep.astype(np.int64) * MINUTE.ms
    columns = (column[keep] for column in (open_, high, low, close, np.ones(count)))
    return Bars(symbol, "test", MINUTE, stamps, *columns)


def random_signals(rng: np.random.Generator, bars: Bars, levels: bool) -> Signals:
    """Levels in runs, with NaN among them; with `levels` also own stops, takes, limits and triggers here and there."""
    count = len(bars)
    choices = np.array([0.0, 0.5, 1.0, NAN, -1.0])
    run = int(rng.choice([3, 3, 20]))
    target = np.repeat(rng.choice(choices, count // run + 1), run)[:count]
    if not levels:
        return Signals(target=target)

    def near(low: float, high: float) -> np.ndarray:
        prices = np.round(bars.close * rng.uniform(low, high, count), 2)
        return np.where(rng.random(count) < 0.4, prices, NAN)

    return Signals(
        target=target, stop=near(0.95, 0.99), take=near(1.01, 1.05), limit=near(0.98, 1.01), trigger=near(1.0, 1.02)
    )


RULES = st.fixed_dictionaries(
    {
        "fee_bps": st.sampled_from(["0", "10", "26.5"]),
        "maker_fee_bps": st.sampled_from(["0", "10"]),
        "slippage_bps": st.sampled_from(["0", "5", "33.3333"]),
        "size_method": st.sampled_from(["quantity", "notional", "fraction"]),
        "size_quantity": st.sampled_from(["0.5", "3"]),
        "size_notional": st.sampled_from(["50", "700"]),
        "size_fraction": st.sampled_from(["0.3", "0.95"]),
        "rebalance": st.booleans(),
        "dead_band_pct": st.sampled_from(["0", "10"]),
        "max_positions": st.sampled_from([0, 1, 2]),
        "stop_pct": st.sampled_from(["0", "1.5"]),
        "target_pct": st.sampled_from(["0", "2"]),
        "trail_pct": st.sampled_from(["0", "2.5"]),
        "min_notional": st.sampled_from(["0", "40"]),
        "drawdown_pct": st.sampled_from(["0", "0", "1"]),
        "daily_loss_pct": st.sampled_from(["0", "0", "0.5"]),
        "max_bars": st.sampled_from([0, 0, 7]),
    }
)
CASES = {
    "seed": st.integers(0, 2**32 - 1),
    "symbols": st.integers(1, 4),
    "count": st.integers(1, 120),
    "levels": st.booleans(),
    "chosen": RULES,
}


def scene(
    seed: int, symbols: int, count: int, levels: bool, chosen: Rules | None = None
) -> tuple[np.ndarray, Market, list[Instrument]]:
    rng = np.random.default_rng(seed)
    series = [random_bars(rng, count, f"S{i}/USD", holes=0.2 if symbols > 1 else 0.0) for i in range(symbols)]
    signals = [random_signals(rng, one, levels) for one in series]
    open_ms, market = build_market(series, [signals], chosen or rules())
    lots = (Decimal("0.0001"), Decimal(1), Decimal("0.01"), Decimal("0.00000001"))
    ticks = (Decimal("0.01"), Decimal("0.05"), Decimal("0.0000000001"), Decimal("0.01"))
    instruments = [Instrument(f"S{i}/USD", ticks[i], lots[i], described=True) for i in range(symbols)]
    return open_ms, market, instruments


def play(market: Market, instruments: list[Instrument], chosen: Rules, cuts: list[int]) -> tuple[Book, Log]:
    """Run to each cut with a copy of the book, as a process that ends there and another that goes on would."""
    count = market.prices.shape[1]
    book = new_book(len(instruments), (1000 * 10**8,))
    log = new_log(count, 4)
    done = 0
    for cut in [*cuts, count]:
        log = run_bars(market, book, log, chosen, build_steps(instruments), done, done, cut)
        book = Book(*(array.copy() for array in book))
        done = cut
    return book, log


@SAMPLES
@given(**CASES)
def test_stopping_after_any_bar_and_going_on_changes_nothing(seed, symbols, count, levels, chosen) -> None:
    """Bars in which nothing can happen are passed over in one go; one bar at a time none is: both end in the same book."""
    open_ms, market, instruments = scene(seed, symbols, count, levels)
    names = tuple(one.symbol for one in instruments)
    book, log = play(market, instruments, rules(**chosen), [])
    stopped, parts = play(market, instruments, rules(**chosen), list(range(1, len(open_ms))))
    assert fills_of(names, open_ms, stopped, parts).digest() == fills_of(names, open_ms, book, log).digest()
    np.testing.assert_array_equal(parts.equity, log.equity)
    np.testing.assert_array_equal(stopped.account, book.account)
    np.testing.assert_array_equal(stopped.wallet, book.wallet)
    np.testing.assert_array_equal(stopped.position[:, :CANDIDATE], book.position[:, :CANDIDATE])


@SAMPLES
@given(**CASES)
def test_cash_and_holdings_are_the_sum_of_the_fills_and_never_negative(seed, symbols, count, levels, chosen) -> None:
    open_ms, market, instruments = scene(seed, symbols, count, levels)
    book, log = play(market, instruments, rules(**chosen), [])
    fills = fills_of(tuple(one.symbol for one in instruments), open_ms, book, log)
    flow = -(fills.side * fills.notional) - fills.fee
    running = 1000 * 10**8 + np.cumsum(flow)
    assert int(book.wallet[0, CASH]) == 1000 * 10**8 + int(flow.sum())
    assert (running >= 0).all()
    for s, one in enumerate(instruments):
        held = np.cumsum((fills.side * fills.quantity)[fills.symbol == s])
        assert (held >= 0).all()
        assert int(book.position[s, QUANTITY]) == (int(held[-1]) if len(held) else 0)
        mine = fills.symbol == s
        assert (fills.quantity[mine] % one.lot_units == 0).all()
        assert (fills.price[mine] % one.tick_units == 0).all()


@SAMPLES
@given(**CASES)
def test_never_more_positions_than_allowed(seed, symbols, count, levels, chosen) -> None:
    open_ms, market, instruments = scene(seed, symbols, count, levels)
    chosen = {**chosen, "max_positions": 1}
    fills = fills_of(tuple(one.symbol for one in instruments), open_ms, *play(market, instruments, rules(**chosen), []))
    held = [0] * symbols
    for s, side, quantity in zip(fills.symbol.tolist(), fills.side.tolist(), fills.quantity.tolist(), strict=True):
        held[s] += side * quantity
        assert sum(1 for one in held if one) <= 1


@SAMPLES
@given(**CASES)
def test_round_trips_and_open_positions_account_for_every_fill(seed, symbols, count, levels, chosen) -> None:
    open_ms, market, instruments = scene(seed, symbols, count, levels)
    book, log = play(market, instruments, rules(**chosen), [])
    fills = fills_of(tuple(one.symbol for one in instruments), open_ms, book, log)
    trips = round_trips(fills, MINUTE.ms)
    assert list(zip(*slow_trips(fills), strict=True)) == list(
        zip(trips.symbol.tolist(), trips.entry_ms.tolist(), trips.exit_ms.tolist(), trips.pnl.tolist(), strict=True)
    )


def slow_trips(fills: Fills) -> list[list[int]]:
    """Round trips by walking the fills one by one."""
    open_: dict[int, list[int]] = {}
    rows: list[tuple[int, int, int, int]] = []
    for i in range(len(fills)):
        s, side = int(fills.symbol[i]), int(fills.side[i])
        state = open_.setdefault(s, [0, int(fills.time_ms[i]), 0])
        state[0] += side * int(fills.quantity[i])
        state[2] -= side * int(fills.notional[i]) + int(fills.fee[i])
        if state[0] == 0:
            rows.append((s, state[1], int(fills.time_ms[i]), state[2]))
            del open_[s]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 150),
    costs=st.sampled_from([("0", "0"), ("10", "0"), ("10", "5"), ("26.5", "33.3333")]),
    protection=st.sampled_from([("0", "0"), ("2", "4"), ("0.7", "0"), ("0", "1.1"), ("0.3", "0.2")]),
)
def test_the_trade_list_equals_that_of_the_slow_obvious_reference(seed, count, costs, protection) -> None:
    rng = np.random.default_rng(seed)
    bars = random_bars(rng, count, "T/USD")
    target = random_signals(rng, bars, levels=False).target
    target = np.where(target == 0.5, 1.0, target)  # the reference knows one size
    (fee, slip), (stop, goal) = costs, protection
    chosen = rules(fee_bps=fee, maker_fee_bps=fee, slippage_bps=slip, stop_pct=stop, target_pct=goal)
    instrument = Instrument("T/USD", Decimal("0.01"), Decimal("0.01"), described=True)
    open_ms, market = build_market([bars], [[Signals(target=target)]], chosen)
    book = new_book(1, (100_000 * 10**8,))
    log = run_bars(market, book, new_log(count, 16), chosen, build_steps([instrument]), 0, 0, count)
    trips = round_trips(fills_of(("T/USD",), open_ms, book, log), MINUTE.ms)
    ours = [
        (entry // 60_000, exit_ // 60_000, Decimal(pnl).scaleb(-8), Reason(reason).label)
        for entry, exit_, pnl, reason in zip(
            trips.entry_ms.tolist(), trips.exit_ms.tolist(), trips.pnl.tolist(), trips.reason.tolist(), strict=True
        )
    ]
    rows = [
        tuple(Decimal(str(value)) for value in row)
        for row in zip(bars.open.tolist(), bars.high.tolist(), bars.low.tolist(), bars.close.tolist(), strict=True)
    ]
    bps, percent = Decimal(10_000), Decimal
    trades, equity = obvious(
        rows,
        target.tolist(),
        Decimal(100_000),
        Decimal(1),
        Decimal("0.01"),
        Decimal(fee) / bps,
        Decimal(slip) / bps,
        percent(stop),
        percent(goal),
    )
    assert ours == [(one.entry_bar, one.exit_bar, one.pnl, one.reason) for one in trades]
    assert log.equity[-1] == pytest.approx(float(equity), abs=1e-6)


PROGRAM = """
import sys, numpy as np
sys.path.insert(0, sys.argv[1])
from test_engine_laws import scene, play
from candles import rules
from trader_cli.engine.trips import fills_of
for seed in range(int(sys.argv[2])):
    symbols, levels = seed % 4 + 1, bool(seed % 3)
    open_ms, market, instruments = scene(seed, symbols, 90, levels)
    chosen = dict(fee_bps="26.5", slippage_bps="33.3333", size_method=("quantity", "notional", "fraction")[seed % 3],
                  size_quantity="3", size_notional="700", size_fraction="0.95", rebalance=bool(seed % 2),
                  dead_band_pct="10", max_positions=seed % 3, stop_pct="1.5", target_pct="2", trail_pct="2.5",
                  min_notional="40")
    print(fills_of(tuple(i.symbol for i in instruments), open_ms, *play(market, instruments, rules(**chosen), [])).digest())
"""


def test_interpreted_and_compiled_runs_have_the_same_digests() -> None:
    """Law 4, over 48 scenes with every rule on."""
    here = str(Path(__file__).parent)

    def digests(interpret: str) -> list[str]:
        env = {**os.environ, "TRADER_INTERPRET": interpret}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, here, "48"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    compiled = digests("0")
    assert digests("1") == compiled
    assert len(set(compiled)) == 48
