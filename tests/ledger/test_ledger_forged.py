"""Whoever mends the chain after changing a figure is still found: what can be derived is derived again and compared."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from books import record

from trader_cli.ledger import Ledger
from trader_cli.ledger.chain import GENESIS, chain, row_bytes
from trader_cli.ledger.posting import post
from trader_cli.ledger.record import batch_of
from trader_cli.ledger.verify import Finding, verify

URL = "sqlite:///trader.db"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    ledger = Ledger.open(URL, folder)
    ledger.record_run(record(1, 40))
    ledger.record_run(record(2, 80, wallets=3, strategies=2, rest=10**9))
    assert verify(ledger) == []
    ledger.close()
    with closing(sqlite3.connect(folder / "trader.db")) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    return folder


def forged(sound: Path, folder: Path, table: str, *statements: str) -> list[Finding]:
    """Change rows behind the triggers' back, mend the table's chain and its head, and judge."""
    shutil.copytree(sound, folder / "one")
    with closing(sqlite3.connect(folder / "one" / "trader.db")) as raw, raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert raw.execute(statement).rowcount > 0
        rows = raw.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
        links = chain(GENESIS, (row_bytes(row[:-1]) for row in rows))
        for row, link in zip(rows, links, strict=True):
            raw.execute(f"UPDATE {table} SET chain = ? WHERE id = ?", (link, row[0]))
        head = (len(rows), links[-1] if links else GENESIS, table)
        raw.execute("UPDATE chain_heads SET rows = ?, head = ? WHERE name = ?", head)
        for _, sql in triggers:
            raw.execute(sql)
    ledger = Ledger.open(URL, folder / "one", create=False)
    try:
        return verify(ledger)
    finally:
        ledger.close()


def test_mending_a_chain_that_nobody_touched_changes_nothing(sound: Path, tmp_path: Path) -> None:
    assert forged(sound, tmp_path, "runs", "UPDATE runs SET id = id") == []


@pytest.mark.req("X4")
@pytest.mark.req("R2.5")
@pytest.mark.parametrize("run", [1, 2], ids=["one wallet", "three wallets"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("runs", name) for name in ("cash_end", "equity_end", "fill_count", "trade_count")),
        *(("wallets", name) for name in ("cash_end", "equity_end", "trades", "pnl")),
        *(("trades", name) for name in ("bought", "sold", "fees", "pnl")),
        *(("strategy_performance", name) for name in ("trades", "pnl")),
    ],
)
def test_a_figure_changed_by_one_unit_is_found_though_its_chain_was_mended(
    sound: Path, tmp_path: Path, run: int, table: str, column: str
) -> None:
    key = "id" if table == "runs" else "run"
    first = f"(SELECT min(id) FROM {table} WHERE {key} = {run})"
    found = forged(sound, tmp_path, table, f"UPDATE {table} SET {column} = {column} + 1 WHERE id = {first}")
    assert found
    assert {one.table for one in found} <= {table, "runs", "wallets", "trades", "strategy_performance"}


@pytest.mark.req("R2.5")
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE runs SET digest = 'x' WHERE id = 2", "the digest is"),
        ("UPDATE runs SET holdings = replace(holdings, '[', '[1') WHERE id = 2", "what is held"),
        ("UPDATE wallets SET cash_start = cash_start + 1 WHERE name = 'grid'", "cash at the start of `grid`"),
        ("UPDATE wallets SET name = 'other' WHERE name = 'grid'", "cash at the start of `other`"),
        ("UPDATE trade_strategies SET wallet = 'grid' WHERE wallet <> 'grid'", "its closing fill was paid by"),
        ("UPDATE trade_strategies SET strategy = 'random0' WHERE strategy <> 'random0'", "its rows give"),
        ("DELETE FROM trade_strategies", "nothing says whose round trip it was"),
    ],
)
def test_what_belongs_to_nobody_or_to_another_is_found(sound: Path, tmp_path: Path, statement: str, says: str) -> None:
    table = statement.replace("DELETE FROM", "UPDATE").split()[1]
    assert any(says in one.message for one in forged(sound, tmp_path, table, statement))


@pytest.mark.req("X4")
def test_one_missing_run_leaves_room_for_what_is_the_cause(sound: Path, tmp_path: Path) -> None:
    """Hundreds of rows refer to it; the findings are 50 at most, and the run is among them."""
    shutil.copytree(sound, tmp_path / "one")
    with closing(sqlite3.connect(tmp_path / "one" / "trader.db")) as raw, raw:
        (trigger,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'runs_no_delete'").fetchone()
        raw.execute("DROP TRIGGER runs_no_delete")
        raw.execute("DELETE FROM runs WHERE id = 2")
        raw.execute(trigger)
    ledger = Ledger.open(URL, tmp_path / "one", create=False)
    found = verify(ledger)
    ledger.close()
    assert any(one.table == "runs" and "the chain ends at row 1" in one.message for one in found)
    assert any(one.table == "transactions" and "and so do 83 more rows" in one.message for one in found)


@pytest.mark.req("X4")
@pytest.mark.req("R2.5")
@pytest.mark.parametrize("wallets", [1, 3])
@pytest.mark.parametrize(
    ("out_of", "into", "says"),
    [
        ("assets:holding", "equity:market", {"the balance of `assets:holding:"}),
        ("income:trading", "equity:market", {"the result of round trips", "the income of `"}),
        ("assets:cash", "expenses:fees", {"cash at the end is", "cash at the end of `"}),
    ],
)
def test_entries_that_sum_to_zero_and_are_wrong_are_found(
    tmp_path: Path, wallets: int, out_of: str, into: str, says: set[str]
) -> None:
    """One unit of one fill booked on the wrong account of its own wallet: every sum and every chain is right."""
    run = record(5, 60, wallets=wallets)
    posting = post(batch_of(run))
    names = [name for name, _ in posting.names]
    line = next(
        i
        for i, account in enumerate(posting.account)
        if names[account].startswith(out_of) and posting.txn[i] >= posting.before
    )
    same = posting.txn == posting.txn[line]
    asset = posting.names[posting.account[line]][1]
    other = next(
        i
        for i in same.nonzero()[0]
        if names[posting.account[i]].startswith(into) and posting.names[posting.account[i]][1] == asset
    )
    posting.amount[line] += 1
    posting.amount[other] -= 1
    ledger = Ledger.open(URL, tmp_path)
    with patch("trader_cli.ledger.transactions.post", lambda _: posting):
        ledger.record_run(run)
    found = verify(ledger)
    ledger.close()
    assert all(any(one.message.startswith(text) for one in found) for text in says), found
