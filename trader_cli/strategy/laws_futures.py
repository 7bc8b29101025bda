"""Other futures for the same past: where to cut a series, and what to put after the cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from trader_cli.model.bars import COLUMNS, Bars, Floats
from trader_cli.strategy.laws_fresh import own_copy

_PRICES = ("open", "high", "low", "close")
# The first bars are where warm-up goes wrong, and where what wraps around or is filled backward shows.
_EARLY = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
# The last are where a shift shows.
_LATE = (1, 2, 3, 5)
# Longer than any bar that is made of these.
_HOLE_BARS = 50


class _Future(Protocol):
    """What a poison makes of the bars from a cut on."""

    def __call__(self, bars: Bars, cut: int, rng: np.random.Generator) -> Mapping[str, Floats]: ...


def places(bars: int, cuts: int, rng: np.random.Generator) -> list[int]:
    """Return where to cut so many bars: at least `cuts` places in order, all where there are no more."""
    inner = np.arange(1, bars)
    if len(inner) <= cuts:
        return [int(place) for place in inner]
    chosen = rng.choice(inner, size=cuts, replace=False)
    few = max(2, cuts // 4)
    edges = {place for place in (*_EARLY[:few], *(bars - late for late in _LATE[: few // 2])) if 0 < place < bars}
    return sorted(edges | {int(place) for place in chosen})


def futures(bars: Bars, cut: int, rng: np.random.Generator, turn: int) -> Iterator[tuple[str, Bars]]:
    """Yield the name of a test and what the strategy is shown, each the same up to the cut.

    turn: counts the cuts, so that what is told at every third one takes turns. Of peers what closed by then is the same.
    """
    yield "prefix", own_copy(bars[:cut])
    for test in ("nan", "noise", "other"):
        yield test, poisoned(bars, cut, _POISONS[test], rng)
    seldom = ("surge", "crash", "late")[turn % 3]
    yield seldom, _late(bars, cut) if seldom == "late" else poisoned(bars, cut, _POISONS[seldom], rng)


def poisoned(bars: Bars, cut: int, future: _Future, rng: np.random.Generator) -> Bars:
    """Return the bars with another future from the cut on, those of the peers too."""
    known_ms = int(bars.open_ms[cut - 1]) + bars.timeframe.ms
    peers = tuple(_after(peer, closed(peer, known_ms), future, rng) for peer in bars.peers)
    return replace(_after(bars, cut, future, rng), peers=peers)


def _late(bars: Bars, cut: int) -> Bars:
    """Return the bars with a hole after the cut: all that follows comes a while later."""
    known_ms = int(bars.open_ms[cut - 1]) + bars.timeframe.ms
    peers = tuple(_moved_on(peer, closed(peer, known_ms)) for peer in bars.peers)
    return replace(_moved_on(bars, cut), peers=peers)


def _moved_on(bars: Bars, cut: int) -> Bars:
    later = bars.open_ms.copy()
    later[cut:] += _HOLE_BARS * bars.timeframe.ms
    return replace(bars, open_ms=later)


def one_column(bars: Bars, cut: int, name: str, rng: np.random.Generator) -> Bars:
    """Return the bars with noise in one column from the cut on and all else as it came."""
    return _after(bars, cut, lambda bars, cut, rng: {name: _noise(bars, cut, rng)[name]}, rng)


def other_peers(bars: Bars, cut: int, rng: np.random.Generator) -> Bars:
    """Return the bars as they came beside peers whose bars after the cut are noise."""
    known_ms = int(bars.open_ms[cut - 1]) + bars.timeframe.ms
    return replace(bars, peers=tuple(_after(peer, closed(peer, known_ms), _noise, rng) for peer in bars.peers))


def closed(peer: Bars, known_ms: int) -> int:
    """Return how many of the peer's bars had closed by then (ms UTC)."""
    return int(np.searchsorted(peer.open_ms + peer.timeframe.ms, known_ms, side="right"))


def _after(bars: Bars, cut: int, future: _Future, rng: np.random.Generator) -> Bars:
    rest = future(bars, cut, rng)
    columns: dict[str, Any] = {
        name: np.concatenate((getattr(bars, name)[:cut], rest[name])) for name in COLUMNS if name in rest
    }
    return replace(bars, **columns)


def _nothing(bars: Bars, cut: int, rng: np.random.Generator) -> Mapping[str, Floats]:  # noqa: ARG001 as the others
    return dict.fromkeys(COLUMNS, np.full(len(bars) - cut, np.nan))


def _noise(bars: Bars, cut: int, rng: np.random.Generator) -> Mapping[str, Floats]:
    factors = rng.lognormal(0.0, 0.5, len(bars) - cut)
    prices = {name: getattr(bars, name)[cut:] * factors for name in _PRICES}
    return prices | {"volume": rng.lognormal(3.0, 2.0, len(bars) - cut)}


def _another(bars: Bars, cut: int, rng: np.random.Generator) -> Mapping[str, Floats]:  # noqa: ARG001 as the others
    # This series told backwards at another price. Its bars are sound, only not the ones that came.
    rest = len(bars) - cut
    return {name: getattr(bars, name)[::-1][:rest] * (1.7 if name in _PRICES else 0.3) for name in COLUMNS}


def _scaled(factor: float) -> _Future:
    # What a leak waits for may be rare: a rise or a fall that no noise makes.
    def future(bars: Bars, cut: int, rng: np.random.Generator) -> Mapping[str, Floats]:  # noqa: ARG001 as the others
        return {name: getattr(bars, name)[cut:] * (factor if name in _PRICES else 1.0) for name in COLUMNS}

    return future


_POISONS: Mapping[str, _Future] = {
    "nan": _nothing,
    "noise": _noise,
    "other": _another,
    "surge": _scaled(8.0),
    "crash": _scaled(0.125),
}
