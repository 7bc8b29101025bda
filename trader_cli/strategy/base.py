"""A strategy: closed bars in, wanted holdings out, and the one place where it is asked."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from trader_cli.errors import StrategyError, TraderError
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.strategy.params import Param, check_declared, read_params
from trader_cli.strategy.signals import Levels, Signals, checked

ORIGIN = "__trader_origin__"
"""Where a loaded module keeps the name, path and source it was made from."""


class Strategy:
    """What to hold, bar by bar. Subclass it, declare `Param`s and write `targets`; one file holds one
    strategy.

    `cls(fast=20)` sets parameters; text as from a command line is parsed. Raises UsageError for unknown names
    and for values out of range.
    """

    declared: ClassVar[Mapping[str, Param[Any]]] = {}
    linked: ClassVar[bool] = False
    """Whether its positions in one symbol at two venues are two legs of one trade: both orders are placed or none."""
    warmup: int | None = None
    """Bars it needs before what it says can be relied on; a property where parameters decide it. None = not stated: `trader
    validate` then finds the number out, and it fails a strategy that states too few."""
    params: Mapping[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found: dict[str, Param[Any]] = {}
        for base in reversed(cls.__mro__):
            found.update({name: value for name, value in vars(base).items() if isinstance(value, Param)})
        check_declared(cls.__name__, found)
        cls.declared = found

    def __init__(self, **params: object) -> None:
        self.params = read_params(type(self).__name__, self.declared, params)

    def targets(self, bars: Bars) -> Levels | Signals:  # noqa: ARG002 the subclass reads it
        """Return the wanted holding at each bar's close, shape (n,): 1 = a whole position, 0 = flat, NaN =
        keep.

        Row i may depend on bars 0..i only. True and False count as 1 and 0; a comparison with an indicator
        that is still NaN is False, so that a strategy of comparisons is flat while it warms up.
        """
        raise StrategyError(f"strategy `{type(self).__name__}` has no method `targets`")

    def __reduce__(self) -> tuple[Any, ...]:
        # A strategy's module was made from its file and can be imported by nobody: it travels as its source.
        module = sys.modules.get(type(self).__module__)
        origin = vars(module).get(ORIGIN) if module is not None else None
        if origin is None:
            return (_made, (type(self), dict(self.params)))
        from trader_cli.strategy.loader import revived

        return (revived, (*origin, type(self).__name__, dict(self.params)))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"{type(self).__name__}({values})"


def _made(cls: type[Strategy], params: Mapping[str, Any]) -> Strategy:
    return cls(**params)


def compute(strategy: Strategy, bars: Bars) -> Signals:
    """Return the strategy's signals over all bars, checked: contiguous float64 arrays of shape (n,).

    The columns it sees, its peers' too, are read-only, and 0/0 in it is NaN without a warning (NaN = no opinion). Raises
    StrategyError for whatever the author's code raises, with file and line, and for what no strategy may
    return.
    """
    name = type(strategy).__name__
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            said = strategy.targets(sealed(bars))
        return checked(said, len(bars))
    except TraderError as error:
        message = f"strategy `{name}` on `{bars.symbol}`: {error.message}"
        raise StrategyError(message, *error.hints) from error
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        message = f"strategy `{name}` failed on `{bars.symbol}`: {kind}: {error}"
        raise StrategyError(message, f"it happened in `{where.filename}`, line {where.lineno}") from error


def sealed(bars: Bars) -> Bars:
    """Return the bars with read-only columns, their peers' too; themselves where they are so already.

    Columns are shared by every strategy and by the engine; one that writes must fail, not corrupt.
    """
    peers = tuple(sealed(peer) for peer in bars.peers)
    columns = {name: getattr(bars, name) for name in ("open_ms", *COLUMNS)}
    own = not any(column.flags.writeable for column in columns.values())
    if own and all(one is other for one, other in zip(peers, bars.peers, strict=True)):
        return bars
    views: dict[str, Any] = {name: column.view() for name, column in columns.items()}
    for view in views.values():
        view.flags.writeable = False
    return replace(bars, **views, peers=peers)


__all__ = ["Levels", "Param", "Signals", "Strategy", "compute", "sealed"]
