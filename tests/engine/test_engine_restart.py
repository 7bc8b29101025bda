"""Law 2 and what a venue reports: a book packed after every bar, and one fed with fills, are the book of one long run."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from candles import rules
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_laws import random_bars, random_signals

from trader_cli.engine.late import STOP_RESTS, TARGET_RESTS, find_late
from trader_cli.engine.panel import Measured, build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.settle import finish_order, settle_fill
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import (
    CANDIDATE,
    DUST,
    EVENTS,
    FILLS,
    LAST_ASKED,
    LAST_EVENT,
    ORDER_SIDE,
    POSITION_COLUMNS,
    QUANTITY,
    Book,
    Log,
    Market,
    new_book,
    new_log,
)
from trader_cli.errors import DataError
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules

SAMPLES = settings(max_examples=30, deadline=None)
BOTH = STOP_RESTS | TARGET_RESTS
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


@SAMPLES
@given(seed=st.integers(0, 2**32 - 1), symbols=st.integers(1, 3), count=st.integers(2, 60), levels=st.booleans())
def test_a_book_that_is_told_a_backtests_fills_is_the_backtests_book(seed, symbols, count, levels) -> None:
    """A venue that fills as the market of the simulation does leaves the same book, bar after bar, with every rule on."""
    scene = Scene(seed, symbols, count, levels, min_notional="0")
    simulated, told = scene.book(), scene.book()
    rests = np.full(len(told.position), BOTH)
    for bar in range(scene.count):
        log = run_bars(scene.market, simulated, new_log(scene.count, 64), scene.rules, scene.steps, bar, bar, bar + 1)
        mine = new_log(scene.count, 64)
        for _, row, side, quantity, price, notional, fee, kind, reason in rows_of(simulated, log):
            numbers = (quantity, price, notional, fee, kind, reason)
            ordered = int(told.position[row, ORDER_SIDE])
            settle_fill(bar, row, side, *numbers, scene.market, told, mine, scene.array, scene.steps)
            if ordered == side:
                finish_order(row, told)
        assert rows_of(told, mine) == rows_of(simulated, log)
        find_late(bar, scene.market, told, scene.array, scene.steps, rests)
        run_bars(scene.market, told, mine, scene.rules, scene.steps, bar + 1, bar, bar + 1)
        assert state_of(told) == state_of(simulated), bar
        for book in (simulated, told):
            book.account[[FILLS, EVENTS]] = 0
            book.position[:, LAST_EVENT] = 0


@SAMPLES
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(3, 50), first=st.integers(0, 48), levels=st.booleans())
def test_missed_bars_are_filled_one_by_one_and_the_newest_alone_is_decided_on(seed, count, first, levels) -> None:
    """E4: one catch-up decision, on the newest bar."""
    scene = Scene(seed, 2, count, levels)
    first = min(first, scene.count - 1)
    book = scene.book()
    log = run_bars(scene.market, book, new_log(scene.count, 64), scene.rules, scene.steps, 0, 0, first)
    apart = Book(*(array.copy() for array in book))
    log = run_bars(scene.market, book, log, scene.rules, scene.steps, first, scene.count - 1, scene.count)
    steps = new_log(scene.count, 64)
    apart.account[[FILLS, EVENTS]] = 0
    apart.position[:, LAST_EVENT] = 0
    for bar in range(first, scene.count):
        steps = run_bars(scene.market, apart, steps, scene.rules, scene.steps, bar, bar + 1, bar + 1)
    steps = run_bars(scene.market, apart, steps, scene.rules, scene.steps, scene.count, scene.count - 1, scene.count)
    assert state_of(apart) == state_of(book)
    assert np.isnan(log.equity[first : scene.count - 1]).all()
    assert not np.isnan(log.equity[scene.count - 1])


def three(book: Book) -> bytes:
    """A packed book of two wallets with S0 and S1, in which wallet b holds S1 and has an order for S0."""
    book.position[3, QUANTITY] = 7
    book.account[1] = 1
    book.position[2, ORDER_SIDE] = 1
    book.account[0] = 1
    book.position[:, CANDIDATE] = 3
    return pack(book)


def test_rows_are_found_again_by_wallet_and_symbol() -> None:
    data = three(new_book(2, (5, 6)))
    book = unpack(data, ("S0", "S1"), ("a", "b"), ("S2", "S1", "S0"), ("a", "b"))
    assert book.position[:, QUANTITY].tolist() == [0, 0, 0, 0, 7, 0]
    assert book.position[:, ORDER_SIDE].tolist() == [0, 0, 0, 0, 0, 1]
    assert book.account[:2].tolist() == [1, 1]
    assert book.wallet[:, 0].tolist() == [5, 6, 11]


def test_a_symbol_that_is_gone_takes_its_working_order_along() -> None:
    book = unpack(three(new_book(2, (5, 6))), ("S0", "S1"), "ab", ("S1",), "ab")
    assert book.position.shape == (2, POSITION_COLUMNS)
    assert book.account[:2].tolist() == [0, 1]


@pytest.mark.parametrize("column", [QUANTITY, DUST])
def test_a_symbol_that_is_held_cannot_go(column) -> None:
    book = new_book(2, (5, 6))
    book.position[3, column] = 1
    with pytest.raises(DataError, match="b: S1"):
        unpack(pack(book), ("S0", "S1"), "ab", ("S0",), "ab")


def test_other_wallets_are_refused() -> None:
    with pytest.raises(DataError, match="wallets were a, b and are a, c"):
        unpack(pack(new_book(1, (5, 6))), ("S0",), "ab", ("S0",), "ac")


def test_other_names_than_the_book_has_rows_are_refused() -> None:
    with pytest.raises(DataError, match="2 rows and 2 wallets"):
        unpack(pack(new_book(1, (5, 6))), ("S0", "S1"), "ab", ("S0", "S1"), "ab")


@pytest.mark.parametrize("at", [0, 4, 6, 20, 60, -1])
def test_a_damaged_book_is_refused(at) -> None:
    data = bytearray(pack(new_book(2, (5,))))
    data[at] ^= 1
    with pytest.raises(DataError):
        unpack(bytes(data), ("S0", "S1"), "a", ("S0", "S1"), "a")
    with pytest.raises(DataError):
        unpack(bytes(data[:30]), ("S0", "S1"), "a", ("S0", "S1"), "a")


def test_a_book_of_another_version_is_refused_by_its_number() -> None:
    data = bytearray(pack(new_book(1, (5,))))
    data[4] = 2
    with pytest.raises(DataError, match="version 2, this program reads 1"):
        unpack(bytes(data), ("S0",), "a", ("S0",), "a")


def test_the_bytes_hold_every_number_and_not_the_log() -> None:
    rng = np.random.default_rng(5)
    book = new_book(3, (5, 6))
    for array in book:
        array[:] = rng.integers(-(2**63), 2**63 - 1, array.shape)
    again = unpack(pack(book), "xyz", "ab", "xyz", "ab")
    assert state_of(again)[1:] == state_of(book)[1:]
    assert again.account[[FILLS, EVENTS]].tolist() == [0, 0]
    assert set(again.position[:, LAST_EVENT].tolist()) == {0}
    assert set(again.position[:, LAST_ASKED].tolist()) == {-2}
    # The same book is the same bytes: what was scratch, or the log's, does not count.
    data = pack(book)
    book.position[:, [CANDIDATE, LAST_EVENT]] += 1
    assert pack(book) == data
