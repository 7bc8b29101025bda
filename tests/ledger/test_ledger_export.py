"""What leaves the machine says the same as the ledger, wallet by wallet."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from books import event, record
from sessions_book import fill_a_ledger

from trader_cli.ledger import Ledger
from trader_cli.ledger.export import export

URL = "sqlite:///trader.db"


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def balances(file: Path) -> dict[tuple[str, str], Decimal]:
    """What beancount itself makes of the file; it must find nothing to complain about."""
    entries, errors, _ = loader.load_file(str(file))
    assert errors == []
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in entries:
        for posting in getattr(one, "postings", []):
            sums[posting.account, posting.units.currency] += posting.units.number
    return sums


def units(value: int) -> Decimal:
    return Decimal(value).scaleb(-8)


@pytest.mark.req("R2.5")
def test_beancount_books_every_wallet_as_we_do(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    run = record(7, 60, wallets=3, rest=10**9)
    ledger.record_run(run)
    sums = balances(export(ledger, tmp_path / "out", None)[-1])
    top = "Assets:Run-RUN-7-60:Cash"
    assert sums[f"{top}:USD", "USD"] == units(10**9)
    for name, one in zip(("Momentum", "Mean-reversion", "Grid"), run.wallets, strict=True):
        assert sums[f"{top}:{name}:USD", "USD"] == units(one.cash_end)
    by_asset: dict[str, Decimal] = defaultdict(Decimal)
    for (_, asset), amount in sums.items():
        by_asset[asset] += amount
    assert set(by_asset.values()) == {Decimal(0)}
    ledger.close()


@pytest.mark.req("R2.5")
@pytest.mark.parametrize(
    ("one", "other"), [("a-b", "a_b"), ("a--b", "a-_b"), ("0x", "x0"), ("a-h", "a-"), ("usd", "cash")]
)
def test_wallets_whose_names_look_alike_stay_apart(tmp_path: Path, one: str, other: str) -> None:
    ledger = Ledger.open(URL, tmp_path)
    run = record(7, 40, wallets=2)
    named = tuple(replace(wallet, name=name) for wallet, name in zip(run.wallets, (one, other), strict=True))
    ledger.record_run(replace(run, wallets=named))
    sums = balances(export(ledger, tmp_path / "out", None)[-1])
    cash = [amount for (account, _), amount in sums.items() if account.startswith("Assets:Run-RUN-7-40:Cash:")]
    assert sorted(cash) == sorted([Decimal(0), *(units(wallet.cash_end) for wallet in run.wallets)])
    ledger.close()


@pytest.mark.req("R2.5")
@pytest.mark.req("R4.1")
def test_tables_say_whose_every_row_is(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    run = record(7, 60, wallets=3, strategies=2)
    ledger.record_run(run)
    ledger.record_run(record(8, 5))
    ledger.record_risk_event(event(3, "grid"))
    out = tmp_path / "out"
    export(ledger, out, None)
    names, parts = [one.name for one in run.wallets], [one.name for one in run.strategies]
    mine: dict[str, list[Any]] = {
        name: [row for row in table(out, name) if row["run_id"] == run.run_id]
        for name in ("fills.csv", "trades.csv", "wallets.csv", "risk_events.csv")
    }
    assert [row["wallet"] for row in mine["fills.csv"]] == [names[w] for w in run.fills.wallet]
    assert [row["wallet"] for row in mine["trades.csv"]] == [names[w] for w in run.round_trips.wallet]
    assert [row["strategy"] for row in mine["trades.csv"]] == [parts[s] for s in run.trip_strategies]
    assert [row["wallet"] for row in mine["wallets.csv"]] == names
    assert [Decimal(row["equity_end"]) for row in mine["wallets.csv"]] == [units(one.equity_end) for one in run.wallets]
    assert [row["limit"] for row in mine["risk_events.csv"]] == ["10", "10"]
    assert [row["run_id"] for row in table(out, "risk_events.csv")] == [run.run_id] * 2 + ["run-8-5"] * 2 + [""]
    # One run alone has its own events only.
    export(ledger, tmp_path / "one", "run-8")
    assert [row["run_id"] for row in table(tmp_path / "one", "risk_events.csv")] == ["run-8-5"] * 2
    ledger.close()


@pytest.mark.req("X4")
def test_beancount_books_what_sessions_traded_adopted_and_lost(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    fill_a_ledger(ledger)
    sums = balances(export(ledger, tmp_path / "out", None)[-1])
    by_asset: dict[str, Decimal] = defaultdict(Decimal)
    for (_, asset), amount in sums.items():
        by_asset[asset] += amount
    assert set(by_asset.values()) == {Decimal(0)}
    assert sums["Equity:Run-LIVE:Adopted:USD", "USD"] == Decimal(-25)
    assert sums["Equity:Run-LIVE:Adopted:S0", "S0"] == Decimal("-1.5")
    assert sums["Equity:Run-LIVE:Written-off:USD", "USD"] == Decimal("0.5")
    assert sums["Equity:Run-LIVE:Written-off:S0", "S0"] == Decimal("0.00001")
    step = ledger.last_step("live")
    cash = [amount for (name, _), amount in sums.items() if name.startswith("Assets:Run-LIVE:Cash")]
    assert sum(cash) == units(step.cash)
    runs = {row["run_id"]: row for row in table(tmp_path / "out", "runs.csv")}
    assert Decimal(runs["live"]["equity_end"]) == units(step.equity)
    assert runs["live"]["digest"] == step.digest
    fills = [row for row in table(tmp_path / "out", "fills.csv") if row["run_id"] == "live"]
    assert len(fills) == step.fill_count
    ledger.close()
