"""Results as CSV: which tables a result holds, and that a reader gets back what was in them."""

from __future__ import annotations

import csv
import inspect
import io
from typing import Any

import pytest

from trader_cli.cli.tables import csv_text, tables
from trader_cli.errors import UsageError

RESULT: dict[str, Any] = {
    "days": 7,
    "older": False,
    "symbols": ["BTC/USD", "ETH/USD"],
    "orders": [
        {"id": "a", "pnl": -1.5, "message": 'he said "no", twice\nand left', "stats": {"sharpe": None, "fees": {"USD": "1"}}},
        {"id": "b", "pnl": 2, "message": "", "events": [{"state": "open"}], "names": ["x", "y"]},
    ],
    "by_symbol": {"BTC/USD": {"orders": 3}, "ETH/USD": {"orders": 4}},
    "total": {"orders": 7},
    "line": [["2020-01-01", 1.0], ["2020-01-02", None]],
    "positions": [],
}  # fmt: skip


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_list_of_rows_is_a_table_and_what_stands_alone_is_one_together() -> None:
    found = tables(RESULT)
    assert list(found) == ["figures", "orders", "by_symbol", "total", "line", "positions"]
    assert found["figures"] == [
        {"name": "days", "value": 7},
        {"name": "older", "value": "false"},
        {"name": "symbols", "value": "BTC/USD; ETH/USD"},
    ]
    assert found["by_symbol"] == [{"name": "BTC/USD", "orders": 3}, {"name": "ETH/USD", "orders": 4}]
    assert found["total"] == [{"orders": 7}]
    assert found["line"][1] == {"1": "2020-01-02", "2": ""}


def test_a_table_read_back_holds_what_was_written() -> None:
    first, second = read(csv_text(RESULT, "orders"))
    assert first["message"] == RESULT["orders"][0]["message"]
    assert (first["pnl"], first["stats.sharpe"], first["stats.fees.USD"]) == ("-1.5", "", "1")
    assert (second["events"], second["names"], second["stats.sharpe"]) == ('[{"state": "open"}]', "x; y", "")


def test_several_tables_stand_under_their_names_and_one_alone_without() -> None:
    parts = csv_text(RESULT, None).split("\n\n")
    assert [one.splitlines()[0] for one in parts] == ["# figures", "# orders", "# by_symbol", "# total", "# line"]
    alone = csv_text({"orders": [{"id": "a"}], "positions": []}, None)
    assert alone == "id\na\n"


def test_an_empty_table_is_empty_and_an_unknown_one_is_refused() -> None:
    assert csv_text(RESULT, "positions") == ""
    with pytest.raises(UsageError, match="there is no table `order`") as told:
        csv_text(RESULT, "order")
    assert told.value.hints[0] == "did you mean `orders`?"


def test_every_command_of_report_gives_its_tables_as_csv() -> None:
    from trader_cli.cli import main  # noqa: F401 it brings all commands together
    from trader_cli.cli.report import app

    callbacks = [one.callback for one in app.registered_commands]
    assert app.registered_callback is not None
    assert len(callbacks) >= 10
    for one in (*callbacks, app.registered_callback.callback):
        assert one is not None
        assert {"csv", "table", "json"} <= inspect.signature(one).parameters.keys(), one
