"""Wallets are sub-accounts: money moves between them only by entries, and each can be derived from its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from books import CASH, record
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from trader_cli.errors import UsageError
from trader_cli.ledger import Ledger, schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.posting import post
from trader_cli.ledger.record import batch_of
from trader_cli.ledger.verify import verify
from trader_cli.model.run import RunRecord

URL = "sqlite:///trader.db"


def stored_entries(ledger: Ledger) -> list[Any]:
    t, e, a = schema.transactions, schema.entries, schema.accounts
    query = select(e.c.txn, t.c.kind, a.c.name, a.c.asset, e.c.amount).join_from(e, t, e.c.txn == t.c.id)
    with reading(ledger.engine, ledger.path) as connection:
        return list(connection.execute(query.join(a, e.c.account == a.c.id).order_by(e.c.txn, e.c.line)))


def found(folder: Path, run: RunRecord) -> list[tuple[str, str]]:
    ledger = Ledger.open(URL, folder)
    ledger.record_run(run)
    findings = [(one.table, one.message) for one in verify(ledger)]
    ledger.close()
    return findings


MANY = st.builds(
    record,
    seed=st.integers(0, 10**6),
    count=st.integers(0, 60),
    symbols=st.integers(1, 3),
    wallets=st.integers(2, 4),
    strategies=st.integers(1, 2),
    rest=st.sampled_from([0, 1, 7 * 10**8, CASH // 3]),
)


@pytest.mark.req("R2.5")
@settings(max_examples=20)
@given(run=MANY)
def test_money_is_conserved_across_transfers_and_every_wallet_pays_for_itself(tmp_path_factory, run: RunRecord) -> None:
    ledger = Ledger.open(URL, tmp_path_factory.mktemp("law"))
    ledger.record_run(run)
    by_txn: dict[tuple[int, str], int] = defaultdict(int)
    by_asset: dict[str, int] = defaultdict(int)
    balance: dict[str, int] = defaultdict(int)
    moved: dict[str, int] = defaultdict(int)
    for txn, kind, name, asset, amount in stored_entries(ledger):
        by_txn[txn, asset] += amount
        by_asset[asset] += amount
        balance[name] += amount
        if kind == "transfer":
            moved[name] += amount
    assert set(by_txn.values()) <= {0}
    assert set(by_asset.values()) <= {0}
    rest = run.cash_start - sum(one.cash_start for one in run.wallets)
    assert sum(moved.values()) == 0
    assert balance["assets:cash:USD"] == rest
    assert rest + sum(balance[f"assets:cash:{one.name}:USD"] for one in run.wallets) == run.cash_end
    paid = run.fills.side * run.fills.notional + run.fills.fee
    for w, one in enumerate(run.wallets):
        assert moved[f"assets:cash:{one.name}:USD"] == one.cash_start
        assert balance[f"assets:cash:{one.name}:USD"] == one.cash_end
        assert one.cash_end == one.cash_start - int(paid[run.fills.wallet == w].sum())
        assert balance[f"expenses:fees:{one.name}:USD"] == int(run.fills.fee[run.fills.wallet == w].sum())
        for s, steps in enumerate(run.instruments):
            held = run.holdings[w * len(run.instruments) + s]
            assert balance[f"assets:holding:{one.name}:{steps.base}"] == held
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R2.5")
@settings(max_examples=20)
@given(run=MANY, loser=st.integers(0, 3))
def test_what_one_wallet_does_changes_no_other_wallets_entries(run: RunRecord, loser: int) -> None:
    """Without the fills of one wallet, every entry of the others stays what it was, in the same order."""
    loser %= len(run.wallets)
    keep = run.fills.wallet != loser
    names = ("time_ms", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason", "wallet")
    fills = replace(run.fills, **{name: getattr(run.fills, name)[keep] for name in names})
    trips = run.round_trips
    stays = trips.wallet != loser
    columns = ("symbol", "entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars", "wallet")
    left = replace(
        trips,
        **{name: getattr(trips, name)[stays] for name in columns},
        last_fill=(np.cumsum(keep) - 1)[trips.last_fill[stays]] if len(keep) else trips.last_fill[stays],
    )
    name = run.wallets[loser].name
    assert others(run, name) == others(replace(run, fills=fills, round_trips=left), name)


def others(run: RunRecord, wallet: str) -> list[tuple[str, int]]:
    posting = post(batch_of(run))
    entries = [(posting.names[i][0], int(x)) for i, x in zip(posting.account, posting.amount, strict=True)]
    return [(name, amount) for name, amount in entries if f":{wallet}:" not in name]


@pytest.mark.req("R2.5")
def test_a_run_with_one_wallet_keeps_the_accounts_it_always_had() -> None:
    posting = post(batch_of(record(1, 20, symbols=1)))
    names = [name for name, _ in posting.names]
    assert names == [
        "assets:cash:USD",
        "equity:market:USD",
        "expenses:fees:USD",
        "income:trading:USD",
        "assets:holding:S0",
        "equity:market:S0",
        "equity:opening:USD",
    ]
    assert posting.before == 1


@pytest.mark.req("R2.5")
def test_the_whole_cash_is_opened_then_each_share_is_moved_by_one_transaction(tmp_path: Path) -> None:
    # 1,000,000 of cash, 10 kept back, two wallets: 499,995 each.
    ledger = Ledger.open(URL, tmp_path)
    ledger.record_run(record(1, 0, wallets=2, rest=10 * 10**8))
    half = 499_995 * 10**8
    assert [tuple(row) for row in stored_entries(ledger)] == [
        (1, "opening", "equity:opening:USD", "USD", -CASH),
        (1, "opening", "assets:cash:USD", "USD", CASH),
        (2, "transfer", "assets:cash:USD", "USD", -half),
        (2, "transfer", "assets:cash:momentum:USD", "USD", half),
        (3, "transfer", "assets:cash:USD", "USD", -half),
        (3, "transfer", "assets:cash:mean_reversion:USD", "USD", half),
    ]
    ledger.close()


@pytest.mark.req("R2.5")
@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("cash_start", "cash at the start of `grid`"),
        ("cash_end", "cash at the end of `grid`"),
        ("equity_end", "equity at the end of `grid`"),
        ("trades", "the number of round trips of `grid`"),
        ("pnl", "the result of `grid`"),
    ],
)
def test_a_wallet_whose_entries_do_not_add_up_is_found_and_named(tmp_path: Path, column: str, says: str) -> None:
    """The chains are sound here: only deriving the wallet from its entries can find it."""
    run = record(3, 40, wallets=3)
    wrong = replace(run.wallets[2], **{column: getattr(run.wallets[2], column) + 1})
    # cash_start is also what is transferred: the record says one thing, the entries of another record say the other.
    if column == "cash_start":
        ledger = Ledger.open(URL, tmp_path)
        with patch("trader_cli.ledger.transactions.post", lambda _: post(batch_of(run))):
            ledger.record_run(replace(run, wallets=(*run.wallets[:2], wrong)))
        findings = [(one.table, one.message) for one in verify(ledger)]
        ledger.close()
    else:
        findings = found(tmp_path, replace(run, wallets=(*run.wallets[:2], wrong)))
    assert len(findings) == 1
    assert findings[0][0] == "wallets"
    assert says in findings[0][1]


@pytest.mark.req("R2.5")
def test_a_fill_that_another_wallet_paid_is_found(tmp_path: Path) -> None:
    run = record(3, 40, wallets=3)
    other = run.fills.wallet.copy()
    other[5] = (other[5] + 1) % 3
    findings = found(tmp_path, replace(run, fills=replace(run.fills, wallet=other)))
    assert {table for table, _ in findings} >= {"wallets", "runs"}
    assert any("what is held" in message for _, message in findings)


@pytest.mark.req("R2.5")
def test_a_fill_that_reaches_into_two_wallets_is_found(tmp_path: Path) -> None:
    """A round trip closed on another wallet's account: every sum is zero, and yet one loss spends another's cash."""
    run = record(3, 60, wallets=2)
    other = run.round_trips.wallet.copy()
    other[0] = 1 - other[0]
    findings = found(tmp_path, replace(run, round_trips=replace(run.round_trips, wallet=other)))
    assert any(table == "transactions" and "one fill moves money of" in message for table, message in findings)


@pytest.mark.req("R2.5")
def test_more_given_to_wallets_than_there_is_is_found(tmp_path: Path) -> None:
    run = record(3, 0, wallets=2)
    rich = replace(run.wallets[0], cash_start=CASH, cash_end=CASH, equity_end=CASH)
    findings = found(tmp_path, replace(run, wallets=(rich, run.wallets[1])))
    assert any(table == "runs" and "below 0" in text for table, text in findings)


@pytest.mark.req("R2.5")
@pytest.mark.parametrize("name", ["all", "Grid", "a:b", "", "-x", "größe", "a b", "a\n"])
def test_a_name_that_no_account_can_carry_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    run = record(3, 10, wallets=2)
    ledger = Ledger.open(URL, tmp_path)
    with pytest.raises(UsageError, match="cannot be a wallet's name"):
        ledger.record_run(replace(run, wallets=(replace(run.wallets[0], name=name), run.wallets[1])))
    assert ledger.runs() == []
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R2.5")
@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), wallets=st.integers(1, 4), strategies=st.integers(1, 2))
def test_rows_read_back_say_whose_they_were(tmp_path_factory, seed: int, wallets: int, strategies: int) -> None:
    run = record(seed, 40, wallets=wallets, strategies=strategies)
    ledger = Ledger.open(URL, tmp_path_factory.mktemp("rows"))
    ledger.record_run(run)
    names = [one.name for one in run.wallets]
    parts = [one.name for one in run.strategies]
    assert [row["wallet"] for row in ledger.rows("fills", run.run_id)] == [names[w] for w in run.fills.wallet]
    trades = ledger.rows("trades", run.run_id)
    assert [row["wallet"] for row in trades] == [names[w] for w in run.round_trips.wallet]
    assert [row["strategy"] for row in trades] == [parts[i] for i in run.trip_strategies]
    assert [row["name"] for row in ledger.rows("wallets", run.run_id)] == names
    assert [tuple(row.values()) for row in ledger.rows("risk_events", run.run_id)] == [
        tuple(vars(one).values()) for one in run.risk_events
    ]
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R4.1")
def test_each_strategy_has_one_row_and_its_part_in_every_run(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    runs = [record(seed, 40, wallets=2, strategies=2) for seed in (1, 2)]
    for run in runs:
        ledger.record_run(run)
    with reading(ledger.engine, ledger.path) as connection:
        s, p = schema.strategies, schema.strategy_performance
        known = connection.execute(select(s.c.id, s.c.name, s.c.code_digest)).all()
        done = connection.execute(select(p.c.run, p.c.strategy, p.c.trades, p.c.pnl, p.c.fees).order_by(p.c.id)).all()
    assert len(known) == len({(row.name, row.code_digest) for row in known}) == 4
    number = {(row.name, row.code_digest): row.id for row in known}
    assert [tuple(row) for row in done] == [
        (i, number[one.name, one.code_digest], one.trades, one.pnl, one.fees)
        for i, run in enumerate(runs, start=1)
        for one in run.strategies
    ]
    ledger.close()


@pytest.mark.req("R4.1")
def test_a_strategys_part_that_its_round_trips_do_not_give_is_found(tmp_path: Path) -> None:
    run = record(4, 60, wallets=2)
    wrong = replace(run.strategies[0], pnl=run.strategies[0].pnl + 1)
    (finding,) = found(tmp_path, replace(run, strategies=(wrong, run.strategies[1])))
    assert finding[0] == "strategy_performance"
    assert "`random0`" in finding[1]
