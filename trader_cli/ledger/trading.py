"""The face of what trades: sessions with their steps, orders and the venue's trades, deployments, armings, cycles.

Times are ms UTC, cash is 1e-8 quote, quantities are 1e-8 base. Every method that writes is one transaction, on disk when it
returns, and raises DataError where the database is locked, full, damaged or read-only: then nothing of it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trader_cli.ledger import cycles, leave, measured, orders, sessions, steps, trades
from trader_cli.ledger.opened import Opened, no_collection
from trader_cli.model.fills import Fills
from trader_cli.model.orders import Ticket
from trader_cli.model.session import (
    Adjustment,
    Arming,
    CycleRecord,
    Deployment,
    OrderEvent,
    OrderRecord,
    Session,
    Step,
    StepRecord,
)


class Trading(Opened):
    """What a cycle of paper or live trading reads and writes."""

    def open_session(self, session: Session, first: Step) -> None:
        """Write a session's run, its opening (cash 1e-8 quote) and transfers, and its step 0.

        Raises DataError for a run id that is taken, or a first step that is no opening.
        """
        with self._writing() as connection:
            sessions.open_session(connection, session, first)

    def session(self, mode: str, exchange: str, account: str) -> Session | None:
        """Return the newest session of exactly this mode, exchange and account, None without one; money in 1e-8 quote."""
        with self._reading() as connection:
            return sessions.session_of(connection, mode, exchange, account)

    def sessions(self) -> list[Session]:
        """Return all sessions, newest first; money in 1e-8 quote."""
        with self._reading() as connection:
            return sessions.all_sessions(connection)

    def last_step(self, run_id: str) -> Step:
        """Return a session's newest step; money in 1e-8 quote, holdings in 1e-8 base.

        Raises DataError where there is no such session.
        """
        return self.steps(run_id, 1)[0]

    def steps(self, run_id: str, limit: int) -> list[Step]:
        """Return a session's newest steps, the newest first; units as for `last_step`.

        Raises DataError where there is no such session.
        """
        with self._reading() as connection:
            run = sessions.run_row(connection, run_id)["id"]
            return [sessions.step_of(row) for row in sessions.newest_steps(connection, run, limit)]

    def write_step(self, run_id: str, record: StepRecord) -> None:
        """Write a step with everything new in it: fills and adjustments as entries, round trips, the venue's trades, outcomes.

        Money in 1e-8 quote, quantities in 1e-8 base. An adjustment finer than 1e-8 counts without the rest. Raises LeaseError
        where step.seq is not the newest plus one or another session of this account began: another run acted. Raises DataError
        where cash, holdings or equity are not what fills and adjustments give, for a trade of an order that is not this
        session's or asked for something else, and for a trade that is booked already.
        """
        with self._writing() as connection:
            steps.write_step(connection, run_id, record)

    def session_fills(self, run_id: str) -> Fills:
        """Return all fills of a session in their order, indexing its newest step's symbols and wallets.

        Units as in `Fills`. Raises DataError where there is no such session.
        """
        with no_collection(), self._reading() as connection:
            return sessions.session_fills(connection, run_id)

    def add_ticket(self, ticket: Ticket) -> bool:
        """Commit an order as SENDING before its request leaves; False, and nothing written, where key or client id is known.

        Quantity in 1e-8 base, price and trigger in price units. Raises DataError where the session is unknown or the client
        id is not the key's, LeaseError where another session of this account began.
        """
        with self._writing() as connection:
            return orders.add_ticket(connection, ticket)

    def note_orders(self, events: Sequence[OrderEvent]) -> None:
        """Write what became known of orders outside of a step, all or nothing; filled in 1e-8 base, all so far.

        An empty venue id and a lower `filled` than known keep what is known. Raises DataError for an order nobody wrote down,
        for another state after a final one, and for SENDING after anything else.
        """
        with self._writing() as connection:
            orders.note_orders(connection, events)

    def orders(self, run_id: str, *, open_only: bool = False) -> list[OrderRecord]:
        """Return a session's orders, oldest first; open_only: those not final, or not booked as far as they filled.

        Quantities in 1e-8 base, prices in price units. Raises DataError where there is no such session.
        """
        with self._reading() as connection:
            return orders.orders_of(connection, run_id, open_only=open_only)

    def order(self, client_id: str) -> OrderRecord | None:
        """Return the order with exactly this client id, None where there is none; units as for `orders`."""
        with self._reading() as connection:
            return orders.order_of(connection, client_id)

    def find_orders(self, prefix: str) -> list[OrderRecord]:
        """Return orders whose client id or venue id begins so, oldest first, none for ""; units as for `orders`."""
        with self._reading() as connection:
            return orders.find_orders(connection, prefix)

    def trade_ids(self, run_id: str, symbol: str | None = None) -> set[str]:
        """Return the venue's ids of all trades booked in a session, or of one symbol's: some venues count by market.

        Raises DataError where there is no such session.
        """
        with self._reading() as connection:
            return trades.trade_ids(connection, run_id, symbol)

    def venue_fills(self, run_id: str) -> list[dict[str, Any]]:
        """Return the venue's trades of a session in the order they were booked, with the order and the fill of each.

        The fields of VenueTrade (Decimal, quote and base), of the ticket: client_id, wallet, purpose, kind, reason, arrival
        and price_decimals; of the fill: txn, booked_quantity (1e-8 base), booked_price (price units), booked_notional and
        booked_fee (1e-8 quote). Raises DataError where there is no such session.
        """
        with self._reading() as connection:
            return trades.venue_fills(connection, run_id)

    def adjustments(self, run_id: str) -> list[tuple[int, Adjustment]]:
        """Return a session's explained differences with the time of their step, oldest first; amounts are decimal text.

        Raises DataError where there is no such session.
        """
        with self._reading() as connection:
            return trades.adjustments(connection, run_id)

    def deploy(self, time_ms: int, deployment: Deployment) -> Deployment | None:
        """Let a strategy run from now on (ms UTC); return what it was deployed as before, None when it was not.

        Deployed again as it is, it keeps the moment it began, and nothing is written.
        """
        with self._writing() as connection:
            return leave.deploy(connection, time_ms, deployment)

    def retire(self, time_ms: int, strategy: str) -> bool:
        """Let a strategy run no more (ms UTC); tell whether it was deployed, else nothing is written."""
        with self._writing() as connection:
            return leave.retire(connection, time_ms, strategy)

    def deployments(self) -> list[Deployment]:
        """Return what is deployed, the longest first; times in ms UTC."""
        with self._reading() as connection:
            return list(leave.deployments(connection).values())

    def arm(self, arming: Arming) -> None:
        """Write leave to trade for real; times in ms UTC. For the same venue and account it takes the place of the former."""
        with self._writing() as connection:
            leave.arm(connection, arming)

    def disarm(self, time_ms: int, reason: str) -> bool:
        """Take back all leave to trade for real (ms UTC); tell whether there was any, else nothing is written."""
        with self._writing() as connection:
            return leave.disarm(connection, time_ms, reason)

    def taken_back(self) -> tuple[int, str] | None:
        """Return when leave to trade for real was taken back last, ms UTC, and why; None where nothing was taken since it was
        given.
        """
        with self._reading() as connection:
            return leave.taken_back(connection)

    def armed(self, venue: str, account: str) -> Arming | None:
        """Return the newest leave for exactly this venue and account that was not taken back; whether it expired (ms UTC) the
        caller judges.
        """
        with self._reading() as connection:
            return leave.armed(connection, venue, account)

    def armings(self, venue: str, account: str) -> list[tuple[Arming, int | None]]:
        """Return every leave ever given for exactly this venue and account, oldest first, with the time (ms UTC) at which
        another took its place or it was taken back, None for the one that stands; whether it expired the caller judges.
        """
        with self._reading() as connection:
            return leave.armings(connection, venue, account)

    def record_cycle(self, record: CycleRecord) -> None:
        """Write how a cycle ended; times in ms UTC."""
        with self._writing() as connection:
            cycles.record_cycle(connection, record)

    def cycles(self, limit: int, run_id: str | None = None) -> list[CycleRecord]:
        """Return the newest cycles, the newest first, of one session where it is given; times in ms UTC."""
        with self._reading() as connection:
            return cycles.cycles(connection, limit, run_id)

    def failures(self) -> dict[str, int]:
        """Return how many cycles ever ended with each error: its code, or `CODE:PATTERN` where a venue's answer had a name."""
        with self._reading() as connection:
            return measured.failures(connection)

    def peak_equity(self, run_id: str) -> int:
        """Return the highest equity of a session's steps, 1e-8 quote. Raises DataError where there is no such session."""
        with self._reading() as connection:
            return measured.peak_equity(connection, run_id)

    def order_ends(self, run_id: str) -> list[tuple[str, str, int]]:
        """Return (state, the venue's words for a refusal, else "", how many) of a session's orders as they stand.

        Raises DataError where there is no such session.
        """
        with self._reading() as connection:
            return measured.order_ends(connection, run_id)

    def learn_minimum(self, time_ms: int, venue: str, symbol: str, minimum: Decimal, message: str) -> None:
        """Remember the smallest order (quote) that a refusal taught; one that is not larger than what is known writes nothing.

        Raises DataError for one that is not above 0.
        """
        with self._writing() as connection:
            cycles.learn_minimum(connection, time_ms, venue, symbol, minimum, message)

    def learned_minimums(self, venue: str) -> dict[str, Decimal]:
        """Return the largest smallest order learned at a venue by symbol, quote."""
        with self._reading() as connection:
            return cycles.learned_minimums(connection, venue)
