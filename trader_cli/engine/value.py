"""What a book is worth and exposed to at a bar's close, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import called, part
from trader_cli.engine.state import (
    CASH,
    CLOSE,
    DUST,
    OPEN,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_SIDE,
    QUANTITY,
    WORTH,
)
from trader_cli.model.codes import LIMIT, MARKET
from trader_cli.money import buy_price, cost_of, fee_of, proceeds_of, sell_price, to_units
from trader_cli.risk import columns as of
from trader_cli.risk.rules import PRICE_ONE, TICK, WALLET


@part
def has_bar(bar: int, s: int, market: Any) -> bool:
    """Tell whether the row's symbol has a bar at this time: its open is not NaN."""
    price = market.prices[OPEN, bar, s]
    return not np.isnan(price)


@part
def close_of(bar: int, market: Any, rules: Any) -> int:
    """Return when the bar closes, ms UTC."""
    return int(market.open_ms[bar] + rules[of.BAR_MS])


@part
def mark(bar: int, s: int, market: Any, steps: Any) -> int:
    """Return the row's last close in price units."""
    return to_units(market.prices[CLOSE, bar, s], steps[s, PRICE_ONE])


@part
def worth_of(bar: int, s: int, market: Any, book: Any) -> float:
    """Return what the row holds at the last close, quote; a figure for the equity curve, no decision is made of it."""
    held = book.position[s, QUANTITY]
    if held > 0:
        return in_base(held) * market.prices[CLOSE, bar, s]
    return 0.0


@part
def in_base(quantity: int) -> float:
    """Return a quantity in the base, for figures."""
    return float(quantity) * 1e-8


@part
def equity_of(value: float, book: Any) -> float:
    """Return what the account is worth, quote. value: of all its rows."""
    return float(book.wallet[book.wallet.shape[0] - 1, CASH]) * 1e-8 + value


@part
def write_equity(first: int, end: int, market: Any, book: Any, log: Any) -> None:
    """Write the equity of bars [first, end) of a book that does not change in them."""
    # What does not change is read once: read at every bar, it keeps the processor from several bars at a time.
    cash = equity_of(0.0, book)
    held = 0
    for s in range(book.position.shape[0]):
        if book.position[s, QUANTITY] > 0:
            units = in_base(book.position[s, QUANTITY])
            if held == 0:
                for bar in range(first, end):
                    log.equity[bar] = units * market.prices[CLOSE, bar, s]
            else:
                for bar in range(first, end):
                    log.equity[bar] += units * market.prices[CLOSE, bar, s]
            held += 1
    if held == 0:
        for bar in range(first, end):
            log.equity[bar] = cash
    else:
        for bar in range(first, end):
            log.equity[bar] = cash + log.equity[bar]


@called
def take_stock(bar: int, market: Any, book: Any, steps: Any) -> None:
    """Write what every wallet, and in the last row the whole account, is worth: cash and holdings at the last close."""
    purse = book.wallet
    last = purse.shape[0] - 1
    for w in range(last + 1):
        purse[w, WORTH] = purse[w, CASH]
    for s in range(book.position.shape[0]):
        held = book.position[s, QUANTITY] + book.position[s, DUST]
        if held > 0:
            value = proceeds_of(mark(bar, s, market, steps), held, steps[s, PRICE_ONE])
            purse[steps[s, WALLET], WORTH] += value
            purse[last, WORTH] += value


@part
def ordered_price(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return what a working buy is expected to pay: its limit, its trigger or the last close with slippage."""
    kind = book.position[s, ORDER_KIND]
    at = book.position[s, ORDER_PRICE]
    if kind == LIMIT:
        return int(at)
    if kind == MARKET:
        at = mark(bar, s, market, steps)
    return buy_price(at, rules[of.SLIP_RATE], steps[s, TICK])


@part
def ordered_cash(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return what the row's working order brings to the cash when it fills as expected; negative for a buy."""
    side = book.position[s, ORDER_SIDE]
    if side == 0:
        return 0
    quantity = book.position[s, ORDER_QUANTITY]
    one = steps[s, PRICE_ONE]
    if side < 0:
        price = mark(bar, s, market, steps)
        notional = proceeds_of(sell_price(price, rules[of.SLIP_RATE], steps[s, TICK]), quantity, one)
        return notional - fee_of(notional, rules[of.TAKER_RATE])
    notional = cost_of(ordered_price(bar, s, market, book, rules, steps), quantity, one)
    rate = rules[of.MAKER_RATE] if book.position[s, ORDER_KIND] == LIMIT else rules[of.TAKER_RATE]
    return -notional - fee_of(notional, rate)


@part
def expected_cash(bar: int, w: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return the cash a wallet will have for buys when its working orders fill at the last close, 1e-8 quote."""
    free = book.wallet[w, CASH]
    for s in range(book.position.shape[0]):
        if steps[s, WALLET] == w:
            free += ordered_cash(bar, s, market, book, rules, steps)
    return free


@part
def exposed(bar: int, s: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return what the row will have in its symbol once its working order has filled, at least 0, 1e-8 quote.

    A buy counts at the price it is expected to pay, as it counted when it was allowed.
    """
    side = book.position[s, ORDER_SIDE]
    held = book.position[s, QUANTITY]
    if held == 0 and side == 0:
        return 0
    price = mark(bar, s, market, steps)
    one = steps[s, PRICE_ONE]
    if side < 0:
        held -= book.position[s, ORDER_QUANTITY]
    value = proceeds_of(price, held, one)
    if side > 0:
        price = ordered_price(bar, s, market, book, rules, steps)
        value += cost_of(price, book.position[s, ORDER_QUANTITY], one)
    return value
