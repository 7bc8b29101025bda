"""Sessions made of random runs: the same fills, cut into steps as cycles would write them, on paper or at a venue."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from books import event, record

from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, VenueTrade, client_id_of
from trader_cli.model.run import RunRecord
from trader_cli.model.session import OrderEvent, Session, Step, StepRecord, VenueFill

COLUMNS = ("time_ms", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason", "wallet")
TRIPS = (
    *("symbol", "entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars"),
    *("last_fill", "wallet"),
)
START_MS = 1_700_000_000_000


def session_of(run: RunRecord, mode: str = "paper", exchange: str = "kraken", account: str = "") -> Session:
    """The session whose fills a run has, as it stood before any of them."""
    return Session(
        run_id=run.run_id,
        mode=mode,
        exchange=exchange,
        account=account,
        strategy=run.strategy,
        params=run.params,
        preset=run.preset,
        config=run.config,
        timeframe=run.timeframe,
        quote=run.quote,
        instruments=run.instruments,
        wallets=tuple(
            replace(one, cash_end=one.cash_start, equity_end=one.cash_start, trades=0, pnl=0) for one in run.wallets
        ),
        cash_start=run.cash_start,
        started_ms=START_MS,
        code_digest=run.code_digest,
        outside={"BTC": "0.25"} if mode == "live" else {},
    )


def part_of(fills: Fills, low: int, high: int) -> Fills:
    return Fills(fills.symbols, **{name: getattr(fills, name)[low:high].copy() for name in COLUMNS})


def _trips(trips: RoundTrips, low: int, high: int) -> tuple[RoundTrips, list[int]]:
    mine = np.flatnonzero((trips.last_fill >= low) & (trips.last_fill < high))
    columns = {name: getattr(trips, name)[mine] for name in TRIPS}
    columns["last_fill"] = columns["last_fill"] - low
    return RoundTrips(trips.symbols, **columns), mine.tolist()


def step_at(run: RunRecord, seq: int, count: int, trades: int) -> Step:
    """What stands after `count` fills of a run."""
    fills = part_of(run.fills, 0, count)
    wallets = len(run.wallets)
    symbols = len(run.instruments)
    held: dict[int, int] = defaultdict(int)
    for w, s, change in zip(
        fills.wallet.tolist(), fills.symbol.tolist(), (fills.side * fills.quantity).tolist(), strict=True
    ):
        held[w * symbols + s] += change
    cash = run.cash_start - int((fills.side * fills.notional + fills.fee).sum())
    worth = sum(run.instruments[i % symbols].value_units(run.marks[i % symbols], units) for i, units in held.items())
    return Step(
        seq=seq,
        time_ms=START_MS + seq * 60_000,
        bar_ms=-1 if seq == 0 else START_MS + seq * 60_000 - 60_000,
        symbols=fills.symbols,
        wallets=tuple(one.name for one in run.wallets),
        state=hashlib.sha256(b"%d" % seq).digest() * 30,
        notes={"openers": {"main|S0/USD": "random"}, "seq": seq},
        cash=cash,
        equity=cash + worth,
        holdings=tuple(held[i] for i in range(wallets * symbols)),
        marks=run.marks,
        fill_count=count,
        trade_count=trades,
        digest=fills.digest(),
    )


def opening_of(run: RunRecord) -> Step:
    return replace(step_at(run, 0, 0, 0))


def records_of(run: RunRecord, cuts: Sequence[int]) -> list[StepRecord]:
    """The steps of a run's fills, cut where `cuts` says, each with the risk events of the run in the first."""
    found: list[StepRecord] = []
    done, trades = 0, 0
    for seq, cut in enumerate(cuts, start=1):
        trips, whose = _trips(run.round_trips, done, cut)
        trades += len(whose)
        found.append(
            StepRecord(
                step=step_at(run, seq, cut, trades),
                instruments=run.instruments,
                fills=part_of(run.fills, done, cut),
                trips=trips,
                trip_strategies=tuple(run.strategies[run.trip_strategies[i]].name for i in whose),
                risk_events=(event(seq),) if seq == 1 else (),
                venue_fills=(None,) * (cut - done),
            )
        )
        done = cut
    return found


def ticket(
    run_id: str,
    number: int,
    symbol: str = "S0/USD",
    side: int = 1,
    quantity: int = 10**8,
    wallet: str = "main",
    **more: object,
) -> Ticket:
    """An order of a session; its key follows from its number."""
    key = f"{run_id}|{wallet}|{symbol}|{number}|entry|0"
    values: dict[str, object] = {
        "kind": TicketKind.LIMIT,
        "purpose": Purpose.ENTRY,
        "reason": 0,
        "price": 123_456_789,
        "trigger": 0,
        "price_decimals": 8,
        "arrival": 123_000_000,
        "bar_ms": START_MS + number * 60_000,
        "created_ms": START_MS + number * 60_000 + 5,
        "deadline_ms": START_MS + number * 60_000 + 5_005,
    }
    values |= more
    return Ticket(
        key=key,
        client_id=client_id_of(key),
        run_id=run_id,
        wallet=wallet,
        symbol=symbol,
        side=side,
        quantity=quantity,
        **values,
    )  # type: ignore[arg-type]


def trade_of(
    fills: Fills, i: int, trade_id: str, price_decimals: int, fee_asset: str = "USD", fee: Decimal | None = None
) -> VenueTrade:
    """The venue's trade behind a fill of these."""
    return VenueTrade(
        trade_id=trade_id,
        venue_id=f"V-{trade_id}",
        symbol=fills.symbols[int(fills.symbol[i])],
        side=int(fills.side[i]),
        quantity=Decimal(int(fills.quantity[i])).scaleb(-8),
        price=Decimal(int(fills.price[i])).scaleb(-price_decimals),
        cost=Decimal(int(fills.notional[i])).scaleb(-8),
        fee=Decimal(int(fills.fee[i])).scaleb(-8) if fee is None else fee,
        fee_asset=fee_asset,
        time_ms=int(fills.time_ms[i]),
        maker=(None, True, False)[i % 3],
    )


def live_records(run: RunRecord, cuts: Sequence[int]) -> tuple[list[Ticket], list[StepRecord]]:
    """The steps of a run traded at a venue: one order a fill, acknowledged before the step, filled in it."""
    tickets: list[Ticket] = []
    told: list[StepRecord] = []
    for one in records_of(run, cuts):
        venue_fills: list[VenueFill] = []
        outcomes: list[OrderEvent] = []
        for i in range(len(one.fills)):
            number = len(tickets)
            symbol = int(one.fills.symbol[i])
            order = ticket(
                run.run_id,
                number,
                symbol=one.step.symbols[symbol],
                side=int(one.fills.side[i]),
                quantity=int(one.fills.quantity[i]),
                wallet=one.step.wallets[int(one.fills.wallet[i])],
                price_decimals=run.instruments[symbol].price_decimals,
            )
            trade = trade_of(one.fills, i, f"T{number}", order.price_decimals)
            tickets.append(order)
            venue_fills.append(VenueFill(order.client_id, trade))
            outcomes.append(
                OrderEvent(order.client_id, one.step.time_ms, OrderState.FILLED, trade.venue_id, order.quantity, "")
            )
        told.append(replace(one, venue_fills=tuple(venue_fills), outcomes=tuple(outcomes)))
    return tickets, told


__all__ = ["live_records", "opening_of", "record", "records_of", "session_of", "step_at", "ticket", "trade_of"]
