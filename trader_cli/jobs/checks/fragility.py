"""fragility: does the result hang on one parameter, a few trades, one symbol or where a bar begins?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from trader_cli.errors import StrategyError, TraderError
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.neighbours import neighbours
from trader_cli.jobs.lab import Outcome, Variant
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe

NAME = "fragility"
# How a bar may be divided to begin elsewhere: half of it, its quarters, its eighths.
_PARTS = (2, 4, 8)


@dataclass(frozen=True)
class Change:
    """One change and what stays of the yearly growth, in percent; -inf where the account is gone.

    decides: whether a loss is a FAIL.
    """

    kind: str
    name: str
    kept_pct: float
    return_pct: float
    decides: bool = True


def fragility(bench: Bench) -> CheckResult:
    """Change one thing at a time and see what stays of the growth a year (continuously compounded).

    Each numeric parameter `shift_pct` down and up within its bounds; the `dropped_trades` best round trips left out of the
    profit; `dropped_symbols` symbols at once left out, each in turn; bars that begin half a bar later, made of finer ones
    where there are any.

    FAIL: a loss by a moved parameter, a dropped symbol or other bars: a spike, one lucky symbol, an accident of the clock.
    WARN: a loss without the best trades, as trend following lives of few by design, or more than `fragile_pct` of the growth
    gone by any one change; what could not be tried is said.
    """
    base, limits = bench.base, bench.limits
    least = 100.0 - float(limits["fragile_pct"])
    own = _growth(base)
    if not own > 0:
        message = (
            f"it loses as it is ({base.stats['total_return_pct']:+.1f} %): there is no result that could be fragile"
        )
        return CheckResult(NAME, Status.FAIL, None, least, "%", message, "it needs another idea")
    skipped: list[str] = []
    changes = [
        *_parameters(bench, own, skipped),
        *_trades(bench, own),
        *_symbols(bench, own, skipped),
        *_bars(bench, own, skipped),
    ]
    details = {"changes": [vars(one) for one in changes], "skipped": skipped, "growth_pct": own * 100}
    note = f"; not tried: {', '.join(skipped)}" if skipped else ""
    if not changes:
        message = f"there is nothing to change: {', '.join(skipped)}"
        return CheckResult(NAME, Status.WARN, None, least, "%", message, "give it more symbols or finer bars", details)
    worst = min(changes, key=lambda one: one.kept_pct)
    lost = [one for one in changes if one.return_pct <= 0]
    deciding = [one for one in lost if one.decides]
    if deciding:
        one = min(deciding, key=lambda change: change.kept_pct)
        more = f", and {len(deciding) - 1} more changes lose too" if len(deciding) > 1 else ""
        returned = base.stats["total_return_pct"]
        message = f"with {one.name} it loses: {one.return_pct:+.1f} % instead of {returned:+.1f} %{more}{note}"
        hint = "look for a plateau: `trader optimize` shows the neighbours; more symbols and trades make it broader"
        return CheckResult(NAME, Status.FAIL, one.kept_pct, least, "%", message, hint, details)
    kept = f"{max(worst.kept_pct, 0.0):.0f} % of the yearly growth"
    if worst.kept_pct < least:
        said = f"it loses ({worst.return_pct:+.1f} %)" if lost else f"{kept} stay"
        message = f"of {len(changes)} changes the worst is {worst.name}: {said}, at least {least:g} % should{note}"
        return CheckResult(
            NAME, Status.WARN, worst.kept_pct, least, "%", message, "expect less than the backtest", details
        )
    message = f"of {len(changes)} changes the worst, {worst.name}, leaves {kept}{note}"
    return CheckResult(NAME, Status.PASS, worst.kept_pct, least, "%", message, "", details)


def _growth(outcome: Outcome) -> float:
    years = max(len(outcome.daily), 1) / outcome.periods
    return math.log(outcome.final * 1e-8 / outcome.start) / years if outcome.final > 0 else -math.inf


def _change(kind: str, name: str, outcome: Outcome, own: float) -> Change:
    return Change(kind, name, _growth(outcome) / own * 100, outcome.stats["total_return_pct"])


def _parameters(bench: Bench, own: float, skipped: list[str]) -> Iterator[Change]:
    strategy = bench.lab.strategy()
    for name, change in neighbours(strategy.declared, strategy.params, float(bench.limits["shift_pct"])):
        value = change[name]
        text = f"`{name}={value:g}`" if isinstance(value, float) else f"`{name}={value}`"
        try:
            yield _change("parameter", text, bench.lab.run(Variant(change)), own)
        except StrategyError:
            skipped.append(f"{text}, which the strategy refuses")


def _trades(bench: Bench, own: float) -> Iterator[Change]:
    base, count = bench.base, int(bench.limits["dropped_trades"])
    if count == 0 or len(base.trips) == 0:
        return
    rows = np.searchsorted(base.open_ms, base.trips.entry_ms) - 1
    before = np.where(rows >= 0, base.equity[np.maximum(rows, 0)], base.start)
    # As shares of the account they were made with: what came after them would have been made with less, too.
    gains = np.sort(base.trips.pnl * 1e-8 / before)[::-1][:count]
    left = base.final * 1e-8 / float(np.prod(1.0 + gains[gains > 0]))
    years = max(len(base.daily), 1) / base.periods
    word = "trade" if count == 1 else f"{count} trades"
    kept = math.log(left / base.start) / years / own * 100
    yield Change("trades", f"the best {word} left out", kept, (left / base.start - 1) * 100, False)


def _symbols(bench: Bench, own: float, skipped: list[str]) -> Iterator[Change]:
    symbols, count = bench.lab.symbols, int(bench.limits["dropped_symbols"])
    if count == 0:
        return
    if len(symbols) <= count:
        skipped.append("fewer symbols, as there is but one" if len(symbols) == 1 else f"{count} symbols fewer")
        return
    for first in range(len(symbols)):
        gone = {symbols[(first + i) % len(symbols)] for i in range(count)}
        kept = [one for one in symbols if one not in gone]
        yield _change("symbol", f"no {', '.join(sorted(gone))}", bench.lab.only(kept).run(), own)


def _bars(bench: Bench, own: float, skipped: list[str]) -> Iterator[Change]:
    lab = bench.lab
    found = None
    for parts in _PARTS:
        found = shifted(bench, parts)
        if found is not None:
            break
    if found is None:
        skipped.append(f"bars that begin elsewhere, as there are none finer than {lab.timeframe}")
        return
    offset, series = found
    minutes = offset // 60_000
    word = f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
    yield _change("bars", f"bars that begin {word} later", lab.on(series).run(), own)


def shifted(bench: Bench, parts: int) -> tuple[int, list[Bars]] | None:
    """Return (ms, bars that begin so much later), made of bars `parts` times finer; None where there are none of those.

    The offset is the multiple of the finer bars next to half a bar. Peers are left as they are.
    """
    lab, request = bench.lab, bench.lab.request
    length = lab.timeframe.ms // parts
    if bench.source is None or lab.timeframe.ms % parts or length % 60_000 or any(one.peers for one in lab.series):
        return None
    fine, offset, series = Timeframe(length), length * (parts // 2), []
    for one in lab.series:
        try:
            bars = bench.source.load(one.symbol, one.exchange, fine, request.since_ms, request.until_ms)
        except TraderError:
            return None
        late = resample(replace(bars, open_ms=bars.open_ms - offset), lab.timeframe)
        # The bars that were traded, none before and none after.
        late = late.between(int(one.open_ms[0]), int(one.open_ms[-1]))
        series.append(replace(late, open_ms=late.open_ms + offset))
    return offset, series
