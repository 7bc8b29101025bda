"""Breakers and halts (R0.9, R2.3): what stops entries, when, with which numbers, and what they leave alone.

Where a table counts days its bars are minutes of the first days of 1970: minute 1439 closes at midnight.
"""

from __future__ import annotations

import numpy as np
import pytest
from candles import NAN
from purses import Played, Row, play, still

from trader_cli.engine.state import CLOSING, COOL_UNTIL, LOSSES_IN_ROW, TRIPPED_BY, TRIPPED_LIMIT, TRIPPED_NUMBER
from trader_cli.model.fills import Refusal

CASH = 10**8


def minutes(**at: float) -> list[Row]:
    """Still bars at the named minutes (`m1439=95`), none in between."""
    known = {int(name[1:]): price for name, price in at.items()}
    return [still(known[i]) if i in known else None for i in range(max(known) + 1)]


def breakers(played: Played) -> list[tuple[int, int, str, float, float]]:
    """One row a breaker that opened: (bar, row of the wallets, rule, number, limit), the last two in quote."""
    return [
        (bar, row, rule, number / CASH, limit / CASH) for bar, row, rule, number, limit, _, own in played.events if own
    ]


def refusals(played: Played) -> list[tuple[int, int, str, float, float, int]]:
    """One row an episode: (bar, row of the book, rule, number, limit, times)."""
    return [
        (bar, row, rule, number / CASH, limit / CASH, times)
        for bar, row, rule, number, limit, times, own in played.events
        if not own
    ]


def buys(played: Played) -> list[tuple[int, int, int]]:
    """One row a buy: (minute, wallet, symbol)."""
    return [row[:3] for row in played.table if row[3] == "buy"]


# Daily loss


@pytest.mark.req("R0.9", "R2.3")
@pytest.mark.parametrize("scope", ["daily_loss_pct", "wallet_daily_loss_pct"])
@pytest.mark.parametrize(("price", "opens"), [(95.01, False), (95, True), (50, True)])
def test_a_days_loss_at_the_limit_stops_entries(scope: str, price: float, opens: bool) -> None:
    # 1 held from 100 on: at 95 the wallet's 100 + 900 have lost 5, half a percent of 1000. B is wanted from then on.
    falls = [still(100), still(100), still(price), still(price), still(price)]
    played = play([falls, [still(10)] * 5], [[[1] * 5, [0, 0, 1, 1, 1]]], **{scope: "0.5"})
    row = 1 if scope == "daily_loss_pct" else 0
    lost = 100 - price
    assert breakers(played) == ([(2, row, "daily_loss", lost, 5.0)] if opens else [])
    assert buys(played) == ([(1, 0, 0)] if opens else [(1, 0, 0), (3, 0, 1)])
    # each of three closes is refused, with the numbers of the breaker
    assert refusals(played) == ([(2, 1, "daily_loss", lost, 5.0, 3)] if opens else [])


@pytest.mark.req("R0.9")
@pytest.mark.parametrize("limit", ["wallet_daily_loss_pct", "wallet_drawdown_pct"])
def test_a_wallet_that_has_nothing_loses_nothing(limit: str) -> None:
    # 0.5 % of nothing is nothing, and so is its loss: what it wants is too dear (100 of 0), not forbidden
    played = play([[still(100)] * 3], [[[1] * 3], [[0] * 3]], cash=("0", "1000"), **{limit: "0.5"})
    assert breakers(played) == []
    assert refusals(played) == [(0, 0, "no_cash", 100.0, 0.0, 3)]


@pytest.mark.req("R0.9")
def test_a_breaker_keeps_the_numbers_that_opened_it() -> None:
    # it opens at 95; the loss that goes on to 50 is neither a second event nor another number
    falls = [still(100), still(100), still(95), still(50), still(50)]
    played = play([falls, [still(10)] * 5], [[[1] * 5, [0, 0, 0, 1, 1]]], daily_loss_pct="0.5")
    assert breakers(played) == [(2, 1, "daily_loss", 5.0, 5.0)]
    assert refusals(played) == [(3, 1, "daily_loss", 5.0, 5.0, 2)]


@pytest.mark.req("R0.9")
def test_a_breaker_sells_nothing_and_lets_what_is_held_be_sold() -> None:
    falls = [still(100), still(100), still(50), still(50), still(50)]
    played = play([falls], [[[1, 1, 1, 0, 0]]], daily_loss_pct="0.5")
    assert [(row[0], row[3], row[6]) for row in played.table] == [(1, "buy", "strategy"), (4, "sell", "strategy")]


@pytest.mark.req("R0.9")
def test_a_loss_that_is_made_good_while_no_wish_changes_opens_the_breaker_all_the_same() -> None:
    dips = [still(100), still(100), still(50), still(100), still(100), still(100)]
    played = play([dips], [[[1, 1, 1, 1, 1, 1]]], daily_loss_pct="0.5")
    assert breakers(played) == [(2, 1, "daily_loss", 50.0, 5.0)]


@pytest.mark.req("R0.9")
def test_a_breaker_refuses_increases_too() -> None:
    falls = [still(100), still(100), still(50), still(50), still(50)]
    played = play([falls], [[[1, 1, 2, 2, 2]]], daily_loss_pct="0.5")
    assert len(played.table) == 1
    assert refusals(played) == [(2, 0, "daily_loss", 50.0, 5.0, 3)]


@pytest.mark.req("R0.9", "R2.3")
def test_a_daily_breaker_closes_with_the_next_utc_day_and_midnight_ends_the_day_before() -> None:
    # The bar of minute 1439 closes at midnight: 8 lost of day one's 1000. That of minute 1440 is the first of day two, which
    # begins at 992: 0.5 % of it is 4.96, and 91 is 1 below 92.
    falls = minutes(m0=100, m1=100, m1438=96, m1439=92, m1440=91, m1441=91, m1442=88, m1443=87.04, m1444=87)
    wishes = [[1] * 9, [0, 0, 0, 1, 1, 1, 1, 1, 1]]
    calm = [None if row is None else still(10) for row in falls]
    played = play([falls, calm], [wishes], daily_loss_pct="0.5")
    assert breakers(played) == [(3, 1, "daily_loss", 8.0, 5.0), (7, 1, "daily_loss", 4.96, 4.96)]
    assert buys(played) == [(1, 0, 0), (1441, 0, 1)]
    assert refusals(played) == [(3, 1, "daily_loss", 8.0, 5.0, 1)]


@pytest.mark.req("R0.9", "R2.3")
def test_a_day_is_measured_from_its_beginning_not_from_its_best_moment() -> None:
    # 100 to 110 and back to 96: 4 lost since the day began, not 14; at 95 it is 5
    rows = [still(100), still(100), still(110), still(96), still(95)]
    assert breakers(play([rows], [[[1] * 5]], daily_loss_pct="0.5")) == [(4, 1, "daily_loss", 5.0, 5.0)]


@pytest.mark.req("R0.9")
def test_days_without_a_bar_pass_as_well() -> None:
    # opened on day one; the next bar is on day four, and nothing was lost since
    held = minutes(m0=100, m1=100, m2=90, m4400=90, m4401=90)
    other = minutes(m0=10, m1=10, m2=10, m4400=10, m4401=10)
    played = play([held, other], [[[1] * 5, [0, 0, 1, 1, 1]]], daily_loss_pct="0.5")
    assert [one[:3] for one in breakers(played)] == [(2, 1, "daily_loss")]
    assert buys(played) == [(1, 0, 0), (4401, 0, 1)]


@pytest.mark.req("R0.9")
def test_fees_are_losses_of_the_day() -> None:
    # bought and sold at 100 with 2 % each: 4 of 1000 gone after the sale, 0.4 %
    played = play([[still(100)] * 4], [[[1, 0, 0, 0]]], daily_loss_pct="0.4", fee_bps="200")
    assert breakers(played) == [(2, 1, "daily_loss", 4.0, 4.0)]


# Drawdown


@pytest.mark.req("R0.9", "R2.3")
@pytest.mark.parametrize("scope", ["drawdown_pct", "wallet_drawdown_pct"])
@pytest.mark.parametrize(("price", "opens"), [(69.01, False), (69, True)])
def test_a_fall_from_the_peak_stops_entries(scope: str, price: float, opens: bool) -> None:
    # 1 from 100 to 120: the peak is 1020, 5 % of it 51; at 69 the wallet is worth 969
    rows = [still(100), still(100), still(120), still(price), still(price)]
    played = play([rows, [still(10)] * 5], [[[1] * 5, [0, 0, 0, 1, 1]]], **{scope: "5"})
    row = 1 if scope == "drawdown_pct" else 0
    assert breakers(played) == ([(3, row, "drawdown", 51.0, 51.0)] if opens else [])
    assert buys(played) == ([(1, 0, 0)] if opens else [(1, 0, 0), (4, 0, 1)])
    assert refusals(played) == ([(3, 1, "drawdown", 51.0, 51.0, 2)] if opens else [])


@pytest.mark.req("R0.9")
def test_a_drawdown_breaker_outlives_the_day_and_the_recovery() -> None:
    held = minutes(m0=100, m1=100, m2=40, m1500=200, m3000=200)
    other = minutes(m0=10, m1=10, m2=10, m1500=10, m3000=10)
    played = play([held, other], [[[1] * 5, [0, 0, 1, 1, 1]]], drawdown_pct="5")
    assert breakers(played) == [(2, 1, "drawdown", 60.0, 50.0)]
    assert buys(played) == [(1, 0, 0)]
    assert list(played.book.wallet[1, [TRIPPED_BY, TRIPPED_NUMBER, TRIPPED_LIMIT]]) == [
        Refusal.DRAWDOWN,
        60 * CASH,
        50 * CASH,
    ]


@pytest.mark.req("R0.9")
def test_where_a_bar_reaches_both_the_drawdown_breaker_opens() -> None:
    rows = [still(100), still(100), still(40), still(40)]
    played = play([rows], [[[1] * 4]], drawdown_pct="5", daily_loss_pct="5")
    assert breakers(played) == [(2, 1, "drawdown", 60.0, 50.0)]


@pytest.mark.req("R0.9")
def test_a_daily_breaker_gives_way_to_a_drawdown_that_follows_and_does_not_come_back() -> None:
    # 3 % at the close of minute 2, 6 % at that of minute 3; the next day starts with the drawdown's still open
    held = minutes(m0=100, m1=100, m2=70, m3=40, m1500=40, m1501=40)
    other = minutes(m0=10, m1=10, m2=10, m3=10, m1500=10, m1501=10)
    played = play([held, other], [[[1] * 6, [0, 0, 1, 1, 1, 1]]], drawdown_pct="5", daily_loss_pct="3")
    assert breakers(played) == [(2, 1, "daily_loss", 30.0, 30.0), (3, 1, "drawdown", 60.0, 50.0)]
    assert refusals(played) == [(2, 1, "daily_loss", 30.0, 30.0, 1), (3, 1, "drawdown", 60.0, 50.0, 3)]


@pytest.mark.req("R0.9", "R0.2")
@pytest.mark.parametrize("scope", ["drawdown_pct", "wallet_drawdown_pct"])
def test_a_drawdown_that_closes_sells_everything_of_its_scope(scope: str) -> None:
    # wallet 0 holds A (100 to 40) and B, wallet 1 holds B: 6 % of 1000, or 12 % of wallet 0's 500
    rows = [still(100), still(100), still(40), still(39), still(39)]
    calm = [still(10)] * 5
    played = play(
        [rows, calm],
        [[[1] * 5, [1] * 5], [[0] * 5, [1] * 5]],
        cash=("500", "500"),
        close_on_drawdown=True,
        **{scope: "6"},
    )
    sold = [row[:3] + row[5:] for row in played.table if row[3] == "sell"]
    all_ = [(3, 0, 0, "39", "kill"), (3, 0, 1, "10", "kill"), (3, 1, 1, "10", "kill")]
    assert sold == (all_ if scope == "drawdown_pct" else all_[:2])
    assert breakers(played) == [
        (2, 2, "drawdown", 60.0, 60.0) if scope == "drawdown_pct" else (2, 0, "drawdown", 60.0, 30.0)
    ]


@pytest.mark.req("R0.9")
def test_a_drawdown_that_does_not_close_sells_nothing() -> None:
    rows = [still(100), still(100), still(40), still(39)]
    assert len(play([rows], [[[1] * 4]], drawdown_pct="5").table) == 1


@pytest.mark.req("R0.9")
@pytest.mark.parametrize("scope", ["drawdown_pct", "wallet_drawdown_pct"])
def test_a_drawdown_that_does_not_close_sells_nothing_where_other_rules_may_close(scope: str) -> None:
    # A time limit far away: each close asks whether a position must end. 6 % lost at the close of minute 2.
    rows = [still(100), still(100), still(40), still(39), still(39)]
    played = play([rows], [[[1] * 5]], max_bars=1000, **{scope: "5"})
    assert [one[:3] for one in breakers(played)] == [(2, 1 if scope == "drawdown_pct" else 0, "drawdown")]
    assert [row[3] for row in played.table] == ["buy"]
    assert not np.any(played.book.wallet[:, CLOSING])


@pytest.mark.req("R0.9")
def test_a_daily_loss_never_sells() -> None:
    rows = [still(100), still(100), still(40), still(39)]
    assert len(play([rows], [[[1] * 4]], daily_loss_pct="5", close_on_drawdown=True).table) == 1


@pytest.mark.req("R0.9")
def test_what_has_no_bar_is_sold_by_the_kill_switch_when_it_has_one() -> None:
    # B has no bar in minutes 2 to 4: its close of minute 5 orders the sale, minute 6 fills it
    rows = [still(100), still(100), *[still(40)] * 5]
    late = [still(10), still(10), None, None, None, still(10), still(9)]
    played = play([rows, late], [[[1] * 7, [1] * 4]], drawdown_pct="5", close_on_drawdown=True)
    assert [(row[0], row[2], row[6]) for row in played.table if row[3] == "sell"] == [(3, 0, "kill"), (6, 1, "kill")]


# Each wallet's own, and the whole account's


@pytest.mark.req("R0.9", "R2.5")
@pytest.mark.parametrize(("scope", "others"), [("wallet_daily_loss_pct", True), ("daily_loss_pct", False)])
def test_a_wallets_breaker_stops_it_alone(scope: str, others: bool) -> None:
    rows = [still(100), still(100), still(50), still(50), still(50)]
    calm = [still(10)] * 5
    wants_later = [0, 0, 1, 1, 1]
    played = play([rows, calm], [[[1] * 5, wants_later], [[0] * 5, wants_later]], cash=("500", "500"), **{scope: "5"})
    assert buys(played) == [(1, 0, 0)] + ([(3, 1, 1)] if others else [])
    assert breakers(played) == [(2, 0 if others else 2, "daily_loss", 50.0, 25.0 if others else 50.0)]
    assert [(one[1], one[3]) for one in refusals(played)] == [(1, 50.0)] + ([] if others else [(3, 50.0)])


@pytest.mark.req("R0.9")
def test_what_one_wallet_gains_the_account_has_not_lost() -> None:
    # wallet 0 loses 50, wallet 1 gains 50: the account is where it was
    falls = [still(100), still(100), still(50), still(50)]
    rises = [still(100), still(100), still(150), still(150)]
    played = play([falls, rises], [[[1] * 4, [0] * 4], [[0] * 4, [1] * 4]], cash=("500", "500"), daily_loss_pct="0.01")
    assert breakers(played) == []


@pytest.mark.req("R0.9")
def test_the_accounts_breaker_is_named_before_the_wallets() -> None:
    rows = [still(100), still(100), still(50), still(50)]
    played = play([rows, [still(10)] * 4], [[[1] * 4, [0, 0, 1, 1]]], wallet_drawdown_pct="2", daily_loss_pct="3")
    assert breakers(played) == [(2, 0, "drawdown", 50.0, 20.0), (2, 1, "daily_loss", 50.0, 30.0)]
    assert refusals(played) == [(2, 1, "daily_loss", 50.0, 30.0, 2)]


# A losing streak


def losing(count: int) -> tuple[list[Row], list[float]]:
    """Trips of two bars that each lose 1: bought at the open of minute 2k + 1 at 100, sold at that of 2k + 2 at 99."""
    rows: list[Row] = [still(100)]
    wish: list[float] = [1]
    for _ in range(count):
        rows += [still(100), (99, 100, 99, 100)]
        wish += [0, 1]
    return rows, wish


@pytest.mark.req("R0.9", "R2.3")
@pytest.mark.parametrize(("cool", "again"), [(1, 6), (2, 7), (5, 10)])
def test_a_losing_streak_pauses_a_wallet_for_so_many_bars(cool: int, again: int) -> None:
    # The second loss is closed in minute 4. Of `cool` bars from its close on no entry is made: 1: the close of minute 4 is
    # refused, that of minute 5 is not, and minute 6 buys.
    rows, wish = losing(2)
    rows += [still(100)] * 8
    wish += [1] * 8
    played = play([rows], [[wish]], losing_streak=2, cool_down_bars=cool)
    assert [row[0] for row in played.table if row[3] == "buy"] == [1, 3, again]
    assert [one[:6] for one in played.events] == [
        (4, 0, "losing_streak", 2, 2, 1),
        (4, 0, "losing_streak", 2, 2, cool),
    ]
    assert [one[6] for one in played.events] == [True, False]


@pytest.mark.req("R0.9")
def test_one_loss_less_than_the_streak_pauses_nothing() -> None:
    rows, wish = losing(3)
    played = play([rows], [[wish]], losing_streak=4, cool_down_bars=5)
    assert played.events == []
    assert played.book.wallet[0, LOSSES_IN_ROW] == 3


@pytest.mark.req("R0.9")
@pytest.mark.parametrize(("between", "pauses"), [(101, False), (100, False), (99, True)])
def test_a_trip_that_gains_or_breaks_even_ends_the_streak(between: float, pauses: bool) -> None:
    # lost, then sold at `between`, then lost
    rows = [still(100), still(100), (99, 100, 99, 100), still(100), still(between), still(between), still(between - 1)]
    wish = [1, 0, 1, 0, 1, 0, 0]
    played = play([rows], [[wish]], losing_streak=3, cool_down_bars=5)
    assert bool(played.events) == pauses


@pytest.mark.req("R0.9")
@pytest.mark.parametrize("between", [101, 100])
def test_losses_before_a_trip_that_does_not_lose_are_not_counted(between: float) -> None:
    # lost, then sold at `between`, then lost: never two in a row. Instead the second loss pauses.
    rows = [still(100), still(100), (99, 100, 99, 100), still(100), still(between), still(100), still(99)]
    played = play([rows], [[[1, 0, 1, 0, 1, 0, 0]]], losing_streak=2, cool_down_bars=5)
    assert len(played.trips) == 3
    assert played.events == []
    assert played.book.wallet[0, LOSSES_IN_ROW] == 1


@pytest.mark.req("R0.9")
def test_after_a_pause_the_streak_is_counted_anew() -> None:
    rows, wish = losing(3)
    played = play([rows], [[wish]], losing_streak=2, cool_down_bars=0)
    assert [one[0] for one in played.events] == [4]
    assert played.book.wallet[0, LOSSES_IN_ROW] == 1


@pytest.mark.req("R0.9", "R2.5")
def test_a_streak_is_counted_over_all_symbols_of_a_wallet_and_pauses_it_alone() -> None:
    # wallet 0 loses once with A and once with B in minute 2; wallet 1 loses once
    rows = [still(100), still(100), (99, 100, 99, 100), *[still(100)] * 4]
    wish = [1, 0, 1, 1, 1, 1, 1]
    nothing = [0] * 7
    played = play([rows] * 2, [[wish, wish], [wish, nothing]], cash=("1000", "1000"), losing_streak=2, cool_down_bars=2)
    assert [row[:3] for row in played.table if row[3] == "buy" and row[0] > 1] == [(3, 1, 0), (5, 0, 0), (5, 0, 1)]


@pytest.mark.req("R0.9")
def test_a_loss_is_what_the_whole_trip_lost_with_its_fees() -> None:
    # half is sold at 102 in minute 2, half at 99 in minute 4: 0.5 gained, 2.0 paid in fees
    rows = [still(100), still(100), (100, 102, 100, 100), still(100), still(99), still(99)]
    wish = [1, 1, 1, 0, 0, 0]
    free = play([rows], [[wish]], losing_streak=1, cool_down_bars=5, partial_pct="2")
    paid = play(
        [rows], [[wish]], losing_streak=1, cool_down_bars=5, partial_pct="2", fee_bps="100", maker_fee_bps="100"
    )
    assert free.events == []
    assert [one[:3] for one in paid.events] == [(4, 0, "losing_streak")]


@pytest.mark.req("R0.9")
def test_a_loss_by_a_stop_inside_the_bar_pauses_from_its_close() -> None:
    # stopped in minute 2, whose close is at minute 3: no entries at the closes of minutes 2 and 3
    rows = [still(100), still(100), (100, 100, 90, 100), *[still(100)] * 4]
    wish = [1, 1, 0, 1, 1, 1, 1]
    played = play([rows], [[wish]], losing_streak=1, cool_down_bars=2, stop_pct="5")
    assert int(played.book.wallet[0, COOL_UNTIL]) == 5 * 60_000
    assert [row[0] for row in played.table if row[3] == "buy"] == [1, 5]


# Orders that wait for a bar


@pytest.mark.req("R0.9")
@pytest.mark.parametrize(
    "limits",
    [
        {"daily_loss_pct": "5"},
        {"drawdown_pct": "5"},
        {"wallet_daily_loss_pct": "5"},
        {"wallet_drawdown_pct": "5"},
        {"losing_streak": 1, "cool_down_bars": 9},
    ],
)
def test_an_entry_that_waits_for_a_bar_is_dropped_behind_a_breaker(limits: dict[str, object]) -> None:
    # B is ordered at the close of minute 1 and has its next bar in minute 4; A loses 60 in minute 2
    falls = [still(100), still(100), still(40), *[still(40)] * 4]
    late = [still(10), still(10), None, None, still(10), still(10), still(10)]
    wishes = [[1, 0, 0, 0, 0, 0, 0], [0, 1, NAN, NAN, NAN]]
    assert buys(play([falls, late], [wishes])) == [(1, 0, 0), (4, 0, 1)]
    assert buys(play([falls, late], [wishes], **limits)) == [(1, 0, 0)]


@pytest.mark.req("R0.9")
def test_a_sale_that_waits_for_a_bar_is_not_dropped_by_a_breaker() -> None:
    falls = [still(100), still(100), still(40), *[still(40)] * 3]
    late = [still(10), still(10), None, None, still(9), still(9)]
    wishes = [[1] * 6, [1, 0, NAN, NAN]]
    played = play([falls, late], [wishes], drawdown_pct="5")
    assert [row[:3] for row in played.table if row[3] == "sell"] == [(4, 0, 1)]


# Halted by hand, and told to sell


@pytest.mark.req("R0.9", "R2.5")
def test_a_wallet_that_is_closing_sells_and_enters_nothing_while_others_go_on() -> None:
    played = play([[still(100)] * 5], [[[1] * 5], [[0, 0, 1, 1, 1]]], cash=("500", "500"), closing={0: 2})
    assert [(row[0], row[1], row[3], row[6]) for row in played.table] == [
        (1, 0, "buy", "strategy"),
        (3, 0, "sell", "kill"),
        (3, 1, "buy", "strategy"),
    ]


@pytest.mark.req("R0.9")
def test_an_account_that_is_closing_enters_nothing_in_any_wallet() -> None:
    played = play([[still(100)] * 4], [[[0, 1, 1, 1]], [[0, 1, 1, 1]]], cash=("500", "500"), closing={-1: 1})
    assert played.table == []
    assert refusals(played) == [(1, 0, "halted", 0.0, 0.0, 3), (1, 1, "halted", 0.0, 0.0, 3)]


@pytest.mark.req("R0.9")
def test_an_entry_that_waits_for_a_bar_is_dropped_where_its_wallet_is_told_to_sell() -> None:
    # B is ordered at the close of minute 1 and has its next bar in minute 4; from minute 2 on all is to be sold
    late = [still(10), still(10), None, None, still(10), still(10)]
    played = play([[still(100)] * 6, late], [[[0] * 6, [0, 1, NAN, NAN]]], closing={0: 2})
    assert played.table == []


@pytest.mark.req("R0.9")
def test_a_breaker_that_is_off_never_opens() -> None:
    rows = [still(100), still(100), *[still(1)] * 3]
    played = play([rows], [[[10] * 5]], losing_streak=0, cool_down_bars=9)
    assert played.events == []
    assert not np.any(played.book.wallet[:, TRIPPED_BY])
