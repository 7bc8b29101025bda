"""The exchange itself: its time, its prices, its journal, its own process, and that it adds up whatever is done to it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from exchange import BINANCE_KEY, KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer, Remote, running

NOW = 1_790_000_000_000
MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    """A frozen clock, money at both venues."""
    balances = {"kraken": {"USD": "10000", "BTC": "1"}, "binance": {"USDT": "10000", "BTC": "1"}}
    with ExchangeServer(balances=balances, now_ms=NOW) as server:
        yield server


def test_time_stands_runs_and_jumps_as_it_is_told(server: ExchangeServer) -> None:
    kraken = server.ccxt("kraken")
    assert kraken.fetch_time() == NOW
    server.do("clock", advance_ms=HOUR)
    assert kraken.fetch_time() == NOW + HOUR
    server.do("clock", set_ms=NOW, frozen=False)
    assert 0 <= server.clock.now_ms() - NOW < 1000
    assert not server.clock.is_frozen
    server.do("clock", real=True)
    assert abs(server.clock.now_ms() - time.time() * 1000) < 1000


def test_a_price_that_is_set_is_the_close_of_its_candle_and_stays_there(server: ExchangeServer) -> None:
    kraken = server.ccxt("kraken")
    kraken.load_markets()
    for price in (51_000, 47_000, 49_000):
        server.do("clock", advance_ms=MINUTE)
        server.do("price", symbol="BTC/USD", price=price)
    # 20 seconds into minute 0 the price was 50,000; each minute after it brought another.
    closes = [row[1:5] for row in kraken.fetch_ohlcv("BTC/USD", "1m")[-4:]]
    assert closes[1:] == [
        [50_000, 51_000, 50_000, 51_000],
        [51_000, 51_000, 47_000, 47_000],
        [47_000, 49_000, 47_000, 49_000],
    ]
    server.do("clock", advance_ms=10 * MINUTE)
    assert [row[1:5] for row in kraken.fetch_ohlcv("BTC/USD", "1m")[-14:-10]] == closes


def test_a_wandering_price_is_the_same_for_a_seed_and_its_candles_are_its_path() -> None:
    def closes(seed: int) -> list[float]:
        with ExchangeServer(now_ms=NOW, seed=seed) as server:
            binance = server.ccxt("binance")
            binance.load_markets()
            server.do("wander", venue="binance")
            seen = []
            for _ in range(5):
                server.do("clock", advance_ms=MINUTE)
                seen.append(float(binance.public_get_ticker_price({"symbol": "BTCUSDT"})["price"]))
            rows = binance.fetch_ohlcv("BTC/USDT", "1m", limit=6)
            assert rows[-1][4] == seen[-1]
            assert all(row[3] <= price <= row[2] for row, price in zip(rows[1:], seen, strict=True))
            return [row[4] for row in rows]

    assert closes(1) == closes(1) != closes(2)


def test_a_wandering_price_fills_what_it_passed_while_nobody_looked(server: ExchangeServer) -> None:
    server.do("wander", symbol="BTC/USD")
    low = min(float(server.venues["kraken"].candles["BTC/USD"].price(NOW + step * 10_000)) for step in range(360))
    order = server.do("order", symbol="BTC/USD", side="buy", quantity="0.01", kind="limit", price=round(low + 1, 1))
    server.do("clock", advance_ms=HOUR)
    assert server.venues["kraken"].orders[order].status == "filled"


def test_rows_of_a_test_are_served_and_the_price_follows_them_as_time_goes(server: ExchangeServer) -> None:
    start = NOW // HOUR * HOUR
    rows = [[start, 100, 110, 90, 105, 7], [start + HOUR, 105, 130, 104, 120, 8]]
    server.do("candles", symbol="BTC/USD", interval_ms=HOUR, rows=rows)
    kraken = server.ccxt("kraken")
    kraken.load_markets()
    # 13 minutes and 20 seconds in: a candle that will rise has not yet made its low.
    assert [row[:5] for row in kraken.fetch_ohlcv("BTC/USD", "1h")] == [[start, 100, 100, 100, 100]]
    stop = server.do("order", symbol="BTC/USD", side="sell", quantity=1, kind="stop", trigger=95)
    server.do("clock", set_ms=start + HOUR + 1)
    assert [row[:5] for row in kraken.fetch_ohlcv("BTC/USD", "1h")] == [rows[0][:5], [start + HOUR, 105, 105, 105, 105]]
    assert server.venues["kraken"].orders[stop].status == "filled"
    server.do("clock", set_ms=start + 5 * HOUR)
    assert kraken.fetch_ohlcv("BTC/USD", "4h")[-1][1:5] == [100, 130, 90, 120]
    assert server.audit() == []


def test_damaged_rows_are_served_word_for_word(server: ExchangeServer) -> None:
    """D1 to D9: duplicates, disorder, holes, NaN and negative prices."""
    rows = [[NOW - 60_000 * n, "1", "2", "nan", "-5", "0"] for n in (3, 1, 1, 2)]
    server.do("candles", symbol="BTC/USD", interval_ms=MINUTE, rows=rows, raw=True)
    found = server.ccxt("kraken").public_get_ohlc({"pair": "XXBTZUSD", "interval": 1})["result"]["XXBTZUSD"]
    assert [int(row[0]) for row in found] == [row[0] // 1000 for row in rows]
    assert [row[1:5] for row in found] == [["1", "2", "nan", "-5"]] * 4


def test_a_history_may_be_shorter_than_what_is_asked(server: ExchangeServer) -> None:
    """D8"""
    server.do("history", symbol="ADA/USD", days=2)
    kraken = server.ccxt("kraken")
    kraken.load_markets()
    assert len(kraken.fetch_ohlcv("ADA/USD", "1d")) == 2


def test_books_may_be_empty_one_sided_or_crossed(server: ExchangeServer) -> None:
    """D6"""
    kraken = server.ccxt("kraken")
    kraken.load_markets()
    server.do("book", symbol="BTC/USD", bids=[], asks=[[50_000, 1]])
    assert kraken.fetch_order_book("BTC/USD")["bids"] == []
    server.do("book", symbol="BTC/USD", bids=[[50_001, 1]], asks=[[50_000, 1]])
    assert kraken.fetch_ticker("BTC/USD")["bid"] > kraken.fetch_ticker("BTC/USD")["ask"]


@pytest.mark.parametrize("count", [20, 184])
def test_as_many_markets_as_are_wanted_with_steps_that_differ(server: ExchangeServer, count: int) -> None:
    names = server.do("synthetic", count=count, venue="binance")
    binance = server.ccxt("binance")
    binance.load_markets()
    assert set(names) <= set(binance.markets)
    assert len({binance.market(name)["precision"]["price"] for name in names}) == 4
    server.do("deposit", asset="USDT", amount=10**6, venue="binance")
    binance.options["timeDifference"] = binance.milliseconds() - NOW
    for name in names[:5]:
        assert binance.create_order(name, "market", "buy", 10)["status"] == "closed"


def test_a_market_can_be_delisted_and_its_rules_changed(server: ExchangeServer) -> None:
    """B9, B12"""
    server.do("listing", symbol="BTC/USD", status="cancel_only", min_quantity="0.1")
    kraken = server.ccxt("kraken")
    kraken.load_markets()
    assert (kraken.market("BTC/USD")["active"], kraken.market("BTC/USD")["limits"]["amount"]["min"]) == (False, 0.1)
    with pytest.raises(ccxt.OnMaintenance):
        kraken.create_order("BTC/USD", "market", "buy", 0.1)


def test_the_journal_tells_every_request_and_no_secret(server: ExchangeServer) -> None:
    kraken, binance = server.ccxt("kraken"), server.ccxt("binance")
    binance.options["timeDifference"] = binance.milliseconds() - NOW
    kraken.load_markets()
    kraken.create_order("BTC/USD", "market", "buy", 0.01, None, {"clientOrderId": "abc"})
    binance.load_markets()
    binance.fetch_balance()
    rows = server.do("journal")
    request = next(row for row in rows if row["what"] == "request" and row["path"].endswith("AddOrder"))
    assert (request["acted"], request["status"], request["params"]["cl_ord_id"]) == (True, 200, "abc")
    assert [row["what"] for row in rows if row["seq"] > request["seq"]][:3] == ["accepted", "fill", "ended"]
    text = json.dumps(rows)
    assert not any(secret in text for secret in (KRAKEN_KEY, KRAKEN_SECRET, BINANCE_KEY, "signature"))
    json.dumps(server.do("state"))


def test_fifty_at_once_with_one_client_id_leave_one_open_order(server: ExchangeServer) -> None:
    binance = server.ccxt("binance")
    binance.load_markets()

    def place(_: int) -> bool:
        own = server.ccxt("binance", timeout=10_000)
        own.set_markets(binance.markets)
        own.options["timeDifference"] = own.milliseconds() - NOW
        try:
            own.create_order("BTC/USDT", "limit", "buy", 0.001, 40_000, {"clientOrderId": "same"})
        except ccxt.InvalidOrder:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(place, range(50))) == 1
    assert [len(ids) for ids in server.accepted().values()] == [1]


@pytest.mark.parametrize("venue", ["kraken", "binance"])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_balances_are_deposits_and_trades_less_fees(venue: str, seed: int) -> None:
    chance = random.Random(seed)
    quote = "USD" if venue == "kraken" else "USDT"
    symbol = f"BTC/{quote}"
    with ExchangeServer([venue], now_ms=NOW, balances={venue: {quote: "100000", "BTC": "2", "BNB": "0.01"}}) as server:
        server.do("set", bnb_fees=bool(seed % 2))
        for _ in range(250):
            server.do("clock", advance_ms=chance.randrange(5000))
            kind = chance.choice(["market", "limit", "stop", "stop_limit", "take"])
            price, trigger = (chance.randrange(45_000, 55_000) for _ in range(2))
            quantity = Decimal(chance.randrange(1, 50_000)).scaleb(-5)
            try:
                match chance.randrange(6):
                    case 0:
                        server.do("price", symbol=symbol, price=price)
                    case 1:
                        server.do("depth", symbol=symbol, quantities=[str(quantity), "0.01", "0.3"])
                    case 2 if names := server.venues[venue].open_orders():
                        op = chance.choice(["cancel", "fill"])
                        server.do(op, order=chance.choice(names).id, **({"quantity": "0.001"} if op == "fill" else {}))
                    case _:
                        amounts: dict[str, Any] = {"quantity": quantity}
                        amounts |= {"price": price} if kind in ("limit", "stop_limit") else {}
                        amounts |= {"trigger": trigger} if kind not in ("market", "limit") else {}
                        server.do("order", symbol=symbol, side=chance.choice(["buy", "sell"]), kind=kind, **amounts)
            except Exception as error:  # a refusal is an answer like any other here
                assert type(error).__name__ == "RefusedError"
            assert server.audit() == [], f"seed {seed}"
        assert len(server.venues[venue].trades) > 20


def test_the_audit_sees_money_that_came_from_nowhere(server: ExchangeServer) -> None:
    server.venues["kraken"].account.totals["USD"] += Decimal("0.00000001")
    (line,) = server.audit()
    assert "USD is 10000.00000001, deposits and trades make 10000" in line


def test_in_a_process_of_its_own_it_outlives_a_killed_client(tmp_path: Path) -> None:
    state, script = tmp_path / "state.json", tmp_path / "script.json"
    state.write_text(json.dumps([{"op": "deposit", "venue": "kraken", "asset": "USD", "amount": "1000"}]))
    script.write_text(json.dumps([{"path": "AddOrder", "kind": "hang", "acts": True}]))
    with running("--state", str(state), "--script", str(script)) as remote:
        program = (
            "from exchange.clients import client; import sys\n"
            f"k = client({remote.url!r}, 'kraken', timeout=60000); k.load_markets(); print('on', flush=True)\n"
            "k.create_order('BTC/USD', 'market', 'buy', 0.001, None, {'clientOrderId': 'mine'})"
        )
        folder = Path(__file__).parent.parent
        with subprocess.Popen([sys.executable, "-c", program], cwd=folder, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"on\n"
            until = time.monotonic() + 10
            while not remote.accepted() and time.monotonic() < until:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
        assert [len(ids) for ids in remote.accepted("kraken").values()] == [1]
        assert remote.requests("AddOrder")[0]["fault"] == "hang"
        assert remote.audit() == []
        remote.do("price", symbol="BTC/USD", price=60_000)
        assert remote.do("state")["prices"]["BTC/USD"] == "60000"
        with pytest.raises(ValueError, match="no operation 'nonsense'"):
            remote.do("nonsense")


def test_control_over_http_is_the_same_as_in_python(server: ExchangeServer) -> None:
    remote = Remote(server.url)
    remote.fault(path="Time", kind="status", status=502)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        server.ccxt("kraken").fetch_time()
    assert remote.do("clock", advance_ms=1000) == NOW + 1000
    assert remote.do("stats")["requests"] == 1
    with pytest.raises(ValueError, match="AddOrders"):
        remote.fault(AddOrders=1)
