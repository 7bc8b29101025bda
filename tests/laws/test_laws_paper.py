"""Law 2: a backtest and a session that is rebuilt from the ledger at every bar are the same run."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trader_cli.jobs.backtest import backtest
from trader_cli.jobs.feeding import FeedSource
from trader_cli.jobs.simulated import SimulatedBroker
from trader_cli.jobs.summary import iso
from trader_cli.jobs.trade import trade
from trader_cli.market.feed import ReplayFeed
from trader_cli.market.store import BarStore
from trader_cli.model.bars import Bars
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.session import Deployment
from trader_cli.model.timeframe import Timeframe
from trader_cli.trading import paper_replay
from trader_cli.wiring import Wiring, builtin_dir

FOUR_HOURS = Timeframe.parse("4h")
# Windows short enough that a few hundred bars trade a lot.
SHORT: dict[str, dict[str, str]] = {
    "demo_ma": {"fast": "2", "slow": "5"},
    "trend_breakout": {"fast": "3", "slow": "8", "atr_period": "3"},
    "mean_reversion": {"fast": "5", "slow": "20", "atr_period": "3", "enter_rsi": "50", "enter_z": "0"},
    "momentum": {"fast": "2", "slow": "20", "act": "0.1", "look": "0.05", "min_age": "30", "bypass_pct": "20"},
    "grid": {"fast": "2", "slow": "10", "steps": "3", "max_adx": "80", "step_atr": "0.1", "min_step_bps": "1"},
    "arbitrage": {"cost_bps": "5", "margin_bps": "5"},
    "volatility": {"fast": "5", "slow": "20"},
}
# Every rule that remembers something from bar to bar, each tight enough to act within a few weeks of this market.
RULES: dict[str, Any] = {
    "sizing.fraction": "0.4",
    "sizing.rebalance": "true",
    "sizing.dead_band_pct": "5",
    "risk.max_positions": "2",
    "risk.stop_pct": "6",
    "risk.trail_pct": "9",
    "risk.target_pct": "14",
    "risk.daily_loss_pct": "4",
    "risk.drawdown_pct": "35",
    "risk.wallet_daily_loss_pct": "4",
    "risk.losing_streak": "2",
    "risk.cool_down_bars": "3",
    "risk.swap_atr": "2",
    "risk.max_gross_pct": "90",
    "risk.cash_reserve_pct": "2",
    "risk.raise_to_minimum": "1.1",
    "exits.trail_atr": "4",
    "exits.break_even_pct": "3",
    "exits.micro_profit_pct": "9",
    "exits.partial_pct": "4",
    "exits.max_bars": "30",
    "exits.high_score": "70",
}


class Shelf(BarStore):
    """The sample's bars, read once for many wirings."""

    def __init__(self) -> None:
        super().__init__(None, builtin_dir("data"))
        self._read: dict[tuple[Any, ...], Bars] = {}

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        key = (symbol, exchange, timeframe, since_ms, until_ms)
        if key not in self._read:
            self._read[key] = super().load(*key)
        return self._read[key]


SHELF = Shelf()


@dataclass(frozen=True)
class Question:
    """What both runs are asked. names: None = what is deployed, in the preset's wallets."""

    names: str | None
    since: str
    until: str
    preset: str = "paper-500"
    params: dict[str, str] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)

    def wired(self, home: Path) -> Wiring:
        """Return parts that know nothing but this home."""
        span = {"data.since": self.since, "data.until": self.until, "data.timeframe": "4h"}
        parts = Wiring(home, self.preset, {**span, **self.flags})
        parts.__dict__["bars"] = SHELF
        return parts


def _deploy(home: Path, question: Question) -> None:
    parts = question.wired(home)
    for names in parts.purses.values():
        for name in names:
            digest = parts.strategies.load(name).source_digest
            parts.ledger.deploy(1, Deployment(name, "", {}, digest, 1))
    parts.close()


_OWN = {"id", "run", "run_id", "txn", "closing_txn", "chain"}


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a run without what says which run they are of."""
    return [{key: value for key, value in row.items() if key not in _OWN} for row in rows]


def _same(home: Path, question: Question) -> dict[str, Any]:
    """Run both, each step of the session from what the ledger says; compare all there is; return what happened."""
    if question.names is None:
        _deploy(home, question)
    parts = question.wired(home)
    once = backtest(
        parts.request(question.names, question.params),
        SHELF,
        parts.instrument,
        lambda: parts.ledger,
        "the-backtest",
        1,
        lambda _text: None,
    )
    parts.close()
    steps = 0
    while True:
        parts = question.wired(home)
        done = paper_replay(parts, question.names, question.params, fresh=False, note=lambda _text: None)
        if done.result["outcome"] == "ended":
            break
        assert (done.exit_code, done.result["outcome"]) == (0, "acted")
        steps += 1
        parts.close()
    result, record = once.result, once.record
    run_id, ledger = done.result["run_id"], parts.ledger
    last = ledger.last_step(run_id)
    assert steps == result["bars"]
    fills = ledger.session_fills(run_id)
    assert fills.digest() == last.digest == done.result["digest"] == result["digest"]
    assert (last.cash, last.equity, last.holdings, last.marks) == (
        record.cash_end,
        record.equity_end,
        record.holdings,
        record.marks,
    )
    for table in ("fills", "trades"):
        assert _plain(ledger.rows(table, run_id)) == _plain(ledger.rows(table, "the-backtest")), table
    events = {run: ledger.rows("risk_events", run) for run in (run_id, "the-backtest")}
    breakers = [_plain([one for one in rows if one["kind"] == "breaker"]) for rows in events.values()]
    assert breakers[0] == breakers[1]
    # What a replay counts together, a session says bar by bar: together it is the same.
    told = [Counter() for _ in events]
    for count, rows in zip(told, events.values(), strict=True):
        for one in rows:
            count[one["kind"], one["rule"], one["wallet"], one["symbol"]] += one["count"]
    assert told[0] == told[1]
    parts.close()
    reasons = Counter(Reason(one).label for one in fills.reason.tolist())
    kinds = Counter(OrderKind(one).name.lower() for one in fills.kind.tolist())
    rules = Counter(key[1] for key in told[0])
    conflicts = sum(count for key, count in told[0].items() if key[0] == "conflict")
    return {
        "steps": steps,
        "fills": len(fills),
        "reasons": reasons,
        "kinds": kinds,
        "rules": rules,
        "conflicts": conflicts,
    }


def _tight(names: str | None, until: str, **more: str) -> Question:
    """The question with every rule on and short windows; None = the four wallets of the preset, each with its strategy."""
    if names is not None:
        return Question(names, "2018-01-01", until, params=SHORT[names], flags={**RULES, **more})
    short = {f"params.{name}.{key}": value for name, params in SHORT.items() for key, value in params.items()}
    loose = {
        "sizing.risk_pct": "20",
        "risk.max_var_pct": "0",
        "risk.max_cvar_pct": "0",
        "risk.max_symbol_pct": "80",
        "risk.losing_streak": "2",
        "risk.cool_down_bars": "4",
        "risk.wallet_daily_loss_pct": "4",
        "exits.partial_pct": "4",
    }
    return Question(None, "2018-01-01", until, preset="solana-wallets", flags={**short, **loose, **more})


@pytest.mark.req("X1")
@pytest.mark.parametrize(
    ("names", "reasons", "kinds", "rules"),
    [
        (None, {"strategy", "stop", "partial"}, {"market", "limit", "stop"}, {"losing_streak", "daily_loss"}),
        ("grid", {"strategy", "swap", "stop", "partial"}, {"limit", "stop"}, {"max_positions", "losing_streak"}),
        ("trend_breakout", {"strategy", "micro_profit", "break_even"}, {"market", "limit", "stop"}, set()),
    ],
    ids=["four-wallets", "resting-orders", "all-exits"],
)
def test_a_backtest_and_a_session_rebuilt_from_the_ledger_at_every_bar_are_the_same_run(
    tmp_path: Path, names: str | None, reasons: set[str], kinds: set[str], rules: set[str]
) -> None:
    seen = _same(tmp_path, _tight(names, "2018-01-11"))
    assert seen["steps"] == 60
    # Not the sameness of doing nothing: what must survive a restart was at work.
    assert reasons <= set(seen["reasons"])
    assert kinds <= set(seen["kinds"])
    assert rules <= set(seen["rules"])


@pytest.mark.deep
@pytest.mark.req("X1")
@pytest.mark.parametrize("rules", [RULES, {}], ids=["all-rules", "default-rules"])
@pytest.mark.parametrize("name", sorted(SHORT))
def test_every_strategy_is_the_same_over_540_bars_of_five_coins(
    tmp_path: Path, name: str, rules: dict[str, Any]
) -> None:
    seen = _same(tmp_path, Question(name, "2018-01-01", "2018-04-01", params=SHORT[name], flags=rules))
    assert seen["steps"] == 540
    # On one venue there is nothing to compare: it trades nothing, and must not in either.
    assert seen["fills"] >= (0 if name == "arbitrage" else 100)


@pytest.mark.deep
@pytest.mark.req("X1")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"exits.fibonacci": "true", "exits.fibonacci_wing": "2"},
        {"sizing.method": "kelly", "sizing.kelly_trades": "5"},
        {"sizing.method": "volatility", "sizing.volatility_bars": "20", "allocation.method": "performance"},
        {"risk.max_correlation": "0.7", "risk.correlation_bars": "20", "risk.max_var_pct": "4", "risk.var_bars": "30"},
        {"consensus.timeframes": "4h,8h,1d"},
    ],
    ids=["wallets", "fibonacci", "kelly", "volatility", "correlation", "consensus"],
)
def test_four_wallets_are_the_same_over_540_bars_under_every_way_to_size_and_to_limit(
    tmp_path: Path, more: dict[str, str]
) -> None:
    seen = _same(tmp_path, _tight(None, "2018-04-01", **more))
    assert seen["steps"] == 540
    assert seen["fills"] >= 50


@pytest.mark.req("X1")
def test_two_strategies_that_disagree_in_one_wallet_are_the_same_run(tmp_path: Path) -> None:
    params = {f"{name}.{key}": value for name in ("mean_reversion", "grid") for key, value in SHORT[name].items()}
    question = Question("mean_reversion,grid", "2018-01-01", "2018-01-08", params=params, flags=RULES)
    seen = _same(tmp_path, question)
    assert seen["conflicts"] > 10
    assert seen["fills"] > 10


def _process(home: Path, words: tuple[str, ...]) -> subprocess.Popen[str]:
    """One bar as cron would step it: a process of its own, which knows nothing but this home."""
    env = {**os.environ, "PYTHONWARNINGS": "error", "TRADER_HOME": str(home)}
    command = [sys.executable, "-m", "trader_cli", *words, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def _stepped_by_processes(home: Path, until: str, *, seed: int, every: int, name: str) -> tuple[int, int]:
    """Step to the end, a process a bar, every of so many killed at a random moment and started again; return (bars, killed)."""
    rng = random.Random(seed)
    settings = [f"{key}={value}" for key, value in RULES.items()]
    asked = [f"{key}={value}" for key, value in SHORT[name].items()]
    span = ("--since", "2018-01-01", "--until", until, "--timeframe", "4h", "--symbols", "BTC/USD,XRP/USD")
    rest = (*span, *(word for one in settings for word in ("--set", one)))
    rest += tuple(word for one in asked for word in ("--param", one))
    replay = ("paper", name, "--once", "--replay", *rest)
    count = killed = 0
    typical = 1.0
    while True:
        count += 1
        began = time.monotonic()
        run = _process(home, replay)
        if count % every == 0:
            try:
                # From the first import to after the last commit, wherever it happens to be.
                run.wait(typical * rng.uniform(0.2, 1.0))
            except subprocess.TimeoutExpired:
                killed += 1
            run.kill()
            run.communicate()
            continue
        out, err = run.communicate(timeout=120)
        typical = time.monotonic() - began
        assert run.returncode == 0, err
        result = json.loads(out)["result"]
        if result["outcome"] == "ended":
            break
    once = _process(home, ("backtest", name, *rest))
    out, err = once.communicate(timeout=120)
    assert once.returncode == 0, err
    whole = json.loads(out)["result"]
    assert whole["trades"] > 0
    assert (result["digest"], result["trades"]) == (whole["digest"], whole["trades"])
    assert result["equity"] == pytest.approx(whole["final_equity"])
    verified = _process(home, ("ledger", "verify"))
    out, err = verified.communicate(timeout=120)
    assert verified.returncode == 0, out + err
    return whole["bars"], killed


@pytest.mark.req("X1")
def test_every_bar_a_process_some_of_them_killed_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E10 at random moments; the interpreter takes the same steps (law 4) and starts sooner."""
    monkeypatch.setenv("TRADER_INTERPRET", "1")
    bars, killed = _stepped_by_processes(tmp_path, "2018-01-03", seed=11, every=4, name="demo_ma")
    assert bars == 12
    assert killed >= 1


@pytest.mark.deep
@pytest.mark.req("X1")
@pytest.mark.parametrize("name", ["grid", "momentum"])
def test_sixty_bars_a_process_each_every_tenth_killed_are_the_same_run(tmp_path: Path, name: str) -> None:
    bars, killed = _stepped_by_processes(tmp_path, "2018-01-11", seed=7, every=10, name=name)
    assert bars == 60
    assert killed >= 3


class Missing:
    """A session's bars as they are known at a moment of its own choosing, as after days without a run."""

    def __init__(self, home: Path, question: Question) -> None:
        self.home, self.question = home, question

    def step(self, moment_ms: int) -> dict[str, Any]:
        """Run one cycle as of this moment."""
        parts = self.question.wired(self.home)
        request = parts.request(self.question.names, self.question.params)
        feed = ReplayFeed(SHELF, request.symbols, "bitfinex", FOUR_HOURS, request.since_ms, request.until_ms, moment_ms)
        done = trade(
            replace(request, timeframe=FOUR_HOURS, until_ms=None),
            FeedSource(feed),
            parts.instrument,
            SimulatedBroker("bitfinex", watched=False),
            parts.ledger,
            lambda: moment_ms,
            f"session-{moment_ms}",
            stale_bars=1,
        )
        parts.close()
        return done.result


def _at(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


@pytest.mark.req("X1")
def test_what_rested_meets_each_missed_bar_and_only_the_newest_is_decided_on(tmp_path: Path) -> None:
    """E4: four days without a run. The stop at 6 % under the entry of 2018-01-13 is met by the first bar that reaches it."""
    flags = {"sizing.fraction": "0.9", "risk.stop_pct": "6", "data.symbols": ["BTC/USD"]}
    question = Question("demo_ma", "2018-01-01", "2018-02-01", preset="plain", params=SHORT["demo_ma"], flags=flags)
    session = Missing(tmp_path, question)
    first = session.step(_at("2018-01-13T08:00"))
    assert [one["side"] for one in first["orders"]] == ["buy"]
    later = session.step(_at("2018-01-17T08:00"))
    bars = SHELF.load("BTC/USD", "bitfinex", FOUR_HOURS).between(_at("2018-01-13T08:00"), _at("2018-01-17T08:00"))
    entry = bars.open[0] * 1.0005
    reached = int(np.argmax(bars.low <= entry * 0.94))
    assert reached > 1
    assert [(one["side"], one["reason"]) for one in later["fills"]] == [("buy", "strategy"), ("sell", "stop")]
    assert [one["time"] for one in later["fills"]] == [iso(int(bars.open_ms[0])), iso(int(bars.open_ms[reached]))]
    assert later["fills"][1]["price"] == pytest.approx(entry * 0.94 * 0.9995, rel=1e-4)
    # One decision for the whole time, on the newest bar.
    assert (later["step"], later["bar"]) == (first["step"] + 1, iso(int(bars.open_ms[-1])))
    # And the same moment again has nothing to do.
    again = session.step(_at("2018-01-17T08:00"))
    assert (again["outcome"], again["step"]) == ("nothing", later["step"])
