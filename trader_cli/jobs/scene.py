"""What the engine is shown of a market: bars, wishes, rules and steps as arrays; made alike for a replay and a cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trader_cli.engine.panel import build_market, build_rules, build_steps, check_range
from trader_cli.engine.state import Market
from trader_cli.errors import UsageError
from trader_cli.jobs.plan import Request
from trader_cli.jobs.ports import BarSource, SwingCache
from trader_cli.jobs.wishes import Wishes, ask, find_levels, measure, unasked
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.instrument import Instrument
from trader_cli.model.timeframe import Timeframe
from trader_cli.money import ONE
from trader_cli.risk.rules import Rules


@dataclass(frozen=True, eq=False)
class Stage:
    """Bars that were read and what trades on them, before anybody was asked. series: one a symbol, in the book's order."""

    series: list[Bars]
    legs: dict[int, int]
    instruments: list[Instrument]
    timeframe: Timeframe
    rules: Rules


@dataclass(frozen=True, eq=False)
class Scene:
    """What the engine reads, and the wishes and bars behind it. purses: cash of each wallet, 1e-8 quote."""

    series: list[Bars]
    open_ms: Ints
    market: Market
    rules: Rules
    steps: Ints
    instruments: list[Instrument]
    timeframe: Timeframe
    purses: tuple[int, ...]
    wishes: Wishes
    notes: list[str]

    @property
    def numbers(self) -> Ints:
        """The rules as the kernels read them."""
        return np.array(self.rules, np.int64)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The book's symbols, in its order."""
        return tuple(one.symbol for one in self.instruments)


def set_stage(request: Request, source: BarSource, instrument: Callable[[str, str], Instrument]) -> Stage:
    """Return the bars and rules of a request. Raises DataError or UsageError for what cannot be traded."""
    # Whatever the rules cannot be made of is said before any bar is read, and with it the length of a bar.
    rules = build_rules(request.settings, bar_ms=1)
    series, legs = load(request, source)
    instruments = [_steps(one, instrument) for one in series]
    timeframe = _common(series)
    for one, steps in zip(series, instruments, strict=True):
        if len(one):
            check_range(one, steps)
    return Stage(series, legs, instruments, timeframe, rules._replace(bar_ms=timeframe.ms))


def set_scene(
    request: Request, stage: Stage, digests: dict[str, str], cache: SwingCache | None, *, asked: bool = True
) -> Scene:
    """Ask the strategies and lay everything out for the engine. Raises StrategyError.

    digests: of each symbol's bars, for `cache`, where swings are kept; None = they are found anew. asked: False where the
    newest bar is neither filled nor decided on, so that no wish is read.
    """
    if asked:
        wishes = ask(request, stage.series, find_levels(request, stage.series, digests, cache))
    else:
        wishes = unasked(request, stage.series)
    notes = _notes(stage.instruments, request, stage.series, wishes)
    measured = measure(request, stage.series, stage.rules) if asked else []
    open_ms, market = build_market(stage.series, wishes.signals, stage.rules, measured)
    purses = purses_of(request)
    steps = steps_of(request, stage)
    return Scene(
        stage.series, open_ms, market, stage.rules, steps, stage.instruments, stage.timeframe, purses, wishes, notes
    )


def purses_of(request: Request) -> tuple[int, ...]:
    """Return the cash of each wallet, 1e-8 quote."""
    return tuple(request.cash * one.share // ONE for one in request.wallets)


def steps_of(request: Request, stage: Stage) -> Ints:
    """Return the steps of the book's rows."""
    linked = [stage.legs if any(one.instance.linked for one in wallet.strategies) else {} for wallet in request.wallets]
    return build_steps(stage.instruments, len(request.wallets), linked)


def load(request: Request, source: BarSource) -> tuple[list[Bars], dict[int, int]]:
    """Return the series in the order of the book's symbols, and for each index that of the same symbol's other venue.

    With several exchanges a symbol is named `BTC/USD@kraken`, and each series has the others as its peers.
    """
    if len(request.exchanges) < 2:
        exchange = request.exchanges[0] if request.exchanges else None
        names = sorted(request.symbols)
        return [source.load(one, exchange, request.timeframe, request.since_ms, request.until_ms) for one in names], {}
    found: list[Bars] = []
    legs: dict[int, int] = {}
    for symbol in sorted(request.symbols):
        own = [
            replace(
                source.load(symbol, venue, request.timeframe, request.since_ms, request.until_ms),
                symbol=f"{symbol}@{venue}",
            )
            for venue in sorted(request.exchanges)
        ]
        first = len(found)
        for i, bars in enumerate(own):
            found.append(replace(bars, peers=tuple(own[:i] + own[i + 1 :])))
        if len(own) == 2:
            legs |= {first: first + 1, first + 1: first}
    return found, legs


def _steps(bars: Bars, instrument: Callable[[str, str], Instrument]) -> Instrument:
    """Return the steps of a series; at a named venue they are those of its symbol there."""
    plain, at, _ = bars.symbol.partition("@")
    found = instrument(plain, bars.exchange)
    return replace(found, symbol=bars.symbol) if at else found


def _common(series: Sequence[Bars]) -> Timeframe:
    frames = sorted({one.timeframe for one in series})
    if len(frames) > 1:
        raise UsageError(
            f"the symbols have bars of {' and '.join(str(one) for one in frames)}",
            f"choose one for all: `--timeframe {frames[-1]}`",
        )
    return frames[0]


def _notes(instruments: Sequence[Instrument], request: Request, series: Sequence[Bars], wishes: Wishes) -> list[str]:
    notes = []
    bare = [one.symbol for one in instruments if not one.described]
    if bare:
        shown = ", ".join(bare[:3]) + (f" and {len(bare) - 3} more" if len(bare) > 3 else "")
        notes.append(f"nobody described {shown}: traded in steps of 1e-8 with no minimum")
    quotes = sorted({one.quote for one in instruments})
    if len(quotes) > 1:
        raise UsageError(
            f"the symbols are quoted in {' and '.join(quotes)}",
            "one run counts in one currency: choose symbols of one quote",
        )
    if quotes != [request.quote]:
        notes.append(
            f"the account is kept in {quotes[0]}, the quote of its symbols; {request.quote} is read as {quotes[0]}"
        )
    if wishes.timeframes and wishes.timeframes != request.timeframes:
        stated, read = (", ".join(str(one) for one in frames) for frames in (request.timeframes, wishes.timeframes))
        notes.append(f"the bars are of {series[0].timeframe}: {read} are read together for {stated}")
    alone = [one.name for wallet in request.wallets for one in wallet.strategies if one.instance.linked]
    if alone and not any(one.peers for one in series):
        venues = "name two of them: `--exchange A,B`"
        notes.append(f"{alone[0]} compares two venues and was given one: it trades nothing; {venues}")
    return notes
