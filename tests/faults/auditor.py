"""The judge of a sweep. It reads the exchange's own record and the ledger's tables, and uses nothing of the program."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from .world import World

ONE = Decimal(10**8)
FINAL = ("filled", "cancelled", "rejected", "absent")
NEVER_THERE = ("rejected", "absent")


class Books:
    """What the ledger says: orders with their newest event, the trades booked, and the newest step."""

    def __init__(self, home: Path) -> None:
        connection = sqlite3.connect(f"file:{home / 'trader.db'}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            self.orders = [dict(row) for row in connection.execute("SELECT * FROM orders ORDER BY id")]
            for order in self.orders:
                query = "SELECT state, venue_id, filled, booked FROM order_events WHERE order_id = ? ORDER BY id DESC LIMIT 1"
                order.update(dict(connection.execute(query, (order["id"],)).fetchone()))
            query = "SELECT v.*, o.client_id FROM venue_fills v JOIN orders o ON o.id = v.order_id"
            self.fills = [dict(row) for row in connection.execute(query)]
            found = connection.execute("SELECT * FROM steps ORDER BY id DESC LIMIT 1").fetchone()
            self.step: dict[str, Any] | None = dict(found) if found else None
            self.halts = [dict(row) for row in connection.execute("SELECT * FROM halts ORDER BY id")]
        finally:
            connection.close()

    def holdings(self) -> dict[str, Decimal]:
        """Return what is held by symbol, with what is less than a lot and carried on."""
        if self.step is None:
            return {}
        symbols = json.loads(self.step["symbols"])
        held = {
            symbol: Decimal(units) / ONE
            for symbol, units in zip(symbols, json.loads(self.step["holdings"]), strict=True)
        }
        for place, units in json.loads(self.step["notes"]).get("dust", {}).items():
            held[place.partition("|")[2]] += Decimal(units) / ONE
        return held

    @property
    def is_halted(self) -> bool:
        """Tell whether the newest word on any scope is a halt."""
        newest = {row["scope"]: row for row in self.halts}
        return any(row["action"] == "halt" for row in newest.values())


def audit(world: World, outside: dict[str, Decimal], cash: Decimal) -> list[str]:
    """Return what is lost, doubled or unexplained; nothing may be under way. outside: what is not ours on the account."""
    venue = world.server.venues[world.venue]
    books = Books(world.home)
    known = {order["client_id"]: order for order in books.orders}
    own = {order.draft.client_id: order for order in venue.orders.values() if not order.draft.foreign}
    wrong = list(world.server.audit())
    for client_id, ids in world.server.accepted().items():
        if len(ids) > 1:
            wrong.append(f"DOUBLED: {client_id} was accepted as {', '.join(ids)}")
        if client_id not in known:
            wrong.append(f"LOST: the venue took {client_id}, the ledger does not know it")
    wrong += [f"LOST: the venue took {order.id} without a client id" for one, order in own.items() if not one]
    taken = [one for one in books.orders if one["purpose"] == "entry" and one["client_id"] in own]
    for (symbol, bar), count in Counter((one["symbol"], one["bar_ms"]) for one in taken).items():
        if count > 1:
            wrong.append(f"DOUBLED: {count} entries of {symbol} for the bar closing {bar}")
    for client_id, order in known.items():
        wrong += [
            f"{client_id} ({order['symbol']} {order['purpose']}): {text}" for text in _order(order, own.get(client_id))
        ]
    wrong += _fills(world, books)
    wrong += _balances(world, books, outside, cash)
    wrong += _protection(world, books)
    impatient = [row for row in world.server.requests() if row["impatient"]]
    wrong += [f"asked during Retry-After: {row['method']} {row['path']}" for row in impatient[:1]]
    return wrong


def _order(order: dict[str, Any], there: Any) -> list[str]:
    state = order["state"]
    if state in ("sending", "unknown"):
        return [f"UNEXPLAINED: its fate is still {state}"]
    if state in NEVER_THERE:
        return [f"LOST: the ledger says {state}, the venue has it as {there.id}"] if there is not None else []
    if there is None:
        return [f"UNEXPLAINED: the ledger says {state}, the venue never took it"]
    wrong = []
    if there.is_open != (state not in FINAL):
        wrong.append(f"the ledger says {state}, the venue {there.status}")
    if Decimal(order["quantity"]) / ONE != there.draft.quantity:
        wrong.append(f"the ledger asked {order['quantity']}, the venue was asked {there.draft.quantity}")
    if order["booked"] != order["filled"] or Decimal(order["booked"]) / ONE != there.filled:
        wrong.append(
            f"UNEXPLAINED: the venue filled {there.filled}, the ledger {order['filled']}, booked {order['booked']}"
        )
    if there.filled > there.quantity:
        wrong.append(f"DOUBLED: it asked for {there.quantity} and filled {there.filled}")
    return wrong


def _fills(world: World, books: Books) -> list[str]:
    venue = world.server.venues[world.venue]
    there = Counter()
    for trade in venue.trades:
        draft = venue.orders[trade.order_id].draft
        if not draft.foreign:
            there[draft.client_id, trade.side, trade.quantity, trade.price, trade.cost, trade.fee, trade.fee_asset] += 1
    numbers = ("quantity", "price", "cost", "fee")
    here = Counter(
        (one["client_id"], one["side"], *(Decimal(one[name]) for name in numbers), one["fee_asset"])
        for one in books.fills
    )
    lost = [f"LOST: the venue's trade {one} is not booked" for one in there - here]
    return lost + [f"DOUBLED: the trade {one} is booked, and the venue has none more of it" for one in here - there]


def _balances(world: World, books: Books, outside: dict[str, Decimal], cash: Decimal) -> list[str]:
    if books.step is None:
        return []
    account = world.server.venues[world.venue].account
    ours = {world.quote: Decimal(books.step["cash"]) / ONE - cash}
    for symbol, held in books.holdings().items():
        ours[symbol.partition("/")[0]] = held
    wrong = []
    for asset, amount in ours.items():
        left = account.total(asset) - outside.get(asset, Decimal(0)) - amount
        if left:
            wrong.append(f"UNEXPLAINED: {left:+f} {asset} at the venue beside the ledger's {amount}")
    return wrong


def _protection(world: World, books: Books) -> list[str]:
    venue = world.server.venues[world.venue]
    wrong = []
    for symbol, held in books.holdings().items():
        lot = venue.listings[symbol].lot
        whole = held // lot * lot
        sales = [one for one in venue.open_orders(symbol) if one.draft.side < 0 and not one.draft.foreign]
        stops = [one for one in sales if one.draft.kind == "stop"]
        buys = [one for one in venue.open_orders(symbol) if one.draft.side > 0 and not one.draft.foreign]
        if len(buys) > 1:
            wrong.append(f"DOUBLED: {len(buys)} purchases of {symbol} are open")
        if whole * venue.books[symbol].mid < max(venue.listings[symbol].min_notional, 1):
            wrong += [f"{symbol}: {one.draft.kind} of {one.left} rests, and nothing is held" for one in sales]
            continue
        if [one.left for one in stops] != [whole]:
            wrong.append(f"UNPROTECTED: {whole} {symbol} held, stops of {[str(one.left) for one in stops]} rest")
        targets = [one for one in sales if one not in stops]
        if targets and (len(targets) > 1 or targets[0].list_id < 0 or targets[0].list_id != stops[0].list_id):
            wrong.append(f"DOUBLED: {symbol} has targets that do not belong to its stop")
    return wrong
