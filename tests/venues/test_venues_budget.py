"""The budget of requests: one for all processes, never above what the venue itself would count (R1.2)."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from trader_cli.errors import UsageError, VenueError
from trader_cli.venues import statefile
from trader_cli.venues.budget import Budget
from trader_cli.venues.limits import charges
from trader_cli.venues.meters import ONE, Spanned

NOW = 1_700_000_000_000


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def budget(
    folder: Path, clock: Clock, venue: str = "kraken", tier: str = "starter", account: str = "a", reserve: int = 20
) -> Budget:
    return Budget(folder / f"{venue}.json", venue, account, tier, reserve, clock)


def spent_until_refused(
    one: Budget, kind: str, symbol: str = "", age_ms: int = 0, call: str = ""
) -> tuple[int, VenueError]:
    for count in range(10_000):
        try:
            one.spend(kind, symbol, age_ms, call)
        except VenueError as error:
            return count, error
    raise AssertionError("nothing ever refused")


@pytest.mark.req("R1.2")
@pytest.mark.parametrize(("tier", "calls"), [("starter", 13), ("intermediate", 18), ("pro", 17)])
def test_a_burst_of_private_calls_stays_under_the_tiers_counter_by_a_step_and_two_seconds_of_decay(
    tmp_path: Path, tier: str, calls: int
) -> None:
    # 15 - 1 - 0.66 = 13.34; 20 - 1 - 1 = 18; 20 - 1 - 2 = 17.
    count, error = spent_until_refused(budget(tmp_path, Clock(), tier=tier), "read")
    assert count == calls
    assert error.resolution == "wait"


@pytest.mark.req("R1.2")
def test_history_costs_two_and_the_wait_is_the_decay_to_where_it_fits(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock)
    count, error = spent_until_refused(one, "history")
    # 6 calls = 12 counts; the seventh would be 14 > 13.34: 0.66 at 0.33 a second are 2 s.
    assert count == 6
    assert (one.wait_ms("history"), error.retry_ms) == (2_000, NOW + 2_000)
    clock.now_ms += 1_999
    assert one.wait_ms("history") == 1
    clock.now_ms += 1
    one.spend("history")


def test_placing_and_cancelling_cost_nothing_of_the_keys_counter_and_each_market_has_its_own(tmp_path: Path) -> None:
    one = budget(tmp_path, Clock())
    count, _ = spent_until_refused(one, "place", "BTC/USD")
    # 60 - 1 - 2 = 57, of which a fifth is kept for cancels: 45.6.
    assert count == 45
    one.spend("place", "ETH/USD")
    assert spent_until_refused(one, "read")[0] == 13


def test_the_reserve_is_for_cancels_alone(tmp_path: Path) -> None:
    one = budget(tmp_path, Clock())
    spent_until_refused(one, "place", "BTC/USD")
    # 45 used of 57: one cancel of a fresh order (8), then one of 15 to 45 s (4) make 57.
    one.spend("cancel", "BTC/USD", 0)
    one.spend("cancel", "BTC/USD", 15_000)
    assert spent_until_refused(one, "cancel", "BTC/USD", 299_999)[0] == 0
    one.spend("cancel", "BTC/USD", 300_000)


@pytest.mark.parametrize(
    ("age_ms", "counts"),
    [(0, 8), (4_999, 8), (5_000, 6), (10_000, 5), (15_000, 4), (45_000, 2), (90_000, 1), (299_999, 1), (300_000, 0)],
)
def test_a_cancel_costs_by_the_age_of_its_order(tmp_path: Path, age_ms: int, counts: int) -> None:
    one = budget(tmp_path, Clock())
    one.spend("cancel", "BTC/USD", age_ms)
    assert one.load_pct("BTC/USD") == pytest.approx(100 * counts / 57)


def test_the_load_rises_with_orders_decays_and_is_full_while_a_ban_runs(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock, tier="pro")
    for _ in range(86):
        one.spend("place", "BTC/USD")
    # 180 - 1 - 7.5 = 171.5.
    assert one.load_pct("BTC/USD") == pytest.approx(100 * 86 / 171.5)
    assert one.load_pct("ETH/USD") == 0.0
    clock.now_ms += 10_000
    assert one.load_pct("BTC/USD") == pytest.approx(100 * (86 - 37.5) / 171.5)
    one.refused(clock.now_ms + 1)
    assert one.load_pct("ETH/USD") == 100.0


def test_public_calls_of_kraken_are_1200_ms_apart_for_all_accounts_of_the_machine(tmp_path: Path) -> None:
    clock = Clock()
    budget(tmp_path, clock, account="a").spend("market_data", "BTC/USD")
    other = budget(tmp_path, clock, account="b")
    assert other.wait_ms("market_data", "ETH/USD") == 1_200
    clock.now_ms += 1_200
    other.spend("market_data", "ETH/USD")


def test_each_key_has_its_own_counter(tmp_path: Path) -> None:
    clock = Clock()
    spent_until_refused(budget(tmp_path, clock, account="a"), "read")
    assert spent_until_refused(budget(tmp_path, clock, account="b"), "read")[0] == 13


@pytest.mark.req("R1.2")
def test_binance_allows_6000_weight_in_any_minute_with_a_share_kept_for_cancels(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock, "binance")
    # 80% of 6000 at 80 each.
    assert spent_until_refused(one, "read")[0] == 60
    one.spend("cancel", "BTC/USDT")
    assert one.wait_ms("read") == 62_000
    clock.now_ms += 62_000
    one.spend("read")


@pytest.mark.parametrize(
    ("kind", "symbol", "call", "weight"),
    [
        ("place", "BTC/USDT", "order", 1),
        ("place", "BTC/USDT", "oco", 1),
        ("cancel", "BTC/USDT", "order", 1),
        ("read", "", "account", 20),
        ("read", "", "openOrders", 80),
        ("read", "", "", 80),
        ("read", "BTC/USDT", "openOrders", 6),
        ("read", "BTC/USDT", "order", 4),
        ("read", "BTC/USDT", "", 20),
        ("history", "BTC/USDT", "myTrades", 20),
        ("history", "BTC/USDT", "", 20),
        ("market_data", "BTC/USDT", "klines", 2),
        ("market_data", "", "exchangeInfo", 20),
        ("market_data", "", "time", 1),
        ("market_data", "BTC/USDT", "depth", 5),
        ("market_data", "BTC/USDT", "", 20),
    ],
)
def test_binance_weights_are_those_of_the_call_or_of_the_heaviest_of_its_kind(
    kind: str, symbol: str, call: str, weight: int
) -> None:
    assert charges("binance", "starter", "a", kind, symbol, 0, call)[0].cost == weight * ONE


def test_what_left_the_minute_counts_no_more_and_the_wait_is_for_the_oldest_that_does(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock, "binance")
    for at_ms in (0, 40_000, 62_000):
        clock.now_ms = NOW + at_ms
        for _ in range(30):
            one.spend("read")
    # 2400 each; the first thirty are out again, the second leave at 40 + 62 s.
    assert one.wait_ms("read") == 40_000


def test_a_request_beside_a_turn_given_for_later_counts_as_long_as_that() -> None:
    span = Spanned(100, 10_000, 500)
    assert span.add([[12_000, 1]], 2, 100, 100) == [[12_000, 3]]
    assert span.add([[12_000, 1]], 2, 100, 12_500) == [[12_000, 1], [12_500, 2]]


def test_the_file_is_replaced_as_a_whole_and_survives_a_failure_while_it_is_written(tmp_path: Path) -> None:
    """E10: a reader or a crash never meets half a file."""
    path = tmp_path / "state.json"
    statefile.write(path, {"a": 1}, lasting=True)
    first = path.stat().st_ino
    statefile.write(path, {"a": 2}, lasting=False)
    assert path.stat().st_ino != first
    with pytest.raises(TypeError):
        statefile.write(path, {"a": [1, object()]}, lasting=False)
    assert statefile.read(path) == ({"a": 2}, False)
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_binance_counts_100_orders_in_ten_seconds_and_a_pair_as_two(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock, "binance")
    assert spent_until_refused(one, "place", "BTC/USDT")[0] == 80
    assert one.load_pct("BTC/USDT") == pytest.approx(80.0)
    assert one.wait_ms("place", "BTC/USDT") == 12_000
    clock.now_ms += 12_000
    assert spent_until_refused(one, "place", "BTC/USDT", 0, "oco")[0] == 40


def test_a_ban_is_stored_obeyed_by_the_next_process_for_every_request_and_over(tmp_path: Path) -> None:
    """B1, B2."""
    clock = Clock()
    budget(tmp_path, clock).refused(NOW + 90_000)
    later = budget(tmp_path, clock, account="other")
    clock.now_ms += 1_000
    for kind in ("place", "cancel", "read", "history", "market_data"):
        with pytest.raises(VenueError) as caught:
            later.spend(kind, "BTC/USD")
        assert (caught.value.resolution, caught.value.retry_ms) == ("skip_cycle", NOW + 90_000)
        assert later.wait_ms(kind, "BTC/USD") == 89_000
    clock.now_ms = NOW + 90_000
    later.spend("place", "BTC/USD")


def test_a_shorter_ban_does_not_end_a_longer_one(tmp_path: Path) -> None:
    one = budget(tmp_path, Clock())
    one.refused(NOW + 90_000)
    one.refused(NOW + 5_000)
    assert one.wait_ms("read") == 90_000


def test_a_refusal_without_a_time_fills_every_counter_and_decays(tmp_path: Path) -> None:
    """B3."""
    clock = Clock()
    one = budget(tmp_path, clock)
    one.spend("read")
    one.refused(0)
    # One count at 0.33 a second.
    assert one.wait_ms("read") == 3_031
    assert one.wait_ms("place", "BTC/USD") == (57_000 - 45_600) + 1_000
    assert one.wait_ms("market_data") == 1_200
    clock.now_ms += 3_031
    one.spend("read")
    assert one.wait_ms("read") > 0


@pytest.mark.req("R1.2")
def test_a_refused_public_question_fills_what_public_questions_are_counted_on_and_holds_no_order_up(
    tmp_path: Path,
) -> None:
    one = budget(tmp_path, Clock())
    one.refused(0, "market_data")
    assert one.wait_ms("market_data") == 1_200
    assert one.wait_ms("market_data", "XXBTZUSD", call="OHLC") == 200
    assert one.wait_ms("read") == one.wait_ms("place", "BTC/USD") == 0
    other = budget(tmp_path, Clock(), venue="binance")
    other.refused(0, "market_data")
    assert other.wait_ms("market_data") == other.wait_ms("place", "BTCUSDT") == 62_000, "one weight for all"


def asked_at(one: Budget, clock: Clock, count: int) -> list[int]:
    """Return when so many questions for candles of different pairs may leave, ms from the first."""

    def sleep(seconds: float) -> None:
        clock.now_ms += round(seconds * 1000)

    begin, found = clock.now_ms, []
    for number in range(count):
        one.take("market_data", f"PAIR{number}", call="OHLC", longest_ms=60_000, sleep=sleep)
        found.append(clock.now_ms - begin)
    return found


@pytest.mark.req("R2.2")
def test_candles_leave_five_a_second_by_pair_and_one_in_1200_ms_once_they_are_counted_together(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock)
    assert asked_at(one, clock, 4) == [0, 200, 400, 600]
    assert one.together_ms() == 0
    until = clock.now_ms + 3_600_000
    one.count_together(until)
    one.count_together(until - 5_000)
    assert one.together_ms() == until, "a shorter one does not end a longer one"
    # A second process, and what else is public.
    other = budget(tmp_path, clock)
    assert other.together_ms() == until
    assert asked_at(other, clock, 3) == [0, 1_200, 2_400]
    assert other.wait_ms("market_data") == 1_200
    clock.now_ms = until
    assert other.together_ms() == 0
    assert asked_at(other, clock, 3) == [0, 200, 400]


def test_a_clock_that_is_put_back_makes_nobody_slow_for_longer(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock)
    one.count_together(clock.now_ms + 3_600_000)
    clock.now_ms -= 86_400_000
    assert one.together_ms() == clock.now_ms + 3_600_000


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"version":1}',
        b'{"version":99,"at_ms":0,"full_ms":0,"ban_ms":0,"marks":{}}',
        b'{"version":1,"at_ms":5,"full_ms":0,"ban_ms":0,"marks":{"public":[[99999999999999,1]]}}',
        b'{"version":1,"at_ms":5,"full_ms":0,"ban_ms":0,"marks":{"public":[7]}}',
        b'{"version":1,"at_ms":5,"full_ms":0,"ban_ms":0,"marks":[]}',
    ],
)
def test_a_damaged_file_is_set_aside_and_counts_as_full(tmp_path: Path, damage: bytes) -> None:
    clock = Clock()
    path = tmp_path / "kraken.json"
    path.write_bytes(damage)
    one = budget(tmp_path, clock)
    assert one.wait_ms("read") == 3_031
    assert path.with_name("kraken.json.damaged").read_bytes() == damage
    clock.now_ms += 60_000
    one.spend("read")
    assert json.loads(path.read_text())["version"] == 1


def test_a_clock_that_is_put_back_neither_frees_nor_blocks_anything(tmp_path: Path) -> None:
    """E12: what was spent is as old as before; a ban lasts no longer than it was to."""
    clock = Clock()
    one = budget(tmp_path, clock)
    spent_until_refused(one, "read")
    waited = one.wait_ms("read")
    clock.now_ms -= 3_600_000
    assert one.wait_ms("read") == waited
    clock.now_ms += waited
    one.spend("read")
    one.refused(clock.now_ms + 10_000)
    clock.now_ms -= 86_400_000
    assert one.wait_ms("read") == 10_000


def test_a_clock_that_stays_back_is_measured_by_its_own_steps_from_the_first_request_on(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock)
    one.refused(NOW + 10_000)
    clock.now_ms -= 3_600_000
    with pytest.raises(VenueError):
        one.spend("read")
    clock.now_ms += 10_000
    one.spend("read")


def test_a_file_that_cannot_be_written_stops_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E5: what is not counted is not sent."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trader_cli.venues.statefile.write", full)
    with pytest.raises(VenueError, match="No space left on device") as caught:
        budget(tmp_path, Clock()).spend("read")
    assert caught.value.pattern == "budget_unkept"


def test_unknown_kinds_and_venues_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`raed`"):
        budget(tmp_path, Clock()).wait_ms("raed")
    with pytest.raises(UsageError, match="`krakn`"):
        budget(tmp_path, Clock(), "krakn").wait_ms("read")


def test_the_file_forgets_markets_that_were_left_alone_for_days(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock)
    for i in range(20):
        one.spend("place", f"COIN{i}/USD")
    clock.now_ms += 3 * 86_400_000
    one.spend("read")
    one.spend("read")
    assert list(json.loads(one.path.read_text())["marks"]) == ["key:a"]


class Sleep:
    """A sleep that moves the clock, and lets something happen meanwhile."""

    def __init__(self, clock: Clock, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self.meanwhile = meanwhile
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now_ms += round(seconds * 1000)
        self.meanwhile()


@pytest.mark.parametrize(
    ("venue", "kind", "symbol", "gap_s"),
    [("kraken", "market_data", "", 1.2), ("kraken", "read", "", 1 / 0.33), ("binance", "place", "BTC/USDT", 0.0)],
)
def test_turns_are_kept_for_those_who_wait_for_them(
    tmp_path: Path, venue: str, kind: str, symbol: str, gap_s: float
) -> None:
    """Several processes wait at the same moment: each gets a turn of its own, none is turned away at its end."""
    clock = Clock()
    one = budget(tmp_path, clock, venue)
    spent_until_refused(one, kind, symbol)
    slept = []
    for _ in range(4):
        sleep = Sleep(Clock())
        one.take(kind, symbol, longest_ms=60_000, sleep=sleep)
        slept += sleep.slept
    gaps = [later - sooner for sooner, later in pairwise(slept)]
    assert len(slept) == 4
    assert all(gap == pytest.approx(gap_s, abs=0.002) for gap in gaps)


def test_a_turn_that_is_too_far_off_is_refused_and_not_counted(tmp_path: Path) -> None:
    clock = Clock()
    one = budget(tmp_path, clock)
    one.spend("market_data")
    with pytest.raises(VenueError, match="used up for another 1.2 s"):
        one.take("market_data", longest_ms=1_199, sleep=Sleep(clock))
    sleep = Sleep(clock)
    one.take("market_data", longest_ms=1_200, sleep=sleep)
    assert sleep.slept == [1.2]


def test_a_ban_that_begins_while_a_turn_is_waited_for_stops_the_request(tmp_path: Path) -> None:
    """B1."""
    clock = Clock()
    one = budget(tmp_path, clock)
    one.spend("market_data")
    with pytest.raises(VenueError) as caught:
        one.take("market_data", longest_ms=5_000, sleep=Sleep(clock, lambda: one.refused(clock.now_ms + 30_000)))
    assert (caught.value.pattern, caught.value.retry_ms) == ("ban", clock.now_ms + 30_000)


_SPENDER = """
import sys
from pathlib import Path
from trader_cli.errors import VenueError
from trader_cli.venues.budget import Budget

one = Budget(Path(sys.argv[1]), "kraken", "a", "starter", 20, lambda: 1_700_000_000_000)
print("ready", flush=True)
sys.stdin.readline()
done = 0
for _ in range(30):
    try:
        one.spend("read")
        done += 1
    except VenueError:
        pass
print(done, flush=True)
"""


@pytest.mark.req("R1.2")
def test_four_processes_at_once_spend_together_what_one_may(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SPENDER, str(tmp_path / "kraken.json")]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for one in workers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in workers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate(timeout=60)[0] for one in workers]
    assert sum(int(one) for one in said) == 13
    assert all(one.returncode == 0 for one in workers)


class KrakensOwnCount:
    """Kraken's counters as its documentation tells them, in floats, sinking once in so many whole counts, by arrival."""

    def __init__(self, most: float, sinks_per_s: float) -> None:
        self.most = most
        self.every_ms = 1_000 / sinks_per_s
        self.level = 0.0
        self.sunk_ms = 0.0

    def arrive(self, cost: int, at_ms: int) -> bool:
        """Count a request; False where Kraken answers `Rate limit exceeded`."""
        steps = int((at_ms - self.sunk_ms) // self.every_ms)
        if steps > 0:
            self.level = max(0.0, self.level - steps)
            self.sunk_ms += steps * self.every_ms
        self.level += cost
        return self.level <= self.most


class BinancesOwnCount:
    """A sum that begins anew with every whole span of the venue's clock, by arrival."""

    def __init__(self, most: int, span_ms: int) -> None:
        self.most = most
        self.span_ms = span_ms
        self.sums: dict[int, int] = {}

    def arrive(self, cost: int, at_ms: int) -> bool:
        span = at_ms // self.span_ms
        self.sums[span] = self.sums.get(span, 0) + cost
        return self.sums[span] <= self.most


DAY_MS = 86_400_000
CYCLE_MS = 300_000


def _requests(rng: random.Random, symbols: list[str]) -> list[tuple[str, str, int]]:
    """What a busy cycle asks, in order: candles of all markets, the account, orders, cancels, trades."""
    asked = [("market_data", one, 0) for one in symbols]
    asked += [("read", "", 0)] * rng.randint(6, 18) + [("history", "", 0)] * rng.randint(0, 3)
    for _ in range(rng.randint(0, 4)):
        symbol = rng.choice(symbols[:3])
        asked += [("place", symbol, 0)] * rng.randint(1, 16)
        asked += [("cancel", symbol, rng.choice((500, 7_000, 40_000, 400_000)))] * rng.randint(0, 3)
        asked.append(("read", symbol, 0))
    return asked


def _a_day(one: Budget, clock: Clock, start_ms: int, symbols: list[str]) -> list[tuple[int, str, str, int]]:
    """Return (leaves_ms, kind, symbol, age) of a day of 5-minute cycles of two processes whose requests interleave."""
    rng = random.Random(4)
    left: list[tuple[int, str, str, int]] = []
    for cycle in range(DAY_MS // CYCLE_MS):
        clock.now_ms = max(clock.now_ms, start_ms + cycle * CYCLE_MS)
        both = [*_requests(rng, symbols), *_requests(rng, symbols)]
        end_ms = clock.now_ms + 120_000
        for kind, symbol, age_ms in both:
            try:
                one.spend(kind, symbol, age_ms)
            except VenueError as error:
                if error.retry_ms > end_ms:
                    continue
                clock.now_ms = error.retry_ms
                one.spend(kind, symbol, age_ms)
            left.append((clock.now_ms, kind, symbol, age_ms))
            clock.now_ms += rng.choice((0, 1, 30, 250))
    return left


def _no_disk(one: Budget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the file in memory: the day is about counters, and 100,000 files would be about the disk."""
    kept = {"text": "{}"}
    monkeypatch.setattr("trader_cli.venues.statefile.read", lambda _path: (json.loads(kept["text"]), False))

    def keep(_path: Path, value: object, *, lasting: bool) -> None:
        kept["text"] = json.dumps(value)

    monkeypatch.setattr("trader_cli.venues.statefile.write", keep)


@pytest.mark.req("R1.2")
@pytest.mark.req("R2.11")
@pytest.mark.parametrize(
    "tier", ["starter", *(pytest.param(one, marks=pytest.mark.deep) for one in ("intermediate", "pro"))]
)
def test_a_day_of_5_minute_cycles_of_two_processes_is_never_refused_by_krakens_own_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: str
) -> None:
    clock = Clock()
    symbols = [f"COIN{i}/USD" for i in range(20)]
    one = budget(tmp_path, clock, tier=tier)
    _no_disk(one, monkeypatch)
    left = _a_day(one, clock, NOW, symbols)
    most, sinks = {"starter": (15, 0.33), "intermediate": (20, 0.5), "pro": (20, 1.0)}[tier]
    pair_most, pair_sinks = {"starter": (60, 1.0), "intermediate": (125, 2.34), "pro": (180, 3.75)}[tier]
    key = KrakensOwnCount(most, sinks)
    pairs = {symbol: KrakensOwnCount(pair_most, pair_sinks) for symbol in symbols}
    cancels = {500: 8, 7_000: 6, 40_000: 4, 400_000: 0}
    rng = random.Random(5)
    refused = 0
    # Arrivals up to 1.9 s late, as bunched as that can make them.
    for at_ms, kind, symbol, age_ms in sorted((at + rng.choice((0, 0, 40, 900, 1_900)), *rest) for at, *rest in left):
        if kind in ("read", "history"):
            refused += not key.arrive(2 if kind == "history" else 1, at_ms)
        elif kind in ("place", "cancel"):
            refused += not pairs[symbol].arrive(1 if kind == "place" else cancels[age_ms], at_ms)
    assert refused == 0
    public = [at for at, kind, *_ in left if kind == "market_data"]
    assert min(b - a for a, b in pairwise(public)) >= 1_200
    assert len(left) > 288 * 40


@pytest.mark.req("R1.2")
@pytest.mark.req("R2.11")
@pytest.mark.parametrize("count", [20, pytest.param(184, marks=pytest.mark.deep)])
def test_a_day_of_5_minute_cycles_of_two_processes_is_never_refused_by_binances_own_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    clock = Clock()
    symbols = [f"COIN{i}/USDT" for i in range(count)]
    one = budget(tmp_path, clock, "binance")
    _no_disk(one, monkeypatch)
    left = _a_day(one, clock, NOW, symbols)
    weight, orders = BinancesOwnCount(6_000, 60_000), BinancesOwnCount(100, 10_000)
    rng = random.Random(5)
    refused = 0
    for at_ms, kind, symbol, _ in sorted((at + rng.choice((0, 0, 40, 900, 1_900)), *rest) for at, *rest in left):
        real = {"place": 1, "cancel": 1, "read": 6 if symbol else 80, "history": 20, "market_data": 2}[kind]
        refused += not weight.arrive(real, at_ms)
        if kind == "place":
            refused += not orders.arrive(1, at_ms)
    assert refused == 0
