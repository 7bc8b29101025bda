"""One account at one venue: what it holds, its orders, and how they fill. Knows nothing of either dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from .account import Account
from .book import Book, Levels
from .candles import Candles
from .clock import Clock
from .listing import Listing
from .orders import LIMITS, STOPS, ZERO, Draft, Order, RefusedError, Trade

Tell = Callable[..., object]


class Venue:
    """Orders, trades and balances. `tell` gets every acceptance, fill and end as a line of the journal."""

    def __init__(self, name: str, clock: Clock, listings: Iterable[Listing], tell: Tell, seed: int = 1) -> None:
        self.name = name
        self.clock = clock
        self.tell = tell
        self.account = Account()
        self.mode = "online"
        self.maker_fee = Decimal("0.0025") if name == "kraken" else Decimal("0.001")
        self.taker_fee = Decimal("0.004") if name == "kraken" else Decimal("0.001")
        self.bnb_fees = False
        self.post_only_cancels = False
        self.read_lag_ms = 0
        self.trade_lag_ms = 0
        self.order_lag_ms = 0
        self.listings: dict[str, Listing] = {}
        self.books: dict[str, Book] = {}
        self.candles: dict[str, Candles] = {}
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.lists: dict[int, tuple[str, int, list[str]]] = {}
        self._open: dict[str, Order] = {}
        self._ticked = clock.now_ms()
        self._seed = seed
        for listing in listings:
            self.take_up(listing)

    def take_up(self, listing: Listing) -> None:
        """Take a market up, or change what it is."""
        if listing.symbol not in self.books:
            self.books[listing.symbol] = Book(listing.mid, listing.tick, listing.lot)
            seed = self._seed * 1_000 + len(self.books)
            self.candles[listing.symbol] = Candles(seed, self.clock.now_ms(), listing.mid, listing.tick)
        self.listings[listing.symbol] = listing

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the open orders, oldest first."""
        return [order for order in self._open.values() if symbol in (None, order.draft.symbol)]

    def reserved(self, asset: str, *, without: Order | None = None) -> Decimal:
        """Return what open orders hold of an asset; an OCO's legs hold it once. without: this one and its other leg."""
        single, lists = ZERO, dict[int, Decimal]()
        for order in self._open.values():
            held, amount = self.hold(order)
            if held != asset or order is without or (without and order.list_id == without.list_id >= 0):
                continue
            if order.list_id >= 0:
                lists[order.list_id] = max(lists.get(order.list_id, ZERO), amount)
            else:
                single += amount
        return single + sum(lists.values(), ZERO)

    def hold(self, order: Order) -> tuple[str, Decimal]:
        """Return what an order reserves: the base of a sale, the quote (with Kraken's fee) of a purchase."""
        base, quote = order.draft.symbol.split("/")
        if order.draft.side < 0:
            return base, order.left
        price = order.price or order.draft.trigger or self.books[order.draft.symbol].mid
        fee = self.taker_fee if self._fee_in_quote(order.draft) else ZERO
        return quote, order.left * price * (1 + fee)

    def free(self, asset: str, *, without: Order | None = None) -> Decimal:
        """Return what no open order has reserved."""
        return self.account.total(asset) - self.reserved(asset, without=without)

    def submit(self, draft: Draft, order_id: str, *, list_id: int = -1, try_only: bool = False) -> Order:
        """Take an order and let it trade; raises RefusedError. try_only: check everything, change nothing."""
        book = self.books[draft.symbol]
        if draft.client_id and any(order.draft.client_id == draft.client_id for order in self._open.values()):
            raise RefusedError("duplicate", draft.client_id)
        quantity = draft.quantity or self._affordable(draft, book)
        order = Order(order_id, replace(draft, quantity=quantity), self.clock.now_ms(), quantity, list_id=list_id)
        order.price = draft.price if draft.kind in LIMITS else ZERO
        crossing = draft.post and not draft.trigger and book.crosses(draft.side, draft.price)
        if crossing and not self.post_only_cancels:
            raise RefusedError("post_only")
        self._check_funds(order, book)
        if try_only:
            return order
        order.visible_ms = order.opened_ms + self.read_lag_ms
        self.orders[order_id] = self._open[order_id] = order
        self.tell("accepted", venue=self.name, order=order_id, client_id=draft.client_id, symbol=draft.symbol,
                  side=draft.side, kind=draft.kind, quantity=quantity, foreign=draft.foreign)  # fmt: skip
        if crossing:
            self._end(order, "cancelled", "Post only order")
        elif not order.is_waiting:
            self._take(order, post=draft.post)
        elif self._is_reached(order, book.last):
            self._trigger(order)
        return order

    def cancel(self, order: Order, reason: str = "User requested", status: str = "cancelled") -> None:
        """End an open order, and the other leg of its OCO with it."""
        if not order.is_open:
            raise RefusedError("unknown_order", order.id)
        self._end(order, status, reason)
        for other in self._others(order):
            self._end(other, status, reason)

    def amend(self, order: Order, quantity: Decimal, price: Decimal, trigger: Decimal) -> None:
        """Change an open order in place; 0 leaves as it is."""
        former = order.draft, order.quantity, order.price
        order.draft = replace(order.draft, price=price or order.draft.price, trigger=trigger or order.draft.trigger)
        order.quantity = quantity or order.quantity
        order.price = order.draft.price if order.draft.kind in LIMITS else ZERO
        asset, needed = self.hold(order)
        if order.left <= 0 or needed > self.free(asset, without=order):
            order.draft, order.quantity, order.price = former
            raise RefusedError("funds")
        self.tell("amended", venue=self.name, order=order.id, client_id=order.draft.client_id, quantity=order.quantity)
        self.match(order.draft.symbol)

    def fill(self, order: Order, quantity: Decimal | None = None, price: Decimal | None = None) -> None:
        """Fill an open order as somebody else's order would, wherever the book stands."""
        part = min(order.left, quantity or order.left)
        at = price or order.price or order.draft.trigger or self.books[order.draft.symbol].mid
        self._trade(order, at, part, maker=bool(order.price))
        self._settle(order)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Move the market there: stops trigger, resting limits fill."""
        self.candles[symbol].set(self.clock.now_ms(), price)
        self._move(symbol, price)

    def tick(self) -> None:
        """Let time pass: prices that wander go on, over every step that was missed."""
        now = self.clock.now_ms()
        since, self._ticked = self._ticked, now
        if now <= since:
            return
        for symbol, candles in self.candles.items():
            passed = candles.moves(since, now)
            if passed and not any(order.draft.symbol == symbol for order in self._open.values()):
                passed = passed[-1:]
            for price in passed:
                self._move(symbol, price)

    def match(self, symbol: str) -> None:
        """Trigger what is reached and fill what the book crosses."""
        book = self.books[symbol]
        for order in self.open_orders(symbol):
            if order.is_open and order.is_waiting and self._is_reached(order, book.last):
                self._trigger(order)
        for order in self.open_orders(symbol):
            if order.is_open and not order.is_waiting:
                taken = book.preview(order.draft.side, order.left, order.price)
                book.use(order.draft.side, taken)
                for _, part in taken:
                    self._trade(order, order.price, part, maker=True)
                self._settle(order)

    def _move(self, symbol: str, price: Decimal) -> None:
        self.books[symbol].move(price)
        self.match(symbol)

    def _is_reached(self, order: Order, last: Decimal) -> bool:
        upward = (order.draft.side > 0) == (order.draft.kind in STOPS)
        return last >= order.draft.trigger if upward else last <= order.draft.trigger

    def _trigger(self, order: Order) -> None:
        order.triggered = True
        self.tell("triggered", venue=self.name, order=order.id, client_id=order.draft.client_id)
        for other in self._others(order):
            self._end(other, "expired", "Other leg triggered")
        self._take(order, post=False)

    def _take(self, order: Order, *, post: bool) -> None:
        """Take what the book offers; what a market or immediate order leaves is ended, what a limit leaves rests."""
        draft, book = order.draft, self.books[order.draft.symbol]
        taken: Levels = [] if post else book.preview(draft.side, order.left, order.price)
        if draft.tif == "fok" and sum(part for _, part in taken) < order.left:
            taken = []
        for price, part in taken:
            quantity = self._payable(order, price, part)
            if quantity > 0:
                book.use(draft.side, [(price, quantity)])
                self._trade(order, price, quantity, maker=False)
        self._settle(order)
        if order.is_open and (order.draft.kind not in LIMITS or draft.tif in ("ioc", "fok")):
            self._end(order, "expired", "Insufficient liquidity")

    def _payable(self, order: Order, price: Decimal, part: Decimal) -> Decimal:
        """Return how much of a part the account can pay for: a gap must not make money out of nothing."""
        asset, _ = self.hold(order)
        free = self.free(asset, without=order)
        if order.draft.side < 0:
            return min(part, free)
        each = price * (1 + (self.taker_fee if self._fee_in_quote(order.draft) else ZERO))
        lot = self.listings[order.draft.symbol].lot
        return min(part, (free / each / lot).to_integral_value(ROUND_DOWN) * lot)

    def _trade(self, order: Order, price: Decimal, quantity: Decimal, *, maker: bool) -> None:
        draft, now = order.draft, self.clock.now_ms()
        number = len(self.trades) + 1
        rate = self.maker_fee if maker else self.taker_fee
        cost, fee, asset = self._cost_and_fee(draft, price, quantity, rate)
        trade = Trade(f"T{number:06d}", number, order.id, draft.symbol, draft.side, quantity, price, cost, fee, asset,
                      now, maker, now + self.trade_lag_ms)  # fmt: skip
        order.trades.append(trade)
        self.trades.append(trade)
        self.account.book(trade)
        details = {"quantity": quantity, "price": price, "fee": fee, "fee_asset": asset, "foreign": draft.foreign}
        self.tell("fill", venue=self.name, order=order.id, client_id=draft.client_id, trade=trade.id, side=draft.side,
                  symbol=draft.symbol, **details)  # fmt: skip
        if self.name == "binance":
            for other in self._others(order):
                self._end(other, "expired", "Other leg filled")

    def _cost_and_fee(
        self, draft: Draft, price: Decimal, quantity: Decimal, rate: Decimal
    ) -> tuple[Decimal, Decimal, str]:
        base, quote = draft.symbol.split("/")
        if self.name == "kraken":
            step = Decimal(1).scaleb(-self.listings[draft.symbol].cost_decimals)
            cost = (price * quantity).quantize(step, ROUND_HALF_UP)
            if draft.fee_in_base:
                return cost, (quantity * rate).quantize(Decimal("1e-8"), ROUND_HALF_UP), base
            return cost, (cost * rate).quantize(step, ROUND_HALF_UP), quote
        step = Decimal("1e-8")
        cost = (price * quantity).quantize(step, ROUND_DOWN)
        if self.bnb_fees and base != "BNB" and f"BNB/{quote}" in self.books:
            fee = (cost * rate * 3 / 4 / self.books[f"BNB/{quote}"].mid).quantize(step, ROUND_DOWN)
            if self.free("BNB") >= fee:
                return cost, fee, "BNB"
        got, asset = (quantity, base) if draft.side > 0 else (cost, quote)
        return cost, (got * rate).quantize(step, ROUND_DOWN), asset

    def _fee_in_quote(self, draft: Draft) -> bool:
        return self.name == "kraken" and not draft.fee_in_base

    def _affordable(self, draft: Draft, book: Book) -> Decimal:
        """Return the quantity that an amount of quote buys or sells, by the levels of the book."""
        lot, left, quantity = self.listings[draft.symbol].lot, draft.spend, ZERO
        for price, there in book.opposite(draft.side):
            part = min(there, left / price)
            quantity += part
            left -= part * price
        return (quantity / lot).to_integral_value(ROUND_DOWN) * lot

    def _check_funds(self, order: Order, book: Book) -> None:
        draft = order.draft
        asset, needed = self.hold(order)
        if draft.side > 0 and draft.kind == "market":
            fee = self.taker_fee if self._fee_in_quote(draft) else ZERO
            needed = sum((p * q for p, q in book.preview(1, order.quantity, ZERO)), ZERO) * (1 + fee)
        if needed > self.free(asset, without=order):
            raise RefusedError("funds", f"{needed} {asset}")

    def _others(self, order: Order) -> list[Order]:
        if order.list_id < 0:
            return []
        return [other for other in self.open_orders() if other.list_id == order.list_id and other is not order]

    def _settle(self, order: Order) -> None:
        if order.is_open and order.left <= 0:
            self._end(order, "filled", "")

    def _end(self, order: Order, status: str, reason: str) -> None:
        order.status, order.reason, order.closed_ms = status, reason, self.clock.now_ms()
        self._open.pop(order.id, None)
        details: dict[str, Any] = {"status": status, "reason": reason, "filled": order.filled}
        self.tell("ended", venue=self.name, order=order.id, client_id=order.draft.client_id, **details)
