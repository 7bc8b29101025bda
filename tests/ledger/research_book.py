"""What research leaves, made up: searches with trials, verdicts, proposals."""

from __future__ import annotations

import math
from dataclasses import replace

from trader_cli.ledger import Ledger
from trader_cli.model.evidence import CheckResult, Proposal, Status, SweepRecord, Trial, Verdict


def sweep_of(sweep_id: str = "s1", total: int = 20, **more: object) -> SweepRecord:
    """A search over two parameters of `momentum`."""
    record = SweepRecord(
        sweep_id=sweep_id,
        key=f"key-{sweep_id}",
        strategy="momentum",
        code_digest="code",
        data_digests={"S0/USD": "data0", "S1/USD": "data1"},
        exchange="test",
        timeframe="1h",
        symbols=("S0/USD", "S1/USD"),
        since_ms=1_000,
        until_ms=9_000,
        method="grid",
        seed=7,
        objectives=("sharpe", "-max_drawdown_pct"),
        space={"fast": [5, 10], "slow": {"low": 0.5, "high": 2.5}},
        settings={"costs": {"fee_bps": "10"}},
        total=total,
        started_ms=500,
    )
    return replace(record, **more)  # type: ignore[arg-type]


def trial(number: int, sharpe: float | None = None, trades: int = 12, problem: str = "") -> Trial:
    """The trial with this number; its parameters are its own."""
    params = {"fast": number, "on": number % 2 == 0, "slow": 0.5 * number}
    if problem:
        return Trial(number, params, {}, "", problem)
    stats = {"profit_factor": math.inf, "sharpe": float(number) if sharpe is None else sharpe, "trades": trades}
    return Trial(number, params, stats, f"digest-{number}")


def check(name: str = "luck", status: Status = Status.PASS, **more: object) -> CheckResult:
    """What a check found."""
    found = CheckResult(name, status, 0.25, 0.95, "probability", f"{name} says {status}", "try less", {"days": [1, 2]})
    return replace(found, **more)  # type: ignore[arg-type]


def verdict_of(**more: object) -> Verdict:
    """A complete verdict on `momentum` that follows from its checks, which pass if none are given."""
    values: dict[str, object] = {
        "strategy": "momentum",
        "complete": True,
        "params": {"fast": 5, "slow": 2.5},
        "code_digest": "code",
        "data_digests": {"S0/USD": "data0"},
        "exchange": "test",
        "timeframe": "1h",
        "symbols": ("S0/USD",),
        "since_ms": 1_000,
        "until_ms": 9_000,
        "time_ms": 10_000,
        "seed": 1,
        "trials": 34,
        "checks": [check()],
        "settings": {"validate": {"max_age_days": 30}},
    } | more
    failed = any(one.status is Status.FAIL for one in values["checks"])  # type: ignore[attr-defined]
    return Verdict(**{"status": Status.FAIL if failed else Status.PASS, **values})  # type: ignore[arg-type]


def proposal(sweep_id: str = "s1", **more: object) -> Proposal:
    """A change of `momentum` for bull markets."""
    made = Proposal("momentum", "bull", {"fast": 5}, {"fast": 6}, ("S0/USD",), sweep_id, 11_000, "Sharpe 1.2 to 1.4")
    return replace(made, **more)  # type: ignore[arg-type]


def fill_research(ledger: Ledger) -> None:
    """Write a little of everything that research leaves."""
    ledger.start_sweep(sweep_of("s1", total=6))
    ledger.add_trials("s1", [trial(0), trial(1, math.nan), trial(2, problem="too short")])
    ledger.end_sweep("s1", 600, "interrupted")
    ledger.add_trials("s1", [trial(number) for number in (3, 4, 5)])
    ledger.end_sweep("s1", 700, "finished")
    ledger.start_sweep(sweep_of("s2", strategy="grid", until_ms=12_000))
    ledger.add_trials("s2", [trial(0)])
    ledger.record_verdict(verdict_of())
    ledger.record_verdict(verdict_of(checks=[check(), check("costs", Status.FAIL)], time_ms=10_001))
    ledger.record_verdict(verdict_of(complete=False, time_ms=10_002, strategy="other"))
    ledger.record_proposal(proposal())
    ledger.record_proposal(proposal("", strategy="other"))
    ledger.record_proposal(proposal("s2", strategy="grid", regime="all"))
