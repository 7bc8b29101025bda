"""Sessions made of random runs: the same fills, cut into steps as cycles would write them, on paper or at a venue."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from books import event, record

from trader_cli.ledger import Ledger
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, VenueTrade, client_id_of
from trader_cli.model.run import RunRecord
from trader_cli.model.session import (
    Adjustment,
    Arming,
    CycleRecord,
    Deployment,
    OrderEvent,
    Session,
    Step,
    StepRecord,
    VenueFill,
)

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


def fill_a_ledger(ledger: Ledger) -> None:
    """Write a little of everything that sessions leave: paper and live, one wallet and three, orders in every state."""
    paper = record(11, 30, run_id="paper", wallets=3, rest=10**9)
    ledger.open_session(session_of(paper), opening_of(paper))
    for one in records_of(paper, (5, 5, 17, 30)):
        ledger.write_step("paper", one)
    live = record(12, 24, run_id="live", wallets=2)
    ledger.open_session(session_of(live, "live", "kraken", "a1"), opening_of(live))
    tickets, told = live_records(live, (3, 11, 24))
    for one in tickets:
        ledger.add_ticket(one)
    ledger.note_orders([OrderEvent(tickets[0].client_id, 5, OrderState.UNKNOWN, "", 0, "timed out")])
    for one in told:
        ledger.write_step("live", one)
    for i, state in enumerate((OrderState.UNKNOWN, OrderState.OPEN, OrderState.REJECTED, OrderState.ABSENT), start=100):
        other = ticket("live", i, wallet="momentum")
        ledger.add_ticket(other)
        ledger.note_orders([OrderEvent(other.client_id, i, state, f"V{i}", 0, "why")])
    ledger.write_step("live", adjusted(told[-1].step, live))
    ledger.deploy(1, Deployment("momentum", "momentum", {"fast": "5"}, "code", 1))
    ledger.deploy(2, Deployment("grid", "grid", {}, "code", 2))
    ledger.retire(3, "grid")
    ledger.arm(Arming("kraken", "a1", "config", "strategies", 4, 5, {"cash": "500"}))
    ledger.disarm(5, "by hand")
    for i in range(3):
        ledger.record_cycle(CycleRecord("live", i, i + 1, "acted", 0, "", {"calls": i}))
        ledger.learn_minimum(i, "kraken", "S0/USD", Decimal(i + 1), "too small")


def adjusted(before: Step, run: RunRecord) -> StepRecord:
    """A step of nothing but explained differences: cash adopted, of S0 1.5 adopted, 0.5 of the cash and some S0 lost."""
    first = before.wallets[0]
    held = (before.holdings[0] + 150_000_000 - 1_000, *before.holdings[1:])
    cash = before.cash + 25 * 10**8 - 5 * 10**7
    count = len(before.symbols)
    worth = sum(run.instruments[i % count].value_units(before.marks[i % count], units) for i, units in enumerate(held))
    step = replace(
        before, seq=before.seq + 1, time_ms=before.time_ms + 1, cash=cash, holdings=held, equity=cash + worth
    )
    nothing, trips = part_of(run.fills, 0, 0), _trips(run.round_trips, 0, 0)[0]
    adjustments = (
        Adjustment("USD", "25", "adopt", first, "a deposit"),
        Adjustment("S0", "1.5", "adopt", first, "bought by hand"),
        Adjustment("USD", "-0.5", "write_off", "", "a fee nobody told"),
        Adjustment("S0", "-0.00001", "write_off", first, "dust"),
        Adjustment("DOGE", "7", "write_off", "", "not ours"),
    )
    return StepRecord(step, run.instruments, nothing, trips, (), adjustments=adjustments)


__all__ = [
    "adjusted",
    "fill_a_ledger",
    "live_records",
    "opening_of",
    "record",
    "records_of",
    "session_of",
    "step_at",
    "ticket",
    "trade_of",
]
