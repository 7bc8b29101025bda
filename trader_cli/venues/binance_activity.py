"""What moved an account at Binance, as far as its trading interface tells: the trades of each market."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from trader_cli.model.orders import Activity, ActivityKind
from trader_cli.venues.answers import MalformedError, milliseconds, number, rows, table, text

Ask = Callable[[str, dict[str, Any], str, str], Any]
"""(ccxt's raw method, parameters, kind of request, call) -> the answer."""

UNTOLD = "deposits, withdrawals, transfers and conversions"
_PAGE = 1000


def activity(ask: Ask, symbol: str, theirs: str, since_ms: int) -> Iterator[Activity]:
    """Give what the trades of one market changed since then, oldest first. Raises MalformedError."""
    trades = list(_trades(ask, theirs, since_ms))
    marks = _client_ids(ask, theirs, [int(number(one, "orderId")) for one in trades])
    base, _, quote = symbol.partition("@")[0].partition("/")
    for one in trades:
        bought = one.get("isBuyer")
        if not isinstance(bought, bool):
            raise MalformedError("`isBuyer` is missing")
        side = 1 if bought else -1
        quantity, price = number(one, "qty"), number(one, "price")
        moved: dict[str, Decimal] = {base: side * quantity, quote: -side * number(one, "quoteQty")}
        paid_in = text(one, "commissionAsset")
        moved[paid_in] = moved.get(paid_in, Decimal(0)) - number(one, "commission")
        told = f"{'bought' if bought else 'sold'} {quantity.normalize():f} {symbol} at {price.normalize():f}"
        for asset, amount in moved.items():
            if amount:
                mark = marks.get(int(number(one, "orderId")), "")
                at_ms = milliseconds(one, "time")
                yield Activity(ActivityKind.TRADE, asset, amount, at_ms, str(int(number(one, "id"))), told, mark)


def _trades(ask: Ask, theirs: str, since_ms: int) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {"symbol": theirs, "startTime": since_ms, "limit": _PAGE}
    while True:
        page = [
            table(one, "a trade")
            for one in rows(ask("private_get_mytrades", asked, "history", "myTrades"), "the trades")
        ]
        yield from page
        if len(page) < _PAGE:
            return
        following = max(int(number(one, "id")) for one in page) + 1
        if following <= asked.get("fromId", 0):
            raise MalformedError("the page of trades does not go on")
        asked = {"symbol": theirs, "fromId": following, "limit": _PAGE}


def _client_ids(ask: Ask, theirs: str, order_ids: list[int]) -> dict[int, str]:
    """Return the client ids of these orders, by the venue's id."""
    found: dict[int, str] = {}
    wanted = sorted(set(order_ids))
    while wanted:
        asked = {"symbol": theirs, "orderId": wanted[0], "limit": _PAGE}
        page = [
            table(one, "an order")
            for one in rows(ask("private_get_allorders", asked, "history", "allOrders"), "the orders")
        ]
        found |= {int(number(one, "orderId")): text(one, "clientOrderId") for one in page}
        last = max((int(number(one, "orderId")) for one in page), default=wanted[0])
        # A trade's order that is not listed belongs to nobody we know; what is after this page is asked for next.
        wanted = [one for one in wanted if one > last]
    return found
