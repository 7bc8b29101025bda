"""Evidence before money: what validation did not pass is not traded, unless somebody armed it so; then every report says it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from proof import failed, verdict_on
from rich.console import Console

from trader_cli.cli.cycle import cycle_view
from trader_cli.model.timeframe import Timeframe

from .rig import BOTH, DAY, HOUR, Rig

Open = Callable[..., Rig]
REPORTS = (("report",), ("report", "positions"), ("report", "orders"), ("report", "execution"), ("report", "cycles"))


def judge(rig: Rig, **more: object) -> None:
    """Record a verdict on what is deployed."""
    parts = rig.parts()
    for one in parts.ledger.deployments():
        parts.ledger.record_verdict(
            verdict_on(
                parts.candidate(one.strategy, one.params),
                rig.now,
                **{"timeframe": parts.settings.data.timeframe or "1h", **more},
            )
        )


def refused(rig: Rig) -> str:
    """Run a cycle that must be refused before it asks the venue anything."""
    asked = len(rig.requests())
    done = rig.cycle()
    assert done.code == 6, done
    assert len(rig.requests()) == asked
    assert done.message.endswith("; nothing is placed")
    return done.message


@pytest.mark.req("X3")
@pytest.mark.parametrize("venue", BOTH)
def test_a_strategy_that_failed_its_validation_places_nothing_until_it_passes(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    judge(rig, checks=failed("overfitting"))
    assert "`planned` failed its validation of " in refused(rig)
    judge(rig, complete=False)
    assert "`overfitting`" in refused(rig)
    judge(rig)
    assert rig.cycle().code == 0
    assert rig.held() > 0
    rig.check()


@pytest.mark.req("X3")
def test_a_verdict_that_grew_old_places_nothing(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.pass_ms(30 * DAY + HOUR)
    rig.bar()
    rig.arm(proved=False)
    assert "more than 30 days ago" in refused(rig)
    rig.arm()
    assert rig.cycle().code == 0


@pytest.mark.req("X3")
def test_a_verdict_on_other_parameters_places_nothing(open_rig: Open) -> None:
    rig = open_rig()
    code = rig.home / "strategies" / "planned.py"
    code.write_text(
        code.read_text()
        .replace("Signals, Strategy", "Param, Signals, Strategy")
        .replace("    def targets", "    size = Param(1, low=1, high=9)\n\n    def targets")
    )
    rig.deploy()
    rig.ledger.deploy(rig.now, replace(rig.ledger.deployments()[0], params={"size": "2"}))
    rig.arm(proved=False)
    assert "with other parameters: `size` was 1 and is 2" in refused(rig)
    rig.arm()
    assert rig.cycle().code == 0


@pytest.mark.req("X3")
def test_bars_that_were_altered_since_the_verdict_place_nothing(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    parts = rig.parts()
    bars = parts.bars.load(rig.btc, "kraken", Timeframe.parse("1h"))
    span = {"since_ms": int(bars.open_ms[0]), "until_ms": int(bars.open_ms[-1]) + HOUR}
    judge(rig, data_digests={rig.btc: parts.bars.digest(bars)}, symbols=(rig.btc,), **span)
    # What comes after the span was not judged, and voids nothing.
    rig.bar(50_100)
    assert rig.cycle().code == 0
    judge(rig, data_digests={rig.btc: "of other bars"}, symbols=(rig.btc,), **span)
    assert f"the bars of {rig.btc} changed since" in refused(rig)
    # Of what is not here nobody can say that it changed.
    judge(rig, data_digests={rig.btc: "of other bars"}, symbols=(rig.btc,), **{**span, "since_ms": 0})
    assert rig.cycle().code == 0


@pytest.mark.req("R4.9")
def test_armed_without_validation_it_trades_and_each_report_says_so_ever_after(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    judge(rig, checks=failed("luck"))
    code, said = rig.cli("live", "arm", "--confirm", "YES I AM SURE")
    assert (code, "nothing was armed" in said) == (6, True)
    code, said = rig.cli("live", "arm", "--allow-unvalidated", "--confirm", "YES I AM SURE")
    assert code == 0, said
    assert "unvalidated       planned failed its validation of " in said
    done = rig.cycle()
    assert done.code == 0, done
    (told,) = done.result["unvalidated"]
    assert told["strategy"] == "planned"
    line = f"armed without validation: planned ({told['reason']})"
    console = Console(file=io.StringIO(), width=200)
    cycle_view(console, done.result)
    assert line in console.file.getvalue()  # type: ignore[attr-defined]
    run_id = rig.session.run_id
    reports = (*REPORTS, ("report", "--run", run_id))
    for words in reports:
        code, said = rig.cli(*words)
        assert code == 0, said
        assert line in " ".join(said.split()), words
        (row,) = json.loads(rig.cli(*words, "--json")[1])["result"]["unvalidated"]
        assert (row["strategy"], row["reason"], row["until"], row["run_id"]) == ("planned", told["reason"], "", run_id)
    # Proved at last and armed again: what it was stays said.
    rig.arm()
    rig.bar()
    done = rig.cycle()
    assert (done.code, done.result["unvalidated"]) == (0, [])
    for words in reports:
        said = " ".join(rig.cli(*words)[1].split())
        assert f"was {line}, until 20" in said, words
    rig.check()


@pytest.mark.req("R4.9")
def test_a_strategy_that_fails_after_it_was_armed_without_validation_is_refused(open_rig: Open) -> None:
    rig = open_rig()
    rig.arm(proved=False, unvalidated={"planned": "was never validated"})
    assert rig.cycle().code == 0
    rig.pass_ms(60_000)
    judge(rig, checks=failed("costs"))
    assert "`costs`" in refused(rig)


@pytest.mark.parametrize("proved", [True, False])
def test_a_dry_run_goes_on_and_notes_what_would_not_be_placed(proved: bool, open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    if not proved:
        judge(rig, checks=failed("luck"))
    done = rig.cycle(dry=True)
    assert done.code == 0, done
    assert [one["side"] for one in done.result["orders"]] == ["buy"]
    notes = [note for note in done.result["notes"] if "failed its validation" in note]
    assert len(notes) == len(done.result["unvalidated"]) == (not proved)
    assert rig.sent() == []
