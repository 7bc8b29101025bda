"""One-shot trading commands over one library of strategies, one risk engine and one ledger."""

__version__ = "0.1.0"
