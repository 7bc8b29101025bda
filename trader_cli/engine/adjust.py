"""Money and holdings that come or go by other ways than trades: a difference that somebody explained."""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import kernel
from trader_cli.engine.booking import drop_order, end_position
from trader_cli.engine.holding import protect_entry
from trader_cli.engine.settle import has_room
from trader_cli.engine.state import (
    CASH,
    CLOSE,
    DAY_WORTH,
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
    Log,
    Market,
)
from trader_cli.engine.value import mark
from trader_cli.engine.watch import measured_atr
from trader_cli.errors import DataError
from trader_cli.model.bars import Ints
from trader_cli.money import proceeds_of
from trader_cli.risk import columns as of
from trader_cli.risk.rules import PRICE_ONE, WALLET


@kernel
def take_over(bar: int, s: int, quantity: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> int:
    """Change a holding without a fill, return by how much its worth differs; `adjust_holding` is the way in."""
    position = book.position
    price = mark(bar, s, market, steps)
    before = position[s, QUANTITY]
    position[s, QUANTITY] = before + quantity
    # As if bought or sold at the close: the round trip counts what came before and after alone.
    if quantity > 0:
        worth = proceeds_of(price, quantity, steps[s, PRICE_ONE])
        position[s, TRIP_BOUGHT] += worth
    else:
        worth = -proceeds_of(price, -quantity, steps[s, PRICE_ONE])
        position[s, TRIP_SOLD] -= worth
    if before == 0:
        book.account[POSITIONS] += 1
        position[s, ORDER_STOP] = 0
        position[s, ORDER_TARGET] = 0
        position[s, ORDER_KEEP] = -1
        position[s, ORDER_ATR] = measured_atr(bar, s, market, steps)
        protect_entry(market.open_ms[bar] + rules[of.BAR_MS], s, price, book, rules, steps)
    elif before + quantity == 0:
        drop_order(s, book)
        end_position(bar, market.open_ms[bar], s, book, log, rules, steps)
    return int(worth)


def adjust_holding(
    bar: int, row: int, quantity: int, market: Market, book: Book, log: Log, rules: Ints, steps: Ints
) -> None:
    """Give a row a holding, or take it (1e-8 base), at the last close: nobody won or lost by it, and no cash moved.

    What a flat row is given is protected as an entry at that price would be, without levels of the strategy's own. Taking
    all there is ends the position. Raises DataError, and changes nothing, where less is held, or before the first bar.
    """
    assert 0 <= bar < len(market.open_ms)  # noqa: S101 only a bug breaks it
    assert 0 <= row < len(book.position) == len(steps)  # noqa: S101
    assert has_room(book, log)  # noqa: S101
    held = int(book.position[row, QUANTITY])
    if held + quantity < 0:
        raise DataError(f"{-quantity} cannot be taken where {held} is held (1e-8 of the base)")
    if np.isnan(market.prices[CLOSE, bar, row]):
        raise DataError("a holding without a price cannot be adopted: no bar of the symbol has closed yet")
    if quantity != 0:
        worth = int(take_over(bar, row, quantity, market, book, log, rules, steps))
        move_worth(book, int(steps[row, WALLET]), worth)


def move_worth(book: Book, wallet: int, amount: int) -> None:
    """Let the worth of a wallet and of the account differ by `amount` (1e-8 quote) without anybody having won or lost it."""
    for row in (book.wallet[wallet], book.wallet[-1]):
        row[[WORTH, PEAK, DAY_WORTH]] += amount


def adjust_cash(book: Book, wallet: int, amount: int) -> None:
    """Give a wallet cash, or take it (1e-8 quote): a deposit is no profit and a withdrawal is no drawdown.

    Raises DataError, and changes nothing, where the wallet has less than is taken.
    """
    assert 0 <= wallet < len(book.wallet) - 1  # noqa: S101 only a bug breaks it
    cash = int(book.wallet[wallet, CASH])
    if cash + amount < 0:
        raise DataError(f"{-amount} of cash cannot be taken from a wallet that has {cash} (1e-8 of the quote)")
    book.wallet[wallet, CASH] += amount
    book.wallet[-1, CASH] += amount
    move_worth(book, wallet, amount)
