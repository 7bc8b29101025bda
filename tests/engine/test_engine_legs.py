"""Two legs of one trade (R2.1, arbitrage): both orders or none, and net of the costs of both."""

from __future__ import annotations

import numpy as np
import pytest
from candles import NAN
from purses import play, still

from trader_cli.strategy.signals import Signals

LINKED = [{0: 1, 1: 0}]
SAME = [still(100)] * 6


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("fee", "moved"), [("0", True), ("199.9999", True), ("200", False)])
def test_both_legs_trade_where_the_sale_brings_more_than_the_purchase_takes(fee: str, moved: bool) -> None:
    # 0.5 sold at 102 and bought at 98, 2 % a leg: 51 - 1.02 = 49.98 against 49 + 0.98 = 49.98
    dear = [still(102)] * 4
    cheap = [still(98)] * 4
    played = play([dear, cheap], [[[0.5, 0.5, 0, 0], [0.5, 0.5, 1, 1]]], legs=LINKED, fee_bps=fee)
    rows = [(row[0], row[2], row[3]) for row in played.table[2:]]
    assert rows == ([(3, 0, "sell"), (3, 1, "buy")] if moved else [])
    assert ("leg_costs" in {one[2] for one in played.events}) == (not moved)


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("slip", "moved"), [("199", True), ("200", False)])
def test_slippage_of_both_legs_is_counted_against_their_trade(slip: str, moved: bool) -> None:
    # sold at 102 - 2 % = 99.96, bought at 98 + 2 % = 99.96; 1.99 % leaves 99.97 (of 99.9702) against 99.96 (of 99.9502)
    played = play(
        [[still(102)] * 4, [still(98)] * 4],
        [[[0.5, 0.5, 0, 0], [0.5, 0.5, 1, 1]]],
        legs=LINKED,
        slippage_bps=slip,
    )
    after = [(row[0], row[2], row[3], row[5]) for row in played.table[2:]]
    assert after == ([(3, 0, "sell", "99.97"), (3, 1, "buy", "99.96")] if moved else [])
    assert [one[:5] for one in played.events] == ([] if moved else [(2, 0, "leg_costs", 4_998_000_000, 4_998_000_000)])


@pytest.mark.req("R2.1")
@pytest.mark.parametrize("other", [[1, 1, NAN, NAN, NAN, NAN], [1, 1, 1, 1, 1, 1]], ids=["silent", "content"])
def test_a_sale_without_an_order_of_the_other_leg_is_refused(other: list[float]) -> None:
    played = play([SAME] * 2, [[[1, 1, 0, 0, 0, 0], other]], legs=LINKED)
    assert [row[:4] for row in played.table] == [(1, 0, 0, "buy"), (1, 0, 1, "buy")]
    assert played.events[0][:3] == (2, 0, "other_leg")


@pytest.mark.req("R2.1")
def test_a_rule_closes_a_leg_though_the_other_venue_is_silent() -> None:
    # time is up at the close of minute 1; S0 has a bar in minute 2, S1 not before minute 5
    silent = [still(100), still(100), None, None, None, still(100)]
    played = play([SAME, silent], [[[1] * 6, [1] * 3]], legs=LINKED, max_bars=1)
    assert [(row[0], row[2], row[6]) for row in played.table[2:]] == [(2, 0, "time"), (5, 1, "time")]


@pytest.mark.req("R2.1")
def test_a_leg_that_a_limit_shrinks_shrinks_the_other() -> None:
    # at most 30 % of 200 in one symbol: 60 at 100 leaves room for 0.1 more, so that 0.1 is sold, not 0.5
    played = play(
        [[still(110)] * 5, [still(100)] * 5],
        [[[0.5, 0.5, 0, 0, 0], [0.5, 0.5, 1, 1, 1]]],
        cash=("200",),
        legs=LINKED,
        max_symbol_pct="30",
    )
    assert [(row[2], row[3], row[4]) for row in played.table if row[0] == 3] == [(0, "sell", "0.1"), (1, "buy", "0.1")]


@pytest.mark.req("R2.1")
def test_what_is_left_of_a_trade_whose_other_leg_is_gone_may_be_sold_alone() -> None:
    # S1 is stopped at 90 in minute 2; S0, whose strategy lets go at its close, is sold at minute 3
    falls = [still(100), still(100), (100, 100, 90, 90), *[still(90)] * 3]
    played = play([SAME, falls], [[[1, 1, 0, 0, 0, 0], [1] * 6]], legs=LINKED, stop_pct="10")
    assert [(row[0], row[2], row[3], row[6]) for row in played.table[2:]] == [
        (2, 1, "sell", "stop"),
        (3, 0, "sell", "strategy"),
    ]


@pytest.mark.req("R2.1")
def test_one_leg_is_never_bought_alone() -> None:
    played = play([SAME] * 2, [[[1] * 6, [NAN] * 6]], legs=LINKED)
    assert played.table == []
    assert played.events == [(0, 0, "other_leg", 0, 0, 6, False)]


@pytest.mark.req("R2.1")
@pytest.mark.parametrize("late", [0, 1])
def test_both_legs_wait_for_a_bar_of_both(late: int) -> None:
    # one venue is silent in minutes 1 and 2: the other's order is taken back, and both are given at the close of minute 3
    rows = [[still(100)] * 6, [still(100)] * 6]
    rows[late] = [still(100), None, None, *[still(100)] * 3]
    wishes = [[1] * 6, [1] * 6]
    wishes[late] = [1] * 4
    played = play(rows, [wishes], legs=LINKED)
    assert [row[:4] for row in played.table] == [(4, 0, 0, "buy"), (4, 0, 1, "buy")]


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("level", "second"), [(0.9, "0.9"), (0.89, "0.89")])
def test_legs_within_the_dead_band_of_each_other_keep_their_sizes(level: float, second: str) -> None:
    # 10 % of 1 is 0.1: 0.9 is as good as 1, 0.89 is not, and cuts the other
    played = play([SAME] * 2, [[[1] * 6, [level] * 6]], legs=LINKED, dead_band_pct="10")
    first = "1" if level == 0.9 else second
    assert [(row[2], row[4]) for row in played.table] == [(0, first), (1, second)]


@pytest.mark.req("R2.1")
@pytest.mark.parametrize("emptied", [False, True])
def test_only_the_sale_that_empties_its_leg_must_earn_both_costs(emptied: bool) -> None:
    # the same price at both venues, 1 % a trade: the way back loses, and is taken; the way out waits
    to = 0.0 if emptied else 0.25
    played = play(
        [SAME] * 2,
        [[[0.5, 0.5, to, to, to, to], [0.5, 0.5, *[1 - to] * 4]]],
        legs=LINKED,
        fee_bps="100",
        cash=("5000",),
    )
    moved = [(row[0], row[2], row[3], row[4]) for row in played.table[2:]]
    assert moved == ([] if emptied else [(3, 0, "sell", "0.25"), (3, 1, "buy", "0.25")])
    if emptied:
        # 0.5 at 100, 0.5 of fee: 49.5 against 50.5, at each of four closes
        assert played.events == [(2, 0, "leg_costs", 4_950_000_000, 5_050_000_000, 4, False)]


@pytest.mark.req("R2.1")
@pytest.mark.parametrize("plane", ["limit", "trigger"])
def test_a_leg_has_no_price_of_its_own(plane: str) -> None:
    # a limit at 90 that is not reached, a trigger at 110 that is not: one leg alone would have been bought
    own = Signals(target=np.ones(6), **{plane: np.full(6, 90.0 if plane == "limit" else 110.0)})
    played = play([SAME] * 2, [[own, [1] * 6]], legs=LINKED)
    assert [row[:4] for row in played.table] == [(1, 0, 0, "buy"), (1, 0, 1, "buy")]


@pytest.mark.req("R2.1", "R0.4")
def test_legs_that_are_cut_below_the_minimum_are_both_taken_back() -> None:
    # room for 0.1 of S1 (see above) is 10 quote, below 20
    played = play(
        [[still(110)] * 5, [still(100)] * 5],
        [[[0.5, 0.5, 0, 0, 0], [0.5, 0.5, 1, 1, 1]]],
        cash=("200",),
        minimum="20",
        legs=LINKED,
        max_symbol_pct="30",
    )
    assert [row[0] for row in played.table] == [1, 1]


@pytest.mark.req("R2.1", "R2.5")
def test_legs_of_one_wallet_do_not_bind_another() -> None:
    played = play([SAME] * 2, [[[1] * 6, [0] * 6], [[1] * 6, [0] * 6]], cash=("500", "500"), legs=[{0: 1, 1: 0}, {}])
    assert [row[:4] for row in played.table] == [(1, 1, 0, "buy")]


@pytest.mark.req("R2.1")
def test_a_way_out_that_a_limit_cuts_must_earn_both_costs_too() -> None:
    # the same price at both venues, 1 % a trade: the way out loses whatever its size. Instead 0.097 is sold for 9.603 net
    # and bought back for 9.797.
    played = play(
        [[still(100)] * 5] * 2,
        [[[0.5, 0.5, 0, 0, 0], [0.5, 0.5, 1, 1, 1]]],
        cash=("200",),
        legs=LINKED,
        max_symbol_pct="30",
        fee_bps="100",
    )
    assert [row[0] for row in played.table] == [1, 1]
    assert "leg_costs" in {one[2] for one in played.events}


@pytest.mark.req("R2.1", "R2.2")
def test_legs_come_before_the_rows_above_them() -> None:
    # two slots: the trade of S1 and S2 takes both, and S0, the first row, is the third
    played = play([SAME] * 3, [[[1] * 6] * 3], legs=[{1: 2, 2: 1}], max_positions=2)
    assert [row[:4] for row in played.table] == [(1, 0, 1, "buy"), (1, 0, 2, "buy")]
    assert played.events == [(0, 0, "max_positions", 3, 2, 6, False)]


@pytest.mark.req("R2.1", "R0.4")
def test_legs_that_the_coarser_lot_leaves_nothing_of_are_refused_without_a_minimum() -> None:
    # S0 trades whole units and wants 1, S1 wants 0.5: of 0.5 no whole unit is left for both
    played = play([SAME] * 2, [[[1] * 6, [0.5] * 6]], legs=LINKED, lots=("1", "0.0001"))
    assert played.table == []
    assert [one[:4] for one in played.events] == [(0, 0, "below_minimum", 0)]


@pytest.mark.req("R2.1", "R2.2")
@pytest.mark.parametrize(("cash", "slots"), [("100", 0), ("1000", 1)], ids=["cash", "slot"])
def test_what_a_lone_leg_would_have_taken_is_the_next_rows(cash: str, slots: int) -> None:
    # S0 wants 1 at 100, S1 is content with nothing: the order of S0 is taken back before S2 is asked
    played = play(
        [SAME] * 3, [[[1, NAN, *[0] * 4], [0] * 6, [1] * 6]], cash=(cash,), legs=[{0: 1, 1: 0}], max_positions=slots
    )
    assert [row[:5] for row in played.table] == [(1, 0, 2, "buy", "1")]
    assert played.events == [(0, 0, "other_leg", 0, 0, 1, False)]
