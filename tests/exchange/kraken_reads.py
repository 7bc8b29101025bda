"""Kraken's private reads: balances, orders, trades and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from .kraken_orders import KINDS, describe, txid
from .listing import kraken_asset
from .orders import RefusedError, Trade
from .venue import Venue
from .views import Shown, find, trades
from .wire import Reply

_PAGE = 50
_STATUS = {"open": "open", "filled": "closed", "cancelled": "canceled", "expired": "canceled"}
_NAMES = {ours: theirs for theirs, ours in KINDS.items()}
T = TypeVar("T")


class KrakenReads:
    """Everything that is asked and changes nothing."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def balance(self, _: dict[str, str], __: Reply) -> dict[str, str]:
        """Return the totals."""
        return {kraken_asset(name): amount(total) for name, total in self.venue.account.totals.items()}

    def balance_ex(self, _: dict[str, str], __: Reply) -> dict[str, Any]:
        """Return the totals and what open orders hold."""
        return {
            kraken_asset(name): {"balance": amount(total), "hold_trade": amount(self.venue.reserved(name))}
            for name, total in self.venue.account.totals.items()
        }

    def trade_balance(self, _: dict[str, str], __: Reply) -> dict[str, str]:
        """Return what everything is worth in USD."""
        worth = Decimal(0)
        for name, total in self.venue.account.totals.items():
            book = self.venue.books.get(f"{name}/USD")
            worth += total if name == "USD" else total * book.mid if book else Decimal(0)
        return {"eb": f"{worth:.4f}", "tb": f"{worth:.4f}", "m": "0.0000", "e": f"{worth:.4f}", "mf": f"{worth:.4f}"}

    def open_orders(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return every open order, or those with a client id or userref."""
        found = [shown for shown in self._found(params) if shown.status == "open"]
        return {"open": {shown.order.id: self._order(shown, params) for shown in reversed(found)}}

    def closed_orders(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return 50 ended orders from `ofs` on, the newest first."""
        found = [shown for shown in self._found(params) if shown.status != "open"]
        found.sort(key=lambda shown: (shown.order.closed_ms, shown.order.opened_ms), reverse=True)
        first, last = self._moments(
            params, lambda name: self.venue.orders[name].opened_ms if name in self.venue.orders else 0
        )
        found = [
            shown
            for shown in found
            if any(first < at <= last for at in (shown.order.opened_ms, shown.order.closed_ms)) or first < 0
        ]
        page = _page(found, params)
        count = {} if params.get("without_count") == "true" else {"count": len(found)}
        return {"closed": {shown.order.id: self._order(shown, params) for shown in page}, **count}

    def query_orders(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return orders by id; one that is not known refuses the whole question."""
        wanted = params.get("txid", "").split(",")
        found = {
            shown.order.id: shown for shown in self._found({key: params[key] for key in ("userref",) if key in params})
        }
        if "userref" not in params and any(name not in found for name in wanted):
            raise RefusedError("unknown_order")
        return {name: self._order(found[name], params) for name in wanted if name in found}

    def query_trades(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return trades by id."""
        wanted = params.get("txid", "").split(",")
        return {trade_id(t): self._trade(t) for t in trades(self.venue, lambda t: trade_id(t) in wanted)}

    def trades_history(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return 50 trades from `ofs` on, the newest first."""
        times = {trade_id(trade): trade.time_ms for trade in self.venue.trades}
        first, last = self._moments(params, lambda name: times.get(name, 0))
        found = trades(self.venue, lambda trade: first < trade.time_ms <= last)[::-1]
        page = _page(found, params)
        return {"trades": {trade_id(trade): self._trade(trade) for trade in page}, "count": len(found)}

    def ledgers(self, params: dict[str, str], _: Reply) -> dict[str, Any]:
        """Return 50 entries from `ofs` on, the newest first."""
        running: dict[str, Decimal] = {}
        rows: list[tuple[str, dict[str, Any]]] = []
        # An entry of a trade refers to it by the id that the history of trades gives it.
        names = {trade.id: trade_id(trade) for trade in self.venue.trades}
        fees = {(e.reference, e.asset): -e.amount for e in self.venue.account.entries if e.kind == "fee"}
        for number, entry in enumerate(self.venue.account.entries, start=1):
            running[entry.asset] = running.get(entry.asset, Decimal(0)) + entry.amount
            if entry.kind == "fee":
                continue
            fee = fees.get((entry.reference, entry.asset), Decimal(0)) if entry.kind == "trade" else Decimal(0)
            refid = names.get(entry.reference, entry.reference) or f"R{number}"
            row = {
                "aclass": "currency", "amount": amount(entry.amount), "asset": kraken_asset(entry.asset),
                "balance": amount(running[entry.asset] - fee), "fee": amount(fee), "refid": refid,
                "time": entry.time_ms / 1000, "type": entry.kind, "subtype": "",
            }  # fmt: skip
            rows.append((txid("L", number), row))
        asked = params.get("asset", "all").split(",")
        rows = [(key, row) for key, row in rows[::-1] if asked == ["all"] or row["asset"] in asked]
        return {"ledger": dict(_page(rows, params)), "count": len(rows)}

    def _found(self, params: dict[str, str]) -> list[Shown]:
        client_id, userref = params.get("cl_ord_id"), params.get("userref")
        return find(
            self.venue,
            lambda order: client_id in (None, order.draft.client_id) and userref in (None, str(order.draft.userref)),
        )

    def _moments(self, params: dict[str, str], opened: Callable[[str], int]) -> tuple[int, int]:
        """Return the times after `start` and up to `end`, each a number of seconds or an id."""
        edges = []
        for name, other in (("start", -1), ("end", 2**62)):
            text = params.get(name)
            number = bool(text) and text.replace(".", "", 1).isdecimal()  # type: ignore[union-attr]
            edges.append(other if not text else round(float(text) * 1000) if number else opened(text))
        return edges[0], edges[1]

    def _order(self, shown: Shown, params: dict[str, str]) -> dict[str, Any]:
        order, draft = shown.order, shown.order.draft
        listing = self.venue.listings[draft.symbol]
        places = listing.price_decimals
        first, second = (draft.trigger, draft.price) if draft.trigger else (draft.price, Decimal(0))
        row: dict[str, Any] = {
            "refid": None,
            "userref": draft.userref,
            **({"cl_ord_id": draft.client_id} if draft.client_id else {}),
            "status": _STATUS[shown.status],
            "opentm": order.opened_ms / 1000,
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": listing.kraken_altname,
                "type": "buy" if draft.side > 0 else "sell",
                "ordertype": _NAMES[draft.kind],
                "price": f"{first:.{places}f}" if first else "0",
                "price2": f"{second:.{places}f}" if second else "0",
                "leverage": "none",
                "order": describe(order, listing),
                "close": "",
            },
            "vol": f"{order.quantity:.8f}",
            "vol_exec": f"{shown.filled:.8f}",
            "cost": f"{shown.cost:.{listing.cost_decimals}f}",
            "fee": f"{shown.fee:.{listing.cost_decimals}f}",
            "price": f"{shown.average:.{max(5, places)}f}",
            "stopprice": f"{draft.trigger:.{max(5, places)}f}",
            "limitprice": f"{draft.price if draft.trigger else 0:.{max(5, places)}f}",
            "misc": "",
            "oflags": ("fcib" if draft.fee_in_base else "fciq") + (",post" if draft.post else ""),
            "reason": order.reason or None,
        }
        if shown.status != "open":
            row["closetm"] = order.closed_ms / 1000
        if params.get("trades", "").lower() == "true":
            now = self.venue.clock.now_ms()
            if ids := [trade_id(trade) for trade in shown.trades if trade.visible_ms <= now]:
                row["trades"] = ids
        return row

    def _trade(self, trade: Trade) -> dict[str, Any]:
        order, listing = self.venue.orders[trade.order_id], self.venue.listings[trade.symbol]
        money = listing.cost_decimals
        return {
            "ordertxid": trade.order_id, "postxid": txid("P", trade.number),
            "pair": listing.kraken_id, "time": trade.time_ms / 1000,
            "type": "buy" if trade.side > 0 else "sell", "ordertype": _NAMES[order.draft.kind],
            "price": f"{trade.price:.{max(5, listing.price_decimals)}f}",
            "cost": f"{trade.cost:.{money}f}", "fee": f"{trade.fee:.{money}f}",
            "vol": f"{trade.quantity:.8f}", "margin": "0.00000", "leverage": "0", "misc": "",
            "trade_id": trade.number, "maker": trade.maker,
        }  # fmt: skip


def trade_id(trade: Trade) -> str:
    """Return a trade's id in Kraken's shape."""
    return txid("T", trade.number)


def amount(value: Decimal) -> str:
    """Return an amount with all of its decimals, four at least."""
    places = max(4, -int(value.normalize().as_tuple().exponent)) if value else 4
    return f"{value:.{places}f}"


def _page(found: Sequence[T], params: dict[str, str]) -> Sequence[T]:
    start = int(params.get("ofs") or 0)
    return found[start : start + _PAGE]
