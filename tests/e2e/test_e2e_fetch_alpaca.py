"""`trader data fetch --exchange alpaca` as its user sees it: the real command line, real files, a local server in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from said import Said, called
from venues.alpaca_server import KEY, SECRET, AlpacaServer, Listed, day_at
from venues.yahoo_server import DAY, OPENS, Stock, YahooServer

from trader_cli.venues.sessions import is_open

pytestmark = pytest.mark.req("R3.4")
HALF = 1_800_000


@pytest.fixture
def servers() -> Iterator[tuple[AlpacaServer, YahooServer]]:
    with AlpacaServer() as alpaca, YahooServer() as yahoo:
        yield alpaca, yahoo


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    servers: tuple[AlpacaServer, YahooServer],
) -> Callable[..., Said]:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    alpaca, yahoo = servers
    (home / "trader.toml").write_text(
        f'[venue]\ntimeout_s = 60\n[fetch]\nalpaca_url = "{alpaca.url}"\nyahoo_url = "{yahoo.url}"\nalpaca_per_min = 10000\n'
    )

    def one(*words: str) -> Said:
        said = called(capfd, "data", *words)
        assert SECRET not in said.out + said.err
        return said

    return one


def weekdays(number: int) -> list[int]:
    """Return the last weekdays that are over in New York too, oldest first, midnight UTC each."""
    found: list[int] = []
    day = (time.time_ns() // 1_000_000 // DAY - 2) * DAY
    while len(found) < number:
        if (day // DAY + 3) % 7 < 5:
            found.insert(0, day)
        day -= DAY
    return found


def bar(n: int) -> tuple[float, float, float, float, float]:
    return (100.0 + n, 101.0 + n, 99.0 + n, 100.5 + n, 1000.0 + n)


def both(alpaca: AlpacaServer, yahoo: YahooServer, days: list[int], *, without: dict[str, set[int]]) -> None:
    """Give both of them the days, but for those of some numbers."""
    alpaca.stocks["AAPL"] = Listed(
        {"1Day": [(day_at(at), *bar(n)) for n, at in enumerate(days) if n not in without["alpaca"]]}
    )
    yahoo.stocks["AAPL"] = Stock([(at + OPENS, bar(n)) for n, at in enumerate(days) if n not in without["yahoo"]])


def closes(home: Path, exchange: str, *, raw: bool = False) -> list[float]:
    path = home / "data" / exchange / ("raw" if raw else ".") / "AAPL-1d.parquet"
    return [float(one) for one in pq.read_table(path)["close"].to_pylist()]


def date(time_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time_ms // 1000))


def since(days: list[int]) -> tuple[str, str]:
    return ("--since", date(days[0]))


def span(days: list[int]) -> tuple[str, ...]:
    return (*since(days), "--until", date(days[-1] + DAY))


def test_hours_and_days_come_and_the_next_fetch_adds_only_what_is_newer(
    call: Callable[..., Said], servers: tuple[AlpacaServer, YahooServer]
) -> None:
    alpaca, _ = servers
    days = weekdays(10)
    both(alpaca, servers[1], days, without={"alpaca": {9}, "yahoo": set()})
    alpaca.stocks["AAPL"].bars["30Min"] = [(at + n * HALF, *bar(n)) for at in days[:-1] for n in range(16, 48)]
    words = ["fetch", "--exchange", "alpaca", "--symbols", "AAPL", "--timeframe", "1h,1d", *since(days), "--json"]
    first = call(*words)
    assert first.code == 0, first.err
    hours = first.series[0]["bars"]
    # In summer and in winter alike, the first of them half an hour long.
    assert (hours, first.series[1]["bars"]) == (7 * 9, 9)
    assert first.series[0]["gaps"] == []
    alpaca.stocks["AAPL"].bars["1Day"].append((day_at(days[9]), *bar(9)))
    again = call(*words)
    assert [(one["before"], one["added"]) for one in again.series] == [(hours, 0), (9, 1)]


@pytest.mark.req("R2.7")
@pytest.mark.parametrize(("own", "other"), [("alpaca", "yahoo"), ("yahoo", "alpaca")])
def test_each_of_the_two_stands_in_for_the_bars_that_the_other_does_not_have(
    call: Callable[..., Said], servers: tuple[AlpacaServer, YahooServer], home: Path, own: str, other: str
) -> None:
    days = weekdays(20)
    both(*servers, days, without={own: {6, 7}, other: {7}})
    # Paid on a day that only the one which stands in has; 1 of a close of 105.5 before it.
    servers[1].stocks["AAPL"].dividends[days[6]] = 1.0
    at = date(days[6])
    paid = {"symbol": "AAPL", "rate": 1, "special": False, "foreign": False, "ex_date": at, "process_date": at}
    servers[0].stocks["AAPL"].actions["cash_dividends"] = [paid]
    words = ["fetch", "--exchange", own, "--symbols", "AAPL", "--timeframe", "1d", *span(days)]
    alone = call(*words, "--json")
    assert (alone.code, alone.series[0]["bars"]) == (0, 18), alone.err
    done = call(*words, "--fallback", other, "--json")
    assert done.code == 0, done.err
    (one,) = done.series
    assert (one["providers"], one["bars"], one["revised"]) == ({other: 1}, 19, [])
    raw = [bar(n)[3] for n in range(20) if n != 7]
    assert closes(home, own, raw=True) == pytest.approx(raw)
    factor = 1 - 1 / 105.5
    assert closes(home, own) == pytest.approx([close * factor if n < 6 else close for n, close in enumerate(raw)])
    asked = len(servers[0].asked) + len(servers[1].asked)
    assert call(*words, "--fallback", other).code == 0
    assert len(servers[0].asked) + len(servers[1].asked) <= asked + 3, "what neither has is not asked for again"


@pytest.mark.req("R2.7")
def test_what_yahoo_does_not_show_any_more_alpaca_gives(
    call: Callable[..., Said], servers: tuple[AlpacaServer, YahooServer]
) -> None:
    """Yahoo has half hours of 60 days; both have 13 a day."""
    days = weekdays(60)
    alpaca, yahoo = servers
    bars = [(at + n * HALF, bar(n)) for at in days for n in range(16, 48) if is_open(at + n * HALF)]
    alpaca.stocks["AAPL"] = Listed({"30Min": [(at, *one) for at, one in bars]})
    edge = time.time_ns() // 1_000_000 - 59 * DAY
    yahoo.stocks["AAPL"] = Stock([(at, one) for at, one in bars if at > edge])
    words = ["fetch", "--exchange", "yahoo", "--symbols", "AAPL", "--timeframe", "30m", *span(days), "--json"]
    (one,) = call(*words).series
    alone = one["bars"]
    assert 0 < alone < len(bars)
    (one,) = call(*words, "--fallback", "alpaca").series
    assert (one["bars"], one["gaps"], one["providers"]["alpaca"]) == (len(bars), [], len(bars) - alone)


@pytest.mark.req("R2.7")
def test_where_the_key_is_missing_the_one_that_stands_in_gives_the_bars_and_that_is_said(
    call: Callable[..., Said], servers: tuple[AlpacaServer, YahooServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    days = weekdays(10)
    both(*servers, days, without={"alpaca": set(), "yahoo": set()})
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    words = ["fetch", "--exchange", "alpaca", "--symbols", "AAPL", "--timeframe", "1d", *span(days)]
    alone = call(*words)
    assert (alone.code, servers[0].asked) == (2, [])
    assert "`APCA_API_SECRET_KEY` is neither in the environment nor in the system's keyring" in alone.err
    (one,) = call(*words, "--fallback", "yahoo", "--json").series
    assert one["providers"] == {"yahoo": 10}
    assert "`APCA_API_SECRET_KEY` is neither" in one["notes"][0]


def test_a_wrong_key_is_refused_once_for_all_series(
    call: Callable[..., Said], servers: tuple[AlpacaServer, YahooServer], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong0secret0wrong")
    done = call("fetch", "--exchange", "alpaca", "--symbols", "AAPL,MSFT", "--timeframe", "1d,1h")
    assert (done.code, len(servers[0].asked)) == (5, 1)
    assert "does not accept the key and secret of `APCA_API_KEY_ID` and `APCA_API_SECRET_KEY`" in done.err
    assert "wrong0secret0wrong" not in done.out + done.err
    everything = b"".join(one.read_bytes() for one in home.rglob("*") if one.is_file())
    assert b"wrong0secret0wrong" not in everything


def test_a_symbol_it_does_not_know_leaves_nothing_behind(call: Callable[..., Said], home: Path) -> None:
    done = call("fetch", "--exchange", "alpaca", "--symbols", "FOO", "--timeframe", "1d")
    assert (done.code, "alpaca has no bars of `FOO`" in done.err) == (2, True)
    assert not list((home / "data").rglob("*FOO*"))


def stored(home: Path) -> dict[str, bytes]:
    found = sorted(one for one in (home / "data").rglob("*") if one.is_file() and one.name[0] != ".")
    return {str(one.relative_to(home)): one.read_bytes() for one in found}


def test_a_fetch_that_is_killed_goes_on_and_ends_as_if_nothing_had_happened(
    call: Callable[..., Said], servers: tuple[AlpacaServer, YahooServer], home: Path, tmp_path: Path
) -> None:
    alpaca, _ = servers
    days = weekdays(20)
    both(*servers, days, without={"alpaca": set(), "yahoo": set()})
    at = date(days[9])
    split = {"symbol": "AAPL", "new_rate": 2, "old_rate": 1, "ex_date": at, "process_date": at}
    alpaca.stocks["AAPL"].actions["forward_splits"] = [split]
    alpaca.page_bars = 6
    words = ["--exchange", "alpaca", "--symbols", "AAPL", "--timeframe", "1d", *span(days)]
    words += ["--set", "fetch.group_pages=1"]
    # The fourth request asks for the third page of bars.
    alpaca.hang_at = 3
    env = {**os.environ, "PYTHONWARNINGS": "error", "TRADER_HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "trader_cli", "data", "fetch", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    assert alpaca.hanging.wait(120), process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    alpaca.released.set()
    assert len(closes(home, "alpaca")) == 12
    assert call("fetch", *words).code == 0
    whole = tmp_path / "undisturbed"
    whole.mkdir()
    (whole / "trader.toml").write_text((home / "trader.toml").read_text())
    assert call("fetch", *words, "--home", str(whole)).code == 0
    assert len(stored(home)) == 4
    assert stored(home) == stored(whole)
