"""Warm-up: how much history the numbers need, and whether the strategy trades before it has it."""

from __future__ import annotations

from dataclasses import dataclass

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.excerpt import strategies
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.model.instrument import Instrument
from trader_cli.model.resample import resample
from trader_cli.strategy.base import Strategy
from trader_cli.strategy.consensus import scaled
from trader_cli.strategy.laws_history import History, history_needed

NAME = "warm_up"
# Fewer beginnings say nothing about how often a beginning goes wrong.
_FEWEST_STARTS = 10


@dataclass(frozen=True)
class _Measured:
    """What one strategy needs on one series. ratio: bars traded on in one bar of the timeframe it was asked on."""

    strategy: Strategy
    symbol: str
    history: History
    ratio: int

    @property
    def needed(self) -> int:
        """Bars before a bar, all there are where even half of them are too few."""
        found = self.history.needed
        return (self.history.stored if found is None else found) * self.ratio


def warm_up(bench: Bench) -> CheckResult:
    """Find the shortest history of which all longer ones decide alike, on every series.

    FAIL where a strategy states fewer bars (`warmup`), or where what it holds first is wrong in more than `tolerance_pct` of
    the places it may begin at: it trades on numbers that its history has not yet determined. WARN where more than half of
    the stored history is needed.
    """
    rows = int(bench.limits["warm_up_bars"])
    tolerance = float(bench.limits["tolerance_pct"])
    found: list[_Measured] = []
    for chosen in strategies(bench.lab):
        for bars, steps in zip(bench.lab.series, bench.lab.stage.instruments, strict=True):
            found += _measured(bench, chosen.instance, bars, steps, rows)
    if not found:
        return CheckResult(NAME, Status.FAIL, None, None, "bars", "there are no bars to find out how many it needs")
    worst = max(found, key=lambda one: one.needed)
    details = {
        one.symbol if one.ratio == 1 else f"{one.symbol} × {one.ratio}": {
            "needed": one.history.needed,
            "stored": one.history.stored,
            "starts": one.history.starts,
            "wrong": one.history.wrong,
        }
        for one in found
    }
    early = max(found, key=lambda one: _share(one.history))
    if early.history.starts >= _FEWEST_STARTS and _share(early.history) * 100 > tolerance:
        history = early.history
        text = (
            f"it trades on numbers that are not there yet: on {early.symbol} its first holding was wrong in {history.wrong} of "
            f"{history.starts} places to begin at, as early as bar {history.bar}; {early.needed:,} bars are needed"
        )
        hint = (
            f"say nothing (NaN or flat) in the first {early.needed:,} bars: no `min_periods=1`, no `fillna`, no `bfill`"
        )
        return CheckResult(NAME, Status.FAIL, float(early.needed), None, "bars", text, hint, details)
    stated = [one for one in found if one.strategy.warmup is not None and one.strategy.warmup < one.needed]
    if stated:
        one = max(stated, key=lambda one: one.needed)
        enough = "all there are" if one.history.needed is None else f"{one.needed:,}"
        text = f"it states a warm-up of {one.strategy.warmup} bars, its numbers on {one.symbol} need {enough}"
        hint = f"state `warmup = {one.needed}`"
        limit = float(one.strategy.warmup or 0)
        return CheckResult(NAME, Status.FAIL, float(one.needed), limit, "bars", text, hint, details)
    if worst.history.needed is None:
        text = (
            f"its numbers on {worst.symbol} need more than half of the {worst.history.stored:,} bars stored: what it says "
            "depends on where the history begins"
        )
        hint = "another beginning gives other trades: use windows, or keep the same first bar always"
        return CheckResult(NAME, Status.WARN, None, worst.history.most * 1.0, "bars", text, hint, details)
    declared = [one.strategy.warmup for one in found if one.strategy.warmup is not None]
    stored = f"{worst.history.stored:,} are stored" + (f", {max(declared):,} are stated" if declared else "")
    text = f"its numbers need {worst.needed:,} bars of history (on {worst.symbol}); {stored}"
    return CheckResult(NAME, Status.PASS, float(worst.needed), None, "bars", text, details=details)


def _measured(bench: Bench, strategy: Strategy, bars: Bars, steps: Instrument, rows: int) -> list[_Measured]:
    if len(bars) < 2:
        return []
    tick = steps.tick_units / steps.price_one
    found = [_Measured(strategy, bars.symbol, history_needed(strategy, bars, tick, rows, bench.seed), 1)]
    frames = bench.lab.request.timeframes
    for frame in scaled(frames, bars.timeframe)[1:] if frames else ():
        coarse = resample(bars, frame)
        if len(coarse) >= 2:
            history = history_needed(strategy, coarse, tick, rows, bench.seed)
            found.append(_Measured(strategy, bars.symbol, history, frame.ms // bars.timeframe.ms))
    return found


def _share(history: History) -> float:
    return history.wrong / history.starts if history.starts else 0.0
