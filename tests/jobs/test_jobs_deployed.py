"""Deployments: where a strategy runs, what a new deployment changes, how its time on paper went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from trader_cli.errors import StrategyError, UsageError
from trader_cli.jobs.deployed import by_wallet, current, differences, practice, wallet_of
from trader_cli.jobs.plan import code_digest
from trader_cli.model.session import Deployment

DAY = 86_400_000
NOW = 1_700_000_000_000
WALLETS = {"fast": ("momentum", "grid"), "slow": ("mean_reversion",)}
ONE = Deployment("momentum", "", {"fast": "20"}, "c0de", NOW)


def test_a_strategy_runs_in_the_wallet_that_is_stated_else_in_those_that_name_it_else_in_the_only_one() -> None:
    assert wallet_of("momentum", "", {}) == ("main",)
    assert wallet_of("momentum", "main", {}) == ("main",)
    assert wallet_of("grid", "", WALLETS) == ("fast",)
    assert wallet_of("grid", "slow", WALLETS) == ("slow",)
    assert wallet_of("grid", "", {**WALLETS, "more": ("grid",)}) == ("fast", "more")


def test_a_wallet_that_the_configuration_does_not_know_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no wallet `slwo`") as caught:
        wallet_of("grid", "slwo", WALLETS)
    assert caught.value.hints[0] == "did you mean `slow`?"
    with pytest.raises(UsageError, match="no wallet `other`") as caught:
        wallet_of("grid", "other", {})
    assert caught.value.hints[0] == "it has `main`"
    with pytest.raises(UsageError, match="no wallet of the configuration names `demo_ma`") as caught:
        wallet_of("demo_ma", "", WALLETS)
    assert caught.value.hints == ("say which: `--wallet fast`", "say which: `--wallet slow`")


def test_deployed_strategies_stand_in_their_wallets_in_order_of_priority() -> None:
    deployed = [replace(ONE, strategy=name, wallet=wallet) for name, wallet in
                (("grid", ""), ("demo_ma", "fast"), ("momentum", ""), ("atr_breakout", "fast"))]  # fmt: skip
    assert by_wallet(deployed, WALLETS) == {"fast": ("momentum", "grid", "atr_breakout", "demo_ma")}
    assert by_wallet(deployed[:1], {}) == {"main": ("grid",)}


@pytest.mark.req("R4.11")
def test_no_deployed_strategy_is_said_with_the_cure() -> None:
    with pytest.raises(StrategyError, match="no strategy is deployed") as caught:
        by_wallet([], WALLETS)
    assert caught.value.exit_code == 3
    assert "trader strategy deploy" in caught.value.hints[0]


def test_current_is_the_code_as_it_is_now() -> None:
    (now,) = current([ONE], lambda name: SimpleNamespace(source_digest=f"of {name}"))
    assert now == replace(ONE, code_digest=code_digest("of momentum"))


def test_a_new_deployment_says_what_it_changes() -> None:
    after = replace(ONE, wallet="slow", params={"slow": "50"}, code_digest="beef")
    assert differences(ONE, after) == [
        "wallet of the configuration became `slow`",
        "`fast` was 20 and is not stated",
        "`slow` was not stated and is 50",
        "its code or the program changed",
    ]
    assert differences(ONE, replace(ONE, since_ms=0)) == []


@dataclass
class Sessions:
    """A ledger's sessions as (mode, exchange), each with its round trips as (strategy, end)."""

    kept: Sequence[tuple[str, str, Sequence[tuple[str, int]]]]

    def sessions(self) -> list[Any]:
        return [SimpleNamespace(run_id=str(i), mode=one[0], exchange=one[1]) for i, one in enumerate(self.kept)]

    def rows(self, table: str, run_id: str) -> list[dict[str, Any]]:
        assert table == "trades"
        return [{"strategy": name, "exit_ms": end} for name, end in self.kept[int(run_id)][2]]


@pytest.mark.req("R4.12")
def test_paper_trades_count_since_the_deployment_and_replays_and_others_do_not() -> None:
    ledger = Sessions(
        [
            ("paper", "kraken", [("momentum", NOW), ("momentum", NOW + DAY), ("grid", NOW + DAY)]),
            ("paper", "kraken", [("momentum", NOW - 1)]),
            ("paper", "replay:sample", [("momentum", NOW + DAY)]),
            ("live", "kraken", [("momentum", NOW + DAY)]),
        ]
    )
    done = practice(ONE, ledger, NOW + 9 * DAY + DAY // 2)
    assert (done.days, done.paper_trades) == (9.5, 2)
    assert practice(ONE, Sessions([]), NOW - DAY).days == 0
