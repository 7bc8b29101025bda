"""`trader scan` as its owner sees it: stored bars and the local exchange in both dialects."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from account import HOLD
from exchange import ExchangeServer
from said import Said, called

from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify

# A quarter past some hour: 2026-03-01T12:15:00Z.
NOON = 1_772_367_300_000
HOUR_MS = 3_600_000
ALL = ("scan.min_volume=0", "scan.max_order_pct=0", "scan.max_spread_bps=0", "scan.min_age_bars=0")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[..., Said]:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))

    def one(*words: str) -> Said:
        return called(capfd, *words)

    return one


def loose(*words: str) -> list[str]:
    """A scan that no filter takes anything from."""
    return ["scan", *words, *(part for key in ALL for part in ("--set", key))]


# Stored bars.


@pytest.mark.req("R4.11")
def test_without_a_deployed_strategy_it_says_how_to_deploy_one_and_ends_with_3(call: Callable[..., Said]) -> None:
    none = call("scan")
    assert none.code == 3
    assert "trader strategy deploy" in none.err
    assert "--strategy" in none.err


@pytest.mark.req("R4.6")
def test_every_deployed_strategy_answers_for_every_stored_symbol(call: Callable[..., Said]) -> None:
    for name in ("momentum", "demo_ma"):
        assert call("strategy", "deploy", name).code == 0
    result = call("scan", "--until", "2017-12-01", "--json").result
    assert len(result["signals"]) == 5
    for found in result["signals"].values():
        assert {one["strategy"] for one in found} == {"momentum", "demo_ma"}
    ranks = sorted(one["rank"] for found in result["signals"].values() for one in found if one["rank"])
    assert ranks == list(range(1, len(ranks) + 1))
    keys = {"strategy", "rank", "state", "bar", "price", "target", "confidence", "stop", "take", "reward_risk", "age"}
    assert set(result["signals"]["BTC/USD"][0]) == keys | {"volume", "spread_bps", "order_pct"}
    shown = call("scan", "--until", "2017-12-01")
    assert shown.code == 0
    assert max(map(len, shown.out.splitlines())) <= 80


@pytest.mark.req("R2.2")
def test_who_is_left_out_is_named_with_filter_and_number_and_the_history_tells_the_rate(
    call: Callable[..., Said], home: Path
) -> None:
    words = ("scan", "--strategy", "demo_ma", "--until", "2017-12-01", "--set", "scan.min_volume=50000000")
    result = call(*words, "--json").result
    out = {one["symbol"]: one for one in result["left_out"]}
    assert out
    assert all(one["filter"] == "volume" and one["number"] < one["limit"] == 50_000_000 for one in out.values())
    assert set(out) | set(result["signals"]) == {"BTC/USD", "ETH/USD", "EOS/USD", "LTC/USD", "XRP/USD"}
    assert not set(out) & set(result["signals"])
    assert result["approved"] == 5 - len(out)
    told = call("scan", "--history", "--json").result
    (one,) = told["scans"]
    assert (one["scan_id"], one["approved"], one["filtered"]) == (result["scan_id"], 5 - len(out), {"volume": len(out)})
    assert told["approval_pct"] == one["approval_pct"] == pytest.approx(20 * (5 - len(out)))
    assert call("scan", "--history").code == 0
    again = call("scan", "--show", result["scan_id"], "--json").result
    assert (again["approved"], again["left_out"]) == (result["approved"], result["left_out"])
    wanting = [one["rank"] for found in result["signals"].values() for one in found if one["rank"]]
    assert [one["rank"] for found in again["signals"].values() for one in found] == wanting
    assert max(map(len, call("scan", "--show", result["scan_id"]).out.splitlines())) <= 80
    ledger = Ledger.open("sqlite:///trader.db", home, create=False)
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("X6")
def test_why_prints_the_whole_chain_of_one_symbol(call: Callable[..., Said]) -> None:
    words = ("scan", "--strategy", "demo_ma", "--until", "2017-12-01", "--why", "BTC/USD")
    told = call(*words, "--json").result
    assert [one["filter"] for one in told["filters"]] == ["late", "volume", "spread", "age", "liquidity"]
    (asked,) = told["strategies"]
    assert set(asked["indicators"]) == {"sma(close, 20)", "sma(close, 100)"}
    assert asked["signal"]["rank"] >= 1
    shown = call(*words)
    assert "sma(close, 100) = " in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_a_universe_is_a_file_and_what_is_not_stored_is_named(call: Callable[..., Said], tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# two\nBTC/USD\nNOPE/USD # not there\n")
    result = call("scan", "--strategy", "demo_ma", "--universe", str(file), "--json").result
    assert [(one["symbol"], one["filter"], one["number"]) for one in result["left_out"]] == [("NOPE/USD", "bars", None)]
    assert result["universe"] == {"from": "file mine.txt", "symbols": 2}


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--symbols", "NOPE/USD"), 4, "no bars for `NOPE/USD`"),
        (("--universe", "/nonexistent/u.txt"), 2, "cannot be read"),
        (("--symbols", "BTC/USD", "--quote", "USD"), 2, "both say what is looked at"),
        (("--top", "3"), 2, "`--top` needs `--quote`"),
        (("--quote", "XYZ"), 2, "nothing quoted in `XYZ` is stored"),
        (("--set", "scan.min_volume=-1"), 2, "scan.min_volume"),
        (("--why", "NOPE/USD", "--symbols", "BTC/USD"), 0, ""),
    ],
)
def test_what_cannot_be_meant_says_so(call: Callable[..., Said], words: tuple[str, ...], code: int, text: str) -> None:
    said = call("scan", "--strategy", "demo_ma", *words)
    assert said.code == code
    assert text in said.err


def test_the_most_traded_of_the_stored_symbols(call: Callable[..., Said]) -> None:
    said = call(*loose("--strategy", "demo_ma", "--quote", "USD", "--exchange", "bitfinex", "--top", "2", "--json"))
    assert set(said.result["signals"]) == {"BTC/USD", "ETH/USD"}


# At a venue.


@pytest.fixture(params=["binance"])
def server(request: pytest.FixtureRequest, home: Path) -> Any:
    with ExchangeServer([request.param], now_ms=NOON) as exchange:
        (home / "strategies").mkdir()
        (home / "strategies" / "hold.py").write_text(HOLD)
        (home / "trader.toml").write_text(
            f'[venue]\nid = "{request.param}"\napi_url = "{exchange.url}"\ntimeout_s = 60\n[data]\ntimeframe = "1h"\n'
        )
        yield exchange


def klines(server: ExchangeServer) -> list[str]:
    return [str(row["params"]["symbol"]) for row in server.requests("klines")]


@pytest.mark.req("R2.2")
def test_the_venues_most_traded_are_asked_for_and_known_bars_are_not_asked_for_again(
    server: ExchangeServer, call: Callable[..., Said]
) -> None:
    words = loose("--strategy", "hold", "--quote", "USDT", "--top", "4", "--json")
    first = call(*words)
    assert first.code == 0, first.err
    assert (first.result["approved"], first.result["exchange"]) == (4, "binance")
    assert len(klines(server)) == 4
    spreads = [found[0]["spread_bps"] for found in first.result["signals"].values()]
    assert all(0 < one < 100 for one in spreads)
    before = len(server.requests())
    again = call(*words)
    # The time and the tickers; markets and bars are known.
    assert len(server.requests()) - before == again.result["calls"] == 2
    assert list(again.result["signals"]) == list(first.result["signals"])
    server.do("clock", advance_ms=HOUR_MS)
    later = call(*words).result
    assert len(klines(server)) == 8
    assert later["bar"] == "2026-03-01T12:00:00Z"


@pytest.mark.req("R2.2")
def test_what_the_day_of_a_market_leaves_out_costs_no_candle(server: ExchangeServer, call: Callable[..., Said]) -> None:
    words = ("scan", "--strategy", "hold", "--symbols", "BTC/USDT,ETH/USDT", "--set", "scan.min_volume=1e9", "--json")
    result = call(*words).result
    assert {one["filter"] for one in result["left_out"]} == {"volume"}
    assert klines(server) == []
    told = call(*words, "--why", "BTC/USDT").result
    assert klines(server) == ["BTCUSDT"]
    assert told["left_out"]["filter"] == "volume"
    assert told["strategies"][0]["signal"]["target"] == 1.0


def test_a_market_that_fails_is_named_and_the_others_go_on(server: ExchangeServer, call: Callable[..., Said]) -> None:
    server.do("listing", symbol="ADA/USDT", status="cancel_only")
    server.do("candles", symbol="ETH/USDT", interval_ms=HOUR_MS, rows=[[NOON, "1", "1", "1", "1", "1"]], raw=True)
    result = call(*loose("--strategy", "hold", "--symbols", "BTC/USDT,ETH/USDT,ADA/USDT,NOPE/USDT", "--json")).result
    out = {one["symbol"]: one["message"] for one in result["left_out"]}
    assert set(out) == {"ETH/USDT", "ADA/USDT", "NOPE/USDT"}
    assert "takes no orders" in out["ADA/USDT"]
    assert "does not trade it" in out["NOPE/USDT"]
    assert list(result["signals"]) == ["BTC/USDT"]


def test_a_venue_that_is_not_there_is_exit_5_and_nothing_is_written(
    server: ExchangeServer, call: Callable[..., Said], home: Path
) -> None:
    said = call(*loose("--strategy", "hold", "--symbols", "BTC/USDT"), "--set", "venue.api_url=http://127.0.0.1:9")
    assert said.code == 5, said.err
    assert not (home / "trader.db").exists()
    assert not (home / "data").exists()
    assert server.requests() == []


def test_stored_asks_nobody(server: ExchangeServer, call: Callable[..., Said]) -> None:
    assert call(*loose("--strategy", "hold", "--symbols", "BTC/USD", "--stored", "--timeframe", "4h")).code == 0
    assert server.requests() == []


@pytest.mark.deep  # a process of its own, and Kraken's pauses
@pytest.mark.parametrize("server", ["kraken"], indirect=True)
def test_an_interruption_keeps_what_was_fetched_and_writes_no_scan(
    server: ExchangeServer, call: Callable[..., Said], home: Path
) -> None:
    words = loose("--strategy", "hold", "--quote", "USD", "--json")
    begun = subprocess.Popen(
        [sys.executable, "-m", "trader_cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    end = time.monotonic() + 120
    while len(server.requests("OHLC")) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate(timeout=60)
    assert begun.returncode == 130, err
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err
    kept = list((home / "data" / "kraken").glob("*.parquet"))
    assert kept
    assert not list((home / "data" / "kraken").glob("*.part"))
    assert not (home / "trader.db").exists()
    before = len(server.requests("OHLC"))
    assert call(*words).result["approved"] == 6
    assert len(server.requests("OHLC")) - before <= 6 - len(kept)


@pytest.mark.deep  # ten seconds of Kraken's pauses
@pytest.mark.req("R2.2")
@pytest.mark.parametrize("server", ["kraken"], indirect=True)
def test_kraken_never_refuses_us_at_its_own_public_rate_and_the_end_of_the_time_is_told(
    server: ExchangeServer, call: Callable[..., Said]
) -> None:
    """One public call a second is all it takes; what is not asked for in time is named, and the next scan goes on."""
    server.do("clock", set_ms=NOON, frozen=False)
    server.do("limits", venue="kraken", public_ms=1000)
    words = loose("--strategy", "hold", "--quote", "USD", "--json")
    words += ["--set", "scan.by_pair=false"]
    first = call(*words, "--set", "scan.limit_s=8", "--set", "venue.timeout_s=2").result
    asked = first["approved"]
    assert 0 < asked < first["universe"]["symbols"] == 6
    assert any("were not asked for: the time for asking is over" in note for note in first["notes"])
    second = call(*words).result
    assert second["approved"] == 6
    assert len(server.requests("OHLC")) == 6
    assert server.do("stats")["refused"]["kraken"] == 0


@pytest.mark.deep
@pytest.mark.req("R2.2")
@pytest.mark.parametrize("server", ["kraken"], indirect=True)
def test_candles_counted_by_pair_are_not_refused_where_the_venue_counts_so(
    server: ExchangeServer, call: Callable[..., Said]
) -> None:
    server.do("clock", set_ms=NOON, frozen=False)
    server.do("limits", venue="kraken", public_ms=1000, by_pair=True)
    done = call(*loose("--strategy", "hold", "--quote", "USD", "--json"))
    assert done.result["approved"] == 6
    assert done.result["notes"] == []
    assert server.do("stats")["refused"]["kraken"] == 0


@pytest.mark.deep
@pytest.mark.req("R2.2")
@pytest.mark.parametrize("server", ["kraken"], indirect=True)
def test_who_is_turned_away_by_pair_asks_one_a_second_then_and_in_later_runs_and_says_so(
    server: ExchangeServer, call: Callable[..., Said]
) -> None:
    """A venue that counts all public calls of an address: stored bars stand in, and hardly a call is refused."""
    server.do("clock", set_ms=NOON, frozen=False)
    words = loose("--strategy", "hold", "--quote", "USD", "--json")
    assert call(*words).result["approved"] == 6
    server.do("limits", venue="kraken", public_ms=1000, by_pair=False)
    server.do("clock", advance_ms=HOUR_MS, frozen=False)
    first = call(*words, "--set", "scan.limit_s=12", "--set", "venue.timeout_s=2").result
    refused = server.do("stats")["refused"]["kraken"]
    assert 1 <= refused <= 4, "one for each connection at most"
    assert first["approved"] == 6, "stored bars stand in"
    assert "Rate limit exceeded, while candles were counted by pair" in first["notes"][0]
    assert "were not asked for" in first["notes"][1]
    # Another process of this user, an hour of bars later.
    server.do("clock", advance_ms=HOUR_MS, frozen=False)
    before = len(server.requests("OHLC"))
    second = call(*words).result
    assert "an earlier scan by pair was turned away, until " in second["notes"][0]
    assert len(second["notes"]) == 1
    assert len(server.requests("OHLC")) - before == 6
    assert server.do("stats")["refused"]["kraken"] == refused
