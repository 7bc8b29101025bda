"""Kraken's REST dialect: keys, signatures, nonces and counters, then the endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from .kraken_limits import Limits
from .kraken_market import KrakenMarket
from .kraken_orders import KrakenOrders
from .kraken_reads import KrakenReads
from .orders import RefusedError
from .venue import Venue
from .wire import Reply, Request

KEY = "kraken-test-key"
SECRET = base64.b64encode(b"kraken test secret, known to everybody").decode()

TEXTS = {
    "funds": "EOrder:Insufficient funds",
    "duplicate": "EOrder:Duplicate cl_ord_id",
    "unknown_order": "EOrder:Unknown order",
    "unknown_pair": "EQuery:Unknown asset pair",
    "post_only": "EOrder:Post only order",
    "order_minimum": "EOrder:Order minimum not met",
    "cost_minimum": "EOrder:Cost minimum not met",
    "tick": "EOrder:Tick size check failed",
    "orders": "EOrder:Orders limit exceeded",
    "rate": "EOrder:Rate limit exceeded",
    "deadline": "EService:Deadline elapsed",
    "cancel_only": "EService:Market in cancel_only mode",
    "post_only_mode": "EService:Market in post_only mode",
    "unavailable": "EService:Unavailable",
    "arguments": "EGeneral:Invalid arguments",
}

_COSTS = {"AddOrder": 0, "CancelOrder": 0, "AmendOrder": 0, "EditOrder": 0, "Ledgers": 2, "TradesHistory": 2}
_TRADING = ("AddOrder", "CancelOrder", "AmendOrder", "CancelAll", "CancelAllOrdersAfter")
_WRONG_MOST = 20
_LOCKOUT_MS = 900_000


class Kraken:
    """The dialect over one account; `permissions` may be taken away, the key `revoked`."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.limits = Limits(venue.clock)
        self.key, self.secret = KEY, SECRET
        self.permissions = {"query", "trade"}
        self.revoked = False
        self.last_nonce = 0
        self.wrong = 0
        self.locked_until_ms = 0
        orders, reads, market = KrakenOrders(venue, self.limits), KrakenReads(venue), KrakenMarket(venue)
        self._orders = orders
        self._private: dict[str, Callable[[dict[str, str], Reply], Any]] = {
            "AddOrder": orders.add, "CancelOrder": orders.cancel, "AmendOrder": orders.amend, "CancelAll": orders.cancel_all,
            "CancelAllOrdersAfter": orders.cancel_after, "Balance": reads.balance, "BalanceEx": reads.balance_ex,
            "TradeBalance": reads.trade_balance, "OpenOrders": reads.open_orders, "ClosedOrders": reads.closed_orders,
            "QueryOrders": reads.query_orders, "QueryTrades": reads.query_trades, "TradesHistory": reads.trades_history,
            "Ledgers": reads.ledgers,
        }  # fmt: skip
        self._public: dict[str, Callable[[dict[str, str]], Any]] = {
            "Time": market.time, "SystemStatus": market.status, "Assets": market.assets, "AssetPairs": market.pairs,
            "OHLC": market.ohlc, "Trades": market.trades, "Ticker": market.ticker, "Depth": market.depth,
        }  # fmt: skip

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        reply = Reply.of({})
        self._orders.arrived_ms = request.arrived_ms
        part, name = request.path.split("/")[2:4]
        if name not in (self._public if part == "public" else self._private):
            return failed("EGeneral:Unknown method")
        try:
            if part == "public":
                if not self.limits.public(name, request.params.get("pair", "")):
                    raise RefusedError("text", "EAPI:Rate limit exceeded")
                if self.venue.mode == "maintenance" and name not in ("Time", "SystemStatus"):
                    raise RefusedError("unavailable")
                result = self._public[name](request.params)
            else:
                self._let_in(request, name)
                result = self._private[name](request.params, reply)
        except RefusedError as refused:
            text = refused.detail if refused.why == "text" else TEXTS[refused.why]
            if refused.why == "arguments" and refused.detail:
                text += f":{refused.detail}"
            return failed(text)
        answer = Reply.of({"error": [], "result": result})
        answer.acted, answer.orders = reply.acted, reply.orders
        return answer

    def tick(self) -> None:
        """Do what time brings: the dead man's switch."""
        self._orders.tick()

    def _let_in(self, request: Request, name: str) -> None:
        """Check key, signature, nonce and counter, in this order; raises RefusedError with the venue's words."""
        if self.venue.clock.now_ms() < self.locked_until_ms:
            raise RefusedError("text", "EGeneral:Temporary lockout")
        if request.method != "POST":
            raise RefusedError("text", "EGeneral:Unknown method")
        nonce = request.params.get("nonce", "")
        if request.headers.get("api-key") != self.key or self.revoked:
            self._count_wrong()
            raise RefusedError("text", "EAPI:Invalid key")
        digest = hashlib.sha256(nonce.encode() + request.body).digest()
        mac = hmac.new(base64.b64decode(self.secret), request.path.encode() + digest, hashlib.sha512).digest()
        if not hmac.compare_digest(base64.b64encode(mac).decode(), request.headers.get("api-sign", "")):
            self._count_wrong()
            raise RefusedError("text", "EAPI:Invalid signature")
        if not nonce.isdecimal() or int(nonce) <= self.last_nonce:
            self._count_wrong()
            raise RefusedError("text", "EAPI:Invalid nonce")
        self.last_nonce = int(nonce)
        self.wrong = 0
        if not self.limits.call(_COSTS.get(name, 1)):
            raise RefusedError("text", "EAPI:Rate limit exceeded")
        if ("trade" if name in _TRADING else "query") not in self.permissions:
            raise RefusedError("text", "EGeneral:Permission denied")
        if self.venue.mode == "maintenance":
            raise RefusedError("unavailable")

    def _count_wrong(self) -> None:
        self.wrong += 1
        if self.wrong >= _WRONG_MOST:
            self.wrong = 0
            self.locked_until_ms = self.venue.clock.now_ms() + _LOCKOUT_MS


def parameters(query: str, body: bytes, content: str) -> dict[str, str]:
    """Return the parameters of a request, from a form or from JSON."""
    found = dict(parse_qsl(query, keep_blank_values=True))
    if "json" in content:
        stated = json.loads(body or b"{}")
        found |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in stated.items()}
    else:
        found |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    return found


def failed(text: str) -> Reply:
    """Return an answer that refuses with these words."""
    return Reply.of({"error": [text]}, errors=[text])
