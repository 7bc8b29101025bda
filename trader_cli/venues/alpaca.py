"""Bars of stocks from Alpaca's market data (API v2), as they were traded, with the splits and dividends that it tells apart.

Bars within the day are those of regular trading, as Yahoo's are; Alpaca's own hours begin on the hour and hold half an hour
before the opening, so that ours are made of its half hours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from trader_cli.errors import DataError, UsageError, VenueError
from trader_cli.jobs.fetch import Action, Page, Row, Span
from trader_cli.model.timeframe import DAY_MS, Timeframe
from trader_cli.venues import alpaca_actions
from trader_cli.venues.alpaca_bars import listed, token_of, told
from trader_cli.venues.alpaca_post import message_of
from trader_cli.venues.answers import MalformedError
from trader_cli.venues.candles import checked
from trader_cli.venues.reply import Reply
from trader_cli.venues.sessions import half_at_most, is_idle, is_open, today, whole
from trader_cli.venues.shares import in_todays

_PATH = "/v2/stocks/bars"
_MINUTE_MS = 60_000
# Minutes of ours, and what is asked for.
_SERVED = {1: "1Min", 5: "5Min", 15: "15Min", 30: "30Min", 60: "30Min", 1440: "1Day"}
_PAGE = 10_000
# Of its bars: before and after hours are there too, nights and weekends are not.
_SHARE = 0.5
# A bar is made anew half a minute after it is over (alpaca.markets, "Stock Minute Bars").
_LATE_TRADES_MS = _MINUTE_MS
# `Date` has whole seconds, and an answer is on its way for a while.
_AHEAD_MS = 5_000
# An action may be told some weeks late (docs.alpaca.markets: "no guarantees on the creation time").
_TOLD_LATE = timedelta(days=30)
# A living stock has bars in any such time: an answer without one is about a symbol that is none, and what is older than this
# and missing after the last bar is not only late.
_LIVING_MS = 7 * DAY_MS
_EVER = "1990-01-01T00:00:00Z"


@dataclass(frozen=True)
class Place:
    """Where in a span its next request is.

    part: `actions`, `bars`, or `ever`: has the symbol any bar at all? asked: parameters but for the token. limit_ms: what
    is over by then is asked for. told: actions read so far. at_ms: everything before is answered. last_ms: open of the
    last bar told. held: bars of one that is not whole yet. before: the last of all, in today's shares.
    """

    part: str
    asked: Mapping[str, str]
    limit_ms: int
    at_ms: int
    token: str = ""
    told: tuple[alpaca_actions.Told, ...] = ()
    actions: tuple[Action, ...] = ()
    last_ms: int = -1
    held: tuple[Row, ...] = ()
    before: tuple[Row, ...] = ()


class AlpacaHistory:
    """Alpaca's bars, 10,000 a request, after one for the stock's actions.

    ask: sends one request for a path and its parameters. now_ms: ms UTC. spike_times: as for a venue's candles. feed: `sip`
    for all exchanges, `iex` for one. delay_ms: how long a bar is over before it is asked for.
    """

    name = "alpaca"

    def __init__(
        self,
        ask: Callable[[str, Mapping[str, str]], Reply],
        now_ms: Callable[[], int],
        spike_times: float,
        feed: str,
        delay_ms: int,
    ) -> None:
        self._ask = ask
        self._now_ms = now_ms
        self._spike_times = spike_times
        self._feed = feed
        self._delay_ms = max(delay_ms, _LATE_TRADES_MS)
        self._ahead_ms = 0
        self._known: set[str] = set()
        self._acts: dict[str, tuple[date, date, tuple[Action, ...]]] = {}

    def now_ms(self) -> int:
        """Return the time, ms UTC: ours, put back where an answer's own `Date` showed it to be ahead."""
        return self._now_ms() - self._ahead_ms

    def page_bars(self) -> int:
        """Return how many bars one answer holds."""
        return _PAGE

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        """Return about how many requests a span takes."""
        return max(1.0, (span[1] - span[0]) / timeframe.ms * _SHARE / _PAGE)

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: Place | None) -> tuple[Page, Place | None]:
        """Return a part of a span's closed bars, as they were traded; before the first one, the actions since it began.

        Raises VenueError for an answer that is none, UsageError for a symbol it does not know, DataError for damaged bars.
        """
        minutes, rest = divmod(timeframe.ms, _MINUTE_MS)
        if rest or minutes not in _SERVED:
            raise DataError(
                f"`alpaca` serves no bars of {timeframe}",
                "choose one of 1m, 5m, 15m, 30m, 1h, 1d: longer ones are made of them when they are read",
            )
        theirs = symbol.replace("/", ".").replace("-", ".")
        if cursor is None:
            limit_ms = self.now_ms() - self._delay_ms
            if span[0] + timeframe.ms > limit_ms or span[0] >= span[1]:
                return Page((), (span[0], span[0])), None
            end_ms = min(span[1], timeframe.floor(limit_ms))
            if is_idle(span[0], end_ms):
                return Page((), (span[0], end_ms), proves=True), None
            cursor = self._begun(theirs, timeframe, span, limit_ms)
        path = alpaca_actions.PATH if cursor.part == "actions" else _PATH
        reply = self._ask(path, {**cursor.asked, **({"page_token": cursor.token} if cursor.token else {})})
        told_ms = reply.date_ms()
        ahead_ms = self._now_ms() - told_ms if told_ms else 0
        self._ahead_ms = ahead_ms if ahead_ms > _AHEAD_MS else 0
        if reply.status != 200:
            raise _refused(reply, symbol)
        try:
            if cursor.part == "actions":
                return self._acted(reply, theirs, timeframe, span, cursor)
            shown, token = listed(reply, theirs), token_of(reply)
            if token and not shown:
                raise MalformedError("a page of nothing that is not the last")
            if cursor.part == "ever":
                if not shown:
                    raise UsageError(
                        f"alpaca has no bars of `{symbol}`",
                        "choose others: `--symbols …`, US stocks as Alpaca spells them",
                    )
                shown, token = [], ""
            elif not shown and cursor.last_ms < 0 and theirs not in self._known:
                ever = {
                    "timeframe": "1Day",
                    "start": _EVER,
                    "end": _stamp(cursor.limit_ms),
                    "limit": "1",
                    "sort": "desc",
                }
                return Page((), (span[0], span[0])), replace(cursor, part="ever", asked={**cursor.asked, **ever})
            self._known.add(theirs)
            return self._bars(shown, token, symbol, timeframe, span, cursor)
        except MalformedError as error:
            what = "actions" if cursor.part == "actions" else "bars"
            raise VenueError(
                f"`alpaca` answered with {what} of `{symbol}` that are none: {error}",
                "nothing was concluded from it; the next run asks again",
                pattern="no_candles",
                resolution="retry",
            ) from None

    def _begun(self, theirs: str, timeframe: Timeframe, span: Span, limit_ms: int) -> Place:
        """Return the first place of a span: the stock's actions, or its bars where a longer span's were asked for already."""
        first, last = _days(span, limit_ms)
        held = self._acts.get(theirs)
        if held is not None and held[0] <= first and held[1] == last:
            return self._first(theirs, timeframe, span, limit_ms, held[2])
        return Place("actions", alpaca_actions.asked(theirs, first, last), limit_ms, span[0])

    def _first(
        self, theirs: str, timeframe: Timeframe, span: Span, limit_ms: int, actions: tuple[Action, ...]
    ) -> Place:
        """Return the place of a span's first bars."""
        # Of a span that ends about now a little more is asked for, to see that the symbol lives.
        near = span[1] > limit_ms - _LIVING_MS
        first = min(span[0], timeframe.floor(limit_ms - _LIVING_MS)) if near else span[0]
        asked = {
            "symbols": theirs,
            "timeframe": _SERVED[timeframe.ms // _MINUTE_MS],
            "start": _stamp(first),
            "end": _stamp(min(span[1] - 1000, limit_ms)),
            "limit": str(_PAGE),
            "adjustment": "raw",
            "feed": self._feed,
            "sort": "asc",
        }
        return Place("bars", asked, limit_ms, span[0], actions=actions)

    def _acted(self, reply: Reply, theirs: str, timeframe: Timeframe, span: Span, place: Place) -> tuple[Page, Place]:
        """Return a page without bars: of actions once all of them are told."""
        new, token = alpaca_actions.read(reply.data, theirs), token_of(reply)
        if token and set(new) <= set(place.told):
            raise MalformedError("a page that repeats")
        read = (*place.told, *new)
        if token:
            return Page((), (span[0], span[0])), replace(place, told=read, token=token)
        limit_ms = min(place.limit_ms, self.now_ms() - self._delay_ms)
        first, last = _days(span, limit_ms)
        actions = alpaca_actions.summed(read, last)
        self._acts[theirs] = (first, last, actions)
        after = self._first(theirs, timeframe, span, limit_ms, actions)
        return Page((), (span[0], span[0]), actions=actions), after

    def _bars(
        self, shown: Sequence[object], token: str, symbol: str, timeframe: Timeframe, span: Span, place: Place
    ) -> tuple[Page, Place | None]:
        base = half_at_most(timeframe)
        bars = [told(one, base) for one in shown]
        stamps = [place.last_ms, *(row[0] for row, _ in bars)]
        if any(one >= later for one, later in pairwise(stamps)):
            raise MalformedError("bars that repeat or go back")
        closed = [row for row, ends_ms in bars if ends_ms <= place.limit_ms]
        kept = [row for row in closed if row[0] < span[1] and (base.ms >= DAY_MS or is_open(row[0]))]
        todays = [in_todays(row, place.actions) for row in kept]
        before = tuple(checked([*place.before, *todays], symbol, base, self._spike_times)[-1:])
        # What is known to its last bar: up to the last one told, or to a time after which none comes any more.
        known_ms = closed[-1][0] + base.ms if closed else max(place.at_ms, place.last_ms)
        if not token:
            known_ms = max(known_ms, place.limit_ms - _LIVING_MS)
            if is_idle(known_ms, place.limit_ms):
                known_ms = place.limit_ms
        fine = [*place.held, *kept]
        made = [row for row in whole(fine, timeframe) if row[0] >= span[0] and row[0] + timeframe.ms <= known_ms]
        at_ms = max(place.at_ms, min(timeframe.floor(known_ms), span[1]))
        if not token:
            # While nothing is traded nothing can be late.
            newest = span[1] > place.limit_ms - DAY_MS and is_open(place.limit_ms)
            return Page(made, (place.at_ms, at_ms), proves=True, newest=newest), None
        held = tuple(row for row in fine if timeframe.floor(row[0]) + timeframe.ms > known_ms)
        after = replace(place, at_ms=at_ms, token=token, last_ms=stamps[-1], held=held, before=before)
        return Page(made, (place.at_ms, at_ms), proves=True), after


def _days(span: Span, limit_ms: int) -> tuple[date, date]:
    """Return the days whose actions concern a span: some more, so that one question does for the stock's other series."""
    last = today(limit_ms)
    return min(today(span[0]), last - _TOLD_LATE) - _TOLD_LATE, last


def _refused(reply: Reply, symbol: str) -> UsageError | VenueError:
    said = message_of(reply)
    if reply.status in (400, 404, 422) and "symbol" in said.lower():
        return UsageError(
            f"alpaca has no bars of `{symbol}`: {said}", "choose others: `--symbols …`, US stocks as Alpaca spells them"
        )
    return VenueError(f"`alpaca` refuses to give bars of `{symbol}`: HTTP {reply.status}: {said}", pattern="http")


def _stamp(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
