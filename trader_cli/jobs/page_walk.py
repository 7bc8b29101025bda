"""A recorded backtest replayed bar by bar where it held something, to read from the book what protected it.

The replay is the one decision path; it counts only where the bars are those the run saw and its fills come out the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.engine.panel import longest_window
from trader_cli.engine.replay import replay, run_bars
from trader_cli.engine.settle import settle_fill
from trader_cli.engine.state import CEILING, EVENTS, FILLS, FLOOR, Book, new_book, new_log, new_work
from trader_cli.engine.trips import fills_of
from trader_cli.errors import DataError
from trader_cli.jobs.drift_rerun import steps_as_recorded
from trader_cli.jobs.page_levels import Protection, protection
from trader_cli.jobs.page_markets import Shown
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.scene import Scene, set_scene, set_stage
from trader_cli.jobs.warming import warn_of_compiling
from trader_cli.model.bars import Ints
from trader_cli.model.fills import OrderKind
from trader_cli.model.instrument import Instrument
from trader_cli.model.session import Session
from trader_cli.risk.rules import SHARE_PARITY

_ROOM = 1024
_LEVELS = (FLOOR, CEILING)
_FILL = ("side", "quantity", "price", "notional", "fee", "kind", "reason")


@dataclass(frozen=True, eq=False)
class Past:
    """A recorded backtest, to be replayed. request: its own; digests: of its bars, by symbol; digest: of its fills.

    instrument: a symbol's steps as they are now, of one that the run did not know. note: is told why somebody has to wait.
    """

    asked: Session
    request: Request
    instrument: Callable[[str, str], Instrument]
    digests: Mapping[str, str]
    digest: str
    note: Callable[[str], None]


@dataclass(frozen=True)
class _Holding:
    """From flat to flat on one row of the book. first: the fill that began it, in the bar `bought`.

    last: the last bar in which it was protected; of what is held at the end, the bar after that.
    """

    row: int
    first: Mapping[str, Any]
    bought: int
    last: int


def replayed_levels(
    past: Past, source: BarSource, fills: Sequence[Mapping[str, Any]], shown: Sequence[Shown]
) -> list[Protection]:
    """Return what protected the holdings of a backtest on the markets that are shown, oldest first.

    fills: its rows in the ledger. Raises DataError where the bars are gone or others, or the replay fills otherwise;
    StrategyError or UsageError where its strategy or settings are not there any more.
    """
    if not fills:
        return []
    stage = set_stage(past.request, source, steps_as_recorded(past.asked, past.instrument))
    other = [one.symbol for one in stage.series if past.digests.get(one.symbol) != source.digest(one)]
    if other:
        raise DataError(f"the bars of {', '.join(other)} are not those that the run saw")
    scene = set_scene(past.request, stage, {}, None)
    warn_of_compiling(past.note, "replay", "settle")
    walk = _Walk(past, scene, fills, shown)
    levels = walk.levels()
    if walk.digest != past.digest:
        raise DataError("replayed now, the run fills otherwise: the strategy or the program changed since")
    return levels


def changed(past: Past) -> list[str]:
    """Return a sentence where strategy or program are not those that ran."""
    sources = (one.source_digest for wallet in past.request.wallets for one in wallet.strategies)
    if code_digest(*sources) == past.asked.code_digest:
        return []
    return ["the strategy or the program changed since: stops are those it sets now, its fills are the same"]


class _Walk:
    """Steps an empty book through a scene and reads it where a page wants to know."""

    def __init__(self, past: Past, scene: Scene, fills: Sequence[Mapping[str, Any]], shown: Sequence[Shown]) -> None:
        self.scene, self.numbers = scene, scene.numbers
        self.symbols = scene.symbols
        self.wallets = [one.name for one in past.request.wallets]
        wanted = {one.symbol for one in shown}
        self.holdings = [one for one in self._holdings(fills) if self.symbols[one.row % len(self.symbols)] in wanted]
        ends = {one.symbol: np.searchsorted(scene.open_ms, one.ends) for one in shown}
        self.reads = [self._reads(one, ends) for one in self.holdings]
        self.digest = ""

    def levels(self) -> list[Protection]:
        """Walk to the end."""
        scene = self.scene
        last = len(scene.open_ms)
        closes = {
            row: i for i, row in enumerate(np.unique(np.concatenate([*self.reads, np.empty(0, np.int64)])).tolist())
        }
        entries: dict[int, list[int]] = {}
        for i, one in enumerate(self.holdings):
            entries.setdefault(one.bought, []).append(i)
        seen = np.zeros((len(closes), len(scene.steps), len(_LEVELS)), np.int64)
        begun = np.zeros((len(self.holdings), len(_LEVELS)), np.int64)
        book = new_book(len(self.symbols), scene.purses)
        log = new_log(last, _ROOM)
        # Without a bar `run_bars` only tests that these arrays belong together.
        log = run_bars(scene.market, book, log, scene.rules, scene.steps, 0, 0, 0)
        work = new_work(scene.steps, longest_window(scene.rules), parity=scene.rules.share_method == SHARE_PARITY)
        before = 0
        # A purchase is looked at before its bar, everything else after it.
        for stop in sorted({*entries, *(row + 1 for row in closes), last}):
            # One bar costs what a call of the kernel costs; `run_bars` lays out its room anew each time.
            at = replay(before, before, before, stop, scene.market, book, work, log, self.numbers, scene.steps)
            if at < stop:
                log = run_bars(scene.market, book, log, scene.rules, scene.steps, at, at, stop)
            before = stop
            if (place := closes.get(stop - 1)) is not None:
                seen[place] = book.position[:, _LEVELS]
            for i in entries.get(stop, ()):
                begun[i] = self._bought(self.holdings[i], book)
        self.digest = fills_of(self.symbols, scene.open_ms, book, log).digest()
        return [self._told(i, closes, begun, seen) for i in range(len(self.holdings))]

    def _holdings(self, fills: Sequence[Mapping[str, Any]]) -> Iterator[_Holding]:
        """Yield the holdings in the order they ended, those that did not last."""
        place = {name: i for i, name in enumerate(self.symbols)}
        purse = {name: i for i, name in enumerate(self.wallets)}
        if strange := {one["symbol"] for one in fills} - place.keys():
            raise DataError(f"the run traded {', '.join(sorted(strange))}, which is not among its bars any more")
        bars = np.searchsorted(self.scene.open_ms, [int(one["time_ms"]) for one in fills], side="right") - 1
        held: dict[int, int] = {}
        begun: dict[int, tuple[Mapping[str, Any], int]] = {}
        for bar, one in zip(bars.tolist(), fills, strict=True):
            row = purse.get(str(one["wallet"]), 0) * len(self.symbols) + place[one["symbol"]]
            if not held.get(row):
                begun[row] = one, bar
            held[row] = held.get(row, 0) + one["side"] * one["quantity"]
            if held[row] == 0:
                # What is sold at the market is sold at the open, before the bar can reach a level.
                yield _Holding(row, *begun.pop(row), bar - (one["kind"] == OrderKind.MARKET))
        for row, (first, bar) in begun.items():
            yield _Holding(row, first, bar, len(self.scene.open_ms))

    def _reads(self, one: _Holding, ends: Mapping[str, Ints]) -> Ints:
        """Return the bars after which a holding's levels are read: at the end of each candle, and before its last bar."""
        if one.bought == one.last:
            return np.empty(0, np.int64)
        marks = ends[self.symbols[one.row % len(self.symbols)]]
        between = marks[np.searchsorted(marks, one.bought) : np.searchsorted(marks, one.last)]
        return np.unique(np.r_[one.bought, between, one.last - 1])

    def _bought(self, one: _Holding, book: Book) -> list[int]:
        """Return the levels in the bar of the purchase: it is booked on a copy, and no high of that bar moves them."""
        fill = one.first
        side, quantity, price, notional, fee, kind, reason = (int(fill[name]) for name in _FILL)
        copy = Book(*(array.copy() for array in book))
        copy.account[[FILLS, EVENTS]] = 0
        settle_fill(
            *(one.bought, one.row, side, quantity, price, notional, fee, kind, reason),
            *(self.scene.market, copy, new_log(1, 2), self.numbers, self.scene.steps),
        )
        return [int(copy.position[one.row, column]) for column in _LEVELS]

    def _told(self, i: int, closes: Mapping[int, int], begun: Ints, seen: Ints) -> Protection:
        one, open_ms = self.holdings[i], self.scene.open_ms
        w, s = divmod(one.row, len(self.symbols))
        rows = [(int(open_ms[one.bought]), *begun[i].tolist())]
        rows += (
            (int(open_ms[bar]) + self.scene.timeframe.ms, *seen[closes[bar], one.row].tolist())
            for bar in self.reads[i].tolist()
        )
        until_ms = int(open_ms[one.last]) if one.last < len(open_ms) else int(open_ms[-1]) + self.scene.timeframe.ms
        places = self.scene.instruments[s].price_decimals
        return protection(self.symbols[s], self.wallets[w], places, until_ms, rows)
