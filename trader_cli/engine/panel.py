"""Many symbols on one time grid: bars and signals become the arrays of `Market`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from trader_cli.engine.state import (
    CLOSE,
    LEVEL,
    OPEN,
    OWN_LIMIT,
    OWN_STOP,
    OWN_TAKE,
    OWN_TRIGGER,
    PRICE_PLANES,
    SIGNAL_PLANES,
    Market,
)
from trader_cli.errors import DataError, UsageError
from trader_cli.model.bars import Bars, Floats, Ints
from trader_cli.model.instrument import CASH_ONE, Instrument
from trader_cli.money import ONE
from trader_cli.risk.rules import SIZE_METHODS, STEP_COLUMNS, Rules
from trader_cli.strategy.signals import Signals

_OWN_PLANES = {"stop": OWN_STOP, "take": OWN_TAKE, "limit": OWN_LIMIT, "trigger": OWN_TRIGGER}
# Beyond this a price, a quantity or a balance in 1e-8 leaves the range in which int64 products stay exact.
_LARGEST = 4e18


def build_market(bars: Sequence[Bars], signals: Sequence[Signals]) -> tuple[Ints, Market]:
    """Return (open_ms, market) over the union of all opens.

    bars, signals: one entry a symbol, in the order of the book's rows. open_ms: int64 (T,), strictly rising.
    """
    grid = _union([one.open_ms for one in bars])
    shape = (len(grid), len(bars))
    stated = any(getattr(one, name) is not None for one in signals for name in _OWN_PLANES)
    prices = np.empty((PRICE_PLANES, *shape))
    levels = np.empty((SIGNAL_PLANES if stated else 1, *shape))
    for s, (series, said) in enumerate(zip(bars, signals, strict=True)):
        whole = len(series) == len(grid)
        rows = slice(None) if whole else np.searchsorted(grid, series.open_ms)
        if not whole:
            prices[:, :, s] = np.nan
            levels[:, :, s] = np.nan
        for plane, column in enumerate((series.open, series.high, series.low, series.close), start=OPEN):
            prices[plane, rows, s] = column
        levels[LEVEL, rows, s] = said.target
        if stated:
            for name, plane in _OWN_PLANES.items():
                column = getattr(said, name)
                levels[plane, rows, s] = np.nan if column is None else column
        if not whole:
            prices[CLOSE, :, s] = _carried(prices[CLOSE, :, s])
    return grid, Market(prices, levels)


def _union(opens: list[Ints]) -> Ints:
    first = opens[0]
    if all(len(one) == len(first) and np.array_equal(one, first) for one in opens[1:]):
        return first
    return np.unique(np.concatenate(opens))


def _carried(column: Floats) -> Floats:
    """Repeat the last known value over NaN; NaN before the first."""
    known = np.where(np.isnan(column), 0, np.arange(len(column)))
    return column[np.maximum.accumulate(known)]


def build_steps(instruments: Sequence[Instrument]) -> Ints:
    """Return the instruments' steps as int64 (S, STEP_COLUMNS)."""
    steps = np.empty((len(instruments), STEP_COLUMNS), np.int64)
    for s, one in enumerate(instruments):
        steps[s] = (
            one.price_one,
            one.tick_units,
            one.lot_units,
            one.min_quantity_units,
            one.min_notional_units,
        )
    return steps


def check_range(bars: Bars, instrument: Instrument) -> None:
    """Raise DataError where a price is too large, or too small, to be a whole number of the instrument's price units."""
    high = float(bars.high.max())
    if high * instrument.price_one > _LARGEST:
        raise DataError(
            f"`{bars.symbol}`: price {high:g} does not fit in steps of 1e-{instrument.price_decimals}",
            f'state a coarser tick in `[instruments."{bars.symbol}"]`',
        )
    low = float(bars.low.min())
    if low * instrument.price_one < instrument.tick_units:
        raise DataError(
            f"`{bars.symbol}`: price {low:g} is below its tick {instrument.tick}",
            f'state a finer tick in `[instruments."{bars.symbol}"]`',
        )


def rate(value: Decimal, per: int, name: str) -> int:
    """Return a share in 1e-8 from a percentage (per=100) or basis points (per=10_000); raises UsageError."""
    units = value * ONE / per
    if not value.is_finite() or units != units.to_integral_value():
        raise UsageError(f"`{name}` is {value}, it may have at most {'4' if per == 10_000 else '6'} decimals")
    return int(units)


def cash_units(value: Decimal, name: str) -> int:
    """Return an amount of the quote in 1e-8; raises UsageError when it is finer than that, or out of range."""
    units = value * CASH_ONE
    if not value.is_finite() or units != units.to_integral_value() or not 0 <= units <= _LARGEST:
        raise UsageError(f"`{name}` is {value}, it must be between 0 and 4e10 with at most 8 decimals")
    return int(units)


def build_rules(
    *,
    fee_bps: Decimal,
    maker_fee_bps: Decimal,
    slippage_bps: Decimal,
    size_method: str,
    size_quantity: Decimal,
    size_notional: Decimal,
    size_fraction: Decimal,
    rebalance: bool,
    dead_band_pct: Decimal,
    max_positions: int,
    stop_pct: Decimal,
    target_pct: Decimal,
    trail_pct: Decimal,
    min_notional: Decimal,
) -> Rules:
    """Return the rules as integers; every argument is in the unit of its name. Raises UsageError."""
    return Rules(
        taker_rate=rate(fee_bps, 10_000, "costs.fee_bps"),
        maker_rate=rate(maker_fee_bps, 10_000, "costs.maker_fee_bps"),
        slip_rate=rate(slippage_bps, 10_000, "costs.slippage_bps"),
        size_method=SIZE_METHODS[size_method],
        size_quantity=cash_units(size_quantity, "sizing.quantity"),
        size_notional=cash_units(size_notional, "sizing.notional"),
        size_rate=rate(size_fraction, 1, "sizing.fraction"),
        rebalance=int(rebalance),
        dead_band_rate=rate(dead_band_pct, 100, "sizing.dead_band_pct"),
        max_positions=max_positions,
        stop_rate=rate(stop_pct, 100, "risk.stop_pct"),
        target_rate=rate(target_pct, 100, "risk.target_pct"),
        trail_rate=rate(trail_pct, 100, "risk.trail_pct"),
        min_notional=cash_units(min_notional, "risk.min_notional"),
    )
