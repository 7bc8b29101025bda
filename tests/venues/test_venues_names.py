"""The names of assets and markets in one place (R1.6)."""

from __future__ import annotations

import pytest

from trader_cli.venues.names import Names, asset, spellings

pytestmark = pytest.mark.req("R1.6")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("XXBT", "BTC"), ("XBT", "BTC"), ("ZUSD", "USD"), ("XXDG", "DOGE"), ("XETH", "ETH"), ("SOL", "SOL"), ("XTZ", "XTZ"),
     ("ZRX", "ZRX"), ("XCN", "XCN"), ("USDT", "USDT")],
)  # fmt: skip
def test_kraken_asset_in_our_name(theirs: str, ours: str) -> None:
    assert asset("kraken", theirs) == ours


@pytest.mark.parametrize("theirs", ["XBT.M", "ETH2.S", "SOL.F", "ZUSD.HOLD", "DOT.P", "ADA.B"])
def test_kraken_staked_or_held_asset_cannot_be_spent(theirs: str) -> None:
    assert asset("kraken", theirs) is None


def test_binance_lent_asset_cannot_be_spent_and_ldo_is_a_coin() -> None:
    assert asset("binance", "LDBTC") is None
    assert asset("binance", "LDO") == "LDO"
    assert asset("binance", "BTC") == "BTC"


def test_the_first_spelling_is_the_one_that_is_sent() -> None:
    assert spellings("kraken", "BTC/USD")[0] == "XBTUSD"
    assert spellings("kraken", "DOGE/EUR")[0] == "XDGEUR"
    assert spellings("kraken", "SOL/USD")[0] == "SOLUSD"
    assert spellings("binance", "BTC/USDT") == ("BTCUSDT",)
    assert spellings("kraken", "BTC/USD@kraken")[0] == "XBTUSD"


@pytest.mark.parametrize("theirs", ["XBTUSD", "XXBTZUSD", "XBT/USD", "BTC/USD", "BTCUSD"])
def test_every_spelling_of_kraken_leads_back_to_our_symbol(theirs: str) -> None:
    assert Names("kraken", ["ETH/USD", "BTC/USD"]).symbol(theirs) == "BTC/USD"


def test_a_market_we_do_not_trade_keeps_the_venues_name() -> None:
    assert Names("kraken", ["BTC/USD"]).symbol("ADAEUR") == "ADAEUR"
