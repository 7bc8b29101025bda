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

_WAKE_S = 0.1


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
    """How long a venue is asked. left_ms: of the scan's time. give_up: questions in a row without an answer that end it."""

    left_ms: Callable[[], int]
    give_up: int


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

    def next(self) -> tuple[str, bool] | None:
        """Return the next symbol and whether the venue may be asked; None where all are done."""
        with self.lock:
            if not self.waiting or self.broken is not None:
                return None
            if not self.stopped and self.patience.left_ms() <= 0:
                self.stopped = "the time for asking is over"
            return self.waiting.popleft(), not self.stopped

    def came(self, symbol: str, bars: Bars) -> None:
        with self.lock:
            self.bars[symbol] = bars
            self.failures = 0

    def failed(self, symbol: str, error: TraderError) -> bool:
        """Note a question that failed; tell whether it only came too late, so that stored bars will do."""
        with self.lock:
            self.error = error
            late = isinstance(error, VenueError) and error.pattern == "budget"
            if late:
                self.stopped = self.stopped or "the time for asking is over"
                return True
            self.problems[symbol] = error.message
            if not isinstance(error, VenueError) or error.resolution == Resolution.SKIP_SYMBOL:
                self.failures = 0
                return False
            self.failures += 1
            if error.pattern == "ban" or error.retry_ms or self.failures >= self.patience.give_up:
                self.stopped = self.stopped or error.message
            return False


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
                one.join(_WAKE_S)
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
        while (one := work.next()) is not None:
            symbol, may_ask = one
            if may_ask:
                try:
                    work.came(symbol, feed.closed(symbol))
                    continue
                except (DataError, VenueError) as error:
                    if not work.failed(symbol, error):
                        continue
            _stored(work, feed, symbol)
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
