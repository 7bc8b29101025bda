"""A fetch asks its provider for what is not stored, waits as it is told, and keeps what came whatever happens next."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from trader_cli.errors import DataError, TraderError, VenueError
from trader_cli.jobs.fetch import Clock, Fetched, Page, Row, Span, Terms, Wanted, failed, fetch
from trader_cli.market.fetching import StoredShelf
from trader_cli.model.timeframe import Timeframe

HOUR = Timeframe.parse("1h")
H = HOUR.ms
T0 = 1_700_002_800_000 // H * H
NOW = T0 + 100 * H + 7
TERMS = Terms(since_ms=None, until_ms=None, first_bars=24, group_pages=2, tries=3, patience_ms=60_000)


def row(hour: int) -> Row:
    return (T0 + hour * H, 100.0, 101.0, 99.0, 100.0 + hour / 1000, 3.5)


@dataclass
class Pages:
    """A provider with a bar an hour but for some holes, ten a page; `troubles` strike at the requests of these numbers.

    shift: of its volumes. late: newest bars it does not have yet.
    """

    name: str = "kraken"
    holes: frozenset[int] = frozenset()
    troubles: dict[int, BaseException] = field(default_factory=dict)
    shift: float = 0.0
    late: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    requests_made: int = 0

    def now_ms(self) -> int:
        return NOW

    def page_bars(self) -> int:
        return 10

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        return max(1, (span[1] - span[0]) // (10 * H))

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: int | None) -> tuple[Page, int | None]:
        if cursor is None:
            self.asked.append(((span[0] - T0) // H, (span[1] - T0) // H))
        self.requests_made += 1
        trouble = self.troubles.pop(self.requests_made, None)
        if trouble is not None:
            raise trouble
        at, end = cursor if cursor is not None else (span[0] - T0) // H, (span[1] - T0) // H
        until = min(at + 10, end)
        until = min(until, max(at, 100 - self.late))
        rows = [(*row(hour)[:5], 3.5 + self.shift) for hour in range(at, until) if hour not in self.holes]
        return Page(rows, (T0 + at * H, T0 + until * H)), until if at + 10 < end else None


class Sleep:
    """Time that passes only when it is slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(lambda: NOW + round(1000 * sum(self.slept)), lambda: sum(self.slept), self.slept.append)


def run(
    folder: Path,
    provider: Pages,
    terms: Terms = TERMS,
    sleep: Sleep | None = None,
    symbols: Sequence[str] = ("BTC/USD",),
    others: Sequence[Pages] = (),
) -> list[Fetched]:
    wanted = [Wanted("kraken", one, HOUR) for one in symbols]
    asked, clock = [provider, *others], (sleep or Sleep()).clock()
    return fetch(wanted, lambda one: StoredShelf(folder, one), lambda _: asked, terms, clock, lambda _a, _b: None)


def one(folder: Path, provider: Pages, terms: Terms = TERMS, sleep: Sleep | None = None) -> Fetched:
    (done,) = run(folder, provider, terms, sleep)
    return done


def since(hour: int, **more: object) -> Terms:
    return Terms(**{**TERMS.__dict__, "since_ms": T0 + hour * H, **more})  # type: ignore[arg-type]


def test_the_first_fetch_gets_the_newest_bars_and_the_second_asks_for_nothing(tmp_path: Path) -> None:
    done = one(tmp_path, first := Pages())
    assert (done.before, done.added, done.bars, done.pages, done.gaps, done.error) == (0, 24, 24, 3, (), None)
    assert (done.first_ms, done.last_ms) == (T0 + 76 * H, T0 + 99 * H)
    assert first.asked == [(76, 100)]
    done = one(tmp_path, second := Pages())
    assert (done.before, done.added, done.pages, second.asked) == (24, 0, 0, [])


def test_older_bars_are_asked_for_up_to_those_that_are_stored(tmp_path: Path) -> None:
    one(tmp_path, Pages())
    done = one(tmp_path, older := Pages(), since(50))
    assert (older.asked, done.added, done.bars) == ([(50, 76)], 26, 50)


def test_a_span_with_an_end_is_half_open_and_on_the_grid(tmp_path: Path) -> None:
    provider = Pages()
    done = one(tmp_path, provider, since(10, since_ms=T0 + 10 * H - 5, until_ms=T0 + 20 * H - 5))
    assert (provider.asked, done.bars) == ([(10, 20)], 10)


@pytest.mark.req("R0.8")
def test_missing_bars_are_asked_for_twice_then_left_and_named_and_not_asked_for_by_the_next_fetch(
    tmp_path: Path,
) -> None:
    provider = Pages(holes=frozenset({80, 81, 90}))
    done = one(tmp_path, provider)
    assert provider.asked == [(76, 100), (77, 82), (87, 91)]
    assert [((first - T0) // H, (end - T0) // H) for first, end in done.gaps] == [(80, 82), (90, 91)]
    again = Pages()
    done = one(tmp_path, again)
    assert (again.asked, len(done.gaps)) == ([], 2)
    done = one(tmp_path, again, since(76, again=True))
    assert (done.added, done.gaps) == (3, ())


@pytest.mark.req("R0.8")
def test_the_newest_stored_bars_are_asked_for_once_more_where_that_is_wished_and_revised_ones_named(
    tmp_path: Path,
) -> None:
    one(tmp_path, Pages(), since(60, until_ms=T0 + 90 * H))
    # Nothing new is wanted: only what is to be seen again is asked for.
    done = one(tmp_path, revised := Pages(shift=0.25), since(60, until_ms=T0 + 90 * H, recheck_ms=12 * H))
    assert revised.asked == [(78, 90)]
    assert [(each.time_ms - T0) // H for each in done.revisions] == list(range(78, 90))
    assert {(each.before[-1], each.now[-1], each.replaced) for each in done.revisions} == {(3.5, 3.75, False)}
    assert (done.added, done.bars) == (0, 30)
    # New bars join the same question, and what was revised is replaced where that is wished too.
    done = one(tmp_path, later := Pages(shift=0.25), since(60, recheck_ms=12 * H, replacing=True))
    assert later.asked == [(78, 100)]
    assert (done.added, sum(each.replaced for each in done.revisions)) == (10, 12)
    assert one(tmp_path, Pages(shift=0.25), since(60, recheck_ms=12 * H)).revisions == ()


def test_no_bar_before_the_first_stored_one_is_asked_for_once_more_and_of_an_empty_series_none(tmp_path: Path) -> None:
    done = one(tmp_path, first := Pages(), since(90, recheck_ms=1000 * H))
    assert (first.asked, done.added) == ([(90, 100)], 10)
    one(tmp_path, again := Pages(), since(80, recheck_ms=1000 * H))
    assert again.asked == [(80, 100)], "older ones and those seen again, at once"
    one(tmp_path, third := Pages(), since(80, until_ms=T0 + 85 * H, recheck_ms=3 * H))
    assert third.asked == [(82, 85)]


@pytest.mark.req("R0.8")
def test_a_gap_before_what_is_seen_again_is_a_question_of_its_own_and_stand_ins_are_not_asked_twice(
    tmp_path: Path,
) -> None:
    run(tmp_path, Pages(holes=frozenset({62})), since(60))
    own, other = Pages(), Pages("binance")
    run(tmp_path, own, since(60, recheck_ms=5 * H, again=True), others=[other])
    assert own.asked == [(60, 63), (95, 100)]
    assert other.asked == []


def test_a_request_that_failed_is_made_again_from_where_the_pages_came_to(tmp_path: Path) -> None:
    sleep = Sleep()
    provider = Pages(troubles={3: VenueError("busy", resolution="retry"), 4: VenueError("busy", resolution="retry")})
    done = one(tmp_path, provider, since(50), sleep)
    assert (done.bars, done.error, sleep.slept) == (50, None, [1.0, 2.0])
    assert (provider.asked, provider.requests_made) == ([(50, 100)], 7), "from where the pages came to"


def test_a_ban_is_waited_for_as_long_as_patience_reaches(tmp_path: Path) -> None:
    sleep = Sleep()
    ban = VenueError("not for 40 s", resolution="wait", retry_ms=NOW + 40_000)
    assert one(tmp_path, Pages(troubles={1: ban}), sleep=sleep).error is None
    assert sleep.slept == [40.0]
    long = VenueError("not for 2 min", resolution="wait", retry_ms=NOW + 120_000)
    done = one(tmp_path, provider := Pages(troubles={3: long}), since(40), sleep := Sleep())
    assert (done.error, sleep.slept) == (long, [])
    assert done.bars == 24 + 20, "what came before it is stored"
    assert provider.requests_made == 3


@pytest.mark.parametrize("trouble", [VenueError("no such market", resolution="skip_symbol"), DataError("damaged")])
def test_one_series_that_fails_keeps_what_came_and_the_others_go_on(tmp_path: Path, trouble: TraderError) -> None:
    provider = Pages(troubles={2: trouble})
    first, second = run(tmp_path, provider, symbols=("BTC/USD", "ETH/USD"))
    assert (first.bars, first.error, second.bars, second.error) == (10, trouble, 24, None)
    error = failed([first, second])
    assert error is not None
    assert (type(error), error.message) == (
        type(trouble),
        f"1 of 2 series are not whole; `BTC/USD` 1h: {trouble.message}",
    )
    assert failed([second]) is None


def test_an_interrupt_stores_what_came(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Pages(troubles={2: KeyboardInterrupt()}))
    done = one(tmp_path, rest := Pages())
    assert (done.before, done.bars, rest.asked) == (10, 24, [(83, 100)])


def test_wherever_a_fetch_is_stopped_the_next_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    holes = frozenset({53, 67, 68, 85, 99})
    whole = one(tmp_path / "whole", provider := Pages(holes=holes), since(50, group_pages=3))
    files = {file.name: file.read_bytes() for file in (tmp_path / "whole" / "kraken").glob("BTC*")}
    assert len(files) == 2
    for n in range(1, provider.requests_made + 1):
        for trouble in (KeyboardInterrupt(), VenueError("away", resolution="skip_cycle")):
            folder = tmp_path / f"{n}{type(trouble).__name__}"
            with contextlib.suppress(KeyboardInterrupt):
                assert one(folder, Pages(holes=holes, troubles={n: trouble}), since(50, group_pages=3)).error is trouble
            done = one(folder, Pages(holes=holes), since(50, group_pages=3))
            assert (done.bars, done.gaps, done.error) == (whole.bars, whole.gaps, None)
            assert {file.name: file.read_bytes() for file in (folder / "kraken").glob("BTC*")} == files


def test_tries_end(tmp_path: Path) -> None:
    troubles: dict[int, BaseException] = {n: VenueError("busy", resolution="retry") for n in range(1, 9)}
    provider = Pages(troubles=troubles)
    done = one(tmp_path, provider)
    assert (provider.requests_made, str(done.error)) == (3, "busy")


def test_progress_never_goes_back_and_ends_at_the_whole(tmp_path: Path) -> None:
    seen: list[tuple[float, float]] = []
    wanted = [Wanted("kraken", one, HOUR) for one in ("BTC/USD", "ETH/USD", "SOL/USD")]
    provider = Pages()
    fetch(
        wanted, lambda one: StoredShelf(tmp_path, one), lambda _: [provider], TERMS, Sleep().clock(),
        lambda part, whole: seen.append((part, whole)),
    )  # fmt: skip
    parts = [part for part, _ in seen]
    assert parts == sorted(parts)
    # 24 bars are three pages, planned as two of ten and a bit: the plan follows what is seen.
    assert seen[0] == (0.0, 6.0)
    assert seen[-1] == (9.0, 9.0)
    assert all(part <= whole for part, whole in seen)


def stand_in(**more: Any) -> Pages:
    return Pages(name="binance", **more)


def both(folder: Path, own: Pages, *others: Pages, terms: Terms = TERMS) -> Fetched:
    (done,) = run(folder, own, terms, others=others)
    return done


@pytest.mark.req("R2.7")
def test_a_gap_is_asked_of_the_next_provider_and_what_that_lacks_too_is_named(tmp_path: Path) -> None:
    own, other = Pages(holes=frozenset({80, 81, 90})), stand_in(holes=frozenset({81}))
    done = both(tmp_path, own, other)
    assert (done.providers, done.error, done.notes) == ({"kraken": 21, "binance": 2}, None, ())
    assert [((first - T0) // H, (end - T0) // H) for first, end in done.gaps] == [(81, 82)]
    assert other.asked == [(77, 82), (87, 91), (78, 82)]
    again, other = Pages(), stand_in()
    both(tmp_path, again, other)
    assert (again.asked, other.asked) == ([], []), "all of them answered already"


@pytest.mark.req("R2.7")
def test_a_provider_that_fails_is_stood_in_for_and_gives_its_own_bars_later(tmp_path: Path) -> None:
    broken = Pages(troubles={n: VenueError("away", resolution="skip_cycle") for n in range(1, 9)})
    other = stand_in(shift=0.5)
    done = both(tmp_path, broken, other)
    assert (done.providers, done.error, done.notes) == ({"binance": 24}, None, ("away",))
    done = both(tmp_path, own := Pages(), other)
    assert (own.asked, done.providers, len(done.revisions)) == ([(76, 100)], {"kraken": 0}, 24)
    assert all(one.replaced for one in done.revisions)
    assert one(tmp_path, Pages()).revisions == ()


@pytest.mark.req("R2.7")
def test_where_nobody_answers_the_series_own_error_is_told_and_the_others_noted(tmp_path: Path) -> None:
    def broken(name: str) -> Pages:
        return Pages(
            name=name, troubles={n: VenueError(f"{name} is away", resolution="skip_cycle") for n in range(1, 9)}
        )

    done = both(tmp_path, broken("kraken"), broken("binance"))
    assert (str(done.error), done.notes) == ("kraken is away", ("binance is away",))


def test_a_bar_that_is_only_late_is_nobody_elses_to_give(tmp_path: Path) -> None:
    own, other = Pages(late=2), stand_in()
    done = both(tmp_path, own, other)
    assert (done.providers, other.asked) == ({"kraken": 22}, [])
    assert both(tmp_path, Pages(), other).providers == {"kraken": 2}
