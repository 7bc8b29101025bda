"""A table of bars and wishes in, fills out: the language of the engine's tests."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

from trader_cli.config.layers import load_settings
from trader_cli.engine.panel import Measured, build_market, build_rules, build_steps
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import (
    CASH,
    EVENT_BREAKER,
    EVENT_COUNT,
    EVENT_ROW,
    EVENT_RULE,
    EVENTS,
    Book,
    Log,
    new_book,
    new_log,
)
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import Fills, Reason, Refusal, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.timeframe import Timeframe
from trader_cli.risk.rules import Rules
from trader_cli.strategy.signals import Signals

MINUTE = Timeframe(60_000)
NAN = float("nan")


PLAIN = load_settings("plain", Path("/nowhere"), {}, {}).settings.model_dump()
_OFF = {"costs.fee_bps": "0", "costs.maker_fee_bps": "0", "costs.slippage_bps": "0", "sizing.method": "quantity"}
_SECTIONS = ("costs", "sizing", "allocation", "risk", "exits")


def rules(**changed: object) -> Rules:
    """Rules with every cost and limit off, one unit a trade; `stop_pct="10"` changes the one key of that name."""
    sections = {name: dict(PLAIN[name]) for name in _SECTIONS}
    for short, value in {**_OFF, "sizing.dead_band_pct": "0", **changed}.items():
        key = short
        for prefix, section in (("size_", "sizing."), ("share_", "allocation.")):
            if short.startswith(prefix):
                key = section + short.removeprefix(prefix)
        names = [key.partition(".")[0]] if "." in key else [one for one in _SECTIONS if key in sections[one]]
        name = key.rpartition(".")[2]
        assert len(names) == 1, f"{key} is a key of {names}"
        known = sections[names[0]][name]
        sections[names[0]][name] = Decimal(str(value)) if isinstance(known, Decimal) else value
    return build_rules(sections, MINUTE.ms)


def bars(rows: list[tuple[float, float, float, float] | None], symbol: str = "T/USD") -> Bars:
    """Bars a minute apart from (open, high, low, close); None = no bar in that minute."""
    kept = [(i, row) for i, row in enumerate(rows) if row is not None]
    columns = np.array([row for _, row in kept], float).reshape(-1, 4).T.copy()
    open_ms = np.array([i * 60_000 for i, _ in kept], np.int64)
    return Bars(symbol, "test", MINUTE, open_ms, *columns, np.ones(len(kept)))


@dataclass(frozen=True)
class Result:
    """What a run left, with prices, quantities and money as Decimal for reading."""

    fills: Fills
    trips: RoundTrips
    log: Log
    events: Ints
    book: Book
    cash: Decimal
    instruments: tuple[Instrument, ...]

    @property
    def table(self) -> list[tuple[int, str, str, str, str]]:
        """One row a fill: (minute, side, quantity, price, reason)."""
        rows = []
        for i in range(len(self.fills)):
            instrument = self.instruments[self.fills.symbol[i]]
            price = Decimal(int(self.fills.price[i])).scaleb(-instrument.price_decimals).normalize()
            quantity = Decimal(int(self.fills.quantity[i])).scaleb(-8).normalize()
            side = "buy" if self.fills.side[i] > 0 else "sell"
            reason = Reason(int(self.fills.reason[i])).label
            rows.append((int(self.fills.time_ms[i]) // 60_000, side, f"{quantity:f}", f"{price:f}", reason))
        return rows

    def refusals(self, why: Refusal, symbol: int = 0) -> int:
        """How often the symbol's order was refused for that reason."""
        mine = (self.events[:, EVENT_ROW] == symbol) & (self.events[:, EVENT_RULE] == why)
        return int(self.events[mine & (self.events[:, EVENT_BREAKER] == 0), EVENT_COUNT].sum())


def run(
    series: Bars | list[Bars],
    targets: list[object],
    cash: str = "1000",
    tick: str = "0.01",
    lot: str = "0.0001",
    minimum: str = "0",
    measured: list[Measured] | None = None,
    **changed: object,
) -> Result:
    """Run wishes over bars. `targets`: a list of levels or a Signals, one a symbol (a bare list for one symbol)."""
    many = series if isinstance(series, list) else [series]
    wishes = targets if isinstance(series, list) else [targets]
    instruments = tuple(
        Instrument(one.symbol, Decimal(tick), Decimal(lot), Decimal(0), Decimal(minimum), described=True)
        for one in many
    )
    signals = [one if isinstance(one, Signals) else Signals(target=np.array(one, float)) for one in wishes]
    chosen = rules(**changed)
    open_ms, market = build_market(many, [signals], chosen, measured or ())
    book = new_book(len(many), (int(Decimal(cash).scaleb(8)),))
    log = run_bars(market, book, new_log(len(open_ms), 8), chosen, build_steps(instruments), 0, 0, len(open_ms))
    fills = fills_of(tuple(one.symbol for one in many), open_ms, book, log)
    cash_end = Decimal(int(book.wallet[0, CASH])).scaleb(-8)
    events = log.events[: book.account[EVENTS]]
    return Result(fills, round_trips(fills, MINUTE.ms), log, events, book, cash_end, instruments)
