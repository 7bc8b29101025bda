"""The broker of live trading: recover, settle, reconcile, place and protect, in this order, each part beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np

from trader_cli.engine.late import STOP_RESTS, TARGET_RESTS, find_late
from trader_cli.engine.state import CASH, DUST, QUANTITY
from trader_cli.errors import RiskError, UnresolvedError
from trader_cli.jobs.desk import Desk, commit, is_changed
from trader_cli.jobs.placing import enter, leave, planned
from trader_cli.jobs.plan import Request
from trader_cli.jobs.ports import TradeLedger, Venue
from trader_cli.jobs.protection import protect, resting
from trader_cli.jobs.reconcile import Difference, differences
from trader_cli.jobs.venue_orders import Accounts, Terms, cancel, follow, look_at, recover
from trader_cli.model.instrument import CASH_ONE, Instrument
from trader_cli.model.orders import Balance, Purpose
from trader_cli.model.session import Session


class VenueBroker:
    """Trades a session on one account of a venue. left_ms: what is left of this cycle's time. dry: nothing is sent."""

    mode = "live"
    watched = True

    def __init__(
        self,
        venue: Venue,
        terms: Terms,
        sleep: Callable[[float], None],
        left_ms: Callable[[], int],
        *,
        dry: bool = False,
    ) -> None:
        self.dry = dry
        self.exchange = venue.id
        self.account = venue.account
        self.at = Accounts(venue, terms, sleep, left_ms)
        self.questions: dict[str, str] = {}
        self.absent: set[str] = set()
        self.stopped = ""
        self.balances: Mapping[str, Balance] = {}

    def opening(self, request: Request, instruments: Sequence[Instrument]) -> Mapping[str, str]:
        """Return what lies on the account beside the request's cash. Raises RiskError where that much is not there."""
        quote = instruments[0].quote
        balances = self.at.venue.balances()
        cash = Decimal(request.cash) / CASH_ONE
        there = balances.get(quote, Balance(Decimal(0), Decimal(0)))
        if there.free < cash:
            raise RiskError(
                f"the account has {there.free} {quote} free, the configuration wants to trade with {cash}",
                "lower `account.cash`, or move money there",
            )
        outside = {one.base: balances[one.base].total if one.base in balances else Decimal(0) for one in instruments}
        return {asset: str(total) for asset, total in {**outside, quote: there.total - cash}.items()}

    def recover(self, session: Session, ledger: TradeLedger) -> None:
        """Ask for every order whose fate is open."""
        if self.dry:
            return
        done = recover(self.at, session, ledger)
        self.questions, self.absent = done.questions, done.absent

    def settle(self, desk: Desk) -> int:
        """Book what the venue did since; nothing is left for a simulated market."""
        desk.blocked.update(self.questions)
        for text in self.questions.values():
            desk.fails(UnresolvedError.exit_code, text)
        records = [
            one for one in desk.ledger.orders(desk.session.run_id, open_only=True) if not one.state.is_unresolved
        ]
        listed = self.at.venue.open_orders()
        by_id = {one.venue_id: one for one in listed}
        new_bar = desk.bar_ms > desk.step.bar_ms
        for record in records:
            order = by_id.get(record.venue_id)
            if order is None:
                order = look_at(self.at, record)
            if order is None:
                text = f"the venue does not show order {record.ticket.client_id} that it accepted"
                desk.blocked[record.ticket.symbol] = text
                desk.fails(UnresolvedError.exit_code, text)
                continue
            state = follow(self.at, desk, record, order)
            if new_bar and not self.dry and not state.is_final and record.ticket.purpose is Purpose.ENTRY:
                # An entry that the bar did not reach: the decision that follows renews it, or lets it go.
                cancel(self.at, desk, record)
        self._foreign(desk, {one.client_id for one in listed if one.is_ours})
        if new_bar:
            self._late(desk)
        return desk.bar + 1

    def _foreign(self, desk: Desk, ours: set[str]) -> None:
        """Stop everything where the venue works on an order of ours that the ledger never heard of (E8)."""
        known = {one.ticket.client_id for one in desk.ledger.orders(desk.session.run_id)} if ours else set()
        lost = sorted(ours - known)
        if lost:
            self.stopped = f"the venue works on order {lost[0]} of ours that this ledger does not know"
            desk.fails(RiskError.exit_code, f"{self.stopped}; is the ledger an old copy?")

    def _late(self, desk: Desk) -> None:
        """Let the exit coordinator know of levels that were reached and that nothing at the venue holds."""
        guarded = np.zeros(len(desk.book.position), np.int64)
        for row in np.flatnonzero(desk.book.position[:, QUANTITY]).tolist():
            for record in resting(desk, row):
                guarded[row] |= STOP_RESTS if record.ticket.purpose is Purpose.STOP else TARGET_RESTS
        first = int(np.searchsorted(desk.scene.open_ms, desk.step.bar_ms, side="right"))
        scene = desk.scene
        for bar in range(max(first, desk.bar) if desk.step.bar_ms < 0 else first, desk.bar + 1):
            find_late(bar, scene.market, desk.book, scene.numbers, scene.steps, guarded)

    def reconcile(self, desk: Desk) -> None:
        """Compare the account with the book; a difference nobody explained stops new entries."""
        self.balances = self.at.venue.balances()
        self._first_seen(desk)
        found = unexplained(desk, self.balances, self.at.terms.tolerance)
        if not found:
            desk.notes["unexplained"] = {}
            return
        # A fill between two questions looks like one: asked once more before anybody is alarmed.
        for record in desk.ledger.orders(desk.session.run_id, open_only=True):
            if not record.state.is_unresolved and (order := look_at(self.at, record)) is not None:
                follow(self.at, desk, record, order)
        if is_changed(desk):
            commit(desk, self.at.venue.now_ms(), desk.step.bar_ms)
        self.balances = self.at.venue.balances()
        found = unexplained(desk, self.balances, self.at.terms.tolerance)
        desk.notes["unexplained"] = {one.asset: str(one.amount) for one in found}
        if found:
            one = found[0]
            self.stopped = f"the account has {one.amount:+} {one.asset} that nobody explained"
            desk.fails(
                RiskError.exit_code, f"{self.stopped}; `trader ledger reconcile --explain` shows what could explain it"
            )

    def _first_seen(self, desk: Desk) -> None:
        """Take what lies there of an asset this session never looked at as not ours."""
        outside = desk.notes.setdefault("outside", {})
        for one in desk.scene.instruments:
            if one.base not in outside:
                there = self.balances.get(one.base)
                outside[one.base] = str(there.total) if there is not None else "0"
                desk.noted_anew = True

    def place(self, desk: Desk) -> None:
        """Send exits, then entries, then let protection rest; what fills at once is booked before the next is sent.

        A dry run sends none of it.
        """
        if self.dry:
            return
        desk.blocked.update(dict.fromkeys(self.absent, "an order there never reached the venue"))
        for row in planned(desk, -1):
            leave(self.at, desk, row, resting(desk, row))
            self._keep(desk)
        entries = planned(desk, 1)
        if entries:
            self.balances = self.at.venue.balances()
        free = self._free()
        for row in entries:
            enter(self.at, desk, row, free, self.stopped)
            self._keep(desk)
        protect(self.at, desk)
        self._keep(desk)

    def _free(self) -> dict[str, Decimal]:
        return {asset: one.free for asset, one in self.balances.items()}

    def _keep(self, desk: Desk) -> None:
        if is_changed(desk):
            commit(desk, self.at.venue.now_ms(), desk.step.bar_ms)


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
    return differences(balances, book, outside, prices, desk.session.quote, tolerance)
