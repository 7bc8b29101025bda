"""What moved an account at Kraken: its ledger, and whose orders its trades belonged to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from trader_cli.model.orders import Activity, ActivityKind
from trader_cli.venues.answers import milliseconds, number, side, signed, table, text
from trader_cli.venues.names import Names, asset

Ask = Callable[[str, dict[str, Any], str], dict[str, Any]]
"""(ccxt's raw method, parameters, kind of request) -> the answer's `result`."""

_KINDS = {
    "trade": ActivityKind.TRADE,
    "spend": ActivityKind.TRADE,
    "receive": ActivityKind.TRADE,
    "deposit": ActivityKind.DEPOSIT,
    "withdrawal": ActivityKind.WITHDRAWAL,
}
_ORDERS_A_QUESTION = 50


def activity(ask: Ask, names: Names, since_ms: int) -> list[Activity]:
    """Return every entry of the ledger since then, oldest first. Raises MalformedError."""
    # Kraken gives what is later than `start`, a number of seconds.
    entries = _pages(ask, "private_post_ledgers", "ledger", since_ms)
    trades: Mapping[str, dict[str, Any]] = {}
    if any(_kind(entry) is ActivityKind.TRADE for entry in entries.values()):
        trades = _pages(ask, "private_post_tradeshistory", "trades", since_ms)
    marks = _client_ids(ask, {text(one, "ordertxid") for one in trades.values()})
    found = []
    for entry in entries.values():
        ours, at_ms = asset("kraken", text(entry, "asset")), milliseconds(entry, "time", seconds=True)
        if ours is None or at_ms < since_ms:
            continue
        reference = text(entry, "refid")
        trade = trades.get(reference)
        found.append(
            Activity(
                _kind(entry),
                ours,
                signed(entry, "amount") - number(entry, "fee"),
                at_ms,
                reference,
                _told(entry) if trade is None else _trade(trade, names),
                "" if trade is None else marks.get(text(trade, "ordertxid"), ""),
            )
        )
    return sorted(found, key=lambda one: (one.time_ms, one.reference))


def _pages(ask: Ask, method: str, key: str, since_ms: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    seen = 0
    while True:
        result = ask(method, {"start": since_ms // 1000 - 1, "ofs": seen}, "history")
        page = table(result.get(key), f"the list of {key}")
        found |= {name: table(one, f"an entry of {key}") for name, one in page.items()}
        seen += len(page)
        if not page or seen >= int(number(result, "count")):
            return found


def _client_ids(ask: Ask, order_ids: Iterable[str]) -> dict[str, str]:
    """Return the client ids of orders that have one, by the venue's id."""
    found: dict[str, str] = {}
    wanted = sorted(order_ids)
    for first in range(0, len(wanted), _ORDERS_A_QUESTION):
        batch = wanted[first : first + _ORDERS_A_QUESTION]
        for name, one in ask("private_post_queryorders", {"txid": ",".join(batch)}, "read").items():
            found[name] = str(table(one, "an order").get("cl_ord_id") or "")
    return found


def _kind(entry: dict[str, Any]) -> ActivityKind:
    return _KINDS.get(text(entry, "type"), ActivityKind.OTHER)


def _told(entry: dict[str, Any]) -> str:
    return " ".join(part for part in (text(entry, "type"), str(entry.get("subtype") or "")) if part)


def _trade(trade: dict[str, Any], names: Names) -> str:
    word = "bought" if side(trade, "type") > 0 else "sold"
    quantity, price = number(trade, "vol").normalize(), number(trade, "price").normalize()
    return f"{word} {quantity:f} {names.symbol(text(trade, 'pair'))} at {price:f}"
