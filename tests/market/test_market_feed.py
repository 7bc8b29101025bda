"""A cycle's bars: stored and the venue's newer ones, or the backtest's series by the clock of the data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trader_cli.errors import DataError, VenueError
from trader_cli.market.feed import CachedFeed, ReplayFeed
from trader_cli.market.files import file_of, load, write
from trader_cli.market.listing import Series
from trader_cli.market.store import BarStore
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.wiring import builtin_dir

H = 3_600_000
HOUR = Timeframe(H)
T0 = 1_700_002_800_000 // H * H
SAMPLE = builtin_dir("data")
Row = tuple[int, float, float, float, float, float]


def row(i: int, volume: float = 1.0) -> Row:
    """The bar that opens `i` hours after T0."""
    price = 100.0 + i % 7
    return (T0 + i * H, price, price + 1, price - 1, price + 0.5, volume)


def bars(rows: list[Row], symbol: str = "BTC/USD", timeframe: Timeframe = HOUR) -> Bars:
    columns = {name: np.array([one[i + 1] for one in rows]) for i, name in enumerate(COLUMNS)}
    return Bars(symbol, "kraken", timeframe, np.array([one[0] for one in rows], np.int64), **columns)


class Market:
    """A venue with hourly bars from T0 on: a page at a time, `window` newest at most, with whatever a test changes."""

    def __init__(self, hours: float, page: int = 1000, window: int | None = None) -> None:
        self.hours = hours
        self.page = page
        self.window = window
        self.changed: dict[int, Row | None] = {}
        self.asked: list[int | None] = []
        self.failing_after: int | None = None

    def now_ms(self) -> int:
        return int(T0 + self.hours * H)

    def __call__(self, symbol: str, timeframe: Timeframe, since_ms: int | None) -> list[Row]:
        if self.failing_after is not None and len(self.asked) >= self.failing_after:
            raise VenueError("time-out")
        self.asked.append(since_ms)
        whole = [self.changed.get(i, row(i)) for i in range(int(self.hours))]
        rows = [one for one in whole if one is not None]
        if self.window is not None:
            rows = rows[-self.window :]
        if since_ms is None:
            return rows[-self.page :]
        return [one for one in rows if one[0] >= since_ms][: self.page]


def feed(folder: Path, market: Market) -> CachedFeed:
    return CachedFeed(folder, "kraken", BarStore(folder, SAMPLE), market, market.now_ms)


def stored(folder: Path, symbol: str = "BTC/USD", timeframe: Timeframe = HOUR) -> Bars:
    return load(Series("kraken", symbol, timeframe, file_of(folder, "kraken", symbol, timeframe)))


def opens(one: Bars) -> list[int]:
    return [int(stamp - T0) // H for stamp in one.open_ms]


def test_a_first_cycle_takes_the_newest_page_and_stores_it(tmp_path: Path) -> None:
    market = Market(10.5, page=4)
    got = feed(tmp_path, market).closed("BTC/USD", HOUR, None)
    assert opens(got) == opens(stored(tmp_path)) == [6, 7, 8, 9]
    assert market.asked == [None]


def test_the_venue_is_asked_once_a_bar_and_from_a_few_known_ones_on(tmp_path: Path) -> None:
    market = Market(10.0)
    feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    market.hours = 10.99
    assert opens(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == list(range(10))
    assert len(market.asked) == 1
    market.hours = 11.0
    one = feed(tmp_path, market)
    assert opens(one.closed("BTC/USD", HOUR, T0)) == list(range(11))
    one.closed("BTC/USD", HOUR, T0)
    assert market.asked == [T0, T0 + 7 * H]


def test_a_bar_that_is_late_is_asked_for_once_a_process(tmp_path: Path) -> None:
    """D2: the lead judges how stale is too stale; here the newest bar simply is not there."""
    market = Market(10.0)
    market.changed[9] = None
    one = feed(tmp_path, market)
    assert opens(one.closed("BTC/USD", HOUR, T0)) == opens(one.closed("BTC/USD", HOUR, T0)) == list(range(9))
    assert len(market.asked) == 1
    del market.changed[9]
    assert opens(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == list(range(10))


def test_the_same_series_is_served_however_the_runs_fell(tmp_path: Path) -> None:
    """E4: days missed are caught up."""
    hourly, once = tmp_path / "a", tmp_path / "b"
    for hours in (20, 21, 22, 30, 80):
        last = feed(hourly, Market(hours)).closed("BTC/USD", HOUR, T0)
    whole = feed(once, Market(80)).closed("BTC/USD", HOUR, T0)
    assert feed(once, Market(80)).digest(whole) == feed(once, Market(80)).digest(last)
    assert BarStore(once, SAMPLE).digest(whole) == BarStore(hourly, SAMPLE).digest(stored(hourly))


def test_many_pages_are_read_until_the_newest_bar(tmp_path: Path) -> None:
    market = Market(2_600, page=1000)
    assert len(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == 2_600
    assert market.asked == [T0, T0 + 999 * H, T0 + 1_998 * H]


def test_pages_before_a_fault_are_kept_and_the_next_run_goes_on_from_there(tmp_path: Path) -> None:
    market = Market(2_600)
    market.failing_after = 2
    with pytest.raises(VenueError, match="time-out"):
        feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    assert len(stored(tmp_path)) == 1_999
    market.failing_after = None
    assert len(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == 2_600
    assert market.asked[2] == T0 + 1_996 * H


def test_bars_older_than_those_stored_are_asked_for_once(tmp_path: Path) -> None:
    """D8: a longer warm-up finds what the venue still has."""
    market = Market(1_000, window=720)
    write(bars([row(i) for i in range(990, 1_000)]), file_of(tmp_path, "kraken", "BTC/USD", HOUR))
    assert opens(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == list(range(280, 1_000))
    feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    feed(tmp_path, market).closed("BTC/USD", HOUR, T0 + 5 * H)
    assert market.asked == [T0]


def test_older_bars_are_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    market = Market(2_600)
    write(bars([row(i) for i in range(2_500, 2_600)]), file_of(tmp_path, "kraken", "BTC/USD", HOUR))
    market.failing_after = 1
    with pytest.raises(VenueError):
        feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    assert len(stored(tmp_path)) == 100
    market.failing_after = None
    assert len(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == 2_600


def test_a_history_at_a_finer_timeframe_is_where_it_begins(tmp_path: Path) -> None:
    half = Timeframe(H // 2)
    fine = [(T0 + i * H // 2, *row(i)[1:]) for i in range(40)]
    write(bars(fine, timeframe=half), file_of(tmp_path, "kraken", "BTC/USD", half))
    market = Market(22.0, window=5)
    got = feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    assert opens(got) == list(range(22))
    assert got.open[0] == row(0)[1]
    assert got.close[0] == row(1)[4]


def test_a_revised_bar_is_noted_once_and_the_stored_one_stays(tmp_path: Path) -> None:
    """D7."""
    market = Market(10.0)
    feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    market.hours = 11.0
    market.changed[9] = (T0 + 9 * H, 102.0, 103.0, 101.0, 102.25, 1.5)
    one = feed(tmp_path, market)
    got = one.closed("BTC/USD", HOUR, T0)
    assert (got.close[9], len(got)) == (102.5, 11)
    (note,) = one.notes()
    assert (note.kind, note.symbol, note.time_ms) == ("revised", "BTC/USD", T0 + 9 * H)
    assert "close 102.5 is 102.25 now, volume 1 is 1.5 now" in note.text
    kept = file_of(tmp_path, "kraken", "BTC/USD", HOUR).with_name("BTC-USD-1h.notes.json")
    assert "102.25" in kept.read_text()
    market.hours = 12.0
    later = feed(tmp_path, market)
    assert later.closed("BTC/USD", HOUR, T0).close[9] == 102.5
    assert later.notes() == []


def test_a_bar_that_comes_after_later_ones_is_left_out_and_noted(tmp_path: Path) -> None:
    """D2, D7: what was decided without it stays as it was."""
    market = Market(10.0)
    market.changed[8] = None
    feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    del market.changed[8]
    market.hours = 11.0
    one = feed(tmp_path, market)
    assert opens(one.closed("BTC/USD", HOUR, T0)) == [0, 1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert [note.kind for note in one.notes()] == ["holes", "late"]


def test_holes_are_counted_and_named(tmp_path: Path) -> None:
    """D2."""
    market = Market(40.0)
    for i in (5, 6, 20):
        market.changed[i] = None
    one = feed(tmp_path, market)
    one.closed("BTC/USD", HOUR, T0)
    (note,) = one.notes()
    assert (note.kind, note.bars, note.time_ms) == ("holes", 3, T0 + 19 * H)
    assert note.text == "`BTC/USD`: 3 1h bars are missing in 2 holes, the last after 2023-11-15T18:00:00Z"


def test_a_gap_longer_than_the_venues_window_is_a_hole(tmp_path: Path) -> None:
    """D2: Kraken gives the newest 720 bars, a machine was off for longer."""
    feed(tmp_path, Market(10.0)).closed("BTC/USD", HOUR, T0)
    one = feed(tmp_path, Market(1_000, window=720))
    assert len(one.closed("BTC/USD", HOUR, T0)) == 730
    (note,) = one.notes()
    assert (note.kind, note.bars) == ("holes", 270)


def test_a_newest_bar_without_a_trade_is_told(tmp_path: Path) -> None:
    """D9."""
    market = Market(10.0)
    market.changed[9] = row(9, volume=0.0)
    one = feed(tmp_path, market)
    one.closed("BTC/USD", HOUR, T0)
    assert [(note.kind, note.time_ms) for note in one.notes()] == [("quiet", T0 + 9 * H)]


def test_a_bar_that_still_forms_is_neither_shown_nor_stored_whoever_fetched_it(tmp_path: Path) -> None:
    """D1."""
    market = Market(10.0)
    one = CachedFeed(tmp_path, "kraken", BarStore(tmp_path, SAMPLE), market, lambda: T0 + 10 * H - 1)
    assert opens(one.closed("BTC/USD", HOUR, T0)) == opens(stored(tmp_path)) == list(range(9))


def test_a_clock_that_was_put_back_shows_only_what_is_closed_by_it(tmp_path: Path) -> None:
    """E12."""
    feed(tmp_path, Market(20.0)).closed("BTC/USD", HOUR, T0)
    market = Market(15.5)
    assert opens(feed(tmp_path, market).closed("BTC/USD", HOUR, T0)) == list(range(15))
    assert market.asked == []
    assert len(stored(tmp_path)) == 20


@pytest.mark.parametrize("bad", [(T0 + 4 * H, 1.0, 2.0, 3.0, 1.0, 1.0), (T0 + 4 * H, float("nan"), 1.0, 1.0, 1.0, 1.0)])
def test_a_damaged_answer_is_refused_and_not_stored(tmp_path: Path, bad: Row) -> None:
    """D4."""
    market = Market(10.0)
    market.changed[4] = bad
    with pytest.raises(DataError, match="2023-11-15T03:00:00Z"):
        feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    assert not file_of(tmp_path, "kraken", "BTC/USD", HOUR).exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = file_of(tmp_path, "kraken", "BTC/USD", HOUR)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(DataError, match=r"BTC-USD-1h\.parquet"):
        feed(tmp_path, Market(10.0)).closed("BTC/USD", HOUR, T0)


def test_damaged_notes_harm_nobody(tmp_path: Path) -> None:
    path = file_of(tmp_path, "kraken", "BTC/USD", HOUR).with_name("BTC-USD-1h.notes.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"revised": [')
    assert len(feed(tmp_path, Market(10.0)).closed("BTC/USD", HOUR, T0)) == 10


def test_nothing_closed_yet_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no closed 1h bar of `BTC/USD` on `kraken`"):
        feed(tmp_path, Market(0.5)).closed("BTC/USD", HOUR, T0)


def test_what_the_feed_stores_a_backtest_reads(tmp_path: Path) -> None:
    got = feed(tmp_path, Market(50.0)).closed("BTC/USD", HOUR, T0)
    store = BarStore(tmp_path, SAMPLE)
    assert store.digest(store.load("BTC/USD", "kraken", HOUR)) == store.digest(got)


def test_what_another_process_stored_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market(11.0)
    done: list[str] = []

    def slow(symbol: str, timeframe: Timeframe, since_ms: int | None) -> list[Row]:
        rows = market(symbol, timeframe, since_ms)
        feed(tmp_path, Market(12.0)).closed("BTC/USD", HOUR, T0)
        done.append("the other stored")
        return rows

    def lock(_handle: int, how: int) -> None:
        done.append(f"lock {how}")

    feed(tmp_path, Market(10.0)).closed("BTC/USD", HOUR, T0)
    monkeypatch.setattr("fcntl.flock", lock)
    one = CachedFeed(tmp_path, "kraken", BarStore(tmp_path, SAMPLE), slow, market.now_ms)
    assert opens(one.closed("BTC/USD", HOUR, T0)) == list(range(11))
    assert opens(stored(tmp_path)) == list(range(12))
    # Each of the two held the file alone (LOCK_EX is 2) while it read and wrote.
    assert done == ["lock 2", "the other stored", "lock 2"]


_READER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_market_feed import H, HOUR, T0, Market, feed

folder, hours = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for i in range(10):
    got = feed(folder, Market(hours + i)).closed("BTC/USD", HOUR, T0)
    assert len(got) == hours + i, (len(got), hours + i)
    assert (got.open_ms[1:] - got.open_ms[:-1] == H).all()
"""


def test_five_processes_at_once_lose_no_bar_and_leave_a_sound_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _READER, str(tmp_path)]
    here = str(Path(__file__).parent)
    workers = [
        subprocess.Popen(
            [*command, str(20 + i), here],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(5)
    ]
    for one in workers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in workers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in workers:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    assert opens(stored(tmp_path)) == list(range(33))
    assert not list(tmp_path.rglob("*.part"))


def replay(moment_ms: int, since_ms: int | None = None, until_ms: int | None = None) -> ReplayFeed:
    store = BarStore(None, SAMPLE)
    coins = store.sample_symbols()[1]
    return ReplayFeed(store, coins, "bitfinex", Timeframe.parse("4h"), since_ms, until_ms, moment_ms)


@pytest.mark.parametrize("since", [None, 1_530_000_000_000])
def test_at_every_moment_a_replay_is_the_beginning_of_what_the_backtest_reads(since: int | None) -> None:
    """Law 2: the first k bars, to the bit."""
    store, four = BarStore(None, SAMPLE), Timeframe.parse("4h")
    for symbol in store.sample_symbols()[1]:
        whole = store.load(symbol, "bitfinex", four, since)
        for k in (1, 2, 500, len(whole) - 1, len(whole)):
            close = int(whole.open_ms[k - 1]) + four.ms
            for moment in (close, close + 1):
                shown = replay(moment, since).closed(symbol, four, None)
                assert store.digest(shown) == store.digest(whole[:k])
            assert len(replay(close - 1, since).closed(symbol, four, None)) == k - 1


def test_a_replay_cut_by_what_is_asked_for_begins_there() -> None:
    store, four = BarStore(None, SAMPLE), Timeframe.parse("4h")
    whole = store.load("BTC/USD", "bitfinex", four)
    first = int(whole.open_ms[100])
    shown = replay(int(whole.open_ms[300])).closed("BTC/USD", four, first)
    assert store.digest(shown) == store.digest(whole[100:300])


def test_the_replays_clock_visits_every_close_of_every_symbol_once() -> None:
    store = BarStore(None, SAMPLE)
    four = Timeframe.parse("4h")
    since = 1_540_000_000_000
    union = sorted(
        {
            int(stamp) + four.ms
            for one in store.sample_symbols()[1]
            for stamp in store.load(one, "bitfinex", four, since).open_ms
        }
    )
    one, visited, moment = replay(0, since), [], 0
    while (following := one.next_close(moment)) is not None:
        visited.append(following)
        moment = following
    assert visited == union
    assert replay(0, since, union[10] - four.ms).next_close(union[9]) is None
    assert replay(union[4] + 1, since).now_ms() == union[4]
    assert replay(5, since).now_ms() == 5


def test_a_replay_before_the_first_bar_shows_none_and_an_unknown_symbol_is_an_error() -> None:
    assert len(replay(5).closed("BTC/USD", Timeframe.parse("4h"), None)) == 0
    assert replay(5).notes() == []
    with pytest.raises(DataError, match="no bars for `NOPE/USD`"):
        replay(5).closed("NOPE/USD", Timeframe.parse("4h"), None)


def test_a_replay_moves_to_another_moment_without_reading_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = replay(1 << 62)
    assert str(ahead.timeframe) == "4h"
    first = ahead.next_close(-(1 << 62))
    assert first is not None
    monkeypatch.setattr(BarStore, "load", lambda *_: pytest.fail("read again"))
    feed = ahead.at(first)
    assert (feed.now_ms(), len(feed.closed("BTC/USD", Timeframe.parse("4h"), None))) == (first, 1)
    assert feed.digest(feed.known("BTC/USD", Timeframe.parse("4h"), None)) == feed.digest(
        ahead.closed("BTC/USD", Timeframe.parse("4h"), None)[:1]
    )


def test_what_is_known_is_told_without_asking(tmp_path: Path) -> None:
    market = Market(10.0)
    assert len(feed(tmp_path, market).known("BTC/USD", HOUR, None)) == 0
    feed(tmp_path, market).closed("BTC/USD", HOUR, T0)
    market.hours = 20.0
    assert opens(feed(tmp_path, market).known("BTC/USD", HOUR, T0 + 4 * H)) == [4, 5, 6, 7, 8, 9]
    file_of(tmp_path, "kraken", "BTC/USD", HOUR).write_bytes(b"PAR1 cut")
    assert len(feed(tmp_path, market).known("BTC/USD", HOUR, None)) == 0
    assert len(market.asked) == 1
