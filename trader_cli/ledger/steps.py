"""A step of a session: everything new in it is written in one transaction, and only where it adds up."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from trader_cli.errors import DataError, LeaseError
from trader_cli.ledger import schema
from trader_cli.ledger.adjusting import Plan, plan_moves
from trader_cli.ledger.append import append
from trader_cli.ledger.orders import note_orders, require_newest, units_of
from trader_cli.ledger.posting import Batch, owners_of
from trader_cli.ledger.record import risk_row
from trader_cli.ledger.sessions import append_step, newest_steps, run_row
from trader_cli.ledger.transactions import write_trades, write_transactions
from trader_cli.model.instrument import CASH_ONE
from trader_cli.model.session import StepRecord, VenueFill


def write_step(connection: Connection, run_id: str, record: StepRecord) -> None:
    """Append a step with its fills, round trips, risk events, the venue's trades, outcomes and adjustments.

    Raises LeaseError where another run wrote a step or began a session meanwhile, DataError where the step's own numbers are
    not what its fills and adjustments give.
    """
    run = run_row(connection, run_id)
    require_newest(connection, run)
    last = newest_steps(connection, run["id"], 1)[0]
    step, fills = record.step, record.fills
    if step.seq != last["seq"] + 1:
        text = f"another run acted for `{run_id}`: its newest step is {last['seq']}, this one would be {step.seq}"
        raise LeaseError(text, "run the command again: it goes on from there")
    _check_shape(run_id, last, record)
    owners = owners_of(step.wallets)
    plan = plan_moves(record, owners, run["quote"], last)
    orders = _orders(connection, run["id"], record)
    batch = Batch(
        quote=run["quote"],
        owners=owners,
        instruments=record.instruments,
        time_ms=step.time_ms,
        fills=fills,
        trips=record.trips,
        after=tuple(one for one in plan.moves if one is not None),
        outside=_third_assets(record, run["quote"]),
    )
    first = write_transactions(connection, run["id"], batch)
    _write_trips(connection, run["id"], record, first)
    booked = _write_venue_fills(connection, run, record, first, orders)
    fees = last["fees"] + int(fills.fee.sum())
    number = append_step(connection, run["id"], step, record.instruments, fees)
    _write_adjustments(connection, run["id"], record, number, plan, first + len(fills))
    note_orders(connection, record.outcomes, step=number, time_ms=step.time_ms, booked=booked)
    append(connection, schema.risk_events, (risk_row(run["id"], one) for one in record.risk_events))


def _check_shape(run_id: str, last: RowMapping, record: StepRecord) -> None:
    """Refuse a step that does not continue the one before it: these are faults of the program, not of the user."""
    step, fills, trips = record.step, record.fills, record.trips
    rows = len(step.symbols) * len(step.wallets)
    right = {
        "the wallets": (list(step.wallets), json.loads(last["wallets"])),
        "the symbols of the fills": (fills.symbols, step.symbols),
        "the number of instruments": (len(record.instruments), len(step.symbols)),
        "symbols that are missing": (sorted({*json.loads(last["symbols"])} - {*step.symbols}), []),
        "the number of marks": (len(step.marks), len(step.symbols)),
        "the number of holdings": (len(step.holdings), rows),
        "the number of fills": (step.fill_count, last["fill_count"] + len(fills)),
        "the number of round trips": (step.trade_count, last["trade_count"] + len(trips)),
        "strategies of round trips": (len(record.trip_strategies), len(trips)),
        "trades of the venue": (len(record.venue_fills), len(fills) if record.venue_fills else 0),
    }
    for what, (found, wanted) in right.items():
        if found != wanted:
            raise DataError(f"step {step.seq} of `{run_id}` does not fit: {what}: {found}, not {wanted}")


def _orders(connection: Connection, run: int, record: StepRecord) -> dict[str, RowMapping]:
    """Return the orders that venue fills belong to, by client id; each fill must be what its order asked for."""
    o = schema.orders
    wanted = dict.fromkeys(one.client_id for one in record.venue_fills if one is not None)
    found = {}
    for client_id in wanted:
        row = connection.execute(select(o).where(o.c.client_id == client_id)).mappings().first()
        if row is None or row["run"] != run:
            raise DataError(f"a trade belongs to order `{client_id}`, which this session never wrote down")
        found[client_id] = row
    fills, step = record.fills, record.step
    for i, one in enumerate(record.venue_fills):
        if one is None:
            continue
        order = found[one.client_id]
        own = (step.symbols[int(fills.symbol[i])], int(fills.side[i]), step.wallets[int(fills.wallet[i])])
        asked = (order["symbol"], order["side"], order["wallet"])
        if own != asked or (one.trade.symbol, one.trade.side) != asked[:2]:
            raise DataError(f"trade {one.trade.trade_id} is {own}, its order `{one.client_id}` is {asked}")
    return found


def _third_assets(record: StepRecord, quote: str) -> tuple[tuple[int, str, int], ...]:
    """Return fees in an asset that is neither bought nor paid with: (fill, asset, 1e-8)."""
    found = []
    for i, one in enumerate(record.venue_fills):
        if one is None or one.trade.fee == 0:
            continue
        base = record.instruments[int(record.fills.symbol[i])].base
        if one.trade.fee_asset not in (base, quote):
            amount = int((one.trade.fee * CASH_ONE).to_integral_value(ROUND_CEILING))
            found.append((i, one.trade.fee_asset, amount))
    return tuple(found)


def _write_trips(connection: Connection, run: int, record: StepRecord, first: int) -> None:
    number = write_trades(connection, run, record.trips, first)
    whose = zip(record.trips.wallet.tolist(), record.trip_strategies, strict=True)
    rows = [(run, number + i, record.step.wallets[w], strategy) for i, (w, strategy) in enumerate(whose)]
    append(connection, schema.trade_strategies, rows)


def _write_venue_fills(
    connection: Connection, run: RowMapping, record: StepRecord, first: int, orders: Mapping[str, RowMapping]
) -> dict[str, int]:
    """Write the venue's trades; return what they add to each order, 1e-8 base by client id."""
    booked: dict[str, int] = defaultdict(int)
    rows = []
    for i, one in enumerate(record.venue_fills):
        if one is not None:
            booked[one.client_id] += units_of(one.trade.quantity)
            rows.append((run["id"], first + i, orders[one.client_id]["id"], *_venue_row(run, one)))
    f = schema.venue_fills
    for client_id, more in booked.items():
        order = orders[client_id]
        before = connection.execute(select(f.c.quantity).where(f.c.order_id == order["id"])).scalars()
        whole = sum(units_of(Decimal(one)) for one in before) + more
        if whole > order["quantity"]:
            raise DataError(
                f"the venue's trades of order `{client_id}` are {whole}, asked were {order['quantity']} (1e-8 of the base)",
                "compare the order at the venue with `trader report why`",
            )
    for trade in (one.trade for one in record.venue_fills if one is not None):
        same = (f.c.exchange == run["exchange"], f.c.account == run["account"])
        query = select(f.c.txn).where(*same, f.c.symbol == trade.symbol, f.c.trade_id == trade.trade_id)
        if (txn := connection.execute(query).scalar()) is not None:
            raise DataError(f"trade {trade.trade_id} of `{trade.symbol}` is booked already, as transaction {txn}")
    append(connection, f, rows)
    return booked


def _venue_row(run: RowMapping, fill: VenueFill) -> tuple[Any, ...]:
    trade = fill.trade
    names = (run["exchange"], run["account"], trade.trade_id, trade.venue_id, trade.symbol, trade.side)
    money = tuple(format(one, "f") for one in (trade.quantity, trade.price, trade.cost, trade.fee))
    return (*names, *money, trade.fee_asset, trade.time_ms, None if trade.maker is None else int(trade.maker))


def _write_adjustments(connection: Connection, run: int, record: StepRecord, step: int, plan: Plan, first: int) -> None:
    rows = []
    for one, move in zip(record.adjustments, plan.moves, strict=True):
        rows.append(
            (run, step, None if move is None else first, one.asset, one.amount, one.kind, one.wallet, one.reason)
        )
        first += move is not None
    append(connection, schema.adjustments, rows)
