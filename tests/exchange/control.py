"""What a test may do to the exchange while it runs: the same operations from Python, over HTTP and in fault rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .audit import audit
from .binance import Binance
from .faults import Rule
from .journal import plain
from .kraken import Kraken
from .kraken_orders import txid
from .listing import Listing, synthetic
from .orders import Draft, Order
from .venue import Venue

if TYPE_CHECKING:
    from .server import ExchangeServer

_SETTINGS = (
    "mode",
    "bnb_fees",
    "post_only_cancels",
    "read_lag_ms",
    "trade_lag_ms",
    "order_lag_ms",
    "maker_fee",
    "taker_fee",
)


class Control:
    """Operations by name. `do("price", symbol="BTC/USD", price="49000")`; `venue` says whose, the server's first by default."""

    def __init__(self, server: ExchangeServer) -> None:
        self.server = server
        self._operations: dict[str, Callable[..., Any]] = {
            "price": self._price, "book": self._book, "depth": self._depth, "wander": self._wander, "candles": self._candles,
            "history": self._history,
            "clock": self._clock, "deposit": self._deposit, "withdraw": self._withdraw, "order": self._order,
            "fill": self._fill, "cancel": self._cancel, "set": self._set, "key": self._key, "limits": self._limits,
            "listing": self._listing, "synthetic": self._synthetic, "rule": self._rule, "clear": self._clear,
            "hide": self._hide, "journal": self._journal, "state": self._state, "stats": self._stats, "audit": self._audit,
            "accepted": self._accepted, "quiet": self._quiet,
        }  # fmt: skip

    def do(self, op: str, /, **values: Any) -> Any:
        """Do one operation and return what it has to say, as JSON knows it."""
        if op not in self._operations:
            raise ValueError(f"no operation {op!r}; known: {', '.join(sorted(self._operations))}")
        with self.server.lock:
            return plain(self._operations[op](**values))

    def run(self, operations: list[dict[str, Any]], order_id: str = "", venue: str = "") -> None:
        """Do what a rule states; `$order` stands for the order its request named or made."""
        for stated in operations:
            values: dict[str, Any] = (
                {"venue": venue, **stated} if venue and stated["op"] in _OF_A_VENUE else dict(stated)
            )
            op = values.pop("op")
            self.do(op, **{key: order_id if value == "$order" else value for key, value in values.items()})

    def _price(self, symbol: str, price: Any, venue: str = "") -> None:
        self._of(venue).set_price(symbol, Decimal(str(price)))

    def _book(self, symbol: str, bids: list[Any], asks: list[Any], venue: str = "") -> None:
        of = self._of(venue)
        of.books[symbol].lay(bids, asks)
        of.match(symbol)

    def _depth(self, symbol: str, quantities: list[Any] | None, spread_ticks: int = 2, venue: str = "") -> None:
        book = self._of(venue).books[symbol]
        book.depth = None if quantities is None else [Decimal(str(quantity)) for quantity in quantities]
        book.spread_ticks = spread_ticks
        book.move(book.mid)

    def _wander(self, symbol: str = "", *, on: bool = True, venue: str = "") -> None:
        of = self._of(venue)
        for name, candles in of.candles.items():
            if symbol in ("", name):
                candles.wander(self.server.clock.now_ms(), on=on)

    def _candles(
        self, symbol: str, interval_ms: int, rows: list[Any], *, raw: bool = False, follow: bool = True, venue: str = ""
    ) -> None:
        of, now = self._of(venue), self.server.clock.now_ms()
        candles = of.candles[symbol]
        candles.load(interval_ms, rows, raw=raw, follow=follow)
        if follow and not raw:
            of.books[symbol].move(Decimal(str(candles.price(now))))

    def _history(self, symbol: str, days: float, venue: str = "") -> None:
        """Let a market's wandered candles begin that long ago."""
        self._of(venue).candles[symbol].listed_ms = self.server.clock.now_ms() - round(days * 86_400_000)

    def _clock(self, set_ms: int | None = None, advance_ms: int = 0, *, frozen: bool = True, real: bool = False) -> int:
        clock = self.server.clock
        if real or set_ms is not None:
            clock.set(None if real else set_ms, frozen=frozen)
        if advance_ms:
            clock.advance(advance_ms)
        return clock.now_ms()

    def _deposit(self, asset: str, amount: Any, venue: str = "") -> None:
        self._of(venue).account.change(self.server.clock.now_ms(), "deposit", asset, Decimal(str(amount)))

    def _withdraw(self, asset: str, amount: Any, venue: str = "") -> None:
        of = self._of(venue)
        if of.free(asset) < Decimal(str(amount)):
            raise ValueError(f"{amount} {asset} to withdraw, {of.free(asset)} free")
        of.account.change(self.server.clock.now_ms(), "withdrawal", asset, -Decimal(str(amount)))

    def _order(
        self, symbol: str, side: str, quantity: Any, kind: str = "market", price: Any = 0, trigger: Any = 0,
        client_id: str = "", userref: int | None = None, venue: str = "",
    ) -> str:  # fmt: skip
        """Place an order by hand, as somebody at the venue's own screen would."""
        of = self._of(venue)
        amount, limit, stop = (Decimal(str(value)) for value in (quantity, price, trigger))
        draft = Draft(
            symbol,
            1 if side == "buy" else -1,
            kind,
            amount,
            limit,
            stop,
            client_id=client_id,
            userref=userref,
            foreign=True,
        )
        number = len(of.orders) + 1
        return of.submit(draft, txid("O", number) if of.name == "kraken" else str(1_000_000 + number)).id

    def _fill(self, order: str, quantity: Any = None, price: Any = None, venue: str = "") -> None:
        of, found = self._the_order(order, venue)
        of.fill(found, *(None if value is None else Decimal(str(value)) for value in (quantity, price)))

    def _cancel(self, order: str, reason: str = "User requested", venue: str = "") -> None:
        of, found = self._the_order(order, venue)
        of.cancel(found, reason)

    def _hide(self, order: str, seconds: float, venue: str = "") -> None:
        """Hide one order from reads for a while."""
        _, found = self._the_order(order, venue)
        found.visible_ms = self.server.clock.now_ms() + round(seconds * 1000)

    def _set(self, venue: str = "", **values: Any) -> None:
        of = self._of(venue)
        for name, value in values.items():
            if name not in _SETTINGS:
                raise ValueError(f"no setting {name!r}; known: {', '.join(_SETTINGS)}")
            setattr(of, name, Decimal(str(value)) if name.endswith("_fee") else value)

    def _key(self, venue: str = "", *, revoked: bool | None = None, permissions: list[str] | None = None) -> None:
        dialect = self._dialect(venue)
        dialect.revoked = dialect.revoked if revoked is None else revoked
        dialect.permissions = dialect.permissions if permissions is None else set(permissions)

    def _limits(self, venue: str = "", tier: str = "", **values: int) -> None:
        dialect = self._dialect(venue)
        if isinstance(dialect, Kraken):
            if tier:
                dialect.limits.set_tier(tier)
            dialect.limits.public_ms = values.get("public_ms", dialect.limits.public_ms)
            dialect.limits.by_pair = bool(values.get("by_pair", dialect.limits.by_pair))
            return
        for name, value in values.items():
            if name not in ("weight_most", "orders_most_10s", "orders_most_day", "patience", "ban_s"):
                raise ValueError(f"Binance's limits know no {name!r}")
            setattr(dialect.limits, name, value)

    def _listing(self, symbol: str, venue: str = "", **values: Any) -> None:
        of = self._of(venue)
        base, quote = symbol.split("/")
        words = {
            key: value if key in ("status", "notional_filter") else Decimal(str(value)) for key, value in values.items()
        }
        known = of.listings.get(symbol)
        of.take_up(replace(known, **words) if known else Listing(base, quote, **words))  # type: ignore[arg-type]

    def _synthetic(self, count: int, quote: str = "", venue: str = "") -> list[str]:
        of = self._of(venue)
        listings = synthetic(count, quote or ("USD" if of.name == "kraken" else "USDT"))
        for listing in listings:
            of.take_up(listing)
        return [listing.symbol for listing in listings]

    def _rule(self, **values: Any) -> None:
        self.server.script.add(Rule.of(values))

    def _clear(self, *, recount: bool = False) -> None:
        """Forget all rules; recount: the next request is the first of all again."""
        self.server.script.clear()
        if recount:
            self.server.script.requests = 0

    def _quiet(self, venue: str = "", status: int = 429, seconds: float = 0) -> None:
        """Turn every request away for a while."""
        self.server.be_quiet(self._of(venue).name, status, seconds)

    def _journal(self, since: int = 0) -> list[dict[str, Any]]:
        return self.server.journal.rows[since:]

    def _accepted(self, venue: str = "") -> dict[str, list[str]]:
        return self.server.journal.accepted(venue)

    def _audit(self) -> list[str]:
        trouble = [row["text"] for row in self.server.journal.rows if row["what"] == "trouble"]
        return trouble + [line for venue in self.server.venues.values() for line in audit(venue)]

    def _state(self, venue: str = "") -> dict[str, Any]:
        of = self._of(venue)
        return {
            "now_ms": self.server.clock.now_ms(),
            "mode": of.mode,
            "balances": {
                name: {"total": total, "reserved": of.reserved(name)}
                for name, total in sorted(of.account.totals.items())
            },
            "prices": {symbol: book.last for symbol, book in of.books.items()},
            "orders": [_told(order) for order in of.orders.values()],
            "trades": [asdict(trade) for trade in of.trades],
            "rules": [rule.plain() for rule in self.server.script.rules],
        }

    def _stats(self) -> dict[str, Any]:
        """Return counts: requests by path, refusals, how full the counters were at most."""
        paths: dict[str, int] = {}
        requests = self.server.journal.requests()
        for row in requests:
            paths[row["path"]] = paths.get(row["path"], 0) + 1
        return {
            "requests": len(requests),
            "paths": paths,
            "impatient": sum(row["impatient"] for row in requests),
            "too_many": sum(
                row["status"] in (418, 429) or any("ate limit" in text for text in row["errors"]) for row in requests
            ),
            "refused": {name: dialect.limits.refused for name, dialect in self.server.dialects.items()},
            "peak": {name: _peak(dialect) for name, dialect in self.server.dialects.items()},
        }

    def _the_order(self, name: str, venue: str) -> tuple[Venue, Order]:
        """Find an order by the venue's id or by its client id, the newest of that."""
        for of in [self._of(venue)] if venue else self.server.venues.values():
            if name in of.orders:
                return of, of.orders[name]
            named = [order for order in of.orders.values() if order.draft.client_id == name]
            if name and named:
                return of, named[-1]
        raise ValueError(f"no order {name!r}")

    def _of(self, venue: str) -> Venue:
        return self.server.venues[venue] if venue else next(iter(self.server.venues.values()))

    def _dialect(self, venue: str) -> Kraken | Binance:
        return self.server.dialects[self._of(venue).name]


_OF_A_VENUE = ("price", "book", "depth", "wander", "candles", "history", "deposit", "withdraw", "order", "fill", "cancel",
               "hide", "set", "key", "limits", "listing", "synthetic", "quiet")  # fmt: skip


def _told(order: Order) -> Mapping[str, Any]:
    told = {key: value for key, value in asdict(order.draft).items() if key != "quantity"}
    told |= {
        "id": order.id,
        "status": order.status,
        "reason": order.reason,
        "quantity": order.quantity,
        "filled": order.filled,
    }
    return {
        **told,
        "list_id": order.list_id,
        "trades": [trade.id for trade in order.trades],
        "opened_ms": order.opened_ms,
    }


def _peak(dialect: Kraken | Binance) -> dict[str, Any]:
    if isinstance(dialect, Binance):
        return {"weight": dialect.limits.peak}
    return {
        "calls": dialect.limits.calls.peak,
        **{pair: counter.peak for pair, counter in dialect.limits.engine.items()},
    }
