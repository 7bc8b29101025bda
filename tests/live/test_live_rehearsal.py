"""A dry run asks the venue what it thinks of every order that it would send, and places none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .rig import BOTH, Rig

Open = Callable[..., Rig]


@pytest.mark.req("R1.4")
@pytest.mark.parametrize("venue", BOTH)
def test_an_order_that_the_venue_would_take_is_shown_with_its_word(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    done = rig.cycle(dry=True)
    (row,) = done.result["rehearsal"]
    assert (row["symbol"], row["side"], row["kind"], row["taken"]) == (rig.btc, "buy", "market", True)
    # 1,000 of 50,000 a coin, less the cash for a fee of 40 bps where that is short: it is not.
    assert row["quantity"] == pytest.approx(0.02, rel=0.01)
    assert "would take it" in row["said"]
    assert (rig.at_venue, rig.sent()) == ([], [])


@pytest.mark.parametrize("venue", BOTH)
def test_an_order_that_the_venue_would_refuse_is_shown_with_its_reason(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.do("key", permissions=["query"])
    (row,) = rig.cycle(dry=True).result["rehearsal"]
    assert row["taken"] is False
    assert ("Permission denied" if venue == "kraken" else "permissions") in row["said"]


def test_what_our_own_rules_hold_back_is_shown_as_not_sent(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.ledger.halt(rig.now, "all", "by hand")
    done = rig.cycle(dry=True)
    assert done.code == 0
    for row in done.result["rehearsal"]:
        assert row["taken"] is False
        assert "not sent" in row["said"]


def test_a_sale_whose_stop_rests_is_shown_unjudged_and_the_stop_stays(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar()
    rig.want(rig.btc, 0)
    (row,) = rig.cycle(dry=True).result["rehearsal"]
    assert (row["side"], row["kind"], row["taken"]) == ("sell", "market", None)
    assert "its stop is taken back first" in row["said"]
    assert len(rig.resting()) == 1


def test_a_person_sees_the_venues_word(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    code, said = rig.cli("live", "--dry-run")
    assert code == 0, said
    assert "would be sent" in said
    assert "kraken would take it" in said
