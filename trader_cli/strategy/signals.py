"""What a strategy says: how much to hold, and where it knows more, at which prices."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trader_cli.errors import StrategyError
from trader_cli.model.bars import Floats

Bools: TypeAlias = npt.NDArray[np.bool_]
Levels: TypeAlias = Floats | Bools


@dataclass(frozen=True, eq=False)
class Signals:
    """One row a bar, each known at that bar's close; every array has shape (n,).

    target: wanted holding as a level, 1 = a whole position, 0 or less = flat on a spot venue, NaN = keep what
    is held. confidence: in [0, 1], NaN = not stated. stop, take: absolute prices of the protective stop and
    the profit target for a position held after this close, NaN = none. keep: the level that stays when `take` is
    reached, below the level held; NaN = none stays, and the strategy must let go before it may enter again. limit: enter
    or add by a limit order at this price, trigger: enter by a buy-stop at this price; NaN = at market. Prices are in
    quote per base. None = the strategy never says.
    """

    target: Levels
    confidence: Floats | None = None
    stop: Floats | None = None
    take: Floats | None = None
    keep: Floats | None = None
    limit: Floats | None = None
    trigger: Floats | None = None


FIELDS = tuple(field.name for field in fields(Signals))
_PRICES = ("stop", "take", "limit", "trigger")


def checked(said: object, bars: int) -> Signals:
    """Return what a strategy returned as Signals of contiguous float64 arrays of shape (bars,).

    A bare array is the target; booleans become 0 and 1. Raises StrategyError for another shape or type,
    infinity, a confidence outside [0, 1] and prices that are not above 0; a stop at 0 or below is none (NaN).
    """
    signals = said if isinstance(said, Signals) else Signals(target=_as_levels(said))
    columns: dict[str, Floats] = {}
    for name in FIELDS:
        value = getattr(signals, name)
        if value is None and name != "target":
            continue
        columns[name] = _column(name, value, bars)
    return Signals(**columns)


def _as_levels(said: object) -> Levels:
    if said is None:
        raise StrategyError("`targets` returned nothing", "return an array with one value a bar, or `Signals`")
    return np.asarray(said)


def _column(name: str, value: object, bars: int) -> Floats:
    array = np.asarray(value)
    if array.shape != (bars,):
        raise StrategyError(f"`{name}` has shape {array.shape}, it must be ({bars},): one value a bar")
    if array.dtype.kind not in "bfiu":
        raise StrategyError(f"`{name}` holds {array.dtype}, it must hold numbers or true and false")
    column = np.ascontiguousarray(array, dtype=np.float64)
    if array.dtype.kind == "b" and name == "target":
        # Nothing is wrong with true and false; and every replay of a search comes through here.
        return column
    bad = np.isinf(column)
    if bad.any():
        raise StrategyError(f"`{name}` is infinite at bar {int(bad.argmax())}", "use NaN for no opinion")
    if name == "confidence":
        bad = (column < 0.0) | (column > 1.0)
        if bad.any():
            row = int(bad.argmax())
            raise StrategyError(f"`confidence` is {column[row]} at bar {row}, it must be between 0 and 1")
    if name == "keep" and (column < 0.0).any():
        row = int((column < 0.0).argmax())
        raise StrategyError(
            f"`keep` is {column[row]} at bar {row}, a level that stays is not below 0", "use NaN for none"
        )
    if name == "stop" and (column <= 0.0).any():
        # A price never falls to 0: such a stop is no stop. Wide ones below cheap prices get there by subtraction.
        column = np.where(column <= 0.0, np.nan, column)
    if name in _PRICES:
        bad = column <= 0.0
        if bad.any():
            row = int(bad.argmax())
            raise StrategyError(f"`{name}` is {column[row]} at bar {row}, a price must be above 0", "use NaN for none")
    return column
