"""Answers that say nothing, wrongly or too late, at every place of a cycle (reliability.md, A6 to A13, A12b)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from exchange import binance_market

from trader_cli.model.orders import OrderState, Purpose

from .rig import BOTH, QUOTES, Rig

Open = Callable[..., Rig]
WITHOUT_WORDS = ("drop", "reset", "html", "empty", "cut", "short", "shape", "client_id", "symbol")


@pytest.mark.req("X2")
@pytest.mark.parametrize("kind", WITHOUT_WORDS)
@pytest.mark.parametrize("venue", BOTH)
def test_an_order_that_was_taken_whatever_its_answer_looked_like_is_one_and_protected(
    venue: str, kind: str, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind=kind, acts=True)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one.state for one in rig.orders(Purpose.ENTRY)] == [OrderState.FILLED]
    assert len(rig.resting()) == 1
    if kind in ("client_id", "symbol"):
        assert venue == "kraken" or "wrong_answer" in rig.rules()
    rig.check()


@pytest.mark.req("X2")
@pytest.mark.parametrize("kind", ["drop", "reset", "html", "empty"])
@pytest.mark.parametrize("venue", BOTH)
def test_an_order_that_never_arrived_is_proven_absent_and_not_sent_again_for_its_bar(
    venue: str, kind: str, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind=kind, acts=False)
    done = rig.cycle()
    assert done.code == 5, done
    assert [one.state for one in rig.orders(Purpose.ENTRY)] == [OrderState.ABSENT]
    rig.pass_ms(60_000)
    assert rig.cycle().code == 0
    assert len(rig.sent()) == 1
    rig.bar()
    assert rig.cycle().code == 0
    assert rig.held() > 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a8_an_order_the_venue_takes_seconds_later_is_not_declared_absent(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind="status", status=504, acts=True, after=[{"op": "hide", "order": "$order", "seconds": 4}])
    done = rig.cycle()
    assert done.code == 0, done
    assert [one.state for one in rig.orders(Purpose.ENTRY)] == [OrderState.FILLED]
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_an_order_whose_fate_stays_open_keeps_its_market_alone_and_lets_the_others_trade(
    venue: str, open_rig: Open
) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    rig.fault("place", kind="drop", acts=True)
    look = {"cl_ord_id": "7adec0de*"} if venue == "kraken" else {"origClientOrderId": "7adec0de*"}
    path = "OpenOrders" if venue == "kraken" else "order"
    rig.fault(path, kind="html", times=0, params=look)
    done = rig.cycle()
    assert done.code == 7, done
    rig.bar()
    rig.want(rig.eth, 1)
    done = rig.cycle()
    assert done.code == 7, done
    assert rig.held(rig.eth) > 0
    assert rig.held() == 0
    rig.do("clear")
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() > 0
    assert len(rig.resting()) == 1
    assert len(rig.orders(Purpose.ENTRY)) == 2
    rig.check()


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("path", ["order", "trades", "book", "balance"])
@pytest.mark.parametrize("venue", BOTH)
def test_a_read_that_fails_between_an_entry_and_its_stop_leaves_nothing_unprotected(
    venue: str, path: str, nth: int, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault(path, kind="html", nth=nth)
    done = rig.cycle()
    assert done.code in (0, 5), done
    if rig.ledger.sessions():
        assert len(rig.resting()) == (1 if rig.held() > 0 else 0), done
    rig.do("clear")
    rig.bar()
    assert rig.cycle().code == 0
    assert rig.held() > 0
    assert len(rig.resting()) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a12b_a_page_for_a_list_of_orders_is_no_proof_that_there_are_none(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar()
    rig.fault("open", kind="html")
    assert rig.cycle().code == 5
    assert len(rig.resting()) == 1
    assert rig.cycle().code == 0
    assert len(rig.orders(Purpose.STOP)) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_stop_that_sold_a_part_leaves_the_rest_to_a_sale_at_once(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("depth", symbol=rig.btc, quantities=["0.006"])
    rig.bar(48_500)
    rig.do("depth", symbol=rig.btc, quantities=None)
    done = rig.cycle()
    assert rig.held() < Decimal("0.00001"), done
    assert rig.resting() == []
    rig.bar()
    assert rig.cycle().code == 0
    rig.check()


def test_a_stop_that_the_market_fell_through_is_sold_at_the_market_and_told(
    open_rig: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binance_market, "_TYPES", ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT"])
    rig = open_rig("binance")
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    (stop,) = rig.resting()
    rig.do("price", symbol=rig.btc, price="44000")
    assert [one["id"] for one in rig.resting()] == [stop["id"]]
    done = rig.cycle()
    assert done.code == 6, done
    assert "stop_unfilled" in rig.rules()
    assert rig.held() < Decimal("0.00001")
    assert [one for one in rig.resting() if one["id"] == stop["id"]] == []
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_reduction_that_sold_a_part_sells_only_the_rest(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    held = rig.held()
    rig.bar()
    rig.want(rig.btc, 0.5)
    sale = {"type": "sell", "ordertype": "market"} if venue == "kraken" else {"side": "SELL", "type": "MARKET"}
    thin, deep = ({"op": "depth", "symbol": rig.btc, "quantities": one} for one in (["0.004"], None))
    rig.fault("place", params=sale, before=[thin], after=[deep])
    assert rig.cycle().code == 0
    assert rig.held() == held - Decimal("0.004")
    for _ in range(2):
        rig.pass_ms(60_000)
        assert rig.cycle().code == 0
    assert abs(rig.held() - Decimal("0.01")) < Decimal("0.00005")
    (stop,) = rig.resting()
    assert abs(Decimal(stop["quantity"]) - rig.held()) < Decimal("0.00001")
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_an_account_with_less_than_the_configuration_wants_begins_nothing(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, balances={QUOTES[venue]: 9_999})
    rig.want(rig.btc, 1)
    done = rig.cycle()
    assert done.code == 6, done
    assert rig.sent() == []
    assert rig.ledger.sessions() == []
