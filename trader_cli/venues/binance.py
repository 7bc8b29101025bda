"""A trading account at Binance spot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from trader_cli.model.orders import (
    Activity,
    Balance,
    Cancelled,
    Ticket,
    TicketKind,
    VenueOrder,
    VenueTrade,
    client_id_of,
)
from trader_cli.venues.account import Account, NotSentError, price_of, quantity_of
from trader_cli.venues.answers import MalformedError, WrongError, milliseconds, number, rows, same, side, table, text
from trader_cli.venues.binance_activity import UNTOLD, activity
from trader_cli.venues.client import Client

_STATUSES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "PENDING_CANCEL": "open",
    "PENDING_NEW": "pending",
    "FILLED": "closed",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
_PAGE = 1000
_BPS = Decimal(10_000)


class Binance(Account):
    """Binance: refusals are HTTP 400 with a code; an order is found by its client id on its market.

    stop_gap_bps: how far below its trigger a stop still sells, on markets that take no stop at market.
    """

    id = "binance"
    untold = UNTOLD

    def __init__(self, client: Client, rulebook: Any, recv_window_ms: int, stop_gap_bps: Decimal) -> None:
        super().__init__(client, rulebook)
        self._recv_window_ms = recv_window_ms
        self._stop_gap = stop_gap_bps / _BPS

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every open order of the account, foreign ones too."""
        with self._reading("open orders"):
            listed = rows(self._client.read("private_get_openorders", call="openOrders"), "the list of open orders")
            return [self._parsed(one) for one in listed]

    def find(self, client_id: str, symbol: str) -> VenueOrder | None:
        """Look an order up by its client id; None only where Binance says that it does not exist."""
        found = self._looked_up({"origClientOrderId": client_id}, symbol)
        with self._reading(f"order {client_id}"):
            if found is not None:
                same(found.client_id, client_id, "the client id of the order")
        return found

    def order(self, venue_id: str, symbol: str) -> VenueOrder | None:
        """Look an order up by the venue's id."""
        found = self._looked_up({"orderId": venue_id}, symbol)
        with self._reading(f"order {venue_id}"):
            if found is not None:
                same(found.venue_id, venue_id, "the id of the order")
        return found

    def trades(self, order: VenueOrder) -> Sequence[VenueTrade]:
        """Return every trade of an order, all pages, each once, oldest first."""
        theirs = self._theirs(order.symbol)
        asked: dict[str, Any] = {"symbol": theirs, "orderId": order.venue_id, "limit": _PAGE}
        found: dict[int, VenueTrade] = {}
        with self._reading(f"trades of {order.venue_id}"):
            while True:
                page = rows(
                    self._client.read(
                        "private_get_mytrades", asked, kind="history", symbol=order.symbol, call="myTrades"
                    ),
                    "the list of trades",
                )
                for one in page:
                    entry = table(one, "a trade")
                    same(text(entry, "symbol"), theirs, "the market of a trade")
                    if text(entry, "orderId") == order.venue_id:
                        found[int(number(entry, "id"))] = self._trade(entry, order)
                if len(page) < _PAGE:
                    break
                # Without a beginning Binance gives the newest; a full page means that there may be older ones.
                following = max(int(number(one, "id")) for one in page) + 1 if "fromId" in asked else 1
                if following <= asked.get("fromId", 0):
                    raise MalformedError("the page of trades does not go on")
                asked["fromId"] = following
        return sorted(found.values(), key=lambda one: (one.time_ms, int(one.trade_id)))

    def activity(self, since_ms: int, symbols: Sequence[str]) -> Sequence[Activity]:
        """Return what the trades on these markets changed since then, anybody's, oldest first."""

        def ask(method: str, asked: dict[str, Any], kind: str, call: str) -> Any:
            return self._client.read(method, asked, kind=kind, call=call)

        self._names.add(symbols)
        with self._reading("the account's activity"):
            found = [one for symbol in symbols for one in activity(ask, symbol, self._theirs(symbol), since_ms)]
        return sorted(found, key=lambda one: (one.time_ms, one.reference))

    def _time(self) -> tuple[int, int]:
        with self._reading("time"):
            answer = table(self._client.read("public_get_time", kind="market_data", call="time"), "the answer")
            return milliseconds(answer, "serverTime"), 0

    def _balances(self) -> Iterator[tuple[str, Balance]]:
        answer = table(
            self._client.read("private_get_account", {"omitZeroBalances": "true"}, call="account"), "the account"
        )
        for one in rows(answer.get("balances"), "the list of balances"):
            entry = table(one, "a balance")
            free = number(entry, "free")
            yield text(entry, "asset"), Balance(free + number(entry, "locked"), free)

    def _book(self, symbol: str) -> tuple[Sequence[Any], Sequence[Any]]:
        asked = {"symbol": self._theirs(symbol), "limit": 5}
        book = table(self._client.read("public_get_depth", asked, kind="market_data", call="depth"), "the book")
        return rows(book.get("bids"), "the list of bids"), rows(book.get("asks"), "the list of asks")

    def _order(self, ticket: Ticket) -> tuple[str, dict[str, Any]]:
        params = self._signed_until(ticket.deadline_ms) | {
            "symbol": self._theirs(ticket.symbol),
            "side": "BUY" if ticket.side > 0 else "SELL",
            "quantity": quantity_of(ticket),
            "newClientOrderId": ticket.client_id,
        }
        if ticket.kind is TicketKind.MARKET:
            # Never with a price: it would be taken for an amount of quote to spend.
            params["type"] = "MARKET"
        elif ticket.kind is TicketKind.STOP:
            params |= self._stop(ticket, "type", "stopPrice", "price", "timeInForce")
        else:
            params["type"] = "LIMIT"
            params["price"] = price_of(ticket, ticket.price)
            params["timeInForce"] = "IOC" if ticket.kind is TicketKind.IOC else "GTC"
        return "private_post_order", params

    def _trial(self, ticket: Ticket) -> tuple[str, dict[str, Any]]:
        _, params = self._order(ticket)
        return "private_post_order_test", params

    def _tried(self, data: Any) -> str:
        if "orderId" in table(data, "the answer"):
            raise WrongError("an order that was only to be judged has an id")
        return ""

    def _accepted(self, data: Any, ticket: Ticket) -> str:
        answer = table(data, "the answer")
        return self._ack(answer, ticket)

    def _pair(self, stop: Ticket, target: Ticket) -> tuple[str, dict[str, Any]]:
        if stop.quantity != target.quantity or (stop.side, target.side) != (-1, -1):
            raise NotSentError("uneven_pair", "a stop and a target of one holding sell the same quantity")
        params = self._signed_until(min(stop.deadline_ms, target.deadline_ms)) | {
            "symbol": self._theirs(stop.symbol),
            "side": "SELL",
            "quantity": quantity_of(stop),
            "listClientOrderId": client_id_of(f"{stop.key}|pair"),
            "aboveType": "LIMIT_MAKER",
            "abovePrice": price_of(target, target.price),
            "aboveClientOrderId": target.client_id,
            "belowClientOrderId": stop.client_id,
        }
        params |= self._stop(stop, "belowType", "belowStopPrice", "belowPrice", "belowTimeInForce")
        return "private_post_orderlist_oco", params

    def _pair_accepted(self, data: Any, stop: Ticket, target: Ticket) -> str:
        answer = table(data, "the answer")
        same(text(answer, "symbol"), self._theirs(stop.symbol), "the market")
        number(answer, "orderListId")
        legs = [table(one, "a leg") for one in rows(answer.get("orders"), "the list of legs")]
        same({one.get("clientOrderId") for one in legs}, {stop.client_id, target.client_id}, "a leg's client id")
        ids = {text(one, "clientOrderId"): self._ack(one, stop, one["clientOrderId"]) for one in legs}
        return f"{ids[stop.client_id]},{ids[target.client_id]}"

    def _cancellation(self, venue_id: str, symbol: str) -> tuple[str, dict[str, Any]]:
        return "private_delete_order", {"symbol": self._theirs(symbol), "orderId": venue_id}

    def _cancelled(self, data: Any, venue_id: str) -> Cancelled:
        answer = table(data, "the answer")
        if "orderReports" in answer:
            # One leg of a pair was cancelled: both were, and the answer is about the pair.
            reports = [table(one, "a report") for one in rows(answer["orderReports"], "the list of reports")]
            answer = next((one for one in reports if text(one, "orderId") == venue_id), {})
        same(text(answer, "orderId"), venue_id, "the id of the order")
        return Cancelled.DONE if answer.get("status") == "CANCELED" else Cancelled.UNKNOWN

    def _looked_up(self, asked: dict[str, Any], symbol: str) -> VenueOrder | None:
        def read() -> VenueOrder:
            answer = self._client.read(
                "private_get_order", {"symbol": self._theirs(symbol)} | asked, symbol=symbol, call="order"
            )
            order = self._parsed(answer)
            same(order.symbol, symbol, "the market of the order")
            return order

        self._names.add([symbol])
        with self._reading("an order"):
            return self._found(read)

    def _signed_until(self, deadline_ms: int) -> dict[str, Any]:
        """Return the moment of a request and how long it may be taken: not beyond the deadline."""
        now_ms = self.now_ms()
        if deadline_ms <= now_ms:
            raise NotSentError("too_late", f"its deadline passed {now_ms - deadline_ms} ms ago")
        return {"timestamp": now_ms, "recvWindow": min(self._recv_window_ms, deadline_ms - now_ms)}

    def _stop(self, ticket: Ticket, kind: str, trigger: str, price: str, tif: str) -> dict[str, Any]:
        if "STOP_LOSS" in self._types(ticket.symbol):
            return {kind: "STOP_LOSS", trigger: price_of(ticket, ticket.trigger)}
        rules = self._rulebook.rules([ticket.symbol]).get(ticket.symbol)
        if rules is None:
            raise NotSentError("unknown_market", f"the rules of `{ticket.symbol}` are not known")
        least = Decimal(price_of(ticket, ticket.trigger)) * (1 - self._stop_gap)
        limit = (least / rules.tick).to_integral_value(ROUND_DOWN) * rules.tick
        if limit <= 0:
            raise NotSentError("bad_price", f"a stop at {price_of(ticket, ticket.trigger)} leaves no limit above 0")
        return {
            kind: "STOP_LOSS_LIMIT",
            trigger: price_of(ticket, ticket.trigger),
            price: f"{limit:f}",
            tif: "GTC",
        }

    def _types(self, symbol: str) -> list[Any]:
        entry = self._rulebook.raw([symbol]).get(symbol)
        types = None if entry is None else entry.get("orderTypes")
        if not isinstance(types, list):
            raise NotSentError("unknown_market", f"binance does not trade `{symbol}`")
        return types

    def _ack(self, answer: dict[str, Any], ticket: Ticket, client_id: str = "") -> str:
        same(text(answer, "symbol"), self._theirs(ticket.symbol), "the market")
        same(text(answer, "clientOrderId"), client_id or ticket.client_id, "the client id")
        if "side" in answer:
            same(side(answer, "side"), ticket.side, "the side")
        if answer.get("status") == "REJECTED":
            raise MalformedError("`status` is REJECTED beside an order id")
        return str(int(number(answer, "orderId")))

    def _parsed(self, value: object) -> VenueOrder:
        entry = table(value, "the order")
        status = _STATUSES.get(text(entry, "status"))
        if status is None:
            raise MalformedError("`status` is not known")
        trigger = entry.get("stopPrice")
        if status == "open":
            works = entry.get("isWorking")
            if not isinstance(works, bool):
                raise MalformedError("`isWorking` is missing")
            # A stop that waits for its trigger is not in the book yet; one that was triggered and rests is another matter.
            status = "open" if works else "pending"
        return self._noted(
            VenueOrder(
                str(int(number(entry, "orderId"))),
                text(entry, "clientOrderId"),
                self._names.symbol(text(entry, "symbol")),
                side(entry, "side"),
                status,
                number(entry, "origQty"),
                number(entry, "executedQty"),
                number(entry, "price"),
                number(entry, "stopPrice") if trigger is not None else Decimal(0),
                milliseconds(entry, "time"),
            )
        )

    def _trade(self, entry: dict[str, Any], order: VenueOrder) -> VenueTrade:
        buyer, maker = entry.get("isBuyer"), entry.get("isMaker")
        if not isinstance(buyer, bool):
            raise MalformedError("`isBuyer` is missing")
        same(1 if buyer else -1, order.side, "the side of a trade")
        return VenueTrade(
            str(int(number(entry, "id"))),
            order.venue_id,
            order.symbol,
            order.side,
            number(entry, "qty"),
            number(entry, "price"),
            number(entry, "quoteQty"),
            number(entry, "commission"),
            text(entry, "commissionAsset"),
            milliseconds(entry, "time"),
            maker if isinstance(maker, bool) else None,
        )
