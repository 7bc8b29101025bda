"""Providers of bars as they proved themselves: what they may still be asked today, and a score that forgets (R2.7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trader_cli.errors import TraderError, UsageError, VenueError
from trader_cli.jobs.fetch import Page, Provider, Span
from trader_cli.market.files import alone, iso, replacing
from trader_cli.model.timeframe import DAY_MS, Timeframe

_TEXT_MOST = 200


@dataclass(frozen=True)
class Record:
    """What is remembered of one provider. Sums fade: half of each is forgotten in every half-life.

    at_ms: when they were as they stand here. good, bad: requests that were answered, and not. seconds: of the answers.
    behind: bars that the newest answers lacked; asked_newest: how many those were. day: UTC day of `used`, requests made.
    """

    at_ms: int = 0
    good: float = 0.0
    bad: float = 0.0
    seconds: float = 0.0
    behind: float = 0.0
    asked_newest: float = 0.0
    day: int = 0
    used: int = 0
    error: str = ""
    error_ms: int = 0


@dataclass(frozen=True)
class Standing:
    """A provider as it stands now. score: 0 to 1; quota: requests a day, 0 = no limit; seconds: of an answer, NaN = unknown."""

    name: str
    score: float
    success_pct: float
    seconds: float
    behind_bars: float
    used: int
    quota: int
    asked: str
    error: str


class Scores:
    """The records of all providers, one file that every process of this user shares. A damaged file is begun anew.

    half_life_ms: after which half of what was is forgotten. slow_s: an answer that takes this long halves the score.
    quotas: requests a UTC day by provider; 0 or absent = no limit.
    """

    def __init__(
        self, path: Path, half_life_ms: int, slow_s: float, quotas: Mapping[str, int], now_ms: Callable[[], int]
    ) -> None:
        self.path = path
        self._half_life_ms = half_life_ms
        self._slow_s = slow_s
        self._quotas = quotas
        self._now_ms = now_ms

    def spend(self, name: str) -> None:
        """Count a request that is about to leave. Raises VenueError, and counts nothing, where the day's quota is used up."""
        with alone(self.path):
            records = self._read()
            now_ms = self._now_ms()
            one = records.get(name, Record(now_ms))
            used = one.used if one.day == now_ms // DAY_MS else 0
            quota = self._quotas.get(name, 0)
            if quota and used >= quota:
                raise VenueError(
                    f"`{name}` may be asked {quota:,} times a day, and was",
                    f"the count begins anew at midnight UTC; `fetch.{name}_quota` states it",
                    pattern="quota",
                    retry_ms=(now_ms // DAY_MS + 1) * DAY_MS,
                )
            records[name] = _with(one, day=now_ms // DAY_MS, used=used + 1)
            self._write(records)

    def record(self, name: str, seconds: float, behind_bars: int | None = None, error: str = "") -> None:
        """Remember how a request went. behind_bars: bars its newest answer lacked, None where that was not the question."""
        with alone(self.path):
            records = self._read()
            one = self._faded(records.get(name, Record(self._now_ms())))
            if error:
                one = _with(one, bad=one.bad + 1, error=error[:_TEXT_MOST], error_ms=one.at_ms)
            else:
                one = _with(one, good=one.good + 1, seconds=one.seconds + seconds)
            if behind_bars is not None:
                one = _with(one, behind=one.behind + behind_bars, asked_newest=one.asked_newest + 1)
            records[name] = one
            self._write(records)

    def standing(self, name: str) -> Standing:
        """Return how a provider stands now.

        The score is the share of answered requests, one kept back for the unknown, times slow / (slow + seconds of an
        answer), divided by 1 + the bars its newest answers lacked. One that was never asked has 1.
        """
        stored = self._read().get(name, Record())
        one = self._faded(stored)
        share = (one.good + 1.0) / (one.good + one.bad + 1.0)
        seconds = one.seconds / one.good if one.good else float("nan")
        behind = one.behind / one.asked_newest if one.asked_newest else 0.0
        speed = self._slow_s / (self._slow_s + seconds) if one.good else 1.0
        return Standing(
            name,
            share * speed / (1.0 + behind),
            100.0 * (one.good / (one.good + one.bad)) if one.good + one.bad else float("nan"),
            seconds,
            behind,
            one.used if one.day == self._now_ms() // DAY_MS else 0,
            self._quotas.get(name, 0),
            iso(stored.at_ms) if stored.at_ms else "",
            f"{iso(one.error_ms)}: {one.error}" if one.error else "",
        )

    def ranked(self, names: Sequence[str]) -> list[str]:
        """Return providers by their score, best first, those whose quota is used up last; equal ones as they came."""

        def worth(name: str) -> tuple[bool, float]:
            one = self.standing(name)
            return (bool(one.quota) and one.used >= one.quota, -one.score)

        return sorted(names, key=worth)

    def _faded(self, one: Record) -> Record:
        now_ms = self._now_ms()
        left = 0.5 ** (max(0, now_ms - one.at_ms) / self._half_life_ms)
        sums = {name: getattr(one, name) * left for name in ("good", "bad", "seconds", "behind", "asked_newest")}
        return _with(one, at_ms=now_ms, **sums)

    def _read(self) -> dict[str, Record]:
        try:
            stored = json.loads(self.path.read_text("utf-8"))
            return {str(name): _record(one) for name, one in stored.items()}
        except (OSError, ValueError, RecursionError, TypeError, AttributeError, KeyError):
            return {}

    def _write(self, records: Mapping[str, Record]) -> None:
        with replacing(self.path, lasting=False) as temporary:
            temporary.write_text(json.dumps({name: asdict(one) for name, one in records.items()}, indent=1), "utf-8")


class Around:
    """A provider that answers otherwise than another one it is put around, and is that one in everything else."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """What it is called."""
        return self._inner.name

    def now_ms(self) -> int:
        """Return its time, ms UTC."""
        return self._inner.now_ms()

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        """Return about how many requests a span takes."""
        return self._inner.requests(timeframe, span)

    def page_bars(self) -> int:
        """Return how many bars one answer holds."""
        return self._inner.page_bars()


class Watched(Around):
    """A provider whose every request is counted against its quota and goes into its score.

    answering_s: seconds that only rise, without those spent waiting for a request's turn. rename: our symbol as it is asked
    for here, e.g. in another quote currency.
    """

    def __init__(
        self,
        inner: Provider,
        scores: Scores,
        answering_s: Callable[[], float],
        rename: Callable[[str], str] = lambda symbol: symbol,
    ) -> None:
        super().__init__(inner)
        self._scores = scores
        self._answering_s = answering_s
        self._rename = rename

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: Any) -> tuple[Page, Any]:
        """Return a page of the provider, counted and timed. Raises VenueError also where the quota is used up."""
        self._scores.spend(self.name)
        began = self._answering_s()
        try:
            page, after = self._inner.page(self._rename(symbol), timeframe, span, cursor)
        except UsageError:
            # A symbol it does not have says nothing about the provider.
            raise
        except TraderError as error:
            self._scores.record(self.name, self._answering_s() - began, error=error.message)
            raise
        behind = None
        if page.newest:
            last_ms = page.rows[-1][0] + timeframe.ms if page.rows else span[0]
            behind = max(0, (span[1] - last_ms) // timeframe.ms)
        self._scores.record(self.name, self._answering_s() - began, behind)
        return page, after


def _record(stored: Mapping[str, Any]) -> Record:
    made = {name: type(usual)(stored[name]) for name, usual in asdict(Record()).items()}
    if any(isinstance(value, float) and not 0.0 <= value < 1e300 for value in made.values()):
        raise ValueError("a sum that is none")
    return Record(**made)


def _with(one: Record, **changes: Any) -> Record:
    return Record(**{**asdict(one), **changes})
