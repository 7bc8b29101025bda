"""Execution analytics: what orders cost, how many filled, how fast; every number worked by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, VenueTrade, client_id_of
from trader_cli.model.session import OrderEvent, OrderRecord
from trader_cli.stats.execution import Sent, analytics, figures, order_figures, rank, reference

ONE = 10**8
CREATED = 1_000_000


def ticket(
    name: str = "a",
    side: int = 1,
    kind: TicketKind = TicketKind.LIMIT,
    purpose: Purpose = Purpose.ENTRY,
    symbol: str = "BTC/USD",
    price: int = 101 * ONE,
    trigger: int = 0,
) -> Ticket:
    return Ticket(
        key=name, client_id=client_id_of(name), run_id="r", wallet="main", symbol=symbol, side=side, kind=kind,
        purpose=purpose, reason=0, quantity=2 * ONE, price=price, trigger=trigger, price_decimals=8, arrival=100 * ONE,
        bar_ms=0, created_ms=CREATED, deadline_ms=CREATED + 5000,
    )  # fmt: skip


def trade(
    quantity: str, price: str, fee: str = "0", asset: str = "USD", after: int = 300, symbol: str = "BTC/USD"
) -> VenueTrade:
    cost = Decimal(quantity) * Decimal(price)
    return VenueTrade(
        f"t{after}", "v", symbol, 1, Decimal(quantity), Decimal(price), cost, Decimal(fee), asset, CREATED + after, None
    )


def sent(
    asked: Ticket,
    state: OrderState,
    *trades: VenueTrade,
    acked: int | None = 100,
    message: str = "",
    strategy: str = "momentum",
) -> Sent:
    filled = int(sum(one.quantity for one in trades) * ONE)
    events = [OrderEvent(asked.client_id, CREATED, OrderState.SENDING, "", 0, "")]
    if acked is not None:
        events.append(OrderEvent(asked.client_id, CREATED + acked, OrderState.OPEN, "v", 0, ""))
    events.append(OrderEvent(asked.client_id, CREATED + 9000, state, "v", filled, message))
    return Sent(OrderRecord(asked, state, "v", filled, filled, tuple(events)), trades, strategy)


@pytest.mark.req("R2.9")
def test_a_purchase_above_the_price_at_the_decision_slipped_against_us() -> None:
    """1 at 100.5 and 1 at 101.5: 101 on average where 100 was expected, 100 bps."""
    known = order_figures(sent(ticket(), OrderState.FILLED, trade("1", "100.5"), trade("1", "101.5", after=900)))
    assert known.average == 101.0
    assert known.slippage_bps == 100.0
    assert (known.quantity, known.notional) == (Decimal(2), Decimal(202))
    assert (known.accepted_ms, known.filled_ms) == (100.0, 300.0)


def test_a_sale_above_the_price_at_the_decision_slipped_for_us() -> None:
    known = order_figures(sent(ticket(side=-1, purpose=Purpose.EXIT), OrderState.FILLED, trade("2", "100.5")))
    assert known.slippage_bps == -50.0


def test_an_order_that_did_not_fill_has_no_average_and_no_slippage() -> None:
    known = order_figures(sent(ticket(), OrderState.CANCELLED))
    assert math.isnan(known.average)
    assert math.isnan(known.slippage_bps)
    assert math.isnan(known.filled_ms)
    assert known.accepted_ms == 100.0


def test_a_stop_is_held_against_its_trigger_and_a_target_against_its_limit() -> None:
    stop = ticket("s", -1, TicketKind.STOP, Purpose.STOP, price=0, trigger=95 * ONE)
    target = ticket("t", -1, TicketKind.LIMIT, Purpose.TARGET, price=110 * ONE)
    assert (reference(stop), reference(target)) == (Decimal(95), Decimal(110))
    # 94.05 where 95 was to be had: 1 % of it
    assert order_figures(sent(stop, OrderState.FILLED, trade("2", "94.05"))).slippage_bps == pytest.approx(100.0)


def test_slippage_of_many_orders_is_weighted_by_money_and_exact() -> None:
    """2 at 101 (2 over) and 0.5 at 100.4 (0.2 over): 2.2 over 250 expected is 88 bps."""
    whole = figures(
        [
            sent(ticket("a"), OrderState.FILLED, trade("2", "101")),
            sent(ticket("b"), OrderState.CANCELLED, trade("0.5", "100.4")),
        ]
    )
    assert (whole.shortfall, whole.expected) == (Decimal("2.2"), Decimal(250))
    assert whole.slippage_bps == 88.0
    assert whole.notional == Decimal("252.2")
    assert whole.partial == 1


def test_success_counts_orders_that_ended_and_were_at_the_venue() -> None:
    """Four count: two filled (one in part), one cancelled, one rejected; the rest is unknown, absent or not over."""
    each = [
        sent(ticket("a"), OrderState.FILLED, trade("2", "100")),
        sent(ticket("b"), OrderState.CANCELLED, trade("1", "100")),
        sent(ticket("c"), OrderState.CANCELLED),
        sent(ticket("d"), OrderState.REJECTED, acked=None, message="below_minimum: EOrder:cost minimum 5"),
        sent(ticket("e"), OrderState.ABSENT, acked=None),
        sent(ticket("f"), OrderState.UNKNOWN, acked=None),
        sent(ticket("g"), OrderState.OPEN),
    ]
    whole = figures(each)
    assert (whole.orders, whole.ended, whole.succeeded, whole.success_pct) == (7, 4, 2, 50.0)
    assert (whole.unresolved, whole.working, whole.rejected, whole.absent, whole.partial) == (1, 1, 1, 1, 1)


def test_a_stop_that_was_withdrawn_is_no_failure_and_one_that_was_refused_is() -> None:
    asked = [ticket(name, -1, TicketKind.STOP, Purpose.STOP, price=0, trigger=95 * ONE) for name in "abc"]
    each = [
        sent(asked[0], OrderState.CANCELLED),
        sent(asked[1], OrderState.REJECTED, acked=None),
        sent(asked[2], OrderState.FILLED, trade("2", "95", after=86_400_000)),
    ]
    known = analytics(each)
    assert (known.total.ended, known.total.succeeded) == (2, 1)
    # what rested for a day was not slow
    assert math.isnan(known.total.filled_median_ms)
    assert known.wished.orders == 0
    assert math.isnan(known.wished.success_pct)


def test_fees_are_summed_by_asset_and_reckoned_in_bps_where_they_have_a_price() -> None:
    """0.2 USD on 200 and 0.001 BTC at 100 (0.1 USD) on 100: 0.3 on 300 is 10 bps; BNB has no price here."""
    each = sent(
        ticket(),
        OrderState.FILLED,
        trade("2", "100", "0.2"),
        trade("1", "100", "0.001", "BTC"),
        trade("1", "100", "0.0001", "BNB"),
    )
    known = figures([each])
    assert known.fees == {"BNB": Decimal("0.0001"), "BTC": Decimal("0.001"), "USD": Decimal("0.2")}
    assert known.fee_bps == 10.0


def test_without_any_fill_there_is_no_rate_of_fees() -> None:
    known = figures([sent(ticket(), OrderState.CANCELLED)])
    assert math.isnan(known.fee_bps)
    assert known.fees == {}


def test_refusals_are_counted_by_the_row_of_the_error_table_and_else_by_their_words() -> None:
    each = [
        sent(ticket("a"), OrderState.REJECTED, acked=None, message="below_minimum: costs 4.99"),
        sent(ticket("b"), OrderState.REJECTED, acked=None, message="below_minimum: costs 4.12"),
        sent(ticket("c"), OrderState.REJECTED, acked=None, message="Order 17 was not taken"),
        sent(ticket("d"), OrderState.REJECTED, acked=None, message="Order 18 was not taken"),
        sent(ticket("e"), OrderState.REJECTED, acked=None),
    ]
    known = analytics(each).rejections
    assert known == {"Order # was not taken": 2, "below_minimum": 2, "no reason given": 1}


def test_figures_stand_per_strategy_symbol_and_kind() -> None:
    each = [
        sent(ticket("a"), OrderState.FILLED, trade("2", "101"), strategy="momentum"),
        sent(ticket("b", symbol="ETH/USD", kind=TicketKind.MARKET), OrderState.FILLED,
             trade("2", "99", symbol="ETH/USD"), strategy="grid"),
    ]  # fmt: skip
    known = analytics(each)
    assert {name: one.slippage_bps for name, one in known.by_strategy.items()} == {"grid": -100.0, "momentum": 100.0}
    assert list(known.by_symbol) == ["BTC/USD", "ETH/USD"]
    assert list(known.by_kind) == ["limit", "market"]
    assert known.total.slippage_bps == 0.0


def test_ranks_are_the_nearest_ones() -> None:
    values = [float(value) for value in (40, 10, 30, 20)]
    assert (rank(values, 50), rank(values, 95), rank(values, 75)) == (20.0, 40.0, 30.0)
    assert rank([math.nan, 7.0], 50) == 7.0
    assert math.isnan(rank([math.nan], 50))


@given(st.lists(st.tuples(st.integers(1, 10**15), st.integers(1, 10**15)), min_size=1, max_size=20))
def test_parts_add_up_to_the_whole_to_the_last_digit(amounts: list[tuple[int, int]]) -> None:
    each = [
        sent(ticket(f"{i}", symbol=("A/USD", "B/USD")[i % 2]), OrderState.FILLED,
             trade(f"{Decimal(quantity).scaleb(-8):f}", f"{Decimal(price).scaleb(-8):f}"))
        for i, (quantity, price) in enumerate(amounts)
    ]  # fmt: skip
    known = analytics(each)
    assert known.total.shortfall == sum(one.shortfall for one in known.by_symbol.values())
    units = sum(quantity * (price - 100 * ONE) for quantity, price in amounts)
    assert known.total.shortfall == Decimal(units).scaleb(-16)
