"""The broker of live trading: recover, settle, reconcile, place and protect, in this order, each part beside this file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np

from trader_cli.engine.late import STOP_RESTS, TARGET_RESTS, find_late
from trader_cli.engine.settle import order_exit
from trader_cli.engine.state import CLOSING, QUANTITY
from trader_cli.errors import RiskError, TimeUpError, VenueError
from trader_cli.jobs.comparing import unexplained
from trader_cli.jobs.desk import Desk, commit, is_changed
from trader_cli.jobs.placing import enter, leave, planned
from trader_cli.jobs.plan import Request
from trader_cli.jobs.ports import TradeLedger, Venue
from trader_cli.jobs.protection import protect, resting
from trader_cli.jobs.refusing import say
from trader_cli.jobs.rehearsal import rehearse
from trader_cli.jobs.venue_orders import Accounts, Terms, cancel, follow, look_at, outlived, recover
from trader_cli.model.fills import Reason
from trader_cli.model.instrument import CASH_ONE, Instrument
from trader_cli.model.orders import Balance, Purpose, Resolution, VenueOrder
from trader_cli.model.session import OrderRecord, Session


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
        self.rehearsal: list[dict[str, Any]] = []
        self.short: set[str] = set()

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
        # Orders come back under our names of their markets.
        self.at.venue.rules(desk.scene.symbols)
        self._switched(desk)
        for symbol, text in self.questions.items():
            desk.asks(symbol, text)
        records = [
            one for one in desk.ledger.orders(desk.session.run_id, open_only=True) if not one.state.is_unresolved
        ]
        listed = self.at.venue.open_orders()
        by_id = {one.venue_id: one for one in listed}
        new_bar = desk.bar_ms > desk.step.bar_ms
        for record in records:
            with self._alone(desk, record.ticket.symbol):
                self._follow(desk, record, by_id.get(record.venue_id), renewed=new_bar)
        self._foreign(desk, {one.client_id for one in listed if one.is_ours})
        if new_bar:
            self._late(desk)
        return desk.bar + 1

    def _follow(self, desk: Desk, record: OrderRecord, order: VenueOrder | None, *, renewed: bool) -> None:
        """Book what an order did since. renewed: a bar closed, and the decision on it takes the place of the former."""
        ticket = record.ticket
        order = order or look_at(self.at, record)
        if order is None and ticket.bar_ms < desk.close_ms - desk.scene.timeframe.ms:
            order = outlived(self.at, record)
        if order is None:
            desk.asks(ticket.symbol, f"the venue does not show order {ticket.client_id} that it accepted")
            return
        state = follow(self.at, desk, record, order)
        if not state.is_final and is_stuck(record, order):
            # Triggered, and the market fell through its limit before it could sell: nothing protects any more.
            row = desk.row_of(ticket.wallet, ticket.symbol)
            text = f"its stop was triggered and did not sell at {order.price}, it is sold at the market"
            say(desk, row, "stop_unfilled", "", "", "", text, kind="alarm")
            desk.fails(RiskError.exit_code, f"{ticket.symbol}: {text}")
            order_exit(row, int(Reason.STOP), desk.book)
        if renewed and not self.dry and not state.is_final and ticket.purpose is Purpose.ENTRY:
            # An entry that the bar did not reach: the decision that follows renews it, or lets it go.
            cancel(self.at, desk, record)

    def _switched(self, desk: Desk) -> None:
        """Write down a switch of R1.10 that moved, with the numbers that moved it."""
        terms = self.at.terms
        now = {"ioc": terms.ioc, "minimum_buffer": str(terms.buffer)}
        before = desk.notes.get("switches", {"ioc": False, "minimum_buffer": "1"})
        if now == before:
            return
        for name, why in zip(now, terms.reasons, strict=True):
            if now[name] != before[name]:
                desk.ledger.record_event(self.at.venue.now_ms(), "execution_switch", why)
        desk.notes["switches"] = now
        desk.noted_anew = True

    @contextmanager
    def _alone(self, desk: Desk, symbol: str) -> Iterator[None]:
        """Let a venue that fails on one market leave the others alone, and keep what was booked."""
        try:
            yield
        except TimeUpError:
            raise
        except VenueError as error:
            desk.blocked.setdefault(symbol, error.message)
            desk.fails(VenueError.exit_code, f"{symbol}: {error.message}")
            if error.resolution == Resolution.HALT_ALL:
                raise

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
        self.short = {one.asset for one in found if one.amount < 0}
        if found:
            one = found[0]
            self.stopped = f"the account has {one.amount.normalize():+f} {one.asset} that nobody explained"
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
        """Send exits, let protection follow, send entries, each protected before the next; then ask what is still open.

        What fills at once is booked before the next is sent. A dry run sends none of it, it asks the venue what it thinks.
        """
        if self.dry:
            free = {asset: one.free for asset, one in self.balances.items()}
            self.rehearsal = rehearse(self.at, desk, free, self.stopped)
            return
        before = dict(desk.blocked)
        close_halted(desk)
        exits = planned(desk, -1)
        for row in exits:
            self._act(desk, row, partial(self._leave, desk, row))
        for row in range(len(desk.book.position)):
            self._protect(desk, row)
        entries = planned(desk, 1)
        if entries and exits:
            # What was reconciled a moment ago still holds, but for what sales brought in.
            self.balances = self.at.venue.balances()
        free = {asset: one.free for asset, one in self.balances.items()}
        for row in entries:
            if desk.name_of(row)[1] in self.absent:
                # Nothing is sent again in the run that found it missing; the next one begins with a clean table.
                continue
            self._act(desk, row, partial(enter, self.at, desk, row, free, self.stopped))
            self._protect(desk, row)
        self._ask_again(desk, [symbol for symbol in desk.blocked if symbol not in before])

    def _leave(self, desk: Desk, row: int) -> None:
        leave(self.at, desk, row, resting(desk, row))

    def _act(self, desk: Desk, row: int, act: Callable[[], None]) -> None:
        with self._alone(desk, desk.name_of(row)[1]):
            act()
        self._keep(desk)

    def _protect(self, desk: Desk, row: int) -> None:
        short = desk.instrument(row).base in self.short
        self._act(desk, row, partial(protect, self.at, desk, row, short=short))

    def _ask_again(self, desk: Desk, symbols: Sequence[str]) -> None:
        """Find out what became of orders whose answer said nothing, while there is time, and protect what they bought."""
        if not symbols:
            return
        done = recover(self.at, desk.session, desk.ledger)
        for symbol in symbols:
            if symbol in done.questions:
                continue
            desk.blocked.pop(symbol)
            desk.open.pop(symbol, None)
            for record in desk.ledger.orders(desk.session.run_id, open_only=True):
                if record.ticket.symbol == symbol and not record.state.is_unresolved:
                    with self._alone(desk, symbol):
                        self._follow(desk, record, None, renewed=False)
                    self._keep(desk)
            if symbol in done.absent:
                desk.fails(VenueError.exit_code, f"{symbol}: an order never reached the venue")
            for row in range(len(desk.book.position)):
                if desk.name_of(row)[1] == symbol:
                    self._protect(desk, row)

    def _keep(self, desk: Desk) -> None:
        if is_changed(desk):
            commit(desk, self.at.venue.now_ms(), desk.step.bar_ms)


def is_stuck(record: OrderRecord, order: VenueOrder) -> bool:
    """Tell whether a stop with a limit was triggered and rests in the book; one that waits for its trigger is pending."""
    return record.ticket.purpose is Purpose.STOP and order.status == "open" and order.price > 0


def close_halted(desk: Desk) -> None:
    """Order the sale of whatever a halted scope holds that is to be closed, now and not at the next close."""
    book = desk.book
    for row in np.flatnonzero(book.position[:, QUANTITY]).tolist():
        wallet = row // len(desk.scene.symbols)
        if book.wallet[wallet, CLOSING] or book.wallet[-1, CLOSING]:
            order_exit(row, int(Reason.KILL), book)
