"""Orders with their life, and how they fared at the venue: read from the ledger, unresolved ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trader_cli.jobs.report import decimal_text, exact, open_sessions, time_text
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.tuning import Limits, Switches, switches
from trader_cli.model.fills import Reason
from trader_cli.model.orders import VenueTrade
from trader_cli.model.session import OrderRecord, Session
from trader_cli.stats.execution import Analytics, Figures, Sent, analytics, order_figures


@dataclass(frozen=True)
class EventLine:
    """One thing that became known of an order. filled: exact decimal text."""

    time: str
    state: str
    filled: str
    message: str


@dataclass(frozen=True)
class OrderLine:
    """One order with its life. Amounts are exact decimal text, "" = none; times ISO 8601.

    average: of its trades; NaN where nothing filled, as is slippage_bps, positive = against us. unresolved: the venue may
    have it without our knowing. booked is False where it filled more than the book has.
    """

    client_id: str
    venue_id: str
    run_id: str
    mode: str
    exchange: str
    wallet: str
    strategy: str
    symbol: str
    side: str
    kind: str
    purpose: str
    reason: str
    quantity: str
    filled: str
    filled_pct: float
    booked: bool
    price: str
    trigger: str
    arrival: str
    average: float
    slippage_bps: float
    state: str
    unresolved: bool
    created: str
    age_s: int
    message: str
    events: tuple[EventLine, ...]


@dataclass(frozen=True)
class Attribution:
    """What one strategy's closed round trips brought, over all sessions in one currency; exact decimal text."""

    strategy: str
    quote: str
    trades: int
    wins: int
    pnl: str
    fees: str


@dataclass(frozen=True)
class Execution:
    """How orders fared, what that switches (R1.10), and what each strategy brought (R2.9)."""

    analytics: Analytics
    switches: Switches
    attribution: tuple[Attribution, ...]


def order_lines(
    ledger: ReportLedger,
    now_ms: int,
    *,
    run_id: str | None = None,
    symbol: str | None = None,
    open_only: bool = False,
    limit: int = 0,
) -> list[OrderLine]:
    """Return orders: the unresolved, oldest first; the working; then the `limit` newest that ended.

    Of all sessions unless one is named, ended ones too: what is open is never cut off, wherever it stands.
    """
    found = [
        (session, one)
        for session in ledger.sessions()
        if run_id is None or session.run_id == run_id
        for one in sent_orders(ledger, session, open_only=open_only)
        if symbol is None or one.order.ticket.symbol == symbol
    ]
    found.sort(key=lambda pair: pair[1].order.ticket.created_ms, reverse=True)
    unresolved = [pair for pair in reversed(found) if pair[1].order.state.is_unresolved]
    working = [pair for pair in found if not _is_over(pair[1].order) and not pair[1].order.state.is_unresolved]
    ended = [pair for pair in found if _is_over(pair[1].order)]
    return [order_line(session, one, now_ms) for session, one in (*unresolved, *working, *ended[:limit])]


def unresolved_lines(ledger: ReportLedger, now_ms: int) -> list[OrderLine]:
    """Return the orders whose fate nobody knows, oldest first, of sessions that ended too."""
    return [one for one in order_lines(ledger, now_ms, open_only=True) if one.unresolved]


def order_line(session: Session, sent: Sent, now_ms: int) -> OrderLine:
    """Return one order as it is shown."""
    order, ticket, known = sent.order, sent.order.ticket, order_figures(sent)
    places = ticket.price_decimals
    said = [one.message for one in order.events if one.message]
    return OrderLine(
        client_id=ticket.client_id,
        venue_id=order.venue_id,
        run_id=session.run_id,
        mode=session.mode,
        exchange=session.exchange,
        wallet=ticket.wallet,
        strategy=sent.strategy,
        symbol=ticket.symbol,
        side="buy" if ticket.side > 0 else "sell",
        kind=str(ticket.kind),
        purpose=str(ticket.purpose),
        reason=Reason(ticket.reason).label,
        quantity=exact(ticket.quantity),
        filled=exact(order.filled),
        filled_pct=order.filled / ticket.quantity * 100,
        booked=order.booked == order.filled,
        price=exact(ticket.price, places) if ticket.price else "",
        trigger=exact(ticket.trigger, places) if ticket.trigger else "",
        arrival=exact(ticket.arrival, places) if ticket.arrival else "",
        average=known.average,
        slippage_bps=known.slippage_bps,
        state=str(order.state),
        unresolved=order.state.is_unresolved,
        created=time_text(ticket.created_ms),
        age_s=max(now_ms - ticket.created_ms, 0) // 1000,
        message=said[-1] if said else "",
        events=tuple(
            EventLine(time_text(one.time_ms), str(one.state), exact(one.filled), one.message) for one in order.events
        ),
    )


def execution(ledger: ReportLedger, limits: Limits, run_id: str | None = None) -> Execution:
    """Return how the orders of the open sessions fared, or of one; attribution covers paper sessions too."""
    sessions = [one for one in open_sessions(ledger.sessions()) if run_id in (None, one.run_id)]
    known = analytics([one for session in sessions for one in sent_orders(ledger, session)])
    return Execution(known, switches(known, limits), _attribution(ledger, sessions))


def execution_row(known: Execution) -> dict[str, Any]:
    """Return the analytics as JSON knows them: exact sums as text, ratios as numbers."""
    whole = known.analytics
    return {
        "total": figures_row(whole.total),
        "wished": figures_row(whole.wished),
        **{
            key: {name: figures_row(one) for name, one in getattr(whole, key).items()}
            for key in ("by_strategy", "by_symbol", "by_kind")
        },
        "rejections": dict(whole.rejections),
        "switches": {**asdict(known.switches), "minimum_buffer": decimal_text(known.switches.minimum_buffer)},
        "attribution": [asdict(one) for one in known.attribution],
    }


def figures_row(one: Figures) -> dict[str, Any]:
    """Return how some orders fared as JSON knows it: exact sums as text, ratios as numbers."""
    values: dict[str, Any] = {**vars(one), "success_pct": one.success_pct, "slippage_bps": one.slippage_bps}
    values["fees"] = {asset: decimal_text(amount) for asset, amount in one.fees.items()}
    for name in ("notional", "shortfall", "expected"):
        values[name] = decimal_text(values[name])
    return values


def sent_orders(ledger: ReportLedger, session: Session, *, open_only: bool = False) -> list[Sent]:
    """Return a session's orders, oldest first, each with its trades and its strategy."""
    orders = ledger.orders(session.run_id, open_only=open_only)
    if not orders:
        return []
    trades: dict[str, list[VenueTrade]] = {}
    for row in ledger.venue_fills(session.run_id):
        trades.setdefault(str(row["client_id"]), []).append(trade_of(row))
    owners = strategies_of(ledger, session)
    return [
        Sent(one, tuple(sorted(mine, key=lambda trade: trade.time_ms)), owners(one, mine))
        for one in orders
        for mine in [trades.get(one.ticket.client_id, [])]
    ]


def trade_of(row: Mapping[str, Any]) -> VenueTrade:
    """Return the venue's trade in one of the ledger's joined rows."""
    return VenueTrade(**{name: row[name] for name in VenueTrade.__dataclass_fields__})


def _is_over(order: OrderRecord) -> bool:
    return order.state.is_final and order.filled == order.booked


class _Owners:
    """Whose an order was: of the round trip it belongs to, of the position that is open, or of the wallet's one strategy."""

    def __init__(self, ledger: ReportLedger, session: Session) -> None:
        kept = ledger.last_step(session.run_id).notes.get("openers")
        self.now = {str(key): str(name) for key, name in kept.items()} if isinstance(kept, Mapping) else {}
        self.trips = ledger.rows("trades", session.run_id)
        self.wallets = {one.name: one.strategies for one in session.wallets}
        self.session = session

    def __call__(self, order: OrderRecord, trades: Sequence[VenueTrade]) -> str:
        ticket = order.ticket
        own = self.wallets.get(ticket.wallet, ())
        if len(own) == 1:
            return own[0]
        when = trades[0].time_ms if trades else ticket.bar_ms
        for trip in self.trips:
            whose = (trip["wallet"], trip["symbol"])
            if whose == (ticket.wallet, ticket.symbol) and trip["entry_ms"] <= when <= trip["exit_ms"]:
                return str(trip["strategy"])
        return self.now.get(f"{ticket.wallet}|{ticket.symbol}") or ",".join(own) or self.session.strategy


def strategies_of(ledger: ReportLedger, session: Session) -> _Owners:
    """Return a function that tells whose an order of this session was."""
    return _Owners(ledger, session)


def _attribution(ledger: ReportLedger, sessions: Sequence[Session]) -> tuple[Attribution, ...]:
    sums: dict[tuple[str, str], list[int]] = {}
    for session in sessions:
        for trip in ledger.rows("trades", session.run_id):
            whole = sums.setdefault((str(trip["strategy"]), session.quote), [0, 0, 0, 0])
            for i, more in enumerate((1, int(trip["pnl"] > 0), int(trip["pnl"]), int(trip["fees"]))):
                whole[i] += more
    return tuple(
        Attribution(name, quote, count, wins, exact(pnl), exact(fees))
        for (name, quote), (count, wins, pnl, fees) in sorted(sums.items())
    )
