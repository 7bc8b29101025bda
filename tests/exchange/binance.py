"""Binance's spot REST dialect: keys, signatures, times and weights, then the endpoint."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from .binance_limits import Limits, failed
from .binance_market import BinanceMarket
from .binance_orders import BinanceOrders
from .binance_reads import BinanceReads
from .orders import RefusedError
from .venue import Venue
from .wire import Reply, Request

KEY = "binance-test-key"
SECRET = "binance test secret, known to everybody"  # noqa: S105

_FILTER = "Filter failure: "
TEXTS: dict[str, tuple[int, int, str]] = {
    "funds": (400, -2010, "Account has insufficient balance for requested action."),
    "duplicate": (400, -2010, "Duplicate order sent."),
    "post_only": (400, -2010, "Order would immediately match and take."),
    "trigger": (400, -2010, "Stop price would trigger immediately."),
    "relation": (400, -2010, "The relationship of the prices for the orders is not correct."),
    "unknown_order": (400, -2011, "Unknown order sent."),
    "absent": (400, -2013, "Order does not exist."),
    "absent_list": (400, -2018, "Order list does not exist."),
    "unknown_pair": (400, -1121, "Invalid symbol."),
    "closed": (400, -1013, "Market is closed."),
    "interval": (400, -1120, "Invalid interval."),
    "key_format": (401, -2014, "API-key format invalid."),
    "key": (401, -2015, "Invalid API-key, IP, or permissions for action."),
    "signature": (400, -1022, "Signature for this request is not valid."),
    "ahead": (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
    "behind": (400, -1021, "Timestamp for this request is outside of the recvWindow."),
    "window": (400, -1131, "recvWindow must be less than 60000"),
    "maintenance": (503, -1016, "This service is no longer available."),
}
for _name in ("PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "MIN_NOTIONAL", "PERCENT_PRICE_BY_SIDE", "MAX_NUM_ORDERS",
              "MAX_NUM_ALGO_ORDERS"):  # fmt: skip
    TEXTS[_name] = (400, -1013, _FILTER + _name)

_TRADING = ("POST", "DELETE", "PUT")
Handler = Callable[[dict[str, str], Reply], Any]


class Binance:
    """The dialect over one account; `permissions` may be taken away, the key `revoked`."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.limits = Limits(venue.clock)
        self.key, self.secret = KEY, SECRET
        self.permissions = {"query", "trade"}
        self.revoked = False
        orders, reads, market = BinanceOrders(venue), BinanceReads(venue), BinanceMarket(venue, self.limits)
        self._public: dict[str, tuple[int, Callable[[dict[str, str]], Any]]] = {
            "ping": (1, lambda _: {}), "time": (1, market.time), "exchangeInfo": (20, market.info),
            "klines": (2, market.klines), "depth": (5, market.depth), "ticker/bookTicker": (2, market.book_ticker),
            "ticker/price": (2, market.price), "ticker/24hr": (2, market.day),
        }  # fmt: skip
        self._private: dict[tuple[str, str], tuple[int, int, Handler]] = {
            ("POST", "order"): (1, 1, orders.add), ("POST", "order/test"): (1, 0, orders.test),
            ("DELETE", "order"): (1, 0, orders.cancel), ("DELETE", "openOrders"): (1, 0, orders.cancel_all),
            ("POST", "orderList/oco"): (1, 2, orders.add_oco), ("POST", "order/oco"): (1, 2, orders.add_old_oco),
            ("DELETE", "orderList"): (1, 0, orders.cancel_list),
            ("GET", "order"): (4, 0, reads.order), ("GET", "openOrders"): (6, 0, reads.open_orders),
            ("GET", "allOrders"): (20, 0, reads.all_orders), ("GET", "myTrades"): (20, 0, reads.my_trades),
            ("GET", "account"): (20, 0, reads.account), ("GET", "orderList"): (4, 0, reads.order_list),
            ("GET", "openOrderList"): (6, 0, reads.open_lists), ("GET", "allOrderList"): (20, 0, reads.all_lists),
        }  # fmt: skip

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        name = request.path.removeprefix("/api/v3/")
        public, private = self._public.get(name), self._private.get((request.method, name))
        if public is None and private is None:
            return failed(404, -1, "Not found")
        weight = private[0] if private else public[0] if public else 0
        if name == "openOrders" and "symbol" not in request.params:
            weight = 80
        if refusal := self.limits.weigh(weight):
            return refusal
        reply = Reply.of({})
        try:
            if self.venue.mode == "maintenance" and name not in ("time", "ping"):
                raise RefusedError("maintenance")
            if public:
                result = public[1](request.params)
            else:
                assert private is not None
                self._let_in(request)
                if refusal := self.limits.order(private[1]):
                    return refusal
                result = private[2](request.params, reply)
        except RefusedError as refused:
            answer = failed(*self._words(refused))
        else:
            answer = Reply.of(result)
        answer.acted, answer.orders = reply.acted, reply.orders
        answer.headers |= self.limits.headers(orders=bool(private and private[1]))
        return answer

    def tick(self) -> None:
        """Do what time brings: nothing here."""

    def _words(self, refused: RefusedError) -> tuple[int, int, str]:
        if refused.why == "missing":
            return 400, -1102, f"Mandatory parameter '{refused.detail}' was not sent, was empty/null, or malformed."
        if refused.why == "illegal":
            return 400, -1100, f"Illegal characters found in parameter '{refused.detail}'."
        if refused.why == "precision":
            return 400, -1111, f"Parameter '{refused.detail}' has too much precision."
        if refused.why == "type":
            return 400, -1116, "Invalid orderType."
        return TEXTS[refused.why]

    def _let_in(self, request: Request) -> None:
        """Check key, signature and time; raises RefusedError."""
        key = request.headers.get("x-mbx-apikey", "")
        if not key:
            raise RefusedError("key_format")
        needed = "trade" if request.method in _TRADING else "query"
        if key != self.key or self.revoked or needed not in self.permissions:
            raise RefusedError("key")
        signed, _, signature = (request.query + request.body.decode()).rpartition("signature=")
        mac = hmac.new(self.secret.encode(), signed.rstrip("&").encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(mac, signature):
            raise RefusedError("signature")
        if not request.params.get("timestamp", "").isdecimal():
            raise RefusedError("missing", "timestamp")
        stamp, window = int(request.params["timestamp"]), float(request.params.get("recvWindow", "5000"))
        if window > 60_000:
            raise RefusedError("window")
        now = self.venue.clock.now_ms()
        if stamp >= request.arrived_ms + 1_000:
            raise RefusedError("ahead")
        if now - stamp > window:
            raise RefusedError("behind")
