"""Kraken's trading endpoints."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from .kraken_limits import Limits
from .kraken_market import KrakenMarket
from .listing import Listing
from .orders import LIMITS, ZERO, Draft, Order, RefusedError
from .venue import Venue
from .wire import Reply

KINDS = {
    "market": "market", "limit": "limit", "stop-loss": "stop", "stop-loss-limit": "stop_limit",
    "take-profit": "take", "take-profit-limit": "take_limit",
}  # fmt: skip

_CLIENT_ID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[\x21-\x7e]{1,18}")
_DEADLINE_MS = (1_500, 60_500)
"""Kraken says from 2 s to 60 s; half a second is given to the way and the clocks."""


class KrakenOrders:
    """AddOrder, CancelOrder, AmendOrder and the two that cancel everything."""

    def __init__(self, venue: Venue, limits: Limits) -> None:
        self.venue = venue
        self.limits = limits
        self.market = KrakenMarket(venue)
        self.switch_ms = 0
        self.arrived_ms = 0

    def add(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Place an order, or with `validate` only check it."""
        listing = self.market.listing(params.get("pair", ""))
        draft = self._draft(listing, params)
        self._check_time(params)
        for mode in (self.venue.mode, listing.status):
            if mode in ("cancel_only", "delisted"):
                raise RefusedError("cancel_only")
            if mode == "post_only" and not (draft.post and draft.kind == "limit"):
                raise RefusedError("post_only_mode")
        price = draft.price or draft.trigger or self.venue.books[listing.symbol].mid
        quantity = draft.quantity or draft.spend / price
        if quantity < listing.min_quantity:
            raise RefusedError("order_minimum")
        if quantity * price < listing.min_notional:
            raise RefusedError("cost_minimum")
        checked = params.get("validate", "").lower() in ("true", "1")
        if not checked and len(self.venue.open_orders(listing.symbol)) >= self.limits.open_most:
            raise RefusedError("orders")
        if not checked and not self.limits.place(listing.symbol):
            raise RefusedError("rate")
        order = self.venue.submit(draft, txid("O", len(self.venue.orders) + 1), try_only=checked)
        result: dict[str, Any] = {"descr": {"order": describe(order, listing)}}
        if not checked:
            result["txid"] = [order.id]
            reply.acted, reply.orders = True, [order.id]
        return result

    def cancel(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Cancel by txid, by client id, or all that carry a userref."""
        orders = self._named(params)
        if not orders:
            raise RefusedError("unknown_order")
        for order in orders:
            self._cancel(order)
        reply.acted, reply.orders = True, [order.id for order in orders]
        return {"count": len(orders)}

    def amend(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Change quantity, limit or trigger of an open order in place."""
        orders = self._named(params)
        if not orders:
            raise RefusedError("unknown_order")
        order = orders[0]
        if not self.limits.amend(order.draft.symbol, order.opened_ms):
            raise RefusedError("rate")
        self.venue.amend(
            order, _number(params, "order_qty"), _number(params, "limit_price"), _number(params, "trigger_price")
        )
        reply.acted, reply.orders = True, [order.id]
        return {"amend_id": txid("T", 500_000 + len(self.venue.orders))}

    def cancel_all(self, _: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Cancel every open order of the account."""
        orders = self.venue.open_orders()
        for order in orders:
            if order.is_open:
                self._cancel(order)
        reply.acted, reply.orders = bool(orders), [order.id for order in orders]
        return {"count": len(orders)}

    def cancel_after(self, params: dict[str, str], reply: Reply) -> dict[str, Any]:
        """Arm or disarm the dead man's switch."""
        seconds, now = int(params.get("timeout", "0")), self.venue.clock.now_ms()
        self.switch_ms = now + seconds * 1000 if seconds else 0
        reply.acted = True
        return {"currentTime": str(now), "triggerTime": str(self.switch_ms)}

    def tick(self) -> None:
        """Let the dead man's switch do its work."""
        if self.switch_ms and self.venue.clock.now_ms() >= self.switch_ms:
            self.switch_ms = 0
            self.cancel_all({}, Reply.of({}))

    def _cancel(self, order: Order) -> None:
        self.limits.cancel(order.draft.symbol, order.opened_ms)
        self.venue.cancel(order)

    def _named(self, params: dict[str, str]) -> list[Order]:
        if client_id := params.get("cl_ord_id"):
            return [order for order in self.venue.open_orders() if order.draft.client_id == client_id]
        name = params.get("txid", "")
        if name.lstrip("-").isdecimal():
            return [order for order in self.venue.open_orders() if order.draft.userref == int(name)]
        found = self.venue.orders.get(name)
        return [found] if found and found.is_open else []

    def _draft(self, listing: Listing, params: dict[str, str]) -> Draft:
        kind = KINDS.get(params.get("ordertype", ""))
        side = {"buy": 1, "sell": -1}.get(params.get("type", ""))
        if kind is None or side is None:
            raise RefusedError("arguments", "ordertype" if kind is None else "type")
        client_id, userref = params.get("cl_ord_id", ""), params.get("userref")
        if (client_id and userref is not None) or (client_id and not _CLIENT_ID.fullmatch(client_id)):
            raise RefusedError("arguments", "cl_ord_id")
        flags = params.get("oflags", "").split(",")
        post, tif = "post" in flags, params.get("timeinforce", "GTC").lower()
        if tif not in ("gtc", "ioc", "fok") or (post and (kind != "limit" or tif != "gtc")):
            raise RefusedError("arguments", "timeinforce" if not post else "oflags")
        volume, first, second = (_number(params, name) for name in ("volume", "price", "price2"))
        if volume <= 0 and "viqc" not in flags:
            raise RefusedError("arguments", "volume")
        if volume != volume.quantize(listing.lot) and "viqc" not in flags:
            raise RefusedError("arguments", "volume")
        price = first if kind == "limit" else second if kind in LIMITS else ZERO
        trigger = first if kind not in ("market", "limit") else ZERO
        for value, needed in ((price, kind in LIMITS), (trigger, kind not in ("market", "limit"))):
            if needed and value <= 0:
                raise RefusedError("arguments", "price")
            if value % listing.tick:
                raise RefusedError("tick")
        spend = volume if "viqc" in flags else ZERO
        return Draft(
            listing.symbol, side, kind, ZERO if spend else volume, price, trigger, spend, tif, post, client_id,
            int(userref) if userref else None, fee_in_base="fcib" in flags,
        )  # fmt: skip

    def _check_time(self, params: dict[str, str]) -> None:
        """Refuse what comes after its deadline; a deadline too far off or too near is no deadline."""
        if not (text := params.get("deadline")):
            return
        try:
            until = round(datetime.fromisoformat(text).timestamp() * 1000)
        except ValueError:
            raise RefusedError("arguments", "deadline") from None
        if self.venue.clock.now_ms() >= until:
            raise RefusedError("deadline")
        if not _DEADLINE_MS[0] <= until - self.arrived_ms <= _DEADLINE_MS[1]:
            raise RefusedError("arguments", "deadline")


def _number(params: dict[str, str], name: str) -> Decimal:
    try:
        value = Decimal(params.get(name) or "0")
    except InvalidOperation:
        raise RefusedError("arguments", name) from None
    if not value.is_finite():
        raise RefusedError("arguments", name)
    return value


def txid(letter: str, number: int) -> str:
    """Return an id in Kraken's shape: OABCDE-FGHIJ-KLMNOP."""
    digits, value = "", number * 2_654_435_761 % 2**40 + (number << 40)
    for _ in range(16):
        value, digit = divmod(value, 32)
        digits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit]
    return f"{letter}{digits[:5]}-{digits[5:10]}-{digits[10:16]}"


def describe(order: Order, listing: Listing) -> str:
    """Return Kraken's sentence for an order."""
    draft, places = order.draft, listing.price_decimals
    head = f"{'buy' if draft.side > 0 else 'sell'} {order.quantity:.8f} {listing.kraken_altname} @ "
    limit = f"limit {order.price:.{places}f}" if order.price else "market"
    if not draft.trigger:
        return head + limit
    word = "stop loss" if draft.kind.startswith("stop") else "take profit"
    return f"{head}{word} {draft.trigger:.{places}f}" + (f" -> {limit}" if order.price else "")
