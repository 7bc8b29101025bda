"""Raw candles of Kraken and Binance become closed, checked rows; whatever is odd refuses its market (D1 to D5, D9)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from trader_cli.errors import DataError, VenueError
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.envelope import result_of

Row: TypeAlias = tuple[int, float, float, float, float, float]
"""ms UTC of the open; open, high, low, close in quote per base; volume in base."""

_MINUTE_MS = 60_000
# Minutes of Kraken's intervals; its weeks begin on Thursday and its 15 days on no grid of ours.
_KRAKEN = (1, 5, 15, 30, 60, 240, 1440)
_BINANCE = (1, 3, 5, 15, 30, 60, 120, 240, 360, 480, 720, 1440, 10080)
BINANCE_PAGE = 1000
# Where the columns stand in an answer. Kraken has the average price before the volume.
_COLUMNS: Mapping[str, tuple[int, ...]] = {"kraken": (1, 2, 3, 4, 6), "binance": (1, 2, 3, 4, 5)}


class Candles:
    """One venue's closed candles, one request a call.

    ask: sends the venue's candle request (OHLC, klines) with these parameters and returns the raw answer. pair: the venue's
    name of a symbol. now_ms: the venue's time. spike_times: a bar whose price is this many times the close before it, or that
    part of it, is not believed.
    """

    def __init__(
        self,
        venue: str,
        ask: Callable[[Mapping[str, Any]], object],
        pair: Callable[[str], str],
        now_ms: Callable[[], int],
        spike_times: float,
    ) -> None:
        self.venue = venue
        self._ask = ask
        self._pair = pair
        self._now_ms = now_ms
        self._spike_times = spike_times

    def __call__(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> list[Row]:
        """Return closed candles from `since_ms` on, oldest first, at most a page: 720 at Kraken, 1000 at Binance.

        since_ms: None = the newest page. Kraken gives the newest 720 at most: what is older than those is not to be had.
        Raises VenueError for an answer that is none, DataError for candles that must not be traded on.
        """
        minutes, rest = divmod(timeframe.ms, _MINUTE_MS)
        served = _KRAKEN if self.venue == "kraken" else _BINANCE
        if rest or minutes not in served:
            shown = ", ".join(str(Timeframe(one * _MINUTE_MS)) for one in served)
            raise DataError(f"`{self.venue}` serves no candles of {timeframe}", f"choose one of {shown}")
        asked_ms = self._now_ms()
        if self.venue == "kraken":
            listed = self._kraken(symbol, minutes, since_ms)
        else:
            listed = self._binance(symbol, timeframe, since_ms)
        if not isinstance(listed, list) or not listed:
            raise VenueError(
                f"`{self.venue}` answered with no list of candles for `{symbol}`: {str(listed)[:80]!r}",
                "nothing was concluded from it; the next run asks again",
                pattern="no_candles",
            )
        rows = [self._row(symbol, one) for one in listed]
        # By time, not by position: the forming bar may be missing, and an answer may be late.
        closed = [row for row in rows if row[0] + timeframe.ms <= asked_ms and (since_ms is None or row[0] >= since_ms)]
        return checked(closed, symbol, timeframe, self._spike_times)

    def _kraken(self, symbol: str, minutes: int, since_ms: int | None) -> object:
        pair = self._pair(symbol)
        asked: dict[str, Any] = {"pair": pair, "interval": minutes}
        if since_ms is not None:
            # Kraken gives what is later than `since`.
            asked["since"] = since_ms // 1000 - 1
        answer = self._ask(asked)
        result = result_of(answer)
        if not isinstance(result, dict):
            return None
        series = [one for name, one in result.items() if name != "last"]
        # It may answer under another of the pair's names, but never with two pairs.
        return series[0] if len(series) == 1 else None

    def _binance(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> object:
        asked: dict[str, Any] = {"symbol": self._pair(symbol), "interval": str(timeframe), "limit": BINANCE_PAGE}
        if since_ms is not None:
            asked["startTime"] = since_ms
        return self._ask(asked)

    def _row(self, symbol: str, one: object) -> Row:
        try:
            if not isinstance(one, list):
                raise TypeError(type(one).__name__)
            stamp = int(one[0]) * (1000 if self.venue == "kraken" else 1)
            values = [float(one[column]) for column in _COLUMNS[self.venue]]
        except (TypeError, ValueError, IndexError, OverflowError):
            raise VenueError(
                f"`{self.venue}` answered with a candle of `{symbol}` that is none: {str(one)[:80]}",
                "nothing was concluded from it; the next run asks again",
                pattern="no_candles",
            ) from None
        return (stamp, values[0], values[1], values[2], values[3], values[4])


def checked(rows: list[Row], symbol: str, timeframe: Timeframe, spike_times: float) -> list[Row]:
    """Return rows sorted and each once. Raises DataError for a contradiction, damage, a spike, or a time off the grid."""
    sound: list[Row] = []
    for row in sorted(rows, key=lambda one: one[0]):
        if (row[0] - timeframe.offset_ms) % timeframe.ms:
            _refuse(symbol, row, f"is not on the grid of {timeframe}")
        wrong = _damaged(row)
        if wrong:
            _refuse(symbol, row, f"{wrong}: {_told(row)}")
        if sound and sound[-1][0] == row[0]:
            if sound[-1] != row:
                _refuse(symbol, row, f"is there twice with different values: {_told(sound[-1])} and {_told(row)}")
            continue
        if sound:
            usual = sound[-1][4]
            if row[2] >= usual * spike_times or row[3] * spike_times <= usual:
                _refuse(
                    symbol,
                    row,
                    f"is {spike_times:g} times off the close before it, {usual:g}: {_told(row)}",
                    "if the price did move like this, import the bars: `trader data import`",
                )
        sound.append(row)
    return sound


def _damaged(row: Row) -> str:
    """Return what makes a bar impossible; empty where nothing does."""
    _, first, high, low, last, volume = row
    if not all(math.isfinite(one) for one in row[1:]):
        return "holds what is no number"
    if low <= 0 or volume < 0:
        return "has a price of zero or less, or a volume below zero"
    if high < low:
        return "has its high below its low"
    if not (low <= first <= high and low <= last <= high):
        return "opens or closes outside its high and low"
    return ""


def _told(row: Row) -> str:
    return " ".join(f"{name} {value:g}" for name, value in zip("ohlcv", row[1:], strict=True))


def _refuse(symbol: str, row: Row, what: str, *hints: str) -> None:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromtimestamp(row[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        moment = str(row[0])
    raise DataError(
        f"`{symbol}`: the candle of {moment} {what}", *hints, "this market is left alone until its candles are sound"
    )
