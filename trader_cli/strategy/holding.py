"""Turn conditions and noisy levels into a holding: small state machines over the bars, compiled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.model.bars import Floats
from trader_cli.strategy.arrays import column, flags, same_length
from trader_cli.strategy.signals import Bools


def latch(enter: npt.ArrayLike, leave: npt.ArrayLike) -> Floats:
    """Return 1.0 from a bar where `enter` is true until one where `leave` is, else 0.0; shape (n,), never
    NaN.

    It begins at 0.0, before any event too: nothing is held until the strategy has said so. Where both are
    true, `leave` wins. NaN conditions are false.
    """
    entering, leaving = flags(enter), flags(leave)
    same_length(entering, leaving)
    return _latch(entering, leaving)


def settle(values: npt.ArrayLike, band: float) -> Floats:
    """Return the values with changes of at most `band` left out: a level moves only when it is off by more.

    The dead band of an author: it keeps a continuous target from trading at every bar. It follows the first
    value that is not NaN; NaN rows stay NaN and leave the level as it was.
    """
    return _settle(column(values), float(band))


def from_entry(held: npt.ArrayLike, values: npt.ArrayLike) -> Floats:
    """Return the value at the bar where `held` last rose above 0, for as long as it is held; NaN while flat.

    For levels that are fixed at entry, such as a stop two average true ranges below it. A NaN in `held` keeps
    the state.
    """
    holding, levels = column(held), column(values)
    same_length(holding, levels)
    return _from_entry(holding, levels)


@njit
def _latch(enter: Bools, leave: Bools) -> Floats:
    out = np.empty(len(enter))
    state = 0.0
    for i in range(len(enter)):
        if leave[i]:
            state = 0.0
        elif enter[i]:
            state = 1.0
        out[i] = state
    return out


@njit
def _settle(values: Floats, band: float) -> Floats:
    out = np.empty(len(values))
    level = np.nan
    for i in range(len(values)):
        value = values[i]
        if np.isnan(value):
            out[i] = value
            continue
        if np.isnan(level) or abs(value - level) > band:
            level = value
        out[i] = level
    return out


@njit
def _from_entry(held: Floats, values: Floats) -> Floats:
    out = np.empty(len(held))
    inside = False
    level = np.nan
    for i in range(len(held)):
        if held[i] > 0.0:
            if not inside:
                level = values[i]
            inside = True
        elif held[i] <= 0.0:
            inside = False
        out[i] = level if inside else np.nan
    return out
