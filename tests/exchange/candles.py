"""The candles of one market: wandered, or as a test gave them, always in step with the price of now."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from .walk import GRID, Walk

Row = tuple[int, str, str, str, str, str]
"""Open time ms, then open, high, low, close and volume as the venue writes them."""

Deal = tuple[int, Decimal, Decimal, int]
"""Time in ns, price, quantity, the venue's number."""

_SAMPLES = 3
_SPLIT = 7
"""Trades of one candle; several share a nanosecond, and no page holds a whole number of candles."""

_HISTORY_MS = 1_000 * 86_400_000


class Candles:
    """Prices over time and the candles made of them.

    Before `start_ms` the price wandered to the first middle. From then on it stands where it was set, unless it `wanders`
    or follows rows that were loaded.
    """

    def __init__(self, seed: int, start_ms: int, mid: Decimal, tick: Decimal) -> None:
        self.walk = Walk(seed)
        self.tick = tick
        self.wanders = False
        self.listed_ms = start_ms - _HISTORY_MS
        self._points: list[tuple[int, float, bool]] = [(start_ms, float(mid), False)]
        self._kept: dict[tuple[int, int], Row] = {}
        self._loaded: dict[int, list[Any]] = {}
        self._raw: dict[int, list[Any]] = {}
        self._path: list[tuple[int, float]] = []

    def set(self, now_ms: int, price: Decimal) -> None:
        """Note that the price is this from now on."""
        self._points.append((now_ms, float(price), self.wanders))
        self._path = []

    def wander(self, now_ms: int, *, on: bool) -> None:
        """Let the price wander from now on, or stand."""
        price = self.price(now_ms)
        self.wanders = on
        self._points.append((now_ms, price, on))

    def load(self, interval_ms: int, rows: Sequence[Sequence[Any]], *, raw: bool, follow: bool) -> None:
        """Serve these rows (open ms, o, h, l, c, v). raw: word for word, damaged or not. follow: the price goes along."""
        if raw:
            self._raw[interval_ms] = [list(row) for row in rows]
            return
        self._raw.pop(interval_ms, None)
        self._loaded[interval_ms] = sorted([list(row) for row in rows], key=lambda row: row[0])
        if follow:
            self._path = []
            for at, *prices, _volume in self._loaded[interval_ms]:
                first, high, low, last = (float(price) for price in prices)
                turns = (first, low, high, last) if last >= first else (first, high, low, last)
                quarter = interval_ms // 4
                self._path += [(at + quarter * n, price) for n, price in enumerate(turns)]

    def moves(self, since_ms: int, now_ms: int) -> list[Decimal]:
        """Return the prices that were passed between two times, the newest last; empty where nothing moved."""
        if self._path:
            start, end = (bisect_right(self._path, (at, float("inf"))) for at in (since_ms, now_ms))
            return [self._round(price) for _, price in self._path[start:end]]
        if not self.wanders:
            return []
        marks = range(since_ms // GRID + 1, now_ms // GRID + 1)
        return [self._round(self.price(mark * GRID)) for mark in marks[-3000:]]

    def price(self, at_ms: int) -> float:
        """Return the price at a time that has come."""
        if self._path and at_ms >= self._path[0][0]:
            return self._path[bisect_right(self._path, (at_ms, float("inf"))) - 1][1]
        index = max(0, bisect_right(self._points, (at_ms, float("inf"), True)) - 1)
        since, price, wanders = self._points[index]
        if at_ms < since or wanders:
            return price * self.walk.drift(since, at_ms)
        return price

    def rows(
        self, interval_ms: int, first_ms: int, now_ms: int, most: int, mid: Decimal, *, oldest: bool = False
    ) -> list[Row]:
        """Return up to `most` rows that open at or after a time, the newest or the `oldest`; the last is still forming."""
        base = next((step for step in sorted(self._loaded) if interval_ms % step == 0), 0)
        if interval_ms in self._raw:
            found = [_texts(row) for row in self._raw[interval_ms] if row[0] >= first_ms]
        elif base:
            found = self._from_loaded(base, interval_ms, first_ms, now_ms, mid)
        else:
            forming = now_ms // interval_ms * interval_ms
            start = -(-max(first_ms, self.listed_ms) // interval_ms) * interval_ms
            if oldest:
                forming = min(forming, start + (most - 1) * interval_ms)
            else:
                start = max(start, forming - (most - 1) * interval_ms)
            return [self._row(at, interval_ms, now_ms, mid) for at in range(start, forming + 1, interval_ms)]
        return found[:most] if oldest else found[-most:]

    def trades(self, since_ns: int, now_ms: int, most: int, mid: Decimal) -> list[Deal]:
        """Return the oldest `most` trades later than a time, of which the loaded candles are made, else those of an hour."""
        step = min(self._loaded, default=3_600_000)
        first_ms = since_ns // 1_000_000 // step * step
        rows = self.rows(step, first_ms, now_ms, -(-most // _SPLIT) + 2, mid, oldest=True)
        return [one for row in rows for one in _deals(row, step) if since_ns < one[0] <= now_ms * 1_000_000][:most]

    def _row(self, at: int, interval_ms: int, now_ms: int, mid: Decimal) -> Row:
        end = at + interval_ms
        closed = end <= now_ms
        if closed and (at, interval_ms) in self._kept:
            return self._kept[at, interval_ms]
        until = min(end, now_ms)
        times = [
            at,
            *(at + interval_ms * n // _SAMPLES for n in range(1, _SAMPLES) if at + interval_ms * n // _SAMPLES < until),
        ]
        low_point, high_point = (bisect_left(self._points, (edge, 0.0, False)) for edge in (at, until))
        times += [point[0] for point in self._points[low_point:high_point]]
        prices = [self._round(self.price(time)) for time in times]
        prices.append(self._round(self.price(end - 1)) if closed else mid)
        share = self.walk.share(at // GRID) if closed else (now_ms - at) / interval_ms
        volume = Decimal(round(share * 1e6) + 1).scaleb(-4)
        row = _texts((at, prices[0], max(prices), min(prices), prices[-1], volume))
        if closed:
            self._kept[at, interval_ms] = row
        return row

    def _from_loaded(self, base: int, interval_ms: int, first_ms: int, now_ms: int, mid: Decimal) -> list[Row]:
        groups: dict[int, list[Any]] = {}
        for row in self._loaded[base]:
            if row[0] <= now_ms:
                groups.setdefault(row[0] // interval_ms * interval_ms, []).append(row)
        found: list[Row] = []
        for at, rows in groups.items():
            if at < first_ms:
                continue
            newest = rows[-1]
            if newest[0] + base > now_ms:
                share = Decimal(now_ms - newest[0]) / base
                partly = [newest[1], mid, *(Decimal(str(p)) for t, p in self._path if newest[0] <= t <= now_ms)]
                seen = [Decimal(str(price)) for price in partly]
                rows[-1] = (newest[0], newest[1], max(seen), min(seen), mid, Decimal(str(newest[5])) * share)
            if len(rows) == 1:
                found.append(_texts((at, *rows[0][1:])))
                continue
            highs, lows, volumes = ([Decimal(str(row[n])) for row in rows] for n in (2, 3, 5))
            found.append(_texts((at, rows[0][1], max(highs), min(lows), rows[-1][4], sum(volumes))))
        return found

    def _round(self, price: float) -> Decimal:
        return max(self.tick, (Decimal(price) / self.tick).to_integral_value() * self.tick)


def _deals(row: Row, step: int) -> list[Deal]:
    """Return the trades that make this candle; none where it has no volume."""
    at, *texts = row
    first, high, low, last, volume = (Decimal(text) for text in texts)
    if not volume:
        return []
    turn = (low, high) if last >= first else (high, low)
    prices = (first, turn[0], turn[1], turn[1], last, last, last)
    quarters = (0, 1, 2, 2, 3, 3, 3)
    part = (volume / _SPLIT).quantize(Decimal("1e-8"))
    parts = [part] * (_SPLIT - 1) + [volume - part * (_SPLIT - 1)]
    start, number = at * 1_000_000, at // step * _SPLIT
    return [
        (start + quarter * step * 250_000, price, quantity, number + n)
        for n, (quarter, price, quantity) in enumerate(zip(quarters, prices, parts, strict=True))
    ]


def _texts(row: Sequence[Any]) -> Row:
    at, *rest = row
    return (at, *(format(value, "f") if isinstance(value, Decimal) else str(value) for value in rest))
