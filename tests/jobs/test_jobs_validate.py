"""The verdict: which checks ran, how they ended, what it was reached on; the same for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from evidence import LIMITS, free_bench, paying

from trader_cli.errors import StrategyError, UsageError
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.validate import NAMES, Validated, checked, chosen_checks, measured_costs, validate
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status, Tried, Verdict
from trader_cli.wiring import Wiring

SOURCES = Path(__file__).resolve().parents[2] / "trader_cli"
QUICK = ("out_of_sample", "costs", "capacity")


class Shelf:
    """A ledger that keeps verdicts in a list and knows what was tried."""

    def __init__(self, tried: Tried = Tried(0, (), None, {})) -> None:  # noqa: B008 frozen
        self.known = tried
        self.verdicts: list[Verdict] = []

    def tried(self, strategy: str, most: int) -> Tried:
        return self.known

    def record_verdict(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


@pytest.fixture(scope="module")
def wiring(tmp_path_factory: pytest.TempPathFactory) -> Wiring:
    return Wiring.find(tmp_path_factory.mktemp("home"), "plain", {"data.symbols": ["BTC/USD", "ETH/USD"]})


def judged(
    wiring: Wiring, request: Request, names: Sequence[str] | None = QUICK, shelf: Shelf | None = None, **limits: Any
) -> Validated:
    section = {**request.settings["validate"], "workers": 1, **limits}
    request = replace(request, settings={**request.settings, "validate": section})
    told: list[str] = []
    return validate(request, wiring.bars, wiring.instrument, shelf or Shelf(), 7, names, None, told.append)


def plain(found: Validated) -> list[CheckResult]:
    return list(found.verdict.checks)


@pytest.mark.req("X3")
def test_every_check_is_there_and_carries_its_own_name() -> None:
    assert len(set(NAMES)) == 12
    for name in NAMES:
        module = import_module(f"trader_cli.jobs.checks.{name}")
        assert callable(getattr(module, name))
        assert name == module.NAME


def test_checks_are_chosen_by_name_in_their_own_order() -> None:
    assert chosen_checks(None) == NAMES
    assert chosen_checks(["costs", "look_ahead"]) == ("look_ahead", "costs")
    with pytest.raises(UsageError, match="there is no check `lookahead`") as caught:
        chosen_checks(["lookahead"])
    assert caught.value.hints[0] == "did you mean `look_ahead`?"


@pytest.mark.req("X3")
def test_a_verdict_carries_the_digests_of_all_it_was_reached_on(wiring: Wiring) -> None:
    request = wiring.request("demo_ma", {"fast": "20"})
    shelf = Shelf(Tried(41, (), None, {}))
    found = judged(wiring, request, shelf=shelf, seed=5)
    verdict = shelf.verdicts[0]
    assert verdict == found.verdict
    chosen = request.wallets[0].strategies[0]
    bars = [wiring.bars.load(one, "bitfinex", None) for one in ("BTC/USD", "ETH/USD")]
    assert verdict.code_digest == code_digest(chosen.source_digest)
    assert verdict.params == {"fast": 20, "slow": 100}
    assert verdict.data_digests == {one.symbol: wiring.bars.digest(one) for one in bars}
    assert (verdict.since_ms, verdict.until_ms) == (bars[0].open_ms[0], bars[0].open_ms[-1] + bars[0].timeframe.ms)
    assert (verdict.exchange, verdict.timeframe, verdict.symbols) == ("bitfinex", "4h", ("BTC/USD", "ETH/USD"))
    assert (verdict.seed, verdict.trials, verdict.time_ms, verdict.complete) == (5, 41, 7, False)
    assert verdict.settings["costs"]["fee_bps"] == "10"
    assert set(found.seconds) == {"backtest", *QUICK, "total"}
    assert [one["name"] for one in found.row["checks"]] == list(QUICK)


@pytest.mark.req("X3")
def test_one_check_that_fails_fails_the_verdict_and_a_warning_does_not(wiring: Wiring) -> None:
    request = wiring.request("demo_ma", {})
    found = judged(wiring, request, ("out_of_sample", "costs"))
    assert [one.status for one in found.verdict.checks] == [Status.WARN, Status.PASS]
    assert found.verdict.status is Status.PASS
    assert found.failed == ()
    poor = judged(wiring, request, ("out_of_sample", "costs"), fee_factor=Decimal(1000))
    assert poor.verdict.status is Status.FAIL
    assert poor.failed == ("costs",)


@pytest.mark.req("X10")
def test_one_worker_and_two_reach_the_same_results(wiring: Wiring) -> None:
    request = wiring.request("demo_ma", {})
    names = ("out_of_sample", "luck", "costs")
    small = {"entry_samples": 5, "bootstrap_samples": 50}
    one, two = (judged(wiring, request, names, workers=count, **small) for count in (1, 2))
    assert plain(one) == plain(two)


def test_a_check_that_cannot_run_is_a_check_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Bench) -> CheckResult:
        raise StrategyError("it divides by nothing", "look at line 3")

    monkeypatch.setattr("trader_cli.jobs.checks.costs.costs", broken)
    result, seconds = checked(free_bench(paying((100, (0.01, 0.0)))), "costs")
    assert result.status is Status.FAIL
    assert result.message == "it could not be tried: it divides by nothing"
    assert result.hint == "look at line 3"
    assert seconds >= 0


def test_a_strategy_that_cannot_run_at_all_is_an_error_and_leaves_no_verdict(wiring: Wiring) -> None:
    shelf = Shelf()
    with pytest.raises(StrategyError):
        judged(wiring, broken_request(wiring), shelf=shelf)
    assert shelf.verdicts == []


def broken_request(wiring: Wiring) -> Request:
    request = wiring.request("demo_ma", {})
    (wallet,) = request.wallets

    class Broken(type(wallet.strategies[0].instance)):  # type: ignore[misc]
        def targets(self, bars: Bars) -> Any:
            raise ValueError(bars.symbol)

    chosen = replace(wallet.strategies[0], instance=Broken())
    return replace(request, wallets=(replace(wallet, strategies=(chosen,)),))


def test_several_strategies_are_not_judged_together(wiring: Wiring) -> None:
    with pytest.raises(UsageError, match="each is validated alone"):
        judged(wiring, wiring.request("demo_ma,momentum", {}))


def test_costs_are_measured_where_a_venue_filled_enough(wiring: Wiring) -> None:
    assert measured_costs(wiring.ledger, wiring.settings.execution, 20) is None
    wiring.close()


def test_every_key_of_the_section_is_read() -> None:
    rooms = ("jobs", "cli", "trading.py", "wiring.py")
    files = [path for room in rooms for path in sorted(SOURCES.glob(f"{room}/**/*.py")) or [SOURCES / room]]
    read = "\n".join(path.read_text() for path in files)
    assert [key for key in LIMITS if f'"{key}"' not in read and f".{key}" not in read] == []
