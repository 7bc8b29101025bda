"""Every fill rule as a table of a few bars, with the numbers worked out by hand in the comments."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from candles import NAN, bars, run

from trader_cli.model.fills import Refusal
from trader_cli.strategy.signals import Signals

FLAT = (100.0, 101.0, 99.0, 100.0)


def test_a_wish_at_the_close_fills_at_the_next_open() -> None:
    result = run(bars([FLAT, (102, 103, 101, 102), (104, 105, 103, 104), FLAT]), [1, 1, 0, 0])
    assert result.table == [(1, "buy", "1", "102", "strategy"), (3, "sell", "1", "100", "strategy")]


def test_slippage_and_fee_are_taken_on_both_sides() -> None:
    # buy 102 + 5 bps = 102.051 -> up to 102.06; fee 10 bps of 102.06 = 0.10206
    # sell 104 - 5 bps = 103.948 -> down to 103.94; fee 0.10394
    result = run(
        bars([FLAT, (102, 103, 101, 102), FLAT, (104, 105, 103, 104)]),
        [1, 1, 0, 0],
        slippage_bps="5",
        fee_bps="10",
    )
    assert [row[3] for row in result.table] == ["102.06", "103.94"]
    assert result.cash == Decimal(1000) - Decimal("102.06") - Decimal("0.10206") + Decimal("103.94") - Decimal(
        "0.10394"
    )
    assert result.trips.pnl.tolist() == [int((result.cash - 1000) * 10**8)]


def test_a_bar_that_opens_below_the_stop_fills_at_its_open() -> None:
    # bought at 100, stop 2 % = 98; the next bar gaps to 95
    result = run(bars([FLAT, FLAT, (95, 96, 94, 95), FLAT]), [1, 1, 1, 1], stop_pct="2")
    assert result.table[1] == (2, "sell", "1", "95", "stop")


def test_a_stop_inside_the_bar_fills_at_its_level_less_slippage() -> None:
    # bought at 100 + 1 % = 101, stop 2 % under 101 = 98.98; sold at 98.98 - 1 % = 97.9902 -> 97.99
    result = run(bars([FLAT, (100, 101, 99, 100), (100, 100, 98, 99), FLAT]), [1] * 4, stop_pct="2", slippage_bps="100")
    assert result.table == [(1, "buy", "1", "101", "strategy"), (2, "sell", "1", "97.99", "stop")]


def test_stop_and_target_in_one_bar_is_a_stop() -> None:
    result = run(bars([FLAT, FLAT, (100, 110, 90, 100), FLAT]), [1] * 4, stop_pct="2", target_pct="4")
    assert result.table[1] == (2, "sell", "1", "98", "stop")


def test_a_target_is_a_limit_and_pays_no_slippage() -> None:
    # bought at 100.05, target 4 % = 104.052 -> up to 104.06
    result = run(bars([FLAT, FLAT, (100, 110, 99, 100)]), [1] * 3, target_pct="4", slippage_bps="5")
    assert result.table[1] == (2, "sell", "1", "104.06", "target")


def test_a_bar_that_opens_above_the_target_fills_at_its_open() -> None:
    result = run(bars([FLAT, FLAT, (107.5, 110, 99, 100)]), [1] * 3, target_pct="4", stop_pct="50")
    assert result.table[1] == (2, "sell", "1", "107.5", "target")


def test_an_open_beyond_the_target_comes_before_a_stop_later_in_the_bar() -> None:
    result = run(bars([FLAT, FLAT, (107.5, 110, 90, 100)]), [1] * 3, target_pct="4", stop_pct="2")
    assert result.table[1] == (2, "sell", "1", "107.5", "target")


def test_a_target_touched_exactly_fills_and_one_tick_short_does_not() -> None:
    touched = run(bars([FLAT, FLAT, (100, 104, 99, 100)]), [1] * 3, target_pct="4")
    short = run(bars([FLAT, FLAT, (100, 103.99, 99, 100)]), [1] * 3, target_pct="4")
    assert touched.table[1] == (2, "sell", "1", "104", "target")
    assert len(short.table) == 1


def test_stop_and_target_are_tested_in_the_entry_bar() -> None:
    result = run(bars([FLAT, (100, 101, 97, 100), FLAT]), [1] * 3, stop_pct="2")
    assert result.table == [(1, "buy", "1", "100", "strategy"), (1, "sell", "1", "98", "stop")]


def test_after_a_stop_the_position_stays_closed_until_the_strategy_lets_go_and_wants_again() -> None:
    rows = [FLAT, FLAT, (100, 100, 97, 100), FLAT, FLAT, FLAT, FLAT, FLAT]
    result = run(bars(rows), [1, 1, 1, 1, 0, 1, 1, 1], stop_pct="2")
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (2, "sell"), (6, "buy")]


def test_no_opinion_is_not_letting_go() -> None:
    rows = [FLAT, FLAT, (100, 100, 97, 100), FLAT, FLAT, FLAT, FLAT]
    result = run(bars(rows), [1, 1, 1, NAN, NAN, 1, 1], stop_pct="2")
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (2, "sell")]


def test_no_opinion_keeps_what_is_held_and_buys_nothing() -> None:
    result = run(bars([FLAT] * 6), [NAN, 1, NAN, NAN, 0, NAN])
    assert [(row[0], row[1]) for row in result.table] == [(2, "buy"), (5, "sell")]


def test_a_negative_target_is_flat_on_a_spot_venue() -> None:
    result = run(bars([FLAT] * 4), [1, -1, -1, -1])
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (2, "sell")]


def test_a_trailing_stop_follows_the_highest_high_before_the_bar() -> None:
    # highs 101, 120: trail 10 % under 120 = 108 from bar 3 on; bar 2's own high does not move its own stop (90.9)
    rows = [FLAT, FLAT, (100, 120, 99, 119), (119, 119, 107, 110), FLAT]
    result = run(bars(rows), [1] * 5, trail_pct="10")
    assert result.table[1] == (3, "sell", "1", "108", "trail")


def test_the_higher_of_stop_and_trail_names_the_reason() -> None:
    # stop 5 % = 95, trail 10 % under 101 = 90.9: the fixed stop is reached first
    result = run(bars([FLAT, FLAT, (100, 100, 90, 95), FLAT]), [1] * 4, stop_pct="5", trail_pct="10")
    assert result.table[1] == (2, "sell", "1", "95", "stop")


@pytest.mark.parametrize(("low", "fills"), [(99.0, 1), (98.5, 1), (99.01, 0)])
def test_a_limit_entry_fills_when_touched_at_its_own_price(low: float, fills: int) -> None:
    signals = Signals(target=np.array([1.0, NAN, NAN]), limit=np.array([99.0, NAN, NAN]))
    result = run(bars([FLAT, (100, 101, low, 100), FLAT]), signals)
    assert len(result.table) == fills
    if fills:
        assert result.table[0] == (1, "buy", "1", "99", "strategy")


def test_a_limit_entry_gets_a_better_open() -> None:
    signals = Signals(target=np.array([1.0, NAN]), limit=np.array([99.0, NAN]))
    result = run(bars([FLAT, (98.5, 101, 98, 100)]), signals, slippage_bps="50")
    assert result.table == [(1, "buy", "1", "98.5", "strategy")]


def test_an_unfilled_entry_lives_for_one_bar() -> None:
    signals = Signals(target=np.array([1.0, NAN, NAN]), limit=np.array([95.0, NAN, NAN]))
    result = run(bars([FLAT, FLAT, (95, 96, 90, 95)]), signals)
    assert result.table == []


def test_a_limit_pays_the_maker_fee_and_a_market_order_the_taker_fee() -> None:
    signals = Signals(target=np.array([1.0, 0.0, NAN]), limit=np.array([99.0, NAN, NAN]))
    result = run(bars([FLAT, (100, 101, 99, 100), FLAT]), signals, fee_bps="20", maker_fee_bps="10")
    # 99 x 0.001 = 0.099; 100 x 0.002 = 0.2
    assert result.fills.fee.tolist() == [9_900_000, 20_000_000]


def test_a_high_before_a_limit_entry_does_not_reach_the_target() -> None:
    # the bar opens at 100, its high 105 may lie before the fall to 99: target 4 % over 99 = 102.96 waits for the next bar
    signals = Signals(target=np.array([1.0, NAN, NAN]), limit=np.array([99.0, NAN, NAN]))
    result = run(bars([FLAT, (100, 105, 99, 100), (100, 103, 99.5, 100)]), signals, target_pct="4")
    assert result.table == [(1, "buy", "1", "99", "strategy"), (2, "sell", "1", "102.96", "target")]


def test_a_limit_entry_is_stopped_in_the_same_bar_when_the_low_goes_on() -> None:
    signals = Signals(target=np.array([1.0, NAN]), limit=np.array([99.0, NAN]))
    result = run(bars([FLAT, (100, 105, 90, 100)]), signals, stop_pct="2")
    # 2 % under 99 = 97.02
    assert result.table == [(1, "buy", "1", "99", "strategy"), (1, "sell", "1", "97.02", "stop")]


def test_a_trigger_entry_fills_at_its_price_plus_slippage() -> None:
    signals = Signals(target=np.array([1.0, NAN]), trigger=np.array([102.0, NAN]))
    result = run(bars([FLAT, (100, 105, 99, 104)]), signals, slippage_bps="100")
    assert result.table == [(1, "buy", "1", "103.02", "strategy")]


def test_a_trigger_entry_that_opens_above_pays_the_open() -> None:
    signals = Signals(target=np.array([1.0, NAN]), trigger=np.array([102.0, NAN]))
    result = run(bars([FLAT, (104, 105, 99, 104)]), signals)
    assert result.table == [(1, "buy", "1", "104", "strategy")]


def test_a_trigger_opens_a_position_and_does_not_wait_to_add_to_one() -> None:
    # bought at the trigger of 105; level 2 at the close of minute 1 adds 1 at the next open. Instead it waits for 105 again.
    signals = Signals(target=np.array([1.0, 2, 2]), trigger=np.full(3, 105.0))
    result = run(bars([FLAT, (100, 105, 100, 101), FLAT]), signals)
    assert result.table == [(1, "buy", "1", "105", "strategy"), (2, "buy", "1", "100", "strategy")]


def test_the_strategys_own_stop_and_target_protect_from_the_entry_bar_on() -> None:
    stop = Signals(target=np.array([1.0, NAN]), stop=np.array([98.0, NAN]), take=np.array([110.0, NAN]))
    result = run(bars([FLAT, (100, 101, 97, 100)]), stop)
    assert result.table[1] == (1, "sell", "1", "98", "stop")


def test_of_rule_and_own_stop_the_tighter_counts() -> None:
    own = Signals(target=np.array([1.0, NAN]), stop=np.array([90.0, NAN]))
    result = run(bars([FLAT, (100, 101, 89, 100)]), own, stop_pct="2")
    assert result.table[1] == (1, "sell", "1", "98", "stop")


def test_a_newer_own_stop_replaces_the_former_and_nan_keeps_it() -> None:
    own = Signals(target=np.array([1.0, 1.0, 1.0, 1.0]), stop=np.array([90.0, 97.0, NAN, NAN]))
    result = run(bars([FLAT, FLAT, FLAT, (100, 100, 96, 98)]), own)
    assert result.table[1] == (3, "sell", "1", "97", "stop")


def test_a_quantity_that_rounds_to_zero_lots_is_refused() -> None:
    result = run(bars([FLAT] * 3), [1, 1, 1], size_quantity="0.5", lot="1")
    assert result.table == []
    assert result.refusals(Refusal.ROUNDS_TO_ZERO) == 3


def test_quantities_are_floored_to_the_lot() -> None:
    # 95 % of 1000 at 100 = 9.5 -> lot 1 -> 9
    result = run(bars([FLAT] * 2), [1, 1], size_method="fraction", size_fraction="0.95", lot="1")
    assert result.table == [(1, "buy", "9", "100", "strategy")]


def test_an_order_under_the_minimum_is_refused_and_at_the_minimum_is_not() -> None:
    under = run(bars([FLAT] * 2), [1, 1], size_quantity="0.0199", minimum="2")
    at = run(bars([FLAT] * 2), [1, 1], size_quantity="0.02", minimum="2")
    assert under.refusals(Refusal.BELOW_MINIMUM) == 2
    assert at.table == [(1, "buy", "0.02", "100", "strategy")]


@pytest.mark.req("R0.4")
def test_the_users_minimum_stands_beside_the_instruments() -> None:
    result = run(bars([FLAT] * 2), [1, 1], size_quantity="0.0199", min_notional="2.0")
    assert result.refusals(Refusal.BELOW_MINIMUM) == 2


def test_a_fee_larger_than_the_cash_left_shrinks_the_order() -> None:
    # 100 cash, fee 1 %: 100 / 1.01 = 99.0099 / 100 = 0.9900 lots of 0.0001: cost 99.00 + fee 0.99 = 99.99
    result = run(bars([FLAT] * 2), [1, 1], cash="100", fee_bps="100")
    assert result.table == [(1, "buy", "0.99", "100", "strategy")]
    assert result.cash == Decimal("0.01")


def test_no_cash_at_all_is_refused_with_the_reason() -> None:
    result = run(bars([FLAT] * 3), [1, 1, 1], cash="0.001")
    assert result.table == []
    assert result.refusals(Refusal.NO_CASH) == 3


def test_a_gap_up_after_the_decision_buys_what_the_cash_can_pay() -> None:
    result = run(bars([FLAT, (200, 201, 199, 200)]), [1, 1], cash="150")
    assert result.table == [(1, "buy", "0.75", "200", "strategy")]
    assert result.cash == 0


def test_an_exit_waits_for_the_next_bar_of_a_symbol_that_misses_one() -> None:
    one = bars([FLAT, FLAT, None, (90, 91, 89, 90), FLAT], "A/USD")
    clock = bars([FLAT] * 5, "B/USD")
    result = run([one, clock], [[1, 0, NAN, NAN], [0] * 5])
    assert result.table == [(1, "buy", "1", "100", "strategy"), (3, "sell", "1", "90", "strategy")]


def test_a_symbol_without_a_bar_keeps_its_last_price_in_the_equity() -> None:
    one = bars([FLAT, (100, 120, 99, 120), None, (130, 130, 130, 130)], "A/USD")
    clock = bars([FLAT] * 4, "B/USD")
    result = run([one, clock], [[1, 1, 1], [0] * 4])
    # bought 1 at 100: 1000 - 100 + price
    assert result.log.equity.tolist() == [1000.0, 1020.0, 1020.0, 1030.0]


def test_a_symbol_that_starts_late_and_one_that_stops_early_share_the_cash() -> None:
    early = bars([FLAT, FLAT, FLAT, None, None, None], "A/USD")
    late = bars([None, None, None, FLAT, FLAT, FLAT], "B/USD")
    result = run([early, late], [[1, 1, 0], [1, 1, 1]])
    # the exit wished at A's last bar never finds another bar: A stays open, and is marked at its last price
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (4, "buy")]
    assert result.log.equity[-1] == 1000.0
    assert len(result.trips) == 0


def test_exits_free_slots_before_entries_and_names_compete_in_order() -> None:
    a, b, c = (bars([FLAT] * 5, name) for name in ("A/USD", "B/USD", "C/USD"))
    result = run([a, b, c], [[1, 1, 0, 0, 0], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1]], max_positions=1)
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (3, "sell"), (3, "buy")]
    assert result.fills.symbol.tolist() == [0, 0, 1]
    assert result.refusals(Refusal.MAX_POSITIONS, symbol=1) == 1
    assert result.refusals(Refusal.MAX_POSITIONS, symbol=2) == 4


def test_sells_at_the_open_pay_for_buys_at_the_same_open() -> None:
    a, b = bars([FLAT] * 4, "B/USD"), bars([FLAT] * 4, "A/USD")
    result = run([b, a], [[0, 0, 1, 1], [1, 1, 0, 0]], cash="100")
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (3, "sell"), (3, "buy")]


def test_a_holding_is_resized_when_the_level_changes_and_not_when_the_price_does() -> None:
    rows = [FLAT, FLAT, (200, 201, 199, 200), (200, 201, 199, 200), (200, 201, 199, 200)]
    result = run(bars(rows), [0.5, 0.5, 0.5, 0.25, 0.25], size_method="fraction", size_fraction="1")
    # 500 / 100 = 5 units; equity 500 + 5 x 200 = 1500; 0.25 x 1500 / 200 = 1.875, so 3.125 are sold
    assert result.table == [(1, "buy", "5", "100", "strategy"), (4, "sell", "3.125", "200", "strategy")]


def test_with_rebalance_on_a_drift_beyond_the_dead_band_is_traded_back() -> None:
    rows = [FLAT, FLAT, (110, 110, 110, 110), (200, 200, 200, 200), (200, 200, 200, 200)]
    result = run(bars(rows), [0.5] * 5, size_method="fraction", size_fraction="1", rebalance=True, dead_band_pct="10")
    # at 110: equity 1050, wanted 4.7727 of 5 held, within 10 %; at 200: equity 1500, wanted 3.75, so 1.25 are sold
    assert result.table == [(1, "buy", "5", "100", "strategy"), (4, "sell", "1.25", "200", "rebalance")]


def test_a_buy_and_hold_is_one_round_trip_only_when_it_ends() -> None:
    open_ended = run(bars([FLAT] * 4), [1, 1, 1, 1])
    assert len(open_ended.trips) == 0


def test_round_trips_sum_to_the_change_in_cash() -> None:
    rows = [(p, p + 2, p - 2, p) for p in (100, 103, 99, 104, 108, 95, 101, 97, 103, 100)]
    result = run(bars(rows), [1, 0, 1, 1, 0, 1, 1, 0, 0, 0], fee_bps="13", slippage_bps="7")
    assert len(result.trips) == 3
    assert Decimal(int(result.trips.pnl.sum())).scaleb(-8) == result.cash - 1000


def test_fills_beyond_the_logs_first_room_are_all_kept() -> None:
    count = 200
    result = run(bars([FLAT] * count), [i % 2 for i in range(count)])
    assert len(result.fills) == count - 2
    assert result.fills.time_ms.tolist() == [60_000 * (i + 2) for i in range(count - 2)]
