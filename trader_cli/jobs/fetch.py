"""Fetching bars: what is stored is told apart from what is not, and only the latter is asked of a series' providers.

A series goes on where it was: whatever a provider gave is put on its shelf in groups of pages, so that a kill costs one group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from trader_cli.errors import DataError, TimeUpError, TraderError, UsageError, VenueError
from trader_cli.model.timeframe import Timeframe

Row: TypeAlias = tuple[int, float, float, float, float, float]
"""ms UTC of the open; open, high, low, close in quote per base; volume in base."""
Span: TypeAlias = tuple[int, int]
"""Half-open, ms UTC of opens."""

# Of `model.orders.Resolution`: the same question may be answered a little later.
_RETRIED = ("retry", "wait", "resync")
_LONGEST_PAUSE_S = 60.0
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Wanted:
    """One series to fetch."""

    exchange: str
    symbol: str
    timeframe: Timeframe


SPLIT, DIVIDEND = "split", "dividend"


@dataclass(frozen=True, order=True)
class Action:
    """What a company did to its shares. time_ms: midnight UTC of the first day without it.

    value: of a split the new shares for one, of a dividend the quote paid a share.
    """

    time_ms: int
    kind: str
    value: float


@dataclass(frozen=True)
class Page:
    """One answer of a provider: closed bars, oldest first, and the span of opens it answers for.

    proves: a bar that is missing from the span does not exist; else it is asked for once more before that is believed.
    newest: its last bar is the newest that the provider has of what was asked for. actions: of a stock, since it begins.
    """

    rows: Sequence[Row]
    span: Span
    proves: bool = False
    newest: bool = False
    actions: Sequence[Action] = ()


@dataclass(frozen=True)
class Revision:
    """A stored bar that its provider tells otherwise. before, now: open, high, low, close, volume. replaced: now is stored."""

    time_ms: int
    before: tuple[float, ...]
    now: tuple[float, ...]
    replaced: bool


@dataclass(frozen=True)
class Put:
    """What became of some pages."""

    added: int
    revisions: tuple[Revision, ...] = ()


class Provider(Protocol):
    """One source of bars."""

    @property
    def name(self) -> str:
        """What it is called in settings, scores and results."""
        ...

    def now_ms(self) -> int:
        """Return its time, ms UTC: a bar is closed by the provider's clock, not by ours."""
        ...

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        """Return about how many requests a span takes, for the display of progress."""
        ...

    def page_bars(self) -> int:
        """Return how many bars one answer holds: what lies nearer together is asked for at once."""
        ...

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: Any) -> tuple[Page, Any]:
        """Return a part of the span's closed bars, one request's, and the cursor of the next; None = there is no more.

        cursor: None = the first. A request that failed may be made again with the same one. Raises VenueError, or DataError
        for damaged bars.
        """
        ...


class Shelf(Protocol):
    """Where one series is stored."""

    def count(self) -> int:
        """Return how many bars are stored."""
        ...

    def ends(self) -> Span | None:
        """Return the opens of the first and the last stored bar; None where there is none."""
        ...

    def unknown(self, provider: str, span: Span, page_bars: int, lacking_at: str | None = None) -> list[Span]:
        """Return the parts of a span that hold bars neither stored nor known to be missing at this provider.

        lacking_at: only those that are known to be missing at this other one.
        """
        ...

    def missing(self, span: Span) -> list[Span]:
        """Return every gap of a span, known or not."""
        ...

    def put(self, provider: str, pages: Sequence[Page], *, asked_again: bool, replacing: bool) -> Put:
        """Store what is new in these pages, all or nothing; note what they prove to be missing."""
        ...

    def forget(self) -> None:
        """Forget which bars are known to be missing, so that they are asked for again."""
        ...


@dataclass(frozen=True)
class Terms:
    """How a fetch goes about it; each of them a key of `[fetch]`, or an option.

    since_ms: None = where a series begins that is stored, else `first_bars` ago. until_ms: None = now.
    group_pages: pages that are stored together. tries: of one request. patience_ms: longest wait for a ban to end.
    replacing: revised bars are stored instead of the old ones. again: gaps that are known are asked for once more. recheck_ms:
    length of the newest stored bars that are asked for once more, to see whether they were revised.
    """

    since_ms: int | None
    until_ms: int | None
    first_bars: int
    group_pages: int
    tries: int
    patience_ms: int
    replacing: bool = False
    again: bool = False
    recheck_ms: int = 0


@dataclass(frozen=True)
class Fetched:
    """What became of one series.

    providers: bars added by each that gave any answer. gaps: what is missing of what was asked for. notes: which provider did
    not answer though another did. error: why the series is not whole.
    """

    wanted: Wanted
    providers: Mapping[str, int]
    before: int
    added: int
    bars: int
    first_ms: int | None
    last_ms: int | None
    revisions: tuple[Revision, ...]
    gaps: tuple[Span, ...]
    pages: int
    seconds: float
    notes: tuple[str, ...] = ()
    error: TraderError | None = None


@dataclass
class Clock:
    """Time as the machine tells it: ms UTC, seconds that only rise, and a pause in seconds."""

    now_ms: Callable[[], int]
    elapsed_s: Callable[[], float]
    sleep: Callable[[float], None]


Progress: TypeAlias = Callable[[float, float], None]
"""Called with (requests done, requests there are about)."""


def fetch(
    wanted: Sequence[Wanted],
    shelf: Callable[[Wanted], Shelf],
    providers: Callable[[Wanted], Sequence[Provider]],
    terms: Terms,
    clock: Clock,
    progress: Progress,
) -> list[Fetched]:
    """Bring every series up to date, one after the other; one that fails says why and keeps what came, the others go on.

    providers: of a series, its own first, then those that stand in for it, best first: they are asked for what the ones before
    them did not give. Raises nothing but what ends the program; a Ctrl-C stores what came first.
    """
    meter = _Meter(len(wanted), progress)
    done = []
    for one in wanted:
        done.append(_Errand(one, shelf(one), providers(one), terms, clock, meter).run())
        meter.to_do(0.0)
    return done


@dataclass
class _Meter:
    """One display for all series: those that were not begun are thought to be as long as those that were."""

    series: int
    progress: Progress
    done: float = 0.0
    left: float = 0.0
    begun: int = 0

    def begin(self, requests: float) -> None:
        self.begun += 1
        self.to_do(requests)

    def step(self) -> None:
        self.done += 1.0

    def to_do(self, requests: float) -> None:
        self.left = requests
        each = (self.done + self.left) / max(self.begun, 1)
        self.progress(self.done, max(self.done + self.left + each * (self.series - self.begun), 1e-9))


@dataclass
class _Errand:
    """One series on its way."""

    wanted: Wanted
    shelf: Shelf
    providers: Sequence[Provider]
    terms: Terms
    clock: Clock
    meter: _Meter
    pages: int = 0
    revisions: list[Revision] = field(default_factory=list)
    added: dict[str, int] = field(default_factory=dict)

    def run(self) -> Fetched:
        began = self.clock.elapsed_s()
        span: Span | None = None
        errors: dict[str, TraderError] = {}
        try:
            before = self.shelf.count()
        except DataError as damaged:
            # Nobody can say what is missing from it.
            return Fetched(self.wanted, {}, 0, 0, 0, None, None, (), (), 0, 0.0, (), damaged)
        own = self.providers[0]
        for provider in self.providers:
            try:
                if span is None:
                    span = self._span(self._asking(provider.now_ms))
                    self._begin(provider, span)
                # A bar that is only late at its own venue is nobody else's to give.
                lacking_at = None if provider is own or own.name in errors else own.name
                # Twice: what is missing from an answer is asked for again before it is believed.
                for asked_again in (False, True):
                    self._ask(provider, span, lacking_at, asked_again=asked_again)
            except TimeUpError:
                raise
            except (VenueError, DataError, UsageError) as caught:
                errors[provider.name] = caught
        error = errors.get(own.name)
        if span is not None and any(one.name not in errors and not self._unknown(one, span) for one in self.providers):
            error = None
        ends = self.shelf.ends()
        return Fetched(
            self.wanted,
            self.added,
            before,
            sum(self.added.values()),
            self.shelf.count(),
            ends[0] if ends else None,
            ends[1] if ends else None,
            tuple(self.revisions),
            tuple(self.shelf.missing(span)) if span is not None else (),
            self.pages,
            self.clock.elapsed_s() - began,
            tuple(one.message for one in errors.values() if one is not error),
            error,
        )

    def _begin(self, provider: Provider, span: Span) -> None:
        if self.terms.again:
            self.shelf.forget()
        self.meter.begin(sum(provider.requests(self.wanted.timeframe, one) for one in self._parts(provider, span)))

    def _span(self, now_ms: int) -> Span:
        """Return what is wanted of the series: from its first stored bar on where nothing is stated, closed bars only."""
        frame = self.wanted.timeframe
        until = frame.floor(now_ms)
        if self.terms.until_ms is not None:
            until = min(until, _up(frame, self.terms.until_ms))
        ends = self.shelf.ends()
        if self.terms.since_ms is not None:
            since = _up(frame, self.terms.since_ms)
        elif ends is not None:
            since = ends[0]
        else:
            since = until - self.terms.first_bars * frame.ms
        return since, max(since, until)

    def _unknown(self, provider: Provider, span: Span, lacking_at: str | None = None) -> list[Span]:
        return self.shelf.unknown(provider.name, span, provider.page_bars(), lacking_at)

    def _parts(
        self, provider: Provider, span: Span, lacking_at: str | None = None, *, asked_again: bool = False
    ) -> list[Span]:
        """Return what to ask a provider for: what is not known, and once, of the series' own, what is to be seen again."""
        parts = self._unknown(provider, span, lacking_at)
        ends = self.shelf.ends()
        if not self.terms.recheck_ms or asked_again or ends is None or provider is not self.providers[0]:
            return parts
        stored_end = min(ends[1] + self.wanted.timeframe.ms, span[1])
        first = max(_up(self.wanted.timeframe, stored_end - self.terms.recheck_ms), ends[0], span[0])
        if first >= stored_end:
            return parts
        # One question with what touches it: the bars after them, as a rule.
        near = [one for one in parts if one[1] >= first and one[0] <= stored_end]
        whole = (min([first, *(one[0] for one in near)]), max([stored_end, *(one[1] for one in near)]))
        return sorted([*(one for one in parts if one not in near), whole])

    def _ask(self, provider: Provider, span: Span, lacking_at: str | None, *, asked_again: bool) -> None:
        parts = self._parts(provider, span, lacking_at, asked_again=asked_again)
        frame = self.wanted.timeframe
        for i, part in enumerate(parts):
            later = sum(provider.requests(frame, one) for one in parts[i + 1 :])
            at, end = part
            group: list[Page] = []
            try:
                for page in self._patiently(provider, part):
                    group.append(page)
                    self.pages += 1
                    self.meter.step()
                    # Oldest first, but for the newest page of a venue that gives that one at once.
                    at, end = (page.span[1], end) if page.span[0] <= at else (at, page.span[0])
                    self.meter.to_do(later + (provider.requests(frame, (at, end)) if at < end else 0.0))
                    if len(group) >= self.terms.group_pages:
                        self._put(provider, group, asked_again=asked_again)
                        group = []
            finally:
                # Also on the way out of a fault or a Ctrl-C: what came is sound, and need not be asked for again.
                self._put(provider, group, asked_again=asked_again)

    def _put(self, provider: Provider, group: Sequence[Page], *, asked_again: bool) -> None:
        if not group:
            return
        put = self.shelf.put(provider.name, group, asked_again=asked_again, replacing=self.terms.replacing)
        self.added[provider.name] = self.added.get(provider.name, 0) + put.added
        known = {one.time_ms for one in self.revisions}
        self.revisions += [one for one in put.revisions if one.time_ms not in known]

    def _patiently(self, provider: Provider, span: Span) -> Iterator[Page]:
        """Yield a span's pages; a request that failed is made again."""
        cursor, frame = None, self.wanted.timeframe
        while True:
            page, cursor = self._asking(partial(provider.page, self.wanted.symbol, frame, span, cursor))
            yield page
            if cursor is None:
                return

    def _asking(self, ask: Callable[[], _Answer]) -> _Answer:
        failures = 0
        while True:
            try:
                return ask()
            except TimeUpError:
                raise
            except VenueError as error:
                failures += 1
                self._pause(error, failures)

    def _pause(self, error: VenueError, failures: int) -> None:
        """Wait as the venue asks, or a little longer each time; raise the error where that would be too long or too often."""
        wait_ms = error.retry_ms - self.clock.now_ms()
        if failures >= self.terms.tries or wait_ms > self.terms.patience_ms:
            raise error
        if wait_ms > 0:
            self.clock.sleep(wait_ms / 1000)
        elif error.resolution in _RETRIED or error.pattern == "not_sent":
            self.clock.sleep(min(2.0 ** (failures - 1), _LONGEST_PAUSE_S))
        else:
            raise error


def _up(frame: Timeframe, time_ms: int) -> int:
    """Return the first open at or after a time."""
    floor = frame.floor(time_ms)
    return floor if floor == time_ms else floor + frame.ms


def failed(done: Iterable[Fetched]) -> TraderError | None:
    """Return the error of a fetch as a whole: the first series' that failed, counted; None where all came."""
    rows = list(done)
    wrong = [(one.wanted, one.error) for one in rows if one.error is not None]
    if not wrong:
        return None
    one, first = wrong[0]
    if len(rows) == 1:
        return first
    return type(first)(
        f"{len(wrong)} of {len(rows)} series are not whole; `{one.symbol}` {one.timeframe}: {first.message}",
        *first.hints,
        *(["run the command again: it goes on where it was"] if isinstance(first, VenueError) else []),
    )
