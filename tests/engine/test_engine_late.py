"""Exits that no venue makes: every level, reached and not reached, resting at the venue and not. Hand-worked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from candles import NAN, bars, rules

from trader_cli.engine.late import STOP_RESTS, TARGET_RESTS, find_late, resting_levels
from trader_cli.engine.panel import Measured, build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.settle import finish_order, order_exit, set_late, settle_fill
from trader_cli.engine.state import (
    ADDED,
    CAP,
    CEILING,
    CLOSING,
    FLOOR,
    INSIDE,
    LATE,
    LATE_KEEP,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_SIDE,
    ORDERS,
    POSITIONS,
    QUANTITY,
    TARGET_OWN,
    TRAIL_HIGH,
    TRIPPED,
    WEIGHT,
    Book,
    Log,
    Market,
    new_book,
    new_log,
)
from trader_cli.model.bars import Ints
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules
from trader_cli.strategy.signals import Signals

ONE = 10**8
Row = tuple[float, float, float, float]


@dataclass
class Live:
    """One symbol that a venue trades: four units bought at 100 at the open of minute 1."""

    market: Market
    book: Book
    log: Log
    chosen: Rules
    array: Ints
    steps: Ints

    def decide(self, bar: int) -> None:
        run_bars(self.market, self.book, self.log, self.chosen, self.steps, bar + 1, bar, bar + 1)

    def fill(self, bar: int, side: int, quantity: int, price: int, reason: Reason) -> None:
        numbers = (quantity * ONE, price * ONE, quantity * price * ONE, 0, int(OrderKind.MARKET), int(reason))
        settle_fill(bar, 0, side, *numbers, self.market, self.book, self.log, self.array, self.steps)

    def late(self, bar: int, rests: int = 0) -> None:
        find_late(bar, self.market, self.book, self.array, self.steps, np.array([rests]))

    def row(self, column: int) -> int:
        return int(self.book.position[0, column])

    @property
    def due(self) -> str:
        return Reason(self.row(LATE) - 1).label if self.row(LATE) else ""

    @property
    def order(self) -> tuple[int, int, str]:
        """Side, quantity in units and reason of the working order."""
        label = Reason(self.row(ORDER_REASON)).label
        return self.row(ORDER_SIDE), self.row(ORDER_QUANTITY) // ONE, label


def live(*later: Row | None, signals: Signals | None = None, minimum: str = "0", **changed: object) -> Live:
    """Bars 0 and 1 stand at 100, then come the given ones; the strategy wants the row throughout."""
    rows: list[Row | None] = [(100, 100, 100, 100), (100, 100, 100, 100), *later]
    count = len([one for one in rows if one])
    chosen = rules(size_quantity="4", **changed)
    instrument = Instrument("T/USD", Decimal("0.01"), Decimal(1), Decimal(0), Decimal(minimum), described=True)
    said = signals or Signals(target=np.ones(count))
    measured = [Measured(atr=np.full(count, 2.0))] if "trail_atr" in changed or "stop_atr" in changed else []
    _, market = build_market([bars(rows)], [[said]], chosen, measured)
    book, log = new_book(1, (1000 * ONE,)), new_log(len(rows), 64)
    made = Live(market, book, log, chosen, np.array(chosen, np.int64), build_steps([instrument]))
    made.decide(0)
    made.fill(1, 1, 4, 100, Reason.STRATEGY)
    finish_order(0, book)
    made.late(1)
    made.decide(1)
    assert made.row(QUANTITY) == 4 * ONE
    assert not made.due
    return made


LEVELS: list[tuple[dict[str, object], Row, Row, str]] = [
    ({"stop_pct": "5"}, (99, 99, 95, 96), (99, 99, 95.01, 96), "stop"),
    ({"stop_atr": "2"}, (99, 99, 96, 97), (99, 99, 96.01, 97), "stop"),
    ({"trail_pct": "5"}, (99, 99, 95, 96), (99, 99, 95.01, 96), "trail"),
    ({"trail_atr": "2"}, (99, 99, 96, 97), (99, 99, 96.01, 97), "trail"),
    ({"target_pct": "5"}, (101, 105, 101, 102), (101, 104.99, 101, 102), "target"),
    ({"micro_profit_pct": "1"}, (100, 101, 100, 100), (100, 100.99, 100, 100), "micro_profit"),
    # Stop before target: bars do not tell which came first.
    ({"stop_pct": "5", "target_pct": "5"}, (100, 105, 95, 100), (100, 104.99, 95.01, 100), "stop"),
    # An open beyond the target comes before the stop inside the bar.
    ({"stop_pct": "5", "target_pct": "5"}, (106, 106, 95, 100), (100, 104, 96, 100), "target"),
    ({"target_pct": "5", "micro_profit_pct": "2"}, (100, 106, 100, 103), (100, 101, 100, 100), "micro_profit"),
    ({"target_pct": "2", "micro_profit_pct": "2"}, (100, 106, 100, 103), (100, 101, 100, 100), "target"),
]


@pytest.mark.parametrize(("changed", "reached", "missed", "reason"), LEVELS)
def test_a_level_that_was_reached_and_not_sold_at_is_sold_at_at_the_close(changed, reached, missed, reason) -> None:
    made = live(reached, **changed)
    made.late(2)
    assert made.due == reason
    made.decide(2)
    assert made.order == (-1, 4, reason)
    assert made.row(TRIPPED) == 1
    assert made.book.account[ORDERS] == 1
    made.fill(2, -1, 4, 95, Reason[reason.upper()])
    assert (made.row(QUANTITY), made.row(LATE), made.book.account[POSITIONS]) == (0, 0, 0)
    assert made.row(TRIPPED) == 1

    other = live(missed, **changed)
    other.late(2)
    assert not other.due
    other.decide(2)
    assert other.row(ORDER_SIDE) == 0


@pytest.mark.parametrize(("changed", "reached", "missed", "reason"), LEVELS)
def test_what_rests_at_the_venue_is_the_venues(changed, reached, missed, reason) -> None:
    rests = STOP_RESTS if reason in ("stop", "trail") else TARGET_RESTS
    made = live(reached, **changed)
    made.late(2, rests)
    # The micro-profit never rests; of a stop and a target in one bar the other one is due.
    if reason == "micro_profit":
        assert made.due == "micro_profit"
    elif len(changed) == 2:
        assert made.due == {"stop": "target", "target": "stop" if reached[2] == 95 else "micro_profit"}[reason]
    else:
        assert not made.due
    made = live(reached, **changed)
    made.late(2, STOP_RESTS | TARGET_RESTS)
    assert made.due == ("micro_profit" if "micro_profit_pct" in changed else "")


def test_break_even_is_due_once_a_bar_has_raised_it_and_a_later_one_comes_back() -> None:
    made = live((101, 103, 101, 102), (102, 102, 100, 101), break_even_pct="2")
    made.late(2)
    assert (made.due, made.row(FLOOR)) == ("", 100 * ONE)
    made.late(3)
    assert made.due == "break_even"


def test_the_strategys_own_levels_are_due_too() -> None:
    said = Signals(target=np.ones(3), stop=np.array([96.0, NAN, NAN]), take=np.array([107.0, NAN, NAN]))
    made = live((100, 107, 98, 100), signals=said)
    assert resting_levels(0, made.book) == (96 * ONE, 107 * ONE)
    made.late(2)
    assert made.due == "target"
    made = live((100, 106, 96, 100), signals=said)
    made.late(2)
    assert made.due == "stop"


def test_a_trailing_stop_follows_bars_that_a_venue_filled() -> None:
    made = live((105, 110, 105, 108), (108, 109, 104.5, 106), trail_pct="5")
    made.late(2)
    assert made.row(TRAIL_HIGH) == 110 * ONE
    # 110 less 5 %: in the bar of the high the low may have come before it.
    assert resting_levels(0, made.book) == (104 * ONE + ONE // 2, 0)
    assert not made.due
    made.late(3)
    assert made.due == "trail"


def test_the_first_exit_that_is_due_keeps_its_reason_and_is_ordered_at_every_close_until_it_is_sold() -> None:
    made = live((97, 98, 94, 98), (98, 106, 98, 98), stop_pct="5", target_pct="5")
    made.late(2)
    made.decide(2)
    assert made.order == (-1, 4, "stop")
    finish_order(0, made.book)
    made.late(3)
    made.decide(3)
    assert made.due == "stop"
    assert made.order == (-1, 4, "stop")


def test_a_strategy_that_lets_go_at_the_same_close_may_come_back_at_the_next() -> None:
    made = live((99, 99, 90, 91), signals=Signals(target=np.array([1.0, 1.0, 0.0])), stop_pct="5")
    made.late(2)
    made.decide(2)
    assert made.order == (-1, 4, "stop")
    assert made.row(TRIPPED) == 0
    made.fill(2, -1, 4, 90, Reason.STOP)
    assert made.row(TRIPPED) == 0


def test_the_kill_switch_comes_before_what_is_due_and_that_before_the_time_limit() -> None:
    made = live((99, 99, 90, 91), stop_pct="5", max_bars=1)
    made.late(2)
    made.decide(2)
    assert made.order == (-1, 4, "stop")
    made.book.wallet[-1, CLOSING] = 1
    made.decide(2)
    assert made.order == (-1, 4, "kill")


def test_an_unprotected_position_is_left_between_two_decisions_and_at_every_close_after() -> None:
    made = live((100, 100, 100, 100), (100, 100, 100, 100))
    order_exit(0, Reason.UNPROTECTED, made.book)
    assert made.order == (-1, 4, "unprotected")
    assert (made.row(TRIPPED), made.book.account[ORDERS]) == (1, 1)
    made.fill(1, -1, 3, 100, Reason.UNPROTECTED)
    finish_order(0, made.book)
    made.late(2)
    made.decide(2)
    assert made.order == (-1, 1, "unprotected")
    made.fill(2, -1, 1, 100, Reason.UNPROTECTED)
    assert (made.row(LATE), made.row(TRIPPED)) == (0, 1)
    finish_order(0, made.book)
    made.decide(3)
    assert made.row(ORDER_SIDE) == 0, "a rule closed it: it stays out until the strategy lets go"


def test_an_exit_takes_the_place_of_a_working_order() -> None:
    made = live((100, 100, 100, 100), signals=Signals(target=np.array([1.0, 0.0, 0.0])))
    assert made.order == (-1, 4, "strategy")
    order_exit(0, Reason.UNPROTECTED, made.book)
    assert made.order == (-1, 4, "unprotected")
    assert made.book.account[ORDERS] == 1


def test_nothing_is_due_where_nothing_is_held() -> None:
    made = live((100, 100, 100, 100))
    made.fill(1, -1, 4, 100, Reason.STOP)
    set_late(0, Reason.UNPROTECTED, made.book)
    order_exit(0, Reason.UNPROTECTED, made.book)
    assert (made.row(LATE), made.row(ORDER_SIDE), made.book.account[ORDERS]) == (0, 0, 0)


def test_a_bar_that_is_missing_reaches_nothing() -> None:
    made = live(None, (99, 99, 90, 91), stop_pct="5")
    made.late(1)
    assert not made.due
    made.late(2)
    assert made.due == "stop"


PARTS: dict[str, object] = {"partial_pct": "2", "partial_share_pct": "50"}


def test_the_partial_target_is_due_in_part_once() -> None:
    made = live((100, 102, 100, 101), (101, 103, 101, 102), **PARTS)
    made.late(2)
    assert (made.due, made.row(LATE_KEEP), made.row(CAP)) == ("partial", 2 * ONE, 2 * ONE)
    made.decide(2)
    assert made.order == (-1, 2, "partial")
    assert (made.row(LATE), made.row(TRIPPED)) == (0, 0)
    made.fill(2, -1, 2, 101, Reason.PARTIAL)
    finish_order(0, made.book)
    assert (made.row(QUANTITY), made.row(CAP), made.row(WEIGHT)) == (2 * ONE, 2 * ONE, ONE)
    made.late(3)
    made.decide(3)
    assert made.row(ORDER_SIDE) == 0


def test_a_part_not_reached_or_below_the_minimum_stays() -> None:
    made = live((100, 101.99, 100, 101), **PARTS)
    made.late(2)
    assert not made.due
    made = live((100, 102, 100, 101), minimum="300", **PARTS)
    made.late(2)
    assert not made.due
    assert made.row(CEILING) == 0, "its chance is gone, as in a simulated market"


def test_what_ends_the_position_comes_before_a_part_of_it() -> None:
    made = live((100, 102, 94, 101), stop_pct="5", **PARTS)
    made.late(2)
    assert made.due == "stop"
    # In the next of two missed bars: the part was due already.
    made = live((100, 102, 100, 101), (101, 101, 94, 95), stop_pct="5", **PARTS)
    made.late(2)
    made.late(3)
    assert made.due == "stop"
    made.decide(3)
    assert made.order == (-1, 4, "stop")


def test_the_strategys_wish_to_leave_comes_before_a_part() -> None:
    made = live((100, 102, 100, 101), signals=Signals(target=np.array([1.0, 1.0, 0.0])), **PARTS)
    made.late(2)
    made.decide(2)
    assert made.order == (-1, 4, "strategy")


def test_the_strategys_own_part_is_due_and_then_the_rules_of_what_is_left() -> None:
    said = Signals(target=np.ones(3), take=np.array([101.0, NAN, NAN]), keep=np.array([0.75, NAN, NAN]))
    made = live((100, 101, 100, 101), signals=said)
    made.late(2)
    # Four units for a level of 1 become three for 0.75, and it may buy again at once.
    assert (made.due, made.row(LATE_KEEP), made.row(WEIGHT)) == ("partial", 3 * ONE, ONE * 3 // 4)
    assert (made.row(CAP), made.row(TARGET_OWN)) == (0, 0)
    made = live((100, 103, 100, 101), signals=said, **PARTS)
    made.late(2)
    # Half of three in whole lots is one: two stay.
    assert (made.row(LATE_KEEP), made.row(CAP)) == (2 * ONE, 2 * ONE)
    made.decide(2)
    assert made.order == (-1, 2, "partial")


def resting(kind: OrderKind, at: float, row: Row, **changed: object) -> Live:
    """Four units bought by a resting order at `at` inside minute 1, whose bar is `row`; nothing of the bar is judged yet."""
    rows: list[Row | None] = [(100, 100, 100, 100), row, (99, 104, 99, 100)]
    chosen = rules(size_quantity="4", **changed)
    prices = np.array([at, NAN, NAN])
    levels = {"limit": prices} if kind is OrderKind.LIMIT else {"trigger": prices}
    instrument = Instrument("T/USD", Decimal("0.01"), Decimal(1), described=True)
    _, market = build_market([bars(rows)], [[Signals(target=np.ones(3), **levels)]], chosen)
    book, log = new_book(1, (1000 * ONE,)), new_log(3, 64)
    made = Live(market, book, log, chosen, np.array(chosen, np.int64), build_steps([instrument]))
    made.decide(0)
    numbers = (4 * ONE, int(at * ONE), int(4 * at * ONE), 0, int(kind), int(Reason.STRATEGY))
    settle_fill(1, 0, 1, *numbers, market, book, log, made.array, made.steps)
    assert made.row(INSIDE) == int(at * ONE)
    finish_order(0, book)
    return made


def test_a_limit_that_filled_inside_the_bar_has_no_part_in_the_high_before_it() -> None:
    made = resting(OrderKind.LIMIT, 98.5, (100, 110, 98, 99), target_pct="5", stop_pct="1", trail_pct="3")
    made.late(1)
    # 110 was before the entry at 98.50; its stop at 97.51 was not reached, and nothing trails 110.
    assert not made.due
    assert (made.row(INSIDE), made.row(ADDED), made.row(TRAIL_HIGH)) == (0, 0, 98 * ONE + ONE // 2)
    made.late(2)
    assert made.due == "target", "103.43 is 5 % above 98.50"


def test_a_trigger_inside_the_bar_has_its_part_in_the_high_after_it() -> None:
    made = resting(OrderKind.STOP, 101.0, (100, 107, 100, 103), target_pct="5")
    made.late(1)
    assert made.due == "target", "106.05 is 5 % above 101"


def test_a_part_of_less_than_a_lot_is_none() -> None:
    made = live((100, 102, 100, 101), partial_pct="2", partial_share_pct="10")
    made.late(2)
    assert not made.due


def test_a_part_that_is_all_of_it_may_be_below_the_minimum() -> None:
    made = live((100, 102, 100, 101), partial_pct="2", partial_share_pct="100", minimum="500")
    made.late(2)
    assert (made.due, made.row(LATE_KEEP)) == ("partial", 0)
    made.decide(2)
    assert made.order == (-1, 4, "partial")


def test_the_strategys_own_part_is_not_reached_in_a_bar_that_added_to_the_holding() -> None:
    said = Signals(target=np.ones(4), take=np.array([101.0, NAN, NAN, NAN]), keep=np.array([0.75, NAN, NAN, NAN]))
    made = live((100, 101, 100, 101), (100, 101, 100, 101), signals=said)
    made.book.position[0, ADDED] = 1
    made.late(2)
    assert not made.due
    made.late(3)
    assert made.due == "partial"


def test_what_was_adopted_has_no_level_that_a_take_could_keep_a_part_of() -> None:
    said = Signals(target=np.ones(3), take=np.array([101.0, NAN, NAN]), keep=np.array([0.75, NAN, NAN]))
    made = live((100, 101, 100, 101), signals=said)
    made.book.position[0, WEIGHT] = 0
    made.late(2)
    assert (made.due, made.row(TARGET_OWN)) == ("", 0)


def test_a_row_that_was_bought_and_sold_in_a_bar_leaves_nothing_behind() -> None:
    made = live((100, 100, 100, 100))
    made.book.position[0, INSIDE] = 5
    made.book.position[0, ADDED] = 1
    made.fill(2, -1, 4, 100, Reason.STOP)
    made.late(2)
    assert (made.row(INSIDE), made.row(ADDED)) == (0, 0)
