"""A day of live cycles against the venue's real rate limits: it never refuses us for asking too much (R1.2, B1 to B3)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from trader_cli.model.orders import Purpose

from .rig import BOTH, HOUR, Done, Rig

Open = Callable[..., Rig]
MINUTE = 60_000
COINS = ("BTC", "ETH", "SOL", "ADA", "DOGE")
SETTINGS: dict[str, dict[str, Any]] = {
    # The exchange shares this machine's processors with the tests: what is slow here is not the venue.
    "venue": {"timeout_s": 30},
    "risk": {"stop_pct": "2", "trail_pct": "0.3"},
    "sizing": {"notional": "700"},
    "execution": {"order": "limit"},
}


@dataclass
class Day:
    """What a stretch of cycles did. most: private requests of a cycle; longest_ms: of a cycle; told: what did not end well."""

    cycles: int = 0
    fills: int = 0
    most: int = 0
    longest_ms: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)


def opened(open_rig: Open, venue: str, timeframe: str) -> Rig:
    """Open a home that trades five coins whose prices move."""
    rig = open_rig(venue, symbols=COINS, settings=SETTINGS | {"data": {"timeframe": timeframe}})
    rig.do("wander")
    return rig


def symbols(rig: Rig) -> list[str]:
    return [f"{one}/{rig.btc.partition('/')[2]}" for one in COINS]


def busy(rig: Rig, frame_ms: int, hours: float) -> None:
    """Let the strategy hold each coin for four bars and leave it for two, each coin a bar after the one before."""
    first, bars = rig.now // frame_ms * frame_ms, round(hours * HOUR / frame_ms) + 1
    turns = {0: 1.0, 4: 0.0}
    plan = {
        symbol: [
            [first + n * frame_ms, {"target": turns[(n + place) % 6]}] for n in range(bars) if (n + place) % 6 in turns
        ]
        for place, symbol in enumerate(symbols(rig))
    }
    (rig.home / "strategies" / "planned.json").write_text(json.dumps(plan))


def live_through(rig: Rig, frame_ms: int, hours: float) -> Day:
    """Start a cycle five seconds after every bar, as cron would; where one still works, the next one is skipped."""
    day, end = Day(), rig.now + round(hours * HOUR)
    while rig.now < end:
        before, began = len(rig.requests()), rig.now
        done = rig.cycle()
        note(day, done, rig.requests()[before:], rig.now - began)
        rig.pass_ms(rig.now // frame_ms * frame_ms + frame_ms + 5_000 - rig.now)
    return day


def note(day: Day, done: Done, made: list[dict[str, Any]], took_ms: int) -> None:
    day.cycles += 1
    day.codes[done.code] += 1
    day.fills += len(done.result.get("fills", ()))
    day.asked.update(row["path"].rsplit("/", 1)[-1] for row in made)
    day.most = max(day.most, len(private(made)))
    day.longest_ms = max(day.longest_ms, took_ms)
    if done.code:
        day.told.append(f"{done.code}: {done.message}")


def private(made: list[dict[str, Any]]) -> list[str]:
    """Return the requests that needed the key, by the end of their path."""
    return [
        row["path"].rsplit("/", 1)[-1] for row in made if "/private/" in row["path"] or "timestamp" in row["params"]
    ]


def judge(rig: Rig, day: Day, *, least_fills: int) -> None:
    """Nothing was refused for its number, what waits says so, stops moved, and everything adds up."""
    stats = rig.server.do("stats")
    print(rig.venue, day, stats["peak"])
    assert (stats["too_many"], stats["impatient"], stats["refused"][rig.venue]) == (0, 0, 0)
    # A market that fell through its stop between two cycles is sold at once, and told; that is no limit of the venue's.
    waits = ("budget", "rate limit", "deferred", "under its stop already")
    assert all(any(word in text for word in waits) for text in day.told), day.told
    assert day.fills >= least_fills
    entries = [one for one in rig.orders(Purpose.ENTRY) if one.filled]
    assert len(rig.orders(Purpose.STOP)) > len(entries), "no stop ever moved"
    assert day.longest_ms <= 120_000
    rig.check()


@pytest.mark.req("R1.2")
@pytest.mark.parametrize("venue", ["kraken", pytest.param("binance", marks=pytest.mark.deep)])
def test_two_hours_of_five_minutes_with_five_coins_meet_no_limit(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "5m")
    busy(rig, 5 * MINUTE, 2)
    day = live_through(rig, 5 * MINUTE, 2)
    judge(rig, day, least_fills=25)
    assert day.codes[0] >= 22, day.told


@pytest.mark.req("R1.2")
def test_bars_of_one_minute_at_krakens_lowest_tier_meet_no_limit(open_rig: Open) -> None:
    rig = opened(open_rig, "kraken", "1m")
    busy(rig, MINUTE, 0.2)
    judge(rig, live_through(rig, MINUTE, 0.2), least_fills=10)


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.req("R1.2")
@pytest.mark.parametrize("venue", BOTH)
def test_a_day_of_five_minutes_with_five_coins_meets_no_limit(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "5m")
    busy(rig, 5 * MINUTE, 24)
    judge(rig, live_through(rig, 5 * MINUTE, 24), least_fills=300)


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.req("R1.2")
@pytest.mark.parametrize("venue", BOTH)
def test_six_hours_of_one_minute_with_five_coins_meet_no_limit(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "1m")
    busy(rig, MINUTE, 6)
    judge(rig, live_through(rig, MINUTE, 6), least_fills=300)


@pytest.mark.req("R1.2")
@pytest.mark.parametrize("venue", BOTH)
def test_a_quiet_cycle_with_five_positions_asks_two_private_questions(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=COINS, settings={"sizing": {"notional": "700"}})
    for symbol in symbols(rig):
        rig.want(symbol, 1)
    assert rig.cycle().code == 0
    assert len(rig.stops()) == 5
    rig.bar()
    before = len(rig.requests())
    done = rig.cycle()
    assert (done.code, done.result["fills"]) == (0, [])
    asked = ["BalanceEx", "OpenOrders"] if venue == "kraken" else ["account", "openOrders"]
    # A bar was decided on, five stops rest as they should: balances and open orders, where six were allowed.
    assert sorted(private(rig.requests()[before:])) == asked
    rig.check()
