"""Scans in the ledger: written whole, read back as they were, found when they were changed, and told outside."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scans_book import fill_scans, scan_of, signal

from trader_cli.errors import DataError, UsageError
from trader_cli.ledger import Ledger
from trader_cli.ledger.export import export
from trader_cli.ledger.verify import verify
from trader_cli.model.scan import ScanRecord, ScanSummary

URL = "sqlite:///trader.db"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(URL, tmp_path)
    fill_scans(opened)
    yield opened
    opened.close()


@pytest.mark.req("R2.2")
def test_a_scan_comes_back_as_it_was_written(ledger: Ledger) -> None:
    # NaN is not itself, so texts are compared; JSON sorts the figures.
    found, wanted = ledger.scan("scan-1"), scan_of()
    figures = [[repr(sorted(one.figures.items())) for one in each.signals] for each in (found, wanted)]
    assert figures[0] == figures[1]
    assert (found.approved, found.left_out, found.settings, found.strategies, found.time_ms) == (
        wanted.approved, wanted.left_out, wanted.settings, wanted.strategies, wanted.time_ms
    )  # fmt: skip
    assert verify(ledger) == []


@pytest.mark.req("R2.2")
def test_the_approval_rate_and_what_filtered_are_listed_newest_first(ledger: Ledger) -> None:
    newest, first = ledger.scans()
    assert (first.scan_id, first.symbols, first.approved, first.signals, first.acts) == ("scan-1", 3, 2, 2, 1)
    assert first.approval_pct == pytest.approx(66.6667, abs=1e-3)
    assert first.filtered == {"age": 1}
    assert (newest.approval_pct, newest.filtered) == (0.0, {"age": 2, "bars": 1})
    assert [one.scan_id for one in ledger.scans(1)] == ["scan-2"]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (scan_of(), "there is a scan `scan-1` already"),
        (scan_of("s", approved=("A/USD", "C/USD")), "looked at `C/USD` twice"),
        (scan_of("s", approved=("A/USD", "A/USD")), "looked at `A/USD` twice"),
        (scan_of("s", signals=(signal(2),)), "no count from 1"),
    ],
)
def test_what_contradicts_itself_is_not_written(ledger: Ledger, wrong: ScanRecord, match: str) -> None:
    with pytest.raises(DataError, match=match):
        ledger.record_scan(wrong)
    assert len(ledger.scans()) == 2
    assert verify(ledger) == []


def test_a_scan_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="could be 2 scans"):
        ledger.scan("scan")
    with pytest.raises(UsageError, match="there is no scan `walk`"):
        ledger.scan("walk")


@pytest.mark.req("X4")
@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("scans", "approved_count = 3"),
        ("scan_left_out", "number = '201.0'"),
        ("scan_left_out", "filter = 'volume'"),
        ("scan_signals", "state = 'act'"),
        ("scan_signals", "figures = '{}'"),
    ],
)
def test_a_changed_row_is_found(ledger: Ledger, tmp_path: Path, table: str, change: str) -> None:
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "trader.db")) as raw, raw:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(f"UPDATE {table} SET {change} WHERE id = 1")
        trigger = raw.execute(f"SELECT sql FROM sqlite_master WHERE name = '{table}_no_update'").fetchone()[0]
        raw.execute(f"DROP TRIGGER {table}_no_update")
        raw.execute(f"UPDATE {table} SET {change} WHERE id = (SELECT max(id) FROM {table})")
        raw.execute(trigger)
    again = Ledger.open(URL, tmp_path, create=False)
    assert table in {one.table for one in verify(again)}
    again.close()


@pytest.mark.req("X4")
def test_counts_that_do_not_follow_from_the_rows_are_found_though_the_chain_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trader_cli.ledger.scans as room

    opened = Ledger.open(URL, tmp_path)
    real = room.append

    def forged(connection: Any, table: Any, rows: Any) -> int:
        rows = list(rows)
        if table.name == "scans":
            rows = [(*row[:-1], row[-1] + 1) for row in rows]
        return real(connection, table, rows)

    monkeypatch.setattr(room, "append", forged)
    opened.record_scan(scan_of())
    (found,) = verify(opened)
    assert (found.table, found.row) == ("scans", 1)
    assert "2 signals and 2 to act on, and it has 2 approved, 1 left out, 2 signals and 1 to act on" in found.message
    opened.close()


def test_scans_are_exported_as_tables_and_what_is_not_known_is_empty(ledger: Ledger, tmp_path: Path) -> None:
    export(ledger, tmp_path / "out", None)
    rows: dict[str, list[dict[str, str]]] = {}
    for name in ("scans", "scan_left_out", "scan_signals"):
        with (tmp_path / "out" / f"{name}.csv").open(encoding="utf-8") as file:
            rows[name] = list(csv.DictReader(file))
    assert [(one["scan_id"], one["symbols"], one["approved"]) for one in rows["scans"]] == [
        ("scan-1", "3", "2"),
        ("scan-2", "3", "0"),
    ]
    assert [one["number"] for one in rows["scan_left_out"] if one["filter"] == "bars"] == [""]
    assert [(one["rank"], one["confidence"], one["price"]) for one in rows["scan_signals"]] == [
        ("1", "", "1.5"),
        ("2", "0.4", "1.5"),
    ]


def test_a_scan_of_nothing_has_no_rate() -> None:
    assert str(ScanSummary("s", 0, "", "", "", (), 0, 0, {}, 0, 0).approval_pct) == "nan"
