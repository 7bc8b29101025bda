"""The exit coordinator, rule by rule, as tables of a few bars with the numbers worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from candles import NAN, bars, run
from hypothesis import given, settings
from hypothesis import strategies as st
from purses import play, still

from trader_cli.engine.panel import Measured
from trader_cli.strategy.signals import Signals

FLAT = (100.0, 101.0, 99.0, 100.0)
COSTS = {"fee_bps": "10", "maker_fee_bps": "10", "slippage_bps": "5"}


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(("low", "sold"), [(96.01, 1), (96.0, 2)])
def test_an_atr_stop_hangs_two_ranges_under_the_entry(low: float, sold: int) -> None:
    # range 2 known at the decision's close; 100 - 2 x 2 = 96. The later range of 50 does not move it.
    atr = Measured(atr=np.array([2.0, 50.0, 50.0]))
    result = run(bars([FLAT, FLAT, (100, 100, low, 100)]), [1] * 3, measured=[atr], stop_atr="2")
    assert len(result.table) == sold
    if sold == 2:
        assert result.table[1] == (2, "sell", "1", "96", "stop")


@pytest.mark.req("R0.2")
def test_the_chandelier_follows_the_high_with_the_range_of_the_close_before_and_never_falls() -> None:
    # entry 100, range 2: 100 - 6 = 94. Close of bar 2: high 110, range 2: 104. Close of bar 3: high 110, range 10: 80, so
    # 104 stands. Bar 4 falls to 103.99: sold at 104.
    atr = Measured(atr=np.array([2.0, 2.0, 2.0, 10.0, 10.0]))
    rows = [FLAT, still(100), (100, 110, 100, 109), (109, 109, 104.01, 108), (108, 108, 103.99, 105)]
    result = run(bars(rows), [1] * 5, measured=[atr], trail_atr="3")
    assert result.table[1] == (4, "sell", "1", "104", "trail")


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(("low", "sold"), [(94.01, 1), (94, 2)])
def test_the_chandelier_protects_from_the_entrys_own_bar_on(low: float, sold: int) -> None:
    # range 2 at the decision's close: 100 - 3 x 2 = 94, before any close could raise it
    atr = Measured(atr=np.full(2, 2.0))
    result = run(bars([still(100), (100, 100, low, 100)]), [1] * 2, measured=[atr], trail_atr="3")
    assert len(result.table) == sold
    if sold == 2:
        assert result.table[1] == (1, "sell", "1", "94", "trail")


@pytest.mark.req("R0.2")
def test_a_high_arms_the_break_even_from_the_next_bar_on() -> None:
    # fee 10 bps: 100 x 1.001 / 0.999 = 100.2002..., up to the tick 100.21. A high of 102 (2 %) lifts the stop there; in its
    # own bar the low of 99 may have come before
    rows = [FLAT, FLAT, (100, 102, 99, 101), (101, 101, 100.22, 101), (101, 101, 100.21, 101)]
    result = run(bars(rows), [1] * 5, break_even_pct="2", fee_bps="10")
    assert result.table[1] == (4, "sell", "1", "100.21", "break_even")


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("high", [101.99, 102])
def test_a_high_below_the_gain_arms_no_break_even(high: float) -> None:
    rows = [FLAT, FLAT, (100, high, 100, high), (101, 101, 99, 99)]
    result = run(bars(rows), [1] * 4, break_even_pct="2", fee_bps="10")
    assert len(result.table) == (2 if high == 102 else 1)


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("tick", ["0.01", "1"])
def test_without_costs_the_break_even_is_the_entry(tick: str) -> None:
    rows = [FLAT, FLAT, (100, 105, 100, 105), (105, 105, 100, 100)]
    result = run(bars(rows), [1] * 4, tick=tick, break_even_pct="2")
    assert result.table[1] == (3, "sell", "1", "100", "break_even")


@pytest.mark.req("R0.2")
def test_a_break_even_is_not_armed_below_what_it_costs() -> None:
    # fee 1 %: even at 100 x 1.01 / 0.99 = 102.02..., so 102.03. A high of 101 (1 %) is not there yet: the stop would stand
    # above the market and sell at the next open, 101 - 100 - 1 - 1.01 = -1.01.
    rows = [FLAT, still(100), (100, 101, 100, 101), still(101), still(101)]
    result = run(bars(rows), [1] * 5, break_even_pct="1", fee_bps="100")
    assert len(result.table) == 1


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("tick", ["0.01", "1"])
def test_a_position_sold_at_break_even_loses_nothing(tick: str) -> None:
    # tick 0.01: bought 100.05, fee 0.10005; even at (100.05 + 0.10005) / 0.999 = 100.2502..., so 100.26 must be got.
    # 100.26 / 0.9995 = 100.3101..., so the level is 100.32: less 5 bps 100.2698, down to 100.26, +0.0096.
    # tick 1: bought at 101, even at 101.2022..., so 102 must be got: the level is 103, less 5 bps 102.9485, down to 102.
    rows = [FLAT, still(100), (100, 105, 100, 105), (105, 105, 99, 99.5)]
    result = run(bars(rows), [1] * 4, tick=tick, break_even_pct="2", **COSTS)
    assert result.table[1][4] == "break_even"
    assert result.trips.pnl[0] >= 0


@pytest.mark.req("R1.8")
@pytest.mark.parametrize("tick", ["0.01", "0.5"])
def test_a_net_micro_profit_leaves_half_a_percent_after_both_costs(tick: str) -> None:
    # tick 0.01: bought 100.05; 1.005 x 1.001 / 0.999 = 1.0070120..., so 100.7515... = 100.76 must be got: 0.71 - 0.10005 -
    # 0.10076 = 0.50919, over 0.50025. 100.76 / 0.9995 = 100.8104..., so the level is 100.82.
    # tick 0.5: bought 100.5; 101.2047... = 101.5 must be got: 1 - 0.1005 - 0.1015 = 0.798, over 0.5025; the level is 102.
    rows = [FLAT, still(100), (100, 104.5, 100, 104)]
    result = run(bars(rows), [1] * 3, tick=tick, micro_profit_pct="0.5", **COSTS)
    assert result.table[1][4] == "micro_profit"
    assert Decimal(int(result.trips.pnl[0])) / int(result.trips.bought[0]) >= Decimal("0.005")


@pytest.mark.req("R1.8")
@pytest.mark.parametrize(("high", "sold"), [(100.49, 1), (100.5, 2)])
def test_a_gross_micro_profit_is_a_market_order_at_half_a_percent(high: float, sold: int) -> None:
    # bought at 100.0 without slippage; 100.5 pays the taker's 20 bps, 0.201, not the maker's
    rows = [still(100), still(100), (100, high, 100, 100)]
    result = run(bars(rows), [1] * 3, micro_profit_pct="0.5", profit_basis="gross", fee_bps="20", maker_fee_bps="10")
    assert len(result.table) == sold
    if sold == 2:
        assert result.table[1] == (2, "sell", "1", "100.5", "micro_profit")
        assert int(result.fills.fee[1]) == 20_100_000


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("bars_held", [1, 2])
def test_time_ends_a_position_after_so_many_bars_and_it_stays_closed(bars_held: int) -> None:
    # bought at the open of minute 1, sold at that of minute 1 + bars; wanted all along, it is not bought again
    result = run(bars([FLAT] * 6), [1] * 6, max_bars=bars_held)
    assert [(row[0], row[1], row[4]) for row in result.table] == [
        (1, "buy", "strategy"),
        (1 + bars_held, "sell", "time"),
    ]


@pytest.mark.req("R0.2")
def test_the_kill_switch_comes_before_time_and_the_strategys_own_wish() -> None:
    played = play([[still(100)] * 4], [[[1, 0, 0, 0]]], closing={0: 1}, max_bars=1)
    assert [(row[0], row[3], row[6]) for row in played.table] == [(1, "buy", "strategy"), (2, "sell", "kill")]


@pytest.mark.req("R0.2")
def test_a_partial_target_sells_its_share_once() -> None:
    rows = [still(100), still(100), (100, 102, 100, 100), (100, 103, 100, 100), still(100)]
    result = run(bars(rows), [1] * 5, partial_pct="2")
    assert result.table[1:] == [(2, "sell", "0.5", "102", "partial")]


@pytest.mark.req("R0.2")
def test_rebalancing_does_not_buy_back_what_the_partial_target_sold() -> None:
    # sold 0.5 at 102 in minute 2; the rule would buy 0.5 again at the open of minute 3, for both costs
    rows = [still(100), still(100), (100, 102, 100, 100), still(100), still(100)]
    result = run(bars(rows), [1] * 5, partial_pct="2", rebalance=True)
    assert result.table[1:] == [(2, "sell", "0.5", "102", "partial")]


@pytest.mark.req("R0.2")
def test_of_two_partial_sales_the_lower_level_comes_first() -> None:
    # holds 1: at 102 half goes (keep 0.5 of 1); at 103 half of the 0.5 that is left
    own = Signals(target=np.array([1, NAN, NAN]), take=np.array([102, NAN, NAN]), keep=np.array([0.5, NAN, NAN]))
    result = run(bars([still(100), still(100), (100, 104, 100, 103.5)]), own, partial_pct="3")
    assert [row[2:4] for row in result.table[1:]] == [("0.5", "102"), ("0.25", "103")]


@pytest.mark.req("R0.2", "R1.8")
@settings(max_examples=150, deadline=None)
@given(
    price=st.integers(101, 50_000),
    tick=st.sampled_from(["0.01", "0.05", "1"]),
    fee=st.sampled_from(["0", "7.5", "26", "100"]),
    slip=st.sampled_from(["0", "5", "33.3333", "150"]),
    micro=st.booleans(),
)
def test_what_a_paying_level_sells_pays_at_every_price(price, tick, fee, slip, micro) -> None:
    """However coarse the tick; the fees of a trade and its two notionals are each rounded against us, by 1e-8."""
    # Each bar is still: no price beyond the level makes up for what the level itself is short of.
    costs = {"fee_bps": fee, "maker_fee_bps": fee, "slippage_bps": slip, "tick": tick, "cash": "1000000"}
    exits = {"micro_profit_pct": "0.5"} if micro else {"break_even_pct": "20"}
    peak = float(price * 2)
    rows = [still(price), still(price), (price, peak, price, peak), (peak, peak, 0.5, 0.5)]
    result = run(bars(rows), [1] * 4, **exits, **costs)
    assert result.table[1][4] == ("micro_profit" if micro else "break_even")
    least = Decimal(int(result.trips.bought[0])) * (Decimal("0.005") if micro else 0)
    assert int(result.trips.pnl[0]) >= least - 4


# HIGH risk: 50 points for a loss of 10 %, 30 for a range three times the entry's, 20 for half the wallet

LOSS = {"high_atr_points": 0, "high_share_points": 0}
RANGE = {"high_loss_points": 0, "high_share_points": 0}
SHARE = {"high_loss_points": 0, "high_atr_points": 0}


@pytest.mark.req("R4.5", "R0.2")
@pytest.mark.parametrize(
    ("close", "score", "sold"),
    [
        (90.01, 50, False),  # 9.99 % earns 49.95: whole points only
        (90, 50, True),
        (90.01, 49, True),
        (90.2, 49, True),  # 9.8 % earns 49 exactly
        (90.21, 49, False),
        (50, 50, True),
        (50, 51, False),  # never more than its 50
        (110, 1, False),  # a gain earns nothing
    ],
)
def test_an_open_loss_earns_its_points_in_proportion(close: float, score: int, sold: bool) -> None:
    rows = [still(100), (100, max(close, 100), min(close, 100), close), still(close)]
    result = run(bars(rows), [1] * 3, high_score=score, **LOSS)
    assert [row[4] for row in result.table[1:]] == (["high_risk"] if sold else [])


@pytest.mark.req("R4.5")
@pytest.mark.parametrize(
    ("at_entry", "now", "score", "sold"),
    [
        (2, 6, 30, True),  # three times: all 30
        (2, 5.99, 30, False),  # 29.92
        (2, 4, 15, True),  # twice: half of the way from once to three times
        (2, 3.99, 15, False),
        (2, 60, 31, False),
        (2, 1, 1, False),  # a market that calms down
        (NAN, 6, 1, False),  # not known at the entry
        (2, NAN, 1, False),
    ],
)
def test_a_range_grown_since_the_entry_earns_its_points(at_entry: float, now: float, score: int, sold: bool) -> None:
    atr = Measured(atr=np.array([at_entry, now, now]))
    result = run(bars([still(100)] * 3), [1] * 3, measured=[atr], high_score=score, **RANGE)
    assert [row[4] for row in result.table[1:]] == (["high_risk"] if sold else [])


@pytest.mark.req("R4.5")
@pytest.mark.parametrize(
    ("cash", "score", "sold"),
    [("200", 20, True), ("200.01", 20, False), ("400", 10, True), ("400.01", 10, False), ("100", 21, False)],
)
def test_the_share_of_its_own_wallet_earns_its_points(cash: str, score: int, sold: bool) -> None:
    # 100 of 200 is half; the other wallet's 5000 do not make it less
    played = play([[still(100)] * 3], [[[1] * 3], [[0] * 3]], cash=(cash, "5000"), high_score=score, **SHARE)
    assert [row[6] for row in played.table[1:]] == (["high_risk"] if sold else [])


@pytest.mark.req("R4.5")
@pytest.mark.parametrize(("cash", "sold"), [("385", True), ("385.01", False)])
def test_the_three_parts_of_the_score_add_up(cash: str, sold: bool) -> None:
    # 5 % down: 25; twice the range: 15; 95 of 385 - 100 + 95 = 380, a quarter: 10. A cent more: 9
    atr = Measured(atr=np.array([2.0, 4.0, 4.0]))
    rows = [still(100), (100, 100, 95, 95), still(95)]
    result = run(bars(rows), [1] * 3, cash=cash, measured=[atr], high_score=50)
    assert [row[4] for row in result.table[1:]] == (["high_risk"] if sold else [])


@pytest.mark.req("R4.5")
@pytest.mark.parametrize("part", [RANGE, SHARE])
def test_range_and_share_earn_no_more_than_their_points_either(part: dict[str, int]) -> None:
    # thirty times the range, all of the wallet; a cent down, so that the whole score is reckoned
    atr = Measured(atr=np.array([2.0, 60.0, 60.0]))
    rows = [still(100), (100, 100, 99.99, 99.99), still(99.99)]
    full = 30 if part is RANGE else 20
    for score, sold in ((full, 2), (full + 1, 1)):
        result = run(bars(rows), [1] * 3, cash="100", measured=[atr], high_score=score, **part)
        assert len(result.table) == sold


# The order of R0.2, neighbour by neighbour

DOWN = [still(100), (100, 100, 89, 89), (80, 80, 80, 80), still(80)]
TESTS = {
    "high_risk": {"high_score": 40, **LOSS},
    "stop": {"stop_pct": "15"},
    "trail": {"trail_pct": "15"},
    "time": {"max_bars": 1},
}


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("later", ["high_risk", "stop", "trail", "time", "strategy"])
def test_the_kill_switch_comes_before_everything(later: str) -> None:
    # at the close of minute 1 it is ordered; the open of minute 2, at 80, is beyond stop and trail as well
    wish = [1, 0, 0, 0] if later == "strategy" else [1] * 4
    played = play([DOWN], [[wish]], closing={0: 1}, **TESTS.get(later, {}))
    assert played.table[1:] == [(2, 0, 0, "sell", "1", "80", "kill")]


@pytest.mark.req("R0.2", "R4.5")
@pytest.mark.parametrize("later", ["stop", "trail", "time", "strategy"])
def test_high_risk_comes_before_all_but_the_kill_switch(later: str) -> None:
    # 11 % down at the close of minute 1: sold at the open of minute 2
    wish = [1, 0, 0, 0] if later == "strategy" else [1] * 4
    result = run(bars(DOWN), wish, **{**TESTS["high_risk"], **TESTS.get(later, {})})
    assert result.table[1:] == [(2, "sell", "1", "80", "high_risk")]


@pytest.mark.req("R0.2")
def test_time_comes_before_the_strategys_own_wish() -> None:
    result = run(bars([still(100)] * 4), [1, 0, 0, 0], max_bars=1)
    assert result.table[1:] == [(2, "sell", "1", "100", "time")]


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(
    ("exits", "row"),
    [
        ({"stop_pct": "10", "max_bars": 1}, (1, "90", "stop")),
        ({"trail_pct": "10", "max_bars": 1}, (1, "90", "trail")),
        ({"target_pct": "10", "max_bars": 1}, (1, "110", "target")),
        ({"micro_profit_pct": "10", "max_bars": 1}, (1, "110", "micro_profit")),
        ({"stop_pct": "10", "trail_pct": "10"}, (1, "90", "stop")),  # the same level
        ({"stop_pct": "10", "trail_pct": "9"}, (1, "91", "trail")),  # the higher is reached first
        ({"stop_pct": "9", "trail_pct": "10"}, (1, "91", "stop")),
        ({"stop_pct": "10", "target_pct": "10"}, (1, "90", "stop")),  # the worse of both
        ({"trail_pct": "10", "target_pct": "10"}, (1, "90", "trail")),
        ({"trail_pct": "10", "micro_profit_pct": "10"}, (1, "90", "trail")),
        ({"stop_pct": "10", "partial_pct": "5"}, (1, "90", "stop")),
        ({"target_pct": "10", "micro_profit_pct": "10"}, (1, "110", "target")),
        ({"target_pct": "10", "micro_profit_pct": "9"}, (1, "109", "micro_profit")),
        ({"target_pct": "9", "micro_profit_pct": "10"}, (1, "109", "target")),
        ({"target_pct": "10", "partial_pct": "10"}, (1, "110", "target")),
    ],
)
def test_inside_a_bar_the_first_of_two_levels_sells_all(exits: dict[str, object], row: tuple[int, str, str]) -> None:
    # one bar that reaches everything, at the entry's own open
    result = run(bars([still(100), (100, 115, 85, 100), still(100)]), [1, 1, 1], profit_basis="gross", **exits)
    assert result.table[1:] == [(row[0], "sell", "1", row[1], row[2])]


@pytest.mark.req("R0.2")
def test_the_trail_goes_before_the_break_even_at_one_level() -> None:
    # break-even 100.21 (as above); 111.35 less 10 % is 100.215, down to 100.21
    rows = [still(100), still(100), (100, 111.35, 100, 111.35), (111, 111, 100.21, 100.5)]
    result = run(bars(rows), [1] * 4, break_even_pct="2", trail_pct="10", fee_bps="10")
    assert result.table[1] == (3, "sell", "1", "100.21", "trail")


@pytest.mark.req("R0.2")
def test_the_break_even_goes_before_the_target_inside_one_bar() -> None:
    rows = [still(100), still(100), (100, 103, 100, 103), (103, 111, 100.21, 105)]
    result = run(bars(rows), [1] * 4, break_even_pct="2", target_pct="10", fee_bps="10")
    assert result.table[1:] == [(3, "sell", "1", "100.21", "break_even")]


# Gaps: an open beyond a level sells there

UP = [still(100), still(100), (120, 120, 120, 120), still(120)]
FALL = [still(100), still(100), (80, 80, 80, 80), still(80)]
OWN = {"target": np.array([1.0, 1, 1, 1])}


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(
    ("exits", "kind", "price", "fee", "reason"),
    [
        # stops and the micro-profit pay slippage (1 %) and the taker's 20 bps, targets neither
        ({"stop_pct": "10"}, FALL, "79.2", 15_840_000, "stop"),
        ({"trail_pct": "10"}, FALL, "79.2", 15_840_000, "trail"),
        ({"stop_atr": "2"}, FALL, "79.2", 15_840_000, "stop"),
        ({"trail_atr": "2"}, FALL, "79.2", 15_840_000, "trail"),
        ({"target_pct": "10"}, UP, "120", 12_000_000, "target"),
        ({"micro_profit_pct": "10"}, UP, "118.8", 23_760_000, "micro_profit"),
    ],
)
def test_an_open_beyond_a_level_sells_there(
    exits: dict[str, str], kind: list[tuple[float, float, float, float]], price: str, fee: int, reason: str
) -> None:
    costs = {"fee_bps": "20", "maker_fee_bps": "10", "slippage_bps": "100"}
    atr = Measured(atr=np.full(4, 2.0))
    result = run(bars(kind), [1] * 4, measured=[atr], **exits, **costs)
    assert result.table[1:] == [(2, "sell", "1", price, reason)]
    assert int(result.fills.fee[1]) == fee


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(("opens", "row"), [(110, ("110", "target")), (109.99, ("90", "stop"))])
def test_an_open_at_the_target_is_not_taken_by_the_stop_of_the_same_bar(opens: float, row: tuple[str, str]) -> None:
    rows = [still(100), still(100), (opens, 110, 89, 90)]
    result = run(bars(rows), [1] * 3, target_pct="10", stop_pct="10")
    assert result.table[1:] == [(2, "sell", "1", *row)]


@pytest.mark.req("R0.2")
def test_an_open_beyond_the_break_even_sells_there() -> None:
    rows = [still(100), still(100), (100, 105, 100, 105), still(90)]
    result = run(bars(rows), [1] * 4, break_even_pct="2")
    assert result.table[1:] == [(3, "sell", "1", "90", "break_even")]


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(("level", "row"), [("stop", (FALL, "80", "stop")), ("take", (UP, "120", "target"))])
def test_an_open_beyond_the_strategys_own_level_sells_there(level: str, row: tuple[list[object], str, str]) -> None:
    own = Signals(**OWN, **{level: np.full(4, 90.0 if level == "stop" else 110.0)})
    result = run(bars(row[0]), own)
    assert result.table[1:] == [(2, "sell", "1", row[1], row[2])]


@pytest.mark.req("R0.2")
def test_an_open_beyond_the_partial_and_the_target_sells_both_there() -> None:
    result = run(bars(UP), [1] * 4, partial_pct="5", target_pct="10", partial_share_pct="25")
    assert result.table[1:] == [(2, "sell", "0.25", "120", "partial"), (2, "sell", "0.75", "120", "target")]


@pytest.mark.req("R0.2")
def test_an_open_beyond_the_partial_sells_it_before_the_bar_falls_to_the_stop() -> None:
    rows = [still(100), still(100), (106, 106, 89, 89)]
    result = run(bars(rows), [1] * 3, partial_pct="5", stop_pct="10")
    assert result.table[1:] == [(2, "sell", "0.5", "106", "partial"), (2, "sell", "0.5", "90", "stop")]


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("opens", [103, 105])
def test_an_open_under_a_stop_that_stands_over_the_partial_target_sells_all_at_the_stop(opens: float) -> None:
    # bought at 100, so the rule's part goes at 102; the strategy then lifts its stop to 105. An open from 102 to 105 is
    # over the one and under the other: the stop ends the position, no part rests any more. Instead 0.5 goes as a part.
    own = Signals(target=np.array([1.0, 1, 1]), stop=np.array([NAN, 105, NAN]))
    result = run(bars([still(100), still(100), still(opens)]), own, partial_pct="2")
    assert result.table[1:] == [(2, "sell", "1", str(opens), "stop")]


# Once out, out until the strategy lets go

HIT = {
    "stop": ({"stop_pct": "5"}, (100, 100, 94, 100)),
    "trail": ({"trail_pct": "5"}, (100, 100, 94, 100)),
    "break_even": ({"break_even_pct": "2"}, (100, 103, 100, 103)),
    "target": ({"target_pct": "5"}, (100, 106, 100, 100)),
    "micro_profit": ({"micro_profit_pct": "0.5"}, (100, 106, 100, 100)),
    "time": ({"max_bars": 2}, (100, 100, 100, 100)),
    "high_risk": ({"high_score": 50, **LOSS}, (100, 100, 90, 90)),
}


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("let_go", [0.0, -1.0, NAN])
@pytest.mark.parametrize("rule", HIT)
def test_what_a_rule_closed_stays_closed_until_the_strategy_lets_go(rule: str, let_go: float) -> None:
    # wanted all along but for the close of minute 5; a silent strategy has not let go
    exits, bar = HIT[rule]
    rows = [still(100), still(100), bar, *[still(100)] * 5]
    result = run(bars(rows), [1, 1, 1, 1, 1, let_go, 1, 1], **exits)
    assert [row[1] for row in result.table] == ["buy", "sell"] + ([] if np.isnan(let_go) else ["buy"])
    assert result.table[1][0] in (2, 3)
    assert result.table[1][4] == rule
    if not np.isnan(let_go):
        assert result.table[2][0] == 7


@pytest.mark.req("R0.2")
def test_a_strategy_that_lets_go_at_the_close_a_rule_ends_it_may_come_back_at_once() -> None:
    result = run(bars([still(100)] * 5), [1, 0, 1, 1, 1], max_bars=1)
    assert [(row[0], row[1], row[4]) for row in result.table[:3]] == [
        (1, "buy", "strategy"),
        (2, "sell", "time"),
        (3, "buy", "strategy"),
    ]


# Levels that the strategy states while it holds


@pytest.mark.req("R0.2", "R2.1")
@pytest.mark.parametrize("first", [NAN, 120, 105])
def test_a_newer_own_target_replaces_the_former_and_nan_keeps_it(first: float) -> None:
    # stated at the close of minute 1, kept at that of minute 2. Minute 2 reaches 109: 105 no longer counts; minute 3 reaches
    # 111: 110 does, 120 would not.
    own = Signals(target=np.array([1.0, 1, 1, 1]), take=np.array([first, 110, NAN, NAN]))
    result = run(bars([still(100), still(100), (100, 109, 100, 100), (100, 111, 100, 100)]), own)
    assert result.table[1:] == [(3, "sell", "1", "110", "target")]


# Adding by a resting limit to what is held


def adding(bar: tuple[float, float, float, float], **exits: str) -> list[tuple[int, str, str, str, str]]:
    """Hold 1 from 100 on; at the close of minute 1 the strategy rests a limit for 1 more at 95."""
    own = Signals(target=np.array([1.0, 2, 2]), limit=np.array([NAN, 95, 95]))
    return run(bars([still(100), still(100), bar]), own, **exits).table[1:]


def test_a_limit_adds_inside_a_bar_to_what_is_held() -> None:
    assert adding((100, 101, 95, 96)) == [(2, "buy", "1", "95", "strategy")]
    assert adding((100, 101, 95.01, 96)) == []


@pytest.mark.req("R0.2")
def test_a_stop_under_the_added_limit_takes_both() -> None:
    assert adding((100, 101, 89, 96), stop_pct="10") == [
        (2, "buy", "1", "95", "strategy"),
        (2, "sell", "2", "90", "stop"),
    ]


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(
    ("bar", "exits", "first"),
    [
        ((96, 96, 94, 94), {"stop_pct": "3"}, ("1", "96", "stop")),  # opens under the stop at 97
        ((100, 100, 94, 94), {"stop_pct": "3"}, ("1", "97", "stop")),  # falls to 97 before 95
        ((103, 103, 94, 94), {"target_pct": "2"}, ("1", "103", "target")),  # opens over the target at 102
    ],
    ids=["gap-stop", "stop", "gap-target"],
)
def test_what_was_held_before_is_sold_where_its_own_level_was_reached(
    bar: tuple[float, float, float, float], exits: dict[str, str], first: tuple[str, str, str]
) -> None:
    # Instead 1 is bought at 95, and both are sold at 95 (or, beyond the target, not at all).
    assert adding(bar, **exits)[0] == (2, "sell", *first)


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("limit", [95, 96])
def test_nothing_is_added_in_a_bar_that_opens_at_the_stop(limit: float) -> None:
    # 5 % under 100 is 95, where the bar opens: the 1 held is sold there. Instead a limit at 95, or over it, adds 1 at the
    # same open, and 2 are sold.
    own = Signals(target=np.array([1.0, 2, 2]), limit=np.array([NAN, limit, limit]))
    result = run(bars([still(100), still(100), (95, 96, 94, 94)]), own, stop_pct="5")
    assert result.table[1:] == [(2, "sell", "1", "95", "stop")]


@pytest.mark.req("R0.2", "R2.1")
@pytest.mark.parametrize(("bar", "price"), [((103, 103, 94, 94), "103"), ((100, 102, 94, 94), "102")])
def test_what_was_held_before_is_sold_at_the_strategys_own_target(
    bar: tuple[float, float, float, float], price: str
) -> None:
    # own target 102: opened over in one bar, reached in the other, as with the rule's above. Instead 1 is bought at 95.
    own = Signals(target=np.array([1.0, 2, 2]), limit=np.array([NAN, 95, 95]), take=np.full(3, 102.0))
    assert run(bars([still(100), still(100), bar]), own).table[1:] == [(2, "sell", "1", price, "target")]


@pytest.mark.req("R0.2", "R2.1")
def test_an_open_beyond_a_part_and_the_target_sells_both_before_a_limit_below_adds() -> None:
    # half at the strategy's 102, the rest at 103: the bar opens at 104. Instead 1 is bought at 95 and nothing sold.
    own = Signals(
        target=np.array([1.0, 2, 2]), limit=np.array([NAN, 95, 95]), take=np.full(3, 102.0), keep=np.full(3, 0.5)
    )
    result = run(bars([still(100), still(100), (104, 104, 94, 94)]), own, target_pct="3")
    assert result.table[1:3] == [(2, "sell", "0.5", "104", "partial"), (2, "sell", "0.5", "104", "target")]


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(("exits", "reason"), [("target_pct", "target"), ("micro_profit_pct", "micro_profit")])
def test_what_was_held_before_reaches_its_target_whenever_the_add_fills(exits: str, reason: str) -> None:
    # Whether 95 or 103 came first, the 1 held from 100 on passed 102.
    assert (2, "102", reason) in [(row[0], *row[3:]) for row in adding((100, 103, 94, 94), **{exits: "2"})]


@pytest.mark.req("R0.2")
def test_a_limit_at_the_stops_own_price_adds_and_both_are_sold_there() -> None:
    # stop 95 and limit 95 are touched at once; bars do not tell which came first, and adding before the stop costs more
    assert adding((100, 101, 94, 94), stop_pct="5") == [
        (2, "buy", "1", "95", "strategy"),
        (2, "sell", "2", "95", "stop"),
    ]


@pytest.mark.req("R0.2", "R2.1")
def test_a_take_that_keeps_half_does_not_keep_a_limit_below_from_adding() -> None:
    # Half rests at 102, which the bar reaches, but the position goes on: 1 is bought at 95. The part is not reached in a bar
    # that adds. Instead the limit is dropped and 0.5 sold.
    own = Signals(
        target=np.array([1.0, 2, 2]), limit=np.array([NAN, 95, 95]), take=np.full(3, 102.0), keep=np.full(3, 0.5)
    )
    result = run(bars([still(100), still(100), (100, 102, 94, 94)]), own)
    assert result.table[1:] == [(2, "buy", "1", "95", "strategy")]


# The minimum and the partial target


@pytest.mark.req("R0.2", "R0.4")
@pytest.mark.parametrize(("minimum", "sold"), [("51", True), ("51.01", False)])
def test_a_part_below_the_minimum_is_not_sold(minimum: str, sold: bool) -> None:
    # half of 1 at 102 is 51
    rows = [still(100), still(100), (100, 102, 100, 100), (100, 102, 100, 100)]
    result = run(bars(rows), [1] * 4, partial_pct="2", minimum=minimum)
    assert result.table[1:] == ([(2, "sell", "0.5", "102", "partial")] if sold else [])


@pytest.mark.req("R0.2", "R0.4")
def test_what_a_partial_target_left_may_be_sold_however_small_it_is() -> None:
    rows = [still(100), still(100), (100, 102, 100, 100), (100, 100, 90, 90)]
    result = run(bars(rows), [1] * 4, partial_pct="2", partial_share_pct="70", stop_pct="5", minimum="60")
    assert result.table[1:] == [(2, "sell", "0.7", "102", "partial"), (3, "sell", "0.3", "95", "stop")]


@pytest.mark.req("R0.2")
@pytest.mark.parametrize(("level", "then"), [(1.0, []), (2.0, [(4, "buy", "1.5", "100", "strategy")])])
def test_a_part_stays_sold_until_the_strategy_asks_for_another_level(
    level: float, then: list[tuple[int, str, str, str, str]]
) -> None:
    rows = [still(100), still(100), (100, 102, 100, 100), still(100), still(100)]
    result = run(bars(rows), [1, 1, 1, level, level], partial_pct="2", rebalance=True)
    assert result.table[2:] == then


@pytest.mark.req("R0.2")
@pytest.mark.parametrize("rebalance", [False, True])
def test_a_part_may_be_bought_back_once_the_strategy_asked_for_another_level(rebalance: bool) -> None:
    # 0.5 of 1 sold at 102. At the close of minute 3 the strategy asks for 0.5, which is what is left; at that of minute 4
    # for 1 again: 0.5 is bought at minute 5. Instead it stays at 0.5 for good.
    rows = [still(100), still(100), (100, 102, 100, 100), *[still(100)] * 3]
    result = run(bars(rows), [1, 1, 1, 0.5, 1, 1], partial_pct="2", rebalance=rebalance)
    assert result.table[2:] == [(5, "buy", "0.5", "100", "strategy")]


@pytest.mark.req("R0.2")
def test_what_is_bought_for_another_level_is_not_sold_again_as_a_part_would_be() -> None:
    # 0.5 of 1 sold at 102; level 2 from the close of minute 3 on: 1.5 bought. That is the level now: the 0.5 that the part
    # left is no ceiling any more. Instead 1.5 is sold at minute 5.
    rows = [still(100), still(100), (100, 102, 100, 100), *[still(100)] * 4]
    result = run(bars(rows), [1, 1, 1, 2, 2, 2, 2], partial_pct="2", rebalance=True)
    assert result.table[2:] == [(4, "buy", "1.5", "100", "strategy")]


NOTIONAL = {"size_method": "notional", "size_notional": "100", "rebalance": True}


@pytest.mark.req("R0.2")
def test_after_a_sale_to_another_level_rebalancing_buys_past_what_the_partial_target_left() -> None:
    # 100 quote at level 1: 1 at 100, 0.5 sold at 102. Level 0.25 from the close of minute 3 on: 25 quote, 0.25 sold. At 25
    # they are 1, so 0.75 is bought. Instead the 0.5 that the part left is the most: 0.25.
    rows = [still(100), still(100), (100, 102, 100, 100), still(100), still(100), still(25), still(25)]
    result = run(bars(rows), [1, 1, 1, 0.25, 0.25, 0.25, 0.25], partial_pct="2", **NOTIONAL)
    assert result.table[2:] == [(4, "sell", "0.25", "100", "strategy"), (6, "buy", "0.75", "25", "rebalance")]


@pytest.mark.req("R0.2")
def test_after_another_level_that_needs_no_order_rebalancing_buys_past_what_the_partial_target_left() -> None:
    # as above, but level 0.5: 50 quote are the 0.5 that is left, no order. At 50 they are 1, so 0.5 is bought. Instead none.
    rows = [still(100), still(100), (100, 102, 100, 100), still(100), still(50), still(50)]
    result = run(bars(rows), [1, 1, 1, 0.5, 0.5, 0.5], partial_pct="2", **NOTIONAL)
    assert result.table[2:] == [(5, "buy", "0.5", "50", "rebalance")]


@pytest.mark.req("R2.4", "R0.2")
def test_what_a_rule_closes_takes_no_share_from_what_is_bought_for_it() -> None:
    # half of 1000 a position: 5 of S0. Time is up for it at the close at which S1 is wanted: S1 gets the whole half, 5, as
    # where the strategy itself lets S0 go. Instead it gets 2.5, and without rebalancing keeps that.
    wishes = [[[1] * 6, [0, 0, 1, 1, 1, 1]]]
    sizes = {"size_method": "fraction", "size_fraction": "0.5", "share_method": "equal"}
    played = play([[still(100)] * 6] * 2, wishes, max_bars=2, **sizes)
    assert played.table[1:3] == [
        (3, 0, 0, "sell", "5", "100", "time"),
        (3, 0, 1, "buy", "5", "100", "strategy"),
    ]
