"""What a difference of the account is made of."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from trader_cli.jobs.reconcile import Difference
from trader_cli.jobs.tracing import agreed_ms, not_booked, traced
from trader_cli.model.orders import Activity, ActivityKind, client_id_of
from trader_cli.model.session import Adjustment, CycleRecord

NOON = 1_790_000_000_000


def difference(amount: str, asset: str = "BTC") -> Difference:
    return Difference(asset, Decimal(amount), Decimal(0), Decimal(0), None, True, False)


def activity(kind: ActivityKind, amount: str, asset: str = "BTC", *, text: str = "", client_id: str = "") -> Activity:
    return Activity(kind, asset, Decimal(amount), NOON, "R1", text or kind.value, client_id)


def cycle(started_ms: int, exit_code: int) -> CycleRecord:
    return CycleRecord("live-1", started_ms, started_ms + 1_000, "acted", exit_code, "", {})


def test_a_deposit_that_is_the_whole_difference_is_named_with_time_and_amount() -> None:
    found = traced(difference("0.5"), [activity(ActivityKind.DEPOSIT, "0.50")], NOON - 1, "")
    assert found.amount == Decimal("0.5")
    assert found.sentences == (
        "a deposit at 2026-09-21T14:13:20Z: +0.5 BTC (R1)",
        "since 2026-09-21T14:13:19Z that is +0.5 BTC in all: the whole difference",
    )


def test_what_the_sum_leaves_is_said() -> None:
    mine = [activity(ActivityKind.DEPOSIT, "0.5"), activity(ActivityKind.WITHDRAWAL, "-0.2")]
    found = traced(difference("0.4"), mine, NOON, "")
    assert found.sentences[-1].endswith("that is +0.3 BTC in all: +0.1 BTC of the difference stay unexplained")


def test_another_assets_activity_explains_nothing() -> None:
    found = traced(difference("0.5"), [activity(ActivityKind.DEPOSIT, "500", "USD")], NOON, "")
    assert (found.sentences, found.amount, found.activity) == ((), Decimal(0), ())


def test_a_trade_by_hand_a_lost_order_of_ours_and_a_reward_are_told_apart() -> None:
    mine = [
        activity(ActivityKind.TRADE, "0.1", text="bought 0.1 BTC/USD at 50000"),
        activity(ActivityKind.TRADE, "0.2", text="bought 0.2 BTC/USD at 50000", client_id=client_id_of("lost")),
        activity(ActivityKind.OTHER, "0.001", text="staking"),
    ]
    hand, lost, reward, total = traced(difference("0.301"), mine, NOON, "").sentences
    assert hand.startswith("a trade by hand at 2026-09-21T14:13:20Z: bought 0.1 BTC/USD at 50000, +0.1 BTC")
    assert lost.startswith("a trade of an order with our mark that this ledger does not know")
    assert reward.startswith("`staking` at 2026-09-21T14:13:20Z: +0.001 BTC")
    assert "the whole difference" in total


@pytest.mark.parametrize(("amount", "said"), [("0.5", True), ("0.1", False)])
def test_what_the_venue_does_not_tell_is_said_where_something_is_left(amount: str, said: bool) -> None:
    found = traced(difference(amount), [activity(ActivityKind.TRADE, "0.1")], NOON, "deposits")
    assert any("does not tell of deposits" in one for one in found.sentences) is said


def test_trades_that_the_ledger_knows_are_left_out() -> None:
    ours, lost = client_id_of("ours"), client_id_of("lost")
    some = [activity(ActivityKind.TRADE, "1", client_id=one) for one in (ours, lost, "web_1", "")]
    assert [one.client_id for one in not_booked(some, lambda name: name in (ours, "web_1"))] == [lost, "web_1", ""]


@pytest.mark.parametrize(
    ("cycles", "settled", "expected"),
    [
        ([], [], 100),
        ([cycle(500, 6), cycle(400, 0), cycle(300, 0)], [], 400),
        ([cycle(500, 7), cycle(400, 5)], [], 100),
        ([cycle(400, 0)], [450], 450),
    ],
)
def test_a_difference_is_made_of_what_came_after_account_and_book_last_agreed(
    cycles: list[CycleRecord], settled: list[int], expected: int
) -> None:
    session: Any = SimpleNamespace(started_ms=100)
    made = [(at_ms, Adjustment("BTC", "1", "adopt", "main", "mine")) for at_ms in settled]
    assert agreed_ms(session, cycles, made) == expected
