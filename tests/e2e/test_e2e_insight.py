"""What did not happen, what drifted and what no longer earns its keep, as a user asks for it: processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import trader

BARS = "timestamp,open,high,low,close,volume\n" + "".join(
    f"2026-01-0{1 + day}T{hour:02d}:00:00Z,{100 + day},{103 + day},{99 + day},{100 + day + hour % 4},1000\n"
    for day in range(3)
    for hour in range(24)
)
HOLD = '''"""Hold from the third bar on."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class Hold(Strategy):
    """Hold from the third bar on."""

    def targets(self, bars: Bars) -> Levels:
        return np.where(np.isnan(indicators.sma(bars.close, 3)), 0.0, 1.0)
'''


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a deployed strategy, a backtest and four steps on paper."""
    home = tmp_path_factory.mktemp("insight")
    (home / "strategies").mkdir()
    (home / "strategies" / "hold.py").write_text(HOLD)
    (home / "trader.toml").write_text(
        'preset = "plain"\n[data]\nsymbols = ["AA/USD"]\nexchange = "test"\ntimeframe = "1h"\n'
    )
    (home / "bars.csv").write_text(BARS)
    steps = [
        ("data", "import", str(home / "bars.csv"), "--exchange", "test", "--symbol", "AA/USD", "--timeframe", "1h"),
        ("strategy", "deploy", "hold"),
        ("backtest", "hold"),
        *[("paper", "--replay")] * 5,
    ]
    for words in steps:
        done = trader(*words, home=home)
        assert done.code == 0, done.err
    return home


@pytest.mark.req("X6")
def test_why_nothing_was_bought_is_one_chain(traded: Path) -> None:
    done = trader("report", "why-not", "AA/USD@2026-01-01T02:00", home=traded)
    assert done.code == 0, done.err
    assert "the strategy wanted to hold nothing, and nothing was held" in done.out
    for stage in ("bar ", "indicator", "signal", "book", "rule", "fill"):
        assert f"\n{stage}" in done.out
    assert "sma(close, 3) = nan" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    paper = trader("report", "why-not", "AA/USD@2026-01-01T02:00", "--json", home=traded).json["result"]
    assert (paper["mode"], paper["source"]) == ("paper", "recorded")
    late = trader("report", "why-not", "AA/USD@2027-01-01", home=traded)
    assert late.code == 2
    assert "hint: the nearest is" in late.err


@pytest.mark.req("X7")
def test_a_paper_session_does_not_drift_from_itself(traded: Path) -> None:
    done = trader("report", "drift", "--json", home=traded)
    assert done.code == 0, done.err
    result = done.json["result"]
    assert result["gap"] == "0"
    assert set(result["parts"]) == {"data", "timing", "price", "fees", "missed_fills", "vetoes"}
    assert result["verdict"] == "within"
    demoted = trader("report", "drift", "--demote", home=traded)
    assert demoted.code == 0
    assert max(len(line) for line in demoted.out.splitlines()) <= 80


@pytest.mark.req("X5")
def test_costs_without_a_fill_at_a_venue_cannot_be_fitted(traded: Path) -> None:
    for words in (("report", "costs"), ("backtest", "hold", "--costs", "fitted")):
        done = trader(*words, home=traded)
        assert done.code == 4
        assert "no live session is in the ledger: 0 orders filled, costs are fitted to 20 or more" in done.err


@pytest.mark.req("R3.8")
def test_all_strategies_stand_in_one_table(traded: Path) -> None:
    done = trader("report", "strategies", home=traded)
    assert done.code == 0, done.err
    assert "replay" in done.out
    assert "backtest" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    result = trader("report", "strategies", "hold", "--json", home=traded).json["result"]
    assert [(one["strategy"], one["source"]) for one in result["results"]] == [("hold", "replay"), ("hold", "backtest")]
    (row,) = result["strategies"]
    assert (row["deployed"], row["retire"]) == (True, [])
    unknown = trader("report", "strategies", "hols", home=traded)
    assert unknown.code == 3
    assert "did you mean `hold`?" in unknown.err
