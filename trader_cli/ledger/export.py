"""The ledger for other programs: CSV files, and a beancount file that `bean-check` accepts."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from trader_cli.ledger import scans, schema
from trader_cli.ledger.beancount import amount_text, beancount, time_text
from trader_cli.ledger.database import reading, translated
from trader_cli.ledger.ledger import Ledger
from trader_cli.ledger.rows import event_of, rows
from trader_cli.ledger.summaries import as_it_stands
from trader_cli.model.fills import OrderKind, Reason


def export(ledger: Ledger, folder: Path, prefix: str | None) -> list[Path]:
    """Write runs, fills, trades, wallets, risk events and entries as CSV and everything as `ledger.beancount`.

    Amounts are exact decimals. prefix: only the run whose id begins so; without it the risk events of no run too, with
    an empty `run_id`, and the scans. Each file is replaced whole, or not at all. Returns the files.
    """
    wanted = None if prefix is None else ledger.run(prefix).run_id
    r, t, e, a, k = schema.runs, schema.transactions, schema.entries, schema.accounts, schema.risk_events
    with reading(ledger.engine, ledger.path) as connection:

        def stored(query: Any) -> list[Any]:
            return list(connection.execute(query if wanted is None else query.where(r.c.run_id == wanted)))

        runs = [as_it_stands(connection, one._mapping) for one in stored(select(r).order_by(r.c.id))]
        fills, trades, wallets = (
            [{"run_id": one.run_id, **row} for one in runs for row in rows(connection, table, one.run_id)]
            for table in ("fills", "trades", "wallets")
        )
        events = stored(select(r.c.run_id, k).outerjoin_from(k, r, k.c.run == r.c.id).order_by(k.c.id))
        entries = stored(
            select(r.c.run_id, t.c.time_ms, t.c.kind, e.c.txn, a.c.name, a.c.asset, e.c.amount)
            .join_from(e, t, e.c.txn == t.c.id)
            .join(r)
            .join(a, e.c.account == a.c.id)
            .order_by(e.c.txn, e.c.line)
        )
        scanned = scans.tables(connection) if wanted is None else {}
    texts = {
        "runs.csv": _csv(*_run_table(runs)),
        "fills.csv": _csv(*_fill_table(fills)),
        "trades.csv": _csv(*_trade_table(trades)),
        "wallets.csv": _csv(*_wallet_table(wallets)),
        "risk_events.csv": _csv(*_event_table(events)),
        "entries.csv": _csv(*_entry_table(entries)),
        **{name: _csv(*table) for name, table in scanned.items()},
        "ledger.beancount": beancount(runs, entries),
    }
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / name, text) for name, text in texts.items()]


def _write(path: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _run_table(runs: list[Any]) -> tuple[list[str], list[list[Any]]]:
    plain = ["run_id", "mode", "strategy", "params", "preset", "symbols", "exchange", "timeframe", "quote", "bars"]
    header = [*plain, "started", "start", "end", "cash_start", "cash_end", "equity_end", "digest", "code_digest"]
    rows = [
        [
            *(getattr(one, name) for name in plain),
            *(time_text(ms) for ms in (one.started_ms, one.start_ms, one.end_ms)),
            *(amount_text(units) for units in (one.cash_start, one.cash_end, one.equity_end)),
            one.digest,
            one.code_digest,
        ]
        for one in runs
    ]
    return header, rows


def _fill_table(fills: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    header = ["run_id", "time", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason"]
    rows = [
        [
            one["run_id"],
            time_text(one["time_ms"]),
            one["symbol"],
            "buy" if one["side"] > 0 else "sell",
            amount_text(one["quantity"]),
            amount_text(one["price"], one["price_decimals"]),
            amount_text(one["notional"]),
            amount_text(one["fee"]),
            OrderKind(one["kind"]).name.lower(),
            Reason(one["reason"]).label,
            one["txn"],
            one["wallet"],
        ]
        for one in fills
    ]
    return [*header, "transaction", "wallet"], rows


def _trade_table(trades: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    header = ["run_id", "symbol", "entry_time", "exit_time", "quantity", "bought", "sold", "fees", "pnl", "exit_reason"]
    rows = [
        [
            one["run_id"],
            one["symbol"],
            time_text(one["entry_ms"]),
            time_text(one["exit_ms"]),
            *(amount_text(one[name]) for name in ("quantity", "bought", "sold", "fees", "pnl")),
            Reason(one["reason"]).label,
            one["wallet"],
            one["strategy"],
        ]
        for one in trades
    ]
    return [*header, "wallet", "strategy"], rows


def _wallet_table(wallets: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    money = ["cash_start", "cash_end", "equity_end", "pnl"]
    rows = [
        [
            *(one["run_id"], one["name"], " ".join(one["strategies"]), amount_text(one["share"])),
            *(amount_text(one[name]) for name in money),
            *(one["trades"], one["halted"]),
        ]
        for one in wallets
    ]
    return ["run_id", "wallet", "strategies", "share", *money, "trades", "halted"], rows


def _event_table(events: list[Any]) -> tuple[list[str], list[list[Any]]]:
    plain = ["kind", "wallet", "strategy", "symbol", "rule", "number", "limit", "unit", "message"]
    rows = []
    for row in events:
        one = event_of(row)
        times = (time_text(one.time_ms), time_text(one.last_ms), one.count)
        rows.append([row.run_id or "", *times, *(getattr(one, name) for name in plain)])
    return ["run_id", "time", "last", "count", *plain], rows


def _entry_table(entries: list[Any]) -> tuple[list[str], list[list[Any]]]:
    header = ["run_id", "time", "kind", "transaction", "account", "asset", "amount"]
    rows = [
        [one.run_id, time_text(one.time_ms), one.kind, one.txn, one.name, one.asset, amount_text(one.amount)]
        for one in entries
    ]
    return header, rows
