"""`report drift`: a session against its own re-run, every planted difference in its own part (X7)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from insight_home import Home, at

from trader_cli.jobs.drift import Bounds, Drift, drift
from trader_cli.wiring import Wiring

CLOSES = [100, 101, 102, 103, 104, 105, 106, 108, 109, 110]
BOUNDS = Bounds(Decimal(20), Decimal("0.5"), 4, 60)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A session that bought 1 at 102 and sold it at 106, with 10 bps of fee a fill and the decision at 109 the last."""
    home = Home.make(tmp_path_factory.mktemp("drift") / "home", costs__fee_bps="10")
    home.bars(CLOSES)
    home.want(3, 1.0)
    home.want(7, 0.0)
    home.paper(9)
    return home


@pytest.fixture
def home(traded: Home, tmp_path: Path) -> Home:
    """The same, for one test to change."""
    shutil.copytree(traded.folder, tmp_path / "copy")
    return Home(tmp_path / "copy")


class Altered:
    """A ledger that tells something else of a session than what it holds: fills in other words, left out, with refusals."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger
        self.fills: list[dict[str, Any]] | None = None
        self.risk: list[dict[str, Any]] = []
        self.skipped: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def rows(self, table: str, run_id: str) -> Any:
        if table == "risk_events" and self.risk:
            return self.risk
        return self.fills if table == "fills" and self.fills is not None else self._ledger.rows(table, run_id)

    def steps(self, run_id: str, limit: int) -> Any:
        return [one for one in self._ledger.steps(run_id, limit) if one.bar_ms not in self.skipped]


def found(home: Home, altered: Altered | None = None, bounds: Bounds = BOUNDS, mode: str = "paper") -> Drift:
    parts = Wiring.find(home.folder, None, {})
    ledger: Any = altered or parts.ledger
    session = replace(ledger.sessions()[0], mode=mode)
    return drift(ledger, session, lambda asked, symbols, until: parts.again(asked, symbols, None, until), parts.bars,
                 parts.instrument, bounds)  # fmt: skip


@pytest.fixture
def altered(home: Home) -> Iterator[Altered]:
    ledger = home.ledger()
    one = Altered(ledger)
    one.fills = [dict(row) for row in ledger.rows("fills", ledger.sessions()[0].run_id)]
    yield one
    ledger.close()


def parts_of(one: Drift) -> dict[str, Decimal]:
    assert sum(Decimal(text) for text in one.parts.values()) == Decimal(one.gap)
    assert Decimal(one.session) - Decimal(one.rerun) == Decimal(one.gap)
    return {name: Decimal(text) for name, text in one.parts.items() if Decimal(text)}


@pytest.mark.req("X7")
def test_a_paper_session_on_bars_that_did_not_change_is_its_own_backtest(home: Home) -> None:
    one = found(home)
    assert (one.fills, one.rerun_fills, one.decided, one.bars) == (2, 2, 9, 9)
    assert parts_of(one) == {}
    assert one.rerun == str(1000 + 106 - 102 - Decimal("0.102") - Decimal("0.106"))
    assert (one.verdict, one.differences, one.notes) == ("within", (), ())


@pytest.mark.req("X7")
def test_a_close_that_was_revised_since_is_data(home: Home) -> None:
    """Today's bar opens at 103 where the session bought at 102: it says that it would have won 1.001 less."""
    home.bars([*CLOSES[:2], 103, *CLOSES[3:]])
    one = found(home)
    assert one.notes == ("AA/USD: 1 close revised since, the first at 2026-01-01T02:00:00Z",)
    assert parts_of(one) == {"data": Decimal("1"), "fees": Decimal("0.001")}


@pytest.mark.req("X7")
def test_a_wish_that_today_s_close_would_not_bring_is_data(home: Home) -> None:
    plan = home.folder / "strategies" / "planned.py"
    text = plan.read_text().replace("indicators.sma(bars.close, 3)", "over = bars.close > 102.5")
    plan.write_text(text.replace("return Signals", 'columns["target"] *= over\n        return Signals'))
    # Recorded under the other code, so that only the numbers are looked at.
    home.bars(CLOSES)
    (home.folder / "trader.db").unlink()
    home.paper(9)
    home.bars([*CLOSES[:3], 102.25, *CLOSES[4:]])
    one = found(home)
    # On today's bars it buys a bar later, at 104 instead of 103.
    assert parts_of(one) == {"data": Decimal("1.00175"), "fees": Decimal("-0.00075")}
    assert (one.verdict, one.rerun_fills) == ("within", 2)


@pytest.mark.req("X7")
@pytest.mark.parametrize(
    ("column", "units", "part"),
    [("notional", 300_000_000, "price"), ("fee", 50_000_000, "fees")],
)
def test_what_a_fill_cost_more_stands_in_its_part_alone(
    column: str, units: int, part: str, home: Home, altered: Altered
) -> None:
    assert altered.fills is not None
    altered.fills[0][column] += units
    one = found(home, altered, mode="live")
    assert parts_of(one) == {part: -Decimal(units) / 10**8}
    assert [each.part for each in one.differences] == [part]


@pytest.mark.req("X7")
def test_fills_that_the_session_does_not_have_are_missed_or_vetoes(home: Home, altered: Altered) -> None:
    altered.fills = []
    won = Decimal("3.792")
    assert parts_of(found(home, altered)) == {"missed_fills": -won}
    event = {
        "time_ms": at(3),
        "last_ms": at(3),
        "kind": "refusal",
        "wallet": "main",
        "symbol": "AA/USD",
        "rule": "halted",
    }
    altered.risk = [event]
    assert parts_of(found(home, altered)) == {"vetoes": -won}
    altered.risk = [{**event, "rule": "deferred"}]
    assert parts_of(found(home, altered)) == {"missed_fills": -won}
    altered.risk = [{**event, "time_ms": at(4), "last_ms": at(4)}]
    assert parts_of(found(home, altered)) == {"missed_fills": -won}


@pytest.mark.req("X7")
def test_bars_without_a_decision_are_timing(home: Home, altered: Altered) -> None:
    """It did not decide at the close of the bar that opened at 2, and so bought at the next open: at 103 instead of 102."""
    assert altered.fills is not None
    altered.skipped = {at(2)}
    altered.fills[0] |= {"time_ms": at(4), "notional": 103 * 10**8, "fee": 10_300_000}
    one = found(home, altered)
    assert (one.decided, one.bars) == (8, 9)
    assert parts_of(one) == {"timing": -Decimal("1.001")}
    assert one.notes == ("1 bar passed without a decision",)


@pytest.mark.req("X7")
def test_the_verdict_is_by_the_share_of_what_the_re_run_won(home: Home, altered: Altered) -> None:
    assert altered.fills is not None
    altered.fills[1]["notional"] -= 70_000_000
    assert found(home, altered, Bounds(Decimal(20), Decimal(0), 4, 60)).verdict == "within"
    altered.fills[1]["notional"] -= 20_000_000
    one = found(home, altered, Bounds(Decimal(20), Decimal(0), 4, 60))
    assert one.verdict == "over"
    assert one.reason == "the gap is -23.7 % of what the re-run won or lost, more than ±20 %"
    assert found(home, altered, Bounds(Decimal(20), Decimal(0), 5, 60)).verdict == "too few"
    assert found(home, altered).verdict == "within"


@pytest.mark.req("X7")
def test_code_that_changed_judges_nobody(home: Home) -> None:
    plan = home.folder / "strategies" / "planned.py"
    plan.write_text(plan.read_text() + "\n# changed\n")
    assert found(home).verdict == "other code"


def test_the_command_shows_the_parts_and_refuses_what_cannot_drift(home: Home) -> None:
    said = home.call("report", "drift", "--json")
    assert said.code == 0, said.err
    assert said.result["verdict"] == "within"
    assert said.result["demoted"] is False
    text = home.call("report", "drift").out
    assert "missed fills" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    home.backtest()
    run_id = home.ledger().runs(1)[0].run_id
    wrong = home.call("report", "drift", "--run", run_id)
    assert wrong.code == 2
    assert "is a backtest, which cannot drift from itself" in wrong.err


def test_a_session_that_decided_on_one_bar_has_nothing_to_compare(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars(CLOSES)
    home.paper(1)
    said = home.call("report", "drift")
    assert said.code == 4
    assert "decided on 1 bar: there is nothing to compare" in said.err


@pytest.mark.req("X7")
def test_settings_that_changed_since_are_named_and_the_re_run_keeps_to_the_session_s(home: Home) -> None:
    home.states(costs__fee_bps="30")
    result = home.call("report", "drift", "--json").result
    assert result["gap"] == "0"
    text = "the re-run keeps to the settings that the session began with: `costs.fee_bps` was 10 and is 30"
    assert result["notes"] == [text]


@pytest.mark.req("X7")
def test_two_wallets_and_a_symbol_that_lacks_a_bar_have_no_gap_either(tmp_path: Path) -> None:
    home = Home.make(tmp_path, costs__fee_bps="10", data__symbols=["AA/USD", "BB/USD"])
    wallets = "".join(
        f'[wallets.{name}]\nstrategies = ["planned"]\nshare_pct = "{share}"\n'
        for name, share in (("one", 50), ("two", 40))
    )
    with (home.folder / "trader.toml").open("a") as file:
        file.write(wallets)
    home.bars(CLOSES)
    home.bars([50, 51, 52, 53, 54, 55, 56, 57, 58, 59], "BB/USD", gone=(4,))
    home.want(2, 1.0)
    home.want(6, 0.0)
    home.want(3, 0.5, "BB/USD")
    home.want(7, 0.0, "BB/USD")
    assert home.call("strategy", "deploy", "planned").code == 0
    for _ in range(9):
        assert home.call("paper", "--replay").code == 0
    one = found(home)
    assert (one.fills, one.rerun_fills, one.gap) == (8, 8, "0")
