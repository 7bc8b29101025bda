"""A trading account at Kraken spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trader_cli.errors import VenueError
from trader_cli.model.orders import (
    CLIENT_PREFIX,
    Activity,
    Balance,
    Cancelled,
    Resolution,
    Ticket,
    TicketKind,
    VenueOrder,
    VenueTrade,
)
from trader_cli.venues.account import Account, NotSentError, price_of, quantity_of
from trader_cli.venues.answers import MalformedError, WrongError, milliseconds, number, rows, same, side, table, text
from trader_cli.venues.client import Client
from trader_cli.venues.kraken_activity import activity
from trader_cli.venues.names import spellings

_TYPES = {TicketKind.MARKET: "market", TicketKind.LIMIT: "limit", TicketKind.IOC: "limit", TicketKind.STOP: "stop-loss"}
_STATUSES = {"open": "open", "pending": "pending", "closed": "closed", "canceled": "cancelled", "expired": "expired"}
_STOPS = ("stop-loss", "take-profit", "trailing-stop")
# A deadline has to lie this far ahead of Kraken's clock, ms; a little is left for the way.
_DEADLINE_LEAST_MS, _DEADLINE_MOST_MS, _WAY_MS = 2_000, 60_000, 1_000
_PAGE = 50
# Quantities are rounded to a thousandth: the first level may read as nothing.
_LEVELS = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kraken(Account):
    """Kraken: answers are HTTP 200 with a list of errors; an order is found by its client id among open, then ended ones."""

    id = "kraken"

    def __init__(self, client: Client, rulebook: Any) -> None:
        super().__init__(client, rulebook)
        # The asset of an order's fees stands on the order, not on its trades.
        self._fee_in_base: dict[str, bool] = {}

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every open order of the account, foreign ones too."""
        with self._reading("open orders"):
            return [self._parsed(name, one) for name, one in self._listed("openorders", "open", {}).items()]

    def find(self, client_id: str, symbol: str) -> VenueOrder | None:
        """Look an order up by its client id; None only after a well-formed list of open and one of ended orders."""
        self._names.add([symbol])
        with self._reading(f"order {client_id}"):
            found: dict[str, VenueOrder] = {}
            for method, key in (("openorders", "open"), ("closedorders", "closed")):
                for name, one in self._listed(method, key, {"cl_ord_id": client_id}).items():
                    order = self._parsed(name, one)
                    same(order.client_id, client_id, "the client id of an order")
                    same(order.symbol, symbol, "the market of an order")
                    found[name] = order
                if found:
                    break
        if len(found) > 1:
            raise VenueError(
                f"kraken: {len(found)} orders carry the client id {client_id}: {', '.join(sorted(found))}",
                "look at them at the venue, then `trader risk resume`",
                pattern="two_orders",
                resolution=Resolution.HALT_ALL.value,
            )
        return next(iter(found.values()), None)

    def order(self, venue_id: str, symbol: str) -> VenueOrder | None:
        """Look an order up by the venue's id."""

        def read() -> VenueOrder:
            result = self._result("private_post_queryorders", {"txid": venue_id})
            order = self._parsed(venue_id, result.get(venue_id))
            same(order.symbol, symbol, "the market of the order")
            return order

        self._names.add([symbol])
        with self._reading(f"order {venue_id}"):
            return self._found(read)

    def trades(self, order: VenueOrder) -> Sequence[VenueTrade]:
        """Return every trade of an order, all pages, each once, oldest first."""
        if order.venue_id not in self._fee_in_base:
            self.order(order.venue_id, order.symbol)
        found: dict[str, VenueTrade] = {}
        asked: dict[str, Any] = {"start": order.created_ms // 1000 - 1} if order.created_ms else {}
        seen = 0
        with self._reading(f"trades of {order.venue_id}"):
            while True:
                result = self._result("private_post_tradeshistory", asked | {"ofs": seen}, kind="history")
                page = table(result.get("trades"), "the list of trades")
                for name, one in page.items():
                    entry = table(one, "a trade")
                    if entry.get("ordertxid") == order.venue_id:
                        found[name] = self._trade(name, entry, order)
                seen += len(page)
                # Newest come first: what an ended order still lacks cannot come later than its filled amount is reached.
                whole = not order.is_working and sum(one.quantity for one in found.values()) >= order.filled
                if whole or not page or seen >= int(number(result, "count")):
                    break
        return sorted(found.values(), key=lambda one: (one.time_ms, one.trade_id))

    def activity(self, since_ms: int, symbols: Sequence[str]) -> Sequence[Activity]:
        """Return what moved the account since then, oldest first: deposits, withdrawals, trades of anybody, rewards."""
        self._names.add(symbols)
        with self._reading("the account's activity"):
            return activity(lambda method, asked, kind: self._result(method, asked, kind=kind), self._names, since_ms)

    def _time(self) -> tuple[int, int]:
        with self._reading("time"):
            return milliseconds(
                self._result("public_get_time", {}, kind="market_data"), "unixtime", seconds=True
            ), 1_000

    def _balances(self) -> Iterator[tuple[str, Balance]]:
        for name, one in self._result("private_post_balanceex", {}).items():
            entry = table(one, "a balance")
            total = number(entry, "balance")
            held = number(entry, "hold_trade")
            yield name, Balance(total, max(Decimal(0), total - held))

    def _book(self, symbol: str) -> tuple[Sequence[Any], Sequence[Any]]:
        result = self._result("public_get_depth", {"pair": self._theirs(symbol), "count": _LEVELS}, kind="market_data")
        ours = [one for name, one in result.items() if name in spellings(self.id, symbol)]
        same(len(ours), 1, "the market of the book")
        book = table(ours[0], "the book")
        return rows(book.get("bids"), "the list of bids"), rows(book.get("asks"), "the list of asks")

    def _order(self, ticket: Ticket) -> tuple[str, dict[str, Any]]:
        params: dict[str, Any] = {
            "pair": self._theirs(ticket.symbol),
            "type": "buy" if ticket.side > 0 else "sell",
            "ordertype": _TYPES[ticket.kind],
            "volume": quantity_of(ticket),
            "cl_ord_id": ticket.client_id,
            "deadline": self._deadline(ticket.deadline_ms),
            # Fees in quote: what was bought can be sold again whole.
            "oflags": "fciq",
        }
        if ticket.kind is TicketKind.STOP:
            params["price"] = price_of(ticket, ticket.trigger)
        elif ticket.kind is not TicketKind.MARKET:
            params["price"] = price_of(ticket, ticket.price)
        if ticket.kind is TicketKind.IOC:
            params["timeinforce"] = "IOC"
        return "private_post_addorder", params

    def _trial(self, ticket: Ticket) -> tuple[str, dict[str, Any]]:
        method, params = self._order(ticket)
        return method, params | {"validate": "true"}

    def _tried(self, data: Any) -> str:
        result = table(data["result"], "`result`")
        text(table(result.get("descr"), "`descr`"), "order")
        if result.get("txid"):
            raise WrongError("an order that was only to be judged has an id")
        return ""

    def _deadline(self, deadline_ms: int) -> str:
        now_ms = self.now_ms()
        if deadline_ms < now_ms + _DEADLINE_LEAST_MS:
            raise NotSentError(
                "too_late", f"its deadline is {deadline_ms - now_ms} ms ahead, kraken asks for {_DEADLINE_LEAST_MS}"
            )
        moment = min(deadline_ms, now_ms + _DEADLINE_MOST_MS - _WAY_MS)
        return (_EPOCH + timedelta(milliseconds=moment)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _accepted(self, data: Any, ticket: Ticket) -> str:
        result = table(data["result"], "`result`")
        ids = rows(result.get("txid"), "`txid`")
        if len(ids) != 1 or not isinstance(ids[0], str) or not ids[0]:
            raise MalformedError("`txid` is not one id")
        if "cl_ord_id" in result:
            same(result["cl_ord_id"], ticket.client_id, "the client id")
        # `buy 1.25 XBTUSD @ limit 27500.0`: our own order in Kraken's words.
        words = text(table(result.get("descr"), "`descr`"), "order").split()
        same(words[:1], ["buy" if ticket.side > 0 else "sell"], "the side")
        same(bool(words[2:]) and words[2] in spellings(self.id, ticket.symbol), True, "the market")
        return ids[0]

    def _pair(self, _stop: Ticket, _target: Ticket) -> tuple[str, dict[str, Any]]:
        raise NotSentError("no_pairs", "kraken cannot hold a stop and a target on one holding")

    def _pair_accepted(self, _data: Any, _stop: Ticket, _target: Ticket) -> str:
        raise MalformedError("a pair")

    def _cancellation(self, venue_id: str, _symbol: str) -> tuple[str, dict[str, Any]]:
        return "private_post_cancelorder", {"txid": venue_id}

    def _cancelled(self, data: Any, _venue_id: str) -> Cancelled:
        result = table(data["result"], "`result`")
        done = number(result, "count") == 1 and result.get("pending") in (None, False)
        return Cancelled.DONE if done else Cancelled.UNKNOWN

    def _result(self, method: str, params: dict[str, Any], *, kind: str = "read") -> dict[str, Any]:
        return table(self._client.read(method, params, kind=kind)["result"], "`result`")

    def _listed(self, method: str, key: str, params: dict[str, Any]) -> dict[str, Any]:
        return table(self._result(f"private_post_{method}", params).get(key), f"the list of {key} orders")

    def _parsed(self, venue_id: str, value: object) -> VenueOrder:
        entry = table(value, f"order {venue_id}")
        about = table(entry.get("descr"), "`descr`")
        status = _STATUSES.get(text(entry, "status"))
        if status is None:
            raise MalformedError("`status` is not known")
        kind, client_id = text(about, "ordertype"), str(entry.get("cl_ord_id") or "")
        first, second = (_price(about, name, ours=client_id.startswith(CLIENT_PREFIX)) for name in ("price", "price2"))
        waits = kind.startswith(_STOPS)
        flags = str(entry.get("oflags", "")).split(",")
        self._fee_in_base[venue_id] = "fcib" in flags
        return self._noted(
            VenueOrder(
                venue_id,
                client_id,
                self._names.symbol(text(about, "pair")),
                side(about, "type"),
                status,
                number(entry, "vol"),
                number(entry, "vol_exec"),
                second if waits else first,
                first if waits else Decimal(0),
                milliseconds(entry, "opentm", seconds=True),
            )
        )

    def _trade(self, trade_id: str, entry: dict[str, Any], order: VenueOrder) -> VenueTrade:
        same(side(entry, "type"), order.side, "the side of a trade")
        same(self._names.symbol(text(entry, "pair")), order.symbol, "the market of a trade")
        base, _, quote = order.symbol.partition("@")[0].partition("/")
        maker = entry.get("maker")
        return VenueTrade(
            trade_id,
            order.venue_id,
            order.symbol,
            order.side,
            number(entry, "vol"),
            number(entry, "price"),
            number(entry, "cost"),
            number(entry, "fee"),
            base if self._fee_in_base.get(order.venue_id) else quote,
            milliseconds(entry, "time", seconds=True),
            maker if isinstance(maker, bool) else None,
        )


def _price(about: dict[str, Any], name: str, *, ours: bool) -> Decimal:
    """Return a price of an order, 0 for none. Somebody else's may be relative (`+1.5%`): then it is none of ours to know."""
    try:
        return number(about, name) if about.get(name) not in (None, "") else Decimal(0)
    except MalformedError:
        if ours:
            raise
        return Decimal(0)
