"""The ledger for other programs: CSV files, and a beancount file that `bean-check` accepts."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from trader_cli.ledger import schema
from trader_cli.ledger.database import reading, translated
from trader_cli.ledger.ledger import Ledger
from trader_cli.model.fills import OrderKind, Reason

_ROOTS = {"assets": "Assets", "equity": "Equity", "expenses": "Expenses", "income": "Income"}


def export(ledger: Ledger, folder: Path, prefix: str | None) -> list[Path]:
    """Write runs, fills, trades and entries as CSV and everything as `ledger.beancount`; return the files.

    Amounts are exact decimals. prefix: only the run whose id begins so. Each file is replaced whole, or not at all.
    """
    wanted = None if prefix is None else ledger.run(prefix).run_id
    with reading(ledger.engine, ledger.path) as connection:
        r, t, e, a, f, d = (
            schema.runs,
            schema.transactions,
            schema.entries,
            schema.accounts,
            schema.fills,
            schema.trades,
        )

        def rows(query: Any) -> list[Any]:
            return list(connection.execute(query if wanted is None else query.where(r.c.run_id == wanted)))

        runs = rows(select(r).order_by(r.c.id))
        fills = rows(select(r.c.run_id, t.c.time_ms, f).join_from(f, t, f.c.txn == t.c.id).join(r).order_by(f.c.txn))
        trades = rows(select(r.c.run_id, d).join_from(d, r).order_by(d.c.id))
        entries = rows(
            select(r.c.run_id, t.c.time_ms, t.c.kind, e.c.txn, a.c.name, a.c.asset, e.c.amount)
            .join_from(e, t, e.c.txn == t.c.id)
            .join(r)
            .join(a, e.c.account == a.c.id)
            .order_by(e.c.txn, e.c.line)
        )
    texts = {
        "runs.csv": _csv(*_run_table(runs)),
        "fills.csv": _csv(*_fill_table(fills)),
        "trades.csv": _csv(*_trade_table(trades)),
        "entries.csv": _csv(*_entry_table(entries)),
        "ledger.beancount": _beancount(runs, entries),
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


def _amount(units: int, decimals: int = 8) -> str:
    whole, part = divmod(abs(units), 10**decimals)
    return f"{'-' if units < 0 else ''}{whole}.{part:0{decimals}d}"


@lru_cache(maxsize=65_536)
def _time(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _run_table(runs: list[Any]) -> tuple[list[str], list[list[Any]]]:
    plain = ["run_id", "mode", "strategy", "params", "preset", "symbols", "exchange", "timeframe", "quote", "bars"]
    header = [*plain, "started", "start", "end", "cash_start", "cash_end", "equity_end", "digest", "code_digest"]
    rows = [
        [
            *(getattr(one, name) for name in plain),
            *(_time(ms) for ms in (one.started_ms, one.start_ms, one.end_ms)),
            *(_amount(units) for units in (one.cash_start, one.cash_end, one.equity_end)),
            one.digest,
            one.code_digest,
        ]
        for one in runs
    ]
    return header, rows


def _fill_table(fills: list[Any]) -> tuple[list[str], list[list[Any]]]:
    header = [
        "run_id",
        "time",
        "symbol",
        "side",
        "quantity",
        "price",
        "notional",
        "fee",
        "kind",
        "reason",
        "transaction",
    ]
    rows = [
        [
            one.run_id,
            _time(one.time_ms),
            one.symbol,
            "buy" if one.side > 0 else "sell",
            _amount(one.quantity),
            _amount(one.price, one.price_decimals),
            _amount(one.notional),
            _amount(one.fee),
            OrderKind(one.kind).name.lower(),
            Reason(one.reason).label,
            one.txn,
        ]
        for one in fills
    ]
    return header, rows


def _trade_table(trades: list[Any]) -> tuple[list[str], list[list[Any]]]:
    header = ["run_id", "symbol", "entry_time", "exit_time", "quantity", "bought", "sold", "fees", "pnl", "exit_reason"]
    rows = [
        [
            one.run_id,
            one.symbol,
            _time(one.entry_ms),
            _time(one.exit_ms),
            *(_amount(units) for units in (one.quantity, one.bought, one.sold, one.fees, one.pnl)),
            Reason(one.reason).label,
        ]
        for one in trades
    ]
    return header, rows


def _entry_table(entries: list[Any]) -> tuple[list[str], list[list[Any]]]:
    header = ["run_id", "time", "kind", "transaction", "account", "asset", "amount"]
    rows = [
        [one.run_id, _time(one.time_ms), one.kind, one.txn, one.name, one.asset, _amount(one.amount)] for one in entries
    ]
    return header, rows


@cache
def _commodity(asset: str) -> str:
    """Return an asset's name as beancount spells commodities: capitals, at least two characters, a letter at both ends."""
    name = re.sub(r"[^A-Z0-9'._-]", "-", asset.upper())[:22]
    if not re.match(r"[A-Z]", name):
        name = f"X{name}"
    if not re.search(r"[A-Z0-9]$", name) or len(name) < 2:
        name = f"{name}X"
    return name


@cache
def _account(name: str, run_id: str) -> str:
    root, *parts = name.split(":")
    # Accounts are each run's own: runs are separate worlds, and one file holds them all.
    return ":".join([_ROOTS[root], f"Run-{run_id.upper()}", *(_component(part) for part in parts)])


def _component(part: str) -> str:
    text = re.sub(r"[^A-Za-z0-9-]", "-", part)
    return text[:1].upper() + text[1:] if text[:1].isalnum() else f"X{text}"


def _beancount(runs: list[Any], entries: list[Any]) -> str:
    lines = ['option "title" "trader"', ""]
    first_day: dict[str, str] = {}
    for one in entries:
        first_day.setdefault(_account(one.name, one.run_id), _time(one.time_ms)[:10])
    begin = min(first_day.values(), default="")
    opened = dict.fromkeys(first_day, begin)
    lines += [f"{day} open {account}" for account, day in sorted(opened.items())]
    names = {one.run_id: one.strategy for one in runs}
    current = None
    for one in entries:
        if one.txn != current:
            current = one.txn
            strategy = names[one.run_id].replace('"', "'")
            lines += [
                "",
                f'{_time(one.time_ms)[:10]} * "{strategy}" "{one.kind} {one.txn}"',
                f'  time: "{_time(one.time_ms)}"',
            ]
        lines.append(f"  {_account(one.name, one.run_id)}  {_amount(one.amount)} {_commodity(one.asset)}")
    return "\n".join(lines) + "\n"
