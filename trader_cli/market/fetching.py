"""The shelf of one fetched series: which bars are stored, which its providers do not have, and new ones put beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trader_cli.errors import DataError
from trader_cli.jobs.fetch import Page, Put, Revision, Span, Wanted
from trader_cli.market.check import calendar_of, gaps_of
from trader_cli.market.fetching_origins import Origins, united
from trader_cli.market.files import alone, damaged_rows, file_of, iso, load, write
from trader_cli.market.listing import Series
from trader_cli.model.bars import COLUMNS, Bars, Ints
from trader_cli.model.timeframe import Timeframe

# Known bars that are asked for again before new ones: they show revisions.
_OVERLAP = 3
# Volumes added up in another order: no revision.
_TOLERANCE = 1e-9


Marks: TypeAlias = npt.NDArray[np.bool_]
"""One for each open of a span, first to last."""


class StoredShelf:
    """One series under `folder`, `EXCHANGE/BASE-QUOTE-TIMEFRAME.parquet`; other processes may write it too.

    path: where it lies instead. tolerance: relative difference up to which a bar is the one that is stored.
    """

    def __init__(self, folder: Path, wanted: Wanted, path: Path | None = None, tolerance: float = _TOLERANCE) -> None:
        self.path = path or file_of(folder, wanted.exchange, wanted.symbol, wanted.timeframe)
        self._tolerance = tolerance
        self._wanted = wanted
        self._frame = wanted.timeframe
        self._origins = Origins(self.path)
        self._stamps: Ints | None = None

    def count(self) -> int:
        """Return how many bars are stored."""
        return len(self._known())

    def ends(self) -> Span | None:
        """Return the opens of the first and the last stored bar, ms UTC; None where there is none."""
        stamps = self._known()
        return (int(stamps[0]), int(stamps[-1])) if len(stamps) else None

    def unknown(self, provider: str, span: Span, page_bars: int, lacking_at: str | None = None) -> list[Span]:
        """Return the parts of a span of opens to ask this provider for, oldest first, a few known bars in front of each.

        What lies nearer together than one answer holds is one part. The series' own venue is also asked for the bars that
        another one stands in with. lacking_at: only bars that this other provider is known not to have.
        """
        open_ = self._lacking(span)
        if provider == self._wanted.exchange:
            open_ |= self._mask(span, united(one for spans in self._origins.stand_ins().values() for one in spans))
        if lacking_at is not None:
            open_ &= self._mask(span, self._origins.absent(lacking_at))
        open_ &= ~self._mask(span, self._origins.absent(provider))
        parts = _joined(self._runs(span, open_), page_bars * self._frame.ms)
        return [(self._overlapped(first), last) for first, last in parts]

    def missing(self, span: Span) -> list[Span]:
        """Return the runs of a span that no stored bar fills, oldest first; nothing where no bar is stored.

        Of a series with exchange hours only those between two bars that are no night, weekend or holiday.
        """
        stamps = self._known()
        calendar = calendar_of(stamps, self._frame.ms)
        if calendar == "24/7":
            return self._holes(span)
        where, _ = gaps_of(stamps, self._frame.ms, calendar)
        gaps = [(int(stamps[i]) + self._frame.ms, int(stamps[i + 1])) for i in where]
        return [gap for gap in gaps if span[0] <= gap[0] and gap[1] <= span[1]]

    def _holes(self, span: Span) -> list[Span]:
        return self._runs(span, self._lacking(span)) if len(self._known()) else []

    def put(self, provider: str, pages: Sequence[Page], *, asked_again: bool, replacing: bool) -> Put:
        """Store what is new in these pages, or nothing of them.

        Raises DataError for bars that cannot be traded on. replacing: a bar that is told otherwise now takes the stored one's
        place. asked_again: what is missing from these pages is believed to be missing.
        """
        told = self._told(pages)
        if len(told) == 0 and all(page.span[0] >= page.span[1] for page in pages):
            return Put(0)
        with alone(self.path):
            stored = self._load()
            own = provider == self._wanted.exchange
            held = united(one for spans in self._origins.stand_ins().values() for one in spans) if own else []
            bars, put, new = _merged(
                stored, told, replaced=_inside(told.open_ms, held) | np.bool_(replacing), tolerance=self._tolerance
            )
            if put.added or any(one.replaced for one in put.revisions):
                write(bars, self.path)
            self._stamps = bars.open_ms
            if own:
                self._origins.own(self._each(told.open_ms) if held else ())
            else:
                self._origins.add_stand_ins(provider, self._each(new))
            proved = [page.span for page in pages if asked_again or page.proves]
            # Told apart here once, so that an answered gap is not asked for by every fetch.
            gaps = [gap for span in proved for gap in self._holes(span)]
            self._origins.add_absent(provider, gaps)
        return put

    def forget(self) -> None:
        """Forget which bars are known to be missing."""
        self._origins.forget_absent()

    def _known(self) -> Ints:
        if self._stamps is None:
            self._stamps = self._load().open_ms
        return self._stamps

    def _load(self) -> Bars:
        one = self._wanted
        if self.path.exists():
            return load(Series(one.exchange, one.symbol, one.timeframe, self.path))
        nothing = np.empty(0)
        return Bars(
            one.symbol, one.exchange, one.timeframe, np.empty(0, np.int64), nothing, nothing, nothing, nothing, nothing
        )

    def _lacking(self, span: Span) -> Marks:
        """Tell of each open of a span whether no bar is stored for it."""
        stamps = self._known()
        found = stamps[np.searchsorted(stamps, span[0]) : np.searchsorted(stamps, span[1])]
        open_ = np.ones(max(0, span[1] - span[0]) // self._frame.ms, np.bool_)
        offsets = found - span[0]
        # A stored bar off the grid is `data check`'s to name.
        open_[offsets[offsets % self._frame.ms == 0] // self._frame.ms] = False
        return open_

    def _mask(self, span: Span, marked: Sequence[Span]) -> Marks:
        """Tell of each open of a span whether one of these spans holds it."""
        held = np.zeros(max(0, span[1] - span[0]) // self._frame.ms, np.bool_)
        for first, end in marked:
            held[max(0, first - span[0]) // self._frame.ms : max(0, end - span[0]) // self._frame.ms] = True
        return held

    def _runs(self, span: Span, marked: Marks) -> list[Span]:
        """Return the spans of the marked opens."""
        edges = np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8))
        firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        step = self._frame.ms
        return [(span[0] + int(a) * step, span[0] + int(b) * step) for a, b in zip(firsts, ends, strict=True)]

    def _each(self, stamps: Ints) -> list[Span]:
        return united((int(stamp), int(stamp) + self._frame.ms) for stamp in stamps)

    def _overlapped(self, first_ms: int) -> int:
        stamps = self._known()
        row = int(np.searchsorted(stamps, first_ms))
        back = stamps[max(0, row - _OVERLAP) : row]
        near = back[back >= first_ms - _OVERLAP * self._frame.ms]
        return int(near[0]) if len(near) else first_ms

    def _told(self, pages: Sequence[Page]) -> Bars:
        rows = sorted({row[0]: row for page in pages for row in page.rows}.values())
        table = np.array([row[1:] for row in rows], np.float64).reshape(-1, len(COLUMNS))
        one = self._wanted
        columns: dict[str, Any] = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(COLUMNS)}
        told = Bars(one.symbol, one.exchange, one.timeframe, np.array([row[0] for row in rows], np.int64), **columns)
        wrong = damaged_rows(told)
        if wrong is not None:
            row, what = wrong
            raise DataError(
                f"`{one.symbol}`, {iso(int(told.open_ms[row]))}: {what}", "nothing of this answer was stored"
            )
        return told


def _merged(stored: Bars, told: Bars, *, replaced: Marks, tolerance: float) -> tuple[Bars, Put, Ints]:
    """Return stored bars with told ones among them, what that changed, and the opens that are new.

    replaced: of each told bar whether it takes a stored one's place.
    """
    rows = np.searchsorted(stored.open_ms, told.open_ms)
    there = rows < len(stored)
    there[there] = stored.open_ms[rows[there]] == told.open_ms[there]
    before = np.column_stack([getattr(stored, name)[rows[there]] for name in COLUMNS])
    now = np.column_stack([getattr(told, name)[there] for name in COLUMNS])
    changed = (np.abs(before - now) > tolerance * np.abs(before)).any(axis=1)
    taken = changed & replaced[there]
    revisions = tuple(
        Revision(int(time), tuple(map(float, old)), tuple(map(float, new)), bool(takes))
        for time, old, new, takes in zip(
            told.open_ms[there][changed], before[changed], now[changed], taken[changed], strict=True
        )
    )
    fresh = told.open_ms[~there]
    order = np.argsort(np.concatenate([stored.open_ms, fresh]), kind="stable")
    columns: dict[str, Any] = {"open_ms": np.concatenate([stored.open_ms, fresh])[order]}
    for name in COLUMNS:
        own = getattr(stored, name)
        if taken.any():
            own = own.copy()
            own[rows[there][taken]] = getattr(told, name)[there][taken]
        columns[name] = np.concatenate([own, getattr(told, name)[~there]])[order]
    return replace(stored, **columns), Put(len(fresh), revisions), fresh


def _joined(spans: Sequence[Span], near_ms: int) -> list[Span]:
    """Return spans of which no two fit into one answer."""
    found: list[Span] = []
    for first, end in spans:
        if found and end - found[-1][0] <= near_ms:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return found


def _inside(grid: Ints, spans: Sequence[Span]) -> npt.NDArray[np.bool_]:
    """Tell of each open whether a span holds it. Spans are sorted and apart."""
    if not spans:
        return np.zeros(len(grid), np.bool_)
    firsts, ends = np.array(spans, np.int64).T
    row = np.searchsorted(firsts, grid, side="right") - 1
    held: npt.NDArray[np.bool_] = (row >= 0) & (grid < ends[np.maximum(row, 0)])
    return held


def frame_text(timeframe: Timeframe, spans: Sequence[Span]) -> list[str]:
    """Return each gap as a reader knows it: `2024-01-01T03:00:00Z (1 bar)` or `from … to …, 12 bars`."""
    found = []
    for first, end in spans:
        bars = (end - first) // timeframe.ms
        text = f"{iso(first)} (1 bar)" if bars == 1 else f"{iso(first)} to {iso(end - timeframe.ms)} ({bars:,} bars)"
        found.append(text)
    return found
