"""What a strategy says of a symbol at its newest bar, and how sure of it a scan must be."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trader_cli.model.bars import Bars, Floats
from trader_cli.model.scan import ACT, FLAT, KEEP, LOOK, SILENT, WEAK
from trader_cli.strategy.signals import Signals

WANTING = (ACT, LOOK, WEAK, KEEP)


@dataclass(frozen=True)
class Protection:
    """Levels that the configuration sets where a strategy states none nearer, as shares of the price; 0 = off.

    stop, target: parts of 1. stop_atr: average true ranges under the price.
    """

    stop: float
    target: float
    stop_atr: float


@dataclass(frozen=True)
class Sureness:
    """Confidences from which a signal is looked at and acted on; above: what a purchase must exceed (R1.1), 0 = off."""

    look: float
    act: float
    above: float


@dataclass(frozen=True)
class SignalNow:
    """One strategy's opinion of one symbol at the close of its newest bar.

    bar_ms: open of that bar, ms UTC. price: its close, quote per base. target: wanted holding, 1 = a whole position; what was
    said last where it has no opinion now; NaN = it never had one. confidence: NaN = not stated, which counts as sure. stop,
    take: prices at which it would end, NaN = none. reward_risk: what the take promises for each unit the stop risks, NaN where
    one is missing. age: bars since it began to want it, 0 = with this bar; -1 = it does not.
    """

    symbol: str
    strategy: str
    state: str
    bar_ms: int
    price: float
    target: float
    confidence: float
    stop: float
    take: float
    reward_risk: float
    age: int

    @property
    def score(self) -> float:
        """The confidence it is ranked by."""
        return 1.0 if math.isnan(self.confidence) else self.confidence


def newest(
    strategy: str, bars: Bars, said: Signals, protection: Protection, atr: float, sureness: Sureness
) -> SignalNow:
    """Return what a strategy said at the newest of `bars`, of which there is at least one.

    said: its signals over these bars. atr: average true range at the newest bar, NaN = not known.
    """
    level = np.asarray(said.target, np.float64)
    price, bar_ms = float(bars.close[-1]), int(bars.open_ms[-1])
    confidence, nan = _confidence(said), math.nan
    target = float(level[-1])
    silent_now = math.isnan(target)
    if silent_now:
        spoke = np.flatnonzero(~np.isnan(level))
        if len(spoke) == 0:
            return SignalNow(bars.symbol, strategy, SILENT, bar_ms, price, nan, confidence, nan, nan, nan, -1)
        target = float(level[spoke[-1]])
    if target <= 0.0:
        return SignalNow(bars.symbol, strategy, FLAT, bar_ms, price, target, confidence, nan, nan, nan, -1)
    stop = _stop(_last(said.stop), price, protection, atr)
    take = _take(_last(said.take), price, protection)
    ratio = (take - price) / (price - stop) if stop < price < take else nan
    state = KEEP if silent_now else _state(confidence, sureness)
    return SignalNow(bars.symbol, strategy, state, bar_ms, price, target, confidence, stop, take, ratio, _age(level))


def _confidence(said: Signals) -> float:
    if said.confidence is None:
        return math.nan
    stated = float(said.confidence[-1])
    # Who says at other bars how sure it is, is not sure at this one.
    return 0.0 if math.isnan(stated) else stated


def _last(column: Floats | None) -> float:
    return math.nan if column is None else float(column[-1])


def _state(confidence: float, sureness: Sureness) -> str:
    sure = 1.0 if math.isnan(confidence) else confidence
    if sure >= sureness.act and (sureness.above == 0.0 or sure > sureness.above):
        return ACT
    return LOOK if sure >= sureness.look else WEAK


def _age(level: Floats) -> int:
    """Return the bars since the newest unbroken wish to hold began; silence between breaks nothing."""
    without = np.flatnonzero(level <= 0.0)
    since = int(without[-1]) + 1 if len(without) else 0
    first = since + int(np.argmin(np.isnan(level[since:])))
    return len(level) - 1 - first


def _stop(own: float, price: float, protection: Protection, atr: float) -> float:
    """Return the highest of the stops below the price, as the exits take them."""
    found = [own] if own < price else []
    if protection.stop > 0.0:
        found.append(price * (1.0 - protection.stop))
    if protection.stop_atr > 0.0 and atr > 0.0:
        found.append(price - atr * protection.stop_atr)
    return max((one for one in found if one > 0.0), default=math.nan)


def _take(own: float, price: float, protection: Protection) -> float:
    """Return the lowest of the targets above the price."""
    found = [own] if own > price else []
    if protection.target > 0.0:
        found.append(price * (1.0 + protection.target))
    return min(found, default=math.nan)
