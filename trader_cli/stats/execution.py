"""How orders fared at a venue: what they cost against the price at the decision, how many filled, how fast (R2.9).

Sums of money are exact decimals; ratios made of them are for reading, and whoever decides compares the sums.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, VenueTrade
from trader_cli.model.session import OrderRecord

NAN = float("nan")
# Products of two prices or quantities need at most 60 digits; the venues' own words have fewer than 30.
EXACT = Context(prec=200)
_ZERO = Decimal(0)
_PROTECTIVE = (Purpose.STOP, Purpose.TARGET)
_PATTERN = re.compile(r"[a-z0-9_]+(?=: |$)")
_WORDS = 48


@dataclass(frozen=True)
class Sent:
    """One order with its trades, oldest first, and the strategy it was for."""

    order: OrderRecord
    trades: tuple[VenueTrade, ...]
    strategy: str


@dataclass(frozen=True)
class OrderFigures:
    """How one order fared. average: quote, NaN where nothing filled, and so the rest of what needs a fill.

    reference: what it was to fill at: the price at the decision, a stop's trigger, a target's limit. slippage_bps: average
    against it, positive = against us. accepted_ms, filled_ms: from creation to the venue's acceptance, to the first fill.
    """

    reference: Decimal
    quantity: Decimal
    notional: Decimal
    average: float
    slippage_bps: float
    accepted_ms: float
    filled_ms: float


@dataclass(frozen=True)
class Figures:
    """How some orders fared together.

    ended: those that count for success: final, not absent, and no protective order that was withdrawn unfilled. succeeded:
    of these, filled at least in part. partial: ended with a part of the quantity only. shortfall, expected: what the fills
    cost beyond what they would have cost at the reference, and that, quote; they cover filled orders only. fees: by
    asset. fee_bps: of the notional of trades whose fee is in base or quote. Latencies are nearest ranks, of orders that did
    not rest on purpose.
    """

    orders: int
    unresolved: int
    working: int
    ended: int
    succeeded: int
    partial: int
    rejected: int
    absent: int
    filled: int
    notional: Decimal
    shortfall: Decimal
    expected: Decimal
    fees: Mapping[str, Decimal]
    fee_bps: float
    accepted_median_ms: float
    accepted_p95_ms: float
    filled_median_ms: float
    filled_p95_ms: float

    @property
    def success_pct(self) -> float:
        """Share of the orders that count which filled at least in part."""
        return self.succeeded / self.ended * 100 if self.ended else NAN

    @property
    def slippage_bps(self) -> float:
        """Shortfall of what was expected, weighted by money."""
        return _bps(self.shortfall, self.expected)


@dataclass(frozen=True)
class Analytics:
    """The figures of all orders, and of parts of them. wished: without stops and targets, which wait on purpose.

    rejections: how often the venue refused, by the row of the error table that matched, most frequent first.
    """

    total: Figures
    wished: Figures
    by_strategy: Mapping[str, Figures]
    by_symbol: Mapping[str, Figures]
    by_kind: Mapping[str, Figures]
    rejections: Mapping[str, int]


def analytics(sent: Sequence[Sent]) -> Analytics:
    """Return how the orders fared."""
    refused = Counter(_pattern(one.order) for one in sent if one.order.state is OrderState.REJECTED)
    return Analytics(
        total=figures(sent),
        wished=figures([one for one in sent if one.order.ticket.purpose not in _PROTECTIVE]),
        by_strategy=_grouped(sent, lambda one: one.strategy),
        by_symbol=_grouped(sent, lambda one: one.order.ticket.symbol),
        by_kind=_grouped(sent, lambda one: str(one.order.ticket.kind)),
        rejections=dict(sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def figures(sent: Sequence[Sent]) -> Figures:
    """Return how these orders fared together."""
    each = [(one, order_figures(one)) for one in sent]
    states = Counter(one.order.state for one in sent)
    ended = [one for one in sent if _counts(one.order)]
    prompt = [known for one, known in each if one.order.ticket.purpose not in _PROTECTIVE]
    accepted = [known.accepted_ms for _, known in each]
    filled = [known.filled_ms for known in prompt]
    fees, fee_bps = _fees([trade for one in sent for trade in one.trades])
    return Figures(
        orders=len(sent),
        unresolved=sum(one.order.state.is_unresolved for one in sent),
        working=states[OrderState.OPEN],
        ended=len(ended),
        succeeded=sum(one.order.filled > 0 for one in ended),
        partial=sum(one.order.state.is_final and 0 < one.order.filled < one.order.ticket.quantity for one in sent),
        rejected=states[OrderState.REJECTED],
        absent=states[OrderState.ABSENT],
        filled=sum(known.quantity > 0 for _, known in each),
        notional=total(known.notional for _, known in each),
        shortfall=total(_shortfall(one.order.ticket, known) for one, known in each),
        expected=total(EXACT.multiply(known.reference, known.quantity) for _, known in each),
        fees=fees,
        fee_bps=fee_bps,
        accepted_median_ms=rank(accepted, 50),
        accepted_p95_ms=rank(accepted, 95),
        filled_median_ms=rank(filled, 50),
        filled_p95_ms=rank(filled, 95),
    )


def order_figures(sent: Sent) -> OrderFigures:
    """Return how one order fared."""
    ticket = sent.order.ticket
    at = reference(ticket)
    quantity = total(trade.quantity for trade in sent.trades)
    notional = total(trade.cost for trade in sent.trades)
    # What is learned after the deadline was looked up later: it says nothing of how fast the venue was.
    learned = [one for one in sent.order.events if one.time_ms <= ticket.deadline_ms]
    acks = [one.time_ms for one in learned if one.state in (OrderState.OPEN, OrderState.FILLED)]
    fills = [trade.time_ms for trade in sent.trades]
    known = OrderFigures(
        reference=at,
        quantity=quantity,
        notional=notional,
        average=float(notional / quantity) if quantity else NAN,
        slippage_bps=NAN,
        accepted_ms=float(min(acks) - ticket.created_ms) if acks else NAN,
        filled_ms=float(min(fills) - ticket.created_ms) if fills else NAN,
    )
    against = _bps(_shortfall(ticket, known), EXACT.multiply(at, quantity))
    return OrderFigures(**{**vars(known), "slippage_bps": against})


def reference(ticket: Ticket) -> Decimal:
    """Return the price an order was to fill at, quote; 0 where the ticket states none."""
    units = ticket.arrival
    if ticket.kind is TicketKind.STOP:
        units = ticket.trigger
    elif ticket.purpose is Purpose.TARGET:
        units = ticket.price
    return Decimal(units).scaleb(-ticket.price_decimals, EXACT)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return an exact sum."""
    whole = _ZERO
    for one in amounts:
        whole = EXACT.add(whole, one)
    return whole


def rank(values: Iterable[float], pct: int) -> float:
    """Return the nearest rank: the smallest value that at least `pct` % of them do not exceed; NaN are left out."""
    known = sorted(value for value in values if not math.isnan(value))
    return known[-(-pct * len(known) // 100) - 1] if known else NAN


def _grouped(sent: Sequence[Sent], key: Callable[[Sent], str]) -> dict[str, Figures]:
    names = sorted({key(one) for one in sent})
    return {name: figures([one for one in sent if key(one) == name]) for name in names}


def _counts(order: OrderRecord) -> bool:
    withdrawn = order.ticket.purpose in _PROTECTIVE and order.state is OrderState.CANCELLED and order.filled == 0
    return order.state.is_final and order.state is not OrderState.ABSENT and not withdrawn


def _shortfall(ticket: Ticket, known: OrderFigures) -> Decimal:
    if not known.reference:
        return _ZERO
    over = EXACT.subtract(known.notional, EXACT.multiply(known.reference, known.quantity))
    return over if ticket.side > 0 else -over


def _bps(part: Decimal, whole: Decimal) -> float:
    return float(part / whole * 10_000) if whole else NAN


def _fees(trades: Sequence[VenueTrade]) -> tuple[dict[str, Decimal], float]:
    fees: dict[str, Decimal] = {}
    paid, priced = _ZERO, _ZERO
    for one in trades:
        if one.fee:
            fees[one.fee_asset] = EXACT.add(fees.get(one.fee_asset, _ZERO), one.fee)
        base, _, quote = one.symbol.partition("@")[0].partition("/")
        if one.fee and one.fee_asset not in (base, quote):
            # A third asset has no price here: such a trade is left out of the ratio, not counted as free.
            continue
        paid = EXACT.add(paid, EXACT.multiply(one.fee, one.price) if one.fee_asset == base else one.fee)
        priced = EXACT.add(priced, one.cost)
    return dict(sorted(fees.items())), _bps(paid, priced)


def _pattern(order: OrderRecord) -> str:
    """Return the error table's row of a refusal: messages begin with it; else the words, without their numbers."""
    said = next((one.message for one in reversed(order.events) if one.state is OrderState.REJECTED), "")
    named = _PATTERN.match(said)
    return named[0] if named else re.sub(r"\d+", "#", said)[:_WORDS].strip() or "no reason given"
