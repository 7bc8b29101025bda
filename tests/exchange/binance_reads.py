"""Binance's private reads: account, orders, lists and trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .binance_market import listing_of
from .orders import Order, RefusedError, Trade
from .venue import Venue
from .views import Shown, find, trades
from .wire import Reply

ORDER_IDS = 1_000_001
_STATUS = {"filled": "FILLED", "cancelled": "CANCELED", "expired": "EXPIRED"}
_NAMES = {"market": "MARKET", "limit": "LIMIT", "stop": "STOP_LOSS", "stop_limit": "STOP_LOSS_LIMIT", "take": "TAKE_PROFIT",
          "take_limit": "TAKE_PROFIT_LIMIT"}  # fmt: skip


class BinanceReads:
    """Everything that is asked and changes nothing."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def account(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return balances and what the account may do."""
        rows = []
        names = set(self.venue.account.totals) | {x for y in self.venue.listings.values() for x in (y.base, y.quote)}
        for name in sorted(names):
            locked, total = self.venue.reserved(name), self.venue.account.total(name)
            if total or params.get("omitZeroBalances") != "true":
                rows.append({"asset": name, "free": f"{total - locked:.8f}", "locked": f"{locked:.8f}"})
        rate = f"{self.venue.taker_fee:.8f}"
        return {
            "makerCommission": 10, "takerCommission": 10, "buyerCommission": 0, "sellerCommission": 0,
            "commissionRates": {"maker": f"{self.venue.maker_fee:.8f}", "taker": rate, "buyer": "0", "seller": "0"},
            "canTrade": True, "canWithdraw": False, "canDeposit": True, "brokered": False, "requireSelfTradePrevention": False,
            "preventSor": False, "updateTime": self.venue.clock.now_ms(), "accountType": "SPOT", "balances": rows,
            "permissions": ["SPOT"], "uid": 1,
        }  # fmt: skip

    def order(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return one order by id or client id; of several with a client id the newest."""
        symbol = listing_of(self.venue, params.get("symbol", "")).symbol
        wanted, client_id = params.get("orderId"), params.get("origClientOrderId")
        if wanted is None and not client_id:
            raise RefusedError("missing", "orderId")
        found = find(
            self.venue,
            lambda o: o.draft.symbol == symbol and wanted in (None, o.id) and client_id in (None, o.draft.client_id),
        )
        if not found:
            raise RefusedError("absent")
        return order_row(self.venue, found[-1])

    def open_orders(self, params: dict[str, str], _: Reply) -> list[dict[str, Any]]:
        """Return the open orders of a symbol or of all."""
        symbol = listing_of(self.venue, params["symbol"]).symbol if "symbol" in params else None
        found = find(self.venue, lambda order: symbol in (None, order.draft.symbol))
        return [order_row(self.venue, shown) for shown in found if shown.status == "open"]

    def all_orders(self, params: dict[str, str], _: Reply) -> list[dict[str, Any]]:
        """Return a symbol's orders: the newest, or from an id or a time on."""
        symbol = listing_of(self.venue, params.get("symbol", "")).symbol
        least, start = int(params.get("orderId", "0")), int(params.get("startTime", "0"))
        end, most = int(params.get("endTime", str(2**62))), min(1000, int(params.get("limit", "500")))

        def wanted(order: Order) -> bool:
            return order.draft.symbol == symbol and int(order.id) >= least and start <= order.opened_ms <= end

        rows = [order_row(self.venue, shown) for shown in find(self.venue, wanted)]
        return rows[:most] if least or start else rows[-most:]

    def my_trades(self, params: dict[str, str], _: Reply) -> list[dict[str, Any]]:
        """Return a symbol's trades: the newest, or from an id or a time on, or of one order."""
        symbol = listing_of(self.venue, params.get("symbol", "")).symbol
        order_id, least, start = (
            params.get("orderId"),
            int(params.get("fromId", "0")),
            int(params.get("startTime", "0")),
        )
        end, most = int(params.get("endTime", str(2**62))), min(1000, int(params.get("limit", "500")))

        def wanted(trade: Trade) -> bool:
            fits = trade.symbol == symbol and order_id in (None, trade.order_id)
            return fits and trade.number >= least and start <= trade.time_ms <= end

        found = trades(self.venue, wanted)
        found = found[:most] if least or start else found[-most:]
        return [self._trade(trade) for trade in found]

    def order_list(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return one list by id or client id."""
        for number, (client_id, _when, _names) in self.venue.lists.items():
            if str(number) == params.get("orderListId") or client_id == params.get("origClientOrderId", ""):
                return list_row(self.venue, number)
        raise RefusedError("absent_list")

    def open_lists(self, _: dict[str, str], __: Reply) -> list[dict[str, Any]]:
        """Return the lists whose legs are open."""
        return [
            list_row(self.venue, number)
            for number, (_, _, names) in self.venue.lists.items()
            if any(self.venue.orders[name].is_open for name in names)
        ]

    def all_lists(self, _: dict[str, str], __: Reply) -> list[dict[str, Any]]:
        """Return every list."""
        return [list_row(self.venue, number) for number in self.venue.lists]

    def _trade(self, trade: Trade) -> dict[str, Any]:
        return {
            "symbol": self.venue.listings[trade.symbol].binance_id, "id": trade.number, "orderId": int(trade.order_id),
            "orderListId": self.venue.orders[trade.order_id].list_id, "price": f"{trade.price:.8f}",
            "qty": f"{trade.quantity:.8f}", "quoteQty": f"{trade.cost:.8f}", "commission": f"{trade.fee:.8f}",
            "commissionAsset": trade.fee_asset, "time": trade.time_ms, "isBuyer": trade.side > 0, "isMaker": trade.maker,
            "isBestMatch": True,
        }  # fmt: skip


def order_row(venue: Venue, shown: Shown) -> dict[str, Any]:
    """Return an order as Binance states it."""
    order, draft = shown.order, shown.order.draft
    status = _STATUS.get(shown.status) or ("PARTIALLY_FILLED" if shown.filled else "NEW")
    updated = max([order.opened_ms, order.closed_ms, *(trade.time_ms for trade in shown.trades)])
    return {
        "symbol": venue.listings[draft.symbol].binance_id,
        "orderId": int(order.id),
        "orderListId": order.list_id,
        "clientOrderId": draft.client_id or f"web_{order.id}",
        "price": f"{draft.price:.8f}",
        "origQty": f"{order.quantity:.8f}",
        "executedQty": f"{shown.filled:.8f}",
        "cummulativeQuoteQty": f"{shown.cost:.8f}",
        "origQuoteOrderQty": f"{draft.spend:.8f}",
        "status": status,
        "timeInForce": draft.tif.upper(),
        "type": "LIMIT_MAKER" if draft.post else _NAMES[draft.kind],
        "side": "BUY" if draft.side > 0 else "SELL",
        "stopPrice": f"{draft.trigger:.8f}",
        "icebergQty": f"{Decimal(0):.8f}",
        "time": order.opened_ms,
        "updateTime": updated,
        "isWorking": not order.is_waiting,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def list_row(venue: Venue, number: int, *, reports: bool = False) -> dict[str, Any]:
    """Return an order list as Binance states it."""
    client_id, opened_ms, names = venue.lists[number]
    orders = [venue.orders[name] for name in names]
    done = not any(order.is_open for order in orders)
    symbol = venue.listings[orders[0].draft.symbol].binance_id
    row: dict[str, Any] = {
        "orderListId": number, "contingencyType": "OCO", "listStatusType": "ALL_DONE" if done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if done else "EXECUTING", "listClientOrderId": client_id, "transactionTime": opened_ms,
        "symbol": symbol,
        "orders": [{"symbol": symbol, "orderId": int(o.id), "clientOrderId": o.draft.client_id} for o in orders],
    }  # fmt: skip
    if reports:
        row["orderReports"] = [
            {**order_row(venue, Shown(order, order.status, order.trades)), "transactTime": opened_ms}
            for order in orders
        ]
    return row
