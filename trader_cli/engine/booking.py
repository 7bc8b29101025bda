"""`book`: one fill changes cash and holding, and is written down. Nothing else touches either."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.state import (
    ADDED,
    BREAK_EVEN,
    CAP,
    CASH,
    CEILING,
    COOL_UNTIL,
    ENTRY_PRICE,
    EVENT_BAR,
    EVENT_BREAKER,
    EVENT_COUNT,
    EVENT_LAST_BAR,
    EVENT_LIMIT,
    EVENT_NUMBER,
    EVENT_ROW,
    EVENT_RULE,
    EVENTS,
    FILLS,
    FLOOR,
    LAST_ASKED,
    LAST_EVENT,
    LATE,
    LOG_BAR,
    LOG_FEE,
    LOG_KIND,
    LOG_NOTIONAL,
    LOG_PRICE,
    LOG_QUANTITY,
    LOG_REASON,
    LOG_ROW,
    LOG_SIDE,
    LOSS_RATES,
    LOSSES,
    LOSSES_IN_ROW,
    MICRO,
    ORDER_SIDE,
    ORDERS,
    PARTIAL,
    POSITIONS,
    QUANTITY,
    STOP,
    STOP_OWN,
    TARGET,
    TARGET_OWN,
    TRAIL_ATR,
    TRAIL_HIGH,
    TRIP_BOUGHT,
    TRIP_FEES,
    TRIP_SOLD,
    TRIPS,
    TRIPS_BOUGHT,
    TRIPS_RESULT,
    WEIGHT,
    WIN_RATES,
    WINS,
)
from trader_cli.model.codes import LOSING_STREAK
from trader_cli.money import ONE, mul_div
from trader_cli.risk import columns as of
from trader_cli.risk.breakers import cools_down, streak_after
from trader_cli.risk.rules import SHARE_PERFORMANCE, SIZE_KELLY, WALLET


@part
def book_fill(
    bar: int,
    open_ms: int,
    s: int,
    side: int,
    quantity: int,
    price: int,
    notional: int,
    fee: int,
    kind: int,
    reason: int,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> None:
    """Apply a fill: a buy lowers its wallet's cash by notional + fee, a sell raises it by notional - fee (1e-8 quote).

    open_ms: of the bar it happened in, ms UTC.
    """
    account = book.account
    position = book.position
    before = position[s, QUANTITY]
    after = before + side * quantity
    position[s, QUANTITY] = after
    paid = side * notional + fee
    book.wallet[steps[s, WALLET], CASH] -= paid
    book.wallet[book.wallet.shape[0] - 1, CASH] -= paid
    position[s, TRIP_FEES] += fee
    if side > 0:
        position[s, TRIP_BOUGHT] += notional
        position[s, ADDED] = 1
    else:
        position[s, TRIP_SOLD] += notional
    if before == 0:
        account[POSITIONS] += 1
    n = account[FILLS]
    log.fills[n, LOG_BAR] = bar
    log.fills[n, LOG_ROW] = s
    log.fills[n, LOG_SIDE] = side
    log.fills[n, LOG_QUANTITY] = quantity
    log.fills[n, LOG_PRICE] = price
    log.fills[n, LOG_NOTIONAL] = notional
    log.fills[n, LOG_FEE] = fee
    log.fills[n, LOG_KIND] = kind
    log.fills[n, LOG_REASON] = reason
    account[FILLS] = n + 1
    if after == 0:
        end_position(bar, open_ms, s, book, log, rules, steps)


@part
def end_position(bar: int, open_ms: int, s: int, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Count the round trip of a position that is gone, and leave nothing of it on its row."""
    if is_counted(rules):
        cool_ms = rules[of.COOL_BARS] * rules[of.BAR_MS]
        close_ms = open_ms + rules[of.BAR_MS]
        close_trip(bar, s, steps[s, WALLET], close_ms, book, log, rules[of.STREAK], cool_ms)
    clear_position(s, book)


@part
def clear_position(s: int, book: Any) -> None:
    """Take what protected a position, and its round trip, off its row."""
    position = book.position
    book.account[POSITIONS] -= 1
    position[s, FLOOR] = 0
    position[s, CEILING] = 0
    position[s, STOP] = 0
    position[s, STOP_OWN] = 0
    position[s, TARGET] = 0
    position[s, TARGET_OWN] = 0
    position[s, TRAIL_HIGH] = 0
    position[s, TRAIL_ATR] = 0
    position[s, BREAK_EVEN] = 0
    position[s, MICRO] = 0
    position[s, PARTIAL] = 0
    position[s, CAP] = 0
    position[s, ENTRY_PRICE] = 0
    position[s, WEIGHT] = 0
    position[s, LATE] = 0
    position[s, TRIP_BOUGHT] = 0
    position[s, TRIP_SOLD] = 0
    position[s, TRIP_FEES] = 0


@part
def is_counted(rules: Any) -> bool:
    """Tell whether a rule reads the results of closed round trips."""
    if rules[of.STREAK] > 0 or rules[of.SIZE_METHOD] == SIZE_KELLY:
        return True
    return bool(rules[of.SHARE_METHOD] == SHARE_PERFORMANCE)


@called
def close_trip(bar: int, s: int, w: int, close_ms: int, book: Any, log: Any, streak: int, cool_ms: int) -> None:
    """Count a finished round trip for its row and its wallet, and pause a wallet that only loses."""
    position = book.position
    cost = position[s, TRIP_BOUGHT]
    result = position[s, TRIP_SOLD] - cost - position[s, TRIP_FEES]
    position[s, TRIPS] += 1
    position[s, TRIPS_BOUGHT] += cost
    position[s, TRIPS_RESULT] += result
    if result > 0:
        book.wallet[w, WINS] += 1
        book.wallet[w, WIN_RATES] += mul_div(result, ONE, max(cost, 1))
    elif result < 0:
        book.wallet[w, LOSSES] += 1
        book.wallet[w, LOSS_RATES] += mul_div(-result, ONE, max(cost, 1))
    losses = streak_after(book.wallet[w, LOSSES_IN_ROW], result)
    if cools_down(losses, streak):
        book.wallet[w, COOL_UNTIL] = close_ms + cool_ms
        note(bar, w, LOSING_STREAK, losses, streak, book, log)
        losses = 0
    book.wallet[w, LOSSES_IN_ROW] = losses


@part
def drop_order(s: int, book: Any) -> None:
    """Take the row's working order off the book, filled or not."""
    if book.position[s, ORDER_SIDE] != 0:
        book.position[s, ORDER_SIDE] = 0
        book.account[ORDERS] -= 1


@called
def write_event(bar: int, row: int, rule: int, number: int, limit: int, breaker: int, book: Any, log: Any) -> int:
    """Begin an episode in the log; return its row."""
    n = book.account[EVENTS]
    log.events[n, EVENT_BAR] = bar
    log.events[n, EVENT_LAST_BAR] = bar
    log.events[n, EVENT_COUNT] = 1
    log.events[n, EVENT_ROW] = row
    log.events[n, EVENT_RULE] = rule
    log.events[n, EVENT_NUMBER] = number
    log.events[n, EVENT_LIMIT] = limit
    log.events[n, EVENT_BREAKER] = breaker
    book.account[EVENTS] = n + 1
    return n


@part
def note(bar: int, w: int, rule: int, number: int, limit: int, book: Any, log: Any) -> None:
    """Write down that a breaker opened in wallet `w` (the last row = the whole account)."""
    write_event(bar, w, rule, number, limit, 1, book, log)


@called
def refuse(bar: int, s: int, rule: int, number: int, limit: int, book: Any, log: Any) -> None:
    """Write down a refusal; one that repeats that of the row's last question only lengthens its episode."""
    position = book.position
    last = position[s, LAST_EVENT] - 1
    # Asked in the bar before, or in this one already, when its order was to fill.
    if last >= 0 and log.events[last, EVENT_RULE] == rule and position[s, LAST_ASKED] >= bar - 1:
        log.events[last, EVENT_LAST_BAR] = bar
        log.events[last, EVENT_COUNT] += 1
    else:
        position[s, LAST_EVENT] = 1 + write_event(bar, s, rule, number, limit, 0, book, log)
    position[s, LAST_ASKED] = bar
