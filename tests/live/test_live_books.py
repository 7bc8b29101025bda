"""What lies on the account beside the book, and who else uses it (reliability.md, C14 to C16, E8, E15, E16)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal

import pytest

from trader_cli.model.orders import OrderState, Purpose

from .rig import BOTH, DAY, QUOTES, Rig

Open = Callable[..., Rig]


@pytest.mark.parametrize("venue", BOTH)
@pytest.mark.parametrize("word", ["--adopt", "--write-off"])
def test_c14_a_deposit_stops_entries_not_exits_until_somebody_explains_it(
    venue: str, word: str, open_rig: Open
) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("deposit", asset="BTC", amount="0.5")
    rig.bar()
    rig.want(rig.eth, 1)
    done = rig.cycle()
    assert done.code == 6, done
    assert "+0.5 BTC" in done.message
    assert rig.held(rig.eth) == 0
    assert len(rig.resting()) == 1
    code, said = rig.cli("ledger", "reconcile", word, "--reason", "a gift", "--json")
    assert code == 0, said
    rig.bar()
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held(rig.eth) > 0
    adopted = word == "--adopt"
    assert (rig.held() > Decimal("0.5")) == adopted
    protected = sum(Decimal(one["quantity"]) for one in rig.resting())
    assert (protected > Decimal("0.5")) == adopted
    rig.bar()
    rig.want(rig.btc, 0)
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.balance("BTC") < Decimal("0.0001") if adopted else rig.balance("BTC") >= Decimal("0.5")
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_c14_exits_go_on_while_a_difference_is_unexplained(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("deposit", asset=QUOTES[venue], amount="77")
    rig.bar()
    rig.want(rig.btc, 0)
    done = rig.cycle()
    assert done.code == 6, done
    assert rig.held() < Decimal("0.00001")
    assert rig.resting() == []
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_c14_what_somebody_sold_by_hand_is_never_sold_again(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("cancel", order=rig.resting()[0]["id"])
    rig.do("order", symbol=rig.btc, side="sell", quantity="0.012")
    done = rig.cycle()
    assert done.code == 6, done
    # The stop is made again for what is there.
    (stop,) = rig.resting()
    assert Decimal(stop["quantity"]) <= rig.balance("BTC")
    rig.bar()
    assert rig.cycle().code == 6
    assert len(rig.resting()) == 1
    rig.want(rig.btc, 0)
    rig.bar()
    done = rig.cycle()
    assert done.code == 6, done
    assert rig.balance("BTC") < Decimal("0.00002")
    code, said = rig.cli("ledger", "reconcile", "--write-off", "--reason", "sold by hand", "--asset", "BTC", "--json")
    assert code in (0, 6), said
    code, said = rig.cli("ledger", "reconcile", "--adopt", "--reason", "sold by hand", "--json")
    assert code == 0, said
    rig.bar()
    assert rig.cycle().code == 0
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_c14_a_withdrawal_of_cash_stops_entries(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    assert rig.cycle().code == 0
    rig.do("withdraw", asset=QUOTES[venue], amount="9500")
    rig.bar()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 6
    assert rig.sent() == []


@pytest.mark.parametrize("venue", BOTH)
def test_c14_what_lay_there_before_is_left_alone(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, balances={QUOTES[venue]: 25_000, "BTC": "1.5", "DOGE": 1000})
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.bar()
    rig.want(rig.btc, 0)
    assert rig.cycle().code == 0
    assert abs(rig.balance("BTC") - Decimal("1.5")) < Decimal("0.00001")
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_c15_foreign_orders_are_never_cancelled(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"), balances={QUOTES[venue]: 20_000, "BTC": 1})
    theirs = {
        rig.do("order", symbol=rig.btc, side="sell", quantity="0.5", kind="limit", price="60000"),
        rig.do("order", symbol=rig.eth, side="buy", quantity="0.5", kind="limit", price="2000"),
    }
    rig.want(rig.btc, 1)
    for target in (0, 1, 0):
        assert rig.cycle().code == 0
        rig.bar()
        rig.want(rig.btc, target)
    assert rig.cycle().code == 0
    still = {one["id"] for one in rig.at_venue if one["status"] == "open"}
    assert theirs <= still
    cancelled = {value for row in rig.requests() for value in row["params"].values() if row["acted"]} & theirs
    assert cancelled == set()
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_c16_an_order_older_than_the_venues_memory_is_over_and_not_lost(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    stop = rig.resting()[0]["id"]
    rig.do("cancel", order=stop)
    rig.pass_ms(100 * DAY)
    params = {"txid": stop} if venue == "kraken" else {"orderId": stop}
    values = (
        {"text": "EOrder:Unknown order"}
        if venue == "kraken"
        else {
            "code": -2026,
            "text": "Order was canceled or expired with no executed qty over 90 days ago and has been archived.",
        }
    )
    rig.fault("order", kind="error", times=0, params=params, **values)
    rig.arm()
    rig.bar()
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.orders(Purpose.STOP)[0].state is OrderState.CANCELLED
    assert len(rig.resting()) == 1
    rig.check()


@pytest.mark.parametrize("venue", BOTH)
def test_e8_with_an_old_copy_of_the_ledger_nothing_is_repeated_and_it_is_an_alarm(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    rig.want(rig.btc, 0)
    assert rig.cycle().code == 0
    rig.let_go()
    shutil.copy(rig.home / "trader.db", rig.home / "old.db")
    rig.bar()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.let_go()
    shutil.copy(rig.home / "old.db", rig.home / "trader.db")
    sent = len(rig.sent())
    done = rig.cycle()
    assert done.code == 6, done
    assert "does not know" in done.message
    rig.bar()
    rig.want(rig.eth, 1)
    assert rig.cycle().code == 6
    assert len(rig.sent()) == sent
    assert all(len(ids) == 1 for ids in rig.server.accepted(venue).values())


def test_e15_a_symbol_that_is_no_longer_traded_is_still_looked_after_to_its_end(open_rig: Open) -> None:
    rig = open_rig(symbols=("BTC", "ETH"))
    rig.want(rig.btc, 1)
    rig.want(rig.eth, 1, limit=2_400)
    assert rig.cycle().code == 0
    text = (rig.home / "trader.toml").read_text()
    (rig.home / "trader.toml").write_text(text.replace('["BTC/USD", "ETH/USD"]', '["ETH/USD"]'))
    assert rig.cycle().code == 6
    rig.arm()
    rig.bar()
    done = rig.cycle()
    assert done.code == 0, done
    assert len(rig.resting()) == 1
    rig.bar(48_900)
    done = rig.cycle()
    assert [one["reason"] for one in done.result["fills"]] == ["stop"]
    rig.bar()
    assert rig.cycle().code == 0
    assert rig.held() == 0
    rig.check()


def test_e15_another_size_leaves_open_orders_to_be_followed(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1, limit=49_000)
    assert rig.cycle().code == 0
    text = (rig.home / "trader.toml").read_text()
    (rig.home / "trader.toml").write_text(text.replace('notional = "1000"', 'notional = "500"'))
    rig.arm()
    rig.do("fill", order=next(iter(rig.at_venue))["id"])
    done = rig.cycle()
    assert done.code == 0, done
    assert rig.held() == Decimal("0.02")
    assert len(rig.resting()) == 1
    rig.check()


def test_e16_another_accounts_key_trades_nothing_with_this_arming(
    open_rig: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    monkeypatch.setenv("TRADER_API_KEY", "another-key")
    done = rig.cycle()
    assert done.code == 6, done
    assert "not armed" in done.message
    assert rig.sent() == []


def test_e16_paper_and_live_in_one_home_keep_books_of_their_own(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    sent = len(rig.sent())
    code, said = rig.cli("paper", "--once", "--json")
    assert code == 0, said
    assert len(rig.sent()) == sent
    modes = [one.mode for one in rig.ledger.sessions()]
    assert sorted(modes) == ["live", "paper"]
