"""The desk of one cycle: the session's book in hand, what this cycle did to it so far, and how that is committed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import (
    CASH,
    CLOSE,
    DUST,
    EVENTS,
    FILLS,
    LAST_EVENT,
    QUANTITY,
    Book,
    Log,
    Market,
    new_book,
    new_log,
)
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.jobs.events import conflict_events, risk_events
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.ports import TradeLedger
from trader_cli.jobs.scene import Scene
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import RiskEvent, WalletRecord
from trader_cli.model.session import Adjustment, OrderEvent, Session, Step, StepRecord, VenueFill
from trader_cli.model.timeframe import Timeframe

_ROOM = 256


@dataclass(eq=False)
class Desk:
    """What one cycle works on; everything below `log` is new since the last commit.

    step: the newest one written. bar: index of the newest bar in the scene. blocked: symbols on which nothing may be
    placed, with the reason; open: those of them where an order's fate is a question. venue_fills: one a fill in the log, None
    where it was simulated. noted_anew: the notes changed. openers: by row, whose wish the newest decision follows where it
    enters. worst: exit code and sentence of the most serious thing that happened, (0, "") = nothing.
    """

    request: Request
    session: Session
    step: Step
    scene: Scene
    ledger: TradeLedger
    book: Book
    log: Log
    notes: dict[str, Any]
    venue_fills: list[VenueFill | None] = field(default_factory=list)
    outcomes: list[OrderEvent] = field(default_factory=list)
    events: list[RiskEvent] = field(default_factory=list)
    adjustments: list[Adjustment] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    fills_seen: list[dict[str, Any]] = field(default_factory=list)
    openers: dict[int, str] = field(default_factory=dict)
    noted_anew: bool = False
    worst: tuple[int, str] = (0, "")

    @property
    def bar(self) -> int:
        """The newest bar."""
        return len(self.scene.open_ms) - 1

    @property
    def bar_ms(self) -> int:
        """Open of the newest bar, ms UTC."""
        return int(self.scene.open_ms[-1])

    @property
    def close_ms(self) -> int:
        """Close of the newest bar, ms UTC."""
        return self.bar_ms + self.scene.timeframe.ms

    def row_of(self, wallet: str, symbol: str) -> int:
        """Return the book's row of a symbol in a wallet; raises ValueError where there is none."""
        wallets = [one.name for one in self.request.wallets]
        return wallets.index(wallet) * len(self.scene.symbols) + self.scene.symbols.index(symbol)

    def name_of(self, row: int) -> tuple[str, str]:
        """Return (wallet, symbol) of a row."""
        w, s = divmod(row, len(self.scene.symbols))
        return self.request.wallets[w].name, self.scene.symbols[s]

    def instrument(self, row: int) -> Instrument:
        """Return the steps of a row's symbol."""
        return self.scene.instruments[row % len(self.scene.symbols)]

    @property
    def unallocated(self) -> int:
        """Cash that no wallet was given, 1e-8 quote."""
        return self.session.cash_start - sum(one.cash_start for one in self.session.wallets)

    def note(self, section: str, row: int, value: Any) -> None:
        """Remember something of a row from one cycle to the next; None forgets it."""
        kept, key = self.notes.setdefault(section, {}), "|".join(self.name_of(row))
        if kept.get(key) != value:
            self.noted_anew = True
            kept[key] = value
        if value is None:
            kept.pop(key, None)

    def noted(self, section: str, row: int) -> Any:
        """Return what is remembered of a row, None where nothing is."""
        return self.notes.get(section, {}).get("|".join(self.name_of(row)))

    def asks(self, symbol: str, question: str) -> None:
        """Leave a market alone, because what became of an order there is not known."""
        self.blocked[symbol] = self.open[symbol] = question

    def fails(self, exit_code: int, message: str) -> None:
        """Let the cycle end with this exit code, unless something worse happened already (7 before 6 before 5)."""
        if exit_code > self.worst[0]:
            self.worst = (exit_code, message)


def opening(session: Session, symbols: Sequence[str], time_ms: int) -> Step:
    """Return a session's step 0: cash in its wallets, nothing held, nothing decided."""
    names = tuple(one.name for one in session.wallets)
    book = new_book(len(symbols), tuple(one.cash_start for one in session.wallets))
    nothing = Fills(tuple(symbols), **{name: np.empty(0, np.int64) for name in _COLUMNS})
    return Step(
        seq=0,
        time_ms=time_ms,
        bar_ms=-1,
        symbols=tuple(symbols),
        wallets=names,
        state=pack(book),
        notes={"outside": dict(session.outside)} if session.outside else {},
        cash=session.cash_start,
        equity=session.cash_start,
        holdings=(0,) * (len(symbols) * len(names)),
        marks=(0,) * len(symbols),
        fill_count=0,
        trade_count=0,
        digest=nothing.digest(),
    )


def new_session(
    request: Request,
    run_id: str,
    mode: str,
    exchange: str,
    account: str,
    timeframe: Timeframe,
    instruments: Sequence[Instrument],
    purses: Sequence[int],
    outside: Mapping[str, str],
    started_ms: int,
) -> Session:
    """Return a session that begins now with the request's cash."""
    wallets = tuple(
        WalletRecord(
            name=plan.name,
            strategies=tuple(one.name for one in plan.strategies),
            share=plan.share,
            cash_start=purse,
            cash_end=purse,
            equity_end=purse,
            trades=0,
            pnl=0,
            halted="",
        )
        for plan, purse in zip(request.wallets, purses, strict=True)
    )
    return Session(
        run_id=run_id,
        mode=mode,
        exchange=exchange,
        account=account,
        strategy=request.label,
        params=request.params,
        preset=request.preset,
        config=request.config,
        timeframe=str(timeframe),
        quote=instruments[0].quote,
        instruments=tuple(instruments),
        wallets=wallets,
        cash_start=request.cash,
        started_ms=started_ms,
        code_digest=code_digest(*(one.source_digest for wallet in request.wallets for one in wallet.strategies)),
        outside=outside,
    )


def set_desk(request: Request, session: Session, step: Step, scene: Scene, ledger: TradeLedger) -> Desk:
    """Return the desk with the session's book as of its newest step, laid out for today's symbols."""
    names = tuple(one.name for one in request.wallets)
    book = unpack(step.state, step.symbols, step.wallets, scene.symbols, names)
    notes = {key: dict(value) if isinstance(value, dict) else value for key, value in step.notes.items()}
    return Desk(request, session, step, scene, ledger, book, new_log(len(scene.open_ms), _ROOM), notes)


def commit(desk: Desk, time_ms: int, bar_ms: int) -> None:
    """Write everything new as the session's next step, whole or not at all, and go on from it.

    bar_ms: open of the newest bar decided on. Raises LeaseError where another run wrote a step in between.
    """
    record = _record(desk, time_ms, bar_ms)
    desk.ledger.write_step(desk.session.run_id, record)
    desk.fills_seen += _shown(record)
    desk.step = record.step
    desk.book.account[FILLS] = 0
    desk.book.account[EVENTS] = 0
    desk.book.position[:, LAST_EVENT] = 0
    desk.venue_fills, desk.outcomes, desk.events, desk.adjustments = [], [], [], []
    desk.noted_anew = False


def is_changed(desk: Desk) -> bool:
    """Tell whether there is anything to commit beside a decision."""
    new = desk.outcomes or desk.events or desk.adjustments or desk.noted_anew
    return bool(desk.book.account[FILLS] or new)


def marks_of(market: Market, instruments: Sequence[Instrument]) -> list[int]:
    """Return every symbol's last price in its price units, 0 where it never had a bar."""
    last = market.prices[CLOSE, -1].tolist()
    pairs = zip(last, instruments, strict=False)
    return [0 if math.isnan(price) else one.price_units(price) for price, one in pairs]


def _record(desk: Desk, time_ms: int, bar_ms: int) -> StepRecord:
    scene, step = desk.scene, desk.step
    symbols = scene.symbols
    count = int(desk.book.account[FILLS])
    fills = _timed(fills_of(symbols, scene.open_ms, desk.book, desk.log), desk.venue_fills)
    trips, digest, trades = _nothing(symbols), step.digest, step.trade_count
    if count or symbols != step.symbols:
        before = _reindexed(desk.ledger.session_fills(desk.session.run_id), symbols)
        whole = _joined(before, fills)
        digest = whole.digest()
        trips = _from(round_trips(whole, scene.timeframe.ms), len(before))
        trades += len(trips)
    opened = [str(desk.noted("openers", int(w) * len(symbols) + int(s)) or "") for w, s in _whose(trips)]
    # Only now: the round trips above were opened by those who were noted before this decision.
    for row, name in desk.openers.items():
        desk.note("openers", row, name)
    desk.openers = {}
    marks = marks_of(scene.market, scene.instruments)
    cash = int(desk.book.wallet[-1, CASH]) + desk.unallocated
    held = (desk.book.position[:, QUANTITY] + desk.book.position[:, DUST]).tolist()
    worth = sum(
        scene.instruments[row % len(symbols)].value_units(marks[row % len(symbols)], quantity)
        for row, quantity in enumerate(held)
        if quantity
    )
    told = Step(
        seq=step.seq + 1,
        time_ms=time_ms,
        bar_ms=bar_ms,
        symbols=symbols,
        wallets=tuple(one.name for one in desk.request.wallets),
        state=pack(desk.book),
        notes=desk.notes,
        cash=cash,
        equity=cash + worth,
        holdings=tuple(held),
        marks=tuple(marks),
        fill_count=step.fill_count + count,
        trade_count=trades,
        digest=digest,
    )
    rules = risk_events(
        desk.log, desk.book, scene.open_ms, scene.timeframe.ms, desk.request.wallets, symbols, desk.session.quote
    )
    conflicts = [] if bar_ms == step.bar_ms else _fresh_conflicts(desk)
    return StepRecord(
        step=told,
        instruments=tuple(scene.instruments),
        fills=fills,
        trips=trips,
        trip_strategies=tuple(opened),
        risk_events=tuple(sorted([*rules, *conflicts, *desk.events], key=lambda one: one.time_ms)),
        venue_fills=tuple(desk.venue_fills) if desk.venue_fills else (None,) * count,
        outcomes=tuple(desk.outcomes),
        adjustments=tuple(desk.adjustments),
    )


def _fresh_conflicts(desk: Desk) -> list[RiskEvent]:
    """Return the disagreements of the newest bar; those of former bars were written when they happened."""
    now = desk.close_ms
    found = conflict_events(desk.scene.wishes, desk.request.wallets, desk.scene.series)
    return [replace(one, time_ms=now, count=1) for one in found if one.last_ms == now]


def _timed(fills: Fills, venue_fills: Sequence[VenueFill | None]) -> Fills:
    """Give the venue's fills the venue's time; a simulated one happened at its bar's open."""
    if not venue_fills:
        return fills
    times = fills.time_ms.copy()
    for i, one in enumerate(venue_fills):
        if one is not None:
            times[i] = one.trade.time_ms
    return replace(fills, time_ms=times)


def _reindexed(fills: Fills, symbols: tuple[str, ...]) -> Fills:
    """Let fills index a longer list of symbols: one that was ever traded in a session stays in it."""
    places = np.array([symbols.index(one) for one in fills.symbols], np.int64)
    return replace(fills, symbols=symbols, symbol=places[fills.symbol])


_COLUMNS = ("time_ms", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason", "wallet")


def _joined(before: Fills, after: Fills) -> Fills:
    columns = {name: np.concatenate((getattr(before, name), getattr(after, name))) for name in _COLUMNS}
    return Fills(after.symbols, **columns)


_TRIP_COLUMNS = (
    *("symbol", "entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars"),
    *("last_fill", "wallet"),
)


def _from(trips: RoundTrips, first: int) -> RoundTrips:
    """Return the round trips that ended with the fill of that index or later, counting fills from there."""
    mine = trips.last_fill >= first
    columns = {name: getattr(trips, name)[mine] for name in _TRIP_COLUMNS}
    columns["last_fill"] = columns["last_fill"] - first
    return RoundTrips(trips.symbols, **columns)


def _nothing(symbols: tuple[str, ...]) -> RoundTrips:
    return RoundTrips(symbols, **{name: np.empty(0, np.int64) for name in _TRIP_COLUMNS})


def _whose(trips: RoundTrips) -> list[tuple[int, int]]:
    return list(zip(trips.wallet.tolist(), trips.symbol.tolist(), strict=True))


def _shown(record: StepRecord) -> list[dict[str, Any]]:
    from trader_cli.jobs.summary import fill_rows

    columns = fill_rows(record.fills, record.instruments)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
