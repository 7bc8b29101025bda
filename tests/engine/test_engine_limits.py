"""Every limit before the order as a table of a few bars: at the limit, one unit beyond it, and what the refusal says."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from candles import MINUTE, NAN, Result, bars, rules, run

from trader_cli.engine.panel import Measured, build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import (
    CASH,
    EVENT_BAR,
    EVENT_BREAKER,
    EVENT_LIMIT,
    EVENT_NUMBER,
    EVENT_ROW,
    EVENT_RULE,
    EVENTS,
    TRIPPED_BY,
    TRIPPED_LIMIT,
    TRIPPED_NUMBER,
    new_book,
    new_log,
)
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import Refusal
from trader_cli.model.instrument import Instrument
from trader_cli.strategy.signals import Signals

FLAT = (100.0, 100.0, 100.0, 100.0)
WISH = [1.0, NAN, NAN, NAN]


def at(price: float) -> tuple[float, float, float, float]:
    return price, price, price, price


def says(**columns: list[float]) -> Signals:
    return Signals(**{name: np.array(column, float) for name, column in columns.items()})


def refused(events: Ints) -> list[tuple[int, int, str, str, str]]:
    """One row an episode of refusals: (minute, row, rule, number, limit), the last two as they were in 1e-8."""
    return [
        (
            int(row[EVENT_BAR]),
            int(row[EVENT_ROW]),
            Refusal(int(row[EVENT_RULE])).label,
            f"{Decimal(int(row[EVENT_NUMBER])).scaleb(-8).normalize():f}",
            f"{Decimal(int(row[EVENT_LIMIT])).scaleb(-8).normalize():f}",
        )
        for row in events
        if row[EVENT_BREAKER] == 0
    ]


def bought(result: Result) -> list[tuple[int, int, str]]:
    """One row a buy: (minute, row of the book, quantity)."""
    fills = result.fills
    rows = fills.wallet * len(result.instruments) + fills.symbol
    return [
        (int(t) // MINUTE.ms, int(row), f"{Decimal(int(quantity)).scaleb(-8).normalize():f}")
        for t, row, side, quantity in zip(fills.time_ms, rows, fills.side, fills.quantity, strict=True)
        if side > 0
    ]


def run_wallets(
    series: list[Bars],
    wishes: list[list[list[float]]],
    cash: list[str],
    halted: dict[int, tuple[Refusal, int, int]] | None = None,
    learned: str = "0",
    minimum: str = "0",
    least: str = "0",
    lots: tuple[str, ...] = (),
    legs: tuple[dict[int, int], ...] = (),
    **changed: object,
) -> Result:
    """Run per wallet one list of levels a symbol; `halted` opens the breaker of a wallet (-1 = the account) before."""
    instruments = tuple(
        Instrument(
            one.symbol,
            Decimal("0.01"),
            Decimal(lots[i] if lots else "0.0001"),
            min_quantity=Decimal(least),
            min_notional=Decimal(minimum),
            learned_minimum=Decimal(learned),
            described=True,
        )
        for i, one in enumerate(series)
    )
    chosen = rules(**changed)
    signals = [[Signals(target=np.array(levels, float)) for levels in wallet] for wallet in wishes]
    open_ms, market = build_market(series, signals, chosen)
    book = new_book(len(series), tuple(int(Decimal(one).scaleb(8)) for one in cash))
    for w, (why, number, limit) in (halted or {}).items():
        book.wallet[w, TRIPPED_BY], book.wallet[w, TRIPPED_NUMBER], book.wallet[w, TRIPPED_LIMIT] = why, number, limit
    steps = build_steps(instruments, len(wishes), legs)
    log = run_bars(market, book, new_log(len(open_ms), 8), chosen, steps, 0, 0, len(open_ms))
    fills = fills_of(tuple(one.symbol for one in series), open_ms, book, log)
    end = Decimal(int(book.wallet[-1, CASH])).scaleb(-8)
    events = log.events[: book.account[EVENTS]]
    return Result(fills, round_trips(fills, MINUTE.ms), log, events, book, end, instruments)


def flat(count: int, *names: str) -> list[Bars]:
    return [bars([FLAT] * count, name) for name in names]


# Positions


@pytest.mark.req("R2.3")
def test_as_many_positions_as_allowed_and_not_one_more() -> None:
    result = run(flat(3, "A/USD", "B/USD", "C/USD"), [[1, NAN, NAN]] * 3, max_positions=2)
    assert bought(result) == [(1, 0, "1"), (1, 1, "1")]
    # the third would be position 3 of 2: counts are written as they are, not in 1e-8
    assert refused(result.events) == [(0, 2, "max_positions", "0.00000003", "0.00000002")]


def test_positions_are_counted_over_all_wallets() -> None:
    result = run_wallets(flat(3, "A/USD"), [[[1, 1, 1]], [[1, 1, 1]]], ["500", "500"], max_positions=1)
    assert bought(result) == [(1, 0, "1")]
    assert refused(result.events) == [(0, 1, "max_positions", "0.00000002", "0.00000001")]


def test_a_position_that_is_held_may_grow_where_no_slot_is_free() -> None:
    result = run(bars([FLAT] * 4), [0.5, 0.5, 1, 1], max_positions=1)
    assert bought(result) == [(1, 0, "0.5"), (3, 0, "0.5")]
    assert refused(result.events) == []


def test_a_slot_whose_sale_finds_no_bar_is_not_given_away() -> None:
    # A is to be sold at bar 2, which it does not have: B's order finds the slot taken, at bar 2 and not later
    one = bars([FLAT, FLAT, None, FLAT], "A/USD")
    two = bars([FLAT] * 4, "B/USD")
    result = run([one, two], [[1, 0, NAN], [0, 1, NAN, NAN]], max_positions=1)
    assert bought(result) == [(1, 0, "1")]
    assert refused(result.events) == [(2, 1, "max_positions", "0.00000002", "0.00000001")]


def test_a_position_that_is_sold_in_part_keeps_its_slot() -> None:
    result = run(flat(3, "A/USD", "B/USD"), [[1, 0.5, NAN], [0, 1, NAN]], max_positions=1)
    assert [(row[0], row[1]) for row in result.table] == [(1, "buy"), (2, "sell")]
    assert refused(result.events) == [(1, 1, "max_positions", "0.00000002", "0.00000001")]


def test_an_entry_that_waits_for_a_bar_has_its_slot() -> None:
    late = bars([FLAT, None, None, FLAT], "A/USD")
    result = run([late, bars([FLAT] * 4, "B/USD")], [[1, NAN], [0, 1, NAN, NAN]], max_positions=1)
    assert bought(result) == [(3, 0, "1")]
    assert refused(result.events) == [(1, 1, "max_positions", "0.00000002", "0.00000001")]


# Exposure


@pytest.mark.req("R2.3")
@pytest.mark.parametrize("limit", ["max_symbol_pct", "max_wallet_pct", "max_gross_pct"])
@pytest.mark.parametrize(("quantity", "got"), [("2", "2"), ("1.9999", "1.9999"), ("2.0001", "2"), ("9", "2")])
def test_an_order_is_cut_to_the_room_a_limit_leaves(limit: str, quantity: str, got: str) -> None:
    # 20 % of 1000 = 200 = 2 at 100
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity=quantity, **{limit: "20"})
    assert bought(result) == [(1, 0, got)]
    assert refused(result.events) == []


@pytest.mark.req("R2.3")
@pytest.mark.parametrize(
    ("limit", "rule"),
    [("max_symbol_pct", "max_symbol"), ("max_wallet_pct", "max_wallet"), ("max_gross_pct", "max_gross")],
)
def test_where_the_room_is_less_than_the_minimum_the_limit_refuses(limit: str, rule: str) -> None:
    # 0.2 % of 1000 = 2.00 is the minimum exactly; 0.1999 % = 1.999 is under it, and 1.99 is all whole lots could spend
    enough = run(bars([FLAT] * 2), WISH[:2], minimum="2", **{limit: "0.2"})
    short = run(bars([FLAT] * 2), WISH[:2], minimum="2", **{limit: "0.1999"})
    assert bought(enough) == [(1, 0, "0.02")]
    assert bought(short) == []
    assert refused(short.events) == [(0, 0, rule, "100", "1.999")]


def test_a_symbols_limit_counts_it_in_every_wallet() -> None:
    # 30 % of 1000 = 300: wallet 0 takes 200 of it, wallet 1 wants 200 and gets 100; the other symbol has its own 300
    result = run_wallets(
        flat(2, "A/USD", "B/USD"),
        [[[1, NAN], [0, NAN]], [[1, NAN], [1, NAN]]],
        ["400", "600"],
        size_quantity="2",
        max_symbol_pct="30",
    )
    assert bought(result) == [(1, 0, "2"), (1, 2, "1"), (1, 3, "2")]


def test_a_wallets_limit_is_of_what_it_is_worth_itself_and_counts_only_its_own() -> None:
    # 50 % of 400 = 200 in wallet 0, for both symbols; 50 % of 600 = 300 in wallet 1
    result = run_wallets(
        flat(2, "A/USD", "B/USD"),
        [[[1, NAN], [1, NAN]], [[1, NAN], [1, NAN]]],
        ["400", "600"],
        size_quantity="1.5",
        max_wallet_pct="50",
    )
    assert bought(result) == [(1, 0, "1.5"), (1, 1, "0.5"), (1, 2, "1.5"), (1, 3, "1.5")]


def test_gross_exposure_counts_every_wallet_and_symbol() -> None:
    # 45 % of 1000 = 450 = 1.5 + 1.5 + 1.5; the fourth finds no room
    result = run_wallets(
        flat(2, "A/USD", "B/USD"),
        [[[1, NAN], [1, NAN]], [[1, NAN], [1, NAN]]],
        ["400", "600"],
        size_quantity="1.5",
        max_gross_pct="45",
    )
    assert bought(result) == [(1, 0, "1.5"), (1, 1, "1.5"), (1, 2, "1.5")]
    assert refused(result.events) == [(0, 3, "max_gross", "150", "0")]


def test_of_several_limits_the_tightest_cuts_and_names_itself() -> None:
    tight = {"max_symbol_pct": "30", "max_wallet_pct": "20", "max_gross_pct": "25"}
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity="5", **tight)
    assert bought(result) == [(1, 0, "2")]
    none = run(bars([FLAT] * 2), WISH[:2], size_quantity="5", minimum="201", **tight)
    assert refused(none.events) == [(0, 0, "max_wallet", "500", "200")]


def test_what_is_held_counts_at_the_last_close() -> None:
    # 2 bought at 100, now 110: 220 of 25 % of 1020 = 255; 35 left at 110 = 0.3181 lots
    result = run(bars([FLAT, FLAT, at(110), at(110)]), [0.4, NAN, 1, NAN], size_quantity="5", max_symbol_pct="25")
    assert bought(result) == [(1, 0, "2"), (3, 0, "0.3181")]


def test_what_is_sold_at_the_same_open_makes_room() -> None:
    result = run(flat(4, "A/USD", "B/USD"), [[1, 0, NAN, NAN], [0, 1, NAN, NAN]], size_quantity="2", max_gross_pct="20")
    assert [row[:2] for row in result.table] == [(1, "buy"), (2, "sell"), (2, "buy")]


@pytest.mark.req("R2.3")
@pytest.mark.parametrize("limit", ["max_symbol_pct", "max_wallet_pct", "max_gross_pct"])
@pytest.mark.parametrize(
    ("price", "got"),
    [
        (160.0, "0.9375"),  # 150 / 160
        (133.33, "1.125"),  # 150 / 133.33 = 1.12502: the 50 of room that it did not ask for is not its own
        (100.01, "1.4998"),  # 150 / 100.01 = 1.49985
        (100.0, "1.5"),
        (50.0, "1.5"),  # cheaper is not more
    ],
)
def test_an_order_never_spends_more_than_it_was_allowed_with(limit: str, price: float, got: str) -> None:
    # room 20 % of 1000 = 200; 1.5 at 100 = 150 was asked and allowed
    result = run(bars([FLAT, at(price)]), [1, NAN], size_quantity="1.5", **{limit: "20"})
    assert bought(result) == [(1, 0, got)]


def test_without_a_limit_on_exposure_an_order_buys_what_it_asked_for() -> None:
    assert bought(run(bars([FLAT, at(160)]), [1, NAN], size_quantity="1.5")) == [(1, 0, "1.5")]


@pytest.mark.req("R2.3")
def test_several_orders_together_stay_within_the_limit_after_a_gap() -> None:
    # 30 % of 1000 = 300: 150, 90 and the 60 that are left; at 160 they buy 0.9375, 0.5625 and 0.375, 300 together
    series = [bars([FLAT, at(160)], name) for name in ("A/USD", "B/USD", "C/USD")]
    result = run(series, [[1, NAN], [0.6, NAN], [1, NAN]], size_quantity="1.5", max_gross_pct="30")
    assert bought(result) == [(1, 0, "0.9375"), (1, 1, "0.5625"), (1, 2, "0.375")]
    assert int(result.fills.notional.sum()) == 300 * 10**8


# Cash and its reserve


@pytest.mark.req("R2.3")
def test_a_reserve_is_cash_no_buy_may_touch() -> None:
    # 25 % of 1000 stays: 750 / 100 = 7.5, fees 1 %: 750 / 1.01 / 100 = 7.4257
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity="9", cash_reserve_pct="25", fee_bps="100")
    assert bought(result) == [(1, 0, "7.4257")]
    # 742.57 + 7.4257
    assert result.cash == Decimal("250.0043")


def test_a_reserve_refuses_what_it_leaves_no_minimum_for() -> None:
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity="9", cash_reserve_pct="99.9", minimum="2")
    assert refused(result.events) == [(0, 0, "cash_reserve", "900", "1")]


def test_a_reserve_holds_when_the_price_runs_away() -> None:
    # 1000 - 500 = 500 at 250 = 2
    result = run(bars([FLAT, at(250)]), [1, NAN], size_quantity="4", cash_reserve_pct="50")
    assert bought(result) == [(1, 0, "2")]
    assert result.cash == 500


def test_each_wallets_reserve_is_of_its_own_worth() -> None:
    result = run_wallets(
        flat(2, "A/USD"), [[[1, NAN]], [[1, NAN]]], ["400", "600"], size_quantity="9", cash_reserve_pct="50"
    )
    assert bought(result) == [(1, 0, "2"), (1, 1, "3")]


def test_without_a_reserve_too_little_cash_says_so() -> None:
    result = run(bars([FLAT] * 2), WISH[:2], cash="1", minimum="2")
    assert refused(result.events) == [(0, 0, "no_cash", "100", "1")]


def test_what_one_order_sets_aside_is_not_there_for_the_next() -> None:
    result = run(flat(2, "A/USD", "B/USD"), [[1, NAN], [1, NAN]], cash="150", lot="1")
    assert bought(result) == [(1, 0, "1")]
    assert refused(result.events) == [(0, 1, "no_cash", "100", "50")]


# Smallest orders


@pytest.mark.req("R0.4")
@pytest.mark.parametrize(("quantity", "got"), [("0.02", ["0.02"]), ("0.0199", [])])
def test_an_order_of_two_exactly_is_made_and_a_lot_less_is_not(quantity: str, got: list[str]) -> None:
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity=quantity, min_notional="2.0")
    assert [row[2] for row in bought(result)] == got
    assert refused(result.events) == ([] if got else [(0, 0, "below_minimum", "1.99", "2")])


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(
    ("user", "venue", "learned", "least"),
    [("2", "0", "0", "2"), ("2", "3", "0", "3"), ("2", "3", "5", "5"), ("7", "3", "5", "7"), ("2", "0", "5", "5")],
)
def test_the_minimum_is_the_largest_of_users_venues_and_learned(
    user: str, venue: str, learned: str, least: str
) -> None:
    under, exactly = str(Decimal(least) / 100 - Decimal("0.0001")), str(Decimal(least) / 100)
    minimums = {"min_notional": user, "minimum": venue, "learned": learned}
    short = run_wallets(flat(2, "A/USD"), [[[1, NAN]]], ["100"], size_quantity=under, **minimums)
    enough = run_wallets(flat(2, "A/USD"), [[[1, NAN]]], ["100"], size_quantity=exactly, **minimums)
    assert refused(short.events) == [(0, 0, "below_minimum", str(Decimal(least) - Decimal("0.01")), least)]
    assert [row[2] for row in bought(enough)] == [exactly]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(("quantity", "got"), [("0.0199", "0.022"), ("0.0001", "0.022"), ("0.02", "0.02")])
def test_a_smaller_order_becomes_the_minimum_times_one_point_one(quantity: str, got: str) -> None:
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity=quantity, min_notional="2", raise_to_minimum="1.1")
    assert bought(result) == [(1, 0, got)]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(("quantity", "got"), [("0.05", ["0.05"]), ("0.0499", [])])
def test_the_smallest_quantity_is_a_minimum_too(quantity: str, got: list[str]) -> None:
    # 0.05 at 100 = 5, more than the user's 2
    result = run_wallets(
        flat(2, "A/USD"), [[[1, NAN]]], ["1000"], least="0.05", size_quantity=quantity, min_notional="2"
    )
    assert [row[2] for row in bought(result)] == got
    assert refused(result.events) == ([] if got else [(0, 0, "below_minimum", "4.99", "5")])


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(("least", "got"), [("0.05", "0.055"), ("0.01", "0.022")])
def test_a_raised_order_is_the_larger_of_both_minimums_times_one_point_one(least: str, got: str) -> None:
    # 0.05 x 1.1 = 0.055; 2 x 1.1 / 100 = 0.022
    result = run_wallets(
        flat(2, "A/USD"),
        [[[1, NAN]]],
        ["1000"],
        least=least,
        size_quantity="0.001",
        min_notional="2",
        raise_to_minimum="1.1",
    )
    assert bought(result) == [(1, 0, got)]


@pytest.mark.req("R1.4")
def test_a_raised_order_goes_up_to_the_lot() -> None:
    # 2.2 / 30 = 0.0733..., up to lots of 0.01 = 0.08
    result = run(
        bars([at(30)] * 2), WISH[:2], size_quantity="0.01", min_notional="2", raise_to_minimum="1.1", lot="0.01"
    )
    assert bought(result) == [(1, 0, "0.08")]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(
    ("limits", "row"),
    [
        ({"cash": "1.99"}, (0, 0, "no_cash", "2.2", "1.99")),
        ({"max_symbol_pct": "0.199"}, (0, 0, "max_symbol", "2.2", "1.99")),
        ({"max_wallet_pct": "0.199"}, (0, 0, "max_wallet", "2.2", "1.99")),
        ({"max_gross_pct": "0.199"}, (0, 0, "max_gross", "2.2", "1.99")),
        ({"cash_reserve_pct": "99.801"}, (0, 0, "cash_reserve", "2.2", "1.99")),
    ],
)
def test_nothing_is_raised_beyond_a_limit(limits: dict[str, str], row: tuple[int, int, str, str, str]) -> None:
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity="0.01", min_notional="2", raise_to_minimum="1.1", **limits)
    assert bought(result) == []
    assert refused(result.events) == [row]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(
    "limits", [{"cash": "2.2"}, {"max_symbol_pct": "0.22"}, {"max_gross_pct": "0.22"}, {"cash_reserve_pct": "99.78"}]
)
def test_raised_exactly_to_the_limit_is_allowed(limits: dict[str, str]) -> None:
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity="0.01", min_notional="2", raise_to_minimum="1.1", **limits)
    assert bought(result) == [(1, 0, "0.022")]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(
    "limits", [{"cash": "2.1"}, {"max_symbol_pct": "0.21"}, {"max_gross_pct": "0.21"}, {"cash_reserve_pct": "99.79"}]
)
def test_an_order_that_cannot_be_raised_in_full_is_refused(limits: dict[str, str]) -> None:
    # the minimum times 1.1 = 2.2 does not fit into 2.1: R1.4 raises only while the limits hold, else refuses
    result = run(bars([FLAT] * 2), WISH[:2], size_quantity="0.01", min_notional="2", raise_to_minimum="1.1", **limits)
    assert bought(result) == []


def test_an_exit_is_made_however_small_it_is() -> None:
    # 0.02 x 100 = 2 was enough to buy; 0.02 x 50 = 1 is enough to sell
    result = run(bars([FLAT, FLAT, at(50), at(50)]), [1, 1, 0, 0], size_quantity="0.02", min_notional="2")
    assert [row[1] for row in result.table] == ["buy", "sell"]


def test_an_exit_that_the_size_asks_for_is_made_however_small_it_is() -> None:
    # 0.2 % of 1000 = 2; worth 1 when its volatility is no longer known, for which nothing is held
    known = [Measured(atr=np.full(4, NAN), volatility=np.array([0.2, 0.2, NAN, NAN]))]
    sized = {"size_method": "volatility", "size_fraction": "0.002", "volatility_pct": "20", "rebalance": True}
    result = run(bars([FLAT, FLAT, at(50), at(50)]), [1, 1, 1, 1], measured=known, min_notional="2", **sized)
    assert [row[:3] for row in result.table] == [(1, "buy", "0.02"), (3, "sell", "0.02")]


# Confidence


@pytest.mark.req("R1.1")
@pytest.mark.parametrize(("confidence", "fills"), [(0.75, 0), (0.74999999, 0), (0.75000001, 1), (1.0, 1), (NAN, 0)])
def test_a_buy_needs_more_confidence_than_the_limit(confidence: float, fills: int) -> None:
    result = run(bars([FLAT] * 2), says(target=[1, NAN], confidence=[confidence] * 2), min_confidence="0.75")
    assert len(bought(result)) == fills
    if confidence == 0.75:
        assert refused(result.events) == [(0, 0, "low_confidence", "0.75", "0.75")]


@pytest.mark.req("R1.1")
@pytest.mark.parametrize(
    ("confidence", "fills"),
    [(0.75, 0), (float(np.nextafter(0.75, 1)), 0), (0.750000004, 0), (0.750000006, 1), (0.75000001, 1)],
)
def test_confidence_counts_in_steps_of_1e_8(confidence: float, fills: int) -> None:
    # rounded to the nearest 1e-8 first: what is not above 0.75 by half a step is 0.75
    result = run(bars([FLAT] * 2), says(target=[1, NAN], confidence=[confidence] * 2), min_confidence="0.75")
    assert len(bought(result)) == fills


@pytest.mark.req("R1.1")
def test_an_exit_needs_no_confidence() -> None:
    wishes = says(target=[1, 0, NAN], confidence=[1.0, 0.0, 0.0])
    result = run(bars([FLAT] * 3), wishes, min_confidence="0.75")
    assert [row[1] for row in result.table] == ["buy", "sell"]


def test_a_strategy_that_never_says_how_sure_it_is_is_sure() -> None:
    assert len(bought(run(bars([FLAT] * 2), WISH[:2], min_confidence="0.75"))) == 1


# Data too old


@pytest.mark.parametrize(("missing", "fills"), [(0, 1), (1, 1), (2, 0), (5, 0)])
def test_a_buy_after_a_hole_longer_than_allowed_is_refused(missing: int, fills: int) -> None:
    # max_gap_bars 2: the bar before may be two bars ago, so one bar may be missing
    rows = [FLAT, *([None] * missing), FLAT, FLAT]
    clock = bars([FLAT] * len(rows), "B/USD")
    result = run([bars(rows, "A/USD"), clock], [[0, 1, NAN], [0] * len(rows)], max_gap_bars=2)
    assert len(bought(result)) == fills
    if missing == 2:
        # three minutes = 180 000 ms, allowed 120 000
        assert refused(result.events) == [(3, 0, "stale_data", "0.0018", "0.0012")]


def test_the_first_bar_of_a_symbol_is_not_too_old() -> None:
    late = bars([None, None, None, FLAT, FLAT], "A/USD")
    result = run([late, bars([FLAT] * 5, "B/USD")], [[1, NAN], [0] * 5], max_gap_bars=1)
    assert bought(result) == [(4, 0, "1")]


# Breakers, and halts by hand


@pytest.mark.req("R0.9")
def test_a_halted_wallet_enters_nothing_and_others_go_on() -> None:
    result = run_wallets(
        flat(3, "A/USD"), [[[1, 1, 1]], [[1, 1, 1]]], ["500", "500"], halted={0: (Refusal.HALTED, 0, 0)}
    )
    assert bought(result) == [(1, 1, "1")]
    assert refused(result.events) == [(0, 0, "halted", "0", "0")]


@pytest.mark.req("R0.9")
def test_a_halted_account_enters_nothing_in_any_wallet() -> None:
    result = run_wallets(
        flat(3, "A/USD"), [[[1, 1, 1]], [[1, 1, 1]]], ["500", "500"], halted={-1: (Refusal.HALTED, 0, 0)}
    )
    assert bought(result) == []
    assert refused(result.events) == [(0, 0, "halted", "0", "0"), (0, 1, "halted", "0", "0")]


def test_an_open_breaker_refuses_with_the_numbers_that_opened_it() -> None:
    halted = {0: (Refusal.DRAWDOWN, 12_300_000_000, 10_000_000_000)}
    result = run_wallets(flat(3, "A/USD"), [[[1, 1, 1]]], ["500"], halted=halted)
    assert refused(result.events) == [(0, 0, "drawdown", "123", "100")]


def held_over_a_hole(**changed: object) -> Result:
    """A wants in at bar 1 and has no bar until bar 4; C, held from bar 1 on, halves at bar 2."""
    late = bars([FLAT, FLAT, None, None, FLAT, FLAT], "A/USD")
    falls = bars([FLAT, FLAT, at(50), at(50), at(50), at(50)], "C/USD")
    return run([late, falls], [[0, 1, NAN, NAN], [1, 1, 1, 1, 1, 1]], **changed)


def test_an_order_that_waits_for_a_bar_does_not_fill_behind_an_open_breaker() -> None:
    # 1 C from 100 to 50: the account falls by 50, more than 1 % of 1000 = 10, at bar 2
    assert bought(held_over_a_hole(drawdown_pct="1")) == [(1, 1, "1")]


def test_an_order_that_waits_for_a_bar_is_too_old_after_a_hole() -> None:
    # decided at bar 1, filled at bar 4: the bar before is three bars ago, one is allowed
    assert bought(held_over_a_hole(max_gap_bars=1)) == [(1, 1, "1")]


# Orders that rest at a price of their own


@pytest.mark.parametrize(
    ("own", "next_bar"),
    [
        pytest.param({"trigger": [125, NAN, NAN]}, (100, 130, 100, 130), id="trigger"),
        pytest.param({"limit": [125, NAN, NAN]}, at(124), id="limit above the market"),
    ],
)
def test_a_resting_order_takes_the_room_it_was_allowed(own: dict[str, list[float]], next_bar) -> None:
    # 50 % of 1000 = 500 = 4 at 125: the first order takes all of it. Counted at the close, 100, it leaves 100 to the second
    series = [bars([FLAT, next_bar, next_bar], name) for name in ("A/USD", "B/USD")]
    result = run(series, [says(target=[1, NAN, NAN], **own)] * 2, size_quantity="4", max_gross_pct="50")
    assert bought(result) == [(1, 0, "4")]


def test_what_stops_a_fill_is_named_by_its_own_rule_and_number() -> None:
    # room 10 % of 1000 = 100, lots of 1: at an open of 101 not even one may be paid, with 1000 in cash
    result = run(bars([FLAT, at(101)]), [1, NAN], max_symbol_pct="10", lot="1")
    assert refused(result.events) == [(1, 0, "max_symbol", "101", "100")]


def test_what_the_reserve_stops_at_the_fill_is_named_so() -> None:
    # half of 100 stays; 0.5 at 101 = 50.50
    result = run(bars([FLAT, at(101)]), [1, NAN], cash="100", size_quantity="0.5", cash_reserve_pct="50", lot="0.5")
    assert refused(result.events) == [(1, 0, "cash_reserve", "50.5", "50")]


@pytest.mark.req("R0.4")
def test_what_a_gap_leaves_of_an_order_is_held_to_the_minimum_too() -> None:
    # allowed with 2; at 150 that buys 0.0133 = 1.995
    result = run(bars([FLAT, at(150)]), [1, NAN], size_quantity="0.02", min_notional="2", max_symbol_pct="20")
    assert bought(result) == []
    assert refused(result.events) == [(1, 0, "max_symbol", "3", "2")]


# Correlation, VaR and CVaR


def moving(closes: list[float], name: str) -> Bars:
    return bars([at(close) for close in closes], name)


UP_DOWN = [100.0, 110.0, 99.0, 108.9, 98.01, 98.01]


@pytest.mark.req("R2.3")
@pytest.mark.parametrize(("cap", "fills"), [("1", 2), ("0.99999999", 1)])
def test_a_symbol_that_moves_as_one_that_is_held_is_refused_beyond_the_cap(cap: str, fills: int) -> None:
    # the same prices: correlation 1 exactly
    series = [moving(UP_DOWN, "A/USD"), moving(UP_DOWN, "B/USD")]
    result = run(series, [[0, 0, 0, 0, 1, NAN]] * 2, max_correlation=cap)
    assert len(bought(result)) == fills
    if fills == 1:
        assert refused(result.events) == [(4, 1, "correlation", "1", "0.99999999")]


def test_what_is_held_already_may_grow_though_it_moves_like_another() -> None:
    # both bought at bar 0, before there is a correlation to speak of; it is 1 at bar 4
    series = [moving(UP_DOWN, "A/USD"), moving(UP_DOWN, "B/USD")]
    result = run(series, [[1] * 6, [0.5, 0.5, 0.5, 0.5, 1, NAN]], max_correlation="0.5")
    assert bought(result) == [(1, 0, "1"), (1, 1, "0.5"), (5, 1, "0.5")]


def test_one_that_moves_against_it_is_not() -> None:
    against = [100.0, 90.0, 99.0, 89.1, 98.01, 98.01]
    result = run(
        [moving(UP_DOWN, "A/USD"), moving(against, "B/USD")], [[0, 0, 0, 0, 1, NAN]] * 2, max_correlation="0.1"
    )
    assert len(bought(result)) == 2


def test_the_same_symbol_in_another_wallet_is_not_another_symbol() -> None:
    result = run_wallets(
        [moving(UP_DOWN, "A/USD")], [[[0, 0, 0, 0, 1, NAN]]] * 2, ["500", "500"], max_correlation="0.5"
    )
    assert len(bought(result)) == 2


@pytest.mark.req("R2.3")
@pytest.mark.parametrize("rule", ["var", "cvar"])
@pytest.mark.parametrize(("pct", "fills"), [("1", 1), ("0.999999", 0)])
def test_a_buy_that_could_lose_more_than_allowed_is_refused(rule: str, pct: str, fills: int) -> None:
    # worst bar -10 %; 1 at 100 of 1000: 10 = 1 % of the account, VaR and CVaR of the worst of 4 bars at 95 %
    closes = [100.0, 90.0, 100.0, 100.0, 100.0, 100.0]
    result = run(
        moving(closes, "A/USD"), [0, 0, 0, 0, 1, NAN], **{f"max_{rule}_pct": pct}, var_bars=250, slippage_bps="0"
    )
    assert len(bought(result)) == fills
    if fills == 0:
        assert refused(result.events) == [(4, 0, rule, "10", "9.99999")]


@pytest.mark.req("R2.3")
@pytest.mark.parametrize("rule", ["var", "cvar"])
def test_var_and_cvar_count_what_is_held_already(rule: str) -> None:
    # one of A at risk of 10, one of B of 10 in the same bar: 20 is 2 % of 1000
    closes = [100.0, 90.0, 100.0, 100.0, 100.0, 100.0]
    series = [moving(closes, "A/USD"), moving(closes, "B/USD")]
    wishes = [[0, 0, 0, 1, NAN, NAN], [0, 0, 0, 0, 1, NAN]]
    assert len(bought(run(series, wishes, **{f"max_{rule}_pct": "2"}))) == 2
    short = run(series, wishes, **{f"max_{rule}_pct": "1.9"})
    assert refused(short.events) == [(4, 1, rule, "20", "19")]


@pytest.mark.req("R2.3")
@pytest.mark.parametrize(("var", "cvar", "rule"), [("0.9", "50", "var"), ("50", "0.9", "cvar")])
def test_var_and_cvar_are_each_held_to_its_own_limit(var: str, cvar: str, rule: str) -> None:
    # 10 at risk: within 500, beyond 9
    series = moving([100.0, 90.0, 100.0, 100.0, 100.0, 100.0], "A/USD")
    result = run(series, [0, 0, 0, 0, 1, NAN], max_var_pct=var, max_cvar_pct=cvar)
    assert refused(result.events) == [(4, 0, rule, "10", "9")]


def test_what_could_lose_no_more_than_allowed_by_itself_may_with_what_is_held() -> None:
    # 90 of 100 at risk in each: 100 cannot lose 150, 200 can lose 180
    series = [moving([100.0, 10.0, 100.0, 100.0, 100.0, 100.0], name) for name in ("A/USD", "B/USD")]
    result = run(series, [[0, 0, 0, 1, NAN, NAN], [0, 0, 0, 0, 1, NAN]], max_var_pct="15")
    assert bought(result) == [(4, 0, "1")]
    assert refused(result.events) == [(4, 1, "var", "180", "150")]


@pytest.mark.req("R2.3")
@pytest.mark.parametrize(("limit", "allowed"), [("1", True), ("0.999999", False)])
def test_a_value_at_risk_at_the_limit_is_allowed_though_a_worse_bar_is_beyond_it(limit: str, allowed: bool) -> None:
    # one of A: losses 20, -25, 10, -11.11, 0, 0. At 80 % the fifth of six counts: 10, which is 1 % of 1000; the worst is 20
    series = moving([100.0, 80.0, 100.0, 90.0, 100.0, 100.0, 100.0, 100.0], "A/USD")
    result = run(series, [0, 0, 0, 0, 0, 0, 1, NAN], max_var_pct=limit, var_confidence_pct="80")
    assert bool(bought(result)) == allowed
    assert refused(result.events) == ([] if allowed else [(6, 0, "var", "10", "9.99999")])


# Sizes


@pytest.mark.req("R4.4")
@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"size_method": "quantity", "size_quantity": "1.5"}, "1.5"),
        ({"size_method": "notional", "size_notional": "250"}, "2.5"),
        ({"size_method": "fraction", "size_fraction": "0.4"}, "4"),
    ],
)
@pytest.mark.parametrize("level", [1.0, 0.5])
def test_a_level_is_a_part_of_the_size(changed: dict[str, str], got: str, level: float) -> None:
    result = run(bars([FLAT] * 2), [level, NAN], **changed)
    assert [Decimal(row[2]) for row in bought(result)] == [Decimal(got) * Decimal(str(level))]


def ranged(value: float, count: int = 3) -> list[Measured]:
    return [Measured(atr=np.full(count, value), volatility=np.full(count, value))]


@pytest.mark.req("R4.4")
@pytest.mark.parametrize(
    ("stop", "got"),
    [
        (95.0, "2"),  # 10 / 5
        (99.0, "5"),  # 10 / 1 = 10, at most the half of 1000 = 5
        (98.0, "5"),  # 10 / 2 = 5, just the most
        (NAN, "1.25"),  # no stop of its own: 2 x ATR 4 = 8, 10 / 8
        (101.0, "1.25"),  # a stop above the price is none
    ],
)
def test_risk_sizing_loses_one_percent_at_the_stop(stop: float, got: str) -> None:
    # 1 % of 1000 = 10 may be lost
    result = run(
        bars([FLAT] * 3),
        says(target=[1, NAN, NAN], stop=[stop, NAN, NAN]),
        measured=ranged(4.0),
        size_method="risk",
        size_fraction="0.5",
        risk_pct="1",
        risk_atr="2",
    )
    assert bought(result) == [(1, 0, got)]


@pytest.mark.req("R4.4")
def test_risk_sizing_holds_nothing_where_no_distance_is_known() -> None:
    # no stop of its own, and no average true range yet
    result = run(
        bars([FLAT] * 3), WISH[:3], measured=ranged(NAN), size_method="risk", size_fraction="0.5", risk_pct="1"
    )
    assert bought(result) == []
    assert refused(result.events) == [(0, 0, "rounds_to_zero", "0", "0.0001")]


@pytest.mark.req("R4.4")
@pytest.mark.parametrize(("volatility", "got"), [(0.8, ["2.5"]), (0.4, ["5"]), (0.1, ["5"]), (0.0, []), (NAN, [])])
def test_a_volatility_target_holds_less_of_what_swings_more(volatility: float, got: list[str]) -> None:
    # 20 % / 80 % of 1000 = 250; at most half of 1000; what is not known is not held
    result = run(
        bars([FLAT] * 3),
        [1, NAN, NAN],
        measured=ranged(volatility),
        size_method="volatility",
        size_fraction="0.5",
        volatility_pct="20",
    )
    assert [row[2] for row in bought(result)] == got
    if not got:
        assert refused(result.events) == [(0, 0, "rounds_to_zero", "0", "0.0001")]


@pytest.mark.req("R4.4")
@pytest.mark.parametrize(
    ("changed", "got"),
    [
        # one trip +20 %, one -10 %: p = 1/2, b = 2, f = 1/2 - 1/2 / 2 = 25 %, half of it 12.5 % of 1045 = 130.625
        ({"kelly_trades": 2}, ["1.3062"]),
        ({"kelly_trades": 2, "kelly_share": "1"}, ["2.6125"]),  # 261.25
        ({"kelly_trades": 2, "kelly_cap_pct": "10"}, ["1.045"]),  # 104.50
        ({"kelly_trades": 3}, ["5.225"]),  # not trusted yet: half of 1045
    ],
)
def test_kelly_holds_its_share_once_there_are_enough_trips(changed: dict[str, object], got: list[str]) -> None:
    # half of 1000 = 5 at 100, sold at 120: 1100; half of it = 5.5 at 100, sold at 90: 1045
    rows = [FLAT, FLAT, (120, 120, 100, 100), FLAT, (90, 100, 90, 100), FLAT]
    result = run(bars(rows), [1, 0, 1, 0, 1, NAN], size_method="kelly", size_fraction="0.5", **changed)
    assert [row[2] for row in bought(result)] == ["5", "5.5", *got]


@pytest.mark.req("R4.4")
def test_kelly_holds_at_most_what_the_fraction_allows() -> None:
    # +20 % and -10 % of a tenth: 1020, then 1009.80; full Kelly is 25 % of it, a tenth is 100.98
    rows = [FLAT, FLAT, (120, 120, 100, 100), FLAT, (90, 100, 90, 100), FLAT]
    sized = {"size_fraction": "0.1", "kelly_trades": 2, "kelly_share": "1", "kelly_cap_pct": "100"}
    result = run(bars(rows), [1, 0, 1, 0, 1, NAN], size_method="kelly", **sized)
    assert [row[2] for row in bought(result)] == ["1", "1.02", "1.0098"]


def test_kelly_without_an_edge_holds_nothing() -> None:
    # +10 % and -10 %: f = 0
    rows = [FLAT, FLAT, (110, 110, 100, 100), FLAT, (90, 100, 90, 100), FLAT]
    result = run(bars(rows), [1, 0, 1, 0, 1, NAN], size_method="kelly", size_fraction="0.5", kelly_trades=2)
    assert len(bought(result)) == 2
    assert refused(result.events) == [(4, 0, "rounds_to_zero", "0", "0.0001")]


# Allocation and rebalancing


@pytest.mark.req("R2.4")
@pytest.mark.parametrize(
    ("wanted", "got"), [((1, 0, 0), ["9"]), ((1, 1, 0), ["4.5", "4.5"]), ((1, 1, 1), ["2.9999", "2.9999", "2.9999"])]
)
def test_equal_shares_among_the_symbols_that_are_wanted(wanted: tuple[int, ...], got: list[str]) -> None:
    # 90 % of 1000 by 1, 2 and 3: 900, 450 and 299.999997
    result = run(
        flat(2, "A/USD", "B/USD", "C/USD"),
        [[one, NAN] for one in wanted],
        size_method="fraction",
        size_fraction="0.9",
        share_method="equal",
    )
    assert [row[2] for row in bought(result)] == got


EQUAL = {"size_method": "fraction", "size_fraction": "0.4", "share_method": "equal"}


@pytest.mark.req("R2.4")
def test_what_is_held_in_silence_has_its_share() -> None:
    # 40 % of 1000, then half of it: A is still held
    result = run(flat(3, "A/USD", "B/USD"), [[1, NAN, NAN], [0, 1, NAN]], **EQUAL)
    assert bought(result) == [(1, 0, "4"), (2, 1, "2")]


@pytest.mark.req("R2.4")
def test_what_a_rule_closed_has_no_share() -> None:
    # A is stopped at 95 and stays out: 40 % of 980 are B's alone
    stopped = bars([FLAT, FLAT, (100, 100, 90, 90), at(90)], "A/USD")
    result = run([stopped, bars([FLAT] * 4, "B/USD")], [[1, 1, 1, 1], [0, 0, 1, NAN]], stop_pct="5", **EQUAL)
    assert bought(result) == [(1, 0, "4"), (3, 1, "3.92")]


@pytest.mark.req("R2.4")
def test_each_wallet_splits_its_own() -> None:
    result = run_wallets(flat(2, "A/USD"), [[[1, NAN]], [[1, NAN]]], ["500", "500"], **EQUAL)
    assert bought(result) == [(1, 0, "2"), (1, 1, "2")]


@pytest.mark.req("R2.4")
def test_risk_parity_gives_half_the_share_to_what_swings_twice_as_much() -> None:
    # returns +2 -2 +2 -2 % and +1 +1 -1 -1 %: no correlation, so 1/3 and 2/3 of 900:
    # 300 / 99.920016 = 3.00240, 600 / 99.980001 = 6.00120
    wild = moving([100, 102, 99.96, 101.9592, 99.920016, 100], "A/USD")
    calm = moving([100, 101, 102.01, 100.9899, 99.980001, 100], "B/USD")
    result = run(
        [wild, calm],
        [[0, 0, 0, 0, 1, NAN]] * 2,
        size_method="fraction",
        size_fraction="0.9",
        share_method="risk_parity",
        share_bars=4,
    )
    assert bought(result) == [(5, 0, "3.0024"), (5, 1, "6.0012")]


@pytest.mark.req("R2.4")
@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({}, ["1.5", "0.5"]),  # scores 1.5 and 0.5: 3/4 and 1/4 of 200
        ({"cap_pct": "60"}, ["1.2", "0.8"]),
        ({"floor_pct": "30"}, ["1.4", "0.6"]),
        ({"share_trades": 2}, ["1", "1"]),  # one trip is not enough to tell
    ],
)
def test_performance_shares_give_more_to_what_earned_more(changed: dict[str, object], got: list[str]) -> None:
    # 20 % of 1000 in equal parts first: 1 each at 100, sold at 150 and at 50: +50 % and -50 %
    good = bars([FLAT, FLAT, (150, 150, 100, 100), FLAT], "A/USD")
    bad = bars([FLAT, FLAT, (50, 100, 50, 100), FLAT], "B/USD")
    shares = {"share_method": "performance", "share_trades": 1, "cap_pct": "100", "floor_pct": "0", **changed}
    result = run([good, bad], [[1, 0, 1, NAN]] * 2, size_method="fraction", size_fraction="0.2", **shares)
    assert [row[2] for row in bought(result)] == ["1", "1", *got]


@pytest.mark.req("R2.4")
@pytest.mark.parametrize(
    ("price", "traded"),
    [
        (125.0, []),  # wanted 1125 / 2 / 125 = 4.5: 0.5 less than the 5 held, 10 % of it exactly
        (126.0, [("sell", "0.5159")]),  # 565 / 126 = 4.4841
        (84.0, []),  # 460 / 84 = 5.4761
        (83.0, [("buy", "0.512")]),  # 457.50 / 83 = 5.5120
    ],
)
def test_a_drift_is_traded_back_beyond_the_dead_band_only(price: float, traded: list[tuple[str, str]]) -> None:
    result = run(
        bars([FLAT, FLAT, at(price), at(price)]),
        [1, 1, 1, NAN],
        size_method="fraction",
        size_fraction="0.5",
        rebalance=True,
        dead_band_pct="10",
    )
    assert [(row[1], row[2]) for row in result.table[1:]] == traded
    assert all(row[4] == "rebalance" for row in result.table[1:])


def test_risk_sizing_measures_from_the_price_of_a_resting_order() -> None:
    # trigger 110, stop 90: 20 may be lost a piece, 1 % of 1000 = 10 in all: 0.5. From the close, 100, it is 1, and 20 are lost
    result = run(
        bars([FLAT, (100, 115, 100, 115), (110, 110, 90, 90)]),
        says(target=[1, NAN, NAN], trigger=[110, NAN, NAN], stop=[90, NAN, NAN]),
        measured=ranged(4.0),
        size_method="risk",
        size_fraction="1",
        risk_pct="1",
    )
    assert bought(result) == [(1, 0, "0.5")]


# Limits and a trade of two legs

PAIR = ({0: 1, 1: 0},)


def two_prices(count: int, first: float, second: float) -> list[Bars]:
    return [bars([at(first)] * count, "A/USD"), bars([at(second)] * count, "B/USD")]


def test_a_sale_that_is_taken_back_makes_no_room() -> None:
    # A and B held, 200 of 20 % of 1000. A is to be sold alone and may not; C was given its 100 all the same: 300 held
    result = run_wallets(
        flat(4, "A/USD", "B/USD", "C/USD"),
        [[[1, 0, NAN, NAN], [1, NAN, NAN, NAN], [0, 1, NAN, NAN]]],
        ["1000"],
        legs=PAIR,
        max_gross_pct="20",
    )
    assert bought(result) == [(1, 0, "1"), (1, 1, "1")]


def test_where_one_leg_is_less_than_a_lot_of_the_other_neither_is_bought() -> None:
    # 60: 0.3 of A at 200, 0.6 of B at 100, down to lots of 0.5; 0.3 is no lot of B
    result = run_wallets(
        two_prices(2, 200, 100),
        [[[1, NAN], [1, NAN]]],
        ["1000"],
        lots=("0.0001", "0.5"),
        legs=PAIR,
        size_method="notional",
        size_notional="60",
    )
    assert bought(result) == []


def test_legs_of_different_lots_are_made_alike_in_the_coarser_one() -> None:
    # 140: 0.7 of A at 200, 1.4 of B at 100, down to 1; A's 0.7 is 0.5 in B's lots
    result = run_wallets(
        two_prices(2, 200, 100),
        [[[1, NAN], [1, NAN]]],
        ["1000"],
        lots=("0.0001", "0.5"),
        legs=PAIR,
        size_method="notional",
        size_notional="140",
    )
    assert bought(result) == [(1, 0, "0.5"), (1, 1, "0.5")]


def test_a_leg_below_the_minimum_is_refused_with_its_own_number() -> None:
    # 5 % of 1000 cuts A to 0.5 at 100; B, cut to 0.5 at 3 = 1.5, is below 2
    result = run_wallets(
        two_prices(2, 100, 3), [[[1, NAN], [1, NAN]]], ["1000"], legs=PAIR, max_symbol_pct="5", min_notional="2"
    )
    assert bought(result) == []
    assert refused(result.events) == [(0, 1, "below_minimum", "1.5", "2")]


def test_a_leg_that_was_cut_gives_its_room_back() -> None:
    # 100 each: 0.1 of A at 1000, 1 of B at 100, cut to 0.1 = 10. Both wait; of 20 % of 1000 = 200 C gets the 90 that are
    # left. B comes back at 1000 and may spend 10, not 100
    waiting = [bars([at(1000), None, at(1000)], "A/USD"), bars([FLAT, None, at(1000)], "B/USD")]
    result = run_wallets(
        [*waiting, *flat(3, "C/USD")],
        [[[1, NAN], [1, NAN], [0, 1, NAN]]],
        ["1000"],
        legs=PAIR,
        size_method="notional",
        size_notional="100",
        max_gross_pct="20",
    )
    assert bought(result) == [(2, 0, "0.1"), (2, 1, "0.01"), (2, 2, "0.9")]
