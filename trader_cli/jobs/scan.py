"""One scan: bars of a universe, filters with their numbers, every strategy's opinion now, ranked (R2.2, R4.6)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trader_cli.errors import DataError, UsageError
from trader_cli.jobs.plan import Request
from trader_cli.jobs.scanning.asking import ask_all, closes, one_each
from trader_cli.jobs.scanning.filters import Limits, Measures, Traded, Verdict, judge, left_out, measure
from trader_cli.jobs.scanning.signals import WANTING, Protection, SignalNow, Sureness
from trader_cli.model.bars import Bars
from trader_cli.model.scan import STATES, LeftOut
from trader_cli.model.timeframe import Timeframe

BARS = "bars"
"""The name under which a symbol is left out whose bars could not be had."""


@dataclass(frozen=True)
class Terms:
    """What a scan goes by. order: quote that a whole position costs, by the configuration. rank: what signals are ranked by.

    workers: threads, 0 = one a core. stated: the section of the settings, for the record.
    """

    limits: Limits
    protection: Protection
    sureness: Sureness
    order: float
    rank: str
    workers: int
    stated: Mapping[str, Any]


@dataclass(frozen=True)
class Gathered:
    """The bars of a universe. series: one a symbol, closed bars, at least one. problems: why others have none, by symbol.

    now_ms: by when bars had closed, None = by the newest close among them. traded: what the venue says of its markets, None =
    nobody was asked. unasked: symbols that their market's figures leave out already, so that no candle was asked
    for. notes: what else a reader should know.
    """

    series: Sequence[Bars]
    problems: Mapping[str, str]
    now_ms: int | None = None
    traded: Mapping[str, Traded] | None = None
    unasked: Sequence[LeftOut] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Looked:
    """One symbol as it was looked at."""

    bars: Bars
    measures: Measures
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Scanned:
    """What a scan found. signals: of the approved symbols, the best first, of each the best first. looked: by symbol."""

    request: Request
    terms: Terms
    looked: Mapping[str, Looked]
    signals: Mapping[str, tuple[SignalNow, ...]]
    ranks: Mapping[tuple[str, str], int]
    left_out: tuple[LeftOut, ...]
    problems: Mapping[str, str]
    now_ms: int
    seconds: float

    @property
    def timeframe(self) -> Timeframe | None:
        """The length of the bars; None where there were none."""
        return next((one.bars.timeframe for one in self.looked.values()), None)


def scan(request: Request, gathered: Gathered, terms: Terms, extra: Sequence[str] = ()) -> Scanned:
    """Return every strategy's opinion of every symbol that passes the filters.

    extra: symbols that are asked about though a filter leaves them out. Raises DataError where there are no bars at all,
    UsageError for bars of several lengths, StrategyError where no strategy could be asked.
    """
    began = time.perf_counter()
    if not gathered.series and not gathered.unasked:
        first = next(iter(gathered.problems.values()), "there is no bar of any symbol")
        raise DataError(first, "`trader data list` shows what there is, `trader data import` brings more")
    _check_lengths(gathered.series)
    now_ms = gathered.now_ms
    if now_ms is None:
        now_ms = closes(gathered.series) if gathered.series else 0
    looked: dict[str, Looked] = {}
    out = [*gathered.unasked]
    for bars in gathered.series:
        traded = None if gathered.traded is None else gathered.traded.get(bars.symbol)
        found = measure(bars, traded, now_ms, terms.order, terms.limits)
        looked[bars.symbol] = Looked(bars, found, judge(found, terms.limits))
        if (gone := left_out(bars.symbol, looked[bars.symbol].verdicts)) is not None:
            out.append(gone)
    out += [LeftOut(name, BARS, math.nan, math.nan, "", text) for name, text in gathered.problems.items()]
    gone_names = {one.symbol for one in out}
    asked = [one.bars for name, one in looked.items() if name not in gone_names or name in extra]
    request = one_each(request)
    signals: Mapping[str, tuple[SignalNow, ...]] = {}
    problems: Mapping[str, str] = {}
    if asked:
        answers = ask_all(request, asked, terms.protection, terms.sureness, terms.workers)
        signals, problems = answers.signals, answers.problems
    ordered = rank(signals, looked, terms.rank)
    ranked = [one for one in ordered if one.state in WANTING and one.symbol not in gone_names]
    ranks = {(one.symbol, one.strategy): i for i, one in enumerate(ranked, start=1)}
    by_symbol: dict[str, list[SignalNow]] = {}
    for one in ordered:
        by_symbol.setdefault(one.symbol, []).append(one)
    return Scanned(
        request,
        terms,
        looked,
        {name: tuple(found) for name, found in by_symbol.items()},
        ranks,
        tuple(sorted(out, key=lambda one: one.symbol)),
        problems,
        now_ms,
        time.perf_counter() - began,
    )


def rank(signals: Mapping[str, Sequence[SignalNow]], looked: Mapping[str, Looked], by: str) -> list[SignalNow]:
    """Return all signals, the best first: what to act on before what to look at, then by confidence or reward to risk, then
    the younger wish, then the more traded symbol.
    """

    def place(one: SignalNow) -> tuple[Any, ...]:
        reward = 0.0 if math.isnan(one.reward_risk) else one.reward_risk
        scores = (-one.score, -reward) if by == "confidence" else (-reward, -one.score)
        return (
            STATES.index(one.state),
            *scores,
            one.age,
            -looked[one.symbol].measures.volume,
            one.symbol,
            one.strategy,
        )

    return sorted((one for each in signals.values() for one in each), key=place)


def _check_lengths(series: Sequence[Bars]) -> None:
    frames = sorted({one.timeframe for one in series})
    if len(frames) > 1:
        raise UsageError(
            f"the symbols have bars of {' and '.join(str(one) for one in frames)}",
            f"choose one for all: `--timeframe {frames[-1]}`",
        )


def gather_stored(symbols: Sequence[str], load: Callable[[str], Sequence[Bars]]) -> Gathered:
    """Return the stored bars of symbols; one that has none, or whose file is damaged, is named and the rest goes on.

    load: the series of a symbol, several where it is read at several venues. Raises UsageError for what cannot be meant.
    """
    series: list[Bars] = []
    problems: dict[str, str] = {}
    for symbol in symbols:
        try:
            series += [one for one in load(symbol) if len(one)]
        except DataError as error:
            problems[symbol] = error.message
    return Gathered(series, problems)
