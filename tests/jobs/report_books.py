"""A ledger that is a handful of lists, and the rows to put into it, for what reports read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from trader_cli.engine import state as of
from trader_cli.engine.snapshot import pack
from trader_cli.model.instrument import Instrument
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, VenueTrade, client_id_of
from trader_cli.model.risk import WalletRecord
from trader_cli.model.session import Adjustment, CycleRecord, OrderEvent, OrderRecord, Session, Step

ONE = 10**8
HOUR = 3_600_000
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z, close of the bar that opened at 11:00
SYMBOLS = ("BTC/USD", "ETH/USD")


@dataclass
class Shelf:
    """The named fake: what a report reads, as lists."""

    all_sessions: list[Session] = field(default_factory=list)
    all_steps: dict[str, list[Step]] = field(default_factory=dict)
    all_orders: list[OrderRecord] = field(default_factory=list)
    trades: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tables: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    all_cycles: list[CycleRecord] = field(default_factory=list)
    explained: dict[str, list[tuple[int, Adjustment]]] = field(default_factory=dict)
    halts: dict[str, Any] = field(default_factory=dict)
    all_entries: list[dict[str, Any]] = field(default_factory=list)

    def sessions(self) -> Sequence[Session]:
        return self.all_sessions

    def last_step(self, run_id: str) -> Step:
        return self.all_steps[run_id][0]

    def steps(self, run_id: str, limit: int) -> Sequence[Step]:
        return self.all_steps[run_id][:limit]

    def orders(self, run_id: str, *, open_only: bool = False) -> Sequence[OrderRecord]:
        mine = [one for one in self.all_orders if one.ticket.run_id == run_id]
        return [one for one in mine if not open_only or not one.state.is_final or one.filled != one.booked]

    def order(self, client_id: str) -> OrderRecord | None:
        return next((one for one in self.all_orders if one.ticket.client_id == client_id), None)

    def find_orders(self, prefix: str) -> Sequence[OrderRecord]:
        return [one for one in self.all_orders
                if one.ticket.client_id.startswith(prefix) or (one.venue_id and one.venue_id.startswith(prefix))]  # fmt: skip

    def venue_fills(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        return self.trades.get(run_id, [])

    def rows(self, table: str, run_id: str) -> Sequence[Mapping[str, Any]]:
        return self.tables.get((table, run_id), [])

    def cycles(self, limit: int, run_id: str | None = None) -> Sequence[CycleRecord]:
        return [one for one in self.all_cycles if run_id in (None, one.run_id)][:limit]

    def adjustments(self, run_id: str) -> Sequence[tuple[int, Adjustment]]:
        return self.explained.get(run_id, [])

    def halted(self) -> Mapping[str, Any]:
        return self.halts

    def entries(self, transactions: Sequence[int]) -> Sequence[Mapping[str, Any]]:
        return [one for one in self.all_entries if one["txn"] in transactions]


def session(
    run_id: str = "live-1", mode: str = "live", wallets: Mapping[str, tuple[str, ...]] | None = None
) -> Session:
    named = wallets or {"main": ("momentum",)}
    cash = 1000 * ONE // len(named)
    return Session(
        run_id=run_id, mode=mode, exchange="kraken", account="abc" if mode == "live" else "", strategy="momentum",
        params={}, preset="paper-500", config={}, timeframe="1h", quote="USD",
        instruments=tuple(Instrument(one, tick=Decimal("0.01"), quote_currency="USD") for one in SYMBOLS),
        wallets=tuple(WalletRecord(name, own, ONE, cash, cash, cash, 0, 0, "") for name, own in named.items()),
        cash_start=1000 * ONE, started_ms=NOON - 24 * HOUR, code_digest="c", outside={},
    )  # fmt: skip


def step(
    of_session: Session,
    held: Mapping[int, Mapping[int, int]] | None = None,
    notes: Mapping[str, object] | None = None,
    seq: int = 7,
    bar_ms: int = NOON - HOUR,
    marks: tuple[int, ...] = (110 * ONE, 50 * ONE),
    equity: int = 1010 * ONE,
) -> Step:
    """Return a step; held: columns of the book's position by row."""
    wallets = tuple(one.name for one in of_session.wallets)
    book = of.new_book(len(SYMBOLS), tuple(one.cash_start for one in of_session.wallets))
    for row, columns in (held or {}).items():
        for column, value in columns.items():
            book.position[row, column] = value
    return Step(
        seq=seq, time_ms=bar_ms + HOUR + 5000, bar_ms=bar_ms, symbols=SYMBOLS, wallets=wallets, state=pack(book),
        notes=notes or {}, cash=900 * ONE, equity=equity, holdings=tuple(book.position[:, of.QUANTITY].tolist()),
        marks=marks, fill_count=3, trade_count=1, digest="d",
    )  # fmt: skip


HELD = {
    of.QUANTITY: ONE, of.ENTRY_PRICE: 100 * ONE, of.ENTRY_MS: NOON - 5 * HOUR, of.TRIP_BOUGHT: 100 * ONE,
    of.TRIP_FEES: ONE // 2, of.FLOOR: 95 * ONE, of.CEILING: 120 * ONE,
}  # fmt: skip
"""1 BTC bought at 100 with a fee of 0.5, a stop at 95 and a target at 120."""


def ticket(name: str, **changed: Any) -> Ticket:
    values: dict[str, Any] = {
        "key": f"live-1|main|BTC/USD|{NOON}|{name}", "run_id": "live-1", "wallet": "main", "symbol": "BTC/USD",
        "side": 1, "kind": TicketKind.LIMIT, "purpose": Purpose.ENTRY, "reason": 0, "quantity": 2 * ONE,
        "price": 101 * ONE, "trigger": 0, "price_decimals": 8, "arrival": 100 * ONE, "bar_ms": NOON,
        "created_ms": NOON + 1000, "deadline_ms": NOON + 6000,
    }  # fmt: skip
    values.update(changed)
    return Ticket(client_id=client_id_of(values["key"]), **values)


def record(asked: Ticket, state: OrderState, filled: int = 0, venue_id: str = "", message: str = "",
           booked: int | None = None) -> OrderRecord:  # fmt: skip
    events = [OrderEvent(asked.client_id, asked.created_ms, OrderState.SENDING, "", 0, "")]
    if state is not OrderState.SENDING:
        events.append(OrderEvent(asked.client_id, asked.created_ms + 400, state, venue_id, filled, message))
    return OrderRecord(asked, state, venue_id, filled, filled if booked is None else booked, tuple(events))


def venue_fill(asked: Ticket, txn: int, quantity: str, price: str, fee: str = "0.2") -> dict[str, Any]:
    trade = VenueTrade(f"T{txn}", "O-1", asked.symbol, asked.side, Decimal(quantity), Decimal(price),
                       Decimal(quantity) * Decimal(price), Decimal(fee), "USD", asked.created_ms + 700, False)  # fmt: skip
    return {"txn": txn, "client_id": asked.client_id, **vars(trade)}


def fill_row(txn: int, time_ms: int = NOON, side: int = 1, wallet: str = "main", reason: int = 0) -> dict[str, Any]:
    return {"txn": txn, "time_ms": time_ms, "symbol": "BTC/USD", "side": side, "quantity": ONE, "price": 100 * ONE,
            "price_decimals": 8, "notional": 100 * ONE, "fee": ONE // 5, "kind": 0, "reason": reason,
            "wallet": wallet}  # fmt: skip


def trip_row(**changed: Any) -> dict[str, Any]:
    return {"symbol": "BTC/USD", "wallet": "main", "strategy": "momentum", "entry_ms": NOON, "exit_ms": NOON + 3 * HOUR,
            "quantity": ONE, "bought": 100 * ONE, "sold": 103 * ONE, "fees": ONE, "pnl": 2 * ONE, "reason": 1, "bars": 3,
            "closing_txn": 9, **changed}  # fmt: skip


def risk_row(kind: str, rule: str, **changed: Any) -> dict[str, Any]:
    return {"time_ms": NOON, "last_ms": NOON, "count": 1, "kind": kind, "wallet": "main", "strategy": "momentum",
            "symbol": "BTC/USD", "rule": rule, "number": "", "limit": "", "unit": "", "message": "", **changed}  # fmt: skip


def shelf(**changed: Any) -> Shelf:
    """Return a live session with 1 BTC, and whatever else is stated."""
    mine = session()
    whole = Shelf([mine], {mine.run_id: [step(mine, {0: HELD})]})
    for name, value in changed.items():
        setattr(whole, name, value)
    return whole
