"""`trader validate` from outside: a planted edge passes, what fails exits 8, and whatever changes voids a verdict."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from program import Done, trader

from trader_cli.jobs.gate import Gate, Standing
from trader_cli.wiring import Wiring

CHECKS = """look_ahead warm_up determinism parity out_of_sample walk_forward overfitting luck regimes costs fragility
capacity""".split()
EDGE = '''from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators


class Edge(Strategy):
    """Hold what is above its average."""

    slow = Param(10, low=2, high=60)

    def targets(self, bars: Bars) -> Levels:
        return bars.close > indicators.sma(bars.close, self.slow)
'''


def tides(path: Path, days: int = 1500, seed: int = 2) -> None:
    """Write days of a market that rises and falls for a month or so each, by 0.6 % a day within swings of 1.5 %."""
    rng = np.random.default_rng(seed)
    rising = np.cumsum(rng.random(days) < 1 / 30) % 2 == 0
    close = 100 * np.exp(np.cumsum(np.where(rising, 0.006, -0.006) + rng.normal(0, 0.015, days)))
    first = np.r_[100.0, close[:-1]]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for i, (a, b) in enumerate(zip(first.tolist(), close.tolist(), strict=True)):
            rows.writerow([1_483_228_800_000 + i * 86_400_000, a, max(a, b) * 1.005, min(a, b) * 0.995, b, 1e6])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "strategies").mkdir()
    (folder / "strategies" / "edge.py").write_text(EDGE)
    (folder / "trader.toml").write_text('preset = "plain"\n[data]\nsymbols = ["AAA/USD"]\nexchange = "test"\n')
    tides(folder / "data" / "test" / "AAA-USD-1d.csv")
    return folder


@pytest.fixture(scope="module")
def passed(home: Path) -> Done:
    return trader("validate", "edge", "--json", "--workers", "2", home=home)


def standing(home: Path, **params: str) -> Standing:
    """What the gate of live trading says of the strategy as its file, its bars and the settings are now."""
    parts = Wiring.find(home, None, {})
    try:
        settings = parts.settings
        days = settings.validate.max_age_days
        gate = Gate(parts.existing_ledger, parts.bars, parts.now_ms(), days, settings.model_dump(mode="json"))
        return gate.standing(parts.candidate("edge", params))
    finally:
        parts.close()


@pytest.mark.req("X3")
@pytest.mark.req("R4.7")
def test_a_planted_edge_passes_every_check(passed: Done) -> None:
    assert passed.code == 0, passed.err
    assert passed.json["schema"] == "trader.validate/1"
    result = passed.json["result"]
    assert (result["verdict"], result["complete"], result["strategy"]) == ("PASS", True, "edge")
    assert (result["params"], result["seed"], result["trials"]) == ({"slow": 10}, 1, 0)
    assert [one["name"] for one in result["checks"]] == CHECKS
    assert {one["status"] for one in result["checks"]} <= {"PASS", "WARN"}
    for one in result["checks"]:
        assert set(one) == {"name", "status", "number", "limit", "unit", "message", "hint", "details"}
        assert one["message"]
    assert set(result["seconds"]) == {"backtest", *CHECKS, "total"}
    # Progress goes to stderr, a line a check.
    for name in CHECKS:
        assert f"  {name}: " in passed.err


@pytest.mark.req("X3")
def test_anything_changed_voids_the_verdict(passed: Done, home: Path) -> None:
    assert standing(home).status == "PASS"
    rows = trader("strategy", "list", "--json", home=home).json["result"]["strategies"]
    assert [one["validation"]["status"] for one in rows if one["name"] == "edge"] == ["PASS"]

    file = home / "strategies" / "edge.py"
    file.write_text(EDGE + "\n# a comment\n")
    assert standing(home).status == "void"
    file.write_text(EDGE)

    other = standing(home, slow="12")
    assert other.status == "void"
    assert "`slow`" in other.reason

    bars = home / "data" / "test" / "AAA-USD-1d.csv"
    whole = bars.read_text()
    bars.write_text(whole.replace(",1000000.0\n", ",1000001.0\n", 1))
    changed = standing(home)
    assert changed.status == "void"
    assert "the bars of AAA/USD changed" in changed.reason
    bars.write_text(whole)

    config = home / "trader.toml"
    text = config.read_text()
    config.write_text(text + '[costs]\nfee_bps = "1"\n')
    cheaper = standing(home)
    assert cheaper.status == "void"
    assert "costs.fee_bps" in cheaper.reason
    config.write_text(text)
    assert standing(home).status == "PASS"


@pytest.mark.req("X3")
def test_a_check_that_fails_exits_8_and_says_which(home: Path) -> None:
    done = trader("validate", "edge", "--check", "costs", "--check", "capacity", "--fee-bps", "300", home=home)
    assert done.code == 8
    assert "error: `edge` failed 1 of 2 checks: costs" in done.err
    assert "hint: `trader validate edge --check costs` runs one alone" in done.err
    lines = done.out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert lines[0].startswith("edge  slow=10")
    assert [line.split()[:2] for line in lines if line.startswith(("costs", "capacity"))] == [
        ["costs", "FAIL"],
        ["capacity", "PASS"],
    ]
    assert lines[-1].startswith("FAIL  1 PASS, 1 FAIL; not all checks ran, so not for live")


def test_with_json_a_failure_has_its_result_and_its_error(home: Path) -> None:
    done = trader("validate", "edge", "--check", "capacity", "--cash", "100000000", "--json", "-q", home=home)
    assert done.code == 8
    assert done.json["ok"] is False
    assert done.json["error"]["code"] == "validation"
    assert done.json["result"]["checks"][0]["status"] == "FAIL"
    assert done.err.startswith("error: ")


def test_a_part_of_the_checks_leaves_the_standing_as_it_was(passed: Done, home: Path) -> None:
    done = trader("validate", "edge", "--check", "costs", "--json", home=home)
    assert done.code == 0
    assert done.json["result"]["complete"] is False
    assert standing(home).status == "PASS"


def test_what_cannot_be_meant_is_said_before_anything_runs(home: Path) -> None:
    wrong = trader("validate", "edge", "--check", "lookahead", home=home)
    assert wrong.code == 2
    assert "hint: did you mean `look_ahead`?" in wrong.err
    assert trader("validate", "edge,momentum", home=home).code == 2
