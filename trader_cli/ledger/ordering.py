"""Orders proved: their ids follow from their keys, what was learned of them is possible, and their trades are booked right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from trader_cli.ledger import schema
from trader_cli.ledger.adjusting import ADOPT, amount_of
from trader_cli.ledger.finding import Finding
from trader_cli.ledger.orders import units_of
from trader_cli.ledger.rows import wallet_in, wallets_of
from trader_cli.model.instrument import CASH_ONE
from trader_cli.model.orders import OrderState, client_id_of
from trader_cli.model.session import Adjustment


def orders(connection: Connection) -> Iterator[Finding]:
    """Yield what is impossible of an order, of what was learned of it, or of what is booked for it."""
    o, e, s, v = schema.orders, schema.order_events, schema.steps, schema.venue_fills
    ends = {row.id: (row.run, row.last_txn) for row in connection.execute(select(s.c.id, s.c.run, s.c.last_txn))}
    query = select(v.c.order_id, v.c.txn, v.c.quantity).order_by(v.c.order_id, v.c.txn)
    trades: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for order, txn, quantity in connection.execute(query):
        trades[order].append((txn, units_of(Decimal(quantity))))
    told = connection.execute(select(e).order_by(e.c.order_id, e.c.id)).mappings()
    events = {order: list(rows) for order, rows in groupby(told, key=itemgetter("order_id"))}
    for order in connection.execute(select(o).order_by(o.c.id)).mappings():
        number = order["id"]
        if order["client_id"] != client_id_of(order["key"]):
            yield Finding("orders", number, "its client id does not follow from its key")
        if order["quantity"] <= 0 or order["side"] not in (1, -1):
            yield Finding("orders", number, f"it asks for {order['quantity']} with side {order['side']}")
        own = trades.get(number, [])
        whole = sum(units for _, units in own)
        if whole > order["quantity"]:
            yield Finding("orders", number, f"its trades are {whole}, it asked for {order['quantity']}")
        yield from _life(order, events.get(number, []), own, ends)


def _life(
    order: RowMapping, events: Sequence[RowMapping], trades: Sequence[tuple[int, int]], ends: dict[int, tuple[int, int]]
) -> Iterator[Finding]:
    if not events:
        yield Finding("orders", order["id"], "nothing says what became of it")
        return
    first = events[0]
    if (first["state"], first["filled"], first["booked"], first["step"]) != (OrderState.SENDING, 0, 0, None):
        yield Finding("order_events", first["id"], "an order begins as sending, with nothing filled")
    before = first
    for one in events:
        state, was = OrderState(one["state"]), OrderState(before["state"])
        if was.is_final and state is not was:
            yield Finding("order_events", one["id"], f"the order had ended as {was}, it cannot become {state}")
        if state is OrderState.SENDING and was is not OrderState.SENDING:
            yield Finding("order_events", one["id"], f"the order was {was}, it is not sent again")
        if one["filled"] < before["filled"]:
            yield Finding("order_events", one["id"], f"what filled falls from {before['filled']} to {one['filled']}")
        booked = before["booked"]
        if one["step"] is not None:
            run, last_txn = ends.get(one["step"], (None, -1))
            booked = sum(units for txn, units in trades if txn <= last_txn)
            if run != order["run"]:
                yield Finding("order_events", one["id"], "its step is another session's")
        if one["booked"] != booked:
            yield Finding("order_events", one["id"], f"it says {one['booked']} are booked, the trades give {booked}")
        if one["closed"] != int(state.is_final and one["filled"] == one["booked"]):
            yield Finding("order_events", one["id"], "it says wrongly whether anything is left to ask or to book")
        before = one
    whole = sum(units for _, units in trades)
    if before["booked"] != whole:
        yield Finding("order_events", before["id"], f"it says {before['booked']} are booked, the trades are {whole}")


def venue_fills(connection: Connection) -> Iterator[Finding]:
    """Yield where a live fill and the venue's trade do not belong together, and fees in a third asset that are not posted."""
    r, t, f, v, s, o = (
        *(schema.runs, schema.transactions, schema.fills, schema.venue_fills),
        *(schema.sessions, schema.orders),
    )
    live = select(f.c.txn).join_from(f, t, f.c.txn == t.c.id).join(r, t.c.run == r.c.id).where(r.c.mode == "live")
    for txn in connection.execute(live.where(f.c.txn.not_in(select(v.c.txn)))).scalars():
        yield Finding("fills", txn, "it was filled at a venue, and no trade of the venue is beside it")
    what = (f.c.symbol, f.c.side, o.c.symbol, o.c.side, o.c.run, t.c.run, r.c.exchange, s.c.account, r.c.mode)
    query = select(v, *(column.label(f"c{i}") for i, column in enumerate(what)))
    query = query.outerjoin_from(v, f, v.c.txn == f.c.txn).outerjoin(t, v.c.txn == t.c.id)
    query = query.outerjoin(o, v.c.order_id == o.c.id).outerjoin(r, v.c.run == r.c.id).outerjoin(s, s.c.run == r.c.id)
    for row in connection.execute(query.order_by(v.c.id)).mappings():
        own = (row["symbol"], row["side"], row["run"], row["exchange"], row["account"])
        right = {
            "its fill": (row["c0"], row["c1"], row["c5"], row["c6"], row["c7"]),
            "its order": (row["c2"], row["c3"], row["c4"], row["c6"], row["c7"]),
        }
        for whose, wanted in right.items():
            if own != wanted:
                yield Finding("venue_fills", row["id"], f"it is {own}, {whose} is {wanted}")
        if row["c8"] != "live":
            yield Finding("venue_fills", row["id"], f"a session of mode {row['c8']} has no trades of a venue")
    yield from _payers(connection)
    yield from _third_assets(connection)


def _payers(connection: Connection) -> Iterator[Finding]:
    """The wallet an order is for is the one that paid."""
    v, o, e, a = schema.venue_fills, schema.orders, schema.entries, schema.accounts
    query = select(v.c.id, o.c.run, o.c.wallet, a.c.name).join_from(v, o, v.c.order_id == o.c.id)
    query = query.join(e, (e.c.txn == v.c.txn) & (e.c.line == 0)).join(a, e.c.account == a.c.id)
    alone: dict[int, str] = {}
    for number, run, wallet, account in connection.execute(query).all():
        if run not in alone:
            names = [one.name for one in wallets_of(connection, run)]
            alone[run] = names[0] if len(names) == 1 else ""
        paid = wallet_in(account) or alone[run]
        if paid != wallet:
            yield Finding("venue_fills", number, f"its order is for `{wallet}`, it was paid by `{paid}`")


def _third_assets(connection: Connection) -> Iterator[Finding]:
    """What a venue took in an asset that is neither bought nor paid with is an expense in that asset."""
    v, r, e, a, t = schema.venue_fills, schema.runs, schema.entries, schema.accounts, schema.transactions
    taken: dict[int, dict[str, int]] = defaultdict(dict)
    query = select(v.c.txn, v.c.symbol, v.c.fee, v.c.fee_asset, r.c.quote).join_from(v, r, v.c.run == r.c.id)
    for txn, symbol, fee, asset, quote in connection.execute(query):
        units = int((Decimal(fee) * CASH_ONE).to_integral_value(ROUND_CEILING))
        if units and asset not in (quote, symbol.partition("@")[0].split("/")[0]):
            taken[txn][asset] = units
    posted: dict[int, dict[str, int]] = defaultdict(dict)
    rows = select(e.c.txn, a.c.asset, e.c.amount).join_from(e, a, e.c.account == a.c.id).join(t, e.c.txn == t.c.id)
    rows = rows.join(r, t.c.run == r.c.id).where(a.c.name.like("expenses:fees:%"), a.c.asset != r.c.quote)
    for txn, asset, amount in connection.execute(rows):
        posted[txn][asset] = posted[txn].get(asset, 0) + amount
    for txn in sorted({*taken, *posted}):
        if taken.get(txn) != posted.get(txn):
            yield Finding("transactions", txn, f"the venue took {taken.get(txn)}, posted is {posted.get(txn)}")


def adjustments(connection: Connection) -> Iterator[Finding]:
    """Yield where an explained difference and what was posted for it are not the same."""
    d, s = schema.adjustments, schema.steps
    posted = _posted(connection)
    rows = select(d, s.c.run.label("step_run"), s.c.last_txn).outerjoin_from(d, s, d.c.step == s.c.id).order_by(d.c.id)
    for row in connection.execute(rows).mappings():
        one = Adjustment(row["asset"], row["amount"], row["kind"], row["wallet"], row["reason"])
        amount = amount_of(one)
        if row["step_run"] != row["run"]:
            yield Finding("adjustments", row["id"], "its step is another session's")
        if row["txn"] is None:
            if row["kind"] == ADOPT and amount:
                yield Finding("adjustments", row["id"], "it was adopted, and nothing is posted")
            continue
        run, kind, account, units = posted.pop(row["txn"], (None, "", "", 0))
        wanted = f"equity:{'adopted' if one.kind == ADOPT else 'written-off'}:{one.asset}"
        fits = units == -amount if one.kind == ADOPT else 0 < units <= -amount
        if (run, kind, account) != (row["run"], one.kind, wanted) or not fits or row["txn"] > (row["last_txn"] or 0):
            text = (
                f"it is {one.kind} of {one.amount} {one.asset}, posted is {kind or 'nothing'} of {units} to `{account}`"
            )
            yield Finding("adjustments", row["id"], text)
    for txn in posted:
        yield Finding("transactions", txn, "something was adopted or written off, and nothing says why")


def _posted(connection: Connection) -> dict[int, tuple[Any, str, str, int]]:
    t, e, a = schema.transactions, schema.entries, schema.accounts
    query = select(t.c.id, t.c.run, t.c.kind, a.c.name, e.c.amount).join_from(e, t, e.c.txn == t.c.id)
    query = query.join(a, e.c.account == a.c.id).where(t.c.kind.in_(("adopt", "write_off")), a.c.name.like("equity:%"))
    return {txn: (run, kind, name, amount) for txn, run, kind, name, amount in connection.execute(query)}
