"""`report why-not`: the chain from a bar to the fill that did not come, recorded or replayed (X6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from insight_home import HOUR, Home, at, clock

from trader_cli.errors import UsageError
from trader_cli.jobs.why_not_choice import asked_for

CLOSES = [100, 101, 102, 103, 104, 90, 95, 96, 97, 98, 99, 100]


def why_not(home: Home, hours: int, *words: str, symbol: str = "AA/USD") -> dict[str, Any]:
    said = home.call("report", "why-not", f"{symbol}@{clock(hours)}", "--json", *words)
    assert said.code == 0, said.err
    return said.result


def told(result: dict[str, Any], stage: str) -> list[str]:
    return [one["text"] for one in result["wallets"][0]["links"] if one["stage"] == stage]


def verdict(result: dict[str, Any]) -> str:
    return str(result["wallets"][0]["verdict"])


@pytest.mark.req("X6")
def test_a_backtest_is_replayed_and_every_link_has_its_number(tmp_path: Path) -> None:
    home = Home.make(tmp_path, risk__min_notional="200")
    home.bars(CLOSES)
    home.want(4, 1.0, confidence=0.75)
    home.backtest()
    result = why_not(home, 4)
    assert result["source"] == "replayed"
    assert result["close"] == "2026-01-01T04:00:00Z"
    assert told(result, "bar") == ["closed at 103 (open 102, high 103, low 102)"]
    assert told(result, "indicator") == ["sma(close, 3) = 102"]
    assert told(result, "signal") == [
        "planned wants to hold 1 of its share, confidence 0.75; so since 2026-01-01T04:00:00Z"
    ]
    refused = "below minimum: AA/USD: the order would be worth 103 USD, the minimum is 200 USD"
    assert told(result, "limit")[0] == f"{refused} (measured 103 USD, limit 200 USD)"
    assert verdict(result).startswith(refused)
    assert told(result, "rule") == ["no order was made"]
    assert told(result, "fill") == ["nothing was filled before the next close"]


@pytest.mark.req("X6")
@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (2, "the strategy wanted to hold nothing, and nothing was held"),
        (3, "it did trade: bought 1 at 102 by strategy, transaction"),
        (4, "it is held, and nobody wanted another size"),
        (6, "a rule closed the last position, and the strategy has not let go since"),
        (9, "no strategy had an opinion, and nothing was held"),
    ],
)
def test_the_answer_is_that_of_the_book_at_that_close(hours: int, said: str, tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars(CLOSES)
    home.want(3, 1.0, stop=95.0)
    home.want(8, 0.0)
    home.want(9, float("nan"))
    home.backtest()
    assert verdict(why_not(home, hours)).startswith(said)


@pytest.mark.req("X6")
def test_a_session_is_told_as_it_was_recorded_also_where_the_bar_was_revised_since(tmp_path: Path) -> None:
    home = Home.make(tmp_path, risk__min_confidence="0.5")
    home.bars(CLOSES)
    home.want(4, 1.0, confidence=0.25)
    home.paper(6)
    home.bars([*CLOSES[:3], 103.5, *CLOSES[4:]])
    result = why_not(home, 4)
    assert (result["mode"], result["source"]) == ("paper", "recorded")
    assert told(result, "bar")[0].endswith("the session saw a close of 103: the bar was revised since")
    assert told(result, "signal")[1] == "recorded: planned wanted to hold 1 of its share"
    assert verdict(result) == (
        "low confidence: AA/USD: the confidence is 0.25, it must be above 0.5 (measured 0.25, limit 0.5)"
    )


@pytest.mark.req("X6")
def test_a_bar_without_a_cycle_and_a_close_without_a_bar_say_so(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars(CLOSES, gone=(6,))
    home.paper(4)
    step = home.ledger().last_step(home.ledger().sessions()[0].run_id)
    assert step.bar_ms == at(3)
    result = why_not(home, 4)
    assert verdict(result) == "the strategy wanted to hold nothing, and nothing was held"
    home.backtest()
    run_id = home.ledger().runs(1)[0].run_id
    result = why_not(home, 7, "--run", run_id)
    assert f"there is no bar between {clock(6)[:-1]}:00Z and {clock(7)[:-1]}:00Z" in result["notes"]
    assert result["close"] == "2026-01-01T06:00:00Z"


@pytest.mark.req("X6")
def test_who_lost_a_conflict_stands_between_signal_and_limit(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    other = (home.folder / "strategies" / "planned.py").read_text().replace("Planned", "Other")
    (home.folder / "strategies" / "other.py").write_text(other.replace("planned.json", "other.json"))
    (home.folder / "strategies" / "other.json").write_text(
        f'{{"AA/USD": [[{at(2)}, {{"target": 1, "confidence": 0.2}}]]}}'
    )
    home.bars(CLOSES)
    home.want(2, -1.0, confidence=0.9)
    done = home.call("backtest", "planned,other")
    assert done.code == 0, done.err
    result = why_not(home, 4)
    (said,) = told(result, "conflict")
    assert said.startswith(
        "confidence: planned wants out of AA/USD with confidence 0.9, other wants to hold 1 with 0.2"
    )
    stages = [one["stage"] for one in result["wallets"][0]["links"]]
    assert stages.index("conflict") == max(i for i, one in enumerate(stages) if one == "signal") + 1
    assert verdict(result) == "the strategy wanted to hold nothing, and nothing was held"


def test_what_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars(CLOSES)
    assert home.call("report", "why-not", f"AA/USD@{clock(3)}").code == 4
    home.backtest()
    wrong = home.call("report", "why-not", f"AB/USD@{clock(3)}")
    assert wrong.code == 2
    assert "no run traded `AB/USD`" in wrong.err
    assert "did you mean `AA/USD`?" in wrong.err
    late = home.call("report", "why-not", f"AA/USD@{clock(900)}")
    assert late.code == 2
    assert "2026-01-01T00:00:00Z to 2026-01-01T12:00:00Z" in late.err
    run_id = home.ledger().runs(1)[0].run_id
    late = home.call("report", "why-not", f"AA/USD@{clock(900)}", "--run", run_id)
    assert "the nearest is `AA/USD@2026-01-01T12:00:00Z`" in late.err
    assert why_not(home, 12)["close"] == "2026-01-01T12:00:00Z"


@pytest.mark.req("X6")
def test_what_a_session_did_not_do_since_its_last_decision_can_be_asked_too(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars(CLOSES)
    home.paper(3)
    assert verdict(why_not(home, 3)) == "the strategy wanted to hold nothing, and nothing was held"
    later = "no cycle decided on that bar: none ran before the next bar closed"
    assert verdict(why_not(home, 8)) == later
    future = home.call("report", "why-not", f"AA/USD@{clock(13)}")
    assert (future.code, "the newest closed at 2026-01-01T12:00:00Z" in future.err) == (2, True)
    early = home.call("report", "why-not", "AA/USD@2025-12-31T23:00")
    assert (early.code, "no run traded `AA/USD` at 2025-12-31T23:00:00Z" in early.err) == (2, True)


@pytest.mark.parametrize("asked", ["", "BTC/USD", "BTC/USD@", "@2026-01-01", "BTC/USD@noon"])
def test_what_is_no_symbol_at_a_time_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="is not SYMBOL@TIME"):
        asked_for(asked)


def test_the_moment_is_read_as_utc() -> None:
    assert asked_for("AA/USD@2026-01-01T01:00") == ("AA/USD", at(0) + HOUR)
    assert asked_for("AA/USD@2026-01-01T02:00+01:00") == ("AA/USD", at(0) + HOUR)
