"""Where a cycle's bars come from: what is stored and what the venue has since, or stored bars by the clock of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from trader_cli.errors import DataError, TraderError
from trader_cli.market.check import calendar_of, gaps_of
from trader_cli.market.files import alone, damaged_rows, file_of, iso, load, write
from trader_cli.market.listing import Series
from trader_cli.market.noted import Noted
from trader_cli.market.store import BarStore
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.model.timeframe import Timeframe

Rows: TypeAlias = Sequence[tuple[int, float, float, float, float, float]]
"""ms UTC of the open; open, high, low, close, volume. Closed bars only, oldest first."""
Fetch: TypeAlias = Callable[[str, Timeframe, int | None], Rows]
"""(symbol, timeframe, first open wanted or None for the newest there are) -> closed bars, at most one page of them."""

_OVERLAP = 3
# Kraken gives 720 candles a request, Binance 1000: a shorter answer than this was the last page.
_PAGE_LEAST = 500


@dataclass(frozen=True)
class Note:
    """Something about a series that is no damage. kind: `holes`, `revised`, `late` or `quiet`; time_ms: open of the bar."""

    kind: str
    symbol: str
    time_ms: int
    bars: int
    text: str


class CachedFeed:
    """Stored bars and the venue's newer ones, which are stored too; the venue is asked when a bar must have closed since.

    folder: the home's `data/`. store: where a history to begin with may be, finer bars too. now_ms: the venue's time.
    What was stored is what was decided on, so it stays: a bar that the venue tells otherwise later, or only now, is noted.
    """

    def __init__(self, folder: Path, exchange: str, store: BarStore, fetch: Fetch, now_ms: Callable[[], int]) -> None:
        self.exchange = exchange
        self._folder = folder
        self._store = store
        self._fetch = fetch
        self._now_ms = now_ms
        self._held: dict[tuple[str, Timeframe], Bars] = {}
        self._asked: dict[tuple[str, Timeframe], int] = {}
        self._notes: dict[tuple[str, str, int], Note] = {}

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC."""
        return self._now_ms()

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        return self._store.digest(bars)

    def notes(self) -> list[Note]:
        """Return what was noticed of the series asked for so far: holes, revisions, bars that came late or without trades."""
        return sorted(self._notes.values(), key=lambda one: (one.symbol, one.kind, one.time_ms))

    def closed(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> Bars:
        """Return every closed bar known of a symbol from `since_ms` on, asking the venue where one must be missing.

        Raises DataError for a series that is damaged or empty, VenueError where the venue does not answer.
        """
        key = (symbol, timeframe)
        bars = self._held[key] if key in self._held else self._stored(symbol, timeframe)
        newest_ms = timeframe.floor(self._now_ms()) - timeframe.ms
        if (len(bars) == 0 or int(bars.open_ms[-1]) < newest_ms) and self._asked.get(key) != newest_ms:
            bars = self._extend(bars, since_ms, newest_ms)
            self._asked[key] = newest_ms
        if since_ms is not None and len(bars) and int(bars.open_ms[0]) >= since_ms + timeframe.ms:
            bars = self._prepend(bars, since_ms)
        self._held[key] = bars
        shown = bars.between(since_ms, newest_ms + timeframe.ms)
        if len(shown) == 0:
            raise DataError(
                f"no closed {timeframe} bar of `{symbol}` on `{self.exchange}`"
                + (f" since {iso(since_ms)}" if since_ms else ""),
                "wait for one to close, or ask from an earlier time",
            )
        self._look(shown)
        return shown

    def known(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> Bars:
        """Return the closed bars that are stored, without asking the venue; none where a file cannot be read."""
        try:
            bars = self._held.get((symbol, timeframe)) or self._stored(symbol, timeframe)
        except DataError:
            bars = self._nothing(symbol, timeframe)
        return bars.between(since_ms, timeframe.floor(self._now_ms()))

    def _nothing(self, symbol: str, timeframe: Timeframe) -> Bars:
        stamps, nothing = np.empty(0, np.int64), np.empty(0)
        return Bars(symbol, self.exchange, timeframe, stamps, nothing, nothing, nothing, nothing, nothing)

    def _stored(self, symbol: str, timeframe: Timeframe) -> Bars:
        path = self._path(symbol, timeframe)
        if path.exists():
            return load(Series(self.exchange, symbol, timeframe, path))
        try:
            # A history imported at a finer timeframe is one to begin with.
            return self._store.load(symbol, self.exchange, timeframe)
        except DataError:
            return self._nothing(symbol, timeframe)

    def _path(self, symbol: str, timeframe: Timeframe) -> Path:
        return file_of(self._folder, self.exchange, symbol, timeframe)

    def _extend(self, bars: Bars, since_ms: int | None, newest_ms: int) -> Bars:
        """Return the bars with what the venue has since, up to the bar that opened at `newest_ms`."""
        first_ms = since_ms
        if len(bars):
            # A few known bars again: they show revisions, and what the first new one is to be measured by.
            first_ms = int(bars.open_ms[-min(_OVERLAP, len(bars))])
        rows: list[tuple[int, float, float, float, float, float]] = []
        try:
            for page in self._pages(bars, first_ms, newest_ms):
                rows += page
        except TraderError:
            # What came before the fault is sound and need not be asked for again.
            self._keep(bars, rows)
            raise
        if len(bars) == 0 and since_ms is not None:
            self._noted(bars).asked_from(since_ms)
        return self._keep(bars, rows)

    def _prepend(self, bars: Bars, since_ms: int) -> Bars:
        """Return the bars with older ones that the venue has, asked for once; all of them or none, so that no hole is made."""
        noted = self._noted(bars)
        if noted.from_ms is not None and noted.from_ms <= since_ms:
            return bars
        first_ms = int(bars.open_ms[0])
        rows = [row for page in self._pages(bars, since_ms, first_ms) for row in page]
        noted.asked_from(since_ms)
        return self._keep(bars, rows)

    def _pages(self, bars: Bars, since_ms: int | None, until_ms: int) -> Iterator[Rows]:
        at_ms, last_ms = since_ms, -1
        while True:
            page = self._fetch(bars.symbol, bars.timeframe, at_ms)
            new = [row for row in page if row[0] > last_ms]
            yield new
            if not new or new[-1][0] >= until_ms or len(page) < _PAGE_LEAST:
                return
            at_ms = last_ms = new[-1][0]

    def _keep(self, bars: Bars, rows: Rows) -> Bars:
        """Store rows that are not stored yet; return all there is now. Another process may have stored meanwhile."""
        if not rows:
            return bars
        path = self._path(bars.symbol, bars.timeframe)
        with alone(path):
            if path.exists():
                bars = load(Series(self.exchange, bars.symbol, bars.timeframe, path))
            merged = self._merged(bars, rows)
            if len(merged) > len(bars) or not path.exists():
                write(merged, path)
        return merged

    def _merged(self, bars: Bars, rows: Rows) -> Bars:
        now_ms, frame = self._now_ms(), bars.timeframe
        table = np.array([row[1:] for row in rows], np.float64).reshape(-1, len(COLUMNS))
        columns: dict[str, Any] = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(COLUMNS)}
        told = replace(bars, open_ms=np.array([row[0] for row in rows], np.int64), **columns)
        told = told.between(None, now_ms - frame.ms + 1)
        wrong = damaged_rows(told)
        if wrong is not None:
            row, what = wrong
            raise DataError(
                f"`{bars.symbol}`, {iso(int(told.open_ms[row]))}: {what}", "nothing of this answer was stored"
            )
        if len(bars) == 0 or len(told) == 0:
            return told if len(bars) == 0 else bars
        first_ms, last_ms = int(bars.open_ms[0]), int(bars.open_ms[-1])
        self._compare(bars, told.between(first_ms, last_ms + 1))
        parts = (told.between(None, first_ms), bars, told.between(last_ms + 1, None))
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(one, name) for one in parts]) for name in ("open_ms", *COLUMNS)
        }
        return replace(bars, **joined)

    def _compare(self, bars: Bars, told: Bars) -> None:
        """Note where the venue tells a stored bar otherwise, or one that was not there when it mattered (D7)."""
        rows = np.searchsorted(bars.open_ms, told.open_ms)
        noted = self._noted(bars)
        for i, row in enumerate(rows):
            stamp = int(told.open_ms[i])
            if int(bars.open_ms[row]) != stamp:
                self._note(
                    noted,
                    "late",
                    bars,
                    stamp,
                    "came after later ones and is left out, as it was when they were decided on",
                )
                continue
            changed = [
                f"{name} {getattr(bars, name)[row]:g} is {getattr(told, name)[i]:g} now"
                for name in COLUMNS
                if getattr(bars, name)[row] != getattr(told, name)[i]
            ]
            if changed:
                self._note(noted, "revised", bars, stamp, f"was revised: {', '.join(changed)}; what was stored stays")

    def _note(self, noted: Noted, kind: str, bars: Bars, stamp: int, text: str) -> None:
        whole = f"`{bars.symbol}`: the {bars.timeframe} bar of {iso(stamp)} {text}"
        if noted.add(kind, stamp, whole):
            self._notes[bars.symbol, kind, stamp] = Note(kind, bars.symbol, stamp, 1, whole)

    def _noted(self, bars: Bars) -> Noted:
        return Noted(self._path(bars.symbol, bars.timeframe))

    def _look(self, bars: Bars) -> None:
        stamps, step = bars.open_ms, bars.timeframe.ms
        gaps, missing = gaps_of(stamps, step, calendar_of(stamps, step))
        if len(gaps):
            last = int(stamps[gaps[-1]])
            where = f"in {len(gaps)} holes, the last after {iso(last)}"
            text = f"`{bars.symbol}`: {missing} {bars.timeframe} bars are missing {where}"
            self._notes[bars.symbol, "holes", step] = Note("holes", bars.symbol, last, missing, text)
        if bars.volume[-1] == 0.0:
            last = int(stamps[-1])
            text = f"`{bars.symbol}`: nothing was traded in the {bars.timeframe} bar of {iso(last)}"
            self._notes[bars.symbol, "quiet", step] = Note("quiet", bars.symbol, last, 1, text)


class ReplayFeed:
    """Stored bars as they were known at a moment: of the series that a backtest reads, those closed by then.

    moment_ms: ms UTC, the clock. since_ms, until_ms: the span of the backtest, opens.
    """

    def __init__(
        self,
        store: BarStore,
        symbols: Sequence[str],
        exchange: str,
        timeframe: Timeframe | None,
        since_ms: int | None,
        until_ms: int | None,
        moment_ms: int,
    ) -> None:
        self.exchange = exchange
        self._store = store
        self._symbols = tuple(symbols)
        self._timeframe = timeframe
        self._span = (since_ms, until_ms)
        self._moment_ms = moment_ms
        self._held: dict[tuple[str, Timeframe | None], Bars] = {}

    def now_ms(self) -> int:
        """Return the close of the newest bar shown, ms UTC; the moment itself before the first one."""
        closes = [
            int(shown.open_ms[-1]) + shown.timeframe.ms for shown in map(self._shown, self._series()) if len(shown)
        ]
        return max(closes, default=self._moment_ms)

    def closed(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> Bars:
        """Return the bars closed by the moment, none where there was none yet. Raises DataError for an unknown series."""
        return self._shown(self._whole(symbol, timeframe)).between(since_ms, None)

    def known(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> Bars:
        """Return the same: nobody is asked."""
        return self.closed(symbol, timeframe, since_ms)

    @property
    def timeframe(self) -> Timeframe:
        """The length of its bars: what was asked for, else the first symbol's own."""
        return self._series()[0].timeframe

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        return self._store.digest(bars)

    def notes(self) -> list[Note]:
        """Return nothing: a replay shows what a backtest sees."""
        return []

    def at(self, moment_ms: int) -> ReplayFeed:
        """Return the same replay at another moment; what was read is not read again."""
        moved = ReplayFeed(self._store, self._symbols, self.exchange, self._timeframe, *self._span, moment_ms)
        moved._held = self._held
        return moved

    def next_close(self, after_ms: int) -> int | None:
        """Return the first close of any symbol's bar after a time, ms UTC; None where the data ends."""
        found = []
        for bars in self._series():
            row = int(np.searchsorted(bars.open_ms, after_ms - bars.timeframe.ms, side="right"))
            if row < len(bars):
                found.append(int(bars.open_ms[row]) + bars.timeframe.ms)
        return min(found, default=None)

    def _series(self) -> list[Bars]:
        return [self._whole(symbol, self._timeframe) for symbol in self._symbols]

    def _whole(self, symbol: str, timeframe: Timeframe | None) -> Bars:
        key = (symbol, timeframe)
        if key not in self._held:
            bars = self._store.load(symbol, self.exchange or None, timeframe, *self._span)
            # Asked for without a length, and later by the length it turned out to have: one reading.
            self._held[key] = self._held[symbol, bars.timeframe] = bars
        return self._held[key]

    def _shown(self, bars: Bars) -> Bars:
        return bars.between(None, self._moment_ms - bars.timeframe.ms + 1)
