"""Law 1, no look-ahead: what a strategy says about a bar may not change with what comes after it.

Three ways to find out, at many cuts. The prefix: only the bars before the cut. The poison: all bars, but those after
the cut replaced by NaN, by noise, or by another series. Both hold for every series the strategy can see, its peers at
other venues too: of them, what closed by the time of the cut is known. Whatever was said before the cut must be the
same to the last bit; NaN equals NaN. The prefix alone would miss a strategy that looks at the length of its input or
that asks whether there is a next bar; the poison alone one that reads the future only where it looks sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.model.bars import COLUMNS, Bars, Floats
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.signals import FIELDS, Signals

CUTS = 50
_PRICES = ("open", "high", "low", "close")
# What a poison makes of the bars from a cut on.
_Future = Callable[[Bars, int, np.random.Generator], Mapping[str, Floats]]


@dataclass(frozen=True)
class Finding:
    """A row that changed with its future.

    cut: bars known. bar: the first row before the cut that changed; it looks at least `cut - bar` bars ahead.
    time: when that bar opened, ISO 8601. test: `prefix`, `nan`, `noise`, `other` or `again` (the same bars gave two
    answers). field: the column of Signals. expected: said with the true future, got: said without it, None where the
    column was absent. problem: the error, where the strategy failed instead.
    """

    test: str
    cut: int
    bar: int
    time: str
    field: str
    expected: float | None = None
    got: float | None = None
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.test} at cut {self.cut}: {self.problem}"
        if self.test == "again":
            return f"bar {self.bar} ({self.time}): `{self.field}` was {self.expected}, asked again {self.got}"
        ahead = self.cut - self.bar
        return (
            f"bar {self.bar} ({self.time}): `{self.field}` is {self.expected} with the bars from {self.cut} on and "
            f"{self.got} without them ({self.test}): it looks {ahead} or more bars ahead"
        )


def check_lookahead(strategy: Strategy, bars: Bars, cuts: int = CUTS, seed: int = 0) -> list[Finding]:
    """Return where the strategy's signals depend on the future, the first row of each test, in order of time.

    cuts: how many places to cut, chosen by `seed`, the earliest and the last always among them; all places where the
    series is shorter. Each run gets an instance of its own. An empty list means that nothing was found, not that
    nothing is there. Raises StrategyError where the strategy fails on the bars as they are.
    """
    cls, params = type(strategy), dict(strategy.params)
    # Peers are cut to the span of the bars, as they are in every prefix.
    bars = bars[:]
    whole = compute(cls(**params), bars)
    findings = list(_differences("again", len(bars), bars, whole, compute(cls(**params), bars)))
    rng = np.random.default_rng(seed)
    for cut in _places(len(bars), cuts, rng):
        for test, seen in _futures(bars, cut, rng):
            try:
                said = compute(cls(**params), seen)
            except StrategyError as error:
                # Bars that are only longer or shorter, or unlike, in the future must not stop it either.
                findings.append(Finding(test, cut, cut, _time(bars, cut), "", problem=error.message))
                continue
            findings.extend(_differences(test, cut, bars, whole, said))
    return sorted(findings, key=lambda finding: (finding.bar, finding.cut))


def _places(bars: int, cuts: int, rng: np.random.Generator) -> list[int]:
    inner = np.arange(1, bars)
    if len(inner) <= cuts:
        return [int(place) for place in inner]
    chosen = rng.choice(inner, size=cuts, replace=False)
    # The first bars are where warm-up goes wrong, the last where a shift of one shows.
    return sorted({1, 2, bars - 1, *(int(place) for place in chosen)})


def _futures(bars: Bars, cut: int, rng: np.random.Generator) -> Iterator[tuple[str, Bars]]:
    yield "prefix", bars[:cut]
    known_ms = int(bars.open_ms[cut - 1]) + bars.timeframe.ms
    for test, future in _POISONS.items():
        peers = tuple(_poisoned(peer, _closed(peer, known_ms), future, rng) for peer in bars.peers)
        yield test, replace(_poisoned(bars, cut, future, rng), peers=peers)


def _closed(peer: Bars, known_ms: int) -> int:
    return int(np.searchsorted(peer.open_ms + peer.timeframe.ms, known_ms, side="right"))


def _nothing(bars: Bars, cut: int, _: np.random.Generator) -> Mapping[str, Floats]:
    return dict.fromkeys(COLUMNS, np.full(len(bars) - cut, np.nan))


def _noise(bars: Bars, cut: int, rng: np.random.Generator) -> Mapping[str, Floats]:
    factors = rng.lognormal(0.0, 0.5, len(bars) - cut)
    prices = {name: getattr(bars, name)[cut:] * factors for name in _PRICES}
    return prices | {"volume": rng.lognormal(3.0, 2.0, len(bars) - cut)}


def _another(bars: Bars, cut: int, _: np.random.Generator) -> Mapping[str, Floats]:
    # This series told backwards at another price. Its bars are sound, only not the ones that came.
    rest = len(bars) - cut
    return {name: getattr(bars, name)[::-1][:rest] * (1.7 if name in _PRICES else 0.3) for name in COLUMNS}


_POISONS: Mapping[str, _Future] = {"nan": _nothing, "noise": _noise, "other": _another}


def _poisoned(bars: Bars, cut: int, future: _Future, rng: np.random.Generator) -> Bars:
    rest = future(bars, cut, rng)
    columns: dict[str, Any] = {name: np.concatenate((getattr(bars, name)[:cut], rest[name])) for name in COLUMNS}
    return replace(bars, **columns)


def _differences(test: str, cut: int, bars: Bars, whole: Signals, said: Signals) -> Iterator[Finding]:
    for field in FIELDS:
        expected, got = getattr(whole, field), getattr(said, field)
        if expected is None and got is None:
            continue
        if expected is None or got is None:
            yield Finding(test, cut, cut, _time(bars, cut), field, problem=f"`{field}` is only sometimes there")
            continue
        before, after = expected[:cut], got[:cut]
        differ = ~((before == after) | (np.isnan(before) & np.isnan(after)))
        if differ.any():
            row = int(differ.argmax())
            yield Finding(test, cut, row, _time(bars, row), field, float(before[row]), float(after[row]))


def _time(bars: Bars, row: int) -> str:
    stamp = int(bars.open_ms[min(row, len(bars) - 1)])
    return datetime.fromtimestamp(stamp / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
