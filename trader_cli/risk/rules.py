"""The rules of a run as integers, and the steps of its instruments: what the compiled functions read."""

from __future__ import annotations

from typing import NamedTuple

SIZE_QUANTITY = 0
SIZE_NOTIONAL = 1
SIZE_FRACTION = 2
SIZE_METHODS = {"quantity": SIZE_QUANTITY, "notional": SIZE_NOTIONAL, "fraction": SIZE_FRACTION}


class Rules(NamedTuple):
    """Costs, sizing and limits of a run. Rates are in 1e-8 (10 bps = 100_000); 0 switches a rule off.

    taker_rate, maker_rate, slip_rate: per notional. size_quantity: 1e-8 base, size_notional: 1e-8 quote,
    size_rate: of equity. dead_band_rate: of the held quantity. rebalance: 1 = resize on drift too.
    max_positions: count. stop_rate, target_rate: from the entry price; trail_rate: from the highest high before this bar.
    min_notional: 1e-8 quote, beside each instrument's own.
    """

    taker_rate: int
    maker_rate: int
    slip_rate: int
    size_method: int
    size_quantity: int
    size_notional: int
    size_rate: int
    rebalance: int
    dead_band_rate: int
    max_positions: int
    stop_rate: int
    target_rate: int
    trail_rate: int
    min_notional: int


# Columns of the steps of the instruments, int64 (S, STEP_COLUMNS); 0 = no minimum.
PRICE_ONE = 0  # price units in one quote
TICK = 1
LOT = 2
LEAST_QUANTITY = 3
LEAST_NOTIONAL = 4
STEP_COLUMNS = 5
