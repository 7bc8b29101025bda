"""The shelf of a fetched series: what it has is not asked for, what it lacks is, and nothing on it changes by itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader_cli.errors import DataError
from trader_cli.jobs.fetch import Page, Row, Wanted
from trader_cli.market.fetching import StoredShelf
from trader_cli.market.files import load
from trader_cli.market.listing import Series
from trader_cli.model.timeframe import Timeframe

HOUR = Timeframe.parse("1h")
H = HOUR.ms
T0 = 1_700_002_800_000 // H * H
WANTED = Wanted("kraken", "BTC/USD", HOUR)


def row(hour: int, close: float = 100.5) -> Row:
    return (T0 + hour * H, 100.0, 101.0, 99.0, close, 3.5)


def page(*hours: int, span: tuple[int, int] | None = None, proves: bool = False) -> Page:
    first, end = span or (hours[0], hours[-1] + 1)
    return Page([row(hour) for hour in hours], (T0 + first * H, T0 + end * H), proves)


def hours(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [((first - T0) // H, (end - T0) // H) for first, end in spans]


def put(shelf: StoredShelf, *pages: Page, again: bool = False, replacing: bool = False) -> int:
    return shelf.put("kraken", pages, asked_again=again, replacing=replacing).added


def stored(shelf: StoredShelf) -> list[int]:
    return [(int(stamp) - T0) // H for stamp in load(Series("kraken", "BTC/USD", HOUR, shelf.path)).open_ms]


SPAN = (T0, T0 + 10 * H)


def test_an_empty_shelf_lacks_the_whole_span_and_names_no_gap(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    assert hours(shelf.unknown("kraken", SPAN, 1)) == [(0, 10)]
    assert (shelf.missing(SPAN), shelf.count(), shelf.ends()) == ([], 0, None)


def test_only_what_is_not_stored_is_asked_for_with_three_known_bars_before_it(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    put(shelf, page(0, 1, 2, 3, 4))
    assert hours(shelf.unknown("kraken", SPAN, 1)) == [(2, 10)]
    put(shelf, page(5, 6, 7, 8, 9))
    assert shelf.unknown("kraken", SPAN, 1) == []


def test_gaps_that_fit_into_one_answer_are_asked_for_at_once(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    put(shelf, page(0, 2, 4, 8))
    assert hours(shelf.missing(SPAN)) == [(1, 2), (3, 4), (5, 8), (9, 10)]
    assert hours(shelf.unknown("kraken", SPAN, 10)) == [(0, 10)]
    assert [one[1] for one in hours(shelf.unknown("kraken", SPAN, 1))] == [2, 4, 8, 10]


@pytest.mark.req("R0.8")
def test_a_missing_bar_is_believed_when_it_was_asked_for_twice_or_proved(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    answer = page(0, 1, 3, 4, 5, 6, 7, 8, 9, span=(0, 10))
    put(shelf, answer)
    assert hours(shelf.unknown("kraken", SPAN, 1)) == [(0, 3)]
    put(shelf, answer, again=True)
    assert shelf.unknown("kraken", SPAN, 1) == []
    assert hours(shelf.missing(SPAN)) == [(2, 3)]
    assert hours(shelf.unknown("binance", SPAN, 1)) == [(0, 3)], "another provider was not asked"
    shelf.forget()
    assert hours(shelf.unknown("kraken", SPAN, 1)) == [(0, 3)]
    put(shelf, page(0, 1, 3, span=(0, 4), proves=True))
    assert shelf.unknown("kraken", SPAN, 1) == []


def test_a_revised_bar_is_told_with_both_values_and_stays_as_it_was_unless_asked(tmp_path: Path) -> None:
    """D7."""
    shelf = StoredShelf(tmp_path, WANTED)
    put(shelf, page(0, 1, 2))
    told = Page([row(1, 100.9), row(3)], (T0 + H, T0 + 4 * H))
    kept = shelf.put("kraken", [told], asked_again=False, replacing=False)
    assert kept.added == 1
    (one,) = kept.revisions
    assert (one.time_ms, one.before[3], one.now[3], one.replaced) == (T0 + H, 100.5, 100.9, False)
    bars = load(Series("kraken", "BTC/USD", HOUR, shelf.path))
    assert bars.close.tolist() == [100.5] * 4
    assert shelf.put("kraken", [told], asked_again=False, replacing=True).revisions[0].replaced
    bars = load(Series("kraken", "BTC/USD", HOUR, shelf.path))
    assert bars.close.tolist() == [100.5, 100.9, 100.5, 100.5]
    assert shelf.put("kraken", [told], asked_again=False, replacing=True).revisions == ()


def test_damage_stores_nothing_of_its_group(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    put(shelf, page(0))
    bad = (T0 + 2 * H, 100.0, 98.0, 99.0, 100.0, 1.0)
    with pytest.raises(DataError, match="2023-11-15T01:00:00Z"):
        put(shelf, page(1), Page([bad], (T0 + 2 * H, T0 + 3 * H)))
    assert stored(shelf) == [0]


def test_a_damaged_note_of_gaps_means_that_they_are_asked_for_again(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    put(shelf, page(0, 2, span=(0, 3), proves=True))
    notes = tmp_path / "kraken" / "BTC-USD-1h.fetch.json"
    assert json.loads(notes.read_text()) == {"absent": {"kraken": [[T0 + H, T0 + 2 * H]]}, "stand_ins": {}}
    for text in ("", "[]", '{"absent": 7}', '{"absent": {"kraken": [[1]]}}', "\x00"):
        notes.write_text(text)
        assert hours(shelf.unknown("kraken", (T0, T0 + 3 * H), 1)) == [(0, 2)]


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), max_size=5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_came_in_whatever_order_is_stored_once_and_the_rest_is_missing(
    tmp_path_factory: pytest.TempPathFactory, groups: list[set[int]]
) -> None:
    shelf = StoredShelf(tmp_path_factory.mktemp("shelf"), WANTED)
    added = sum(put(shelf, page(*sorted(one))) for one in groups)
    wanted = sorted(set().union(*groups))
    assert added == len(wanted) == shelf.count()
    if wanted:
        assert stored(shelf) == wanted
        missing = {hour for first, end in hours(shelf.missing(SPAN)) for hour in range(first, end)}
        assert missing == set(range(10)) - set(wanted)
        asked = {hour for first, end in hours(shelf.unknown("kraken", SPAN, 1)) for hour in range(first, end)}
        assert missing <= asked
        assert np.all(np.diff(load(Series("kraken", "BTC/USD", HOUR, shelf.path)).open_ms) > 0)


def test_two_fetches_of_one_series_at_once_lose_nothing(tmp_path: Path) -> None:
    one, other = StoredShelf(tmp_path, WANTED), StoredShelf(tmp_path, WANTED)
    assert (one.count(), other.count()) == (0, 0)
    put(one, page(0, 1, 2))
    put(other, page(2, 3))
    put(one, page(5))
    assert stored(other) == [0, 1, 2, 3, 5]


def test_bars_of_a_stand_in_are_asked_for_again_until_the_venue_gives_its_own(tmp_path: Path) -> None:
    shelf = StoredShelf(tmp_path, WANTED)
    put(shelf, page(0, 1, 4))
    other = Page([row(2, 100.9), row(3, 100.9)], (T0 + 2 * H, T0 + 4 * H))
    shelf.put("binance", [other], asked_again=False, replacing=False)
    assert hours(shelf.unknown("kraken", (T0, T0 + 5 * H), 1)) == [(0, 4)]
    assert shelf.unknown("binance", (T0, T0 + 5 * H), 1) == []
    own = shelf.put(
        "kraken", [Page([row(2)], (T0 + 2 * H, T0 + 4 * H), proves=True)], asked_again=False, replacing=False
    )
    assert [(one.time_ms, one.replaced) for one in own.revisions] == [(T0 + 2 * H, True)]
    bars = load(Series("kraken", "BTC/USD", HOUR, shelf.path))
    assert bars.close.tolist() == [100.5, 100.5, 100.5, 100.9, 100.5]
