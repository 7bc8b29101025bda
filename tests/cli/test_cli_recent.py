"""Which stretch of time a report shows, and how it reads in 80 columns."""

from __future__ import annotations

import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from trader_cli.cli.recent import check_mode, span_of
from trader_cli.cli.views_recent import recent_view
from trader_cli.errors import UsageError

DAY = 86_400_000
NOW = 1_767_268_800_000  # 2026-01-01T12:00:00Z
PARTS: Any = SimpleNamespace(now_ms=lambda: NOW)


@pytest.mark.req("R4.10")
def test_a_report_is_of_the_last_seven_days_unless_somebody_says_otherwise() -> None:
    span = span_of(PARTS, None, None)
    assert (span.since_ms, span.until_ms) == (NOW - 7 * DAY, NOW + 1)
    assert span_of(PARTS, 3, None).since_ms == NOW - 3 * DAY
    assert span_of(PARTS, 0, None).since_ms == 0
    assert span_of(PARTS, None, "2025-12-31").since_ms == NOW - 36 * 3_600_000
    assert span_of(PARTS, None, None, 5).since_ms == 5
    assert span_of(PARTS, 1, None, 5).since_ms == NOW - DAY


@pytest.mark.parametrize(
    ("days", "since", "told"),
    [(3, "2020-01-01", "both say"), (None, "2999-01-01", "has not come yet"), (None, "tomorrow", "that is no date")],
)
def test_a_span_is_stated_once_and_lies_behind_us(days: int | None, since: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        span_of(PARTS, days, since)


def test_a_mode_that_there_is_none_of_is_refused_with_the_nearest() -> None:
    for one in (None, "backtest", "paper", "live"):
        check_mode(one)
    with pytest.raises(UsageError, match="there is no mode `papper`") as told:
        check_mode("papper")
    assert told.value.hints[0] == "did you mean `paper`?"


def shown(result: dict[str, Any]) -> list[str]:
    out = io.StringIO()
    recent_view(Console(file=out, width=80, highlight=False, no_color=True), result)
    return out.getvalue().splitlines()


def session(run_id: str, mode: str) -> dict[str, Any]:
    return {
        "run_id": run_id, "mode": mode, "exchange": "replay:bitfinex", "since": "2025-12-25T12:00:00Z",
        "until": "2026-01-01T12:00:00Z", "equity": "123456.78", "result": "-23456.78", "result_pct": -15.96,
        "drawdown_pct": 19.5, "trades": 1234, "win_rate_pct": 45.5, "profit_factor": float("inf"), "fees": "1234.56",
    }  # fmt: skip


def result(sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a span as wide as one gets."""
    wallet = {"cash": "12345.67", "held": "111111.11", "equity": "123456.78", "trades": 12, "pnl": "-23456.78"}
    return {
        "performance": list(sessions),
        "wallets": [
            {"run_id": one["run_id"], "mode": one["mode"], "wallet": name, "halted": halted, **wallet}
            for one in sessions
            for name, halted in (("autotrading", ""), ("a_wallet_with_a_long_name", "daily loss of 3.4 % of at most 3"))
        ],
        "strategies": [
            {"strategy": "a_strategy_with_quite_a_long_name", "mode": "paper", "quote": "USDT", "trades": 1234,
             "win_rate_pct": float("nan"), "fees": "1234.56", "pnl": "123456.78"},
        ],
        "daily": [
            {"day": f"2025-12-{day:02}", "run_id": one["run_id"], "mode": one["mode"], "trades": day % 3, "wins": 0,
             "fees": "1234.56", "pnl": "-12345.67", "equity": "" if day == 9 else "123456.78"}
            for one in sessions
            for day in range(1, 20)
        ],
        "risk_events": [
            {"rule": f"rule_number_{i}", "kind": "refusal", "symbol": "BTC/USDT", "wallet": "main", "times": 10**i,
             "last": "2026-01-01T12:00:00Z", "message": "a long sentence of what was measured and what is allowed " * 3}
            for i in range(10)
        ],
        "execution": {"orders": 120, "success_pct": 98.5, "slippage_bps": -3.2, "fee_bps": 26.0, "rejected": 2,
                      "unresolved": 1},
        "data_health": [
            {"mode": one["mode"], "exchange": one["exchange"], "timeframe": "30m", "bar": "2026-01-01T11:30:00Z",
             "late_bars": 12, "stale": True, "cycles": 1234, "failed": 12, "slowest_s": 12.3,
             "trouble": "kraken does not answer: " + "nothing came back within the time that is allowed " * 2}
            for one in sessions
        ],
    }  # fmt: skip


def test_everything_fits_into_eighty_columns_and_is_there() -> None:
    lines = shown(result([session("a", "paper"), session("b", "live")]))
    assert max(len(one.rstrip()) for one in lines) <= 80
    text = "\n".join(lines)
    for wanted in (
        "performance, 2025-12-25 to 2026-01-01",
        "∞",
        "halted",
        "a_strategy_with_quite_a_long_name",
        "UNRESOLVED",
    ):
        assert wanted in text
    assert "24 more days" in text
    assert "2 more: `--csv`" in text
    assert "12 bars" in text
    assert "kraken does not answer" in text


def test_one_session_with_one_wallet_needs_no_list_of_wallets_and_silence_is_not_shown() -> None:
    one = result([session("a", "paper")])
    one |= {"wallets": one["wallets"][:1], "strategies": [], "risk_events": [], "data_health": [], "daily": []}
    one["execution"] = {**one["execution"], "orders": 0}
    lines = shown(one)
    assert "performance" in lines[0]
    for absent in ("wallets", "strategies", "days", "what rules did", "execution", "data"):
        assert absent not in "\n".join(lines)
    assert shown({"performance": []}) == []
