"""All markets of a venue at once: names, quotes, volumes and spreads; an answer that is none is never `nothing traded`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exchange import ExchangeServer
from rig import Rig, rig

from trader_cli.errors import VenueError
from trader_cli.jobs.scanning.filters import Traded
from trader_cli.venues.tickers import Market, Markets, markets_of, tickers

PAIR = {"wsname": "XBT/USD", "status": "online"}
TICK = {"a": ["101.0", "1", "1.0"], "b": ["99.0", "1", "1.0"], "v": ["10.0", "20.0"], "p": ["100.0", "99.5"]}
DAY = {"symbol": "BTCUSDT", "quoteVolume": "7000000.5", "bidPrice": "99.0", "askPrice": "101.0"}


class Said:
    """A client that gives one prepared answer and keeps what it was asked."""

    def __init__(self, venue: str, answer: Any) -> None:
        self.venue, self.answer = venue, answer
        self.asked: list[tuple[str, str]] = []

    def read(self, method: str, params: Any = None, *, kind: str = "", symbol: str = "", call: str = "") -> Any:
        self.asked.append((method, call))
        return self.answer


def told(venue: str, answer: Any) -> Mapping[str, Traded]:
    client: Any = Said(venue, answer)
    return tickers(client)


def test_a_kraken_ticker_counts_the_24_hours_in_quote() -> None:
    found = told("kraken", {"error": [], "result": {"XXBTZUSD": TICK}})
    assert found == {"XXBTZUSD": Traded(20.0 * 99.5, 99.0, 101.0)}
    assert found["XXBTZUSD"].spread_bps == pytest.approx(200.0)


def test_a_binance_ticker_states_its_quote_volume_and_costs_its_weight() -> None:
    client: Any = Said("binance", [DAY])
    assert tickers(client) == {"BTCUSDT": Traded(7000000.5, 99.0, 101.0)}
    assert client.asked == [("public_get_ticker_24hr", "ticker24hr")]


@pytest.mark.parametrize(
    "wrong",
    [
        {**TICK, "v": ["10.0"]},
        {**TICK, "p": "99.5"},
        {**TICK, "a": [None]},
        {**TICK, "b": ["-1"]},
        {**TICK, "v": ["1", "NaN"]},
        [],
        None,
    ],
)
def test_a_market_whose_figures_make_no_sense_is_absent_and_the_rest_is_there(wrong: Any) -> None:
    assert list(told("kraken", {"error": [], "result": {"BAD": wrong, "XXBTZUSD": TICK}})) == ["XXBTZUSD"]


@pytest.mark.parametrize(
    "answer", [None, "", [], {}, {"error": [], "result": {}}, {"error": [], "result": []}, "<html>", 3]
)
@pytest.mark.parametrize("venue", ["kraken", "binance"])
def test_an_answer_that_is_no_list_is_an_error_and_proves_nothing(venue: str, answer: Any) -> None:
    with pytest.raises(VenueError, match="no list of tickers"):
        told(venue, answer)
    with pytest.raises(VenueError, match="no list of markets"):
        markets_of(venue, answer)


def test_markets_are_called_as_we_call_them() -> None:
    answer = {
        "error": [],
        "result": {
            "XXBTZUSD": PAIR,
            "XDGUSD": {"wsname": "XDG/USD", "status": "cancel_only"},
            "XBTUSD.d": {"status": "online"},
            "NOSLASH": {"wsname": "NOSLASH", "status": "online"},
        },
    }
    assert markets_of("kraken", answer) == {
        "BTC/USD": Market("BTC/USD", "XXBTZUSD", open=True),
        "DOGE/USD": Market("DOGE/USD", "XDGUSD", open=False),
    }
    listed = {"symbols": [{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "status": "TRADING"}, 3]}
    (one,) = markets_of("binance", listed).values()
    assert (one, one.quote) == (Market("BTC/USDT", "BTCUSDT", open=True), "USDT")


def test_the_list_is_asked_for_once_while_it_is_young_and_a_damaged_copy_is_asked_for_anew(tmp_path: Path) -> None:
    asked: list[int] = []
    now = [1_000_000]

    def fetch(_: Mapping[str, str]) -> object:
        asked.append(now[0])
        return {"error": [], "result": {"XXBTZUSD": PAIR}}

    path = tmp_path / "kraken-markets.json"
    shelf = Markets(path, "kraken", 1.0, fetch, lambda: now[0])
    first = shelf.all()
    assert shelf.all() == first
    assert len(asked) == 1
    now[0] += 3_600_000
    shelf.all()
    assert len(asked) == 2
    for text in ("{", json.dumps({"version": 1, "venue": "kraken", "time_ms": now[0], "markets": {"BTC/USD": []}})):
        path.write_text(text)
        assert shelf.all() == first
    assert len(asked) == 4


@pytest.fixture(params=["kraken", "binance"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with ExchangeServer([request.param]) as server:
        yield rig(server, request.param, tmp_path)


@pytest.mark.req("R2.2")
def test_all_markets_of_an_exchange_come_in_two_requests(desk: Rig) -> None:
    desk.server.do("synthetic", venue=desk.venue, count=184)
    desk.server.do("price", venue=desk.venue, symbol=desk.symbol, price="48000")
    found, days = markets_of(desk.venue, desk.client.markets({})), tickers(desk.client)
    assert len(desk.asked) == 2
    assert len(found) > 184
    day = days[found[desk.symbol].id]
    assert day.bid < day.ask
    assert 0 < day.spread_bps < 50
    assert {one.id for one in found.values()} == set(days)
    assert desk.purse.spent == ["market_data"] * 2
