"""How sessions, positions, orders, execution and chains look: 80 columns, no nulls, open questions first and in red."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from rich.console import Console

from trader_cli.cli.views_execution import execution_view, why_view
from trader_cli.cli.views_trading import (
    age,
    cycles_view,
    exact,
    money,
    orders_view,
    positions_view,
    price,
    report_view,
    session_view,
)

NAN = math.nan


def shown(view: Any, *values: Any, colour: bool = False, **options: Any) -> str:
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=80, no_color=not colour, force_terminal=colour, highlight=False, soft_wrap=True
    )
    view(console, *values, **options)
    text = buffer.getvalue()
    if not colour:
        assert max((len(line) for line in text.splitlines()), default=0) <= 80, text
        assert "None" not in text
        assert "nan" not in text
    return text


def order(state: str = "filled", **changed: Any) -> dict[str, Any]:
    base = {
        "client_id": "7adec0de-1a2b-4c3d-a111-0123456789ab",
        "symbol": "BTC/USD",
        "purpose": "entry",
        "kind": "limit",
        "quantity": "0.01234567",
        "filled": "0.01234567",
        "filled_pct": 100.0,
        "booked": True,
        "average": 81_234.5678,
        "state": state,
        "unresolved": state in ("sending", "unknown"),
        "age_s": 4000,
        "message": "",
    }
    return base | changed


def position(**changed: Any) -> dict[str, Any]:
    base = {
        "run_id": "r",
        "mode": "live",
        "exchange": "kraken",
        "wallet": "mean_reversion",
        "symbol": "BTC/USD",
        "strategy": "mean_reversion",
        "quote": "USD",
        "quantity": "0.01234567",
        "entry_price": "81234.5",
        "entry_time": "2026-01-01T12:00:00Z",
        "price": "82000.1",
        "price_time": "2026-01-01T13:00:00Z",
        "value": "1012.34617",
        "pnl": "9.4512",
        "pnl_pct": 0.94,
        "stop": "79000",
        "target": "84000",
        "guards": (
            {
                "role": "stop",
                "client_id": "7adec0de-9999-4c3d-a111-0123456789ab",
                "venue_id": "O-2",
                "state": "open",
                "level": "79000",
                "left": "0.01234567",
            },
        ),
        "exposed": False,
    }
    return base | changed


def session(**changed: Any) -> dict[str, Any]:
    base = {
        "run_id": "20260101T000000-abcdef",
        "mode": "live",
        "exchange": "kraken",
        "state": "open",
        "strategy": "momentum,grid",
        "preset": "paper-500",
        "symbols": tuple(f"S{i}/USD" for i in range(20)),
        "timeframe": "15m",
        "quote": "USD",
        "since": "2026-01-01T12:00:00Z",
        "bar": "",
        "updated": "2026-01-01T12:00:00Z",
        "cash": "900.12345678",
        "equity": "123456.78901234",
        "result": "-12.5",
        "result_pct": -1.25,
        "fills": 3,
        "trades": 1,
    }
    return base | changed


CYCLE = {
    "run_id": "r",
    "started": "2026-01-01T12:00:00Z",
    "outcome": "acted",
    "exit_code": 0,
    "seconds": 1.24,
    "calls": -1,
    "message": "",
    "age_s": 125,
}


def listed(**changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "unresolved": [],
        "unexplained": [],
        "unvalidated": [],
        "sessions": [],
        "positions": [],
        "cycles": [],
        "halted": [],
    }
    return base | {"days": 7, "limit": 20, "older": False, "runs": []} | changed


def finished(**changed: Any) -> dict[str, Any]:
    base = {"run_id": "run-1", "mode": "backtest", "open": False, "strategy": "demo_ma", "symbols": ["BTC/USD"]}
    return base | {"timeframe": "1h", "stats": {}} | changed


def test_what_is_unresolved_or_unexplained_stands_on_top_in_red_and_then_what_is_traded() -> None:
    """F: never hidden."""
    result = listed(
        unresolved=[order("unknown", filled="0", filled_pct=0.0, average=NAN, message="kraken: time-out " * 9)],
        unexplained=[{"run_id": "r", "exchange": "kraken", "asset": "BTC", "amount": "-0.001"}],
        halted=[{"scope": "all", "since": "2026-01-01T12:00:00Z", "reason": "odd prices"}],
        sessions=[session()],
        positions=[position(exposed=True)],
        cycles=[CYCLE | {"exit_code": 7, "outcome": "unresolved"}],
        runs=[finished(), finished(run_id="open-one", mode="live", open=True)],
        older=True,
    )
    text = shown(report_view, result)
    places = [
        text.index(word)
        for word in (
            "1 order is UNRESOLVED",
            "1a2b-4c3d: kraken: time-out",
            "UNEXPLAINED",
            "kraken has 0.001 BTC less than the ledger",
            "HALTED: everything enters nothing since 2026-01-01 12:00Z: odd prices",
            "live kraken",
            "momentum +1",
            "last cycle 2m ago: unresolved, 1.2 s",
            "BTC/USD: UNPROTECTED",
            "run-1",
            "`--days 0`",
        )
    ]
    assert places == sorted(places)
    assert "open-one" not in text
    red = shown(report_view, result, colour=True)
    assert "\x1b[1;31m1 order is UNRESOLVED" in red
    assert "\x1b[1;31munknown" in red


def test_without_sessions_there_is_only_the_list_of_runs() -> None:
    assert "no runs yet" in shown(report_view, listed())
    text = shown(report_view, listed(runs=[finished(mode="paper", strategy="demo_ma")]))
    assert "demo_ma (paper, ended)" in text
    assert "held" not in text


@pytest.mark.req("R4.10")
def test_seven_days_without_a_run_say_that_there_are_older_ones() -> None:
    text = shown(report_view, listed(older=True))
    assert "no runs in the last 7 days" in text
    assert "`--days 0` lists them" in text
    assert "in the last day" in shown(report_view, listed(older=True, days=1))


def test_a_position_says_entry_result_levels_and_what_protects_it() -> None:
    text = shown(positions_view, [position()])
    for words in (
        "live on kraken, mean_reversion\n",
        "since 2026-01-01 12:00Z",
        "82,000.1",
        "+9.45",
        "+0.94",
        "stop 79,000 · target 84,000",
        "stop at the venue: open at 79,000, 0.01234567, 9999-4c3d",
    ):
        assert words in text
    assert "UNPROTECTED" not in text


def test_odd_positions_are_shown_all_the_same() -> None:
    bare = position(entry_time="", price_time="", stop="", target="", guards=(), pnl="0", pnl_pct=NAN, strategy="")
    assert "no stop and no target" in shown(positions_view, [bare])
    assert "UNPROTECTED: the venue has no stop for it" in shown(positions_view, [position(exposed=True)])
    assert "kept by the simulated market" in shown(positions_view, [position(mode="paper", guards=())])
    long = position(symbol="1000SATS/USDT", quantity="123456789.12345678", entry_price="0.000000123456")
    shown(positions_view, [long])
    assert shown(positions_view, []) == "nothing is held\n"


def test_orders_say_what_was_said_of_those_that_did_not_fill() -> None:
    text = shown(
        orders_view,
        [
            order("sending", average=NAN, filled="0", filled_pct=0.0),
            order("open", kind="stop", purpose="stop", booked=False),
            order("filled", message="closed"),
            order("rejected", message="EOrder:Insufficient funds [bold]", quantity="123456789.12345678"),
        ],
    )
    assert "closed" not in text
    assert "1a2b-4c3d: EOrder:Insufficient funds [bold]" in text
    assert "not all of it is in the book yet" in text
    assert "81,234.57" in text
    assert shown(orders_view, []) == "no orders\n"


def test_cycles_stand_under_the_heartbeat() -> None:
    text = shown(cycles_view, [CYCLE, CYCLE | {"calls": 12, "exit_code": 5, "outcome": "venue", "message": "x " * 60}])
    assert text.startswith("heartbeat: the last cycle ended 2m ago\n")
    assert "12" in text
    assert "no cycle is on record yet" in shown(cycles_view, [])


def test_one_session_is_shown_with_what_it_holds_and_its_orders() -> None:
    reason = {"strategy": "momentum", "reason": "was never validated", "since": "2026-01-01T12:00:00Z", "until": ""}
    told: dict[str, Any] = {"session": session(), "unvalidated": []}
    text = shown(session_view, told | {"positions": [position()], "orders": [order()]})
    assert "and 14 more" in text
    assert "last bar -" in text
    assert "nothing is held" in shown(session_view, told | {"positions": [], "orders": []})
    armed = shown(session_view, told | {"unvalidated": [reason], "positions": [], "orders": []})
    assert "armed without validation: momentum (was never validated)" in " ".join(armed.split())


FIGURES = {
    "orders": 12, "unresolved": 1, "working": 1, "ended": 10, "succeeded": 9, "partial": 1, "rejected": 1, "absent": 0,
    "filled": 9, "notional": "123456.789", "shortfall": "1", "expected": "1000", "fees": {"USD": "12.346", "BNB": "0.001"},
    "fee_bps": 26.0, "accepted_median_ms": 120.0, "accepted_p95_ms": 2500.0, "filled_median_ms": NAN,
    "filled_p95_ms": None, "success_pct": 90.0, "slippage_bps": 12.5,
}  # fmt: skip


def test_execution_is_told_in_figures_and_sentences() -> None:
    groups = {"mean_reversion": FIGURES, "grid": FIGURES | {"slippage_bps": -3.0, "fee_bps": NAN}}
    result = {
        "total": FIGURES,
        "by_strategy": groups,
        "by_symbol": {"BTC/USD": FIGURES},
        "by_kind": {"limit": FIGURES},
        "rejections": {"below_minimum": 1},
        "switches": {"ioc": True, "minimum_buffer": "1", "reasons": ["IOC is on: slippage " + "is much " * 20, "off"]},
        "attribution": [{"strategy": "grid", "quote": "USD", "trades": 5, "wins": 2, "pnl": "-3.2", "fees": "0.00001"}],
    }
    text = shown(execution_view, result)
    for words in ("90.0 %", "+12.5 bps", "-3.0 bps", "2.5 s", "120 ms", "refused 1 x: below_minimum", "12.35 USD",
                  "IOC is on", "-3.20 USD"):  # fmt: skip
        assert words in text
    empty = result | {"total": FIGURES | {"orders": 0}, "attribution": []}
    assert "fills on paper are simulated" in shown(execution_view, empty)


def test_a_chain_is_read_from_the_bar_down() -> None:
    links = [
        {"stage": "bar", "time": "2026-01-01T12:00:00Z", "text": "BTC/USD closed at 100", "facts": {}},
        {"stage": "limit", "time": "2026-01-01T12:00:00Z", "text": "max symbol: [red]" + "too much " * 20, "facts": {}},
        {"stage": "limit", "time": "", "text": "var: more", "facts": {}},
        {"stage": "event", "time": "2026-01-01T12:00:07Z", "text": "sending", "facts": {}},
    ]
    result = {"subject": "order 7adec0de", "symbol": "BTC/USD", "wallet": "main", "mode": "live", "exchange": "kraken"}
    text = shown(why_view, result | {"links": links})
    assert "bar      closed 2026-01-01 12:00Z: BTC/USD closed at 100" in text
    assert text.count("limit ") == 1
    assert "[red]" in text
    assert "event    2026-01-01T12:00:07Z  sending" in text


def test_amounts_and_ages_are_short_and_true() -> None:
    assert [age(one) for one in (0, 59, 60, 7200, 200_000)] == ["0s", "59s", "1m", "2h", "2d"]
    assert (exact(""), exact("1234.50000001")) == ("-", "1,234.50000001")
    assert (money("0"), money("-1234.567"), money("0.00000012")) == ("0.00", "-1,234.57", "0.00000012")
    assert (price(NAN), price(None), price(0.00000123), price(12.34567), price(1234.5)) == (
        "-", "-", "0.00000123", "12.3457", "1,234.50",
    )  # fmt: skip
