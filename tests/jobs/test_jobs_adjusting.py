"""The step that follows from a word on a difference: exactly that much changes hands, and nobody gains or loses by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trader_cli.config.layers import load_settings
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import CASH, DAY_WORTH, DUST, FLOOR, ORDER_SIDE, PEAK, POSITIONS, QUANTITY, STOP, new_book
from trader_cli.errors import UsageError
from trader_cli.jobs.adjusting import adjusted
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import WalletRecord
from trader_cli.model.session import Adjustment, Session, Step, StepRecord

ONE = 10**8
SYMBOLS = ("BTC/USD", "ETH/USD")
INSTRUMENTS = tuple(Instrument(symbol) for symbol in SYMBOLS)
SETTINGS = load_settings("plain", Path("/nowhere"), {}, {}).settings.model_dump()
# 100 and 10 USD, in units of 1e-8.
MARKS = (100 * ONE, 10 * ONE)


def session() -> Session:
    wallets = tuple(WalletRecord(name, ("hold",), ONE // 2, 500 * ONE, 0, 0, 0, 0, "") for name in ("a", "b"))
    return Session(
        run_id="r", mode="live", exchange="kraken", account="0a", strategy="hold", params={}, preset="plain", config={},
        timeframe="1h", quote="USD", instruments=INSTRUMENTS, wallets=wallets, cash_start=1000 * ONE, started_ms=0,
        code_digest="c", outside={"USD": "30", "BTC": "0.25"},
    )  # fmt: skip


def step() -> Step:
    """Wallet a holds 2 BTC with a stop and a rest of 0.1; each wallet has cash of 500."""
    book = new_book(2, (500 * ONE, 500 * ONE))
    book.position[0, [QUANTITY, DUST, FLOOR, STOP, ORDER_SIDE]] = (2 * ONE, ONE // 10, 90 * ONE, 90 * ONE, -1)
    book.account[POSITIONS] = 1
    book.wallet[:, [PEAK, DAY_WORTH]] = 700 * ONE
    return Step(
        seq=4, time_ms=5, bar_ms=3, symbols=SYMBOLS, wallets=("a", "b"), state=pack(book),
        notes={"outside": {"USD": "30", "BTC": "0.25"}, "dust": {"a|BTC/USD": 3}}, cash=1000 * ONE, equity=1210 * ONE,
        holdings=(21 * ONE // 10, 0, 0, 0), marks=MARKS, fill_count=1, trade_count=0, digest="d",
    )  # fmt: skip


def after(asset: str, amount: str, kind: str, wallet: str = "a") -> tuple[StepRecord, Any]:
    made = [Adjustment(asset, amount, kind, wallet, "because")]
    record = adjusted(session(), step(), INSTRUMENTS, SETTINGS, made, 9)
    assert record.adjustments == tuple(made)
    assert (record.step.seq, record.step.time_ms, record.step.bar_ms) == (5, 9, 3)
    assert (record.step.fill_count, record.step.digest, len(record.fills), len(record.trips)) == (1, "d", 0, 0)
    assert record.step.notes["dust"] == {"a|BTC/USD": 3}
    return record, unpack(record.step.state, SYMBOLS, ("a", "b"), SYMBOLS, ("a", "b"))


def test_cash_that_is_adopted_belongs_to_its_wallet_and_is_no_gain() -> None:
    record, book = after("USD", "100", "adopt", "b")
    assert (record.step.cash, record.step.equity) == (1100 * ONE, 1310 * ONE)
    assert book.wallet[:, CASH].tolist() == [500 * ONE, 600 * ONE, 1100 * ONE]
    assert book.wallet[:, PEAK].tolist() == [700 * ONE, 800 * ONE, 800 * ONE]
    assert book.wallet[:, DAY_WORTH].tolist() == [700 * ONE, 800 * ONE, 800 * ONE]
    assert record.step.notes["outside"] == {"USD": "30", "BTC": "0.25"}


def test_coins_join_the_position_or_are_one_from_now_on() -> None:
    record, book = after("BTC", "0.5", "adopt")
    assert book.position[0, [QUANTITY, DUST]].tolist() == [25 * ONE // 10, ONE // 10]
    assert (record.step.holdings[0], record.step.equity) == (26 * ONE // 10, 1260 * ONE)
    assert book.wallet[0, PEAK] == 750 * ONE
    record, book = after("ETH", "3", "adopt", "b")
    assert book.position[3, [QUANTITY, DUST]].tolist() == [3 * ONE, 0]
    assert book.account[POSITIONS] == 2
    assert record.step.holdings == (21 * ONE // 10, 0, 0, 3 * ONE)


def test_coins_that_are_gone_leave_the_rest_first_and_the_last_ends_the_position() -> None:
    _, book = after("BTC", "-0.05", "adopt")
    assert book.position[0, [QUANTITY, DUST, FLOOR]].tolist() == [2 * ONE, ONE // 20, 90 * ONE]
    record, book = after("BTC", "-2.1", "adopt")
    assert not np.any(book.position[0, [QUANTITY, DUST, FLOOR, STOP, ORDER_SIDE]])
    assert (book.account[POSITIONS], record.step.holdings[0], record.step.equity) == (0, 0, 1000 * ONE)
    assert book.wallet[0, PEAK] == 490 * ONE


def test_more_than_a_wallet_has_cannot_be_lost_by_it() -> None:
    with pytest.raises(UsageError, match="holds 2.1 BTC, it cannot lose 2.2"):
        after("BTC", "-2.2", "adopt")
    with pytest.raises(UsageError, match="wallet `a` has 500 USD, it cannot lose more"):
        after("USD", "-501", "adopt")


@pytest.mark.parametrize(
    ("asset", "amount", "outside", "ours"),
    [
        # What is written off is not ours: it only counts as that.
        ("BTC", "0.5", {"USD": "30", "BTC": "0.75"}, 0),
        ("DOGE", "7", {"USD": "30", "BTC": "0.25", "DOGE": "7"}, 0),
        # What is gone was not ours as long as there was such; the rest is lost.
        ("BTC", "-0.2", {"USD": "30", "BTC": "0.05"}, 0),
        ("BTC", "-0.75", {"USD": "30", "BTC": "0.00"}, -50 * ONE),
        ("USD", "-100", {"USD": "0", "BTC": "0.25"}, -70 * ONE),
    ],
)
def test_what_is_written_off_is_taken_from_what_is_not_ours_first(
    asset: str, amount: str, outside: dict[str, str], ours: int
) -> None:
    record, _ = after(asset, amount, "write_off")
    told = record.step.notes["outside"]
    assert isinstance(told, dict)
    assert {name: float(text) for name, text in told.items()} == {name: float(text) for name, text in outside.items()}
    assert record.step.equity == 1210 * ONE + ours
