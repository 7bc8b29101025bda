"""What rests at the venue, and what is sold without it (reliability.md, C10 to C12, B14)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from trader_cli.model.orders import OrderState, Purpose

from .rig import BOTH, Rig

Open = Callable[..., Rig]
STOP = {"kraken": {"ordertype": "stop-loss*"}, "binance": {"type": "STOP_LOSS*"}}


def trigger(rig: Rig, symbol: str = "") -> Decimal:
    """Return the trigger of the one stop that rests."""
    (stop,) = [one for one in rig.resting(symbol) if Decimal(one["trigger"]) > 0]
    return Decimal(stop["trigger"])


@pytest.mark.req("R1.7")
@pytest.mark.parametrize("venue", BOTH)
def test_c10_a_stop_that_filled_while_away_is_booked_before_anything_is_decided(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    assert trigger(rig) == 49_000
    rig.bar(48_500, 50_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one["reason"] for one in done.result["fills"]] == ["stop"]
    steps = rig.ledger.steps(rig.session.run_id, 10)
    booked = min((one for one in steps if one.fill_count == 2), key=lambda one: one.seq)
    assert not any(booked.holdings)
    assert booked.bar_ms < max(one.bar_ms for one in steps)
    assert (rig.held(), rig.resting()) == (0, [])
    # The strategy still wants it: out is out until it lets go itself.
    rig.bar()
    assert rig.cycle().code == 0
    assert len(rig.orders(Purpose.ENTRY)) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_c11_a_stop_that_vanished_is_made_once_more_and_then_an_alarm(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("cancel", order=rig.resting()[0]["id"])
    done = rig.cycle()
    assert done.code == 0, done
    assert trigger(rig) == 49_000
    rig.do("cancel", order=rig.resting()[0]["id"])
    done = rig.cycle()
    assert done.code == 6, done
    assert "stop_vanished" in rig.rules()
    assert rig.resting() == []
    # What no stop at the venue holds, the next close does.
    rig.bar(48_500)
    done = rig.cycle()
    assert rig.held() < Decimal("0.00001"), done
    rig.check()


def test_c12_a_stop_the_venue_refuses_is_tried_three_times_then_the_position_is_sold(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", params=STOP["kraken"], kind="error", text="EOrder:Invalid price", times=0)
    done = rig.cycle()
    assert done.code == 6, done
    assert "sold" in done.message
    assert len(rig.orders(Purpose.STOP, OrderState.REJECTED)) == 3
    assert rig.held() == 0
    assert "emergency_exit" in rig.rules()
    rig.check()


def test_c12_a_stop_refused_once_rests_after_the_second_try(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", params=STOP["kraken"], kind="error", text="EOrder:Insufficient funds")
    done = rig.cycle()
    assert done.code == 0, done
    assert trigger(rig) == 49_000
    rig.check()


def test_c12_a_stop_without_an_answer_is_found_in_the_same_cycle(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", params=STOP["kraken"], kind="drop", acts=True)
    done = rig.cycle()
    assert done.code == 0, done
    assert trigger(rig) == 49_000
    assert len(rig.resting()) == 1
    rig.check()


def test_c12_a_stop_that_never_arrived_is_made_in_the_same_cycle(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", params=STOP["kraken"], kind="drop", acts=False)
    done = rig.cycle()
    assert done.code == 5, done
    assert trigger(rig) == 49_000
    assert len(rig.resting()) == 1
    assert rig.cycle().code == 0
    rig.check()


def test_c12_where_neither_stop_nor_sale_is_taken_it_is_an_alarm_and_tried_by_the_next_run(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", params={"type": "sell"}, kind="error", text="EOrder:Orders limit exceeded", times=0)
    done = rig.cycle()
    assert done.code == 6, done
    assert rig.held() > 0
    rig.do("clear")
    done = rig.cycle()
    assert done.code in (0, 6), done
    assert rig.held() == 0 or trigger(rig) == 49_000
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_rate_limited_stop_waits_for_its_turn_and_nothing_is_sold(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    values = (
        {"text": "EOrder:Rate limit exceeded"}
        if venue == "kraken"
        else {"code": -1015, "text": "Too many new orders; current limit is 100 orders per 10 SECONDS."}
    )
    rig.fault("place", params=STOP[venue], kind="error", **values)
    done = rig.cycle()
    assert done.code == 0, done
    assert trigger(rig) == 49_000
    assert rig.held() > 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_trailing_stop_moves_up_at_the_venue_and_never_down(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, settings={"risk": {"stop_pct": "0", "trail_pct": "4"}})
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    levels = [trigger(rig)]
    for price in (50_500, 51_000, 50_200, 51_500):
        rig.bar(price)
        done = rig.cycle()
        assert done.code == 0, done
        levels.append(trigger(rig))
    # 4 % under the highest high since the entry.
    assert levels[1:] == [48_480, 48_960, 48_960, 49_440]
    assert len(rig.orders(Purpose.STOP, OrderState.CANCELLED)) == 3
    assert len(rig.resting()) == 1
    rig.check()


@pytest.mark.parametrize("symbol", ["BTC", "ETH"])
def test_on_kraken_a_target_is_sold_by_the_cycle_after_the_bar_that_reached_it(symbol: str, open_rig: Open) -> None:
    rig = open_rig("kraken", symbols=(symbol,), settings={"risk": {"target_pct": "1"}})
    market = rig.btc if symbol == "BTC" else rig.eth
    start = 50_000 if symbol == "BTC" else 2_500
    rig.want(market, 1)
    assert rig.cycle().code == 0
    assert len(rig.resting(market)) == 1
    rig.bar(start * 1.015, start * 1.012, symbol=market)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one["reason"] for one in done.result["fills"]] == ["target"]
    assert (rig.held(market), rig.resting(market)) == (0, [])
    rig.check()


@pytest.mark.req("R1.7")
def test_on_binance_stop_and_target_rest_together_and_the_target_takes_the_stop_with_it(open_rig: Open) -> None:
    rig = open_rig("binance", settings={"risk": {"target_pct": "1"}})
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    assert sorted(one["kind"] for one in rig.resting()) == ["limit", "stop_limit"] or len(rig.resting()) == 2
    rig.bar(50_600, 50_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one["reason"] for one in done.result["fills"]] == ["target"]
    assert rig.held() < Decimal("0.00001")
    assert rig.resting() == []
    rig.check()


def test_on_binance_the_stop_takes_the_target_with_it(open_rig: Open) -> None:
    rig = open_rig("binance", settings={"risk": {"target_pct": "1"}})
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar(48_900, 50_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one["reason"] for one in done.result["fills"]] == ["stop"]
    assert rig.resting() == []
    rig.check()


def test_on_binance_a_pair_without_an_answer_is_found_whole(open_rig: Open) -> None:
    rig = open_rig("binance", settings={"risk": {"target_pct": "1"}})
    rig.want(rig.btc, 1)
    rig.fault("pair", kind="drop", acts=True)
    done = rig.cycle()
    assert done.code == 0, done
    assert len(rig.resting()) == 2
    assert len(rig.orders(Purpose.STOP)) == len(rig.orders(Purpose.TARGET)) == 1
    rig.bar()
    rig.want(rig.btc, 0)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.resting() == []
    rig.check()


def test_on_binance_a_refused_pair_leaves_the_stop_alone_to_protect(open_rig: Open) -> None:
    rig = open_rig("binance", settings={"risk": {"target_pct": "1"}})
    rig.want(rig.btc, 1)
    values = {"code": -1013, "text": "Filter failure: MAX_NUM_ALGO_ORDERS"}
    rig.fault("pair", kind="error", times=0, **values)
    done = rig.cycle()
    assert rig.held() > 0, done
    assert [one["kind"] for one in rig.resting()] == ["stop_limit"] or len(rig.resting()) == 1
    assert trigger(rig) == 49_000
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_an_addition_and_a_reduction_resize_the_stop(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 0.5)
    assert rig.cycle().code == 0
    sizes = [Decimal(rig.resting()[0]["quantity"])]
    for level in (1, 0.25):
        rig.bar()
        rig.want(rig.btc, level)
        done = rig.cycle()
        assert done.code == 0, done
        (stop,) = rig.resting()
        assert abs(Decimal(stop["quantity"]) - rig.held()) < Decimal("0.00001")
        sizes.append(Decimal(stop["quantity"]))
    assert sizes[1] > sizes[0] * Decimal("1.9")
    assert sizes[2] < sizes[0] * Decimal("0.6")
    rig.check()


@pytest.mark.req("R1.8")
@pytest.mark.parametrize("venue", BOTH)
def test_a_micro_profit_is_taken_by_a_market_order_of_the_cycle_after_the_bar(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, settings={"exits": {"micro_profit_pct": "0.5", "profit_basis": "gross"}})
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar(50_400, 50_300)
    done = rig.cycle()
    assert done.code == 0, done
    assert [(one["reason"], one["kind"]) for one in done.result["fills"]] == [("micro_profit", "market")]
    assert rig.resting() == []
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_position_held_too_long_is_closed(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, settings={"exits": {"max_bars": 2}})
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar()
    assert rig.cycle().code == 0
    rig.bar()
    done = rig.cycle()
    assert [one["reason"] for one in done.result["fills"]] == ["time"], done
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_two_wallets_hold_one_symbol_and_the_exit_of_one_leaves_the_others_stop(venue: str, open_rig: Open) -> None:
    rig = open_rig(
        venue,
        strategies=("planned", "other"),
        settings={
            "wallets.a": {"strategies": ["planned"], "share_pct": "50"},
            "wallets.b": {"strategies": ["other"], "share_pct": "50"},
        },
    )
    rig.want(rig.btc, 1)
    rig.want(rig.btc, 1, strategy="other")
    done = rig.cycle()
    assert done.code == 0, done
    assert len(rig.resting()) == 2
    protected = sum(Decimal(one["quantity"]) for one in rig.resting())
    assert abs(protected - rig.held()) < Decimal("0.00002")
    stays = {one.ticket.client_id for one in rig.stops() if one.ticket.wallet == "b"}
    rig.bar()
    rig.want(rig.btc, 0)
    done = rig.cycle()
    assert done.code == 0, done
    assert {one["client_id"] for one in rig.resting()} == stays
    assert rig.held(wallet="a") < Decimal("0.00001")
    assert rig.held(wallet="b") > Decimal("0.01")
    assert len(rig.orders(Purpose.STOP, OrderState.CANCELLED)) == 1
    rig.check()


@pytest.mark.req("R1.3")
@pytest.mark.parametrize("venue", BOTH)
def test_a_swap_sells_the_weakest_and_buys_the_new_one_in_one_cycle(venue: str, open_rig: Open) -> None:
    swapping = {"max_positions": 1, "swap_atr": "50"}
    rig = open_rig(venue, symbols=("BTC", "ETH"), settings={"risk": {**swapping, "stop_pct": "2"}})
    for _ in range(2):
        for price in (2_530, 2_470, 2_500):
            rig.bar(price, symbol=rig.eth)
    rig.want(rig.btc, 1, confidence=0.1)
    assert rig.cycle().code == 0
    rig.bar(2_530, 2_500, symbol=rig.eth)
    rig.want(rig.eth, 1, confidence=1)
    done = rig.cycle()
    assert done.code == 0, done
    assert [(one["symbol"], one["reason"]) for one in done.result["fills"]] == [
        (rig.btc, "swap"),
        (rig.eth, "strategy"),
    ]
    assert rig.held() < Decimal("0.00001")
    assert (len(rig.resting()), len(rig.resting(rig.eth))) == (0, 1)
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_dust_that_a_fee_leaves_is_carried_and_sold_with_the_next_purchase(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("ETH",), settings={"sizing": {"notional": "1234"}})
    for _ in range(2):
        rig.want(rig.eth, 1)
        done = rig.cycle()
        assert done.code == 0, done
        assert rig.balance("ETH") - rig.held(rig.eth) < Decimal("0.0001")
        rig.bar()
        rig.want(rig.eth, 0)
        done = rig.cycle()
        assert done.code == 0, done
        assert rig.balance("ETH") < Decimal("0.0002")
        rig.bar()
    assert rig.step.notes.get("unexplained", {}) == {}
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_fill_too_small_to_sell_is_no_position_and_no_alarm(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1, limit=49_000)
    assert rig.cycle().code == 0
    entry = next(one for one in rig.at_venue if one["side"] > 0)["id"]
    rig.do("fill", order=entry, quantity="0.00003")
    rig.do("cancel", order=entry)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.resting() == []
    rig.bar()
    rig.want(rig.btc, 0)
    done = rig.cycle()
    assert done.code == 0, done
    rig.check()
