"""A recorded run laid out again: its bars, its settings and its strategies as the engine reads them, to be stepped anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import Book, Log, new_book, new_log
from trader_cli.engine.trips import fills_of
from trader_cli.jobs.events import conflict_events, risk_events
from trader_cli.jobs.plan import Request
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.scene import Scene, set_scene, set_stage
from trader_cli.model.bars import Bars, Floats
from trader_cli.model.fills import Fills
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import RiskEvent
from trader_cli.model.session import Session
from trader_cli.model.timeframe import Timeframe

_ROOM = 1024


def params_of(asked: Session, name: str) -> dict[str, Any]:
    """Return the parameters a strategy had in a run: a run of one states them bare, one of several by strategy."""
    several = len({one for wallet in asked.wallets for one in wallet.strategies}) > 1
    found = asked.params.get(name, {}) if several else asked.params
    return dict(found) if isinstance(found, Mapping) else {}


def exchanges_of(asked: Session) -> tuple[str, ...]:
    """Return where the bars of a run are from, none = wherever each symbol is stored."""
    data = asked.config.get("data")
    stated = str(data.get("exchange", "")) if isinstance(data, Mapping) else ""
    text = stated if asked.mode == "backtest" else asked.exchange.removeprefix("replay:")
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


def steps_as_recorded(asked: Session, now: Callable[[str, str], Instrument]) -> Callable[[str, str], Instrument]:
    """Return how a symbol's steps are found: as the run knew them, as they are now for one that joined later."""
    known = {one.symbol: one for one in asked.instruments}

    def steps(symbol: str, exchange: str) -> Instrument:
        found = known.get(symbol) or known.get(f"{symbol}@{exchange}")
        return now(symbol, exchange) if found is None else replace(found, symbol=symbol)

    return steps


@dataclass(frozen=True, eq=False)
class Rerun:
    """What a replay of a recorded run left. book: after its last bar; log: of all it did."""

    request: Request
    scene: Scene
    book: Book
    log: Log

    @property
    def fills(self) -> Fills:
        """What it filled, in order."""
        return fills_of(self.scene.symbols, self.scene.open_ms, self.book, self.log)

    def events(self) -> list[RiskEvent]:
        """Return what its rules did, and who won where strategies disagreed."""
        scene, wallets = self.scene, self.request.wallets
        quote = scene.instruments[0].quote
        rules = risk_events(self.log, self.book, scene.open_ms, scene.timeframe.ms, wallets, scene.symbols, quote)
        return [*rules, *conflict_events(scene.wishes, wallets, scene.series)]


def laid_out(request: Request, source: BarSource, instrument: Callable[[str, str], Instrument]) -> Scene:
    """Return a recorded run's market and wishes. Raises DataError, StrategyError or UsageError where that cannot be."""
    return set_scene(request, set_stage(request, source, instrument), {}, None)


def stepped(request: Request, scene: Scene, decided: Sequence[int]) -> Rerun:
    """Step an empty book through a scene as cycles on paper do: every bar is filled, those of these rows are decided on.

    decided: rows of the scene, rising; what lies before the first is not filled.
    """
    book = new_book(len(scene.symbols), scene.purses)
    log = new_log(len(scene.open_ms), _ROOM)
    log.equity[:] = np.nan
    for filled, first, last in _stretches(decided):
        log = run_bars(scene.market, book, log, scene.rules, scene.steps, filled, first, last)
    return Rerun(request, scene, book, log)


def _stretches(decided: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (first filled, first decided, end) of every run of bars that follow on each other: each is one replay."""
    found: list[tuple[int, int, int]] = []
    for row in decided:
        if found and found[-1][2] == row:
            found[-1] = (*found[-1][:2], row + 1)
        else:
            found.append((found[-1][2] if found else row, row, row + 1))
    return found


@dataclass(frozen=True)
class SeenSource:
    """Bars with closes as a session saw them. closes: in price units by symbol and open; what it did not see stays as it is.

    revised: fills while bars are loaded: by symbol the opens whose close is another than it was.
    """

    source: BarSource
    instrument: Callable[[str, str], Instrument]
    closes: Mapping[str, Mapping[int, int]]
    revised: dict[str, list[int]] = field(default_factory=dict)

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        """Return the bars of a symbol, its closes as they were seen, its highs and lows around them."""
        bars = self.source.load(symbol, exchange, timeframe, since_ms, until_ms)
        seen = self.closes.get(symbol, {})
        one = self.instrument(symbol, bars.exchange)
        rows = {row: seen[ms] for row, ms in enumerate(bars.open_ms.tolist()) if ms in seen}
        other = {row: units for row, units in rows.items() if one.price_units(float(bars.close[row])) != units}
        if not other:
            return bars
        close: Floats = bars.close.copy()
        for row, units in other.items():
            close[row] = units / one.price_one
        self.revised[symbol] = [int(bars.open_ms[row]) for row in other]
        return replace(bars, close=close, high=np.maximum(bars.high, close), low=np.minimum(bars.low, close))

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        return self.source.digest(bars)
