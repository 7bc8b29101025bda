"""The table of `--trades`: decimals to the last digit, worked by hand."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from insight_home import Home

from trader_cli.engine.trips import round_trips
from trader_cli.jobs.trade_rows import trade_rows
from trader_cli.market.tables import write_rows
from trader_cli.model.fills import Fills
from trader_cli.model.instrument import Instrument

ONE = 10**8


def fills(*rows: tuple[int, int, int, int]) -> Fills:
    """Return fills of one symbol in one wallet, an hour apart; rows: side, quantity, price, notional, all 1e-8."""
    side, quantity, price, notional = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    nothing = np.zeros(len(rows), np.int64)
    times = 3_600_000 * np.arange(len(rows), dtype=np.int64)
    return Fills(("AA/USD",), times, nothing, side, quantity, price, notional, nothing, nothing, nothing, nothing)


def test_a_price_is_that_of_its_fill_though_what_was_paid_is_rounded_up() -> None:
    """A third of a coin at 0.3: 0.099999999, which is a whole unit more than price x quantity."""
    made = fills((1, 33_333_333, 30_000_000, 10_000_000), (-1, 33_333_333, 10_000_001, 3_333_333))
    columns = trade_rows(round_trips(made, 3_600_000), made, [Instrument("AA/USD")])
    assert columns["entry_price"] == [Decimal("0.3")]
    assert columns["exit_price"] == [Decimal("0.10000001")]
    assert columns["quantity"] == [Decimal("0.33333333")]
    assert columns["pnl"] == [Decimal("-0.06666667")]


def test_of_several_fills_the_price_is_their_average_by_quantity() -> None:
    """2 at 0.1 and 1 at 0.2: 0.4 / 3, the eighth digit rounded; sold 1 at 0.3 and 2 at 0.6: 0.5."""
    tenth = ONE // 10
    made = fills(
        (1, 2 * ONE, tenth, 2 * tenth),
        (1, ONE, 2 * tenth, 2 * tenth),
        (-1, ONE, 3 * tenth, 3 * tenth),
        (-1, 2 * ONE, 6 * tenth, 12 * tenth),
    )
    columns = trade_rows(round_trips(made, 3_600_000), made, [Instrument("AA/USD")])
    assert columns["entry_price"] == [Decimal("0.13333333")]
    assert columns["exit_price"] == [Decimal("0.5")]


def test_a_price_beyond_the_digits_of_a_float_is_written_whole(tmp_path: Path) -> None:
    made = fills((1, 1, 123_456_789_012_345_678, 1_234_567_891), (-1, 1, 123_456_789_012_345_679, 1_234_567_890))
    columns = trade_rows(round_trips(made, 3_600_000), made, [Instrument("AA/USD")])
    write_rows(columns, tmp_path / "trades.csv")
    (row,) = csv.DictReader((tmp_path / "trades.csv").read_text().splitlines())
    assert (row["entry_price"], row["exit_price"]) == ("1234567890.12345678", "1234567890.12345679")


def test_the_file_of_a_backtest_has_what_the_ledger_has_and_numbers_stay_numbers(tmp_path: Path) -> None:
    """0.1 + 0.2 is not 0.3 in floats, nor is 30,000,000 times 1e-8."""
    home = Home.make(tmp_path, costs__fee_bps="10", sizing__quantity="0.3")
    home.bars([0.3, 0.3, 0.3, 0.7, 0.7])
    home.want(2, 1.0)
    home.want(4, 0.0)
    for ending in ("csv", "json", "parquet"):
        home.backtest("--trades", str(tmp_path / f"trades.{ending}"), "--fills", str(tmp_path / f"fills.{ending}"))
    text = (tmp_path / "trades.csv").read_text()
    (row,) = csv.DictReader(text.splitlines())
    (trip,) = home.ledger().rows("trades", home.ledger().runs(1)[0].run_id)
    assert (row["entry_price"], row["exit_price"], row["quantity"]) == ("0.3", "0.7", "0.3")
    assert Decimal(row["pnl"]) * ONE == trip["pnl"]
    assert Decimal(row["fees"]) * ONE == trip["fees"]
    assert "0000000" not in text
    assert '"0.' not in text
    (row,) = json.loads((tmp_path / "trades.json").read_text())
    assert (row["entry_price"], row["quantity"]) == (0.3, 0.3)
    table = pq.read_table(tmp_path / "trades.parquet")
    assert str(table.schema.field("entry_price").type) == "double"
    assert table.column("exit_price").to_pylist() == [0.7]
    fills_text = (tmp_path / "fills.csv").read_text()
    assert "0.3," in fills_text
    assert "0000000" not in fills_text


def test_a_run_without_a_trade_is_a_table_with_its_heads(tmp_path: Path) -> None:
    home = Home.make(tmp_path)
    home.bars([1, 1, 1])
    home.backtest("--trades", str(tmp_path / "trades.csv"))
    assert (tmp_path / "trades.csv").read_text().startswith('"symbol","entry_time","entry_price"')
