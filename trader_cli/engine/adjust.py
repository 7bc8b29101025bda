"""Money and holdings that come or go by other ways than trades: a difference that somebody explained.

Nobody has won or lost by it: what wallets are worth, and the peaks that losses are measured from, move together.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import kernel
from trader_cli.engine.booking import clear_position, drop_order
from trader_cli.engine.holding import protect_entry
from trader_cli.engine.settle import is_dust
from trader_cli.engine.state import (
    CASH,
    DAY_WORTH,
    DUST,
    ORDER_ATR,
    ORDER_KEEP,
    ORDER_STOP,
    ORDER_TARGET,
    PEAK,
    POSITIONS,
    QUANTITY,
    TRIP_BOUGHT,
    TRIP_SOLD,
    WORTH,
    Book,
)
from trader_cli.errors import DataError
from trader_cli.model.bars import Ints
from trader_cli.money import proceeds_of
from trader_cli.risk.rules import PRICE_ONE, WALLET


@kernel
def give(s: int, quantity: int, price: int, close_ms: int, book: Any, rules: Any, steps: Any) -> int:
    """Give a row a holding, return what it is worth; `adjust_holding` is the way in."""
    position = book.position
    worth = proceeds_of(price, quantity, steps[s, PRICE_ONE])
    before = position[s, QUANTITY]
    if before == 0 and is_dust(s, quantity + position[s, DUST], price, rules, steps):
        position[s, DUST] += quantity
        return int(worth)
    # As if bought at this price: the round trip counts what comes after.
    position[s, QUANTITY] = before + quantity
    position[s, TRIP_BOUGHT] += worth
    if before == 0:
        position[s, QUANTITY] += position[s, DUST]
        position[s, DUST] = 0
        book.account[POSITIONS] += 1
        position[s, ORDER_STOP] = 0
        position[s, ORDER_TARGET] = 0
        position[s, ORDER_KEEP] = -1
        position[s, ORDER_ATR] = 0
        protect_entry(close_ms, s, price, book, rules, steps)
    return int(worth)


@kernel
def take(s: int, quantity: int, price: int, book: Any, steps: Any) -> int:
    """Take of a row's holding, dust first, return what it was worth; `adjust_holding` is the way in."""
    position = book.position
    worth = proceeds_of(price, quantity, steps[s, PRICE_ONE])
    dust = min(quantity, position[s, DUST])
    position[s, DUST] -= dust
    quantity -= dust
    if quantity == 0:
        return int(worth)
    position[s, QUANTITY] -= quantity
    # As if sold at this price: the round trip counts what came before.
    position[s, TRIP_SOLD] += proceeds_of(price, quantity, steps[s, PRICE_ONE])
    if position[s, QUANTITY] == 0:
        drop_order(s, book)
        clear_position(s, book)
    return int(worth)


def adjust_holding(row: int, quantity: int, price: int, close_ms: int, book: Book, rules: Ints, steps: Ints) -> None:
    """Give a row a holding, or take it (negative), 1e-8 base, at the last close: price in price units, close_ms in ms UTC.

    What a flat row is given is a position, protected as an entry at that price would be, without levels of the strategy's
    own and without ATR; too little to be sold is dust. What is taken is dust first; taking all ends the position and its
    orders, and no round trip counts. Raises DataError, and changes nothing, where less is held or no price is known.
    """
    assert 0 <= row < len(book.position) == len(steps)  # noqa: S101 only a bug breaks it
    held = int(book.position[row, QUANTITY] + book.position[row, DUST])
    if held + quantity < 0:
        raise DataError(f"{-quantity} cannot be taken where {held} is held (1e-8 of the base)")
    if price <= 0:
        raise DataError("a holding without a price cannot be adopted or given up: no bar of the symbol has closed yet")
    if quantity > 0:
        worth = int(give(row, quantity, price, close_ms, book, rules, steps))
    else:
        worth = -int(take(row, -quantity, price, book, steps))
    _move_worth(book, int(steps[row, WALLET]), worth)


def adjust_cash(wallet: int, amount: int, book: Book) -> None:
    """Give a wallet cash, or take it (1e-8 quote): a deposit is no profit and a withdrawal is no drawdown.

    Raises DataError, and changes nothing, where the wallet has less than is taken.
    """
    assert 0 <= wallet < len(book.wallet) - 1  # noqa: S101 only a bug breaks it
    cash = int(book.wallet[wallet, CASH])
    if cash + amount < 0:
        raise DataError(f"{-amount} of cash cannot be taken from a wallet that has {cash} (1e-8 of the quote)")
    book.wallet[wallet, CASH] += amount
    book.wallet[-1, CASH] += amount
    _move_worth(book, wallet, amount)


def _move_worth(book: Book, wallet: int, amount: int) -> None:
    for row in (book.wallet[wallet], book.wallet[-1]):
        row[[WORTH, PEAK, DAY_WORTH]] += amount
