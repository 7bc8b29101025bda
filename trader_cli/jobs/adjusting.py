"""What somebody's word on a difference does to a session: the next step, with cash, coins and what is not ours as they are.

Adopted coins join the position of their row, or the row's next one; what is adopted or lost is no gain and no loss, so the
peaks that drawdowns are measured from move with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

import numpy as np

from trader_cli.engine.adjust import adjust_cash, adjust_holding
from trader_cli.engine.panel import build_rules, build_steps
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import CASH, DUST, QUANTITY, Book
from trader_cli.errors import UsageError
from trader_cli.jobs.reconcile import ADOPT
from trader_cli.model.bars import Ints
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import CASH_ONE, Instrument
from trader_cli.model.session import Adjustment, Session, Step, StepRecord
from trader_cli.model.timeframe import Timeframe

_FILLS = ("time_ms", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason")
_TRIPS = ("symbol", "entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars", "last_fill")


def adjusted(
    session: Session,
    step: Step,
    instruments: Sequence[Instrument],
    settings: Mapping[str, Mapping[str, Any]],
    made: Sequence[Adjustment],
    time_ms: int,
) -> StepRecord:
    """Return the step after adjustments; instruments: of its symbols; settings: the sections that `build_rules` reads.

    Coins that are adopted into a row without a position are one from now on, protected as an entry at the last price would
    be. Raises UsageError for what is not there to lose.
    """
    bar_ms = Timeframe.parse(session.timeframe).ms
    told = _Told(step, instruments, np.array(build_rules(settings, bar_ms), np.int64), step.bar_ms + bar_ms)
    book = unpack(step.state, step.symbols, step.wallets, step.symbols, step.wallets)
    outside = _outside(session, step)
    cash = step.cash
    for one in made:
        units = int((Decimal(one.amount) * CASH_ONE).to_integral_value(ROUND_DOWN))
        if one.kind != ADOPT:
            units = _leave(outside, one.asset, Decimal(one.amount))
            if units == 0:
                continue
        w = step.wallets.index(one.wallet)
        if one.asset == session.quote:
            if units < 0 and int(book.wallet[w, CASH]) + units < 0:
                own = Decimal(int(book.wallet[w, CASH])) / CASH_ONE
                raise UsageError(f"wallet `{one.wallet}` has {own} {one.asset}, it cannot lose more")
            adjust_cash(w, units, book)
            cash += units
        else:
            _move_coins(book, told, w, one, units)
    held = (book.position[:, QUANTITY] + book.position[:, DUST]).tolist()
    count = len(step.symbols)
    worth = sum(instruments[row % count].value_units(step.marks[row % count], units) for row, units in enumerate(held))
    after = replace(
        step,
        seq=step.seq + 1,
        time_ms=time_ms,
        state=pack(book),
        notes={**step.notes, "outside": {asset: f"{amount:f}" for asset, amount in outside.items()}, "unexplained": {}},
        cash=cash,
        equity=cash + worth,
        holdings=tuple(held),
    )
    empty = {name: np.empty(0, np.int64) for name in (*_FILLS, *_TRIPS)}
    fills = Fills(step.symbols, **{name: empty[name] for name in _FILLS}, wallet=np.empty(0, np.int64))
    trips = RoundTrips(step.symbols, **{name: empty[name] for name in _TRIPS}, wallet=np.empty(0, np.int64))
    return StepRecord(after, tuple(instruments), fills, trips, (), adjustments=tuple(made))


def _outside(session: Session, step: Step) -> dict[str, Decimal]:
    kept = step.notes.get("outside")
    stated = kept if isinstance(kept, Mapping) else session.outside
    return {asset: Decimal(str(amount)) for asset, amount in stated.items()}


def _leave(outside: dict[str, Decimal], asset: str, amount: Decimal) -> int:
    """Count a difference as not ours; return what of a loss is ours all the same, as nothing else was there, in 1e-8, <= 0."""
    before = outside.get(asset, Decimal(0))
    outside[asset] = max(before + amount, Decimal(0))
    return int((min(before + amount, Decimal(0)) * CASH_ONE).to_integral_value(ROUND_DOWN))


@dataclass(frozen=True, eq=False)
class _Told:
    """What coins are moved by: the step, its instruments, the rules as numbers, and the close of its newest bar."""

    step: Step
    instruments: Sequence[Instrument]
    rules: Ints
    close_ms: int


def _move_coins(book: Book, told: _Told, w: int, one: Adjustment, units: int) -> None:
    count = len(told.step.symbols)
    rows = [w * count + s for s in range(count) if told.instruments[s].base == one.asset]
    # Where several symbols have this base, the row that holds most.
    row = max(rows, key=lambda each: int(book.position[each, QUANTITY] + book.position[each, DUST]))
    own = int(book.position[row, QUANTITY] + book.position[row, DUST])
    if own + units < 0:
        has, loses = (Decimal(number) / CASH_ONE for number in (own, -units))
        text = f"wallet `{one.wallet}` holds {has} {one.asset}, it cannot lose {loses}"
        raise UsageError(text, "what was not ours is written off: `--write-off`")
    steps = build_steps(told.instruments, len(told.step.wallets))
    adjust_holding(row, units, told.step.marks[row % count], told.close_ms, book, told.rules, steps)
