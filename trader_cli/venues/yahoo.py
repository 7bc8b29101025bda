"""Bars of stocks from Yahoo's chart endpoint (v8), with the splits and dividends that come beside them.

Yahoo's prices, volumes and dividends have every split up to now worked in, and no dividend (help.yahoo.com, SLN28256: "close
price adjusted for splits"). Taken out again they are what was traded and paid, which no later split changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from trader_cli.errors import DataError, UsageError, VenueError
from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action, Page, Row, Span
from trader_cli.model.timeframe import DAY_MS, Timeframe
from trader_cli.venues.answers import MalformedError, amount, rows, signed, table
from trader_cli.venues.candles import checked
from trader_cli.venues.reply import Reply
from trader_cli.venues.sessions import half_at_most, whole
from trader_cli.venues.shares import paid, traded

_MINUTE_MS = 60_000
# Minutes of ours, and what is asked for. Hours begin at half past there: ours are made of half hours.
_SERVED = {5: "5m", 15: "15m", 30: "30m", 60: "30m", 1440: "1d"}
# How far back it gives bars within the day, less an hour for what passes meanwhile.
_INTRADAY_MS = 60 * DAY_MS - 60 * _MINUTE_MS
# A dividend may be told some weeks late; days before the span are left out again.
_LATE_MS = 30 * DAY_MS
_QUOTES = ("open", "high", "low", "close", "volume")


class YahooHistory:
    """Yahoo's bars, all of a span in one request: days since the listing, minutes of the last 60 days.

    ask: sends one request for a path and its parameters. now_ms: ms UTC. spike_times: as for a venue's candles.
    """

    name = "yahoo"

    def __init__(
        self, ask: Callable[[str, dict[str, str]], Reply], now_ms: Callable[[], int], spike_times: float
    ) -> None:
        self._ask = ask
        self._now_ms = now_ms
        self._spike_times = spike_times

    def now_ms(self) -> int:
        """Return the time, ms UTC; Yahoo states none."""
        return self._now_ms()

    def page_bars(self) -> int:
        """Return how many bars one answer holds: whatever there is."""
        return 1 << 30

    def requests(self, timeframe: Timeframe, span: Span) -> float:  # noqa: ARG002
        """Return how many requests a span takes."""
        return 1.0

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: int | None) -> tuple[Page, int | None]:
        """Return every closed bar of a span as it was traded, and the actions since it began.

        What is too old to be had is a page of its own, and the cursor where that ends: somebody else may have it.
        Raises VenueError for an answer that is none, UsageError for a symbol it does not know, DataError for damaged bars.
        """
        interval = _SERVED.get(timeframe.ms // _MINUTE_MS) if timeframe.ms % _MINUTE_MS == 0 else None
        if interval is None:
            raise DataError(
                f"`yahoo` serves no bars of {timeframe}",
                "choose one of 5m, 15m, 30m, 1h, 1d: longer ones are made of them when they are read",
            )
        base = half_at_most(timeframe)
        now_ms = self._now_ms()
        first = span[0] if timeframe.ms >= DAY_MS else max(span[0], _up(now_ms - _INTRADAY_MS, timeframe))
        if first > span[0] and cursor is None:
            end = min(first, span[1])
            return Page((), (span[0], end), proves=True), end if end < span[1] else None
        if first >= span[1]:
            return Page((), (first, first)), None
        # Up to now, whatever the span: every split since has to be known.
        asked = {
            "period1": str(max(0, first - _LATE_MS if timeframe.ms >= DAY_MS else first) // 1000),
            "period2": str(now_ms // 1000),
            "interval": interval,
            "events": "div,splits",
            "includePrePost": "false",
        }
        reply = self._ask(f"/v8/finance/chart/{symbol.replace('/', '-')}", asked)
        try:
            told, actions = _read(reply, symbol, base)
        except MalformedError as error:
            raise VenueError(
                f"`yahoo` answered with bars of `{symbol}` that are none: {error}",
                "nothing was concluded from it; the next run asks again",
                pattern="no_candles",
                resolution="retry",
            ) from None
        closed = [row for row in told if row[0] + base.ms <= now_ms and row[0] >= first]
        bars = [traded(row, actions) for row in checked(closed, symbol, base, self._spike_times)]
        # After the last bar there may be one that comes late.
        known_ms = bars[-1][0] + base.ms if bars else first
        kept = [row for row in whole(bars, timeframe) if row[0] + timeframe.ms <= min(known_ms, span[1])]
        end = max(first, timeframe.floor(min(known_ms, span[1])))
        return Page(kept, (first, end), newest=True, actions=tuple(paid(actions))), None


def _read(reply: Reply, symbol: str, timeframe: Timeframe) -> tuple[list[Row], list[Action]]:
    chart = table(table(reply.data, "the answer").get("chart"), "the chart")
    if chart.get("error") is not None:
        error = table(chart["error"], "the error")
        if error.get("code") in ("Not Found", "Bad Request") or reply.status in (404, 422):
            raise UsageError(
                f"yahoo has no bars of `{symbol}`: {str(error.get('description'))[:200]}",
                "choose others: `--symbols …`, as Yahoo spells them",
            )
        raise MalformedError(f"it says {str(error.get('code'))[:80]}")
    (one,) = _single(rows(chart.get("result"), "the result"))
    meta = table(table(one, "the series").get("meta"), "the head")
    offset_ms = int(signed(meta, "gmtoffset")) * 1000
    stamps = rows(one.get("timestamp", []), "the times")
    quotes = table(
        _single(rows(table(one.get("indicators"), "the columns").get("quote"), "the quotes"))[0], "the quote"
    )
    columns = [rows(quotes.get(name, []), f"`{name}`") for name in _QUOTES]
    if any(len(column) != len(stamps) for column in columns):
        raise MalformedError("columns of different lengths")
    found: list[Row] = []
    for i, at in enumerate(stamps):
        values = [column[i] for column in columns]
        # A day without trading is there with its time and nothing else.
        if any(value is None for value in values[:4]):
            continue
        stamp = int(amount(at, "a time")) * 1000
        opens_ms = _date(stamp, offset_ms) if timeframe.ms >= DAY_MS else stamp
        first, high, low, last, volume = (float(amount(value or 0, "a value")) for value in values)
        # Rounded to float32 on its way: the high may lie a hair under the close.
        found.append((opens_ms, first, max(first, high, low, last), min(first, high, low, last), last, volume))
    if len(found) > 1 and found[-1][0] == found[-2][0]:
        # The price of now, beside the day it is of.
        found.pop()
    if timeframe.ms < DAY_MS and found and found[-1][0] % timeframe.ms:
        found.pop()
    return found, _actions(one.get("events"), offset_ms)


def _up(time_ms: int, timeframe: Timeframe) -> int:
    """Return the first open from a time on."""
    return timeframe.floor(time_ms + timeframe.ms - 1)


def _single(found: Sequence[Any]) -> Sequence[Any]:
    if len(found) != 1:
        raise MalformedError(f"{len(found)} parts where one belongs")
    return found


def _date(stamp_ms: int, offset_ms: int) -> int:
    """Return midnight UTC of the exchange's own date."""
    return (stamp_ms + offset_ms) // DAY_MS * DAY_MS


def _actions(events: object, offset_ms: int) -> list[Action]:
    """Return splits and dividends, oldest first; dividends as they came, splits worked in."""
    if events is None:
        return []
    stated = table(events, "the events")
    found = []
    for one in table(stated.get("splits", {}), "the splits").values():
        parts = table(one, "a split")
        ratio = float(amount(parts.get("numerator"), "a split")) / float(
            amount(parts.get("denominator"), "a split") or Decimal("nan")
        )
        found.append(Action(_date(_event_ms(parts), offset_ms), SPLIT, ratio))
    for one in table(stated.get("dividends", {}), "the dividends").values():
        parts = table(one, "a dividend")
        found.append(
            Action(_date(_event_ms(parts), offset_ms), DIVIDEND, float(amount(parts.get("amount"), "a dividend")))
        )
    if not all(0.0 < one.value < 1e6 for one in found):
        raise MalformedError("a split or a dividend of no size")
    return sorted(found)


def _event_ms(parts: dict[str, Any]) -> int:
    return int(amount(parts.get("date"), "a date")) * 1000
