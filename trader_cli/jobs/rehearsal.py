"""A dry run's last act: every order that the cycle would send, and the venue's word on it. Nothing is placed or cancelled."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from trader_cli.engine.state import ORDER_QUANTITY, ORDER_REASON, QUANTITY
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.placing import entry_ticket, planned
from trader_cli.jobs.protection import resting
from trader_cli.jobs.sending import next_number, ticket_for
from trader_cli.jobs.venue_orders import Accounts
from trader_cli.model.instrument import QUANTITY_ONE
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind
from trader_cli.money import step_down


def rehearse(at: Accounts, desk: Desk, free: dict[str, Decimal], stopped: str) -> list[dict[str, Any]]:
    """Return one entry an order: what it is, whether the venue would take it (None = not known), and what was said.

    free: by asset, what no open order has reserved. stopped: why nothing may enter, "" = it may.
    """
    worst = desk.worst
    told = [_exit(at, desk, row) for row in planned(desk, -1)]
    for row in planned(desk, 1):
        before = len(desk.events)
        order = {"side": "buy", "quantity": int(desk.book.position[row, ORDER_QUANTITY]) / QUANTITY_ONE}
        ticket = entry_ticket(at, desk, row, free, stopped)
        if ticket is None:
            refusals = [one.message for one in desk.events[before:]]
            why = refusals[-1] if refusals else desk.blocked.get(desk.name_of(row)[1], "")
            told.append(_row(desk, row, order, taken=False, said=f"not sent: {why}"))
        else:
            told.append(_judged(at, desk, row, ticket))
    # What keeps an order back is shown above; a dry run itself went well.
    desk.worst = worst
    return told


def _exit(at: Accounts, desk: Desk, row: int) -> dict[str, Any]:
    one, position = desk.instrument(row), desk.book.position[row]
    quantity = step_down(min(int(position[ORDER_QUANTITY]), int(position[QUANTITY])), one.lot_units)
    number, reason = next_number(desk, row, Purpose.EXIT), int(position[ORDER_REASON])
    ticket = ticket_for(at, desk, row, Purpose.EXIT, TicketKind.MARKET, -1, quantity, reason, number)
    if resting(desk, row):
        said = "its stop is taken back first, so the venue cannot judge it yet"
        return _row(desk, row, _order(ticket), taken=None, said=said)
    return _judged(at, desk, row, ticket)


def _judged(at: Accounts, desk: Desk, row: int, ticket: Ticket) -> dict[str, Any]:
    answer = at.venue.check(ticket)
    if answer.state is OrderState.OPEN:
        return _row(desk, row, _order(ticket), taken=True, said=f"{at.venue.id} would take it")
    taken = False if answer.state is OrderState.REJECTED else None
    return _row(desk, row, _order(ticket), taken=taken, said=answer.message)


def _order(ticket: Ticket) -> dict[str, Any]:
    price = ticket.price or ticket.trigger
    return {
        "side": "buy" if ticket.side > 0 else "sell",
        "kind": ticket.kind.value,
        "quantity": ticket.quantity / QUANTITY_ONE,
        "price": price / 10**ticket.price_decimals if price else None,
    }


def _row(desk: Desk, row: int, order: dict[str, Any], *, taken: bool | None, said: str) -> dict[str, Any]:
    wallet, symbol = desk.name_of(row)
    return {"wallet": wallet, "symbol": symbol, "kind": "", "price": None} | order | {"taken": taken, "said": said}
