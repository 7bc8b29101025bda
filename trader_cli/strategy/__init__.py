"""The author's interface: `from trader_cli.strategy import Bars, Floats, Param, Signals, Strategy,
indicators, latch`.

Names are fetched when they are used, so that listing strategies does not import the compiler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trader_cli.model.bars import Bars, Floats
    from trader_cli.strategy import indicators
    from trader_cli.strategy.arrays import aligned, carried, earlier
    from trader_cli.strategy.base import Param, Strategy, compute
    from trader_cli.strategy.holding import from_entry, latch, settle
    from trader_cli.strategy.resting import Ladder, ladder
    from trader_cli.strategy.signals import Levels, Signals

_HOMES = {
    "Bars": "trader_cli.model.bars",
    "Floats": "trader_cli.model.bars",
    "Ladder": "trader_cli.strategy.resting",
    "Levels": "trader_cli.strategy.signals",
    "Param": "trader_cli.strategy.base",
    "Signals": "trader_cli.strategy.signals",
    "Strategy": "trader_cli.strategy.base",
    "aligned": "trader_cli.strategy.arrays",
    "carried": "trader_cli.strategy.arrays",
    "compute": "trader_cli.strategy.base",
    "earlier": "trader_cli.strategy.arrays",
    "from_entry": "trader_cli.strategy.holding",
    "ladder": "trader_cli.strategy.resting",
    "latch": "trader_cli.strategy.holding",
    "settle": "trader_cli.strategy.holding",
}

__all__ = [
    "Bars",
    "Floats",
    "Ladder",
    "Levels",
    "Param",
    "Signals",
    "Strategy",
    "aligned",
    "carried",
    "compute",
    "earlier",
    "from_entry",
    "indicators",
    "ladder",
    "latch",
    "settle",
]


def __getattr__(name: str) -> Any:
    if name == "indicators":
        return import_module("trader_cli.strategy.indicators")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module `trader_cli.strategy` has no `{name}`")
