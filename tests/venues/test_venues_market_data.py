"""Rules, candles, feed and budget against the local exchange: real ccxt, real HTTP, the venue's own counters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange import BINANCE_KEY, BINANCE_SECRET, KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer

from trader_cli.errors import DataError, VenueError
from trader_cli.market.feed import CachedFeed
from trader_cli.market.store import BarStore
from trader_cli.model.timeframe import Timeframe
from trader_cli.venues.budget import Budget
from trader_cli.venues.candles import Candles
from trader_cli.venues.client import Client
from trader_cli.venues.opening import open_client
from trader_cli.venues.rules import Rulebook, restore

VENUES = ("kraken", "binance")
KEYS = {"kraken": (KRAKEN_KEY, KRAKEN_SECRET), "binance": (BINANCE_KEY, BINANCE_SECRET)}
SYMBOL = {"kraken": "BTC/USD", "binance": "BTC/USDT"}
PATHS = {"kraken": ("AssetPairs", "OHLC"), "binance": ("exchangeInfo", "klines")}
HOUR = Timeframe.parse("1h")
H = HOUR.ms
NOW = 1_790_000_000_000 // H * H + 60_000


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(now_ms=NOW) as running:
        yield running


class Desk:
    """What a cycle asks a venue with. Its sleep moves the exchange's clock, which is its own too."""

    def __init__(self, server: ExchangeServer, venue: str, folder: Path, tier: str = "starter") -> None:
        self.server = server
        clock = server.clock.now_ms
        self.budget = Budget(folder / f"{venue}.json", venue, "a", tier, 20, clock)
        key, secret = KEYS[venue]
        self.client: Client = open_client(
            venue,
            api_url=server.url,
            key=key,
            secret=secret,
            budget=self.budget,
            nonce_path=folder / "nonce",
            now_ms=clock,
            sleep=self.sleep,
            timeout_s=10,
            recv_window_ms=5_000,
        )
        self.rulebook = Rulebook(folder / "rules.json", venue, tier, 24, self.client.markets, clock)
        candles = Candles(venue, self.client.candles, self._pair, clock, 10.0)
        self.feed = CachedFeed(folder / "data", venue, BarStore(folder / "data", folder), candles, clock)

    def sleep(self, seconds: float) -> None:
        self.server.do("clock", advance_ms=round(seconds * 1000))

    def _pair(self, symbol: str) -> str:
        return str(self.rulebook.raw([symbol])[symbol]["id"])


def asked(server: ExchangeServer, venue: str) -> list[str]:
    return [row["path"].rsplit("/", 1)[-1] for row in server.requests(venue=venue)]


@pytest.mark.parametrize("venue", VENUES)
def test_rules_are_those_of_the_listing_and_a_second_process_asks_nothing(
    server: ExchangeServer, tmp_path: Path, venue: str
) -> None:
    symbols = [SYMBOL[venue], "ETH/BTC", "NOPE/USD"]
    found = Desk(server, venue, tmp_path).rulebook.rules(symbols)
    listed = server.venues[venue].listings
    assert set(found) == {SYMBOL[venue], "ETH/BTC"}
    for symbol, one in found.items():
        assert (one.tick, one.min_quantity, one.min_notional) == (
            listed[symbol].tick,
            listed[symbol].min_quantity,
            listed[symbol].min_notional,
        )
        assert one.lot == listed[symbol].lot
        assert one.open
    assert Desk(server, venue, tmp_path).rulebook.rules(symbols) == found
    assert asked(server, venue) == [PATHS[venue][0]] * 2


@pytest.mark.parametrize("venue", VENUES)
def test_a_real_ccxt_object_restored_from_the_copy_trades_without_asking_for_markets(
    server: ExchangeServer, tmp_path: Path, venue: str
) -> None:
    """The `XBTUSD` trap: the open order of one market is found."""
    server.do("deposit", venue=venue, asset=SYMBOL[venue].split("/")[1], amount=10_000)
    exchange = server.ccxt(venue)
    exchange.milliseconds = server.clock.now_ms
    restore(exchange, Desk(server, venue, tmp_path).rulebook.raw([SYMBOL[venue]]).values())
    placed = exchange.create_order(SYMBOL[venue], "limit", "buy", 0.01, 40_000)
    server.do("clock", advance_ms=5)
    assert [one["id"] for one in exchange.fetch_open_orders(SYMBOL[venue])] == [placed["id"]]
    assert asked(server, venue).count(PATHS[venue][0]) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_cycles_bars_are_closed_and_go_on_where_they_ended(
    server: ExchangeServer, tmp_path: Path, venue: str
) -> None:
    """D1, D8."""
    desk = Desk(server, venue, tmp_path)
    newest = HOUR.floor(server.clock.now_ms()) - H
    first = desk.feed.closed(SYMBOL[venue], HOUR, newest - 99 * H)
    assert (len(first), int(first.open_ms[-1])) == (100, newest)
    for hours in (1, 3, 30):
        server.do("clock", advance_ms=hours * H)
        newest += hours * H
        later = Desk(server, venue, tmp_path)
        bars = later.feed.closed(SYMBOL[venue], HOUR, int(first.open_ms[0]))
        assert int(bars.open_ms[-1]) == newest
        assert (bars.open_ms[1:] - bars.open_ms[:-1] == H).all()
        assert later.feed.digest(bars[:100]) == later.feed.digest(first)
        assert later.feed.notes() == []
    assert asked(server, venue).count(PATHS[venue][1]) == 4


def test_binance_gives_a_long_history_page_by_page(server: ExchangeServer, tmp_path: Path) -> None:
    desk = Desk(server, "binance", tmp_path)
    newest = HOUR.floor(NOW) - H
    assert len(desk.feed.closed("BTC/USDT", HOUR, newest - 2_499 * H)) == 2_500
    assert asked(server, "binance").count("klines") == 3


def test_kraken_gives_its_window_and_the_rest_is_not_asked_for_again(server: ExchangeServer, tmp_path: Path) -> None:
    newest = HOUR.floor(NOW) - H
    for _ in range(2):
        assert len(Desk(server, "kraken", tmp_path).feed.closed("BTC/USD", HOUR, newest - 2_499 * H)) == 719
    assert asked(server, "kraken").count("OHLC") == 1


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", ["html", "empty", "cut", "short", "shape", "drop", "reset"])
def test_a_broken_answer_is_an_error_and_the_next_run_is_whole(
    server: ExchangeServer, tmp_path: Path, venue: str, which: int, kind: str
) -> None:
    """A12b: never zero markets, never `no candles`; nothing of it is kept."""
    server.fault(path=PATHS[venue][which], kind=kind)
    since = HOUR.floor(NOW) - 50 * H
    with pytest.raises(VenueError):
        Desk(server, venue, tmp_path).feed.closed(SYMBOL[venue], HOUR, since)
    assert len(Desk(server, venue, tmp_path).feed.closed(SYMBOL[venue], HOUR, since)) == 50


@pytest.mark.parametrize("venue", VENUES)
def test_after_a_429_nothing_is_asked_before_its_end_by_any_process(
    server: ExchangeServer, tmp_path: Path, venue: str
) -> None:
    """B1."""
    server.fault(path=PATHS[venue][1], kind="status", status=429, retry_after=30)
    since = HOUR.floor(NOW) - 50 * H
    with pytest.raises(VenueError):
        Desk(server, venue, tmp_path).feed.closed(SYMBOL[venue], HOUR, since)
    count = len(asked(server, venue))
    for advance in (1_000, 15_000):
        server.do("clock", advance_ms=advance)
        with pytest.raises(VenueError) as caught:
            Desk(server, venue, tmp_path).feed.closed(SYMBOL[venue], HOUR, since)
        assert caught.value.resolution == "skip_cycle"
    assert len(asked(server, venue)) == count
    server.do("clock", advance_ms=14_500)
    assert len(Desk(server, venue, tmp_path).feed.closed(SYMBOL[venue], HOUR, since)) == 50
    assert server.do("stats")["impatient"] == 0


@pytest.mark.parametrize(
    "bad", [["nan", 1, 1, 1, 1], [1, 1, 1, -5, 1], [1, 2, 3, 1, 1], [500_000, 500_000, 500_000, 500_000, 1]]
)
@pytest.mark.parametrize("venue", VENUES)
def test_bad_candles_of_the_venue_refuse_their_market_alone(
    server: ExchangeServer, tmp_path: Path, venue: str, bad: list[object]
) -> None:
    """D4, D5: ccxt passes them through."""
    newest = HOUR.floor(NOW) - H
    sound = [[newest - i * H, 50_000, 50_100, 49_900, 50_000, 1] for i in range(5, 0, -1)]
    server.do("candles", venue=venue, symbol=SYMBOL[venue], interval_ms=H, rows=[*sound, [newest, *bad]], raw=True)
    desk = Desk(server, venue, tmp_path)
    with pytest.raises(DataError, match="the candle of"):
        desk.feed.closed(SYMBOL[venue], HOUR, newest - 5 * H)
    other = {"kraken": "ETH/USD", "binance": "ETH/USDT"}[venue]
    assert len(desk.feed.closed(other, HOUR, newest - 5 * H)) == 6


@pytest.mark.req("R1.2")
@pytest.mark.parametrize("tier", ["starter", "intermediate", "pro"])
def test_two_impatient_processes_of_one_key_are_never_refused_by_the_exchanges_counters(
    server: ExchangeServer, tmp_path: Path, tier: str
) -> None:
    server.do("limits", venue="kraken", tier=tier)
    desks = [Desk(server, "kraken", tmp_path, tier), Desk(server, "kraken", tmp_path, tier)]
    for i in range(60):
        desks[i % 2].client.read("private_post_balance")
    assert server.do("stats")["too_many"] == 0
    # It is used, not just spared: the counter came near the tier's limit.
    assert server.do("stats")["peak"]["kraken"]["calls"] > {"starter": 12, "intermediate": 16, "pro": 16}[tier]
