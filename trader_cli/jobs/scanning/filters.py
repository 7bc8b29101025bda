"""Which symbols a scan looks at: how old, how much traded, how dear to trade, and the number each was held against (R2.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trader_cli.model.bars import Bars
from trader_cli.model.scan import LeftOut
from trader_cli.model.timeframe import DAY_MS

FILTERS = ("late", "volume", "spread", "age", "liquidity")
"""In the order in which they are asked."""


@dataclass(frozen=True)
class Limits:
    """What a symbol is held against; 0 = not at all, for each.

    late_bars: closed bars its newest may be behind, -1 = any. volume: quote traded in 24 hours. spread_bps: of the middle.
    age_bars: closed bars of history. order_pct: share of the usual bar's traded quote that an order may take, of the median of
    `volume_bars` bars. bypass_pct: a rise within `bypass_bars` bars that makes the age not matter (R2.1).
    """

    late_bars: int
    volume: float
    spread_bps: float
    age_bars: int
    order_pct: float
    volume_bars: int
    bypass_pct: float
    bypass_bars: int


@dataclass(frozen=True)
class Traded:
    """What the venue says of a market's last 24 hours. volume: in quote. bid, ask: best prices, 0 = none is there."""

    volume: float
    bid: float
    ask: float

    @property
    def spread_bps(self) -> float:
        """The distance of ask and bid, in bps of their middle; NaN for a side that is empty or a book that is crossed."""
        if not 0.0 < self.bid <= self.ask:
            return math.nan
        return 2e4 * (self.ask - self.bid) / (self.ask + self.bid)


@dataclass(frozen=True)
class Measures:
    """What was measured of a symbol, in the units of `Limits`; NaN = not known. move_pct: its rise in the bypass's window."""

    bars: int
    late_bars: int
    volume: float
    spread_bps: float
    order_pct: float
    move_pct: float


@dataclass(frozen=True)
class Verdict:
    """One filter's word on one symbol. number: NaN = not known, which passes and is said."""

    filter: str
    number: float
    limit: float
    unit: str
    passed: bool
    message: str


def measure(bars: Bars, traded: Traded | None, now_ms: int, order: float, limits: Limits) -> Measures:
    """Return what is known of a symbol with at least one bar.

    traded: the venue's own figures; None = the volume is that of the bars of the last 24 hours, and no spread is known.
    now_ms: ms UTC by which bars have closed. order: quote that a whole position costs.
    """
    step = bars.timeframe.ms
    end_ms = int(bars.open_ms[-1]) + step
    volume = traded.volume if traded is not None else day_volume(bars)
    spread = traded.spread_bps if traded is not None else math.nan
    window = slice(-limits.volume_bars, None)
    usual = float(np.median(bars.close[window] * bars.volume[window]))
    lowest = float(bars.close[-limits.bypass_bars - 1 :].min())
    return Measures(
        bars=len(bars),
        late_bars=max(0, bars.timeframe.floor(now_ms) - end_ms) // step,
        volume=volume,
        spread_bps=spread,
        order_pct=100.0 * order / usual if usual > 0.0 else math.inf,
        move_pct=100.0 * (float(bars.close[-1]) / lowest - 1.0),
    )


def day_volume(bars: Bars) -> float:
    """Return the quote traded in the 24 hours before the newest close; a longer bar counts for its share of a day."""
    end_ms = int(bars.open_ms[-1]) + bars.timeframe.ms
    last = bars.between(end_ms - max(DAY_MS, bars.timeframe.ms), None)
    return float((last.close * last.volume).sum()) * min(1.0, DAY_MS / bars.timeframe.ms)


def judge(found: Measures, limits: Limits) -> tuple[Verdict, ...]:
    """Return what each filter that is on says of a symbol, in the order of `FILTERS`."""
    told = []
    if limits.late_bars >= 0:
        told.append(_most("late", found.late_bars, limits.late_bars, "bars", "its newest bar is {} behind"))
    told += by_market(found.volume, found.spread_bps, limits)
    if limits.age_bars > 0:
        told.append(_age(found, limits))
    if limits.order_pct > 0:
        what = "an order takes {} of its usual bar's volume"
        told.append(_most("liquidity", found.order_pct, limits.order_pct, "%", what))
    return tuple(told)


def by_market(volume: float, spread_bps: float, limits: Limits) -> list[Verdict]:
    """Return what the filters say that need no bars: they spare a question for candles."""
    told = []
    if limits.volume > 0:
        told.append(_least("volume", volume, limits.volume, "quote a day", "{} traded"))
    if limits.spread_bps > 0:
        told.append(_most("spread", spread_bps, limits.spread_bps, "bps", "its spread is {}"))
    return told


def most_traded(symbols: Sequence[str], traded: Mapping[str, Traded]) -> list[str]:
    """Return symbols with the most traded first; those nobody knows a volume of come last, by name."""
    return sorted(symbols, key=lambda one: (-traded[one].volume if one in traded else 0.0, one))


def without_bars(symbols: Sequence[str], traded: Mapping[str, Traded], limits: Limits) -> list[LeftOut]:
    """Return the symbols that their market's last day leaves out, so that nobody needs to ask for their bars."""
    found = []
    for symbol in symbols:
        if symbol in traded:
            gone = left_out(symbol, by_market(traded[symbol].volume, traded[symbol].spread_bps, limits))
            found += [] if gone is None else [gone]
    return found


def left_out(symbol: str, verdicts: Sequence[Verdict]) -> LeftOut | None:
    """Return by which filter a symbol is left out, the first that fails; None where it is not."""
    for one in verdicts:
        if not one.passed:
            return LeftOut(symbol, one.filter, one.number, one.limit, one.unit, one.message)
    return None


def _age(found: Measures, limits: Limits) -> Verdict:
    old = found.bars >= limits.age_bars
    soars = limits.bypass_pct > 0 and found.move_pct >= limits.bypass_pct
    text = f"it has {found.bars:,} closed bars, at least {limits.age_bars:,} are asked for"
    if soars and not old:
        rise = f"a rise of {found.move_pct:,.0f} % within {limits.bypass_bars} bars"
        text += f"; {rise} lets it pass (from {limits.bypass_pct:g} %)"
    return Verdict("age", found.bars, limits.age_bars, "bars", old or soars, text)


def _least(name: str, number: float, limit: float, unit: str, what: str) -> Verdict:
    known = not math.isnan(number)
    text = f"{what.format(_shown(number, unit))}, at least {_shown(limit, unit)} is asked for"
    return Verdict(name, number, limit, unit, not known or number >= limit, text)


def _most(name: str, number: float, limit: float, unit: str, what: str) -> Verdict:
    known = not math.isnan(number)
    text = f"{what.format(_shown(number, unit))}, at most {_shown(limit, unit)} is allowed"
    return Verdict(name, number, limit, unit, not known or number <= limit, text)


def _shown(number: float, unit: str) -> str:
    if math.isnan(number):
        return "not known"
    if math.isinf(number):
        return "more than all"
    if number == 1 and unit == "bars":
        return "1 bar"
    return f"{number:,.0f} {unit}" if number == int(number) or number >= 1000 else f"{number:,.3g} {unit}"
