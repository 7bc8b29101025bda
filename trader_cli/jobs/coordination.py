"""Several strategies' signals for one symbol of one wallet become one, with a record of who lost and why (R2.6).

Who wins is the rule of `risk.coordination`. Here is what the scores measure, what of the winner's signals goes on to the
engine, and the sentences for the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.model.bars import Bars, Floats, Ints
from trader_cli.money import ONE
from trader_cli.risk.coordination import coordinate
from trader_cli.strategy.signals import FIELDS, Signals

Bools: TypeAlias = npt.NDArray[np.bool_]

# What the winner has most of, in the words of a sentence.
METHODS = {"confidence": "confidence", "reward_risk": "reward to risk", "priority": "priority"}
REWARD_RISK_MOST = 1000.0  # a stop a hair below the close would make any promise look certain


@dataclass(frozen=True)
class Conflict:
    """Consecutive bars in which `winner` and `loser` wished for different levels and `winner` had its way.

    first, last: rows of the bars; count: how many. winner, loser: indices of strategies. rule: the method, or `priority`
    where the scores tied. number, limit: the winner's and the loser's score, decimal text; they, the rule and the message
    are those of the first bar.
    """

    first: int
    last: int
    count: int
    winner: int
    loser: int
    rule: str
    number: str
    limit: str
    message: str


@dataclass(frozen=True, eq=False)
class Combined:
    """What the wallet wants of one symbol; winner: int64 (n,), whose wish it is, -1 = nobody's yet."""

    signals: Signals
    winner: Ints
    conflicts: tuple[Conflict, ...]


def combine(names: Sequence[str], said: Sequence[Signals], bars: Bars, method: str) -> Combined:
    """Return the winner's signals at every bar, with the conflicts in order of their first bars.

    names, said: the strategies in order of priority and what they said, arrays of shape (len(bars),). method: one of
    METHODS. Row i depends on rows 0..i only. A single strategy's signals are returned as they are. Raises UsageError for
    an unknown method.
    """
    if method not in METHODS:
        raise UsageError(f"no way to coordinate is called `{method}`", *did_you_mean(method, METHODS))
    levels = np.array([one.target for one in said], np.float64).reshape(len(said), len(bars))
    scores = np.array([_scores(one, bars.close, method) for one in said], np.int64).reshape(levels.shape)
    winner = np.empty(len(bars), np.int64)
    coordinate(levels, scores, winner)
    if len(said) == 1:
        return Combined(said[0], winner, ())
    for level, score in zip(levels, scores, strict=True):
        spoke = _last_said(level)
        level[:], score[:] = level[spoke], score[spoke]
    conflicts = _conflicts(names, levels, scores, winner, bars.symbol, method)
    return Combined(_winners(said, levels, winner), winner, conflicts)


def _scores(said: Signals, close: Floats, method: str) -> Ints:
    if method == "confidence":
        return _units(_confidence(said))
    if method == "reward_risk":
        return _units(_reward_risk(said, close))
    return np.zeros(len(close), np.int64)


def _units(values: Floats) -> Ints:
    return np.floor(values * ONE + 0.5).astype(np.int64)


def _confidence(said: Signals) -> Floats:
    # Who never says how sure it is of a purchase, is sure; who says so at other bars is not sure at this one.
    if said.confidence is None:
        return np.where(said.target > 0.0, 1.0, 0.0)
    return np.nan_to_num(said.confidence, nan=0.0)


def _reward_risk(said: Signals, close: Floats) -> Floats:
    ratio = np.zeros(len(close))
    if said.stop is None or said.take is None:
        return ratio
    stated = (said.target > 0.0) & (said.stop < close) & (close < said.take)
    with np.errstate(over="ignore"):
        np.divide(said.take - close, close - said.stop, out=ratio, where=stated)
    return np.minimum(ratio, REWARD_RISK_MOST)


def _last_said(level: Floats) -> Ints:
    rows = np.where(np.isnan(level), 0, np.arange(len(level)))
    return np.maximum.accumulate(rows)


def _winners(said: Sequence[Signals], levels: Floats, winner: Ints) -> Signals:
    counts = [winner == k for k in range(len(said))]
    columns: dict[str, Floats] = {}
    for name in FIELDS:
        stated = [getattr(one, name) for one in said]
        if all(column is None for column in stated):
            continue
        columns[name] = np.full(len(winner), np.nan)
        for column, his in zip(stated, counts, strict=True):
            if column is not None:
                np.copyto(columns[name], column, where=his)
            elif name == "confidence":
                # The engine takes a strategy without confidence for sure; beside one that has it, that must be said.
                columns[name][his] = 1.0
    for level, his in zip(levels, counts, strict=True):
        # NaN keeps what is held. A wish against that was said while another won would then never close anything.
        unsaid = his & (level < 0.0) & np.isnan(columns["target"])
        np.copyto(columns["target"], level, where=unsaid)
    return Signals(**columns)


def _conflicts(
    names: Sequence[str], levels: Floats, scores: Ints, winner: Ints, symbol: str, method: str
) -> tuple[Conflict, ...]:
    # Levels and scores are those that stand at every bar, NaN before a strategy spoke.
    counted = np.full(len(winner), np.nan)
    for k, level in enumerate(levels):
        np.copyto(counted, level, where=winner == k)
    found = []
    for loser, level in enumerate(levels):
        # The winner never differs from itself, and where anybody has a wish somebody has won.
        lost = (level != 0.0) & ~np.isnan(level) & (level != counted)
        for first, last in _episodes(lost, winner):
            its, other = (
                _Wish(k, names[k], float(levels[k, first]), int(scores[k, first])) for k in (int(winner[first]), loser)
            )
            found.append(_conflict(first, last, its, other, symbol, method))
    return tuple(sorted(found, key=lambda one: (one.first, one.loser)))


def _episodes(lost: Bools, winner: Ints) -> list[tuple[int, int]]:
    """Return first and last row of every run of bars lost to the same winner."""
    rows = np.flatnonzero(lost)
    breaks = (np.diff(rows) > 1) | (np.diff(winner[rows]) != 0)
    begins, ends = np.ones(len(rows), np.bool_), np.ones(len(rows), np.bool_)
    begins[1:], ends[:-1] = breaks, breaks
    return list(zip(rows[begins].tolist(), rows[ends].tolist(), strict=True))


@dataclass(frozen=True)
class _Wish:
    strategy: int
    name: str
    level: float
    score: int


def _conflict(first: int, last: int, its: _Wish, other: _Wish, symbol: str, method: str) -> Conflict:
    number, limit = _decimal(its.score), _decimal(other.score)
    rule = "priority" if its.score == other.score else method
    reason = METHODS[rule]
    if its.score == other.score and its.strategy > other.strategy:
        reason = "priority of a wish to hold"
    measure = "" if method == "priority" else f" with {METHODS[method]} {number}"
    against = "" if method == "priority" else f" with {limit}"
    message = (
        f"{its.name} {_asks(its.level, other.level)} of {symbol}{measure}, "
        f"{other.name} {_asks(other.level, its.level)}{against}: {its.name} wins by {reason}"
    )
    return Conflict(first, last, last - first + 1, its.strategy, other.strategy, rule, number, limit, message)


def _asks(level: float, other: float) -> str:
    if level > 0.0:
        return f"wants to hold {level:g}"
    # Two wishes against differ in their levels alone.
    return "wants out" if other > 0.0 else f"wants {level:g}"


def _decimal(score: int) -> str:
    whole, rest = divmod(score, ONE)
    return f"{whole}.{rest:08d}".rstrip("0").rstrip(".")
