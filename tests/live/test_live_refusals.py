"""What the venue says no to (reliability.md, B1 to B15)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from trader_cli.model.orders import OrderState, Purpose

from .rig import BOTH, Rig

Open = Callable[..., Rig]


@pytest.mark.req("X9")
@pytest.mark.parametrize("venue", BOTH)
def test_b1_a_stated_silence_is_kept_by_the_runs_after_it(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("balance", kind="status", status=429, retry_after=600)
    assert rig.cycle().code == 5
    asked = len(rig.requests())
    rig.pass_ms(300_000)
    done = rig.cycle()
    assert (done.code, len(rig.requests())) == (5, asked)
    rig.pass_ms(301_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() > 0
    assert rig.do("stats")["impatient"] == 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b1_a_placement_turned_away_without_the_venues_own_words_is_unknown_until_it_may_be_asked(
    venue: str, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind="status", status=429, retry_after=600)
    done = rig.cycle()
    assert done.code == 7, done
    assert rig.orders(Purpose.ENTRY)[0].state is OrderState.UNKNOWN
    rig.pass_ms(601_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.orders(Purpose.ENTRY)[0].state is OrderState.ABSENT
    assert rig.do("stats")["impatient"] == 0
    assert len(rig.sent()) == 1
    rig.bar()
    assert rig.cycle().code == 0
    assert rig.held() > 0
    rig.check()


@pytest.mark.parametrize(
    ("venue", "values", "wait_s"),
    [
        ("binance", {"kind": "status", "status": 418, "retry_after": 300}, 300),
        ("kraken", {"kind": "error", "text": "EGeneral:Temporary lockout"}, 900),
        ("kraken", {"kind": "error", "text": "EService:Throttled: {until}"}, 200),
    ],
)
def test_b2_a_ban_is_kept_to_its_end_and_told(
    venue: str, values: dict[str, object], wait_s: int, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    if "text" in values:
        values = values | {"text": str(values["text"]).format(until=(rig.now // 1000) + wait_s)}
    rig.fault("balance", **values)
    done = rig.cycle()
    assert done.code == 5, done
    asked = len(rig.requests())
    rig.pass_ms(wait_s * 1000 - 20_000)
    assert rig.cycle().code == 5
    assert len(rig.requests()) == asked
    rig.pass_ms(21_000)
    assert rig.cycle().code == 0
    rig.check()


@pytest.mark.req("R1.2")
def test_b3_a_rate_limited_entry_is_tried_again_when_the_counter_fell_and_noted(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", text="EOrder:Rate limit exceeded")
    done = rig.cycle()
    assert done.code == 0, done
    assert [one.state for one in rig.orders(Purpose.ENTRY)] == [OrderState.REJECTED, OrderState.FILLED]
    rig.check()


@pytest.mark.req("R1.2", "R1.5")
def test_b3_an_entry_that_stays_rate_limited_is_deferred_to_the_next_cycle_and_recorded(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", text="EOrder:Rate limit exceeded", times=3)
    done = rig.cycle()
    assert done.code == 5, done
    assert len(rig.sent()) == 3
    assert "deferred" in rig.rules()
    rig.pass_ms(60_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() > 0
    rig.check()


@pytest.mark.req("R1.2")
def test_an_order_for_which_the_budget_has_no_room_is_deferred_and_never_sent_without_it(open_rig: Open) -> None:
    rig = open_rig(settings={"cycle": {"limit_s": 20}})
    rig.want(rig.btc, 1)
    rig.fill_counter(rig.btc, 70)
    done = rig.cycle(limit_s=10)
    assert done.code in (0, 5), done
    assert rig.sent() == []
    assert "deferred" in rig.rules()
    rig.pass_ms(120_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() > 0
    rig.check()


@pytest.mark.req("R1.5")
def test_entries_are_ioc_while_the_order_counter_is_above_seventy_percent(open_rig: Open) -> None:
    rig = open_rig(settings={"execution": {"order": "limit"}})
    rig.want(rig.btc, 1)
    rig.fill_counter(rig.btc, 45)
    done = rig.cycle()
    assert done.code == 0, done
    (entry,) = [one for one in rig.at_venue if one["side"] > 0]
    assert (entry["kind"], entry["tif"]) == ("limit", "ioc")
    assert Decimal(entry["price"]) == 50_150
    rig.check()


@pytest.mark.req("R1.5")
def test_entries_rest_while_the_order_counter_is_low(open_rig: Open) -> None:
    rig = open_rig(settings={"execution": {"order": "limit"}})
    rig.want(rig.btc, 1)
    rig.fill_counter(rig.btc, 20)
    assert rig.cycle().code == 0
    (entry,) = [one for one in rig.at_venue if one["side"] > 0]
    assert (entry["kind"], entry["tif"]) == ("limit", "gtc")
    rig.check()


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize(
    ("venue", "values"),
    [
        ("kraken", {"kind": "status", "status": 503}),
        ("kraken", {"kind": "error", "text": "EService:Unavailable"}),
        ("kraken", {"kind": "error", "text": "EService:Busy"}),
        ("kraken", {"kind": "error", "text": "EGeneral:Internal error"}),
        ("binance", {"kind": "status", "status": 503}),
        ("binance", {"kind": "error", "code": -1001, "text": "Internal error; unable to process your request."}),
        ("binance", {"kind": "error", "code": -1007, "text": "Timeout waiting for response from backend server."}),
    ],
)
def test_b4_a_placement_that_failed_inside_the_venue_is_found_or_proven_absent_in_the_same_cycle(
    venue: str, values: dict[str, object], acts: bool, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", acts=acts, **values)
    done = rig.cycle()
    assert done.code == (0 if acts else 5), done
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.state is (OrderState.FILLED if acts else OrderState.ABSENT)
    assert len(rig.resting()) == (1 if acts else 0)
    assert rig.cycle().code == 0
    assert len(rig.orders(Purpose.ENTRY)) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b4_a_read_that_fails_is_asked_again_by_the_next_run(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("balance", kind="status", status=503)
    assert rig.cycle().code == 5
    assert rig.sent() == []
    assert rig.cycle().code == 0
    assert rig.held() > 0
    rig.check()


@pytest.mark.parametrize("mode", ["cancel_only", "post_only", "reduce_only", "maintenance"])
def test_b5_in_a_mode_without_new_orders_none_is_placed_and_what_rests_stays(mode: str, open_rig: Open) -> None:
    rig = open_rig(symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    (stop,) = rig.resting()
    rig.do("listing", symbol=rig.btc, status=mode)
    rig.do("listing", symbol=rig.eth, status=mode)
    rig.pass_ms(25 * 3_600_000)
    rig.bar()
    rig.want(rig.eth, 1)
    sent = len(rig.sent())
    done = rig.cycle()
    assert done.code == 5, done
    assert "market_closed" in rig.rules()
    assert len(rig.sent()) == sent
    assert [one["id"] for one in rig.resting()] == [stop["id"]]
    rig.check()


@pytest.mark.parametrize(("mode", "sold"), [("cancel_only", False), ("post_only", False), ("reduce_only", True)])
def test_b5_a_market_that_takes_no_sale_keeps_its_stop_and_one_that_only_reduces_sells(
    mode: str, sold: bool, open_rig: Open
) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    (stop,) = rig.resting()
    rig.do("listing", symbol=rig.btc, status=mode)
    rig.pass_ms(25 * 3_600_000)
    rig.bar()
    rig.want(rig.btc, 0)
    done = rig.cycle()
    assert done.code == (0 if sold else 5), done
    if sold:
        assert (rig.held(), rig.resting()) == (0, [])
    else:
        assert [one["id"] for one in rig.resting()] == [stop["id"]]
        assert str(rig.held()) in done.message
    rig.check()


def test_b5_a_mode_the_kept_rules_know_nothing_of_is_the_venues_to_refuse(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.do("set", mode="cancel_only")
    done = rig.cycle()
    assert done.code == 5, done
    assert len(rig.sent()) == 1
    assert rig.orders(Purpose.ENTRY)[0].state is OrderState.REJECTED
    rig.do("set", mode="online")
    rig.bar()
    assert rig.cycle().code == 0
    assert rig.held() > 0
    rig.check()


def test_b6_an_order_that_came_after_its_deadline_is_refused_after_one_look(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", text="EService:Deadline elapsed")
    done = rig.cycle()
    assert done.code == 5, done
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.state is OrderState.REJECTED
    by_id = [row for row in rig.requests("Orders") if row["params"].get("cl_ord_id") == entry.ticket.client_id]
    assert len(by_id) == 2
    assert len(rig.sent()) == 1
    rig.check()


def test_b6_an_order_the_venue_took_all_the_same_is_adopted(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", text="EService:Deadline elapsed", acts=True)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.orders(Purpose.ENTRY)[0].state is OrderState.FILLED
    rig.check()


@pytest.mark.parametrize(
    ("venue", "values"),
    [
        ("kraken", {"text": "EOrder:Duplicate cl_ord_id"}),
        ("binance", {"code": -2010, "text": "Duplicate order sent."}),
    ],
)
def test_a14_an_id_the_venue_has_already_is_looked_up_and_adopted(
    venue: str, values: dict[str, object], open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", acts=True, **values)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one.state for one in rig.orders(Purpose.ENTRY)] == [OrderState.FILLED]
    assert len(rig.sent()) == 2
    rig.check()


@pytest.mark.parametrize(
    ("venue", "values"),
    [
        ("kraken", {"text": "EAPI:Invalid nonce"}),
        ("binance", {"code": -1021, "text": "Timestamp for this request is outside of the recvWindow."}),
    ],
)
def test_b7_after_a_clock_error_the_clock_is_asked_and_the_same_order_sent_once_more(
    venue: str, values: dict[str, object], open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", **values)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one.state for one in rig.orders(Purpose.ENTRY)] == [OrderState.FILLED]
    ids = [row["params"].get("cl_ord_id") or row["params"].get("newClientOrderId") for row in rig.sent()]
    assert ids[0] == ids[1]
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b7_a_clock_error_that_stays_is_tried_twice_and_no_more(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    values = {"text": "EAPI:Invalid nonce"} if venue == "kraken" else {"code": -1021, "text": "Timestamp"}
    rig.fault("place", kind="error", times=0, **values)
    assert rig.cycle().code == 5
    assert len(rig.sent()) == 2
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
@pytest.mark.parametrize("off_ms", [30_000, -30_000])
def test_b7_a_clock_too_far_off_places_nothing(venue: str, off_ms: int, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.pass_ms(60_000)
    rig.off_ms = off_ms
    if off_ms < 0:
        rig.pass_ms(30_000)
    done = rig.cycle()
    assert done.code == 6, done
    assert "clock" in done.message
    assert rig.sent() == []


@pytest.mark.parametrize("venue", BOTH)
def test_b8_a_revoked_key_halts_and_is_not_tried_again(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.do("key", revoked=True)
    done = rig.cycle()
    assert done.code == 6, done
    assert "all" in rig.ledger.halted()
    private = [row for row in rig.requests() if row["errors"]]
    assert len(private) == 1
    rig.pass_ms(60_000)
    assert rig.cycle().code == 6
    assert len([row for row in rig.requests() if row["errors"]]) == 1
    rig.do("key", revoked=False)
    rig.ledger.resume(rig.now, "all", "the key works again")
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() > 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b8_a_key_that_may_not_trade_halts_at_the_first_order(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.do("key", permissions=["query"])
    done = rig.cycle()
    assert done.code == 6, done
    assert len(rig.sent()) == 1
    assert "all" in rig.ledger.halted()
    rig.check()


@pytest.mark.req("R1.4")
@pytest.mark.parametrize(
    ("venue", "values"),
    [
        ("kraken", {"text": "EOrder:Cost minimum not met"}),
        ("binance", {"code": -1013, "text": "Filter failure: NOTIONAL"}),
    ],
)
def test_b9_a_minimum_that_was_refused_is_learned_and_used_from_the_next_run_on(
    venue: str, values: dict[str, object], open_rig: Open
) -> None:
    rig = open_rig(venue, settings={"sizing": {"notional": "20"}, "risk": {"raise_to_minimum": "1.1"}})
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", **values)
    done = rig.cycle()
    assert done.code == 5, done
    learned = rig.ledger.learned_minimums(venue)[rig.btc]
    assert 19 < learned < 21
    rig.bar()
    done = rig.cycle()
    assert done.code == 0, done
    bought = Decimal(rig.orders(Purpose.ENTRY)[-1].ticket.quantity) / 10**8 * 50_000
    assert learned * Decimal("1.05") < bought < learned * Decimal("1.13")
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b9_what_is_too_small_is_refused_here_and_never_sent(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, settings={"sizing": {"notional": "1"}})
    rig.want(rig.btc, 1)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.sent() == []
    assert "below_minimum" in rig.rules()


@pytest.mark.parametrize("venue", BOTH)
def test_b10_amounts_and_prices_are_on_the_venues_steps(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("ETH",), settings={"execution": {"order": "limit"}, "sizing": {"notional": "777"}})
    rig.bar("2511.37", symbol=rig.eth)
    rig.want(rig.eth, 1)
    assert rig.cycle().code == 0
    for row in rig.requests():
        assert row["errors"] == [], row
    rig.check()


@pytest.mark.parametrize(
    ("venue", "values"),
    [
        ("kraken", {"text": "EOrder:Insufficient funds"}),
        ("binance", {"code": -2010, "text": "Account has insufficient balance for requested action."}),
        ("kraken", {"text": "EOrder:Orders limit exceeded"}),
        ("binance", {"code": -1013, "text": "Filter failure: MAX_NUM_ORDERS"}),
    ],
)
def test_b11_b15_an_entry_without_funds_or_room_is_refused_once_and_asked_for_by_the_next_bar(
    venue: str, values: dict[str, object], open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind="error", **values)
    done = rig.cycle()
    assert done.code == 5, done
    assert len(rig.sent()) == 1
    assert rig.cycle().code == 0
    assert len(rig.sent()) == 1
    rig.bar()
    assert rig.cycle().code == 0
    assert rig.held() > 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b12_a_market_that_is_gone_is_told_loudly_and_the_others_go_on(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("listing", symbol=rig.btc, status="delisted")
    rig.pass_ms(25 * 3_600_000)
    rig.bar()
    rig.want(rig.btc, 0)
    rig.want(rig.eth, 1)
    done = rig.cycle()
    assert done.code == 5, done
    assert str(rig.held().normalize()) in done.message
    assert rig.held(rig.eth) > 0
    assert len(rig.resting(rig.eth)) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_b14_a_stop_the_market_passed_before_it_was_placed_is_a_sale_at_once(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("order", nth=1, after=[{"op": "price", "symbol": rig.btc, "price": "47000"}])
    done = rig.cycle()
    assert done.code == 6, done
    assert rig.held() < Decimal("0.0001")
    assert "emergency_exit" in rig.rules()
    assert rig.resting() == []
    rig.check()


def test_d5_nothing_is_sent_where_the_book_is_far_from_the_close(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.do("price", symbol=rig.btc, price="500000")
    done = rig.cycle()
    assert done.code == 6, done
    assert rig.sent() == []
    assert "price_band" in rig.rules()


@pytest.mark.parametrize(
    ("bids", "asks"),
    [([], [["50000", "1"]]), ([["49999", "1"]], []), ([], []), ([["50001", "1"]], [["50000", "1"]])],
)
def test_d6_nothing_is_sent_into_a_book_without_a_price(
    bids: list[list[str]], asks: list[list[str]], open_rig: Open
) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    rig.do("book", symbol=rig.btc, bids=bids, asks=asks)
    done = rig.cycle()
    assert done.code == 5, done
    assert rig.sent() == []
    assert "no_quote" in rig.rules()
