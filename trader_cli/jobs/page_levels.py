"""The stop and the target that protected a holding, bar by bar, as the engine's book had them: nothing here computes one.

A backtest is replayed to be asked (`page_walk`); a session wrote its book down with every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trader_cli.engine.snapshot import unpack
from trader_cli.engine.state import CEILING, ENTRY_MS, FLOOR, ORDER_QUANTITY, ORDER_SIDE, QUANTITY
from trader_cli.jobs.page_markets import Shown
from trader_cli.jobs.report import decimals_of
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.session import Session, Step

_MOST_STEPS = 20_000


@dataclass(frozen=True, eq=False)
class Protection:
    """What protected one holding over time; every column has shape (n,), n >= 1.

    time_ms: from when on (ms UTC, rising) the level of the same row was in force, up to the next; the last up to the end of the
    bar that opened at `until_ms`. stop: the highest of all stops; target: the lowest level above the market that sells, all or
    a part; both in units of 10**-places quote, 0 = none.
    """

    symbol: str
    wallet: str
    places: int
    until_ms: int
    time_ms: Ints
    stop: Ints
    target: Ints


def protection(
    symbol: str, wallet: str, places: int, until_ms: int, rows: Sequence[tuple[int, int, int]]
) -> Protection:
    """Return what rows of (from when on, stop, target) say, without those that repeat the one before."""
    kept = [one for i, one in enumerate(rows) if i == 0 or one[1:] != rows[i - 1][1:]]
    time_ms, stop, target = np.array(kept, np.int64).T
    return Protection(symbol, wallet, places, until_ms, time_ms, stop, target)


@dataclass
class _Line:
    """A holding as it is read: the bar it was last seen at, the one after that, whether all of it was to be sold there, and its
    levels so far.
    """

    entry_ms: int
    bar_ms: int = 0
    next_ms: int = 0
    leaves: bool = False
    rows: list[tuple[int, int, int]] = field(default_factory=list)


def session_levels(
    ledger: ReportLedger, session: Session, shown: Iterable[Shown]
) -> tuple[list[Protection], list[str]]:
    """Return what protected the holdings of a session on the markets shown, and a sentence for what nobody wrote down."""
    steps = ledger.steps(session.run_id, _MOST_STEPS + 1)
    notes = []
    if len(steps) > _MOST_STEPS:
        notes.append(f"stops in force are shown of the newest {_MOST_STEPS:,} steps")
    bars = {one.symbol: one.bars for one in shown}
    places = decimals_of(ledger, session, list(bars))
    found, unknown = recorded_levels(steps[:_MOST_STEPS][::-1], places, bars, rests=session.mode == "live")
    if unknown:
        many = f"{unknown:,} bar" + "s" * (unknown != 1)
        notes.append(
            f"{many} had no cycle of its own while something was held: how the stops followed there is not recorded"
        )
    return found, notes


def recorded_levels(
    steps: Iterable[Step], places: Mapping[str, int], bars: Mapping[str, Bars], *, rests: bool
) -> tuple[list[Protection], int]:
    """Return what protected the holdings of a session, and how many bars with something held nobody looked at.

    steps: oldest first. places: decimals of a price by symbol; bars: of the symbols that are shown. rests: the levels rest at a
    venue, so that one stands until a later step moves it; on paper the bars without a step were filled in order, and nobody
    wrote down how the levels followed them.
    """
    found: list[tuple[int, Protection]] = []
    lines: dict[tuple[str, str], _Line] = {}
    unknown: set[int] = set()

    def end(name: tuple[str, str], until_ms: int) -> None:
        line = lines.pop(name)
        # What was to be sold at the next open was sold before that bar could reach a level.
        rows = [one for one in line.rows if one[0] <= until_ms]
        if rows:
            found.append((rows[0][0], protection(*name, places[name[0]], until_ms, rows)))

    def next_ms(symbol: str, bar_ms: int) -> int:
        opens = bars[symbol].open_ms
        after = np.searchsorted(opens, bar_ms, side="right")
        return int(opens[after]) if after < len(opens) else bar_ms + bars[symbol].timeframe.ms

    for step in _newest(steps):
        held = {name: one for name, one in _rows(step).items() if name[0] in bars and one[QUANTITY] != 0}
        for name, line in list(lines.items()):
            missed = bars[name[0]].between(line.next_ms + 1, step.bar_ms + 1).open_ms
            if len(missed) and not rests:
                unknown |= set(missed.tolist())
                end(name, line.next_ms)
            elif name not in held or held[name][ENTRY_MS] != line.entry_ms:
                end(name, line.bar_ms if line.leaves else step.bar_ms)
        for name, columns in held.items():
            line = lines.setdefault(name, _Line(columns[ENTRY_MS]))
            line.bar_ms, line.next_ms = step.bar_ms, next_ms(name[0], step.bar_ms)
            line.leaves = columns[ORDER_SIDE] < 0 and columns[ORDER_QUANTITY] == columns[QUANTITY]
            line.rows.append((line.next_ms, columns[FLOOR], columns[CEILING]))
    for name, line in list(lines.items()):
        end(name, line.next_ms)
    return [one for _, one in sorted(found, key=lambda one: one[0])], len(unknown)


def _newest(steps: Iterable[Step]) -> list[Step]:
    """Return for every bar that was decided on its last step, oldest first: what it left stood until the next."""
    last = {one.bar_ms: one for one in steps if one.bar_ms >= 0}
    return [last[one] for one in sorted(last)]


def _rows(step: Step) -> dict[tuple[str, str], list[int]]:
    """Return the columns of the book by symbol and wallet."""
    if not any(step.holdings):
        return {}
    book = unpack(step.state, step.symbols, step.wallets, step.symbols, step.wallets)
    names = [(symbol, wallet) for wallet in step.wallets for symbol in step.symbols]
    return dict(zip(names, book.position.tolist(), strict=True))
