"""One cycle of paper or live trading: recover, reconcile, read closed bars, settle, decide, commit, place, protect.

Paper and live are this one job with different brokers. It steps a session's book over the bars that closed since its newest
step, and is harmless to repeat: a bar is decided on once, an order is known before anybody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from trader_cli.engine.halts import apply_halt
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import (
    CLOSE,
    CONFIDENCE,
    HIGH,
    LEVEL,
    LOW,
    OPEN,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_SIDE,
    QUANTITY,
    TRIPPED_BY,
    TRIPPED_LIMIT,
    TRIPPED_NUMBER,
)
from trader_cli.errors import DataError, UnresolvedError, UsageError
from trader_cli.jobs.desk import Desk, commit, is_changed, new_session, opening, set_desk
from trader_cli.jobs.plan import Request
from trader_cli.jobs.ports import BarSource, TradeLedger
from trader_cli.jobs.scene import Scene, Stage, set_scene, set_stage
from trader_cli.jobs.summary import iso
from trader_cli.model.fills import OrderKind, Reason, Refusal
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import ALL
from trader_cli.model.session import Session, Step


class Broker(Protocol):
    """Who fills a session's orders. mode: `paper` or `live`. exchange, account: which session is theirs.

    watched: halts by hand and breakers of this home count, and are kept there.
    """

    mode: str
    exchange: str
    account: str
    watched: bool

    def opening(self, request: Request, instruments: Sequence[Instrument]) -> Mapping[str, str]:
        """Return what of each asset lies on the account beside the request's cash; raises RiskError where that is not there."""
        ...

    def recover(self, session: Session, ledger: TradeLedger) -> None:
        """Find out what became of orders whose fate is open."""
        ...

    def settle(self, desk: Desk) -> int:
        """Book what was filled since; return the first bar that the simulated market has not met with yet."""
        ...

    def reconcile(self, desk: Desk) -> None:
        """Compare the book with the account; whatever nobody can explain stops new orders."""
        ...

    def place(self, desk: Desk) -> None:
        """Send what the book asks for, book what fills at once, and let protection rest where the venue holds it."""
        ...


@dataclass(frozen=True)
class Cycled:
    """What a cycle did: the result for the reader, and the exit code with its sentence where it is not 0."""

    result: dict[str, Any]
    exit_code: int
    message: str


def trade(
    request: Request,
    source: BarSource,
    instrument: Callable[[str, str], Instrument],
    broker: Broker,
    ledger: TradeLedger,
    now_ms: Callable[[], int],
    run_id: str,
    *,
    stale_bars: int,
    problems: Mapping[str, str] = MappingProxyType({}),
    fresh: bool = False,
) -> Cycled:
    """Run one cycle. Raises TraderError before anything is placed where it cannot trade at all.

    source: closed bars only. problems: by symbol, what the source found wrong with its market. run_id: of a session that begins
    now. stale_bars: closed bars that the newest data may lack.
    fresh: begin a new session though there is one.
    """
    session = None if fresh else ledger.session(broker.mode, broker.exchange, broker.account)
    step: Step | None = None
    traded = request.symbols
    if session is not None:
        broker.recover(session, ledger)
        step = ledger.last_step(session.run_id)
        # A symbol that was ever traded in a session stays in its book.
        request = replace(request, symbols=tuple(sorted({*request.symbols, *step.symbols})), cash=session.cash_start)
    stage = set_stage(request, source, instrument)
    if not any(len(one) for one in stage.series):
        raise DataError(
            next(iter(problems.values()), "there is no closed bar of any symbol yet"),
            "wait for the first one, or choose other symbols",
        )
    if session is not None:
        _check_quote(session, stage)
    # On paper nothing happens between bars: about one that was decided on nobody is asked again.
    newest = max(int(one.open_ms[-1]) for one in stage.series if len(one))
    quiet = broker.mode == "paper" and step is not None and newest <= step.bar_ms
    scene = set_scene(request, stage, {}, None, asked=not quiet)
    if session is None or step is None:
        outside = broker.opening(request, scene.instruments)
        began = now_ms()
        session = new_session(
            request,
            run_id,
            broker.mode,
            broker.exchange,
            broker.account,
            scene.timeframe,
            scene.instruments,
            scene.purses,
            outside,
            began,
        )
        step = opening(session, scene.symbols, began)
        ledger.open_session(session, step)
    _check_same(session, request, scene)
    desk = set_desk(request, session, step, scene, ledger)
    desk.blocked.update(problems)
    for symbol, text in problems.items():
        desk.fails(DataError.exit_code, f"{symbol}: {text}")
    if broker.watched:
        _take_halts(desk)
    filled = broker.settle(desk)
    if is_changed(desk):
        # What the venue did is kept before anything new is thought of.
        commit(desk, now_ms(), desk.step.bar_ms)
    broker.reconcile(desk)
    decided = _decide(desk, broker, traded, filled, now_ms, stale_bars)
    broker.place(desk)
    return _told(desk, decided)


def _check_quote(session: Session, stage: Stage) -> None:
    """Refuse symbols of another currency by the session that keeps the former ones, not as a choice that never was made."""
    others = sorted({one.quote for one in stage.instruments} - {session.quote})
    if others:
        raise UsageError(
            f"the session `{session.run_id}` is kept in {session.quote}, its symbols in {' and '.join(others)}",
            "begin a new session: `--fresh`",
        )


def _check_same(session: Session, request: Request, scene: Scene) -> None:
    """Refuse to go on with another account's layout: its money would be nobody's."""
    fresh = "begin a new session: `--fresh`"
    if session.timeframe != str(scene.timeframe):
        raise UsageError(
            f"the session `{session.run_id}` trades on {session.timeframe} bars, the configuration says {scene.timeframe}",
            f"go back to it: `--timeframe {session.timeframe}`",
            fresh,
        )
    before = [(one.name, one.share) for one in session.wallets]
    now = [(one.name, one.share) for one in request.wallets]
    if before != now:
        shown, wanted = (", ".join(f"{name} {share / 1e6:g} %" for name, share in each) for each in (before, now))
        raise UsageError(
            f"the session `{session.run_id}` has the wallets {shown}; the configuration says {wanted}",
            "what a wallet owns cannot be handed to another while it trades",
            fresh,
        )


def _take_halts(desk: Desk) -> None:
    """Let halts and resumptions by hand reach the book."""
    halted = desk.ledger.halted()
    names = [one.name for one in desk.request.wallets]
    for w, scope in enumerate((*names, ALL)):
        state = halted.get(scope)
        apply_halt(desk.book, w, halted=state is not None, close=state is not None and state.close_positions)


def _keep_breakers(desk: Desk, now: int) -> None:
    """Write a breaker that needs somebody to look as a halt, before the step that knows of it."""
    names = [one.name for one in desk.request.wallets]
    halted = desk.ledger.halted()
    for w, scope in enumerate((*names, ALL)):
        row = desk.book.wallet[w]
        if row[TRIPPED_BY] != Refusal.DRAWDOWN or scope in halted:
            continue
        number, limit = (f"{int(row[column]) / 1e8:.8f}" for column in (TRIPPED_NUMBER, TRIPPED_LIMIT))
        desk.ledger.halt(
            now,
            scope,
            "its drawdown reached the limit",
            rule=Refusal.DRAWDOWN.label,
            number=number,
            limit=limit,
            unit=desk.session.quote,
        )


def _decide(
    desk: Desk, broker: Broker, traded: Sequence[str], filled: int, now_ms: Callable[[], int], stale_bars: int
) -> bool:
    """Decide on the newest bar, once; tell whether there was one to decide on."""
    if desk.bar_ms <= desk.step.bar_ms:
        return False
    late = now_ms() - desk.close_ms
    if late > stale_bars * desk.scene.timeframe.ms + desk.scene.timeframe.ms:
        desk.fails(
            DataError.exit_code,
            f"the newest bar closed at {iso(desk.close_ms)}, too long ago to decide on it; nothing was placed",
        )
        return False
    _mask(desk, traded)
    last = desk.bar + 1
    scene = desk.scene
    desk.log = run_bars(scene.market, desk.book, desk.log, scene.rules, scene.steps, filled, desk.bar, last)
    _remember(desk)
    if broker.watched:
        _keep_breakers(desk, now_ms())
    commit(desk, now_ms(), desk.bar_ms)
    return True


def _mask(desk: Desk, traded: Sequence[str]) -> None:
    """Show the engine no bar where nothing may be placed, and no wish to buy what is not traded any more."""
    wanted = set(traded)
    count = len(desk.scene.symbols)
    market = desk.scene.market
    for row in range(len(desk.book.position)):
        symbol = desk.scene.symbols[row % count]
        if symbol in desk.blocked:
            for plane in (OPEN, HIGH, LOW):
                market.prices[plane, desk.bar, row] = np.nan
            market.signals[:, desk.bar, row] = np.nan
        elif symbol not in wanted and market.signals[LEVEL, desk.bar, row] > 0:
            market.signals[LEVEL, desk.bar, row] = np.nan


def _remember(desk: Desk) -> None:
    """Note whose wish each entry follows, and what every strategy said, for reports."""
    count = len(desk.scene.symbols)
    market = desk.scene.market
    said: dict[str, Any] = {}
    for row in range(len(desk.book.position)):
        w, s = divmod(row, count)
        plan = desk.request.wallets[w]
        winners = desk.scene.wishes.wallets[w][s].winner
        level = float(market.signals[LEVEL, desk.bar, row])
        if len(winners) == 0 or np.isnan(level) or not plan.strategies:
            continue
        name = plan.strategies[max(int(winners[-1]), 0)].name
        if desk.book.position[row, ORDER_SIDE] > 0 and desk.book.position[row, QUANTITY] == 0:
            desk.openers[row] = name
        told: dict[str, Any] = {"strategy": name, "level": level}
        if len(market.measures) and not np.isnan(market.measures[CONFIDENCE, desk.bar, row]):
            told["confidence"] = float(market.measures[CONFIDENCE, desk.bar, row])
        told["close"] = float(market.prices[CLOSE, desk.bar, row])
        said["|".join(desk.name_of(row))] = told
    desk.notes["decisions"] = said


def _told(desk: Desk, decided: bool) -> Cycled:
    step, session = desk.step, desk.session
    count = len(desk.scene.symbols)
    positions, orders = [], []
    for row in range(len(desk.book.position)):
        wallet, symbol = desk.name_of(row)
        one = desk.instrument(row)
        held = int(desk.book.position[row, QUANTITY])
        if held:
            mark = step.marks[row % count]
            positions.append(
                {
                    "wallet": wallet,
                    "symbol": symbol,
                    "quantity": held * 1e-8,
                    "price": mark / one.price_one,
                    "value": one.value_units(mark, held) * 1e-8,
                }
            )
        orders += _working(desk, row, wallet, symbol, one)
    for question in desk.open.values():
        desk.fails(UnresolvedError.exit_code, question)
    acted = decided or bool(desk.fills_seen)
    result = {
        "run_id": session.run_id,
        "mode": session.mode,
        "exchange": session.exchange,
        "strategies": [one.name for wallet in desk.request.wallets for one in wallet.strategies],
        "symbols": list(desk.scene.symbols),
        "timeframe": session.timeframe,
        "quote": session.quote,
        "step": step.seq,
        "bar": iso(step.bar_ms) if step.bar_ms >= 0 else None,
        "outcome": "acted" if acted else "nothing",
        "fills": desk.fills_seen,
        "orders": orders,
        "positions": positions,
        "cash": step.cash * 1e-8,
        "equity": step.equity * 1e-8,
        "trades": step.trade_count,
        "digest": step.digest,
        "blocked": dict(desk.blocked),
        "notes": list(desk.scene.notes),
    }
    return Cycled(result, *desk.worst)


def _working(desk: Desk, row: int, wallet: str, symbol: str, one: Instrument) -> list[dict[str, Any]]:
    position = desk.book.position[row]
    if position[ORDER_SIDE] == 0:
        return []
    price = int(position[ORDER_PRICE])
    return [
        {
            "wallet": wallet,
            "symbol": symbol,
            "side": "buy" if position[ORDER_SIDE] > 0 else "sell",
            "kind": OrderKind(int(position[ORDER_KIND])).name.lower(),
            "quantity": int(position[ORDER_QUANTITY]) * 1e-8,
            "price": price / one.price_one if price else None,
            "reason": Reason(int(position[ORDER_REASON])).label,
        }
    ]
