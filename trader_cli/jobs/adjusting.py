"""What somebody's word on a difference does to a session: the next step, with cash, coins and what is not ours as they are.

Adopted coins join the position of their row, or the row's next one; what is adopted or lost is no gain and no loss, so the
peaks that drawdowns are measured from move with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

import numpy as np

from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import (
    BREAK_EVEN,
    CAP,
    CASH,
    CEILING,
    DAY_WORTH,
    DUST,
    ENTRY_PRICE,
    FLOOR,
    LATE,
    MICRO,
    ORDER_SIDE,
    PARTIAL,
    PEAK,
    POSITIONS,
    QUANTITY,
    STOP,
    STOP_OWN,
    TARGET,
    TARGET_OWN,
    TRAIL_ATR,
    TRAIL_HIGH,
    TRIP_BOUGHT,
    TRIP_FEES,
    TRIP_SOLD,
    WEIGHT,
    WORTH,
    Book,
)
from trader_cli.errors import UsageError
from trader_cli.jobs.reconcile import ADOPT
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import CASH_ONE, Instrument
from trader_cli.model.session import Adjustment, Session, Step, StepRecord

_OF_A_POSITION = (
    *(
        WEIGHT,
        FLOOR,
        CEILING,
        STOP,
        STOP_OWN,
        TARGET,
        TARGET_OWN,
        TRAIL_HIGH,
        TRAIL_ATR,
        BREAK_EVEN,
        MICRO,
        PARTIAL,
        CAP,
    ),
    *(ENTRY_PRICE, LATE, ORDER_SIDE, TRIP_BOUGHT, TRIP_SOLD, TRIP_FEES),
)
_FILLS = ("time_ms", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason")
_TRIPS = ("symbol", "entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars", "last_fill")


def adjusted(
    session: Session, step: Step, instruments: Sequence[Instrument], made: Sequence[Adjustment], time_ms: int
) -> StepRecord:
    """Return the step after adjustments; instruments: of its symbols. Raises UsageError for what is not there to lose."""
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
            book.wallet[[w, -1], CASH] += units
            cash += units
            _move_peaks(book, w, units)
        else:
            _move_coins(book, step, instruments, w, one, units)
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


def _move_coins(book: Book, step: Step, instruments: Sequence[Instrument], w: int, one: Adjustment, units: int) -> None:
    count = len(step.symbols)
    rows = [w * count + s for s in range(count) if instruments[s].base == one.asset]
    # Where several symbols have this base, the row that holds most.
    row = max(rows, key=lambda each: int(book.position[each, QUANTITY] + book.position[each, DUST]))
    position = book.position[row]
    if units > 0:
        position[QUANTITY if position[QUANTITY] > 0 else DUST] += units
    else:
        own = int(position[QUANTITY] + position[DUST])
        if own + units < 0:
            has, loses = (Decimal(number) / CASH_ONE for number in (own, -units))
            text = f"wallet `{one.wallet}` holds {has} {one.asset}, it cannot lose {loses}"
            raise UsageError(text, "what was not ours is written off: `--write-off`")
        from_dust = min(int(position[DUST]), -units)
        position[DUST] -= from_dust
        position[QUANTITY] += units + from_dust
        if position[QUANTITY] == 0 and units + from_dust < 0:
            _end(book, row)
    mark, instrument = step.marks[row % count], instruments[row % count]
    _move_peaks(book, w, instrument.value_units(mark, abs(units)) * (1 if units > 0 else -1))


def _end(book: Book, row: int) -> None:
    """Let a position that is gone leave its row: no level, no order, no round trip of it stays."""
    position = book.position[row]
    position[list(_OF_A_POSITION)] = 0
    book.account[POSITIONS] -= 1


def _move_peaks(book: Book, w: int, units: int) -> None:
    for column in (WORTH, PEAK, DAY_WORTH):
        for row in (w, -1):
            if book.wallet[row, column] > 0:
                book.wallet[row, column] = max(int(book.wallet[row, column]) + units, 0)
