"""Orders and what became of them: an order is a row before its request leaves, whatever is learned of it another.

The newest event says what is known: state, what the venue says it filled, and what of that is booked. An order is closed
where its state is final and all that filled is booked; nobody needs to ask for it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, or_, select

from trader_cli.errors import DataError, LeaseError
from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.sessions import run_row
from trader_cli.model.instrument import QUANTITY_ONE
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, client_id_of
from trader_cli.model.session import OrderEvent, OrderRecord

_PLAIN = ("key", "client_id", "wallet", "symbol", "side", "reason", "quantity", "price")
_MORE = ("price_decimals", "arrival", "bar_ms", "created_ms", "deadline_ms")
_CHUNK = 500


def units_of(amount: Decimal) -> int:
    """Return an amount in 1e-8."""
    return int((amount * QUANTITY_ONE).to_integral_value(ROUND_HALF_EVEN))


def require_newest(connection: Connection, run: RowMapping) -> None:
    """Raise LeaseError where another session of the same mode, exchange and account began after this one."""
    r, s = schema.runs, schema.sessions
    same = (r.c.mode == run["mode"], r.c.exchange == run["exchange"], s.c.account == run["account"])
    query = select(r.c.run_id).join_from(s, r, s.c.run == r.c.id).where(*same).order_by(r.c.id.desc()).limit(1)
    newest = connection.execute(query).scalar_one()
    if newest != run["run_id"]:
        raise LeaseError(f"another run began the session `{newest}` of this account; `{run['run_id']}` is over")


def add_ticket(connection: Connection, ticket: Ticket) -> bool:
    """Write an order with the state SENDING; False, and nothing written, where its key or client id is known already."""
    if ticket.client_id != client_id_of(ticket.key):
        raise DataError(f"the client id `{ticket.client_id}` does not follow from the key `{ticket.key}`")
    if ticket.quantity <= 0 or ticket.side not in (1, -1):
        raise DataError(f"order `{ticket.key}` has side {ticket.side} and quantity {ticket.quantity}")
    run = run_row(connection, ticket.run_id)
    o = schema.orders
    known = select(o.c.id).where(or_(o.c.key == ticket.key, o.c.client_id == ticket.client_id))
    if connection.execute(known).first() is not None:
        return False
    require_newest(connection, run)
    what = (ticket.key, ticket.client_id, ticket.wallet, ticket.symbol, ticket.side, ticket.kind.value)
    numbers = (int(ticket.reason), ticket.quantity, ticket.price, ticket.trigger, ticket.price_decimals, ticket.arrival)
    times = (ticket.bar_ms, ticket.created_ms, ticket.deadline_ms)
    number = append(connection, o, [(run["id"], *what, ticket.purpose.value, *numbers, *times)])
    first = (number, None, ticket.created_ms, OrderState.SENDING.value, "", 0, 0, 0, "")
    append(connection, schema.order_events, [first])
    return True


def note_orders(
    connection: Connection,
    events: Iterable[OrderEvent],
    *,
    step: int | None = None,
    time_ms: int = 0,
    booked: Mapping[str, int] | None = None,
) -> None:
    """Append what became known of orders; what is known already is not written again.

    step: the step this belongs to, with time_ms and, by client id, what of each order it booked (1e-8 base).
    """
    more = dict(booked or {})
    events = list(events)
    told = {one.client_id for one in events}
    # An order whose fills were booked without another word about it: that, too, is something known of it.
    silent = [OrderEvent(one, time_ms, OrderState.SENDING, "", 0, "") for one in more if one not in told]
    known = _newest(connection, [one.client_id for one in (*events, *silent)])
    rows = []
    for one in (*events, *silent):
        before = known[one.client_id]
        state = OrderState(before["state"]) if one in silent else one.state
        total = before["booked"] + more.pop(one.client_id, 0)
        # A read may lag behind a former one; what traded, traded.
        filled = max(before["filled"], one.filled, total)
        was = OrderState(before["state"])
        if was.is_final and state is not was:
            raise DataError(f"order `{one.client_id}` ended as {was}, it cannot become {state}")
        if state is OrderState.SENDING and was is not OrderState.SENDING:
            raise DataError(f"order `{one.client_id}` is {was}, it cannot be sent again")
        venue_id = one.venue_id or before["venue_id"]
        now = {"state": state.value, "venue_id": venue_id, "filled": filled, "booked": total}
        if was.is_final and all(before[name] == value for name, value in now.items()):
            continue
        closed = int(state.is_final and filled == total)
        rows.append((before["order_id"], step, one.time_ms, *now.values(), closed, one.message))
        known[one.client_id] = {**before, **now}
    append(connection, schema.order_events, rows)


def _newest(connection: Connection, client_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the newest event of each order by client id. Raises DataError for an order nobody wrote down."""
    o, e = schema.orders, schema.order_events
    found: dict[str, Mapping[str, Any]] = {}
    for client_id in dict.fromkeys(client_ids):
        query = select(e).join_from(e, o, e.c.order_id == o.c.id).where(o.c.client_id == client_id)
        row = connection.execute(query.order_by(e.c.id.desc()).limit(1)).mappings().first()
        if row is None:
            raise DataError(f"there is no order `{client_id}` in the ledger")
        found[client_id] = dict(row)
    return found


def orders_of(connection: Connection, run_id: str, *, open_only: bool) -> list[OrderRecord]:
    """Return a session's orders, oldest first; open_only: those that are not closed."""
    o, e = schema.orders, schema.order_events
    query = select(o).where(o.c.run == run_row(connection, run_id)["id"]).order_by(o.c.id)
    if open_only:
        query = query.where(o.c.id.not_in(select(e.c.order_id).where(e.c.closed == 1)))
    return _records(connection, query)


def order_of(connection: Connection, client_id: str) -> OrderRecord | None:
    """Return the order with exactly this client id."""
    found = _records(connection, select(schema.orders).where(schema.orders.c.client_id == client_id))
    return found[0] if found else None


def find_orders(connection: Connection, prefix: str) -> list[OrderRecord]:
    """Return orders whose client id or venue id begins so, oldest first; none for an empty prefix."""
    if not prefix:
        return []
    o, e = schema.orders, schema.order_events
    of_venue = select(e.c.order_id).where(e.c.venue_id.startswith(prefix, autoescape=True))
    hit = or_(o.c.client_id.startswith(prefix, autoescape=True), o.c.id.in_(of_venue))
    return _records(connection, select(o).where(hit).order_by(o.c.id))


def _records(connection: Connection, query: Select[Any]) -> list[OrderRecord]:
    rows = connection.execute(query).mappings().all()
    e = schema.order_events
    events: dict[int, list[RowMapping]] = {row["id"]: [] for row in rows}
    numbers = list(events)
    for start in range(0, len(numbers), _CHUNK):
        part = select(e).where(e.c.order_id.in_(numbers[start : start + _CHUNK])).order_by(e.c.id)
        for event in connection.execute(part).mappings():
            events[event["order_id"]].append(event)
    r = schema.runs
    of_run = {row["run"] for row in rows}
    run_ids = {number: connection.execute(select(r.c.run_id).where(r.c.id == number)).scalar_one() for number in of_run}
    return [_record(row, run_ids[row["run"]], events[row["id"]]) for row in rows]


def _record(row: RowMapping, run_id: str, events: Sequence[RowMapping]) -> OrderRecord:
    last = events[-1]
    told = tuple(
        OrderEvent(
            client_id=row["client_id"],
            time_ms=one["time_ms"],
            state=OrderState(one["state"]),
            venue_id=one["venue_id"],
            filled=one["filled"],
            message=one["message"],
        )
        for one in events
    )
    return OrderRecord(ticket_of(row, run_id), told[-1].state, last["venue_id"], last["filled"], last["booked"], told)


def ticket_of(row: RowMapping, run_id: str) -> Ticket:
    """Return a row of `orders` as the model knows it."""
    return Ticket(
        **{name: row[name] for name in (*_PLAIN, *_MORE)},
        run_id=run_id,
        trigger=row["trigger_price"],
        kind=TicketKind(row["kind"]),
        purpose=Purpose(row["purpose"]),
    )
