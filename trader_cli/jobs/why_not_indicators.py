"""What a strategy read at one bar: every indicator it asked for, with its arguments and the value there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.sharing import Shared, sharing
from trader_cli.strategy.signals import Signals


@dataclass(frozen=True)
class Reading:
    """One indicator at one bar. call: as a reader writes it, `sma(close, 20)`. values: by part, "" for one without parts."""

    call: str
    values: dict[str, float]


class _Listener(Shared):
    """A store that keeps nothing and writes down what was asked of it."""

    def __init__(self, bars: Bars, row: int) -> None:
        super().__init__()
        self.row = row
        self.length = len(bars)
        self.readings: dict[str, Reading] = {}
        self.names = {_place(getattr(bars, name)): name for name in COLUMNS}
        # Held, so that no other array can come to lie where they do.
        self.held: list[Any] = []

    def key(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        stated = [self._word(one) for one in args]
        stated += [f"{name}={self._word(one)}" for name, one in sorted(kwargs.items())]
        return (f"{function.__name__}({', '.join(stated)})",)

    def get(self, key: tuple[Any, ...]) -> Any:  # noqa: ARG002 nothing is kept
        return None

    def keep(self, key: tuple[Any, ...], found: Any) -> Any:
        call = str(key[0])
        parts = found if isinstance(found, tuple) else (found,)
        names = getattr(found, "_fields", ("",) * len(parts))
        values = {}
        for name, one in zip(names, parts, strict=True):
            if isinstance(one, np.ndarray) and one.shape == (self.length,):
                values[name] = float(one[self.row])
                self.names[_place(one)] = f"{call}.{name}" if name else call
                self.held.append(one)
        if values:
            self.readings[call] = Reading(call, values)
        return found

    def _word(self, value: Any) -> str:
        if isinstance(value, np.ndarray):
            return self.names.get(_place(value), "…")
        return f"{value:g}" if isinstance(value, float) else str(value)


def _place(array: Any) -> tuple[Any, ...]:
    return (array.__array_interface__["data"][0], array.shape, array.strides)


def listened(strategy: Strategy, bars: Bars, row: int) -> tuple[Signals, tuple[Reading, ...]]:
    """Return what a strategy says on these bars, and the indicators it asked for with their values at `row`.

    What a strategy computes without the program's indicators nobody can name. Raises StrategyError.
    """
    # The strategy sees views of these very columns.
    listener = _Listener(bars, row)
    with sharing(listener):
        said = compute(strategy, bars)
    return said, tuple(listener.readings.values())
