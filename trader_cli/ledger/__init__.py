"""The ledger: append-only, double entry, hash-chained. The only room that knows SQLAlchemy."""

from trader_cli.ledger.ledger import Ledger, RunSummary

__all__ = ["Ledger", "RunSummary"]
