"""What is traded: seven bars of two symbols with entries, additions, a stop and a target reached while the program is off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from .world import World

HOUR = 3_600_000
START_MS = 1_789_999_200_000 // HOUR * HOUR
"""Close of the first bar decided on."""

AFTER_MS = 20_000
"""How long after a bar's close cron starts the program."""

CONFIG = """
[data]
symbols = ["BTC/{quote}", "ETH/{quote}"]
timeframe = "1h"
[risk]
stop_pct = "3"
target_pct = "6"
"""

LEVELS = {
    "BTC": (0.5, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0),
    "ETH": (0.5, 1.0, 0.0, 1.0, 1.0, 0.5, 0.0, 0.0),
}
"""What the strategy wants, by bar; a stop or a target ends a position until another level is wanted."""

SHARE = Decimal("0.3")
"""Of the equity, a whole position."""

STRATEGY = '''"""Wants what a table says, by the hour."""

import numpy as np

from trader_cli.strategy import Bars, Floats, Strategy

FIRST = {first}
BTC = {btc}
ETH = {eth}


class Scripted(Strategy):
    """The levels of a table."""

    def targets(self, bars: Bars) -> Floats:
        rows = (bars.open_ms - FIRST) // 3_600_000
        levels = np.array(BTC if bars.close[-1] > 10_000 else ETH)
        return np.where((rows >= 0) & (rows < len(levels)), levels[np.clip(rows, 0, len(levels) - 1)], 0.0)
'''


@dataclass(frozen=True)
class Stage:
    """One bar: what the market does before its close, and what it looks like when the program comes."""

    name: str
    before: Callable[[World], None]


def _calm(world: World) -> None:
    """Nothing happens."""


def _thin(world: World) -> None:
    # Two levels for BTC, so that one order is several trades; too little for ETH, so that the rest of a limit rests.
    world.server.do("depth", symbol=f"BTC/{world.quote}", quantities=["0.001", "5"])
    world.server.do("depth", symbol=f"ETH/{world.quote}", quantities=["0.0123"])


def _thick(world: World) -> None:
    for symbol in ("BTC", "ETH"):
        world.server.do("depth", symbol=f"{symbol}/{world.quote}", quantities=None)


def _fall(world: World) -> None:
    world.server.do("price", symbol=f"BTC/{world.quote}", price="48000")
    world.server.do("price", symbol=f"BTC/{world.quote}", price="48100")


def _rise(world: World) -> None:
    world.server.do("price", symbol=f"ETH/{world.quote}", price="2700")
    world.server.do("price", symbol=f"ETH/{world.quote}", price="2690")


STAGES = (
    Stage("enter", _thin),
    Stage("add", _thick),
    Stage("stopped", _fall),
    Stage("turn", _calm),
    Stage("target", _rise),
    Stage("trim", _calm),
    Stage("leave", _calm),
    Stage("idle", _calm),
)


def world_of(venue: str, folder: Path) -> World:
    """Return the world before its first bar: deployed and armed once it is entered and `begin` was called."""
    quote = {"kraken": "USD", "binance": "USDT"}[venue]
    strategy = STRATEGY.replace("{first}", str(START_MS - HOUR))
    for coin, levels in LEVELS.items():
        strategy = strategy.replace(f"{{{coin.lower()}}}", repr(levels))
    return World(venue, folder, CONFIG.replace("{quote}", quote), strategy, START_MS - HOUR // 2)


def wanted(symbol: str, number: int) -> float:
    """Return the level that the strategy states for a symbol at a stage's bar."""
    return LEVELS[symbol.partition("/")[0]][number]


def begin(world: World) -> None:
    """Deploy and arm, as the owner does who tries something unproved."""
    armed = ("live", "arm", "--allow-unvalidated", "--confirm", "YES I AM SURE")
    for arguments in (("strategy", "deploy", "scripted"), armed):
        ran = world.trader(*arguments)
        assert ran.code == 0, ran.output


def come(world: World, number: int) -> None:
    """Let the market do what it does in a stage, and its bar close."""
    close = START_MS + number * HOUR
    now = world.server.clock.now_ms()
    world.server.do("clock", set_ms=max(close - HOUR // 4, now))
    STAGES[number].before(world)
    world.server.do("clock", set_ms=max(close + AFTER_MS, world.server.clock.now_ms()))
