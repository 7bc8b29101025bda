"""`trader data fetch` as its user sees it: the real command line, real files, the local exchange."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange import ExchangeServer
from exchange.faults import Rule
from said import Said, called
from venues.yahoo_server import OPENS, Stock, YahooServer

from trader_cli.market.files import iso, load, write
from trader_cli.market.listing import Series
from trader_cli.model.bars import COLUMNS
from trader_cli.model.timeframe import Timeframe

HOUR_MS = 3_600_000
# A quarter past some hour: 2026-03-01T12:15:00Z.
NOON = 1_772_367_300_000


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[..., Said]:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    (home / "trader.toml").write_text("[venue]\ntimeout_s = 60\n")

    def one(*words: str) -> Said:
        return called(capfd, "data", *words)

    return one


def binance(call: Callable[..., Said], server: ExchangeServer, *words: str) -> Said:
    url = f"fetch.binance_url={server.url}"
    return call("fetch", "--exchange", "binance", "--symbols", "BTC/USDT,ETH/USDT", "--set", url, *words)


def test_a_fetch_stores_closed_bars_of_several_series_and_the_next_only_what_is_newer(
    call: Callable[..., Said],
) -> None:
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        done = binance(call, server, "--timeframe", "1h,1d", "--since", "2026-01-01", "--json")
        assert done.code == 0, done.err
        assert json.loads(done.out)["schema"] == "trader.data.fetch/1"
        shown = [(one["symbol"], one["timeframe"], one["bars"], one["last"], one["pages"]) for one in done.series]
        # 59 days and 12 hours since the new year: two pages of hours, one of days.
        assert shown == [
            ("BTC/USDT", "1h", 1428, "2026-03-01T11:00:00Z", 2),
            ("BTC/USDT", "1d", 59, "2026-02-28T00:00:00Z", 1),
            ("ETH/USDT", "1h", 1428, "2026-03-01T11:00:00Z", 2),
            ("ETH/USDT", "1d", 59, "2026-02-28T00:00:00Z", 1),
        ]
        asked = len(server.requests("klines"))
        server.do("clock", advance_ms=HOUR_MS)
        done = binance(call, server, "--timeframe", "1h,1d", "--json")
        assert [(one["before"], one["added"], one["pages"]) for one in done.series] == [
            (1428, 1, 1), (59, 0, 0), (1428, 1, 1), (59, 0, 0),
        ]  # fmt: skip
        assert len(server.requests("klines")) == asked + 2
    listed = call("list", "--exchange", "binance", "--json").series
    assert [one["timeframe"] for one in listed] == ["1d", "1h", "1d", "1h"]
    checked = call("check", "--exchange", "binance", "--json").series
    assert {one["grade"] for one in checked} == {"A"}


def test_a_symbol_the_venue_does_not_have_is_named_and_the_others_are_stored(call: Callable[..., Said]) -> None:
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        done = binance(call, server, "--symbols", "FOO/USDT,BTC/USDT", "--timeframe", "1h")
    assert done.code == 2
    assert "binance does not trade `FOO/USDT`" in done.err
    assert "BTC/USDT  1h       0  719   719  2026-03-01 11:00" in done.out


def test_a_symbol_is_fetched_from_several_exchanges_by_one_command(call: Callable[..., Said]) -> None:
    with ExchangeServer(["kraken", "binance"], now_ms=NOON) as server:
        words = ["fetch", "--exchange", "binance,kraken", "--symbols", "ETH/BTC", "--timeframe", "1h"]
        urls = ["--set", f"fetch.kraken_url={server.url}", "--set", f"fetch.binance_url={server.url}"]
        done = call(*words, *urls)
    assert done.code == 0, done.err
    assert "binance ETH/BTC  1h       0  719   719" in done.out
    assert "kraken ETH/BTC   1h       0  719   719" in done.out


def test_an_exchange_that_cannot_be_reached_is_said_with_code_5(call: Callable[..., Said]) -> None:
    words = ("fetch", "--exchange", "kraken", "--symbols", "BTC/USD", "--timeframe", "1h", "--set", "fetch.tries=1")
    done = call(*words, "--set", "fetch.kraken_url=http://127.0.0.1:9")
    assert (done.code, "no connection to the venue could be made" in done.err) == (5, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--exchange", "krakn", "--symbols", "BTC/USD", "--timeframe", "1h"), "did you mean `kraken`?"),
        (("--symbols", "BTC/USD"), "no timeframe is stated"),
        (("--timeframe", "1h"), "no symbols are stated"),
        (("--symbols", "BTC/USD", "--timeframe", "1x"), "`1x` is not a timeframe"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_asked(
    call: Callable[..., Said], words: tuple[str, ...], said: str
) -> None:
    done = call("fetch", *words)
    assert (done.code, said in done.err) == (2, True), done.err


def hourly(hours: int, end_ms: int, without: set[int] = frozenset()) -> list[list[Any]]:  # type: ignore[assignment]
    """Return candles of an hour up to a time, but for those of some numbers."""
    rows = [[end_ms - (hours - n) * HOUR_MS, "100.0", "103.0", "98.0", f"{100 + n % 3}.0", "2.5"] for n in range(hours)]
    return [row for n, row in enumerate(rows) if n not in without]


@pytest.mark.req("R2.7")
def test_gaps_are_asked_of_a_second_provider_and_what_nobody_has_is_named(call: Callable[..., Said]) -> None:
    """Binance's own gap is filled from Kraken, whose dollars stand for its tethers; one bar neither has."""
    with ExchangeServer(["kraken", "binance"], now_ms=NOON) as server:
        end = NOON // HOUR_MS * HOUR_MS
        for venue, symbol, without in (("binance", "BTC/USDT", {3, 4, 7}), ("kraken", "BTC/USD", {7})):
            server.do("candles", venue=venue, symbol=symbol, interval_ms=HOUR_MS, rows=hourly(10, end, without))
        words = [
            "fetch", "--exchange", "binance", "--symbols", "BTC/USDT", "--timeframe", "1h", "--since", "2026-03-01T02:00:00Z",
            "--set", f"fetch.binance_url={server.url}", "--set", f"fetch.kraken_url={server.url}",
        ]  # fmt: skip
        alone = call(*words)
        assert alone.code == 0
        assert (
            "missing: 2026-03-01T05:00:00Z to 2026-03-01T06:00:00Z (2 bars), 2026-03-01T09:00:00Z (1 bar)" in alone.out
        )
        done = call(*words, "--fallback", "kraken", "--set", "fetch.quotes=USDT=USD", "--json")
        assert done.code == 0, done.err
        (one,) = done.series
        assert one["providers"] == {"kraken": 2}
        assert one["gaps"] == [{"from": "2026-03-01T09:00:00Z", "to": "2026-03-01T09:00:00Z", "bars": 1}]
        asked = len(server.requests("klines")) + len(server.requests("OHLC"))
        assert call(*words, "--fallback", "kraken", "--set", "fetch.quotes=USDT=USD").code == 0
        assert len(server.requests("klines")) + len(server.requests("OHLC")) == asked
    shown = call("providers")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()[1:]] == ["yahoo", "alpaca", "binance", "kraken"]
    rows = call("providers", "--json").result["providers"]
    assert {one["name"]: one["success_pct"] for one in rows} == {
        "yahoo": None,
        "alpaca": None,
        "binance": 100.0,
        "kraken": 100.0,
    }


@pytest.mark.req("R2.7")
def test_a_days_quota_ends_a_fetch_and_another_provider_takes_over(call: Callable[..., Said]) -> None:
    with ExchangeServer(["kraken", "binance"], now_ms=NOON) as server:
        urls = ["--set", f"fetch.kraken_url={server.url}"]
        since = ["--since", "2025-12-01", "--symbols", "ETH/BTC", "--timeframe", "1h", "--set", "fetch.binance_quota=1"]
        done = binance(call, server, *since, "--set", "fetch.patience_s=1")
        assert done.code == 5
        assert "`binance` may be asked 1 times a day, and was" in done.err
        assert "ETH/BTC  1h       0  1,000  1,000" in done.out
        again = ["--since", "2026-02-25", "--fallback", "kraken", "--set", "fetch.patience_s=1", "--json"]
        done = binance(call, server, *since, *urls, *again)
    assert done.code == 0, done.err
    (one,) = done.series
    assert one["providers"] == {"kraken": 108}
    assert one["notes"] == ["`binance` may be asked 1 times a day, and was"]


def test_a_revised_bar_is_named_with_both_values_and_stays_unless_it_is_to_be_replaced(
    call: Callable[..., Said],
) -> None:
    """D7."""
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        end = NOON // HOUR_MS * HOUR_MS
        rows = hourly(10, end)
        server.do("candles", symbol="BTC/USDT", interval_ms=HOUR_MS, rows=rows)
        words = ["--symbols", "BTC/USDT", "--timeframe", "1h", "--since", "2026-03-01T02:00:00Z"]
        assert binance(call, server, *words).code == 0
        rows[-1] = [*rows[-1][:5], "2.75"]
        more = [end, "100.0", "103.0", "98.0", "101.0", "2.5"]
        server.do("candles", symbol="BTC/USDT", interval_ms=HOUR_MS, rows=[*rows, more])
        server.do("clock", advance_ms=HOUR_MS)
        done = binance(call, server, *words)
        said = "BTC/USDT 1h: the bar of 2026-03-01T11:00:00Z was revised: volume 2.5 is 2.75 now; what was stored stays"
        assert said in done.out
        server.do("candles", symbol="BTC/USDT", interval_ms=HOUR_MS, rows=[*rows, more, [end + HOUR_MS, *more[1:]]])
        server.do("clock", advance_ms=HOUR_MS)
        # An older bar is not looked at again unless that is wished.
        rows[-5] = [*rows[-5][:5], "2.25"]
        server.do("candles", symbol="BTC/USDT", interval_ms=HOUR_MS, rows=[*rows, more, [end + HOUR_MS, *more[1:]]])
        (one,) = binance(call, server, *words, "--recheck", "4h", "--json").series
        assert [each["time"][11:13] for each in one["revised"]] == ["11"]
        (one,) = binance(call, server, *words, "--recheck", "2d", "--json").series
        assert [each["time"][11:13] for each in one["revised"]] == ["07", "11"]
        assert not any(each["replaced"] for each in one["revised"])
        refused = binance(call, server, *words, "--recheck", "ever")
        assert (refused.code, "`--recheck ever` is no length of time" in refused.err) == (2, True)
        rows[-5] = [*rows[-5][:5], "2.5"]
        server.do("candles", symbol="BTC/USDT", interval_ms=HOUR_MS, rows=[*rows, more, [end + HOUR_MS, *more[1:]]])
        server.do("clock", advance_ms=HOUR_MS)
        (one,) = binance(call, server, *words, "--replace-revised", "--json").series
        assert [(each["before"]["volume"], each["now"]["volume"], each["replaced"]) for each in one["revised"]] == [
            (2.5, 2.75, True)
        ]
        server.do("clock", advance_ms=HOUR_MS)


def test_a_ban_is_obeyed_and_what_came_before_it_is_kept(call: Callable[..., Said]) -> None:
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        server.fault(path="klines", nth=2, kind="status", status=418, retry_after=7200)
        words = ["--symbols", "BTC/USDT", "--timeframe", "1h", "--since", "2025-12-01"]
        done = binance(call, server, *words)
        assert done.code == 5
        assert "BTC/USDT  1h       0  1,000  1,000" in done.out
        asked = len(server.requests())
        assert binance(call, server, *words).code == 5
        assert len(server.requests()) == asked, "nothing is asked before the ban ends"


@pytest.mark.deep
def test_kraken_is_asked_no_faster_than_it_allows(call: Callable[..., Said]) -> None:
    """A server that turns away whoever asks twice within a second; nobody is turned away."""
    with ExchangeServer(["kraken"]) as server:
        server.do("limits", public_ms=1000)
        words = ["--exchange", "kraken", "--symbols", "BTC/USD,ETH/USD,SOL/USD", "--timeframe", "1h,1d", "--json"]
        done = call("fetch", *words, "--set", f"fetch.kraken_url={server.url}")
        assert done.code == 0, done.err
        assert [one["bars"] for one in done.series] == [719] * 6
        assert server.do("stats")["refused"] == {"kraken": 0}


@pytest.mark.req("R0.8")
def test_the_doctor_asks_for_missing_bars_and_names_what_the_venue_does_not_have(
    call: Callable[..., Said], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    end = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
    with ExchangeServer(["binance"]) as server:
        server.do("candles", symbol="BTC/USDT", interval_ms=HOUR_MS, rows=hourly(300, end, {7}))
        text = f'[venue]\nid = "binance"\napi_url = "{server.url}"\n[data]\nsymbols = ["BTC/USDT"]\ntimeframe = "1h"\n'
        (home / "trader.toml").write_text(text)
        words = ["fetch", "--exchange", "binance", "--since", iso(end - 299 * HOUR_MS)]
        assert call(*words).code == 0
        series = Series("binance", "BTC/USDT", Timeframe.parse("1h"), home / "data" / "binance" / "BTC-USDT-1h.parquet")
        whole = load(series)
        kept = np.r_[0:20, 25:100, 101 : len(whole)]
        columns = {name: getattr(whole, name)[kept] for name in ("open_ms", *COLUMNS)}
        write(replace(whole, **columns), series.path)
        told = called(capfd, "doctor", "--repair", "--json").result
        assert [one["message"] for one in told["repairs"] if one["area"] == "data"] == [
            "asked for the missing bars of `BTC/USDT`: 6 came, 1 the venue does not have"
        ]
        assert load(series).open_ms.tolist() == whole.open_ms.tolist()
        assert called(capfd, "doctor", "--repair", "--json").result["repairs"] == []


def ended(home: Path, rule: Rule, number: int, *words: str) -> Said:
    """Run a fetch until the exchange keeps it waiting for ever, and send it a signal there."""
    env = {**os.environ, "PYTHONWARNINGS": "error", "TRADER_HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "trader_cli", "data", "fetch", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not rule.used:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate()
    return Said(process.returncode, out, err)


def test_an_interrupt_keeps_what_came_and_says_so(call: Callable[..., Said], home: Path) -> None:
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        words = ["--exchange", "binance", "--symbols", "BTC/USDT", "--timeframe", "1h", "--since", "2025-12-01"]
        rule = server.fault(path="klines", nth=2, kind="hang")
        done = ended(home, rule, signal.SIGINT, *words, "--set", f"fetch.binance_url={server.url}")
    assert (done.code, done.err) == (130, "interrupted: nothing was half written\n")
    (one,) = call("check", "--exchange", "binance", "--json").series
    assert (one["bars"], one["grade"]) == (1000, "A")


def test_a_damaged_file_is_named_and_the_other_series_are_fetched(call: Callable[..., Said], home: Path) -> None:
    (home / "data" / "binance").mkdir(parents=True)
    (home / "data" / "binance" / "BTC-USDT-1h.parquet").write_bytes(b"PAR1 and no more")
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        done = binance(call, server, "--timeframe", "1h")
    assert done.code == 4
    assert "BTC-USDT-1h.parquet` cannot be read" in done.err
    assert "ETH/USDT  1h       0  719   719" in done.out


def stored(home: Path, venue: str) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted((home / "data" / venue).glob("*.*")) if one.name[0] != "."}


def test_a_fetch_that_is_killed_goes_on_where_it_was_and_ends_as_if_nothing_had_happened(
    call: Callable[..., Said], home: Path, tmp_path: Path
) -> None:
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        words = [
            "--exchange", "binance", "--symbols", "BTC/USDT", "--timeframe", "1h,1d", "--since", "2025-09-20",
            "--set", "fetch.group_pages=1", "--set", f"fetch.binance_url={server.url}",
        ]  # fmt: skip
        # Three known bars are asked for again each time.
        for known in (1000, 1997):
            ended(home, server.fault(path="klines", nth=2, kind="hang"), signal.SIGKILL, *words)
            server.do("clear")
            (one,) = call("check", "--exchange", "binance", "--json").series
            assert (one["bars"], one["grade"]) == (known, "A")
        done = call("fetch", *words, "--json")
        assert [(one["before"], one["pages"]) for one in done.series] == [(1997, 2), (0, 1)]
        whole = tmp_path / "undisturbed"
        assert call("fetch", *words, "--home", str(whole)).code == 0
    assert len(stored(home, "binance")) == 2
    assert stored(home, "binance") == stored(whole, "binance")


@pytest.mark.deep
def test_a_killed_walk_over_krakens_trades_goes_on_where_it_was(
    call: Callable[..., Said], home: Path, tmp_path: Path
) -> None:
    """Kraken is asked once in 1.2 s. A minute without trades is a gap in both."""
    end = NOON // 60_000 * 60_000
    rows = [
        [end - (1400 - n) * 60_000, "100.0", "102.5", "99.5", f"{100 + n % 2}.0", "0" if n % 97 == 5 else "1.75"]
        for n in range(1400)
    ]
    with ExchangeServer(["kraken"], now_ms=NOON) as server:
        server.do("candles", symbol="BTC/USD", interval_ms=60_000, rows=rows)
        words = [
            "--exchange", "kraken", "--symbols", "BTC/USD", "--timeframe", "1m", "--since", "2026-02-28T12:55:00Z",
            "--set", "fetch.group_pages=1", "--set", f"fetch.kraken_url={server.url}",
        ]  # fmt: skip
        for _ in range(2):
            ended(home, server.fault(path="Trades", nth=3, kind="hang"), signal.SIGKILL, *words)
            server.do("clear")
        done = call("fetch", *words, "--json")
        (one,) = done.series
        assert (one["error"], one["bars"]) == (None, 1393), "seven of the older minutes had no trades"
        assert [gap["bars"] for gap in one["gaps"]] == [1] * 7
        whole = tmp_path / "undisturbed"
        assert call("fetch", *words, "--home", str(whole)).code == 0
    assert stored(home, "kraken") == stored(whole, "kraken")


@pytest.mark.req("R3.4")
def test_a_stocks_raw_bars_are_kept_and_its_series_is_adjusted_for_what_happened_since(
    call: Callable[..., Said], home: Path
) -> None:
    """By hand: 4 for 1 ten days ago, 1 of 100 paid five days ago; 400 traded before both is 400 / 4 * 0.99."""
    day = 86_400_000
    today = time.time_ns() // 1_000_000 // day * day
    stock = Stock()
    for n in range(-20, -4):
        stock.bars.append((today + n * day + OPENS, (100.0, 101.0, 99.0, 100.0, 1000.0)))
        if n < -10:
            stock.bars[-1] = (stock.bars[-1][0], (400.0, 404.0, 396.0, 400.0, 250.0))
    stock.splits[today - 10 * day] = (4, 1)
    with YahooServer() as server:
        server.stocks["AAPL"] = stock
        words = ["fetch", "--exchange", "yahoo", "--symbols", "AAPL", "--timeframe", "1d"]
        words += ["--set", "fetch.first_bars=15", "--set", f"fetch.yahoo_url={server.url}"]
        done = call(*words, "--json")
        assert done.code == 0, done.err
        (one,) = done.series
        assert (one["bars"], one["pages"], one["error"]) == (11, 2, None)
        series = Series("yahoo", "AAPL", Timeframe.parse("1d"), home / "data" / "yahoo" / "AAPL-1d.parquet")
        raw = replace(series, path=home / "data" / "yahoo" / "raw" / "AAPL-1d.parquet")
        assert load(series).close.tolist() == [100.0] * 11
        stock.dividends[today - 4 * day] = 1.0
        stock.bars.append((today - 4 * day + OPENS, (99.0, 100.0, 98.0, 99.0, 1000.0)))
        (one,) = call(*words, "--json").series
        assert (one["added"], one["revised"]) == (1, [])
        assert load(series).close.tolist() == pytest.approx([99.0] * 12)
        assert load(raw).close.tolist() == [400.0] * 5 + [100.0] * 6 + [99.0]
        asked = len(server.asked)
        done = call(*words[:4], "FOO", *words[5:])
        assert (done.code, len(server.asked)) == (2, asked + 1)
    assert "yahoo has no bars of `FOO`: No data found, symbol may be delisted" in done.err
