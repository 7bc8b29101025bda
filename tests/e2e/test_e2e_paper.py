"""Paper trading as its owner sees it: the real command line against the local exchange, both dialects."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from account import HOLD
from exchange import ExchangeServer
from said import Said, called

from trader_cli.ledger import Ledger

HOUR_MS = 3_600_000
# A quarter past some hour: 2026-03-01T12:15:00Z.
NOON = 1_772_367_300_000
TOML = """
[venue]
id = "{venue}"
api_url = "{url}"
timeout_s = 20
[data]
symbols = {symbols}
timeframe = "1h"
[risk]
stop_pct = "2"
"""


class Home:
    """A home on an exchange whose clock stands still until the test moves it."""

    def __init__(self, folder: Path, server: ExchangeServer, call: Callable[..., Said]) -> None:
        self.folder, self.server, self._call = folder, server, call

    def paper(self, *words: str) -> Said:
        """Run one cycle."""
        return self._call("paper", *words, "--json")

    def trader(self, *words: str) -> Said:
        """Run any command."""
        return self._call(*words)

    def later(self, hours: float = 1) -> None:
        """Let time pass at the venue."""
        self.server.do("clock", advance_ms=round(hours * HOUR_MS))

    def states(self, symbols: list[str], **more: str) -> None:
        """Write the configuration anew."""
        venue = next(iter(self.server.venues))
        text = TOML.format(venue=venue, url=self.server.url, symbols=json.dumps(symbols))
        for key, value in more.items():
            text = text.replace(f"{key} =", f"{key} = {value} #")
        (self.folder / "trader.toml").write_text(text)

    def tripped(self) -> str:
        """Return the rule that halted everything, as `trader risk status` shows it."""
        (scope,) = [one for one in self.trader("risk", "status", "--json").result["scopes"] if one["scope"] == "all"]
        return str(scope["rule"])

    def ledger(self) -> Ledger:
        return Ledger.open("sqlite:///trader.db", self.folder, create=False)


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[..., Said]:
    """The program's own way in, in this process: what a shell would start, without the imports of a new process each time."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))

    def one(*words: str) -> Said:
        return called(capfd, *words)

    return one


def _home(folder: Path, server: ExchangeServer, call: Callable[..., Said], symbols: list[str]) -> Home:
    made = Home(folder, server, call)
    (folder / "strategies").mkdir()
    (folder / "strategies" / "hold.py").write_text(HOLD)
    made.states(symbols)
    return made


@pytest.fixture
def market(home: Path, call: Callable[..., Said]) -> Any:
    """At Binance, whose public calls need no pauses."""
    with ExchangeServer(["binance"], now_ms=NOON) as server:
        made = _home(home, server, call, ["BTC/USDT", "ETH/USDT"])
        assert made.trader("strategy", "deploy", "hold").code == 0
        yield made


@pytest.mark.req("R4.2")
@pytest.mark.parametrize(("venue", "quote"), [("kraken", "USD"), ("binance", "USDT")])
def test_one_cycle_a_bar_decides_once_and_fills_at_the_next_open(
    home: Path, call: Callable[..., Said], venue: str, quote: str
) -> None:
    with ExchangeServer([venue], now_ms=NOON) as server:
        at = _home(home, server, call, [f"BTC/{quote}"])
        assert at.trader("strategy", "deploy", "hold").code == 0
        first = at.paper("--once")
        assert first.code == 0
        told = first.result
        assert (told["outcome"], told["bar"], told["step"]) == ("acted", "2026-03-01T11:00:00Z", 1)
        assert [one["side"] for one in told["orders"]] == ["buy"]
        assert told["quote"] == quote
        calls = len(server.requests())
        again = at.paper()
        assert (again.code, again.result["outcome"], again.result["step"]) == (0, "nothing", 1)
        # Nothing is asked but the time: the bars that closed are known.
        assert len(server.requests()) - calls <= 2
        at.later()
        filled = at.paper("--once").result
        (fill,) = filled["fills"]
        assert (fill["side"], fill["time"]) == ("buy", "2026-03-01T12:00:00Z")
        (position,) = filled["positions"]
        # 30 % of 500, less than a lot of it and the cost of one slippage.
        assert position["value"] == pytest.approx(150, rel=0.02)
        assert filled["orders"] == []
        keys = {"run_id", "mode", "exchange", "strategies", "symbols", "timeframe", "quote", "step", "bar", "outcome"}
        keys |= {"fills", "orders", "positions", "cash", "equity", "trades", "digest", "blocked", "notes"}
        assert keys <= set(filled)
        shown = at.trader("paper", "--once")
        assert "nothing to do since the bar of 2026-03-01T12:00:00Z" in shown.out
        assert max(map(len, shown.out.splitlines())) <= 80


def test_what_cannot_be_meant_says_so_before_anything_is_asked(home: Path, call: Callable[..., Said]) -> None:
    assert call("paper", "--once", "--json").code == 3
    with ExchangeServer(["kraken"], now_ms=NOON) as server:
        at = _home(home, server, call, ["BTC/USD", "NOPE/USD"])
        none = at.paper("--once")
        assert none.code == 3
        assert "strategy deploy" in none.err
        unknown = at.paper("hold", "--once")
        assert unknown.code == 2
        assert "does not trade `NOPE/USD`" in unknown.err
        venue = at.paper("hold", "--set", "venue.id=")
        assert venue.code == 2
        assert "no venue is configured" in venue.err
        assert at.paper("nobody", "--once").code == 3
        assert at.paper("hold", "--every", "15m").code == 2
        assert not server.accepted()


@pytest.mark.deep
def test_a_venue_that_is_down_or_hangs_ends_the_cycle_with_5_within_its_limit(market: Home) -> None:
    """E3: the limit is the cycle's own, whatever the venue does; the ledger is sound and the next run goes on."""
    assert market.paper("--once").code == 0
    market.later()
    for kind in ("hang", "drip"):
        rule = market.server.fault(path="klines", kind=kind, drip_s=0.5, times=0)
        began = time.monotonic()
        done = market.paper("--once", "--set", "cycle.limit_s=3", "--set", "venue.timeout_s=60")
        # The clock of the wall, since that is what is promised; with room for a machine that is busy.
        assert time.monotonic() - began < 3 + 5
        assert (done.code, rule.used > 0) == (5, True)
        market.server.do("clear")
    down = market.paper("--once", "--set", "venue.api_url=http://127.0.0.1:9")
    assert down.code == 5
    assert market.trader("ledger", "verify").code == 0
    after = market.paper("--once")
    assert (after.code, after.result["outcome"]) == (0, "acted")
    ledger = market.ledger()
    assert [one.exit_code for one in ledger.cycles(5)] == [0, 5, 5, 5, 0]
    ledger.close()


@pytest.mark.deep
def test_damaged_candles_of_one_symbol_leave_it_alone_and_nobody_else(market: Home) -> None:
    """D4: what is no price stops its own market with exit 4; the other one trades."""
    candles = [[NOON - 4 * HOUR_MS + i * HOUR_MS - 900_000, 5, 4, 6, 5, 1] for i in range(4)]
    market.server.do("candles", symbol="ETH/USDT", interval_ms=HOUR_MS, rows=candles, raw=True)
    done = market.paper("--once")
    assert done.code == 4
    assert set(done.result["blocked"]) == {"ETH/USDT"}
    assert [one["symbol"] for one in done.result["orders"]] == ["BTC/USDT"]


@pytest.mark.deep
def test_data_that_ended_long_ago_is_not_decided_on(market: Home) -> None:
    """D2: the venue's newest candle is five hours old."""
    rows = [[NOON - 900_000 - (12 - i) * HOUR_MS, 100, 101, 99, 100, 1] for i in range(7)]
    for symbol in ("BTC/USDT", "ETH/USDT"):
        market.server.do("candles", symbol=symbol, interval_ms=HOUR_MS, rows=rows, raw=True)
    done = market.paper("--once")
    assert done.code == 4
    assert "too long ago" in done.err
    assert (done.result["orders"], done.result["step"]) == ([], 0)
    assert "nothing was decided on yet" in market.trader("paper", "--once").out


@pytest.mark.deep
def test_a_symbol_that_is_taken_out_while_it_is_held_is_still_left_by_its_stop(market: Home) -> None:
    """E15: old positions are managed to their end, new ones are not opened; what is added trades."""
    assert market.paper("--once").code == 0
    market.later()
    held = {one["symbol"] for one in market.paper("--once").result["positions"]}
    assert held == {"BTC/USDT", "ETH/USDT"}
    market.states(["ETH/USDT", "SOL/USDT"])
    market.later()
    more = market.paper("--once").result
    assert {one["symbol"] for one in more["orders"]} == {"SOL/USDT"}
    assert more["symbols"] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    market.server.do("price", symbol="BTC/USDT", price="40000")
    market.later(2)
    sold = market.paper("--once").result
    assert [(one["symbol"], one["reason"]) for one in sold["fills"] if one["side"] == "sell"] == [("BTC/USDT", "stop")]
    market.later()
    assert "BTC/USDT" not in {one["symbol"] for one in market.paper("--once").result["orders"]}


@pytest.mark.deep
def test_another_length_of_bar_quote_or_layout_of_wallets_needs_a_session_of_its_own(market: Home) -> None:
    assert market.paper("--once").code == 0
    other = market.paper("--once", "--timeframe", "4h")
    assert (other.code, "go back to it: `--timeframe 1h`" in other.err) == (2, True)
    wallets = market.paper("--once", "--set", "wallets.one.share_pct=50", "--set", "wallets.one.strategies=hold")
    assert (wallets.code, "begin a new session: `--fresh`" in wallets.err) == (2, True)
    quoted = market.paper("--once", "--symbols", "ETH/BTC")
    assert (quoted.code, "--fresh" in quoted.err) == (2, True)
    fresh = market.paper("--once", "--timeframe", "4h", "--fresh")
    assert (fresh.code, fresh.result["step"]) == (0, 1)
    ledger = market.ledger()
    assert [one.timeframe for one in ledger.sessions()] == ["4h", "1h"]
    ledger.close()


@pytest.mark.req("R4.12")
def test_a_halt_stops_entries_sells_where_asked_and_its_end_is_not_tripped_again(market: Home) -> None:
    assert market.trader("risk", "halt", "--reason", "look").code == 0
    halted = market.paper("--once").result
    assert halted["orders"] == []
    assert market.trader("risk", "resume", "--reason", "looked").code == 0
    market.later()
    assert len(market.paper("--once").result["orders"]) == 2
    market.later()
    assert len(market.paper("--once").result["positions"]) == 2
    assert market.trader("risk", "halt", "--reason", "out", "--close-positions").code == 0
    market.later()
    closing = market.paper("--once").result
    assert {(one["side"], one["reason"]) for one in closing["orders"]} == {("sell", "kill")}
    market.later()
    assert market.paper("--once").result["positions"] == []
    assert market.trader("risk", "resume", "--reason", "in again").code == 0
    market.later()
    after = market.paper("--once")
    # Resumed, but what was sold by the halt is bought again only when the strategy let go of it and wants it anew.
    assert (after.code, after.result["outcome"], after.result["orders"]) == (0, "acted", [])
    assert market.trader("risk", "status", "--json").result["halted"] is False


@pytest.mark.deep
def test_a_drawdown_breaker_is_a_halt_that_risk_status_shows_and_resume_ends(market: Home) -> None:
    more = ("--set", "risk.drawdown_pct=10", "--set", "risk.stop_pct=0")
    assert market.paper("--once", *more).code == 0
    market.later()
    assert len(market.paper("--once", *more).result["positions"]) == 2
    market.server.do("price", symbol="BTC/USDT", price="25000")
    market.later(2)
    market.paper("--once", *more)
    assert market.tripped() == "drawdown"
    assert market.trader("risk", "resume", "--reason", "seen").code == 0
    market.later()
    assert market.paper("--once", *more).code == 0
    # The peak is counted from the resumption: the same fall does not trip it again at once.
    assert market.tripped() == ""


@pytest.mark.deep
def test_a_clock_that_is_set_back_decides_nothing_twice_and_goes_on_when_it_is_right_again(market: Home) -> None:
    """E12, at the venue and so on its bars."""
    market.later(5)
    first = market.paper("--once").result
    market.server.do("clock", set_ms=NOON + HOUR_MS)
    back = market.paper("--once")
    assert (back.result["outcome"], back.result["step"]) == ("nothing", first["step"])
    market.server.do("clock", set_ms=NOON + 6 * HOUR_MS)
    assert market.paper("--once").result["step"] == first["step"] + 1


@pytest.mark.deep
@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Pacific/Apia", "Asia/Kolkata"])
def test_every_zone_decides_each_bar_of_a_night_of_change_once(
    market: Home, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """E13: 2026-03-08 in New York, 2026-03-29 in Berlin; from 00:15 to 04:15 UTC there are five bars."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        night = 1_772_928_900_000 if zone.startswith("America") else 1_774_743_300_000
        bars = []
        for hour in range(5):
            market.server.do("clock", set_ms=night + hour * HOUR_MS)
            done = market.paper("--once")
            assert (done.code, done.result["outcome"]) == (0, "acted")
            bars.append(done.result["bar"][11:16])
        assert bars == ["23:00", "00:00", "01:00", "02:00", "03:00"]
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.deep
def test_a_full_disk_ends_with_4_and_leaves_the_ledger_as_it_was(market: Home) -> None:
    """E5: no byte more fits; nothing is half written, and with room again the next run goes on."""
    assert market.paper("--once").code == 0
    market.later()
    size = (market.folder / "trader.db").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file may not grow beyond what the ledger's journal already needs.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 8, hard))
    try:
        full = market.paper("--once")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.code == 4
    assert market.trader("ledger", "verify").code == 0
    after = market.paper("--once")
    assert (after.code, after.result["step"]) == (0, 2)


def _process(home: Path, *words: str, **env: str) -> subprocess.Popen[str]:
    whole = {**os.environ, "PYTHONWARNINGS": "error", "TRADER_HOME": str(home), "TRADER_INTERPRET": "1", **env}
    command = [sys.executable, "-m", "trader_cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_loop_that_is_interrupted_names_what_is_open_and_leaves_it_to_the_next_run(
    market: Home, number: int, code: int
) -> None:
    """E9: the loop sleeps between two cycles; the position is named with its worth."""
    assert market.paper("--once").code == 0
    market.later()
    loop = _process(market.folder, "paper", "--every", "1h", "--for", "2h")
    assert loop.stdout is not None
    lines = []
    while not any("positions" in line for line in lines):
        lines.append(loop.stdout.readline())
        assert lines[-1], lines
    time.sleep(0.5)
    loop.send_signal(number)
    _, err = loop.communicate(timeout=60)
    assert loop.returncode == code
    assert "open: " in err
    assert "BTC/USDT, worth " in err
    assert "Traceback" not in err
    assert market.paper("--once").result["outcome"] == "nothing"


_HOLDER = """
import sys
from trader_cli.config.lease import take_lease
held = take_lease({folder!r}, {mode!r})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.deep
@pytest.mark.req("R0.8")
@pytest.mark.parametrize("mode", ["paper", "live"])
def test_a_stopped_holder_sends_others_away_with_75_and_a_killed_one_keeps_nobody_out(home: Path, mode: str) -> None:
    """E1, E2: the lease is the system's; a file that is left behind is free."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _HOLDER.format(folder=str(home / "locks"), mode=mode),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGSTOP)
    busy = _process(home, mode, "--once", "--json")
    out, err = busy.communicate(timeout=60)
    assert (busy.returncode, json.loads(out)["error"]["code"]) == (75, "lease")
    assert err.startswith("error: another run holds the lease")
    holder.kill()
    holder.communicate()
    after = _process(home, mode, "--once")
    _, err = after.communicate(timeout=60)
    # Nothing is deployed here: it got as far as that.
    assert after.returncode == 3, err


def test_of_fifty_processes_for_one_bar_exactly_one_acts_and_the_rest_are_gone_at_once(home: Path) -> None:
    """E1: whoever finds the lease taken has imported nothing heavy; what that costs is counted in processor time."""
    words = ("paper", "demo_ma", "--replay", "--once", "--since", "2018-01-01", "--until", "2018-01-02", "--json")
    runs = [_process(home, *words, "--symbols", "BTC/USD") for _ in range(50)]
    codes, used, outcomes = Counter(), [], Counter()
    for one in runs:
        assert one.stdout is not None
        assert one.stderr is not None
        out = one.stdout.read()
        one.stderr.read()
        _, status, usage = os.wait4(one.pid, 0)
        one.returncode = os.waitstatus_to_exitcode(status)
        codes[one.returncode] += 1
        if one.returncode == 0:
            outcomes[json.loads(out)["result"]["bar"]] += 1
        else:
            used.append(usage.ru_utime + usage.ru_stime)
        one.stdout.close()
        one.stderr.close()
    assert set(codes) <= {0, 75}
    assert codes[0] >= 1
    # A slow start may find the first run's lease free again and step on; no bar is stepped twice.
    assert set(outcomes.values()) == {1}
    # Two cores get through all of them within two seconds.
    assert sum(used) < 4, sum(used)


@pytest.mark.deep
def test_two_homes_of_one_user_never_trade_on_one_account_at_a_time(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trader_cli.cli.cycle import alone
    from trader_cli.errors import LeaseError
    from trader_cli.wiring import Wiring

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TRADER_API_KEY", "one-key")
    monkeypatch.setenv("TRADER_API_SECRET", "c2VjcmV0")
    first, second = (Wiring(tmp_path / name, None, {"venue.id": "binance"}) for name in ("a", "b"))
    with alone(first, "live"):
        with pytest.raises(LeaseError), alone(second, "live"):
            pass
        # Paper has no account at a venue, and another key is another account.
        with alone(second, "paper"):
            pass
        monkeypatch.setenv("TRADER_API_KEY", "another-key")
        with alone(Wiring(tmp_path / "b", None, {"venue.id": "binance"}), "live"):
            pass
    # A lease that was refused in part is given back whole.
    with alone(second, "live"):
        pass
    assert not any("one-key" in path.name for path in tmp_path.rglob("*"))
