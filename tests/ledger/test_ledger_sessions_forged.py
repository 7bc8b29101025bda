"""Sessions whose chain was mended after a change: what can be derived is derived again, for every step and every order."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sessions_book import fill_a_ledger, live_records, opening_of, record, session_of
from test_ledger_forged import forged

from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify

URL = "sqlite:///trader.db"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    ledger = Ledger.open(URL, folder)
    fill_a_ledger(ledger)
    assert verify(ledger) == []
    ledger.close()
    with closing(sqlite3.connect(folder / "trader.db")) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    return folder


@pytest.mark.req("X4")
@pytest.mark.parametrize("column", ["cash", "equity", "fees", "fill_count", "trade_count", "seq", "last_txn"])
@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_figure_of_any_step_changed_by_one_is_found(sound: Path, tmp_path: Path, column: str, which: str) -> None:
    # Two steps cannot have one number at all.
    by = 100 if column == "seq" else 1
    number = {"first": 1, "middle": 4, "last": "(SELECT max(id) FROM steps)"}[which]
    found = forged(sound, tmp_path, "steps", f"UPDATE steps SET {column} = {column} + {by} WHERE id = {number}")
    # The newest step may claim a transaction that is not there yet.
    assert found or (column, which) == ("last_txn", "last")


@pytest.mark.req("X4")
@pytest.mark.parametrize(
    ("table", "statement", "says"),
    [
        ("steps", "UPDATE steps SET digest = 'x' WHERE id = 3", "the digest is"),
        ("steps", "UPDATE steps SET holdings = replace(holdings, '[', '[1') WHERE id = 3", "what is held"),
        ("steps", "UPDATE steps SET marks = replace(marks, '[', '[1') WHERE id = 3", "equity is"),
        ("steps", "UPDATE steps SET state = 'x' || substr(state, 2) WHERE id = 3", "its state cannot be read"),
        ("steps", "UPDATE steps SET wallets = '[\"main\"]' WHERE id = 3", "its wallets are not"),
        ("steps", 'UPDATE steps SET symbols = \'["S1/USD","S0/USD"]\' WHERE id = 3', "what is held"),
        ("steps", "UPDATE steps SET instruments = replace(instruments, 'S1', 'S7') WHERE id = 3", "its instruments"),
        ("runs", "UPDATE runs SET cash_end = cash_end + 1 WHERE id = 1", "cash of its opening"),
        ("runs", "UPDATE runs SET cash_start = cash_start + 1 WHERE id = 1", "cash at the start"),
        ("runs", "UPDATE runs SET fill_count = 3 WHERE id = 1", "fills of its opening"),
        ("wallets", "UPDATE wallets SET cash_start = cash_start + 1 WHERE id = 1", "it was given"),
        ("wallets", "UPDATE wallets SET pnl = 1 WHERE id = 1", "it was given"),
        ("trades", "UPDATE trades SET quantity = quantity + 1 WHERE id = 1", "its fills give"),
        ("trades", "UPDATE trades SET entry_ms = entry_ms + 1 WHERE id = 1", "its fills give"),
        ("trades", "UPDATE trades SET bought = bought + 1, pnl = pnl - 1 WHERE id = 1", "its bought is"),
        ("trades", "UPDATE trades SET closing_txn = closing_txn + 1 WHERE id = 1", "there is no round trip"),
        ("trade_strategies", "UPDATE trade_strategies SET wallet = 'x' WHERE id = 1", "its closing fill was paid by"),
        (
            "trade_strategies",
            "DELETE FROM trade_strategies WHERE id = (SELECT max(id) FROM trade_strategies)",
            "nothing says",
        ),
        ("sessions", "DELETE FROM sessions WHERE id = 2", "nothing says of which account"),
        ("sessions", "UPDATE sessions SET account = 'b2' WHERE run = 2", "its fill is"),
        ("orders", "UPDATE orders SET key = 'other' WHERE id = 2", "does not follow from its key"),
        ("orders", "UPDATE orders SET quantity = quantity - 1 WHERE id = 2", "its trades are"),
        ("orders", "UPDATE orders SET side = -side WHERE id = 2", "its order is"),
        ("orders", "UPDATE orders SET symbol = 'S9/USD' WHERE id = 2", "its order is"),
        ("orders", "UPDATE orders SET wallet = 'x' WHERE id = 2", "it was paid by"),
        (
            "order_events",
            "UPDATE order_events SET filled = filled - 1 WHERE state = 'filled'",
            "whether anything is left",
        ),
        ("order_events", "UPDATE order_events SET booked = 0 WHERE state = 'filled'", "are booked"),
        ("order_events", "UPDATE order_events SET closed = 1 - closed WHERE id = 1", "whether anything is left"),
        ("order_events", "UPDATE order_events SET state = 'open' WHERE id = 1", "an order begins as sending"),
        (
            "order_events",
            "UPDATE order_events SET state = 'absent', closed = 1 WHERE state = 'unknown'",
            "had ended as absent",
        ),
        ("order_events", "UPDATE order_events SET step = 1 WHERE step IS NOT NULL", "its step is another session's"),
        ("venue_fills", "UPDATE venue_fills SET quantity = '1' || quantity WHERE id = 1", "its trades are"),
        ("venue_fills", "UPDATE venue_fills SET symbol = 'S9/USD' WHERE id = 1", "its fill is"),
        ("venue_fills", "UPDATE venue_fills SET side = -side WHERE id = 1", "its fill is"),
        ("venue_fills", "UPDATE venue_fills SET exchange = 'binance' WHERE id = 1", "its fill is"),
        ("venue_fills", "UPDATE venue_fills SET order_id = 5 WHERE id = 1", "are booked"),
        ("venue_fills", "UPDATE venue_fills SET fee_asset = 'BNB' WHERE id = 1", "the venue took {'BNB'"),
        (
            "venue_fills",
            "DELETE FROM venue_fills WHERE id = (SELECT max(id) FROM venue_fills)",
            "no trade of the venue",
        ),
        ("adjustments", "UPDATE adjustments SET amount = '26' WHERE id = 1", "it is adopt of 26 USD"),
        ("adjustments", "UPDATE adjustments SET amount = '-0.4' WHERE id = 3", "it is write_off of -0.4"),
        ("adjustments", "UPDATE adjustments SET asset = 'EUR' WHERE id = 1", "posted is adopt"),
        ("adjustments", "UPDATE adjustments SET txn = NULL WHERE id = 2", "nothing is posted"),
        ("adjustments", "UPDATE adjustments SET kind = 'write_off' WHERE id = 1", "it is write_off of 25"),
        ("adjustments", "DELETE FROM adjustments WHERE id = 5", ""),
    ],
)
def test_what_does_not_follow_is_found_though_its_chain_was_mended(
    sound: Path, tmp_path: Path, table: str, statement: str, says: str
) -> None:
    found = forged(sound, tmp_path, table, statement)
    # The last row explains something that was never ours: nothing of ours depends on it.
    assert any(says in one.message for one in found) or not says, found


def test_a_live_fill_without_a_trade_of_the_venue_is_found(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    run = record(12, 4, run_id="live")
    ledger.open_session(session_of(run, "live", "kraken", "a1"), opening_of(run))
    _, (step,) = live_records(run, (4,))
    ledger.write_step("live", replace(step, venue_fills=(None,) * 4, outcomes=()))
    assert [(one.table, one.message[:29]) for one in verify(ledger)] == [("fills", "it was filled at a venue, and")] * 4
    ledger.close()


@pytest.mark.req("X4")
def test_a_fee_in_a_third_asset_is_an_expense_in_that_asset_c9(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    run = record(12, 1, run_id="live", wallets=2)
    ledger.open_session(session_of(run, "live", "kraken", "a1"), opening_of(run))
    (order,), (step,) = live_records(run, (1,))
    (told,) = step.venue_fills
    assert told is not None
    ledger.add_ticket(order)
    # 0.000012345 BNB: rounded up to 0.00001235.
    paid = replace(told, trade=replace(told.trade, fee=Decimal("0.000012345"), fee_asset="BNB"))
    ledger.write_step("live", replace(step, venue_fills=(paid,)))
    with closing(sqlite3.connect(tmp_path / "trader.db")) as raw:
        query = (
            "SELECT name, asset, amount FROM entries JOIN accounts ON account = id WHERE asset = 'BNB' ORDER BY line"
        )
        wallet = order.wallet
        assert raw.execute(query).fetchall() == [
            (f"expenses:fees:{wallet}:BNB", "BNB", 1_235),
            (f"equity:outside:{wallet}:BNB", "BNB", -1_235),
        ]
    assert verify(ledger) == []
    ledger.close()
