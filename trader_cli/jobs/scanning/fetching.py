"""Asking a venue for the bars of a universe, several questions at a time; one that fails is named and the rest go on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trader_cli.errors import DataError, TraderError, VenueError
from trader_cli.model.bars import Bars
from trader_cli.model.orders import Resolution

_WAKE_MS = 100
_OVER = "the time for asking is over"
# Refusals of our own, before anything was sent: the budget of requests, and a ban that the venue told us of before.
OURS = ("budget", "ban")


class BarFeed(Protocol):
    """Where a worker's bars come from; each worker has one of its own."""

    def closed(self, symbol: str) -> Bars:
        """Return every closed bar of a symbol, asking the venue where one must be missing."""
        ...

    def known(self, symbol: str) -> Bars:
        """Return the closed bars that are stored, none where there are none, without asking."""
        ...


@dataclass(frozen=True)
class Patience:
    """How long a venue is asked. left_ms: of the scan's time. give_up: questions in a row without an answer that end it.

    now_ms: our clock, ms UTC. sleep: in seconds.
    """

    left_ms: Callable[[], int]
    give_up: int
    now_ms: Callable[[], int]
    sleep: Callable[[float], None]


@dataclass(frozen=True)
class Fetched:
    """What came. series: in the order of the symbols. problems: why others have no bars.

    unasked: symbols that there was no time for: their stored bars, where there are any, are among the series.
    """

    series: list[Bars]
    problems: dict[str, str]
    unasked: tuple[str, ...]
    stopped: str


class _Round:
    """One round of questions, shared by its workers."""

    def __init__(self, symbols: Sequence[str], patience: Patience) -> None:
        self.lock = threading.Lock()
        self.waiting = deque(symbols)
        self.patience = patience
        self.bars: dict[str, Bars] = {}
        self.problems: dict[str, str] = {}
        self.unasked: list[str] = []
        self.stopped = ""
        self.error: TraderError | None = None
        self.failures = 0
        self.broken: BaseException | None = None
        self.resting_ms = 0

    def rest_ms(self) -> int:
        """Return how long nobody asks: who was turned away by the venue was so for all of us."""
        with self.lock:
            return 0 if self.stopped else self.resting_ms - self.patience.now_ms()

    def next(self) -> tuple[str, bool] | None:
        """Return the next symbol and whether the venue may be asked; None where all are done."""
        with self.lock:
            if not self.waiting or self.broken is not None:
                return None
            if not self.stopped and self.patience.left_ms() <= 0:
                self.stopped = _OVER
            return self.waiting.popleft(), not self.stopped

    def came(self, symbol: str, bars: Bars) -> None:
        with self.lock:
            self.bars[symbol] = bars
            self.failures = 0

    def failed(self, symbol: str, error: TraderError) -> None:
        """Note a question that failed.

        Who comes too early is deferred, not dropped (R1.2): by our own budget, by a ban, or because the venue says so.
        """
        with self.lock:
            self.error = error
            if isinstance(error, VenueError) and (error.pattern in OURS or error.resolution == Resolution.WAIT):
                # Never in a circle: where no time is stated, a moment.
                now_ms = self.patience.now_ms()
                wait_ms = max(error.retry_ms - now_ms, _WAKE_MS)
                # What was under way when the first was turned away is no second try.
                self.failures += error.pattern not in OURS and self.resting_ms <= now_ms
                if not self.stopped and wait_ms < self.patience.left_ms() and self.failures < self.patience.give_up:
                    self.waiting.appendleft(symbol)
                    self.resting_ms = max(self.resting_ms, now_ms + wait_ms)
                    return
                self.stopped = self.stopped or (_OVER if error.pattern == "budget" else error.message)
                self.waiting.append(symbol)
                return
            self.problems[symbol] = error.message
            if not isinstance(error, VenueError) or error.resolution == Resolution.SKIP_SYMBOL:
                self.failures = 0
                return
            self.failures += 1
            if self.failures >= self.patience.give_up:
                self.stopped = self.stopped or error.message


def gather(
    symbols: Sequence[str],
    feeds: Sequence[BarFeed],
    patience: Patience,
    progress: Callable[[int, int], None],
) -> Fetched:
    """Return the closed bars of symbols, the first ones asked for first.

    feeds: one a worker; what they share is theirs to lock. progress: is told (done, of). Raises VenueError where the venue
    answered nothing at all and nothing is stored; whatever else a worker raises is raised here, and Ctrl-C ends it at once:
    what was fetched by then is stored.
    """
    work = _Round(symbols, patience)
    threads = [
        threading.Thread(target=_work, args=(work, feed), daemon=True, name=f"asking-{i}")
        for i, feed in enumerate(feeds)
    ]
    for one in threads:
        one.start()
    try:
        for one in threads:
            while one.is_alive():
                one.join(_WAKE_MS / 1000)
                progress(len(symbols) - len(work.waiting), len(symbols))
    except BaseException:
        with work.lock:
            work.waiting.clear()
        raise
    if work.broken is not None:
        raise work.broken
    if not work.bars and work.error is not None and isinstance(work.error, VenueError):
        raise work.error
    found = [work.bars[name] for name in symbols if name in work.bars]
    return Fetched(found, work.problems, tuple(work.unasked), work.stopped)


def _work(work: _Round, feed: BarFeed) -> None:
    try:
        while True:
            rest_ms = work.rest_ms()
            if rest_ms > 0:
                work.patience.sleep(rest_ms / 1000)
            one = work.next()
            if one is None:
                return
            symbol, may_ask = one
            if not may_ask:
                _stored(work, feed, symbol)
                continue
            try:
                bars = feed.closed(symbol)
            except (DataError, VenueError) as error:
                work.failed(symbol, error)
            else:
                work.came(symbol, bars)
    except BaseException as error:
        # Raised again by whoever waits.
        work.broken = error


def _stored(work: _Round, feed: BarFeed, symbol: str) -> None:
    """Take what is stored of a symbol there was no time to ask for."""
    bars = feed.known(symbol)
    with work.lock:
        work.unasked.append(symbol)
        if len(bars):
            work.bars[symbol] = bars
        else:
            work.problems[symbol] = f"it was not asked for: {work.stopped}; the next scan goes on with it"
