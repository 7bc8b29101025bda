"""Reconciliation: what the account has beside the book, what is dust, and what somebody's word makes of the rest (C14)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.errors import UsageError
from trader_cli.jobs.reconcile import ADOPT, WRITE_OFF, adjustments, chosen, compare, differences, explanations
from trader_cli.model.orders import Balance, OrderState, Purpose, Ticket, TicketKind, VenueOrder, client_id_of
from trader_cli.model.session import OrderRecord

D = Decimal
PRICES = {"BTC": D(20_000)}


def account(**assets: str) -> dict[str, Balance]:
    return {name: Balance(D(text), D(text)) for name, text in assets.items()}


def found(
    balances: dict[str, Balance], book: dict[str, str], outside: dict[str, str] | None = None
) -> dict[str, Decimal]:
    ours = {name: D(text) for name, text in book.items()}
    theirs = {name: D(text) for name, text in (outside or {}).items()}
    return {one.asset: one.amount for one in differences(balances, ours, theirs, PRICES, "USD", D("0.5"))}


def test_what_book_and_outside_explain_is_no_difference() -> None:
    assert found(account(USD="100", BTC="1.5", DOGE="7"), {"USD": "100", "BTC": "0.5"}, {"BTC": "1", "DOGE": "7"}) == {}


@pytest.mark.parametrize(
    ("there", "amount"),
    [
        # 0.5 quote is the tolerance: at 20,000 a coin that is 0.000025 BTC.
        ({"BTC": "0.500025", "USD": "100"}, {}),
        ({"BTC": "0.49997500", "USD": "100"}, {}),
        ({"BTC": "0.50002501", "USD": "100"}, {"BTC": D("0.00002501")}),
        ({"BTC": "0.5", "USD": "99.5"}, {}),
        ({"BTC": "0.5", "USD": "99.49"}, {"USD": D("-0.51")}),
        ({"BTC": "0.4", "USD": "2100"}, {"USD": D(2000), "BTC": D("-0.1")}),
        # What the venue does not list is not there.
        ({"USD": "100"}, {"BTC": D("-0.5")}),
    ],
)
def test_more_than_dust_is_a_difference_with_its_sign(there: dict[str, str], amount: dict[str, Decimal]) -> None:
    assert found(account(**there), {"USD": "100", "BTC": "0.5"}) == amount


def test_what_the_session_does_not_trade_is_shown_and_stops_nothing() -> None:
    balances = account(USD="100", DOGE="7")
    assert found(balances, {"USD": "100"}) == {}
    rows = {one.asset: one for one in compare(balances, {"USD": D(100)}, {}, PRICES, "USD", D("0.5"))}
    assert rows["DOGE"].amount == 7
    assert rows["DOGE"].worth is None
    assert not rows["DOGE"].is_traded
    assert not rows["DOGE"].is_alarm


def test_without_a_price_nothing_but_nothing_is_dust() -> None:
    (row,) = [
        one for one in compare(account(ETH="0.00000001"), {"ETH": D(0)}, {}, {}, "USD", D("0.5")) if one.asset == "ETH"
    ]
    assert row.is_alarm
    assert row.worth is None


@given(
    st.dictionaries(
        st.sampled_from(["USD", "BTC", "ETH"]),
        st.tuples(*[st.decimals("0", "1e6", places=8)] * 3),
        min_size=1,
    )
)
def test_every_amount_is_what_the_venue_has_over_book_and_outside(
    rows: dict[str, tuple[Decimal, Decimal, Decimal]],
) -> None:
    balances = {name: Balance(row[0], row[0]) for name, row in rows.items()}
    book, outside = ({name: row[i] for name, row in rows.items()} for i in (1, 2))
    told = compare(balances, book, outside, PRICES, "USD", D("0.5"))
    assert {one.asset for one in told} == {*rows, "USD"}
    for one in told:
        venue, ours, theirs = rows.get(one.asset, (D(0), D(0), D(0)))
        assert one.amount + ours + theirs == venue


# What somebody's word makes of it


BOOK = {"USD": D(100), "BTC": D("0.5")}
ALL = compare(account(USD="150", BTC="0.4", DOGE="7"), BOOK, {}, PRICES, "USD", D("0.5"))


def test_a_word_on_everything_settles_what_stops_orders_and_leaves_the_rest() -> None:
    made = adjustments(chosen(ALL, None), ADOPT, "moved by hand", None, ["main"])
    assert [(one.asset, one.amount, one.kind, one.wallet, one.reason) for one in made] == [
        ("USD", "50", "adopt", "main", "moved by hand"),
        ("BTC", "-0.1", "adopt", "main", "moved by hand"),
    ]


def test_a_word_on_one_asset_settles_that_one_traded_or_not() -> None:
    (made,) = adjustments(chosen(ALL, "DOGE"), WRITE_OFF, "airdrop", None, ["main"])
    assert (made.asset, made.amount, made.kind) == ("DOGE", "7", "write_off")
    with pytest.raises(UsageError, match="the session does not trade `DOGE`, so it cannot be its own"):
        adjustments(chosen(ALL, "DOGE"), ADOPT, "airdrop", None, ["main"])


def test_an_amount_is_written_out_whatever_its_size() -> None:
    rows = compare(account(USD="100", BTC="1000.5"), BOOK, {}, PRICES, "USD", D("0.5"))
    assert [one.amount for one in adjustments(chosen(rows, None), ADOPT, "deposit", None, ["main"])] == ["1000"]


def test_nothing_to_settle_and_nobody_to_settle_it_for_are_said() -> None:
    with pytest.raises(UsageError, match="neither the account nor the book has `XRP`"):
        chosen(ALL, "XRP")
    with pytest.raises(UsageError, match="nothing differs, so there is nothing to settle"):
        chosen(compare(account(USD="100", BTC="0.5"), BOOK, {}, PRICES, "USD", D("0.5")), None)
    with pytest.raises(UsageError, match="nothing differs in `USD`"):
        chosen(compare(account(USD="100", BTC="0.5"), BOOK, {}, PRICES, "USD", D("0.5")), "USD")
    with pytest.raises(UsageError, match="the session has the wallets `a`, `b`"):
        adjustments(chosen(ALL, None), ADOPT, "x", None, ["a", "b"])
    with pytest.raises(UsageError, match="the session has no wallet `c`"):
        adjustments(chosen(ALL, None), ADOPT, "x", "c", ["a", "b"])
    assert adjustments(chosen(ALL, "USD"), ADOPT, "x", "b", ["a", "b"])[0].wallet == "b"


# What could explain it


def record(state: OrderState, filled: int, booked: int, symbol: str = "BTC/USD") -> OrderRecord:
    ticket = Ticket(
        key="k", client_id=client_id_of("k"), run_id="r", wallet="main", symbol=symbol, side=1, kind=TicketKind.LIMIT,
        purpose=Purpose.ENTRY, reason=0, quantity=10**8, price=1, trigger=0, price_decimals=8, arrival=1, bar_ms=0,
        created_ms=0, deadline_ms=1,
    )  # fmt: skip
    return OrderRecord(ticket, state, "V1", filled, booked, ())


def order(client_id: str, symbol: str = "BTC/USD") -> VenueOrder:
    return VenueOrder("O-1", client_id, symbol, 1, "open", D("0.3"), D("0.1"), D(1), D(0), 0)


def explained(asset: str, orders: list[VenueOrder], records: list[OrderRecord]) -> str:
    (one,) = [each for each in ALL if each.asset == asset]
    return "\n".join(explanations(one, orders, records, {client_id_of("k")}))


def test_orders_of_ours_that_are_not_booked_to_the_end_explain_first() -> None:
    assert "filled 0.25 that are not booked yet" in explained(
        "BTC", [], [record(OrderState.FILLED, 50_000_000, 25_000_000)]
    )
    assert "has a fate that is not known yet" in explained("USD", [], [record(OrderState.UNKNOWN, 0, 0)])
    assert "nothing we can see" in explained("BTC", [], [record(OrderState.UNKNOWN, 0, 0, "ETH/EUR")])
    assert "nothing we can see" in explained("BTC", [], [record(OrderState.OPEN, 0, 0)])


def test_an_open_order_of_somebody_else_and_one_with_our_mark_are_told_apart() -> None:
    assert "an order that is not ours is open: O-1, 0.3 BTC/USD, 0.1 of it filled" in explained("BTC", [order("")], [])
    assert "an order with our mark that the ledger does not know" in explained("BTC", [order(client_id_of("lost"))], [])
    assert "nothing we can see" in explained("BTC", [order(client_id_of("k")), order("", "ETH/EUR")], [])


def test_what_nothing_explains_is_guessed_by_its_sign() -> None:
    assert "a deposit, a trade by hand or a reward" in explained("USD", [], [])
    assert "a withdrawal, a trade by hand or a fee" in explained("BTC", [], [])
    assert explained("DOGE", [], []) == "nothing we can see: a deposit or a reward"
