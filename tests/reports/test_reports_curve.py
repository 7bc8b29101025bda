"""The account of a page against numbers worked by hand, and what is told where it cannot be had."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from reports.page_books import (
    AXES,
    BEGIN,
    HOUR,
    ONE,
    Line,
    Shelf,
    bars_of,
    book,
    fill,
    protections,
    search,
    trip,
    verdict,
)

from trader_cli.engine.snapshot import pack
from trader_cli.engine.state import new_book
from trader_cli.errors import DataError, UsageError
from trader_cli.jobs.page import Page, page
from trader_cli.jobs.page_curve import Curve, fallen, read_bars, rebuilt, rolling_sharpe
from trader_cli.jobs.page_research import maps_of
from trader_cli.jobs.page_trades import attribution, cost_lines, deals_of, trades_of
from trader_cli.jobs.space import Space
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.instrument import Instrument
from trader_cli.model.session import Session, Step


def hand() -> Shelf:
    """1000 in cash; at the second bar 2 BTC are bought at 100 with a fee of 1, at the fourth sold at 120 with a fee of 2."""
    bars = bars_of("BTC/USD", [100, 110, 90, 120, 120])
    buy = fill("BTC/USD", BEGIN + HOUR, 1, 2 * ONE, 100 * ONE, ONE, Reason.STRATEGY)
    sell = fill("BTC/USD", BEGIN + 3 * HOUR, -1, 2 * ONE, 120 * ONE, 2 * ONE, Reason.TARGET)
    shelf = book(2)
    line = replace(
        shelf.line, symbols=("BTC/USD",), cash_start=1000 * ONE, equity_end=1037 * ONE, end_ms=BEGIN + 5 * HOUR, bars=5
    )
    return Shelf(line, {"fills": [buy, sell], "trades": [trip(buy, sell, "momentum")]}, {"BTC/USD": bars})


def made(shelf: Shelf) -> Page:
    return page(
        shelf,
        shelf,
        "2020",
        protections,
        lambda _run: shelf.all_steps,
        lambda _name, _stated: AXES,
        10,
        BEGIN,
    )


@pytest.mark.req("R3.7")
def test_the_account_is_cash_after_its_fills_and_holdings_at_the_last_close() -> None:
    shelf = hand()
    curve = rebuilt(shelf.line, shelf.tables["fills"], shelf.bars, 0.0)
    # 1000; 1000 - 201 + 2 x 110; 799 + 2 x 90; 799 + 240 - 2; the same.
    assert curve.equity.tolist() == [1000, 1019, 979, 1037, 1037]
    assert curve.invested.tolist() == [0, 220, 180, 0, 0]
    # 10 BTC from the first open at 100.
    assert curve.benchmark.tolist() == [1000, 1100, 900, 1200, 1200]
    assert curve.close_ms.tolist() == [BEGIN + i * HOUR for i in range(1, 6)]


def test_a_drawdown_is_measured_from_the_highest_so_far() -> None:
    assert fallen(100.0, np.array([100.0, 120, 90, 120, 130])).tolist() == pytest.approx([0, 0, -25, 0, 0])
    # What is lost in the first bar is lost from the start.
    assert fallen(100.0, np.array([80.0, 90])).tolist() == pytest.approx([-20, -10])
    assert np.isnan(fallen(0.0, np.array([0.0, 0.0]))).all()
    assert len(fallen(100.0, np.empty(0))) == 0


def test_bars_that_are_not_those_the_run_saw_are_not_taken_for_them() -> None:
    shelf = hand()
    with pytest.raises(DataError, match=r"the account ends at 1,037\.00, the run ended at 1,100\.00"):
        rebuilt(replace(shelf.line, equity_end=1100 * ONE), shelf.tables["fills"], shelf.bars, 0.0)


def test_a_run_whose_bars_are_gone_is_drawn_from_its_own_points_and_says_so() -> None:
    shelf = hand()
    shelf.bars = {}
    points = [["2020-01-01T01:00:00Z", 1000.0, 1000.0], ["2020-01-01T05:00:00Z", 1037.0, 1200.0]]
    shelf.line = replace(shelf.line, stats={**shelf.line.stats, "equity_line": points})
    found = made(shelf)
    assert found.curve.equity.tolist() == [1000, 1037]
    assert found.curve.close_ms.tolist() == [BEGIN + HOUR, BEGIN + 5 * HOUR]
    assert found.candles == {}
    assert not found.curve.whole
    assert len(found.rolling.values) == 0
    assert any("the points that the run wrote down itself" in one for one in found.notes)


def test_a_symbol_at_a_named_venue_is_read_from_there() -> None:
    asked: list[tuple[str, str | None]] = []

    class Source(Shelf):
        def load(self, symbol, exchange, timeframe, since_ms=None, until_ms=None):  # type: ignore[no-untyped-def]
            asked.append((symbol, exchange))
            return super().load(symbol, exchange, timeframe, since_ms, until_ms)

    shelf = hand()
    source = Source(shelf.line, shelf.tables, shelf.bars)
    read_bars(replace(shelf.line, symbols=("BTC/USD@kraken",)), source)
    read_bars(replace(shelf.line, mode="paper", exchange="replay:bitfinex"), source)
    assert asked == [("BTC/USD", "kraken"), ("BTC/USD", "bitfinex")]


def live(*rows: tuple[int, int, int]) -> Shelf:
    """A session that began with 1000; rows: (bar, equity, cash), a bar at a time, -1 for the opening."""
    mine = Session(
        run_id="20200101T000000-abcdef", mode="paper", exchange="test", account="", strategy="momentum", params={},
        preset="plain", config={"costs": {"fee_bps": "10", "slippage_bps": "0"}}, timeframe="1h", quote="USD",
        instruments=(Instrument("BTC/USD"),), wallets=(), cash_start=1000 * ONE, started_ms=BEGIN, code_digest="c" * 64,
        outside={},
    )  # fmt: skip
    steps = [
        Step(
            seq=i, time_ms=BEGIN + i, bar_ms=BEGIN + bar * HOUR if bar >= 0 else -1, symbols=("BTC/USD",), wallets=(),
            state=pack(new_book(1, ())), notes={}, cash=cash * ONE, equity=equity * ONE, holdings=(), marks=(100 * ONE,),
            fill_count=0, trade_count=0, digest="d",
        )
        for i, (bar, equity, cash) in enumerate(rows)
    ]  # fmt: skip
    shelf = hand()
    shelf.all_sessions, shelf.all_steps = [mine], steps
    shelf.line = replace(shelf.line, mode="paper", equity_end=rows[-1][1] * ONE, stats={})
    return shelf


def test_the_account_of_a_session_is_what_its_last_step_of_each_bar_wrote_down() -> None:
    shelf = live((-1, 1000, 1000), (0, 1000, 1000), (1, 1010, 800), (1, 1020, 800), (3, 1037, 1037))
    found = made(shelf)
    assert found.curve.equity.tolist() == [1000, 1020, 1037]
    assert found.curve.invested.tolist() == [0, 220, 0]
    assert found.curve.close_ms.tolist() == [BEGIN + one * HOUR for one in (1, 2, 4)]
    # 10 BTC less the fee of 10 bps: what was bought at the first bar's open is worth its closes.
    assert found.curve.benchmark.tolist() == pytest.approx([999, 1098.9, 1198.8])
    assert found.figures["total_return_pct"] == pytest.approx(3.7)
    assert found.figures["trades"] == 1
    assert found.figures["exposure_pct"] == pytest.approx(100 / 3)
    assert [(year, month, round(value, 9)) for year, month, value in found.monthly] == [(2020, 1, 3.7)]


def test_a_session_that_has_seen_no_bar_yet_is_a_page_too() -> None:
    shelf = live((-1, 1000, 1000))
    shelf.tables = {}
    found = made(shelf)
    assert len(found.curve.equity) == 0
    assert found.monthly == ()


def daily(equity: list[float]) -> Curve:
    close = BEGIN + 24 * HOUR * np.arange(1, len(equity) + 1)
    nothing = np.full(len(equity), math.nan)
    return Curve(equity[0], close, np.array(equity), nothing, nothing, whole=True)


def test_the_rolling_sharpe_ratio_is_that_of_its_window() -> None:
    random = np.random.default_rng(3)
    equity = (100 * np.cumprod(1 + random.normal(0, 0.01, 70))).tolist()
    rolling = rolling_sharpe(daily(equity), 24 * HOUR)
    assert rolling.days == 30
    assert len(rolling.values) == 40
    returns = np.diff(equity[10:41]) / np.array(equity[10:40])
    assert rolling.values[10] == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365.25))
    assert rolling.time_ms[10] == BEGIN + 41 * 24 * HOUR


def test_a_short_run_or_one_that_lost_everything_has_no_rolling_sharpe_ratio() -> None:
    assert len(rolling_sharpe(daily([100.0] * 59), 24 * HOUR).values) == 0
    assert len(rolling_sharpe(daily([100.0] * 60 + [0.0]), 24 * HOUR).values) == 0
    assert np.isnan(rolling_sharpe(daily([100.0] * 60), 24 * HOUR).values).all()


def test_what_a_trade_brought_is_counted_under_each_of_its_names() -> None:
    found = attribution(hand().tables["trades"])
    assert set(found) == {"strategy", "symbol", "wallet", "exit reason"}
    (share,) = found["exit reason"]
    # 240 - 200 - 3.
    assert (share.name, share.trades, share.pnl, share.fees, share.win_rate_pct) == ("target", 1, 37.0, 3.0, 100.0)
    assert share.average_bars == 2


def test_every_way_to_split_the_result_gives_the_same_whole() -> None:
    trades = book(40).tables["trades"]
    whole = sum(one["pnl"] for one in trades) / ONE
    for rows in attribution(trades).values():
        assert sum(one.pnl for one in rows) == pytest.approx(whole)
        assert sum(one.trades for one in rows) == 40
        assert [one.pnl for one in rows] == sorted((one.pnl for one in rows), reverse=True)


def test_slippage_is_the_part_of_the_price_that_was_added_and_a_limit_has_none() -> None:
    buy = fill("BTC/USD", BEGIN, 1, ONE, 101 * ONE, ONE, Reason.STRATEGY)
    limit = {**buy, "side": -1, "kind": int(OrderKind.LIMIT)}
    # 1 % was added to 100 quote; the limit paid none.
    (line,) = cost_lines([buy, limit], 100)
    assert (line.fills, line.notional, line.fees) == (2, 202.0, 2.0)
    assert line.slippage == pytest.approx(1.0)


def test_round_trips_and_fills_are_told_in_quote_and_base() -> None:
    tables = hand().tables
    trades, deals = trades_of(tables["trades"]), deals_of(tables["fills"])
    assert trades.entry_price.tolist() == [100]
    assert trades.exit_price.tolist() == [120]
    assert trades.return_pct.tolist() == [18.5]
    assert trades.quantity.tolist() == [2]
    assert trades.reason == ("target",)
    assert deals.price.tolist() == [100, 120]
    assert deals.side.tolist() == [1, -1]
    assert deals.fee.tolist() == [1, 2]


def test_a_verdict_says_whether_it_is_on_what_ran() -> None:
    shelf = hand()
    shelf.all_verdicts = [replace(verdict("momentum"), code_digest="e" * 64), verdict("momentum")]
    (judged,) = made(shelf).verdicts
    assert judged.same
    assert judged.verdict.code_digest == "c" * 64
    shelf.all_verdicts = [replace(verdict("momentum"), params={"fast": 6})]
    (judged,) = made(shelf).verdicts
    assert not judged.same


def test_a_search_has_its_map_and_one_whose_strategy_changed_says_that_it_has_none() -> None:
    shelf = hand()
    shelf.searches = [search("momentum")]
    (one,) = made(shelf).searches
    assert one.map.values == [[1.0, 1.5, 2.5], [1.5, 2.0, 3.0]]
    assert one.best is not None
    assert one.best.params == {"fast": 20, "slow": 100}

    def changed(name: str, _stated: object) -> Space:
        raise UsageError(f"strategy `{name}`: has no parameter `slow`")

    found, problems = maps_of(shelf, ["momentum"], changed, 10)
    assert found == []
    assert problems == ["search sweep-1 has no map: strategy `momentum`: has no parameter `slow`"]


def test_a_run_without_a_trade_is_a_page_too() -> None:
    shelf = hand()
    shelf.tables = {}
    shelf.line = replace(shelf.line, equity_end=1000 * ONE)
    found = made(shelf)
    assert found.curve.equity.tolist() == [1000] * 5
    assert found.shares["symbol"] == ()
    assert found.costs == ()
    assert isinstance(found.run, Line)
