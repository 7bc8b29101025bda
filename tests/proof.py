"""Verdicts for strategies that tests let trade for real: a verdict as `validate` would leave it, recorded by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trader_cli.jobs.gate import Candidate
from trader_cli.model.evidence import CheckResult, Status, Verdict, follows
from trader_cli.wiring import Wiring


def verdict_on(one: Candidate, time_ms: int, **more: Any) -> Verdict:
    """Return a complete verdict on just this code with these parameters; PASS unless `checks` fail."""
    checks = more.pop("checks", [CheckResult("luck", Status.PASS, 0.97, 0.95, "probability", "more than luck")])
    values: dict[str, Any] = {
        "strategy": one.strategy,
        "status": follows(checks),
        "complete": True,
        "params": one.params,
        "code_digest": one.code_digest,
        "data_digests": {},
        "exchange": "kraken",
        "timeframe": "1h",
        "symbols": ("BTC/USD",),
        "since_ms": 0,
        "until_ms": 3_600_000,
        "time_ms": time_ms,
        "seed": 1,
        "trials": 0,
        "checks": checks,
        "settings": {},
    }
    return Verdict(**{**values, **more})


def failed(*names: str) -> list[CheckResult]:
    """Return checks of these names that failed."""
    return [CheckResult(name, Status.FAIL, 0.5, 0.95, "probability", f"{name} fails", "think again") for name in names]


def prove(home: Path, *, time_ms: int | None = None, **more: Any) -> None:
    """Record a verdict on every strategy that is deployed in a home, as it is deployed."""
    parts = Wiring.find(home, None, {})
    try:
        for one in parts.ledger.deployments():
            now = parts.now_ms() if time_ms is None else time_ms
            more = {"timeframe": parts.settings.data.timeframe or "1h", **more}
            parts.ledger.record_verdict(verdict_on(parts.candidate(one.strategy, one.params), now, **more))
    finally:
        parts.close()
