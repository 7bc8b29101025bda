"""A live session against its own re-run, and what demotes it to paper (X7); why it did nothing at a bar (X6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from .rig import HOUR, Rig

Open = Callable[..., Rig]
# The venue charges 26 or 10 bps more than the configuration believes.
STRICT = {"insight": {"drift_floor_pct": "0", "drift_fills": 1}, "costs": {"fee_bps": "5"}}


def asked(rig: Rig, *words: str, code: int = 0) -> dict[str, Any]:
    """Return what a report says as JSON; notes on stderr stand before it."""
    got, said = rig.cli("report", *words, "--json")
    assert got == code, said
    line = next(one for one in said.splitlines() if one.startswith("{"))
    return dict(json.loads(line)["result"])


def parts(result: dict[str, Any]) -> dict[str, Decimal]:
    found = {name: Decimal(text) for name, text in result["parts"].items()}
    assert sum(found.values()) == Decimal(result["gap"]) == Decimal(result["session"]) - Decimal(result["rerun"])
    return {name: amount for name, amount in found.items() if amount}


def trip(rig: Rig) -> None:
    """Buy at one close and sell three later, deciding on every bar, and on one more."""
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    for _ in range(3):
        rig.bar()
        assert rig.cycle().code == 0
    rig.bar()
    rig.want(rig.btc, 0)
    assert rig.cycle().code == 0
    for _ in range(2):
        rig.bar()
        assert rig.cycle().code == 0


@pytest.mark.req("X7")
@pytest.mark.parametrize("venue", ["kraken", "binance"])
def test_a_live_session_is_split_against_its_re_run_and_demoted_with_the_reason(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, settings=STRICT)
    trip(rig)
    result = asked(rig, "drift")
    assert (result["mode"], result["fills"], result["rerun_fills"]) == ("live", 2, 2)
    assert result["decided"] == result["bars"]
    # The market stands still: what a round trip costs beyond the re-run's is half a spread each way, and the fees.
    # Binance takes its fee out of what was bought, so that a little less is held than the re-run holds.
    assert set(parts(result)) - {"missed_fills"} == {"price", "fees"}
    assert abs(parts(result).get("missed_fills", Decimal(0))) < Decimal("0.01")
    assert parts(result)["price"] < 0
    assert parts(result)["fees"] < 0
    assert result["verdict"] == "over"
    told = asked(rig, "strategies")
    (line,), (brought,) = told["strategies"], told["results"]
    assert line["retire"] == [f"drift: {result['reason']} (session {result['run_id']})"]
    assert (brought["strategy"], brought["source"], brought["trades"]) == ("planned", "live", 1)
    held = rig.held()
    code, said = rig.cli("report", "drift", "--demote")
    assert code == 6
    assert "it is demoted to paper" in said
    assert rig.held() == held
    refused = rig.cycle()
    assert refused.code == 6
    assert "is not armed: leave was taken back at " in refused.message
    assert f"planned drifted from its re-run in session {result['run_id']}: the gap is " in refused.message
    rig.arm()
    rig.bar()
    assert rig.cycle().code == 0
    rig.check()


@pytest.mark.req("X7")
@pytest.mark.req("X6")
def test_a_missed_bar_is_timing_and_why_not_says_that_no_cycle_decided_on_it(open_rig: Open) -> None:
    rig = open_rig()
    assert rig.cycle().code == 0
    rig.bar()
    rig.want(rig.btc, 1)
    missed = rig.now // HOUR * HOUR
    rig.bar(50_500)
    for _ in range(2):
        assert rig.cycle().code == 0
        rig.bar()
    assert rig.cycle().code == 0
    result = asked(rig, "drift")
    assert (result["decided"], result["bars"]) == (4, 5)
    assert result["notes"] == ["1 bar passed without a decision"]
    # Bought at 50,500 instead of 50,000, for the same 1,000: 10 of them are gone, and the spread beside them.
    assert -10 < parts(result)["timing"] < -9
    assert abs(parts(result)["price"]) < 1
    moment = f"{rig.btc}@{_iso(missed)}"
    chain = asked(rig, "why-not", moment)
    assert chain["wallets"][0]["verdict"] == "no cycle decided on that bar: none ran before the next bar closed"
    assert chain["source"] == "recorded"
    # Also between its last decision and now: that is when it is asked.
    assert asked(rig, "why-not", f"{rig.btc}@{_iso(rig.now)}")["close"] == _iso(rig.now // HOUR * HOUR)


@pytest.mark.req("X6")
def test_a_halt_is_the_reason_of_what_was_not_bought_and_drift_calls_it_a_veto(open_rig: Open) -> None:
    rig = open_rig()
    assert rig.cycle().code == 0
    assert rig.cli("risk", "halt", "--reason", "a look")[0] == 0
    rig.bar()
    rig.want(rig.btc, 1)
    at = rig.now // HOUR * HOUR
    rig.cycle()
    for _ in range(2):
        rig.bar()
        rig.cycle()
    chain = asked(rig, "why-not", f"{rig.btc}@{_iso(at)}")
    assert "halted" in chain["wallets"][0]["verdict"]
    found = parts(asked(rig, "drift"))
    assert set(found) <= {"vetoes", "data"}
    assert "vetoes" in found


def _iso(time_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.req("X5")
def test_costs_fitted_to_own_fills_are_the_settings_of_the_run_that_takes_them(open_rig: Open) -> None:
    rig = open_rig(settings={"insight": {"fit_fills": 2}})
    code, said = rig.cli("report", "costs")
    assert (code, "no live session on `kraken` is in the ledger" in said) == (4, True)
    trip(rig)
    found = asked(rig, "costs")
    assert (found["orders"], found["enough"]) == (2, True)
    # The exchange charges 40 bps, as configured, and both sides pay 0.1 of 50,000.
    assert found["fee_bps"] == "40"
    assert 0 < Decimal(found["slippage_bps"]) < Decimal("0.1")
    assert found["spread_pct"] > 99
    (mine,) = found["sessions"]
    assert mine["predicted_slippage_bps"] == 0 < mine["realised_slippage_bps"]
    assert mine["predicted_fee_bps"] == pytest.approx(mine["realised_fee_bps"], abs=1e-6)
    code, said = rig.cli("backtest", "planned", "--exchange", "kraken", "--costs", "fitted", "--json")
    assert code == 0, said
    assert "costs fitted to 2 orders on kraken" in said
    from trader_cli.ledger.asked import asked_of

    recorded = asked_of(rig.ledger, rig.ledger.runs(1)[0].run_id).config["costs"]
    assert recorded == {name: found[name] for name in ("fee_bps", "maker_fee_bps", "slippage_bps")}
