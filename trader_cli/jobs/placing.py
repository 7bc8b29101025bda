"""From the book's working orders to the venue: what may be sent is sent once, everything else is said and dropped."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from trader_cli.engine.settle import finish_order, set_late
from trader_cli.engine.state import (
    CASH,
    CLOSE,
    ORDER_KIND,
    ORDER_MS,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_ROOM,
    ORDER_SIDE,
    QUANTITY,
    RESERVE,
)
from trader_cli.errors import RiskError, UnresolvedError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.venue_orders import Accounts, cancel, follow, look_at
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.instrument import CASH_ONE, QUANTITY_ONE
from trader_cli.model.orders import (
    Answer,
    MarketRules,
    OrderState,
    Purpose,
    Quote,
    Resolution,
    Ticket,
    TicketKind,
    client_id_of,
)
from trader_cli.model.risk import ALL, RiskEvent
from trader_cli.model.session import OrderEvent, OrderRecord
from trader_cli.money import affordable, buy_price, step_down

_URGENT = (Reason.KILL, Reason.UNPROTECTED)
"""Exits that go even where the book is far from the close: whoever asked for them wants out at any price."""


def say(
    desk: Desk, row: int, rule: str, number: str, limit: str, unit: str, message: str, kind: str = "refusal"
) -> None:
    """Note why something was not sent, as a risk event of this bar."""
    wallet, symbol = desk.name_of(row)
    desk.events.append(
        RiskEvent(
            time_ms=desk.close_ms,
            last_ms=desk.close_ms,
            count=1,
            kind=kind,
            wallet=wallet,
            strategy=str(desk.openers.get(row) or desk.noted("openers", row) or ""),
            symbol=symbol,
            rule=rule,
            number=number,
            limit=limit,
            unit=unit,
            message=f"{symbol}: {message}",
        )
    )


def drop(desk: Desk, row: int, rule: str, message: str, number: str = "", limit: str = "", unit: str = "") -> None:
    """Take an order that is not sent off its row, and say why; a rule's sale is asked for again at the next close."""
    say(desk, row, rule, number, limit, unit, message)
    position = desk.book.position[row]
    reason = Reason(int(position[ORDER_REASON]))
    if position[ORDER_SIDE] < 0 and reason not in (Reason.STRATEGY, Reason.REBALANCE):
        set_late(row, int(reason), desk.book)
    finish_order(row, desk.book)


def planned(desk: Desk, side: int) -> list[int]:
    """Return the rows whose order is not at the venue."""
    live = {
        (one.ticket.wallet, one.ticket.symbol)
        for one in desk.ledger.orders(desk.session.run_id, open_only=True)
        if one.ticket.purpose in (Purpose.ENTRY, Purpose.EXIT) and not one.state.is_final
    }
    position = desk.book.position
    return [row for row in range(len(position)) if position[row, ORDER_SIDE] == side and desk.name_of(row) not in live]


def market_rules(at: Accounts, desk: Desk, row: int) -> MarketRules | None:
    """Return what the venue allows on the row's market now; None, and the order is dropped, where it takes none."""
    symbol = desk.name_of(row)[1]
    rules = at.venue.rules([symbol]).get(symbol)
    if rules is None or not rules.open or rules.cancel_only:
        why = "the venue does not know this market" if rules is None else "the venue takes no new orders here"
        drop(desk, row, "market_closed", why)
        desk.fails(VenueError.exit_code, f"{symbol}: {why}")
        return None
    return rules


def sound_quote(at: Accounts, desk: Desk, row: int, side: int) -> Quote | None:
    """Return the book's top; None, and the order is dropped, where it is too far from the close to be believed."""
    symbol = desk.name_of(row)[1]
    urgent = side < 0 and Reason(int(desk.book.position[row, ORDER_REASON])) in _URGENT
    try:
        quote = at.venue.price(symbol)
    except VenueError as error:
        drop(desk, row, "no_quote", error.message)
        desk.fails(VenueError.exit_code, error.message)
        return None
    close = Decimal(repr(float(desk.scene.market.prices[CLOSE, desk.bar, row])))
    there = quote.ask if side > 0 else quote.bid
    off_bps = abs(there - close) / close * 10_000
    if off_bps > at.terms.band_bps and not urgent:
        drop(
            desk,
            row,
            "price_band",
            f"the book is at {there}, the bar closed at {close}",
            f"{off_bps:.1f}",
            f"{at.terms.band_bps}",
            "bps",
        )
        desk.fails(RiskError.exit_code, f"{symbol}: the book is {off_bps:.0f} bps off the close, nothing was sent")
        return None
    return quote


def ticket_for(
    at: Accounts,
    desk: Desk,
    row: int,
    purpose: Purpose,
    kind: TicketKind,
    side: int,
    quantity: int,
    reason: int,
    number: int,
    *,
    price: int = 0,
    trigger: int = 0,
) -> Ticket:
    """Return the order to send; its key says which decision it belongs to."""
    wallet, symbol = desk.name_of(row)
    key = f"{desk.session.run_id}|{wallet}|{symbol}|{desk.close_ms}|{purpose}|{number}"
    one = desk.instrument(row)
    now = at.venue.now_ms()
    return Ticket(
        key=key,
        client_id=client_id_of(key),
        run_id=desk.session.run_id,
        wallet=wallet,
        symbol=symbol,
        side=side,
        kind=kind,
        purpose=purpose,
        reason=reason,
        quantity=quantity,
        price=price,
        trigger=trigger,
        price_decimals=one.price_decimals,
        arrival=one.price_units(float(desk.scene.market.prices[CLOSE, desk.bar, row])),
        bar_ms=desk.close_ms,
        created_ms=now,
        deadline_ms=now + at.terms.deadline_ms,
    )


def send(at: Accounts, desk: Desk, row: int, first: Ticket, numbered: int) -> OrderRecord | None:
    """Commit an order and send it with one request; return its record where the venue took it.

    Only what the venue provably refused for a passing reason is tried again, as an order of its own, `tries` times at most.
    """
    ticket = first
    for attempt in range(at.terms.tries):
        if attempt:
            now = at.venue.now_ms()
            key = first.key.rpartition("|")[0] + f"|{numbered + attempt}"
            ticket = replace(
                first,
                key=key,
                client_id=client_id_of(key),
                created_ms=now,
                deadline_ms=now + at.terms.deadline_ms,
            )
        if not desk.ledger.add_ticket(ticket):
            # Decided and sent before, by this run or another: its fate is followed, never sent again.
            return None
        answer = at.venue.place(ticket)
        _note(at, desk, ticket, answer)
        if answer.state is OrderState.OPEN:
            return OrderRecord(ticket, OrderState.OPEN, answer.venue_id, 0, 0, ())
        if answer.state is OrderState.UNKNOWN:
            text = f"what became of order {ticket.client_id} is not known: {answer.message}"
            desk.blocked[ticket.symbol] = text
            desk.fails(UnresolvedError.exit_code, text)
            return None
        if not _may_try_again(at, desk, answer):
            break
    _refused(at, desk, row, ticket, answer)
    return None


def _note(at: Accounts, desk: Desk, ticket: Ticket, answer: Answer) -> None:
    # Refusals are counted by the name of their pattern; what the venue said stands beside it.
    said = f"{answer.pattern}: {answer.message}" if answer.pattern else answer.message
    event = OrderEvent(ticket.client_id, at.venue.now_ms(), answer.state, answer.venue_id, 0, said)
    desk.ledger.note_orders([event])
    if answer.pattern:
        desk.ledger.record_event(at.venue.now_ms(), "venue_error", said)


def _may_try_again(at: Accounts, desk: Desk, answer: Answer) -> bool:
    """Tell whether a refused order may be tried once more, waiting or setting the clock where that is asked."""
    if answer.resolution is Resolution.RESYNC:
        skew = at.venue.skew_ms()
        if abs(skew) > at.terms.skew_ms:
            text = f"this machine's clock is {skew} ms off the venue's, at most {at.terms.skew_ms} are allowed"
            desk.ledger.halt(at.venue.now_ms(), ALL, text, rule="clock_skew", number=str(skew), unit="ms")
            desk.fails(RiskError.exit_code, text)
            return False
        return True
    if answer.resolution is Resolution.RETRY:
        return at.pause(max(answer.retry_ms - at.venue.now_ms(), 0))
    return False


def _refused(at: Accounts, desk: Desk, row: int, ticket: Ticket, answer: Answer) -> None:
    """Draw the conclusions of a refusal: what it taught, what must stop."""
    now = at.venue.now_ms()
    if answer.minimum > 0:
        desk.ledger.learn_minimum(now, at.venue.id, ticket.symbol, answer.minimum, answer.message)
    if answer.resolution in (Resolution.HALT_ALL, Resolution.HALT_WALLET):
        scope = ALL if answer.resolution is Resolution.HALT_ALL else ticket.wallet
        desk.ledger.halt(now, scope, f"the venue refused an order: {answer.message}", rule=answer.pattern)
        desk.fails(RiskError.exit_code, f"{ticket.symbol}: halted, the venue refused an order: {answer.message}")
    else:
        desk.fails(VenueError.exit_code, f"{ticket.symbol}: the venue refused an order: {answer.message}")
    if answer.resolution in (Resolution.WAIT, Resolution.SKIP_CYCLE) and answer.retry_ms > now:
        desk.notes["retry_ms"] = answer.retry_ms
    if ticket.purpose in (Purpose.ENTRY, Purpose.EXIT):
        drop(desk, row, "refused_by_venue", f"the venue refused the order: {answer.message}")


def sent(at: Accounts, desk: Desk, record: OrderRecord) -> bool:
    """Read an accepted order and book what it did already; tell whether it is over."""
    order = look_at(at, record)
    waited = 0
    at_once = record.ticket.kind in (TicketKind.MARKET, TicketKind.IOC)
    while order is not None and order.is_working and at_once and waited < 4 and at.pause(250 << waited):
        waited += 1
        order = look_at(at, record)
    if order is None:
        return False
    return follow(at, desk, record, order).is_final


def enter(at: Accounts, desk: Desk, row: int, free: dict[str, Decimal], stopped: str) -> None:
    """Send an entry or addition; stopped: why nothing may enter now, "" = it may."""
    wallet, symbol = desk.name_of(row)
    position = desk.book.position[row]
    if symbol in desk.blocked:
        return
    halted = desk.ledger.halted()
    if int(position[ORDER_MS]) != desk.close_ms:
        drop(desk, row, "too_late", "its bar is over, and it was not sent in time")
        return
    if stopped or ALL in halted or wallet in halted:
        why = stopped or "trading is halted"
        drop(desk, row, "halted", why)
        desk.fails(RiskError.exit_code, f"{symbol}: {why}")
        return
    rules = market_rules(at, desk, row)
    quote = sound_quote(at, desk, row, 1) if rules is not None else None
    if rules is None or quote is None:
        return
    one = desk.instrument(row)
    kind, price, trigger = _asked(at, desk, row, symbol)
    most = price or trigger or one.price_units(float(quote.ask))
    if kind is TicketKind.MARKET or kind is TicketKind.STOP:
        # What the market may still run away before it fills: the same allowance a simulated fill has.
        most = buy_price(most, int(desk.scene.rules.slip_rate), one.tick_units)
    w = row // len(desk.scene.symbols)
    purse = desk.book.wallet[w]
    cash = min(int(purse[CASH]) - int(purse[RESERVE]), int(free.get(one.quote, Decimal(0)) * CASH_ONE))
    rate = int(desk.scene.rules.taker_rate)
    quantity = min(
        int(position[ORDER_QUANTITY]),
        affordable(max(cash, 0), most, rate, one.lot_units, one.price_one),
        affordable(int(position[ORDER_ROOM]), most, 0, one.lot_units, one.price_one),
    )
    quantity = step_down(quantity, one.lot_units)
    if _too_small(at, desk, row, rules, quantity, most):
        return
    if not at.pause(at.venue.wait_ms("place")):
        drop(desk, row, "deferred", "the venue's rate limit leaves no call for it in this cycle")
        return
    ticket = ticket_for(
        at,
        desk,
        row,
        Purpose.ENTRY,
        kind,
        1,
        quantity,
        int(position[ORDER_REASON]),
        1,
        price=price,
        trigger=trigger,
    )
    free[one.quote] = free.get(one.quote, Decimal(0)) - Decimal(quantity * most) / one.price_one / QUANTITY_ONE
    record = send(at, desk, row, ticket, 1)
    if record is not None:
        sent(at, desk, record)


def _asked(at: Accounts, desk: Desk, row: int, symbol: str) -> tuple[TicketKind, int, int]:
    """Return (kind, limit, trigger) of an entry: the strategy's own price, else a limit through the close or the market."""
    position = desk.book.position[row]
    one = desk.instrument(row)
    kind = OrderKind(int(position[ORDER_KIND]))
    if kind is OrderKind.LIMIT:
        return TicketKind.LIMIT, int(position[ORDER_PRICE]), 0
    if kind is OrderKind.STOP:
        return TicketKind.STOP, 0, int(position[ORDER_PRICE])
    if not at.terms.limits:
        return TicketKind.MARKET, 0, 0
    close = one.price_units(float(desk.scene.market.prices[CLOSE, desk.bar, row]))
    through = int(Decimal(close) * (1 + at.terms.limit_bps / 10_000))
    now = at.terms.ioc or at.venue.load_pct(symbol) > at.terms.ioc_above_pct
    return (TicketKind.IOC if now else TicketKind.LIMIT), step_down(through, one.tick_units), 0


def _too_small(at: Accounts, desk: Desk, row: int, rules: MarketRules, quantity: int, price: int) -> bool:
    """Drop an order that the venue would refuse as too small; tell whether it was."""
    one = desk.instrument(row)
    least_quantity = rules.min_quantity * at.terms.buffer
    least = max(rules.min_notional, one.min_notional, one.learned_minimum) * at.terms.buffer
    worth = Decimal(quantity) * price / one.price_one / QUANTITY_ONE
    amount = Decimal(quantity) / QUANTITY_ONE
    if quantity > 0 and amount >= least_quantity and worth >= least:
        return False
    drop(
        desk,
        row,
        "below_minimum",
        f"{amount} {one.base} worth {worth:.8f} {one.quote} is less than the venue takes",
        f"{worth:.8f}",
        f"{max(least, least_quantity * price / one.price_one):.8f}",
        one.quote,
    )
    return True


def leave(at: Accounts, desk: Desk, row: int, resting: list[OrderRecord]) -> None:
    """Sell what the book asks to sell: protection is taken back first, and what it sold meanwhile counts.

    resting: the orders that protect this row at the venue.
    """
    symbol = desk.name_of(row)[1]
    if symbol in desk.blocked:
        return
    rules = market_rules(at, desk, row)
    if rules is None or sound_quote(at, desk, row, -1) is None:
        return
    for protecting in resting:
        if not cancel(at, desk, protecting):
            return
    position = desk.book.position[row]
    one = desk.instrument(row)
    held = int(position[QUANTITY])
    if held == 0 or position[ORDER_SIDE] >= 0:
        finish_order(row, desk.book)
        return
    # Asked now: what protection had reserved is free again, and somebody may have sold by hand.
    balance = at.venue.balances().get(one.base)
    there = int(balance.free * QUANTITY_ONE) if balance is not None else 0
    quantity = step_down(min(int(position[ORDER_QUANTITY]), held, there), one.lot_units)
    price = one.price_units(float(desk.scene.market.prices[CLOSE, desk.bar, row]))
    if _too_small(at, desk, row, rules, quantity, price):
        return
    if not at.pause(at.venue.wait_ms("place")):
        drop(desk, row, "deferred", "the venue's rate limit leaves no call for it in this cycle")
        return
    number = next_number(desk, row, Purpose.EXIT)
    ticket = ticket_for(
        at, desk, row, Purpose.EXIT, TicketKind.MARKET, -1, quantity, int(position[ORDER_REASON]), number
    )
    record = send(at, desk, row, ticket, number)
    if record is not None:
        sent(at, desk, record)


def next_number(desk: Desk, row: int, purpose: Purpose) -> int:
    """Return which order of this purpose comes next in this bar: what ended before may be followed by another."""
    wallet, symbol = desk.name_of(row)
    start = f"{desk.session.run_id}|{wallet}|{symbol}|{desk.close_ms}|{purpose}|"
    mine = [one for one in desk.ledger.orders(desk.session.run_id) if one.ticket.key.startswith(start)]
    return 1 + max((int(one.ticket.key.rpartition("|")[2]) for one in mine), default=0)
