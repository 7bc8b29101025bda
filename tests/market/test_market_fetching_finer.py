"""A coarser series is made of a finer one that is known whole, and asked for where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trader_cli.jobs.fetch import Page, Row, Span, Wanted
from trader_cli.market.fetching import StoredShelf
from trader_cli.market.fetching_finer import FinerFirst
from trader_cli.model.timeframe import Timeframe

MINUTE, FIVE = Timeframe.parse("1m"), Timeframe.parse("5m")
M = 60_000
T0 = 1_700_000_100_000
ASKED = Page((), (0, 0))


class Dear:
    """A provider whose spans take some requests."""

    name = "kraken"

    def __init__(self, requests: float = 9.0) -> None:
        self.needed = requests

    def now_ms(self) -> int:
        return T0

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        return self.needed

    def page_bars(self) -> int:
        return 719

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: Any) -> tuple[Page, Any]:
        return ASKED, "more"


def row(minute: int) -> Row:
    return (T0 + minute * M, 100.0 + minute, 102.0 + minute, 99.0, 101.0, 0.5)


def stored(folder: Path, minutes: list[int], known: int) -> None:
    """Store some minutes of the first `known`; the others are known to be missing."""
    pages = [Page([row(one) for one in minutes], (T0, T0 + known * M), proves=True)]
    StoredShelf(folder, Wanted("kraken", "BTC/USD", MINUTE)).put("kraken", pages, asked_again=False, replacing=False)


def page(folder: Path, minutes: int, *, requests: float = 9.0, cursor: Any = None) -> Page:
    at = FinerFirst(Dear(requests), folder, "kraken", [MINUTE, FIVE], lambda one: StoredShelf(folder, one))
    return at.page("BTC/USD", FIVE, (T0, T0 + minutes * M), cursor)[0]


def test_known_minutes_make_the_bar_of_five(tmp_path: Path) -> None:
    stored(tmp_path, list(range(10)), 10)
    made = page(tmp_path, 10)
    assert made.rows == [(T0, 100.0, 106.0, 99.0, 101.0, 2.5), (T0 + 5 * M, 105.0, 111.0, 99.0, 101.0, 2.5)]
    assert (made.span, made.proves) == ((T0, T0 + 10 * M), True)


def test_a_minute_without_trades_lacks_nothing_and_five_of_them_are_no_bar(tmp_path: Path) -> None:
    stored(tmp_path, [0, 2, 10, 14], 15)
    made = page(tmp_path, 15)
    assert [(one[0] - T0) // M for one in made.rows] == [0, 10]
    assert (made.span, made.proves) == ((T0, T0 + 15 * M), True)


def test_nothing_is_said_of_a_last_bar_that_no_later_one_ends(tmp_path: Path) -> None:
    stored(tmp_path, [0, 4, 5, 6], 10)
    made = page(tmp_path, 10)
    assert ([(one[0] - T0) // M for one in made.rows], made.span) == ([0], (T0, T0 + 5 * M))


@pytest.mark.parametrize("known", [0, 9])
def test_where_a_minute_is_unknown_the_provider_is_asked(tmp_path: Path, known: int) -> None:
    if known:
        stored(tmp_path, list(range(known)), known)
    assert page(tmp_path, 10) is ASKED


def test_where_one_request_does_or_a_walk_goes_on_the_provider_is_asked(tmp_path: Path) -> None:
    stored(tmp_path, list(range(10)), 10)
    assert page(tmp_path, 10, requests=1.0) is ASKED
    assert page(tmp_path, 10, cursor="here") is ASKED
