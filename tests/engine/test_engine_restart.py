"""Law 2 and what a venue reports: a book packed after every bar, and one fed with fills, are the book of one long run."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from candles import rules
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_laws import random_bars, random_signals

from trader_cli.engine.panel import Measured, build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import (
    CANDIDATE,
    EVENTS,
    FILLS,
    LAST_ASKED,
    LAST_EVENT,
    Book,
    Log,
    Market,
    new_book,
    new_log,
)
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules

SAMPLES = settings(max_examples=30, deadline=None)
EVERYTHING: dict[str, object] = {
    "fee_bps": "26",
    "maker_fee_bps": "16",
    "slippage_bps": "5",
    "size_method": "fraction",
    "size_fraction": "0.4",
    "rebalance": True,
    "dead_band_pct": "10",
    "stop_pct": "2",
    "target_pct": "4",
    "trail_pct": "3",
    "stop_atr": "3",
    "trail_atr": "3",
    "break_even_pct": "1",
    "micro_profit_pct": "2.5",
    "partial_pct": "1.5",
    "partial_share_pct": "50",
    "max_bars": 12,
    "high_score": 80,
    "max_symbol_pct": "60",
    "max_gross_pct": "95",
    "cash_reserve_pct": "3",
    "daily_loss_pct": "4",
    "wallet_drawdown_pct": "15",
    "losing_streak": 3,
    "cool_down_bars": 5,
    "max_var_pct": "8",
    "min_notional": "5",
}


class Scene:
    """Two wallets, each with every symbol, on random bars with holes; all rules on, or those given."""

    def __init__(self, seed: int, symbols: int, count: int, levels: bool, **changed: object) -> None:
        rng = np.random.default_rng(seed)
        self.names = tuple(f"S{i}/USD" for i in range(symbols))
        series = [random_bars(rng, count, one, holes=0.2 if symbols > 1 else 0.0) for one in self.names]
        signals = [[random_signals(rng, one, levels) for one in series] for _ in range(2)]
        self.rules: Rules = rules(**{**EVERYTHING, **changed})
        measured = [Measured(atr=one.close * rng.uniform(0.005, 0.02, len(one))) for one in series]
        self.open_ms, self.market = build_market(series, signals, self.rules, measured)
        instruments = [Instrument(one, Decimal("0.01"), Decimal("0.0001"), described=True) for one in self.names]
        self.steps = build_steps(instruments, 2)
        self.array = np.array(self.rules, np.int64)

    @property
    def count(self) -> int:
        return len(self.open_ms)

    def book(self) -> Book:
        return new_book(len(self.names), (1000 * 10**8, 400 * 10**8))

    def until(self, end: int) -> Market:
        """What a process knows that starts when `end` bars have closed."""
        prices, signals, measures, returns, open_ms = self.market
        cut = np.ascontiguousarray
        return Market(
            cut(prices[:, :end]),
            cut(signals[:, :end]),
            cut(measures[:, :end]),
            cut(returns[:, :end]),
            open_ms[:end].copy(),
        )


def rows_of(book: Book, log: Log) -> list[tuple[int, ...]]:
    return [tuple(one) for one in log.fills[: book.account[FILLS]].tolist()]


def state_of(book: Book) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """Everything a next bar reads: without the counters of the log and the scratch column."""
    account, wallet, position = (array.copy() for array in book)
    account[[FILLS, EVENTS]] = 0
    position[:, [LAST_EVENT, LAST_ASKED, CANDIDATE]] = 0
    return account.tolist(), wallet.tolist(), position.tolist()


@SAMPLES
@given(seed=st.integers(0, 2**32 - 1), symbols=st.integers(1, 3), count=st.integers(1, 60), levels=st.booleans())
def test_a_process_a_bar_with_packed_books_between_ends_where_one_run_ends(seed, symbols, count, levels) -> None:
    scene = Scene(seed, symbols, count, levels)
    whole = scene.book()
    log = run_bars(scene.market, whole, new_log(scene.count, 64), scene.rules, scene.steps, 0, 0, scene.count)
    fills: list[tuple[int, ...]] = []
    data = pack(scene.book())
    for bar in range(scene.count):
        book = unpack(data, scene.names, ("a", "b"), scene.names, ("a", "b"))
        market = scene.until(bar + 1)
        own = run_bars(market, book, new_log(bar + 1, 64), scene.rules, scene.steps, bar, bar, bar + 1)
        fills += rows_of(book, own)
        data = pack(book)
    assert fills == rows_of(whole, log)
    assert state_of(unpack(data, scene.names, "ab", scene.names, "ab")) == state_of(whole)
