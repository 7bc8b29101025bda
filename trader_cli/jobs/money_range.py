"""Whether a replay stayed where money is exact: beyond it int64 wraps, and what looks like a result is none.

Told after the run from what it left. Up to the first fill or close that leaves the range every number is right, so that this
one is known, and everything after it is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import CLOSE, LEVEL, Book, Log, Market
from trader_cli.errors import UsageError
from trader_cli.jobs.summary import iso
from trader_cli.model.bars import Floats, Ints
from trader_cli.model.fills import Fills
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import SHARE_NONE, SIZE_FRACTION, SIZE_NOTIONAL, Rules

MOST = 4e18
"""The largest balance and quantity in 1e-8 with which the engine reckons exactly, as its panel has it for prices and cash."""
_UNIT = 1e-8
_BEYOND = f"amounts are exact up to {MOST * _UNIT:,.0f}, so nothing was recorded"


def require_exact(
    open_ms: Ints,
    market: Market,
    equity: Floats,
    fills: Fills,
    purses: Sequence[int],
    rules: Rules,
    instruments: Sequence[Instrument],
) -> None:
    """Raise UsageError where a run's account or a quantity it was to hold was beyond the range of exact money.

    equity: quote, at each close; purses: cash of each wallet at the start, 1e-8 quote.
    """
    highest = float(equity.max())
    if highest <= MOST * _UNIT and _is_far(fills, purses, instruments):
        _require_quantities(open_ms, market, highest, fills, purses, rules, instruments)
        return
    quote = instruments[0].quote
    hints = ("begin with less: a smaller `--cash`", "or end the run before: `--until`")
    ones = np.array([one.price_one for one in instruments], np.float64)
    amounts = fills.price.astype(np.float64) * fills.quantity / ones[fills.symbol] if len(fills) else np.empty(0)
    cash = float(sum(purses)) - np.cumsum(fills.side * amounts + fills.fee)
    beyond = np.flatnonzero((amounts > MOST) | (cash > MOST))
    sold_ms = int(fills.time_ms[beyond[0]]) if len(beyond) else None
    # A close after that sale has a wrapped balance in it: the sale says what it was.
    high = np.flatnonzero(equity > MOST * _UNIT)
    held_ms = int(open_ms[high[0]]) if len(high) else None
    if held_ms is not None and (sold_ms is None or held_ms < sold_ms):
        raise _too_large(f"the account was worth {equity[high[0]]:,.0f} {quote}", held_ms + rules.bar_ms, *hints)
    if sold_ms is not None:
        i = beyond[0]
        money = max(cash[i], amounts[i]) * _UNIT
        raise _too_large(f"the account had {money:,.0f} {quote} in cash", sold_ms, *hints)
    _require_quantities(open_ms, market, highest, fills, purses, rules, instruments)


def _is_far(fills: Fills, purses: Sequence[int], instruments: Sequence[Instrument]) -> bool:
    """Tell at once, of most runs, that all their fills together could not have left the range."""
    if len(fills) == 0:
        return True
    most = float(fills.price.max()) * float(fills.quantity.max()) / min(one.price_one for one in instruments)
    return float(sum(purses)) + len(fills) * most <= MOST


def _require_quantities(
    open_ms: Ints,
    market: Market,
    most: float,
    fills: Fills,
    purses: Sequence[int],
    rules: Rules,
    instruments: Sequence[Instrument],
) -> None:
    """Refuse a wish for more of a symbol than can be counted: the engine would have held another quantity, or none.

    most: the highest equity, quote.
    """
    if rules.size_method not in (SIZE_FRACTION, SIZE_NOTIONAL) or rules.share_method != SHARE_NONE:
        # What the other methods ask for is less, by what no run leaves behind.
        return
    closes, levels = market.prices[CLOSE], market.signals[LEVEL]
    count = len(instruments)
    highest = most * rules.size_rate * _UNIT
    if rules.size_method == SIZE_NOTIONAL:
        highest = rules.size_notional * _UNIT
    with np.errstate(invalid="ignore", divide="ignore"):
        # Most runs are far from it with their highest account, the lowest price and the largest wish of all.
        if highest * max(np.fmax.reduce(levels, axis=None), 0.0) / np.fmin.reduce(closes, axis=None) * 1e8 <= MOST:
            return
        lowest = np.fmin.reduce(closes, axis=0)
        near = np.flatnonzero(highest * np.fmax(np.fmax.reduce(levels, axis=0), 0.0) / lowest * 1e8 > MOST)
        for row in near.tolist():
            w, s = divmod(row, count)
            worth = np.full(len(open_ms), highest)
            if rules.size_method == SIZE_FRACTION:
                worth = _worth(w, open_ms, closes, fills, purses[w], count) * rules.size_rate * _UNIT
            wanted = np.where(levels[:, row] > 0, worth * levels[:, row] / closes[:, row], 0.0)
            beyond = np.flatnonzero(wanted * 1e8 > MOST)
            if len(beyond):
                at = beyond[0]
                one = instruments[s]
                money = f"{worth[at] * levels[at, row]:,.0f} {one.quote} of {one.symbol} at {closes[at, row]:.8g}"
                raise _too_large(
                    f"{money} are {wanted[at]:,.0f} {one.base}",
                    int(open_ms[at]) + rules.bar_ms,
                    "begin with less: a smaller `--cash`",
                    "or hold a smaller part of it: `--set sizing.fraction=0.1`",
                )


def _worth(w: int, open_ms: Ints, closes: Floats, fills: Fills, purse: int, count: int) -> Floats:
    """Return what a wallet was worth at each close, quote."""
    mine = fills.wallet == w
    bars = np.searchsorted(open_ms, fills.time_ms[mine])
    cash = np.zeros(len(open_ms))
    np.add.at(cash, bars, -(fills.side * fills.notional + fills.fee)[mine].astype(np.float64))
    worth = (purse + np.cumsum(cash)) * _UNIT
    for s in range(count):
        held = np.zeros(len(open_ms))
        of = fills.symbol[mine] == s
        np.add.at(held, bars[of], (fills.side * fills.quantity)[mine][of].astype(np.float64))
        held = np.cumsum(held)
        worth += np.where(held > 0, held * _UNIT * closes[:, w * count + s], 0.0)
    return worth


def _too_large(what: str, time_ms: int, *hints: str) -> UsageError:
    return UsageError(f"{what} at {iso(time_ms)}: {_BEYOND}", *hints)


def run_in_range(
    market: Market, book: Book, log: Log, rules: Rules, steps: Ints, filled: int, decided: int, last: int
) -> Log:
    """Run the engine as `run_bars` does. Raises UsageError where the interpreter, which alone notices, left int64."""
    try:
        return run_bars(market, book, log, rules, steps, filled, decided, last)
    except OverflowError as error:
        raise UsageError(
            f"the account, or what it was to hold, was too large: {_BEYOND}", "begin with less: a smaller `--cash`"
        ) from error
