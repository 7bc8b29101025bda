"""The doctor's tiny order: what it is, and what each of the venue's words on it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from trader_cli.jobs.trial import check_trading, tiny
from trader_cli.model.orders import Answer, MarketRules, OrderState, Quote, Resolution, Ticket, TicketKind

NOW = 1_790_000_000_000
QUOTE = Quote(Decimal("49999.9"), Decimal("50000.1"), NOW)


def rules(**changed: str) -> MarketRules:
    stated = {"tick": "0.1", "lot": "0.00001", "min_quantity": "0.00005", "min_notional": "5"} | changed
    return MarketRules("BTC/USD", **{name: Decimal(text) for name, text in stated.items()})


@dataclass
class Judging:
    """A venue with one answer to every order."""

    answer: Answer
    id: str = "kraken"
    asked: list[Ticket] = field(default_factory=list)

    def now_ms(self) -> int:
        return NOW

    def price(self, symbol: str) -> Quote:
        return QUOTE

    def check(self, ticket: Ticket) -> Answer:
        self.asked.append(ticket)
        return self.answer


def test_the_order_is_the_smallest_that_fits_at_half_the_bid() -> None:
    ticket = tiny(rules(), QUOTE, NOW, 5_000)
    # Half of 49,999.9 is 24,999.95, a tick below 24,999.9; 5.5 / 24,999.9 = 0.000220..., whole lots above: 0.00023.
    assert (ticket.kind, ticket.side, ticket.price, ticket.price_decimals) == (TicketKind.LIMIT, 1, 249_999, 1)
    assert ticket.quantity == 23_000
    assert ticket.deadline_ms == NOW + 5_000


def test_the_venues_smallest_quantity_counts_where_it_is_the_larger() -> None:
    assert tiny(rules(min_quantity="0.01"), QUOTE, NOW, 5_000).quantity == 1_000_000


@pytest.mark.parametrize(
    ("answer", "status", "exit_code", "word"),
    [
        (Answer(OrderState.OPEN), "ok", 0, "the key may trade: `kraken` would take an order to buy 0.00023 BTC/USD"),
        (Answer(OrderState.REJECTED, "", "no", "insufficient_funds", Resolution.SKIP_SYMBOL), "warn", 0, "cannot pay"),
        (Answer(OrderState.REJECTED, "", "denied", "permission", Resolution.HALT_ALL), "fail", 5, "denied"),
        (Answer(OrderState.REJECTED, "", "small", "below_minimum", Resolution.SKIP_SYMBOL), "fail", 5, "small"),
        (Answer(OrderState.REJECTED, "", "later", "budget", Resolution.WAIT), "warn", 0, "not known"),
        (Answer(OrderState.UNKNOWN, "", "no answer", "timeout"), "warn", 0, "not known"),
    ],
)
def test_each_word_of_the_venue_has_its_check(answer: Answer, status: str, exit_code: int, word: str) -> None:
    (found,) = check_trading(Judging(answer), rules(), 5_000)
    assert (found.area, found.status, found.exit_code) == ("trading", status, exit_code)
    assert word in found.sentence
    assert bool(found.cures) is (status != "ok")


def test_a_missing_permission_has_a_cure_that_never_asks_for_withdrawals() -> None:
    denied = Answer(OrderState.REJECTED, "", "denied", "permission", Resolution.HALT_ALL)
    (found,) = check_trading(Judging(denied), rules(), 5_000)
    assert found.cures == ("give the key the permission to trade, and never the one to withdraw",)
