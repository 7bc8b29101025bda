"""What both venues' accounts have in common: one request for one order, and reads that never take silence for an answer."""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from trader_cli.errors import VenueError
from trader_cli.model.instrument import CASH_DECIMALS, QUANTITY_DECIMALS
from trader_cli.model.orders import (
    Answer,
    Balance,
    Cancelled,
    MarketRules,
    OrderState,
    Quote,
    Resolution,
    Ticket,
    VenueOrder,
)
from trader_cli.venues.answers import MalformedError, WrongError, amount, units
from trader_cli.venues.client import Client
from trader_cli.venues.names import Names, asset, spellings
from trader_cli.venues.patterns import ARCHIVED, BELOW_MINIMUM, LOT_SIZE, NO_SUCH_ORDER
from trader_cli.venues.reply import Reply
from trader_cli.venues.resolver import Verdict

_CASH_STEP = Decimal(1).scaleb(-CASH_DECIMALS)


class Rules(Protocol):
    """Where the rules of markets come from."""

    def rules(self, symbols: Sequence[str]) -> Mapping[str, MarketRules]:
        """Return the rules of the symbols that the venue trades."""
        ...

    def raw(self, symbols: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return the venue's own entries by our symbol."""
        ...

    def refresh(self) -> None:
        """Forget what is kept: the venue refused an order that it allows."""
        ...


class NotSentError(Exception):
    """An order that is not sent at all, and why."""

    def __init__(self, pattern: str, why: str) -> None:
        super().__init__(why)
        self.pattern = pattern
        self.why = why


class Account(ABC):
    """A trading account at one venue; the venues fill in their own requests and forms."""

    id: str
    untold = ""

    def __init__(self, client: Client, rulebook: Rules) -> None:
        self.account = client.account
        self._client = client
        self._rulebook = rulebook
        self._names = Names(client.venue, ())
        # When orders began, as read in this process: a cancellation costs by the age of its order.
        self._born_ms: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(account {self.account})"

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC."""
        return self._client.now_ms()

    def skew_ms(self) -> int:
        """Ask the venue's clock; return ours minus theirs, 0 where the answer is too coarse to tell the two apart."""
        before = self._client.own_ms()
        theirs, step_ms = self._time()
        after = self._client.own_ms()
        # The answer was made somewhere between the two, and theirs is the beginning of its own step.
        skew = (before + after - 2 * theirs - step_ms) // 2
        self._client.skew_ms = skew if abs(skew) > (after - before + step_ms) // 2 else 0
        return self._client.skew_ms

    def rules(self, symbols: Sequence[str]) -> Mapping[str, MarketRules]:
        """Return what the venue allows on each market; a symbol it does not trade is absent."""
        self._names.add(symbols)
        return self._rulebook.rules(symbols)

    def wait_ms(self, kind: str, symbol: str = "") -> int:
        """Return how long the budget asks us to wait before a request of this kind; 0 = go."""
        return self._client.budget.wait_ms(kind, symbol)

    def load_pct(self, symbol: str) -> float:
        """Return how full the venue's order counter of this market is, 0 to 100."""
        return self._client.budget.load_pct(symbol)

    def balances(self) -> Mapping[str, Balance]:
        """Return what the account has by asset, in our names. What is staked or lent out is left out."""
        found: dict[str, Balance] = {}
        with self._reading("balances"):
            for theirs, balance in self._balances():
                ours = asset(self.id, theirs)
                if ours is not None:
                    before = found.get(ours, Balance(Decimal(0), Decimal(0)))
                    found[ours] = Balance(before.total + balance.total, before.free + balance.free)
        return found

    def price(self, symbol: str) -> Quote:
        """Return the best bid and ask now. Raises VenueError for an empty, crossed or one-sided book (D6)."""
        with self._reading("book"):
            best = [self._top(side, symbol) for side in self._book(symbol)]
        bid, ask = best
        if not 0 < bid < ask:
            raise VenueError(
                f"{self.id}: the book of `{symbol}` has no price: bid {bid}, ask {ask}",
                "nothing is sold or bought at market until it has",
                pattern="no_price",
                resolution=Resolution.SKIP_SYMBOL.value,
            )
        return Quote(bid, ask, self.now_ms())

    def place(self, ticket: Ticket) -> Answer:
        """Send one order with exactly one request, never repeated by any layer."""
        return self._send([ticket], lambda: self._order(ticket), lambda data: self._accepted(data, ticket))

    def place_pair(self, stop: Ticket, target: Ticket) -> Answer:
        """Send a stop and a target that cancel each other, with one request; the answer has both ids, with a comma."""
        return self._send(
            [stop, target], lambda: self._pair(stop, target), lambda data: self._pair_accepted(data, stop, target)
        )

    def check(self, ticket: Ticket) -> Answer:
        """Let the venue judge an order without placing it: OPEN without an id means that it would be taken."""
        return self._send([ticket], lambda: self._trial(ticket), self._tried)

    def cancel(self, venue_id: str, symbol: str) -> Cancelled:
        """Ask the venue to cancel one order. Raises VenueError only where it certainly was not: refused, or never sent."""
        method, params = self._cancellation(venue_id, symbol)
        born_ms = self._born_ms.get(venue_id, 0)
        age_ms = max(0, self.now_ms() - born_ms) if born_ms else 0
        reply = self._client.ask(method, params, kind="cancel", symbol=symbol, age_ms=age_ms)
        verdict = self._client.judge(reply)
        if verdict is None:
            try:
                return self._cancelled(reply.data, venue_id)
            except MalformedError:
                return Cancelled.UNKNOWN
        if verdict.pattern == NO_SUCH_ORDER:
            return Cancelled.GONE
        if verdict.refused:
            raise self._client.error(verdict)
        return Cancelled.UNKNOWN

    def _send(
        self,
        tickets: Sequence[Ticket],
        build: Callable[[], tuple[str, dict[str, Any]]],
        accepted: Callable[[Any], str],
    ) -> Answer:
        symbol = tickets[0].symbol
        try:
            method, params = build()
            reply = self._client.ask(
                method, params, kind="place", symbol=symbol, call="oco" if len(tickets) > 1 else "order"
            )
        except NotSentError as error:
            return _never_left(error.pattern, error.why, Resolution.SKIP_SYMBOL)
        except VenueError as error:
            return _never_left(error.pattern, error.message, Resolution(error.resolution), error.retry_ms)
        except OSError as error:
            why = f"the market's rules cannot be read: {error.strerror or type(error).__name__}"
            return _never_left("rules_unkept", why, Resolution.SKIP_CYCLE)
        verdict = self._client.judge(reply)
        if verdict is not None:
            return self._turned_down(verdict, reply, tickets)
        try:
            return Answer(OrderState.OPEN, accepted(reply.data))
        except MalformedError as error:
            pattern = "wrong_answer" if isinstance(error, WrongError) else "malformed"
            return Answer(OrderState.UNKNOWN, message=f"{self.id}: the answer to the order: {error}", pattern=pattern)

    def _turned_down(self, verdict: Verdict, reply: Reply, tickets: Sequence[Ticket]) -> Answer:
        message = f"{self.id}: {self._client.clean(verdict.message)}"
        if not verdict.refused:
            return Answer(OrderState.UNKNOWN, message=message, pattern=verdict.pattern, retry_ms=verdict.retry_ms)
        if verdict.pattern in (BELOW_MINIMUM, LOT_SIZE):
            with contextlib.suppress(OSError):
                self._rulebook.refresh()
        return Answer(
            OrderState.REJECTED,
            message=message,
            pattern=verdict.pattern,
            resolution=verdict.resolution,
            retry_ms=verdict.retry_ms,
            minimum=_taught(tickets, reply.text) if verdict.pattern == BELOW_MINIMUM else Decimal(0),
        )

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turn an answer without its form into the one error that says that nothing was learned."""
        try:
            yield
        except MalformedError as error:
            raise VenueError(
                f"{self.id}: the answer about {what} cannot be believed: {error}",
                "nothing was concluded from it; the next run asks again",
                pattern="wrong_answer" if isinstance(error, WrongError) else "malformed",
                resolution=Resolution.RETRY.value,
            ) from None

    def _found(self, read: Callable[[], VenueOrder]) -> VenueOrder | None:
        """Return an order, or None where the venue says in its own words that there is none."""
        try:
            return read()
        except VenueError as error:
            # One that ended without a fill so long ago that it is put away is none either.
            if error.pattern in (NO_SUCH_ORDER, ARCHIVED):
                return None
            raise

    def _noted(self, order: VenueOrder) -> VenueOrder:
        self._born_ms[order.venue_id] = order.created_ms
        if order.is_ours and order.filled > order.quantity:
            raise WrongError("more is filled than was asked for")
        return order

    def _theirs(self, symbol: str) -> str:
        return spellings(self.id, symbol)[0]

    def _top(self, levels: Sequence[Any], symbol: str) -> Decimal:
        """Return the first price of one side of a book, 0 for an empty side."""
        for level in levels:
            if not isinstance(level, list) or len(level) < 2:
                raise MalformedError(f"a level of `{symbol}` is no list")
            if amount(level[1], "the quantity of a level") > 0:
                return amount(level[0], "the price of a level")
        return Decimal(0)

    @abstractmethod
    def _time(self) -> tuple[int, int]:
        """Return (the venue's clock, ms UTC; its step in ms)."""

    @abstractmethod
    def _balances(self) -> Iterator[tuple[str, Balance]]:
        """Ask for the balances; give them under the venue's names."""

    @abstractmethod
    def _book(self, symbol: str) -> tuple[Sequence[Any], Sequence[Any]]:
        """Ask for the book; return (bids, asks), best first."""

    @abstractmethod
    def _order(self, ticket: Ticket) -> tuple[str, dict[str, Any]]:
        """Return ccxt's raw method and the parameters of an order. Raises NotSentError."""

    @abstractmethod
    def _trial(self, ticket: Ticket) -> tuple[str, dict[str, Any]]:
        """Return ccxt's raw method and the parameters of an order that is only judged. Raises NotSentError."""

    @abstractmethod
    def _tried(self, data: Any) -> str:
        """Return "" for an answer that says that the order would be taken."""

    @abstractmethod
    def _accepted(self, data: Any, ticket: Ticket) -> str:
        """Return the venue's id from the answer to an order. Raises MalformedError."""

    @abstractmethod
    def _pair(self, stop: Ticket, target: Ticket) -> tuple[str, dict[str, Any]]:
        """Return method and parameters of a pair. Raises NotSentError."""

    @abstractmethod
    def _pair_accepted(self, data: Any, stop: Ticket, target: Ticket) -> str:
        """Return the ids of stop and target, with a comma, from the answer to a pair. Raises MalformedError."""

    @abstractmethod
    def _cancellation(self, venue_id: str, symbol: str) -> tuple[str, dict[str, Any]]:
        """Return method and parameters of a cancellation."""

    @abstractmethod
    def _cancelled(self, data: Any, venue_id: str) -> Cancelled:
        """Return what the answer to a cancellation says. Raises MalformedError."""


def quantity_of(ticket: Ticket) -> str:
    """Return a ticket's quantity as exact text."""
    return units(ticket.quantity, QUANTITY_DECIMALS)


def price_of(ticket: Ticket, price: int) -> str:
    """Return one of a ticket's prices as exact text."""
    return units(price, ticket.price_decimals)


def _never_left(pattern: str, why: str, resolution: Resolution, retry_ms: int = 0) -> Answer:
    return Answer(
        OrderState.REJECTED, message=f"not sent: {why}", pattern=pattern, resolution=resolution, retry_ms=retry_ms
    )


def _taught(tickets: Sequence[Ticket], said: str) -> Decimal:
    """Return the smallest order that a refusal allows: what it states in quote, else just more than was asked."""
    worth = min(
        Decimal(units(ticket.quantity, QUANTITY_DECIMALS))
        * Decimal(units(ticket.price or ticket.trigger or ticket.arrival, ticket.price_decimals))
        for ticket in tickets
    )
    quote = tickets[0].symbol.partition("@")[0].partition("/")[2]
    stated = re.search(rf"(\d{{1,12}}(?:\.\d{{1,8}})?) ?{re.escape(quote)}\b", said) if quote else None
    least = worth.quantize(_CASH_STEP) + _CASH_STEP
    return max(least, Decimal(stated.group(1))) if stated else least
