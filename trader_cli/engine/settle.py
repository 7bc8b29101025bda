"""What a venue reports, booked by the functions that book a simulated fill: prices and fees are the venue's, the rest is ours.

Settle before anything is decided: the row's working order says what its fills are for. A sale that no working order asked
for is one of a level that rested at the venue.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import kernel, part
from trader_cli.engine.booking import book_fill, drop_order, end_position
from trader_cli.engine.holding import buy_in, take_part, take_weight
from trader_cli.engine.orders import order
from trader_cli.engine.state import (
    DUST,
    EVENTS,
    FILLS,
    INSIDE,
    LATE,
    OPEN,
    ORDER_KIND,
    ORDER_MS,
    ORDER_PRICE,
    ORDER_REASON,
    ORDER_SIDE,
    POSITION_COLUMNS,
    QUANTITY,
    TRIPPED,
    Book,
    Log,
    Market,
)
from trader_cli.engine.value import has_bar
from trader_cli.errors import DataError
from trader_cli.model.bars import Ints
from trader_cli.model.codes import BY_PARTIAL, BY_REBALANCE, BY_STRATEGY, LIMIT, MARKET, TRIGGER
from trader_cli.money import step_down, to_units
from trader_cli.risk.limits import below_minimum
from trader_cli.risk.rules import LOT, PRICE_ONE


@kernel
def settle(
    bar: int,
    s: int,
    side: int,
    quantity: int,
    price: int,
    notional: int,
    fee: int,
    kind: int,
    reason: int,
    market: Any,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> None:
    """Book one fill of a venue; `settle_fill` is the way in."""
    position = book.position
    open_ms = market.open_ms[bar]
    if side > 0:
        # One that fills at once does so in the bar after the decision's, which is still forming.
        began = max(open_ms, position[s, ORDER_MS])
        buy_in(bar, began, s, quantity, price, notional, fee, kind, reason, book, log, rules, steps)
        position[s, QUANTITY] += position[s, DUST]
        position[s, DUST] = 0
        if open_ms == began and waited(bar, s, market, book, steps):
            # What the bar showed before this price was not ours.
            position[s, INSIDE] = position[s, ORDER_PRICE]
        return
    ordered = position[s, ORDER_SIDE] < 0 and position[s, ORDER_REASON] == reason
    began = open_ms
    if ordered:
        began = max(open_ms, position[s, ORDER_MS])
        take_weight(s, book)
    book_fill(bar, began, s, -1, quantity, price, notional, fee, kind, reason, book, log, rules, steps)
    # Whoever ordered it in the book has tripped the row already, or has seen that its strategy let go.
    if ordered or reason in (BY_STRATEGY, BY_REBALANCE):
        return
    if reason == BY_PARTIAL:
        take_part(s, price, book, rules, steps)
    else:
        position[s, TRIPPED] = 1


@part
def waited(bar: int, s: int, market: Any, book: Any, steps: Any) -> bool:
    """Tell whether the row's order to buy waited for its price inside the bar: one that the open had reached did not."""
    if not has_bar(bar, s, market):
        return False
    start = to_units(market.prices[OPEN, bar, s], steps[s, PRICE_ONE])
    if book.position[s, ORDER_KIND] == LIMIT:
        return bool(start > book.position[s, ORDER_PRICE])
    return bool(book.position[s, ORDER_KIND] == TRIGGER and start < book.position[s, ORDER_PRICE])


@kernel
def finish(s: int, book: Any) -> None:
    """Take the row's working order off the book; `finish_order` is the way in."""
    drop_order(s, book)


@part
def is_dust(s: int, quantity: int, price: int, rules: Any, steps: Any) -> bool:
    """Tell whether so little cannot be sold: its whole lots are none, or less than the smallest order."""
    whole = step_down(quantity, steps[s, LOT])
    return bool(whole == 0 or below_minimum(s, whole, price, rules, steps))


@kernel
def shelve(bar: int, open_ms: int, s: int, price: int, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """End a position whose rest cannot be sold; `drop_dust` is the way in."""
    position = book.position
    rest = position[s, QUANTITY]
    if rest == 0 or not is_dust(s, rest, price, rules, steps):
        return False
    position[s, QUANTITY] = 0
    position[s, DUST] += rest
    drop_order(s, book)
    end_position(bar, open_ms, s, book, log, rules, steps)
    return True


@kernel
def sell_off(s: int, reason: int, book: Any) -> None:
    """Order the sale of all a row holds; `order_exit` is the way in."""
    position = book.position
    drop_order(s, book)
    order(s, -1, MARKET, position[s, QUANTITY], 0, 0, reason, position[s, ORDER_MS], book)
    position[s, TRIPPED] = 1


def settle_fill(
    bar: int,
    row: int,
    side: int,
    quantity: int,
    price: int,
    notional: int,
    fee: int,
    kind: int,
    reason: int,
    market: Market,
    book: Book,
    log: Log,
    rules: Ints,
    steps: Ints,
) -> None:
    """Book one fill that a venue reported.

    bar: the newest closed one; of a fill in the bar that is still forming, the working order knows. quantity > 0, 1e-8 base;
    price: price units; notional: what was paid or got before the fee, fee: 1e-8 quote. Several fills of one order come one
    after the other: the first to buy protects, the others only add. The log must have room for a fill and an event. Raises
    DataError, and books nothing, for a sale of more than is held.
    """
    assert 0 <= bar < len(market.open_ms)  # noqa: S101 only a bug breaks it
    assert 0 <= row < len(book.position) == len(steps)  # noqa: S101
    assert side in (1, -1)  # noqa: S101
    assert has_room(book, log)  # noqa: S101
    held = int(book.position[row, QUANTITY])
    if quantity <= 0 or (side < 0 and quantity > held):
        raise DataError(
            f"a fill of {quantity} cannot be booked where {held} is held (1e-8 of the base)",
            "the venue sold what the book does not know of: reconcile first",
        )
    settle(bar, row, side, quantity, price, notional, fee, kind, reason, market, book, log, rules, steps)


def finish_order(row: int, book: Book) -> None:
    """Take the row's working order off the book, where there is one: the venue has filled, cancelled or refused it."""
    assert 0 <= row < len(book.position)  # noqa: S101 only a bug breaks it
    finish(row, book)


def order_exit(row: int, reason: int, book: Book) -> None:
    """Order the sale of all a row holds, between two decisions; until it is flat every close orders it again."""
    assert 0 <= row < len(book.position)  # noqa: S101 only a bug breaks it
    if book.position[row, QUANTITY] > 0:
        sell_off(row, reason, book)
        set_late(row, reason, book)


def set_late(row: int, reason: int, book: Book) -> None:
    """Let the exit coordinator close a held position at the next close, and at every one after it until it is flat."""
    if book.position[row, QUANTITY] > 0:
        book.position[row, LATE] = 1 + reason


def drop_dust(bar: int, row: int, price: int, market: Market, book: Book, log: Log, rules: Ints, steps: Ints) -> bool:
    """End a position whose rest is dust after an exit; tell whether it was.

    Dust is less than one lot, or less than the smallest order at `price` (price units). It stays the row's, in the column
    DUST, but is no position: nothing protects it, no slot counts it, its round trip is over, and nobody tries to sell it bar
    after bar. The row's next purchase takes it in, and the exit after that sells it.
    """
    assert 0 <= bar < len(market.open_ms)  # noqa: S101 only a bug breaks it
    assert 0 <= row < len(book.position) == len(steps)  # noqa: S101
    assert has_room(book, log)  # noqa: S101
    return bool(shelve(bar, int(market.open_ms[bar]), row, price, book, log, rules, steps))


def has_room(book: Book, log: Log) -> bool:
    """Tell whether the log can take a fill and an event.

    Compiled code does not check indices: outside the arrays it would write into somebody else's memory.
    """
    assert book.position.shape[1] == POSITION_COLUMNS  # noqa: S101 only a bug breaks it
    return bool(book.account[FILLS] < len(log.fills) and book.account[EVENTS] < len(log.events))
