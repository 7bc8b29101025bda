"""Asking a venue for many symbols: what fails is named, the rest goes on, a ban or the end of the time ends the asking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from research import bars_of

from trader_cli.errors import DataError, VenueError
from trader_cli.jobs.scanning.fetching import Fetched, Patience, gather
from trader_cli.model.bars import Bars

NAMES = [f"S{i}/USD" for i in range(8)]


class Feed:
    """A venue of fixed answers: an exception is raised, everything else is two bars. kept: symbols that are stored."""

    def __init__(self, wrong: dict[str, Exception] | None = None, kept: tuple[str, ...] = ()) -> None:
        self.wrong, self.kept = wrong or {}, kept
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def closed(self, symbol: str) -> Bars:
        with self.lock:
            self.asked.append(symbol)
        if symbol in self.wrong:
            raise self.wrong[symbol]
        return bars_of([1.0, 2.0], symbol=symbol)

    def known(self, symbol: str) -> Bars:
        return bars_of([1.0], symbol=symbol)[: int(symbol in self.kept)]


NOW_MS = 1_000_000


def ask(
    feed: Feed, workers: int = 1, left_ms: Callable[[], int] = lambda: 1000, give_up: int = 3, slept: Any = None
) -> Fetched:
    waits: list[float] = [] if slept is None else slept
    patience = Patience(left_ms, give_up, lambda: NOW_MS + round(1000 * sum(waits)), waits.append)
    return gather(NAMES, [feed] * workers, patience, lambda _done, _of: None)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_symbol_is_asked_once_and_comes_in_order(workers: int) -> None:
    feed = Feed()
    found = ask(feed, workers)
    assert sorted(feed.asked) == NAMES
    assert [one.symbol for one in found.series] == NAMES
    assert (found.problems, found.unasked, found.stopped) == ({}, (), "")


@pytest.mark.parametrize(
    "error",
    [DataError("a candle off the grid"), VenueError("no such pair", resolution="skip_symbol"), VenueError("timeout")],
)
def test_a_symbol_that_fails_is_named_and_the_rest_goes_on(error: Exception) -> None:
    found = ask(Feed({"S2/USD": error}))
    assert [one.symbol for one in found.series] == [name for name in NAMES if name != "S2/USD"]
    assert found.problems == {"S2/USD": str(error)}
    assert found.stopped == ""


LATER = NOW_MS + 5_000


@pytest.mark.parametrize(
    "error",
    [
        VenueError("banned for 5 s", pattern="ban", retry_ms=LATER),
        VenueError("429: wait", retry_ms=LATER, resolution="wait"),
    ],
)
def test_a_ban_longer_than_the_time_left_ends_the_asking_and_stored_bars_stand_in(error: Exception) -> None:
    feed = Feed({"S1/USD": error}, kept=("S4/USD",))
    found = ask(feed)
    assert feed.asked == NAMES[:2]
    assert [one.symbol for one in found.series] == ["S0/USD", "S4/USD"]
    assert found.stopped == str(error)
    assert found.problems["S2/USD"] == f"it was not asked for: {error}; the next scan goes on with it"
    assert sorted(found.unasked) == NAMES[1:]


@pytest.mark.req("R1.2")
@pytest.mark.parametrize("pattern", ["ban", "budget", "call_limit"])
def test_a_question_that_came_too_early_is_deferred_and_not_dropped(pattern: str) -> None:
    feed, slept = Feed(), []  # type: ignore[var-annotated]
    error = VenueError("too early", pattern=pattern, resolution="wait", retry_ms=NOW_MS + 700)

    def once(symbol: str) -> Bars:
        feed.asked.append(symbol)
        if feed.asked.count("S2/USD") == 1 and symbol == "S2/USD":
            raise error
        return bars_of([1.0], symbol=symbol)

    feed.closed = once  # type: ignore[method-assign]
    found = ask(feed, slept=slept)
    assert [one.symbol for one in found.series] == NAMES
    assert slept == [0.7]
    assert feed.asked == [*NAMES[:3], *NAMES[2:]]


def test_who_is_turned_away_by_the_venue_is_so_for_every_worker() -> None:
    """One is refused while another is asking: neither asks before the moment that the venue leaves us."""
    feed, both, waits, asked = Feed(), threading.Barrier(2), [], []  # type: ignore[var-annotated]
    rested = threading.Event()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        rested.set()

    def closed(symbol: str) -> Bars:
        asked.append((symbol, bool(waits)))
        if symbol == "S0/USD" and not waits:
            both.wait(30)
            raise VenueError("EGeneral:Too many requests", resolution="wait", retry_ms=NOW_MS + 700)
        if symbol == "S1/USD":
            both.wait(30)
            assert rested.wait(30)
        return bars_of([1.0], symbol=symbol)

    feed.closed = closed  # type: ignore[method-assign]
    patience = Patience(lambda: 1_000, 3, lambda: NOW_MS + round(1000 * sum(waits)), sleep)
    found = gather(NAMES, [feed, feed], patience, lambda _done, _of: None)
    assert [one.symbol for one in found.series] == NAMES
    assert waits == [0.7]
    assert {name for name, late in asked if not late} == {"S0/USD", "S1/USD"}


def test_questions_that_are_turned_away_together_are_one_try() -> None:
    feed, all_three, moved, asked = Feed(), threading.Barrier(3), threading.Event(), []  # type: ignore[var-annotated]
    # Time passes once all three rest.
    resting = threading.Barrier(3, action=moved.set)

    def closed(symbol: str) -> Bars:
        asked.append(symbol)
        if not moved.is_set():
            all_three.wait(30)
            raise VenueError("EGeneral:Too many requests", resolution="wait", retry_ms=NOW_MS + 700)
        return bars_of([1.0], symbol=symbol)

    feed.closed = closed  # type: ignore[method-assign]
    patience = Patience(lambda: 1_000, 2, lambda: NOW_MS + 700 * moved.is_set(), lambda _: resting.wait(30))
    found = gather(NAMES, [feed] * 3, patience, lambda _done, _of: None)
    assert [one.symbol for one in found.series] == NAMES
    assert found.stopped == ""


def test_a_venue_that_says_too_early_again_and_again_is_left_alone() -> None:
    feed = Feed({"S1/USD": VenueError("429", pattern="http_429", resolution="wait", retry_ms=NOW_MS + 1)})
    found = ask(feed, give_up=3)
    assert feed.asked == ["S0/USD", "S1/USD", "S1/USD", "S1/USD"]
    assert found.stopped == "429"


def test_a_venue_that_never_answers_is_left_alone_after_so_many_questions() -> None:
    down: dict[str, Exception] = {name: VenueError("timeout") for name in NAMES[1:]}
    feed = Feed(down)
    found = ask(feed, give_up=3)
    assert feed.asked == NAMES[:4]
    assert [one.symbol for one in found.series] == ["S0/USD"]
    assert set(found.problems) == set(NAMES[1:])


def test_a_venue_that_answers_nothing_at_all_is_an_error() -> None:
    with pytest.raises(VenueError, match="unreachable"):
        ask(Feed({name: VenueError("unreachable") for name in NAMES}))


def test_the_end_of_the_time_ends_the_asking_and_says_so() -> None:
    left = iter([100, 100, 100, 0, 0, 0, 0, 0])
    feed = Feed(kept=("S7/USD",))
    found = ask(feed, left_ms=lambda: next(left))
    assert feed.asked == NAMES[:3]
    assert found.stopped == "the time for asking is over"
    assert [one.symbol for one in found.series] == [*NAMES[:3], "S7/USD"]
    assert set(found.problems) == set(NAMES[3:7])


def test_a_budget_that_is_used_up_for_longer_than_there_is_time_is_the_end_of_the_time() -> None:
    """The venue said nothing against us: whoever was refused by our own budget is not a failure of theirs."""
    used_up = VenueError("used up", pattern="budget", resolution="wait", retry_ms=LATER)
    found = ask(Feed({"S1/USD": used_up}, kept=("S1/USD",)))
    assert [one.symbol for one in found.series] == ["S0/USD", "S1/USD"]
    assert sorted(found.unasked) == NAMES[1:]
    assert found.stopped == "the time for asking is over"


def test_whatever_a_worker_raises_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(Feed({"S3/USD": ZeroDivisionError()}), workers=2)


def test_an_interruption_leaves_what_nobody_began_with() -> None:
    feed, began = Feed(), threading.Event()
    hold = threading.Event()

    def slow(symbol: str) -> Bars:
        feed.asked.append(symbol)
        began.set()
        hold.wait(30)
        return bars_of([1.0], symbol=symbol)

    feed.closed = slow  # type: ignore[method-assign]

    def stop(_done: int, _of: int) -> None:
        began.wait(30)
        raise KeyboardInterrupt

    patience = Patience(lambda: 1000, 3, lambda: NOW_MS, lambda _seconds: None)
    with pytest.raises(KeyboardInterrupt):
        gather(NAMES, [feed], patience, stop)
    hold.set()
    assert feed.asked == NAMES[:1]
