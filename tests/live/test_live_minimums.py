"""The smallest order: the user's, the venue's and what refusals taught, the largest of them counts (R1.4, B9)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from trader_cli.model.orders import OrderState, Purpose

from .rig import BOTH, QUOTES, Rig

Open = Callable[..., Rig]
WORDS: dict[str, dict[str, Any]] = {
    "kraken": {"text": "EOrder:Cost minimum not met"},
    "binance": {"text": "Filter failure: NOTIONAL", "code": -1013},
}


def opened(open_rig: Open, venue: str, notional: str, raised: str = "0", **risk: str) -> Rig:
    """Open a home with orders of that size; the venue's own minimums are worth half a unit of quote."""
    stated = {"min_notional": "2.0", "raise_to_minimum": raised} | risk
    rig = open_rig(venue, settings={"sizing": {"notional": notional}, "risk": stated})
    rig.do("listing", symbol=rig.btc, min_quantity="0.00001", min_notional="0.5", lot="0.00000001")
    rig.want(rig.btc, 1)
    return rig


def entries(rig: Rig) -> list[Decimal]:
    """Return what the orders to buy were worth at the close of 50,000."""
    return [Decimal(one.ticket.quantity) / 10**8 * 50_000 for one in rig.orders(Purpose.ENTRY)]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize("venue", BOTH)
def test_an_order_under_two_is_refused_with_its_number_and_limit(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "1.5")
    done = rig.cycle()
    assert (done.code, entries(rig)) == (0, [])
    (event,) = [row for row in rig.events() if row["kind"] == "refusal"]
    assert "minimum" in event["rule"]
    assert (Decimal(event["number"]), Decimal(event["limit"])) == (Decimal("1.5"), 2)


@pytest.mark.req("R1.4")
@pytest.mark.parametrize("venue", BOTH)
def test_an_order_under_two_is_raised_to_the_minimum_and_a_tenth(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "1.5", "1.1")
    assert rig.cycle().code == 0
    assert entries(rig) == [Decimal("2.2")]
    assert rig.held() > 0


@pytest.mark.req("R1.4")
@pytest.mark.parametrize("venue", BOTH)
def test_the_venues_own_filter_counts_where_it_is_larger(venue: str, open_rig: Open) -> None:
    rig = open_rig(
        venue, settings={"sizing": {"notional": "3"}, "risk": {"min_notional": "2", "raise_to_minimum": "1.1"}}
    )
    rig.do("listing", symbol=rig.btc, min_quantity="0.00001", min_notional="8", lot="0.00000001")
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    assert entries(rig) == [Decimal("8.8")]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize("venue", BOTH)
def test_b9_a_refusal_teaches_and_the_next_cycle_raises_its_order_over_it(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "10", "1.1")
    rig.fault("place", kind="error", **WORDS[venue])
    assert rig.cycle().code == 5
    (first,) = rig.orders(Purpose.ENTRY)
    assert first.state is OrderState.REJECTED
    # The venue named no number: just more than was asked is the least it may take.
    learned = rig.ledger.learned_minimums(venue)[rig.btc]
    assert Decimal(10) <= learned < Decimal("10.2")
    rig.bar()
    rig.want(rig.btc, 1)
    done = rig.cycle()
    assert done.code == 0, done
    assert entries(rig)[1] == pytest.approx(learned * Decimal("1.1"), rel=Decimal("0.0001"))
    assert rig.held() > 0
    rig.check()


@pytest.mark.req("R1.4")
def test_b9_a_number_in_the_venues_words_is_what_is_learned(open_rig: Open) -> None:
    rig = opened(open_rig, "kraken", "10", "1.1")
    rig.fault("place", kind="error", text="EOrder:Cost minimum not met: at least 25 USD")
    assert rig.cycle().code == 5
    assert rig.ledger.learned_minimums("kraken") == {rig.btc: Decimal(25)}
    rig.bar()
    assert rig.cycle().code == 0
    assert entries(rig)[1] == Decimal("27.5")


@pytest.mark.req("R1.4")
@pytest.mark.parametrize("venue", BOTH)
def test_b9_without_raising_the_next_order_is_refused_here_and_says_why(venue: str, open_rig: Open) -> None:
    rig = opened(open_rig, venue, "10")
    rig.fault(
        "place", kind="error", text=f"{WORDS[venue]['text']} 25 {QUOTES[venue]}", code=WORDS[venue].get("code", 0)
    )
    assert rig.cycle().code == 5
    rig.bar()
    sent = len(rig.sent())
    done = rig.cycle()
    assert (done.code, len(rig.sent())) == (0, sent)
    event = [row for row in rig.events() if "minimum" in row["rule"]][-1]
    assert (Decimal(event["number"]), Decimal(event["limit"])) == (10, 25)


@pytest.mark.req("R1.4")
def test_b9_an_order_is_not_raised_over_a_limit(open_rig: Open) -> None:
    # A tenth of a percent of 10,000 is 10, and the raised order would be 27.50.
    rig = opened(open_rig, "kraken", "9", "1.1", max_symbol_pct="0.1")
    rig.fault("place", kind="error", text="EOrder:Cost minimum not met: at least 25 USD")
    assert rig.cycle().code == 5
    rig.bar()
    sent = len(rig.sent())
    assert rig.cycle().code == 0
    assert len(rig.sent()) == sent
    event = rig.events()[-1]
    assert (event["rule"], Decimal(event["number"]), Decimal(event["limit"])) == ("max_symbol", Decimal("27.5"), 10)


@pytest.mark.req("R1.4")
def test_what_one_home_learned_its_dry_run_and_its_next_session_know(open_rig: Open) -> None:
    rig = opened(open_rig, "kraken", "10", "1.1")
    rig.ledger.learn_minimum(rig.now, "kraken", rig.btc, Decimal(40), "told by hand")
    (row,) = rig.cycle(dry=True).result["rehearsal"]
    assert row["quantity"] * 50_000 == pytest.approx(44)
    assert row["taken"] is True
