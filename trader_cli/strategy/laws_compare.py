"""Where two answers about the same bars differ."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trader_cli.model.bars import Floats, Ints
from trader_cli.strategy.signals import FIELDS, Signals

# A share of a position this small is never ordered, and a price is compared in ticks.
LEVEL_STEP = 1e-6


def unlike(whole: Signals, said: Signals, count: int) -> Iterator[tuple[str, Ints]]:
    """Yield each column and those of its first `count` rows that are not the same to the last bit; NaN equals NaN.

    A column that only one of them has is yielded with the row after them.
    """
    for field in FIELDS:
        expected, got = getattr(whole, field), getattr(said, field)
        if expected is None and got is None:
            continue
        if expected is None or got is None:
            yield field, np.array([count])
            continue
        before, after = expected[:count], got[:count]
        rows = np.flatnonzero(~((before == after) | (np.isnan(before) & np.isnan(after))))
        if len(rows):
            yield field, rows


def value_at(column: Floats | None, row: int) -> float | None:
    """Return what a column says in a row, None where there is no such column."""
    return None if column is None else float(column[row])


def decides_alike(whole: Signals, said: Signals, tick: float) -> bool:
    """Tell whether nobody who trades on one or the other would do anything else.

    tick: of prices, quote. Levels may differ by `LEVEL_STEP`, prices by a tick or that share of them.
    """
    for field in FIELDS:
        expected, got = getattr(whole, field), getattr(said, field)
        if expected is None and got is None:
            continue
        if expected is None or got is None or not _near(expected, got, tick, price=field in _PRICES):
            return False
    return True


_PRICES = ("stop", "take", "limit", "trigger")


def _near(expected: Floats, got: Floats, tick: float, *, price: bool) -> bool:
    allowed = np.maximum(tick, np.abs(expected) * LEVEL_STEP) if price else np.full(len(expected), LEVEL_STEP)
    close = np.abs(expected - got) <= allowed
    return bool((close | (np.isnan(expected) & np.isnan(got))).all())
