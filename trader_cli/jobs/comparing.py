"""The account beside the desk's book: what nobody explained, and what orders of unknown fate may yet explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from trader_cli.engine.state import CASH, DUST, QUANTITY
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.reconcile import Difference, differences
from trader_cli.model.instrument import CASH_ONE, QUANTITY_ONE
from trader_cli.model.orders import Balance


def unexplained(desk: Desk, balances: Mapping[str, Balance], tolerance: Decimal) -> list[Difference]:
    """Return where the account differs from what the book and what is not ours say, by more than dust."""
    count = len(desk.scene.symbols)
    held: dict[str, int] = {desk.session.quote: int(desk.book.wallet[-1, CASH]) + desk.unallocated}
    prices: dict[str, Decimal] = {}
    for row in range(len(desk.book.position)):
        one = desk.instrument(row)
        own = int(desk.book.position[row, QUANTITY] + desk.book.position[row, DUST])
        held[one.base] = held.get(one.base, 0) + own + int(desk.noted("dust", row) or 0)
        prices[one.base] = Decimal(desk.step.marks[row % count]) / one.price_one
    book = {asset: Decimal(units) / CASH_ONE for asset, units in held.items()}
    outside = {asset: Decimal(str(amount)) for asset, amount in desk.notes.get("outside", {}).items()}
    found = differences(balances, book, outside, prices, desk.session.quote, tolerance)
    ranges = _undecided(desk, prices)
    return [one for one in found if not _within(one, ranges.get(one.asset))]


def _undecided(desk: Desk, prices: Mapping[str, Decimal]) -> dict[str, list[Decimal]]:
    """Return by asset the least and the most that orders of unknown fate may have moved, beside what is booked of them."""
    ranges: dict[str, list[Decimal]] = {}
    instruments = {one.symbol: one for one in desk.scene.instruments}
    for record in desk.ledger.orders(desk.session.run_id, open_only=True) if desk.open else ():
        ticket = record.ticket
        if ticket.symbol not in desk.open:
            continue
        one = instruments[ticket.symbol]
        base = Decimal(ticket.quantity - record.booked) / QUANTITY_ONE * ticket.side
        # Whatever it was bought or sold at, with its fee: a tenth more than the price we know.
        worth = -base * prices[one.base] * Decimal("1.1")
        for asset, amount in ((one.base, base), (one.quote, worth)):
            low_high = ranges.setdefault(asset, [Decimal(0), Decimal(0)])
            low_high[amount > 0] += amount
    return ranges


def _within(one: Difference, low_high: Sequence[Decimal] | None) -> bool:
    return low_high is not None and low_high[0] <= one.amount <= low_high[1]
