"""The ledger: append-only, double entry, hash-chained. The only room that knows SQLAlchemy."""

from trader_cli.ledger.halts import HaltState
from trader_cli.ledger.ledger import Ledger
from trader_cli.ledger.summaries import RunSummary
from trader_cli.ledger.swings import Swing

__all__ = ["HaltState", "Ledger", "RunSummary", "Swing"]
