"""Who may trade: deployments, leave to trade for real, how cycles ended, what refusals taught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from trader_cli.errors import DataError
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify
from trader_cli.model.session import Arming, CycleRecord, Deployment

URL = "sqlite:///trader.db"
MOMENTUM = Deployment("momentum", "main", {"fast": "5"}, "code", 100)
ARMING = Arming("kraken", "a1", "config", "strategies", 1_000, 2_000, {"cash": "500"})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(URL, tmp_path)
    yield opened
    assert verify(opened) == []
    opened.close()


@pytest.mark.req("R4.11")
def test_what_is_deployed_is_what_was_deployed_last_and_not_retired(ledger: Ledger) -> None:
    assert ledger.deployments() == []
    assert ledger.deploy(100, MOMENTUM) is None
    grid = replace(MOMENTUM, strategy="grid", since_ms=200)
    assert ledger.deploy(200, grid) is None
    faster = replace(MOMENTUM, params={"fast": "3"}, since_ms=300)
    assert ledger.deploy(300, faster) == MOMENTUM
    assert ledger.deployments() == [grid, faster]
    assert ledger.retire(400, "grid")
    assert not ledger.retire(401, "grid")
    assert not ledger.retire(402, "never")
    assert ledger.deployments() == [faster]
    assert ledger.deploy(500, replace(grid, since_ms=500)) is None


@pytest.mark.req("R4.12")
def test_deployed_again_as_it_is_a_strategy_keeps_the_moment_it_began(ledger: Ledger) -> None:
    ledger.deploy(100, MOMENTUM)
    assert ledger.deploy(900, replace(MOMENTUM, since_ms=900)) == MOMENTUM
    assert ledger.deployments() == [MOMENTUM]


@pytest.mark.req("R4.9")
def test_leave_is_for_one_venue_and_account_until_it_is_taken_back(ledger: Ledger) -> None:
    assert ledger.armed("kraken", "a1") is None
    assert not ledger.disarm(1, "nothing to take back")
    assert ledger.taken_back() is None
    ledger.arm(ARMING)
    assert ledger.taken_back() is None
    other = replace(ARMING, account="a2", since_ms=1_001)
    ledger.arm(other)
    assert ledger.armed("kraken", "a1") == ARMING
    assert ledger.armed("kraken", "a2") == other
    assert ledger.armed("binance", "a1") is None
    assert ledger.armed("kraken", "") is None
    newer = replace(ARMING, since_ms=1_500, config_digest="other")
    ledger.arm(newer)
    assert ledger.armed("kraken", "a1") == newer
    assert ledger.disarm(1_600, "by hand")
    assert ledger.armed("kraken", "a1") is None
    assert ledger.armed("kraken", "a2") is None
    assert not ledger.disarm(1_601, "again")
    assert ledger.taken_back() == (1_600, "by hand")
    ledger.arm(replace(ARMING, since_ms=1_700))
    assert ledger.taken_back() is None
    assert ledger.armed("kraken", "a1") == replace(ARMING, since_ms=1_700)


def test_cycles_are_read_newest_first_and_by_session(ledger: Ledger) -> None:
    told = [
        CycleRecord(run_id, i, i + 5, outcome, code, message, {"calls": i})
        for i, (run_id, outcome, code, message) in enumerate(
            [("one", "acted", 0, ""), ("", "venue", 5, "not reachable"), ("one", "unresolved", 7, "an order")]
        )
    ]
    for one in told:
        ledger.record_cycle(one)
    assert ledger.cycles(10) == told[::-1]
    assert ledger.cycles(1) == [told[2]]
    assert ledger.cycles(10, "one") == [told[2], told[0]]


@pytest.mark.req("R1.4")
def test_a_learned_minimum_only_grows(ledger: Ledger) -> None:
    ledger.learn_minimum(1, "kraken", "BTC/USD", Decimal("5.50"), "EOrder:Cost minimum not met")
    ledger.learn_minimum(2, "kraken", "BTC/USD", Decimal("5"), "smaller teaches nothing")
    ledger.learn_minimum(3, "binance", "BTC/USD", Decimal(10), "another venue")
    ledger.learn_minimum(4, "kraken", "ETH/USD", Decimal("1E-7"), "tiny")
    assert ledger.learned_minimums("kraken") == {"BTC/USD": Decimal("5.5"), "ETH/USD": Decimal("0.0000001")}
    ledger.learn_minimum(5, "kraken", "BTC/USD", Decimal("7.25"), "more")
    assert ledger.learned_minimums("kraken")["BTC/USD"] == Decimal("7.25")
    assert ledger.learned_minimums("nowhere") == {}
    for wrong in ("0", "-1", "NaN", "Infinity"):
        with pytest.raises(DataError, match="must be above 0"):
            ledger.learn_minimum(6, "kraken", "BTC/USD", Decimal(wrong), "no")
