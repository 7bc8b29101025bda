"""What a venue reports and what somebody explained: fills in pieces, dust, halts, deposits. Hand-worked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from candles import NAN, bars, rules

from trader_cli.engine.adjust import adjust_cash, adjust_holding
from trader_cli.engine.halts import apply_halt
from trader_cli.engine.panel import build_market, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.settle import drop_dust, finish_order, settle_fill
from trader_cli.engine.state import (
    CAP,
    CASH,
    CEILING,
    CLOSING,
    COOL_UNTIL,
    DAY_WORTH,
    DUST,
    ENTRY_ATR,
    ENTRY_MS,
    ENTRY_PRICE,
    EVENTS,
    FILLS,
    FLOOR,
    INSIDE,
    KEEP_OWN,
    LOG_REASON,
    LOSSES,
    LOSSES_IN_ROW,
    ORDER_ATR,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_SIDE,
    ORDER_STOP,
    ORDER_TARGET,
    ORDERS,
    PARTIAL,
    PEAK,
    POSITIONS,
    QUANTITY,
    STOP,
    TARGET_OWN,
    TRIP_BOUGHT,
    TRIP_SOLD,
    TRIPPED,
    TRIPPED_BY,
    TRIPPED_LIMIT,
    TRIPPED_NUMBER,
    TRIPS,
    TRIPS_RESULT,
    WEIGHT,
    WORTH,
    Book,
    Log,
    Market,
    new_book,
    new_log,
)
from trader_cli.errors import DataError
from trader_cli.model.bars import Ints
from trader_cli.model.codes import DAILY_LOSS, DRAWDOWN, HALTED
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules
from trader_cli.strategy.signals import Signals

ONE = 10**8
MINUTE = 60_000


@dataclass
class Desk:
    """One symbol on six bars at 100, wanted throughout, four units at a time; 1000 in one wallet."""

    market: Market
    book: Book
    log: Log
    chosen: Rules
    array: Ints
    steps: Ints

    def decide(self, bar: int) -> None:
        run_bars(self.market, self.book, self.log, self.chosen, self.steps, bar + 1, bar, bar + 1)

    def fill(
        self, bar: int, side: int, quantity: str, price: str, fee: str = "0", why: Reason = Reason.STRATEGY
    ) -> None:
        base, paid, cost = (int(Decimal(one) * ONE) for one in (quantity, price, fee))
        numbers = (base, paid, base * paid // ONE, cost, int(OrderKind.MARKET), int(why))
        settle_fill(bar, 0, side, *numbers, self.market, self.book, self.log, self.array, self.steps)

    def dust(self, bar: int, price: str) -> bool:
        return drop_dust(bar, 0, int(Decimal(price) * ONE), self.market, self.book, self.log, self.array, self.steps)

    def row(self, column: int) -> int:
        return int(self.book.position[0, column])

    def purse(self, column: int) -> list[int]:
        """What stands in a column of the wallet and of the account."""
        return self.book.wallet[:, column].tolist()  # type: ignore[no-any-return]


def desk(
    signals: Signals | None = None, lot: str = "1", minimum: str = "0", opens: float = 100, **changed: object
) -> Desk:
    chosen = rules(size_quantity="4", **changed)
    instrument = Instrument("T/USD", Decimal("0.01"), Decimal(lot), Decimal(0), Decimal(minimum), described=True)
    said = signals or Signals(target=np.ones(6))
    rows: list[tuple[float, float, float, float] | None] = [(opens, max(opens, 100), min(opens, 100), 100)] * 6
    _, market = build_market([bars(rows)], [[said]], chosen)
    array = np.array(chosen, np.int64)
    return Desk(market, new_book(1, (1000 * ONE,)), new_log(6, 64), chosen, array, build_steps([instrument]))


def test_pieces_of_one_entry_protect_once_and_add_up() -> None:
    made = desk(stop_pct="10")
    made.decide(0)
    made.fill(1, 1, "1", "100", "0.26")
    assert (made.row(STOP), made.row(ENTRY_PRICE), made.row(ENTRY_MS)) == (90 * ONE, 100 * ONE, MINUTE)
    made.fill(1, 1, "3", "110", "0.80")
    # The first piece's price is the entry's, as that of a first entry that is added to later.
    assert (made.row(STOP), made.row(ENTRY_PRICE), made.row(WEIGHT)) == (90 * ONE, 100 * ONE, ONE)
    assert made.row(QUANTITY) == 4 * ONE
    assert made.row(TRIP_BOUGHT) == 430 * ONE
    # 1000 less 430 less 1.06
    assert made.purse(CASH) == [56894000000, 56894000000]
    assert made.book.account[[ORDERS, POSITIONS, FILLS]].tolist() == [1, 1, 2]
    finish_order(0, made.book)
    finish_order(0, made.book)
    assert made.book.account[ORDERS] == 0


def test_a_piece_of_an_entry_that_is_cut_short_is_a_position_of_its_size() -> None:
    made = desk(stop_pct="10")
    made.decide(0)
    made.fill(1, 1, "1", "100")
    finish_order(0, made.book)
    assert (made.row(QUANTITY), made.row(FLOOR), made.row(ORDER_SIDE)) == (ONE, 90 * ONE, 0)


def test_an_entry_that_fills_at_once_began_in_the_bar_after_its_decision() -> None:
    """So that a time limit counts the same bars as in a backtest."""
    at_once, later = desk(), desk()
    for made, bar in ((at_once, 0), (later, 1)):
        made.decide(0)
        made.fill(bar, 1, "4", "100")
    assert at_once.row(ENTRY_MS) == later.row(ENTRY_MS) == MINUTE


def test_an_exit_that_fills_at_once_ends_in_the_bar_after_its_decision() -> None:
    said = Signals(target=np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    pauses = []
    for bar in (1, 2):
        made = desk(said, losing_streak=1, cool_down_bars=3)
        made.decide(0)
        made.fill(1, 1, "4", "100")
        finish_order(0, made.book)
        made.decide(1)
        made.fill(bar, -1, "4", "90")
        pauses.append(made.purse(COOL_UNTIL)[0])
    # It ends in minute 2, whose close is at 3 minutes, and pauses for three bars.
    assert pauses == [6 * MINUTE, 6 * MINUTE]


def test_a_limit_that_the_open_had_reached_did_not_wait_inside_the_bar() -> None:
    for opens, inside in ((100.0, 99 * ONE), (98.0, 0)):
        made = desk(Signals(target=np.ones(6), limit=np.full(6, 99.0)), opens=opens)
        made.decide(0)
        made.fill(1, 1, "4", "98")
        assert made.row(INSIDE) == inside
        # One that fills before the next bar has closed is there from its beginning.
        made = desk(Signals(target=np.ones(6), limit=np.full(6, 99.0)), opens=opens)
        made.decide(0)
        made.fill(0, 1, "4", "98")
        assert made.row(INSIDE) == 0


def test_a_trigger_that_the_open_had_not_reached_waited_inside_the_bar() -> None:
    for opens, inside in ((100.0, 101 * ONE), (102.0, 0)):
        made = desk(Signals(target=np.ones(6), trigger=np.full(6, 101.0)), opens=opens)
        made.decide(0)
        made.fill(1, 1, "4", "103")
        assert made.row(ORDER_PRICE) == 101 * ONE
        assert made.row(INSIDE) == inside


@pytest.mark.parametrize(
    "why", [Reason.STOP, Reason.TRAIL, Reason.BREAK_EVEN, Reason.TARGET, Reason.MICRO_PROFIT, Reason.UNPROTECTED]
)
def test_a_sale_that_a_rule_asked_of_the_venue_keeps_the_row_out(why) -> None:
    made = desk()
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    made.fill(2, -1, "1", "95", why=why)
    assert (made.row(TRIPPED), made.row(QUANTITY)) == (1, 3 * ONE)
    made.fill(2, -1, "3", "95", why=why)
    made.decide(2)
    assert made.row(ORDER_SIDE) == 0
    assert made.log.fills[:3, LOG_REASON].tolist() == [0, why, why]


@pytest.mark.parametrize("why", [Reason.STRATEGY, Reason.REBALANCE])
def test_a_sale_that_the_strategy_asked_for_does_not(why) -> None:
    made = desk()
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    made.fill(2, -1, "4", "95", why=why)
    assert made.row(TRIPPED) == 0
    made.decide(2)
    assert made.row(ORDER_SIDE) == 1


def test_a_stop_that_the_venue_filled_before_the_strategys_sale_trips_all_the_same() -> None:
    made = desk(Signals(target=np.array([1.0, 0, 0, 0, 0, 0])))
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    made.decide(1)
    assert (made.row(ORDER_SIDE), made.row(ORDER_REASON)) == (-1, Reason.STRATEGY)
    made.fill(2, -1, "1", "95", why=Reason.STOP)
    assert (made.row(TRIPPED), made.row(WEIGHT)) == (1, ONE)


def test_a_sale_to_a_lower_level_is_sized_for_it() -> None:
    made = desk(Signals(target=np.array([1, 0.5, 0.5, 0.5, 0.5, 0.5])), rebalance=True)
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    made.book.position[0, CAP] = 3 * ONE
    made.decide(1)
    assert (made.row(ORDER_SIDE), made.row(ORDER_QUANTITY)) == (-1, 2 * ONE)
    made.fill(2, -1, "1", "100")
    assert (made.row(WEIGHT), made.row(CAP)) == (ONE // 2, 0)


def test_more_than_is_held_cannot_be_sold_and_nothing_is_booked() -> None:
    made = desk()
    made.decide(0)
    made.fill(1, 1, "4", "100")
    with pytest.raises(DataError, match="500000000 cannot be booked where 400000000 is held"):
        made.fill(2, -1, "5", "100", why=Reason.STOP)
    with pytest.raises(DataError):
        made.fill(2, 1, "0", "100")
    assert (made.row(QUANTITY), made.book.account[FILLS]) == (4 * ONE, 1)


def with_parts(own: str, part: str) -> Desk:
    """Four units whose own take at `own` keeps 0.75, and the rule's partial target at `part`; "0" = none."""
    made = desk()
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    made.book.position[0, 7] = 0
    made.book.position[0, [TARGET_OWN, KEEP_OWN, PARTIAL]] = (
        int(Decimal(own) * ONE),
        ONE * 3 // 4,
        int(Decimal(part) * ONE),
    )
    return made


def test_the_part_of_the_lower_level_was_sold_first() -> None:
    made = with_parts("101", "102")
    made.fill(2, -1, "1", "103", why=Reason.PARTIAL)
    assert (made.row(TARGET_OWN), made.row(WEIGHT), made.row(PARTIAL), made.row(CAP)) == (0, ONE * 3 // 4, 102 * ONE, 0)
    made.fill(2, -1, "1", "103", why=Reason.PARTIAL)
    assert (made.row(PARTIAL), made.row(CAP), made.row(TRIPPED)) == (0, 2 * ONE, 0)
    # The rest of the same sale.
    made.fill(2, -1, "1", "103", why=Reason.PARTIAL)
    assert (made.row(QUANTITY), made.row(CAP), made.row(WEIGHT)) == (ONE, ONE, ONE * 3 // 4)


def test_a_part_at_both_levels_is_the_strategys_and_at_the_lower_one_the_rules() -> None:
    made = with_parts("102", "102")
    made.fill(2, -1, "1", "102", why=Reason.PARTIAL)
    assert (made.row(TARGET_OWN), made.row(PARTIAL)) == (0, 102 * ONE)
    made = with_parts("103", "102")
    made.fill(2, -1, "1", "104", why=Reason.PARTIAL)
    assert (made.row(TARGET_OWN), made.row(PARTIAL), made.row(CAP)) == (103 * ONE, 0, 3 * ONE)


def test_dust_is_no_position_and_joins_the_next_one() -> None:
    made = desk(stop_pct="10", losing_streak=5, cool_down_bars=1)
    made.decide(0)
    made.fill(1, 1, "4.5", "100")
    finish_order(0, made.book)
    made.fill(2, -1, "4", "89", why=Reason.STOP)
    assert made.dust(2, "89")
    assert not made.dust(2, "89")
    assert (made.row(QUANTITY), made.row(DUST), made.row(FLOOR), made.row(TRIPPED)) == (0, ONE // 2, 0, 1)
    assert made.book.account[POSITIONS] == 0
    # Its round trip is over: 4 x 89 less 4.5 x 100.
    assert (made.row(TRIPS), made.row(TRIPS_RESULT)) == (1, -94 * ONE)
    assert made.purse(LOSSES) == [1, 0]
    made.book.position[0, TRIPPED] = 0
    made.decide(3)
    assert made.row(ORDER_QUANTITY) == 4 * ONE
    made.fill(4, 1, "4", "100")
    finish_order(0, made.book)
    assert (made.row(QUANTITY), made.row(DUST), made.row(FLOOR)) == (4 * ONE + ONE // 2, 0, 90 * ONE)
    made.fill(4, 1, "1", "100")
    assert made.row(QUANTITY) == 5 * ONE + ONE // 2


@pytest.mark.parametrize(
    ("rest", "lot", "minimum", "price", "dust"),
    [
        ("0.9", "1", "0", "100", True),
        ("1", "1", "0", "100", False),
        ("1", "1", "100", "99.99", True),
        ("1", "1", "100", "100", False),
        # One whole lot of 0.9 can be sold, and that is below the minimum though all of it is not.
        ("1.9", "1", "150", "100", True),
        ("1.9", "1", "50", "100", False),
    ],
)
def test_dust_is_less_than_a_lot_or_than_the_smallest_order(rest, lot, minimum, price, dust) -> None:
    made = desk(lot=lot, minimum=minimum)
    made.decide(0)
    made.fill(1, 1, rest, "100")
    assert made.dust(1, price) is dust
    assert made.row(QUANTITY) == (0 if dust else int(Decimal(rest) * ONE))
    assert made.book.account[ORDERS] == (0 if dust else 1)


def test_a_halt_by_hand_keeps_out_until_it_ends() -> None:
    made = desk()
    apply_halt(made.book, 1, halted=True, close=False)
    made.decide(0)
    assert made.row(ORDER_SIDE) == 0
    assert made.log.events[0].tolist() == [0, 0, 1, 0, HALTED, 0, 0, 0]
    apply_halt(made.book, 1, halted=False, close=False)
    made.decide(1)
    assert made.row(ORDER_SIDE) == 1


def test_a_halt_that_closes_sells_in_its_wallet() -> None:
    made = desk()
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    apply_halt(made.book, 0, halted=True, close=True)
    made.decide(1)
    assert (made.row(ORDER_SIDE), made.row(ORDER_REASON)) == (-1, Reason.KILL)
    # Told again without it, it goes on: only its end ends it.
    apply_halt(made.book, 0, halted=True, close=False)
    assert made.purse(CLOSING) == [1, 0]
    apply_halt(made.book, 0, halted=False, close=False)
    assert made.purse(CLOSING) == [0, 0]


def test_an_open_breaker_keeps_its_name_while_it_is_halted_and_forgets_its_peak_when_it_is_resumed() -> None:
    made = desk(drawdown_pct="10", daily_loss_pct="20")
    row = made.book.wallet[1]
    row[CASH] = 895 * ONE
    made.book.wallet[0, CASH] = 895 * ONE
    made.decide(0)
    assert (row[TRIPPED_BY], row[TRIPPED_NUMBER], row[TRIPPED_LIMIT]) == (DRAWDOWN, 105 * ONE, 100 * ONE)
    apply_halt(made.book, 1, halted=True, close=False)
    assert (row[TRIPPED_BY], row[TRIPPED_NUMBER], row[CLOSING]) == (DRAWDOWN, 105 * ONE, 0)
    row[LOSSES_IN_ROW] = 2
    row[COOL_UNTIL] = 10**15
    apply_halt(made.book, 1, halted=False, close=False)
    changed = [TRIPPED_BY, TRIPPED_NUMBER, TRIPPED_LIMIT, CLOSING, LOSSES_IN_ROW, COOL_UNTIL]
    assert row[changed].tolist() == [0] * 6
    assert row[[PEAK, DAY_WORTH, WORTH]].tolist() == [895 * ONE] * 3
    made.decide(1)
    assert (row[TRIPPED_BY], made.row(ORDER_SIDE)) == (0, 1)
    # The new peak counts: 895 less 89.5 is the next limit.
    for wallet in made.book.wallet:
        wallet[CASH] -= 895 * ONE // 10
    made.decide(2)
    assert row[TRIPPED_BY] == DRAWDOWN


def test_a_lost_day_ends_by_itself_and_a_halt_takes_its_place() -> None:
    made = desk()
    row = made.book.wallet[0]
    row[[TRIPPED_BY, TRIPPED_NUMBER, TRIPPED_LIMIT, LOSSES_IN_ROW]] = (DAILY_LOSS, 5, 4, 2)
    row[PEAK] = 2000 * ONE
    apply_halt(made.book, 0, halted=False, close=False)
    assert row[[TRIPPED_BY, TRIPPED_NUMBER, LOSSES_IN_ROW]].tolist() == [DAILY_LOSS, 5, 2]
    assert row[PEAK] == 2000 * ONE
    apply_halt(made.book, 0, halted=True, close=False)
    assert row[[TRIPPED_BY, TRIPPED_NUMBER, TRIPPED_LIMIT]].tolist() == [HALTED, 0, 0]


def test_a_deposit_is_no_profit_and_a_withdrawal_no_drawdown() -> None:
    made = desk(drawdown_pct="10", daily_loss_pct="10")
    made.decide(0)
    adjust_cash(0, 500 * ONE, made.book)
    assert made.purse(CASH) == made.purse(WORTH) == made.purse(PEAK) == made.purse(DAY_WORTH) == [1500 * ONE] * 2
    made.decide(1)
    adjust_cash(0, -900 * ONE, made.book)
    made.decide(2)
    assert made.purse(TRIPPED_BY) == [0, 0]
    assert made.purse(PEAK) == [600 * ONE] * 2
    with pytest.raises(DataError, match="cannot be taken from a wallet that has"):
        adjust_cash(0, -600 * ONE - 1, made.book)
    assert made.purse(CASH) == [600 * ONE] * 2


def given(made: Desk, bar: int, quantity: int) -> None:
    adjust_holding(0, quantity, 100 * ONE, (bar + 1) * MINUTE, made.book, made.array, made.steps)


def test_an_adopted_holding_is_protected_and_is_no_profit() -> None:
    made = desk(Signals(target=np.full(6, NAN)), stop_pct="10", drawdown_pct="5")
    made.decide(0)
    # Of an order long ago.
    made.book.position[0, [ORDER_STOP, ORDER_TARGET, ORDER_ATR, DUST]] = (99 * ONE, 101 * ONE, 5, ONE // 2)
    given(made, 0, 4 * ONE)
    assert (made.row(QUANTITY), made.row(DUST), made.row(FLOOR)) == (4 * ONE + ONE // 2, 0, 90 * ONE)
    assert (made.row(CEILING), made.row(ENTRY_ATR)) == (0, 0)
    assert (made.row(ENTRY_PRICE), made.row(ENTRY_MS)) == (100 * ONE, MINUTE)
    assert (made.row(TRIP_BOUGHT), made.book.account[POSITIONS], made.book.account[FILLS]) == (400 * ONE, 1, 0)
    assert made.purse(CASH) == [1000 * ONE] * 2
    assert made.purse(PEAK) == made.purse(WORTH) == made.purse(DAY_WORTH) == [1400 * ONE] * 2
    given(made, 0, ONE)
    assert (made.row(QUANTITY), made.book.account[POSITIONS]) == (5 * ONE + ONE // 2, 1)
    assert made.row(TRIP_BOUGHT) == 500 * ONE
    made.decide(1)
    assert made.purse(TRIPPED_BY) == [0, 0]


def test_what_is_adopted_and_too_little_to_be_sold_is_dust() -> None:
    made = desk(Signals(target=np.full(6, NAN)), drawdown_pct="1", minimum="150")
    made.decide(0)
    given(made, 0, ONE)
    assert (made.row(QUANTITY), made.row(DUST), made.book.account[POSITIONS]) == (0, ONE, 0)
    made.decide(1)
    # Dust is worth something all the same, so that nothing seems lost.
    assert made.purse(WORTH) == made.purse(PEAK) == [1100 * ONE] * 2
    given(made, 1, ONE)
    assert (made.row(QUANTITY), made.row(DUST), made.book.account[POSITIONS]) == (2 * ONE, 0, 1)


def test_a_holding_that_is_gone_is_neither_lost_nor_sold_again() -> None:
    made = desk(Signals(target=np.array([1.0, 0, 0, 0, 0, 0])), stop_pct="10", losing_streak=1, drawdown_pct="5")
    made.decide(0)
    made.fill(1, 1, "4", "100")
    finish_order(0, made.book)
    made.decide(1)
    made.book.position[0, DUST] = ONE
    given(made, 1, -2 * ONE)
    assert (made.row(QUANTITY), made.row(DUST), made.row(TRIP_SOLD)) == (3 * ONE, 0, 100 * ONE)
    assert (made.row(FLOOR), made.book.account[ORDERS], made.book.account[POSITIONS]) == (90 * ONE, 1, 1)
    with pytest.raises(DataError, match="400000000 cannot be taken where 300000000 is held"):
        given(made, 1, -4 * ONE)
    given(made, 1, -3 * ONE)
    assert (made.row(QUANTITY), made.row(FLOOR), made.row(ORDER_SIDE), made.row(TRIP_BOUGHT)) == (0, 0, 0, 0)
    assert made.book.account[[ORDERS, POSITIONS, EVENTS]].tolist() == [0, 0, 0]
    assert (made.row(TRIPS), made.purse(COOL_UNTIL)) == (0, [0, 0])


def test_dust_that_is_gone_leaves_the_position_alone() -> None:
    made = desk()
    made.decide(0)
    made.fill(1, 1, "4", "100")
    made.book.position[0, DUST] = ONE
    given(made, 1, -ONE)
    assert (made.row(QUANTITY), made.row(DUST), made.row(TRIP_SOLD)) == (4 * ONE, 0, 0)


def test_a_holding_without_a_price_cannot_be_adopted() -> None:
    made = desk()
    with pytest.raises(DataError, match="without a price"):
        adjust_holding(0, ONE, 0, MINUTE, made.book, made.array, made.steps)
    assert made.row(QUANTITY) == 0
