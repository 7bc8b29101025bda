"""Sessions over days: what is decided when, who may let it trade, what a cycle costs and what it never gives away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from trader_cli.ledger import Ledger
from trader_cli.model.orders import OrderState, Purpose

from .rig import BOTH, DAY, HOUR, KEYS, Rig

Open = Callable[..., Rig]
PRIVATE = ("/private/", "/api/v3/order", "/api/v3/account", "openOrders", "myTrades")


def events(rig: Rig, kind: str) -> list[str]:
    """Return the messages of the system's events of a kind."""
    with rig.ledger._reading() as connection:
        rows = connection.execute(text("select message from system_events where kind = :kind"), {"kind": kind})
        return [row[0] for row in rows]


def changed(rig: Rig) -> dict[Path, bytes]:
    """Return what stands in the home's database."""
    return {one: one.read_bytes() for one in rig.home.glob("trader.db*")}


@pytest.mark.req("X9")
@pytest.mark.parametrize("venue", BOTH)
def test_a_second_cycle_on_the_same_bar_sends_nothing(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    rig.want(rig.eth, 1, limit=2_400)
    assert rig.cycle().code == 0
    sent, step = len(rig.sent()), rig.step
    for _ in range(3):
        rig.pass_ms(60_000)
        done = rig.cycle()
        assert (done.code, done.result["outcome"]) == (0, "nothing")
    assert (len(rig.sent()), rig.step.seq) == (sent, step.seq)
    assert not [row for row in rig.requests("CancelOrder") if row["acted"]]
    rig.check()


@pytest.mark.req("X9")
def test_a_quiet_cycle_on_kraken_asks_at_most_six_private_questions_and_none_twice(open_rig: Open) -> None:
    rig = open_rig(symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    for quiet in ("same bar", "new bar"):
        before = len(rig.requests())
        if quiet == "new bar":
            rig.bar()
        else:
            rig.pass_ms(60_000)
        assert rig.cycle().code == 0
        asked = rig.requests()[before:]
        private = [row["path"] for row in asked if "/private/" in row["path"]]
        assert len(private) <= 6, private
        told = [(row["path"], tuple(sorted((k, v) for k, v in row["params"].items() if k != "nonce"))) for row in asked]
        assert len(set(told)) == len(told), told


@pytest.mark.parametrize("venue", BOTH)
def test_e4_after_days_away_one_decision_is_taken_on_the_newest_bar(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar(51_000)
    rig.want(rig.btc, 0)
    rig.bar(50_500)
    rig.want(rig.btc, 1)
    for _ in range(48):
        rig.bar()
    sent = len(rig.sent())
    done = rig.cycle()
    assert done.code == 0, done
    # It held, let go and wanted it again while nobody looked: nothing of that is caught up.
    assert done.result["fills"] == []
    assert len(rig.sent()) == sent
    assert rig.step.bar_ms == rig.now // HOUR * HOUR - HOUR
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_e4_a_stop_that_filled_days_ago_is_booked_at_its_own_time(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar(48_900)
    when = rig.now
    for _ in range(30):
        rig.bar()
    done = rig.cycle()
    assert done.code == 0, done
    (fill,) = done.result["fills"]
    assert fill["reason"] == "stop"
    (sale,) = [row for row in rig.ledger.rows("fills", rig.session.run_id) if row["side"] == -1]
    assert when - HOUR < sale["time_ms"] < when
    rig.check()


def test_d7_a_bar_that_is_told_otherwise_later_is_noted_and_not_decided_on_again(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    sent = len(rig.sent())
    candles = rig.server.venues["kraken"].candles[rig.btc]
    opened = rig.now // HOUR * HOUR - HOUR
    at, first, high, _, _, volume = candles._kept[opened, HOUR]
    candles._kept[opened, HOUR] = (at, first, high, "49999.9", "49999.9", volume)
    rig.bar()
    done = rig.cycle()
    assert done.code == 0, done
    assert any("was revised" in one for one in done.result["notes"])
    rig.pass_ms(60_000)
    assert rig.cycle().code == 0
    assert len(rig.sent()) == sent
    assert len(rig.orders(Purpose.ENTRY)) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
@pytest.mark.parametrize("jump_ms", [-20 * 60_000, 20 * 60_000])
def test_e12_a_clock_that_jumps_places_nothing_until_it_is_right_again(
    venue: str, jump_ms: int, open_rig: Open
) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.off_ms = jump_ms
    rig.pass_ms(30 * 60_000)
    assert rig.cycle().code == 6
    assert rig.sent() == []
    rig.off_ms = 0
    assert rig.cycle().code == 0
    assert len(rig.orders(Purpose.ENTRY)) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_e12_a_clock_a_little_ahead_and_then_right_keeps_every_signature_in_order(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.off_ms = 900
    assert rig.cycle().code == 0
    rig.off_ms = -400
    rig.bar()
    rig.want(rig.btc, 0)
    assert rig.cycle().code == 0
    assert [row for row in rig.requests() if row["errors"]] == []
    rig.check()


@pytest.mark.req("R4.9")
@pytest.mark.parametrize("what", ["config", "strategy", "params", "expiry", "disarmed"])
def test_nothing_is_placed_once_anything_changed_that_was_agreed_to(what: str, open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    toml, code = rig.home / "trader.toml", rig.home / "strategies" / "planned.py"
    if what == "config":
        toml.write_text(toml.read_text().replace('stop_pct = "2"', 'stop_pct = "20"'))
    elif what == "strategy":
        code.write_text(code.read_text() + "# another line\n")
    elif what == "params":
        code.write_text(
            code.read_text()
            .replace("Signals, Strategy", "Param, Signals, Strategy")
            .replace("    def targets", "    size = Param(1, low=1, high=9)\n\n    def targets")
        )
        rig.deploy()
        rig.ledger.deploy(rig.now, replace(rig.ledger.deployments()[0], params={"size": "2"}))
    elif what == "expiry":
        rig.pass_ms(7 * DAY)
        rig.bar()
    else:
        rig.ledger.disarm(rig.now, "enough")
    asked = len(rig.requests())
    done = rig.cycle()
    assert done.code == 6, done
    assert len(rig.requests()) == asked
    rig.arm()
    assert rig.cycle().code == 0
    assert rig.held() > 0


@pytest.mark.parametrize("venue", BOTH)
def test_a_dry_run_shows_the_order_writes_nothing_and_sends_nothing(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.ledger.disarm(rig.now, "a dry run needs no leave")
    rig.let_go()
    before = changed(rig)
    done = rig.cycle(dry=True)
    rig.let_go()
    assert done.code == 0, done
    assert [(one["symbol"], one["side"]) for one in done.result["orders"]] == [(rig.btc, "buy")]
    assert changed(rig) == before
    assert rig.sent() == []


@pytest.mark.parametrize("venue", BOTH)
def test_a_dry_run_in_the_middle_of_a_session_changes_nothing(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar(48_900)
    rig.want(rig.btc, 0)
    step, sent = rig.step.seq, len(rig.sent())
    done = rig.cycle(dry=True)
    assert done.code == 0, done
    assert (rig.step.seq, len(rig.sent())) == (step, sent)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one["reason"] for one in done.result["fills"]] == ["stop"]
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
@pytest.mark.parametrize("new_bar", [False, True])
def test_the_kill_switch_sells_at_the_next_cycle_and_lets_nothing_in(venue: str, new_bar: bool, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    rig.want(rig.eth, 1, limit=2_400)
    assert rig.cycle().code == 0
    code, said = rig.cli("risk", "halt", "--reason", "enough", "--close-positions", "--json")
    assert code == 0, said
    if new_bar:
        rig.bar()
    else:
        rig.pass_ms(60_000)
    done = rig.cycle()
    assert done.code == 0, done
    assert [one["reason"] for one in done.result["fills"]] == ["kill"]
    assert rig.held() < Decimal("0.00001")
    assert rig.resting() == []
    rig.bar()
    done = rig.cycle()
    assert rig.resting(rig.eth) == []
    assert rig.held(rig.eth) == 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_a_halt_from_another_shell_stops_the_very_next_order(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    rig.want(rig.eth, 1)

    def halt(**_values: object) -> None:
        other = Ledger.open("sqlite:///trader.db", rig.home)
        other.halt(rig.now, "all", "by hand")
        other.close()

    rig.server.control._operations["halt"] = halt
    rig.fault("place", params={"type": "sell"} if venue == "kraken" else {"side": "SELL"}, after=[{"op": "halt"}])
    done = rig.cycle()
    assert done.code == 6, done
    # The first entry is in and protected; the second is not sent.
    assert rig.held() > 0
    assert len(rig.resting()) == 1
    assert rig.held(rig.eth) == 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_two_strategies_of_one_wallet_trade_their_markets(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"), strategies=("planned", "other"))
    rig.want(rig.btc, 1)
    rig.want(rig.eth, 1, strategy="other")
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() > 0
    rig.bar()
    assert rig.cycle().code == 0
    rig.check()


@pytest.mark.req("R1.10")
def test_switches_of_execution_move_with_the_record_and_are_written_down_when_they_do(open_rig: Open) -> None:
    rig = open_rig(settings={"execution": {"order": "limit", "success_orders": 2, "ioc_slippage_pct": "0.1"}})
    for turn in range(4):
        rig.want(rig.btc, 1 if turn % 2 == 0 else 0)
        rig.fault(
            "place",
            params={"type": "sell", "ordertype": "market"},
            before=[{"op": "price", "symbol": rig.btc, "price": "49500"}],
            after=[{"op": "price", "symbol": rig.btc, "price": "50000"}],
        )
        assert rig.cycle().code in (0, 6)
        rig.do("clear")
        rig.bar(50_000)
    rig.want(rig.btc, 1)
    rig.cycle()
    switched = events(rig, "execution_switch")
    assert len(switched) == 1, switched
    assert "IOC is on" in switched[0]
    assert "0.1 %" in switched[0]
    newest = [one for one in rig.at_venue if one["side"] > 0][-1]
    assert newest["tif"] == "ioc"
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_neither_key_nor_secret_stands_anywhere(venue: str, open_rig: Open, tmp_path: Path) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    rig.fault("place", kind="html")
    said = [str(rig.cycle())]
    rig.fault("balance", kind="html", times=2)
    said.append(str(rig.cycle()))
    rig.bar()
    said.append(str(rig.cycle()))
    rig.do("key", revoked=True)
    said.append(str(rig.cycle()))
    asked = (("report",), ("report", "orders"), ("report", "cycles"), ("config", "show"), ("doctor",))
    said += [rig.cli(*words)[1] for words in asked]
    rig.let_go()
    for one in KEYS[venue]:
        assert all(one not in told for told in said)
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert one.encode() not in path.read_bytes(), path


def test_a_whole_week_of_bars_adds_up(open_rig: Open) -> None:
    rig = open_rig(symbols=("BTC", "ETH"), settings={"risk": {"stop_pct": "1", "target_pct": "1.5"}})
    price = 50_000
    for turn in range(36):
        price += (-1) ** (turn // 3) * (137 + turn * 7)
        rig.bar(price)
        if turn % 4 == 0:
            rig.want(rig.btc, (turn // 4) % 2)
            rig.want(rig.eth, 1 - (turn // 4) % 2)
        done = rig.cycle()
        assert done.code == 0, done
    assert len(rig.orders(Purpose.ENTRY, OrderState.FILLED)) >= 6
    for symbol in (rig.btc, rig.eth):
        assert (rig.held(symbol) > 0) == (len(rig.resting(symbol)) == 1)
    rig.check()
