"""A run that leaves the range of exact money is refused with the value, the moment and the cure, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from insight_home import FIRST, HOUR, Home

from trader_cli.compiler import INTERPRET
from trader_cli.engine import panel
from trader_cli.engine.panel import build_rules
from trader_cli.engine.state import Market
from trader_cli.errors import UsageError
from trader_cli.jobs.money_range import MOST, require_exact
from trader_cli.model.fills import Fills
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules
from trader_cli.wiring import Wiring

ONE = 10**8
BILLION = 1_000_000_000


def home(folder: Path, cash: str, closes: list[float]) -> Home:
    """All of the cash is in the symbol from bar 2 to the last but one."""
    made = Home.make(folder, account__cash=cash, sizing__method="fraction", sizing__fraction="1")
    made.bars(closes)
    made.want(2, 1.0)
    made.want(len(closes) - 1, 0.0)
    return made


@pytest.mark.parametrize("factor", [4.01, 9.23, 10, 20, 30, 100_000])
def test_an_account_beyond_the_range_is_refused_at_the_close_that_saw_it(tmp_path: Path, factor: float) -> None:
    """Ten billion are the most to begin with. At 10 and at 30 times that a wrapped balance looks like any other."""
    made = home(tmp_path, "10000000000", [100, 100, 100, 100 * factor, 100 * factor, 100 * factor])
    said = made.call("backtest", "planned")
    assert said.code == 2
    if not INTERPRET:
        worth = f"{10 * factor * BILLION:,.0f}"
        assert f"error: the account was worth {worth} USD at 2026-01-01T04:00:00Z: amounts are exact up to" in said.err
    assert "40,000,000,000, so nothing was recorded" in said.err
    assert "hint: begin with less: a smaller `--cash`" in said.err
    ledger = made.folder / "trader.db"
    assert not ledger.exists() or made.ledger().runs(1) == []


def test_an_account_up_to_the_range_is_exact(tmp_path: Path) -> None:
    made = home(tmp_path, "10000000000", [100, 100, 100, 400, 400, 400])
    assert made.backtest()["final_equity"] == 40 * BILLION


def test_more_of_a_symbol_than_can_be_counted_is_refused_instead_of_not_held(tmp_path: Path) -> None:
    """A million at 0.00001 is a hundred billion of it, 1e19 in units of 1e-8: nothing would be bought, without a word."""
    made = home(tmp_path, "1000000", [0.00001] * 3 + [0.00002] * 3)
    said = made.call("backtest", "planned")
    assert said.code == 2
    if not INTERPRET:
        text = (
            "error: 1,000,000 USD of AA/USD at 1e-05 are 100,000,000,000 AA at 2026-01-01T02:00:00Z: amounts are exact"
        )
        assert text in said.err
    assert made.backtest("--set", "sizing.fraction=0.3")["trades"] == 1
    assert made.backtest("--cash", "300000")["trades"] == 1


def test_the_range_is_the_panel_s() -> None:
    assert panel._LARGEST == MOST


def rules(folder: Path, **settings: str) -> Rules:
    return build_rules(Wiring.find(Home.make(folder, **settings).folder, None, {}).settings.model_dump(), HOUR)


def stand(cash: int, *rows: tuple[int, int, int], closes: list[float]) -> tuple[Market, Fills]:
    """Return bars at these closes that are always wished for, and fills of (bar, side, price) of 1e9 coins."""
    prices = np.tile(np.array(closes, float)[:, None], (4, 1, 1))
    open_ms = FIRST + HOUR * np.arange(len(closes), dtype=np.int64)
    market = Market(prices, np.ones((1, len(closes), 1)), np.empty((0, 0, 0)), np.empty((0, 0)), open_ms)
    bar, side, price = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    nothing = np.zeros(len(rows), np.int64)
    quantity = np.full(len(rows), BILLION * ONE, np.int64)
    # What a wrapped product may look like: a number within the range.
    notional = np.full(len(rows), cash // 2, np.int64)
    fills = Fills(
        ("AA/USD",), open_ms[bar], nothing, side, quantity, price, notional, nothing, nothing, nothing, nothing
    )
    return market, fills


def test_a_sale_beyond_the_range_is_told_though_no_close_shows_it(tmp_path: Path) -> None:
    """Bought at 10, sold at an open of 100: 1e11, while every close is told as it was before."""
    cash = 10 * BILLION * ONE
    market, fills = stand(cash, (1, 1, 10 * ONE), (2, -1, 100 * ONE), closes=[10, 10, 10])
    equity = np.full(3, 10.0 * BILLION)
    with pytest.raises(UsageError, match=r"the account had 100,000,000,000 USD in cash at 2026-01-01T02:00:00Z"):
        require_exact(market.open_ms, market, equity, fills, (cash,), rules(tmp_path), [Instrument("AA/USD")])
    kept = replace(fills, price=np.array([10 * ONE, 20 * ONE]))
    require_exact(market.open_ms, market, equity, kept, (cash,), rules(tmp_path), [Instrument("AA/USD")])


def test_a_fixed_amount_counts_by_its_own_size_and_a_fixed_quantity_not_at_all(tmp_path: Path) -> None:
    """A billion at 0.01 is beyond the range, whoever asks for it; a hundred in a large account are not."""
    nothing = Fills(("AA/USD",), *[np.empty(0, np.int64)] * 10)
    market, _ = stand(0, (0, 1, 1), closes=[0.01, 0.01])
    equity = np.full(2, 1.0 * BILLION)
    quantities = rules(tmp_path, sizing__method="quantity", sizing__quantity="1")
    hundred = rules(tmp_path, sizing__method="notional", sizing__notional="100")
    billion = rules(tmp_path, sizing__method="notional", sizing__notional=str(BILLION))
    for kept in (quantities, hundred):
        require_exact(market.open_ms, market, equity, nothing, (BILLION * ONE,), kept, [Instrument("AA/USD")])
    with pytest.raises(UsageError, match="1,000,000,000 USD of AA/USD at 0.01 are 100,000,000,000 AA"):
        require_exact(market.open_ms, market, equity, nothing, (BILLION * ONE,), billion, [Instrument("AA/USD")])


def test_a_wallet_is_asked_for_what_it_has_not_for_what_the_account_has(tmp_path: Path) -> None:
    """A tenth of a million at 0.00001 is within the range, a million is not."""
    home = Home.make(tmp_path, account__cash="1000000", sizing__method="fraction", sizing__fraction="1")
    path = home.folder / "trader.toml"
    path.write_text(path.read_text() + '[wallets.small]\nshare_pct = 10\nstrategies = ["planned"]\n')
    home.bars([0.00001] * 3 + [0.00002] * 3)
    home.want(2, 1.0)
    said = home.call("backtest", "--json")
    assert said.code == 0, said.err
    assert said.result["fills"] == 1
