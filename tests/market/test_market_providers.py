"""Providers are known by what they did: quotas count by the UTC day, scores fade, and every process reads the same file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from trader_cli.errors import UsageError, VenueError
from trader_cli.jobs.fetch import Page, Span
from trader_cli.market.providers import Scores, Watched
from trader_cli.model.timeframe import DAY_MS, Timeframe

pytestmark = pytest.mark.req("R2.7")
NOON = 20_000 * DAY_MS + DAY_MS // 2
HOUR = Timeframe.parse("1h")
H = HOUR.ms


class Now:
    def __init__(self) -> None:
        self.ms = NOON

    def __call__(self) -> int:
        return self.ms


def scores(folder: Path, now: Now, **quotas: int) -> Scores:
    return Scores(folder / "providers.json", half_life_ms=H, slow_s=2.0, quotas=quotas, now_ms=now)


def test_a_provider_nobody_asked_has_the_best_score(tmp_path: Path) -> None:
    one = scores(tmp_path, Now()).standing("kraken")
    assert (one.score, one.used, one.asked, one.error) == (1.0, 0, "", "")
    assert math.isnan(one.success_pct)
    assert math.isnan(one.seconds)


def test_the_score_is_answers_times_speed_by_freshness(tmp_path: Path) -> None:
    """By hand: 3 of 4 answered -> (3 + 1) / (4 + 1); 2 s an answer -> 2 / (2 + 2); a bar behind on average -> 1 / 2."""
    at = scores(tmp_path, Now())
    at.record("kraken", 1.0, behind_bars=2)
    at.record("kraken", 2.0, behind_bars=0)
    at.record("kraken", 3.0)
    at.record("kraken", 0.1, error="HTTP 503")
    one = at.standing("kraken")
    assert one.score == pytest.approx(0.8 * 0.5 * 0.5)
    assert (one.success_pct, one.seconds, one.behind_bars) == pytest.approx((75.0, 2.0, 1.0))
    assert one.error == "2024-10-04T12:00:00Z: HTTP 503"


def test_half_of_a_record_is_forgotten_in_every_half_life(tmp_path: Path) -> None:
    now = Now()
    at = scores(tmp_path, now)
    for _ in range(3):
        at.record("kraken", 0.0, error="away")
    assert at.standing("kraken").score == pytest.approx(1 / 4)
    now.ms += H
    assert at.standing("kraken").score == pytest.approx(1 / 2.5)
    at.record("kraken", 0.0)
    assert at.standing("kraken").score == pytest.approx(2 / 3.5)
    now.ms += 40 * H
    assert at.standing("kraken").score == pytest.approx(1.0)


def test_a_quota_is_a_days_and_every_process_counts_on_it(tmp_path: Path) -> None:
    now = Now()
    one, other = scores(tmp_path, now, kraken=2), scores(tmp_path, now, kraken=2)
    one.spend("kraken")
    other.spend("kraken")
    with pytest.raises(VenueError, match="may be asked 2 times a day, and was") as caught:
        one.spend("kraken")
    assert caught.value.retry_ms == 20_001 * DAY_MS
    assert one.standing("kraken").used == 2
    one.spend("binance")
    now.ms = 20_001 * DAY_MS
    one.spend("kraken")
    assert other.standing("kraken").used == 1


def test_the_best_stands_in_first_and_one_without_quota_last(tmp_path: Path) -> None:
    at = scores(tmp_path, Now(), a=1)
    assert at.ranked(["a", "b", "c"]) == ["a", "b", "c"]
    at.record("b", 0.0, error="away")
    assert at.ranked(["a", "b", "c"]) == ["a", "c", "b"]
    at.spend("a")
    assert at.ranked(["a", "b", "c"]) == ["c", "b", "a"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"kraken": {}}', '{"kraken": {"good": NaN}}', '{"kraken": 7}', "\x00"]
)
def test_a_damaged_record_is_begun_anew(tmp_path: Path, text: str) -> None:
    at = scores(tmp_path, Now())
    at.path.write_text(text)
    assert at.standing("kraken").score == 1.0
    at.record("kraken", 1.0)
    assert at.standing("kraken").success_pct == 100.0


class Inner:
    """A provider that gives one prepared answer and takes its time."""

    name = "kraken"

    def __init__(self, answer: Page | Exception, clock: list[float]) -> None:
        self.answer, self.clock, self.asked = answer, clock, ""

    def now_ms(self) -> int:
        return NOON

    def requests(self, timeframe: Timeframe, span: Span) -> float:
        return 1.0

    def page_bars(self) -> int:
        return 1

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: Any) -> tuple[Page, Any]:
        self.asked = symbol
        self.clock[0] += 1.5
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, None


def watched(folder: Path, answer: Page | Exception) -> tuple[Watched, Inner, Scores]:
    clock = [0.0]
    at, inner = scores(folder, Now(), kraken=5), Inner(answer, clock)
    return Watched(inner, at, lambda: clock[0], lambda symbol: symbol.replace("USD", "USDT")), inner, at


def test_every_request_is_counted_timed_and_judged_by_how_new_its_newest_bar_is(tmp_path: Path) -> None:
    row = (NOON - 3 * H, 1.0, 1.0, 1.0, 1.0, 1.0)
    one, inner, at = watched(tmp_path, Page([row], (NOON - 9 * H, NOON - 2 * H), newest=True))
    one.page("BTC/USD", HOUR, (NOON - 9 * H, NOON), None)
    standing = at.standing("kraken")
    assert (standing.used, standing.seconds, standing.behind_bars, inner.asked) == (1, 1.5, 2.0, "BTC/USDT")


def test_a_failure_counts_against_it_but_a_symbol_it_does_not_have_does_not(tmp_path: Path) -> None:
    one, _, at = watched(tmp_path, VenueError("away"))
    with pytest.raises(VenueError):
        one.page("BTC/USD", HOUR, (0, H), None)
    assert at.standing("kraken").success_pct == 0.0
    one, _, at = watched(tmp_path / "b", UsageError("no such symbol"))
    with pytest.raises(UsageError):
        one.page("BTC/USD", HOUR, (0, H), None)
    assert at.standing("kraken").score == 1.0
