"""Binance's trading endpoints."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from .binance_market import DOWN, MOST_ALGO, MOST_ORDERS, UP, listing_of
from .binance_reads import ORDER_IDS, list_row, order_row
from .listing import Listing
from .orders import LIMITS, STOPS, ZERO, Draft, Order, RefusedError
from .venue import Venue
from .views import shown
from .wire import Reply

KINDS = {
    "MARKET": "market", "LIMIT": "limit", "LIMIT_MAKER": "limit", "STOP_LOSS": "stop", "STOP_LOSS_LIMIT": "stop_limit",
    "TAKE_PROFIT": "take", "TAKE_PROFIT_LIMIT": "take_limit",
}  # fmt: skip

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")


class BinanceOrders:
    """order, order/test, orderList/oco and their cancellations."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.lists = 0

    def add(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Place an order; ACK, RESULT or FULL is answered."""
        order = self._submit(self._draft(params, params, "newClientOrderId"))
        reply.acted, reply.orders = True, [order.id]
        usual = "FULL" if params.get("type") in ("MARKET", "LIMIT") else "ACK"
        return self._placed(order, params.get("newOrderRespType", usual))

    def test(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Check an order and place nothing."""
        self._submit(self._draft(params, params, "newClientOrderId"), try_only=True)
        return {}

    def cancel(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Cancel one order, and the other leg of its list."""
        listing = listing_of(self.venue, params.get("symbol", ""))
        order = self._named(params, listing)
        self.venue.cancel(order)
        reply.acted, reply.orders = True, [order.id]
        row = order_row(self.venue, shown(self.venue, order))
        now = self.venue.clock.now_ms()
        named = params.get("newCancelClientOrderId") or params.get("newClientOrderId") or f"cancel{order.id}"
        return {**row, "origClientOrderId": row["clientOrderId"], "clientOrderId": named, "transactTime": now}

    def cancel_all(self, params: dict[str, str], reply: Reply) -> list[dict[str, Any]]:
        """Cancel every open order of a symbol."""
        listing = listing_of(self.venue, params.get("symbol", ""))
        orders = self.venue.open_orders(listing.symbol)
        if not orders:
            raise RefusedError("unknown_order")
        for order in orders:
            if order.is_open:
                self.venue.cancel(order)
        reply.acted, reply.orders = True, [order.id for order in orders]
        return [order_row(self.venue, shown(self.venue, order)) for order in orders]

    def add_oco(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Place two orders of which one cancels the other, as `above…` and `below…`."""
        legs = []
        for place in ("above", "below"):
            own = {"type": params.get(f"{place}Type", ""), "side": params.get("side", "")}
            for theirs, ours in (("Price", "price"), ("StopPrice", "stopPrice"), ("TimeInForce", "timeInForce")):
                if f"{place}{theirs}" in params:
                    own[ours] = params[f"{place}{theirs}"]
            own["newClientOrderId"] = params.get(f"{place}ClientOrderId", "")
            legs.append({**own, "symbol": params.get("symbol", ""), "quantity": params.get("quantity", "")})
        return self._pair(params, legs, reply)

    def add_old_oco(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Place the same with the former endpoint's names."""
        common = {name: params.get(name, "") for name in ("symbol", "side", "quantity")}
        limit = {**common, "type": "LIMIT_MAKER", "price": params.get("price", "")}
        stop = {**common, "type": "STOP_LOSS", "stopPrice": params.get("stopPrice", "")}
        limit["newClientOrderId"] = params.get("limitClientOrderId", "")
        stop["newClientOrderId"] = params.get("stopClientOrderId", "")
        if "stopLimitPrice" in params:
            stop |= {"type": "STOP_LOSS_LIMIT", "price": params["stopLimitPrice"], "timeInForce": "GTC"}
        return self._pair(params, [limit, stop] if params.get("side") == "SELL" else [stop, limit], reply)

    def cancel_list(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Cancel both legs of a list."""
        listing_of(self.venue, params.get("symbol", ""))
        for number, (client_id, _, order_ids) in self.venue.lists.items():
            if str(number) == params.get("orderListId") or client_id == params.get("listClientOrderId", ""):
                open_ones = [self.venue.orders[name] for name in order_ids if self.venue.orders[name].is_open]
                if open_ones:
                    self.venue.cancel(open_ones[0])
                    reply.acted, reply.orders = True, order_ids
                    return list_row(self.venue, number, reports=True)
        raise RefusedError("unknown_order")

    def _pair(self, params: dict[str, str], legs: list[dict[str, str]], reply: Reply) -> dict[str, Any]:
        above, below = (self._draft(leg, params, "newClientOrderId", trigger_checked=False) for leg in legs)
        last = self.venue.books[above.symbol].last
        stop, other = (above, below) if above.kind in STOPS else (below, above)
        if (
            stop.kind not in STOPS
            or other.kind not in ("limit", "take", "take_limit")
            or (other.kind == "limit" and not other.post)
        ):
            raise RefusedError("type")
        high, low = above.trigger or above.price, below.trigger or below.price
        if not high > last > low or (stop is below) != (above.side < 0):
            raise RefusedError("relation")
        list_client = params.get("listClientOrderId", "")
        if above.client_id and above.client_id == below.client_id:
            raise RefusedError("duplicate")
        for client_id, _, names in self.venue.lists.values():
            if client_id == list_client and any(self.venue.orders[name].is_open for name in names):
                raise RefusedError("duplicate")
        for draft in (above, below):
            self._submit(draft, try_only=True)
        self.lists += 1
        orders = [self._submit(draft, list_id=self.lists) for draft in (above, below)]
        ids = [order.id for order in orders]
        self.venue.lists[self.lists] = (list_client, self.venue.clock.now_ms(), ids)
        reply.acted, reply.orders = True, ids
        return list_row(self.venue, self.lists, reports=True)

    def _submit(self, draft: Draft, *, list_id: int = -1, try_only: bool = False) -> Order:
        number = str(ORDER_IDS + len(self.venue.orders))
        return self.venue.submit(draft, number, list_id=list_id, try_only=try_only)

    def _named(self, params: dict[str, str], listing: Listing) -> Order:
        wanted, client_id = params.get("orderId"), params.get("origClientOrderId")
        if wanted is None and not client_id:
            raise RefusedError("missing", "orderId")
        for order in self.venue.open_orders(listing.symbol):
            if (wanted is None or order.id == wanted) and client_id in (None, order.draft.client_id):
                return order
        raise RefusedError("unknown_order")

    def _draft(
        self, params: dict[str, str], whole: dict[str, str], named: str, *, trigger_checked: bool = True
    ) -> Draft:
        listing = listing_of(self.venue, params.get("symbol", ""))
        if listing.status != "online" or self.venue.mode != "online":
            raise RefusedError("closed")
        kind, side = KINDS.get(params.get("type", "")), {"BUY": 1, "SELL": -1}.get(params.get("side", ""))
        if kind is None:
            raise RefusedError("type")
        if side is None:
            raise RefusedError("missing", "side")
        quantity = _number(params, "quantity", needed="quoteOrderQty" not in params)
        price = _number(params, "price", needed=kind in LIMITS)
        trigger = _number(params, "stopPrice", needed=kind not in ("market", "limit"))
        spend = _number(params, "quoteOrderQty", needed=False)
        needs_time = kind in LIMITS and params["type"] != "LIMIT_MAKER"
        tif = params.get("timeInForce", "GTC" if trigger_checked is False else "").lower()
        if needs_time and tif not in ("gtc", "ioc", "fok"):
            raise RefusedError("missing", "timeInForce")
        client_id = params.get(named, "")
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            raise RefusedError("illegal", named)
        draft = Draft(listing.symbol, side, kind, quantity, price, trigger, spend, tif or "gtc",
                      params["type"] == "LIMIT_MAKER", client_id)  # fmt: skip
        self._filter(draft, listing, trigger_checked=trigger_checked)
        return draft

    def _filter(self, draft: Draft, listing: Listing, *, trigger_checked: bool) -> None:
        book = self.venue.books[draft.symbol]
        for price in (draft.price, draft.trigger):
            if price % listing.tick:
                raise RefusedError("PRICE_FILTER")
        if draft.price and not book.last * DOWN <= draft.price <= book.last * UP:
            raise RefusedError("PERCENT_PRICE_BY_SIDE")
        if not draft.spend and (draft.quantity < listing.min_quantity or draft.quantity % listing.lot):
            raise RefusedError("LOT_SIZE")
        worth = draft.spend or draft.quantity * (draft.price or draft.trigger or book.last)
        if worth < listing.min_notional:
            raise RefusedError(listing.notional_filter)
        resting = self.venue.open_orders(draft.symbol)
        if len(resting) >= MOST_ORDERS:
            raise RefusedError("MAX_NUM_ORDERS")
        if draft.trigger and len([order for order in resting if order.draft.trigger]) >= MOST_ALGO:
            raise RefusedError("MAX_NUM_ALGO_ORDERS")
        if draft.trigger and trigger_checked:
            upward = (draft.side > 0) == (draft.kind in STOPS)
            if book.last >= draft.trigger if upward else book.last <= draft.trigger:
                raise RefusedError("trigger")

    def _placed(self, order: Order, wanted: str) -> dict[str, Any]:
        row = {**order_row(self.venue, shown(self.venue, order)), "transactTime": order.opened_ms}
        if wanted == "ACK":
            return {key: row[key] for key in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
        for key in ("time", "updateTime", "isWorking", "origQuoteOrderQty", "icebergQty"):
            row.pop(key, None)
        row["workingTime"] = order.opened_ms
        if wanted == "FULL":
            row["fills"] = [
                {"price": f"{t.price:.8f}", "qty": f"{t.quantity:.8f}", "commission": f"{t.fee:.8f}",
                 "commissionAsset": t.fee_asset, "tradeId": t.number}
                for t in order.trades
            ]  # fmt: skip
        return row


def _number(params: dict[str, str], name: str, *, needed: bool) -> Decimal:
    text = params.get(name, "")
    if not text:
        if needed:
            raise RefusedError("missing", name)
        return ZERO
    if not _NUMBER.fullmatch(text):
        raise RefusedError("illegal", name)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise RefusedError("illegal", name) from None
    if -int(value.normalize().as_tuple().exponent) > 8:
        raise RefusedError("precision", name)
    return value
