"""The simulated broker of paper trading: orders rest in the book, and the engine's own market fills them bar by bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trader_cli.jobs.desk import Desk
from trader_cli.jobs.plan import Request
from trader_cli.jobs.ports import TradeLedger
from trader_cli.model.instrument import Instrument
from trader_cli.model.session import Session


class SimulatedBroker:
    """Fills by the rules of a backtest. exchange: whose bars it trades on; account: tells one replay from another."""

    mode = "paper"

    def __init__(self, exchange: str, account: str = "", *, watched: bool = True) -> None:
        self.exchange = exchange
        self.account = account
        self.watched = watched

    def opening(self, request: Request, instruments: Sequence[Instrument]) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: the account is the session."""
        return {}

    def recover(self, session: Session, ledger: TradeLedger) -> None:
        """Do nothing: a simulated order has no fate but the book's."""

    def settle(self, desk: Desk) -> int:
        """Return the first bar after the one decided on: what rests is tested against every bar since."""
        if desk.step.bar_ms < 0:
            return desk.bar
        return int(np.searchsorted(desk.scene.open_ms, desk.step.bar_ms, side="right"))

    def reconcile(self, desk: Desk) -> None:
        """Do nothing: there is no account beside the book."""

    def place(self, desk: Desk) -> None:
        """Do nothing: what the book asks for rests there, and meets the next bar."""
