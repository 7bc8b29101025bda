"""The terminal views: 80 columns, with and without Unicode, with nothing to show and with too much."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from rich.console import Console

from trader_cli.cli.kit import plain
from trader_cli.cli.views import compare_view, number, run_view, runs_view, signed

CURVE = {
    "total_return_pct": 12.5,
    "cagr_pct": 6.0,
    "volatility_pct": 40.0,
    "sharpe": 0.5,
    "sortino": 0.7,
    "calmar": 0.2,
    "max_drawdown_pct": 30.0,
    "drawdown_days": 99.0,
}


def result(**changed: Any) -> dict[str, Any]:
    base = CURVE | {
        "run_id": "20260101T000000-abcdef",
        "strategy": "demo",
        "params": {"fast": 5},
        "symbols": ["BTC/USD"],
        "exchange": "x",
        "timeframe": "1h",
        "preset": "plain",
        "bars": 1_000_000,
        "start": "2018-01-01T00:00:00Z",
        "end": "2020-01-01T00:00:00Z",
        "cash": 500.0,
        "fee_bps": 10.0,
        "slippage_bps": 5.0,
        "final_equity": 562.5,
        "benchmark": CURVE,
        "benchmark_return_pct": 12.5,
        "trades": 3,
        "fills": 6,
        "win_rate_pct": 50.0,
        "profit_factor": math.inf,
        "expectancy": 1.0,
        "payoff_ratio": math.nan,
        "best": 5.0,
        "worst": -3.0,
        "average_bars": 10.0,
        "exposure_pct": 20.0,
        "fees_paid": 3.0,
        "turnover": 4.0,
        "exits": {"stop": 1, "strategy": 2},
        "monthly": [{"year": 2018 + i // 12, "month": i % 12 + 1, "return_pct": 250.0 - 40 * i} for i in range(24)],
        "refused": [{"symbol": "BTC/USD", "reason": "no_cash", "count": 1200, "first": "2018-01-01T00:00:00Z"}],
        "open_positions": [{"symbol": "BTC/USD", "quantity": 0.5, "price": 10.0, "value": 5.0}],
        "equity_line": [[f"2018-01-{i % 28 + 1:02d}T00:00:00Z", 500.0 + i, 500.0 - i] for i in range(200)],
        "notes": ["nobody described BTC/USD"],
        "digest": "0" * 64,
        "seconds": {"total": 1.0, "engine": 0.01},
    }
    return base | changed


def shown(view: Any, *values: Any, encoding: str = "utf-8") -> str:
    buffer = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    console = Console(file=buffer, width=80, no_color=True, highlight=False, soft_wrap=True)
    view(console, *values)
    buffer.flush()
    return buffer.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def test_a_run_fits_80_columns_and_says_what_matters() -> None:
    text = shown(run_view, result())
    assert max(len(line) for line in text.splitlines()) <= 80
    for word in (
        "+12.50 %",
        "buy and hold",
        "no cash ",
        "1,200",
        "stop 1, strategy 2",
        "still open",
        "note: nobody",
        "∞",
    ):
        assert word in text


@pytest.mark.parametrize(
    "changed",
    [
        {"trades": 0, "exits": {}, "monthly": [], "refused": [], "open_positions": [], "notes": []},
        {"equity_line": [["2018-01-01T00:00:00Z", 500.0, 500.0]]},
        {"equity_line": [[f"2018-01-0{i}T00:00:00Z", 500.0, 500.0] for i in range(1, 4)]},
        {"symbols": [f"S{i:02d}/USD" for i in range(50)]},
        {"monthly": [{"year": 1990 + i // 12, "month": i % 12 + 1, "return_pct": 1.0} for i in range(360)]},
        dict.fromkeys(CURVE, math.nan),
        {"strategy": "[red]name[/red]", "notes": ["[bold]x"], "params": {"mode": "[a]"}},
    ],
)
def test_odd_runs_are_shown_all_the_same(changed: dict[str, Any]) -> None:
    text = shown(run_view, result(**changed))
    assert max(len(line) for line in text.splitlines()) <= 80
    if "strategy" in changed:
        assert "[red]name[/red]" in text


def test_a_stored_result_with_nulls_is_shown() -> None:
    assert "demo" in shown(run_view, plain(result(sharpe=math.nan)))


def test_lists_and_comparisons() -> None:
    runs = [
        {
            "run_id": f"run-{i}-abcdef",
            "strategy": "demo",
            "symbols": ["A/USD"],
            "timeframe": "1h",
            "stats": result(sharpe=float(i)),
        }
        for i in range(3)
    ]
    assert "demo" in shown(runs_view, runs)
    assert "no runs yet" in shown(runs_view, [])
    text = shown(compare_view, runs)
    assert "2.00*" in text
    assert "1.00 " in text


def test_numbers_read_without_colour() -> None:
    assert number(None) == "-"
    assert number(math.nan) == "-"
    assert number(1234.5) == "1,234.50"
    assert str(signed(3.0)) == "+3.00 %"
    assert str(signed(-3.0)) == "-3.00 %"
