"""Leave to trade for real (R4.9): given for exactly one thing, void as soon as anything of it changes, and it says what did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trader_cli.config.layers import load_settings
from trader_cli.config.settings import keys
from trader_cli.errors import RiskError
from trader_cli.jobs.arming import Terms, account_of, armed_or_refuse, changes, exposure, limits, new_arming
from trader_cli.model.session import Arming, Deployment

NOW = 1_700_000_000_000
DAY = 86_400_000
ACCOUNT = account_of("kraken", "a key")


def config(preset: str = "paper-500", **flags: Any) -> dict[str, Any]:
    stated = {key.replace("__", "."): value for key, value in flags.items()}
    return load_settings(preset, Path("/nowhere"), {}, stated).settings.model_dump(mode="json")


MOMENTUM = Deployment("momentum", "", {"fast": "20"}, "c0de", NOW - 9 * DAY)
GRID = Deployment("grid", "side", {}, "9r1d", NOW - DAY)
TERMS = Terms(config(), (MOMENTUM, GRID))


@dataclass
class OneArming:
    """A ledger with one arming in it, or none."""

    arming: Arming | None

    def armed(self, venue: str, account: str) -> Arming | None:
        found = self.arming
        return found if found is not None and (found.venue, found.account) == (venue, account) else None


ARMED = OneArming(new_arming("kraken", ACCOUNT, TERMS, NOW, NOW + 7 * DAY))


def refused(terms: Terms = TERMS, now: int = NOW + DAY, ledger: OneArming = ARMED, account: str = ACCOUNT) -> str:
    with pytest.raises(RiskError) as caught:
        armed_or_refuse(ledger, "kraken", account, terms, now)
    assert caught.value.exit_code == 6
    assert caught.value.hints
    return caught.value.message


@pytest.mark.req("R4.9")
def test_what_was_agreed_to_may_be_traded_until_it_expires() -> None:
    for now in (NOW, NOW + DAY, NOW + 7 * DAY - 1):
        assert armed_or_refuse(ARMED, "kraken", ACCOUNT, TERMS, now) == ARMED.arming


@pytest.mark.req("R4.9")
def test_without_leave_or_after_it_expired_nothing_is_placed() -> None:
    assert refused(ledger=OneArming(None)) == f"`kraken` account {ACCOUNT} is not armed, nothing is placed"
    assert refused(account=account_of("kraken", "another key")).endswith("is not armed, nothing is placed")
    # 1.7e12 ms is 2023-11-14T22:13:20Z; seven days on.
    assert "expired at 2023-11-21T22:13:20Z" in refused(now=NOW + 7 * DAY)


def test_a_clock_that_went_back_behind_the_agreement_is_not_believed_e12() -> None:
    assert "the clock says 2023-11-14T22:13:19Z" in refused(now=NOW - 1)


def other(key: str, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return [*value, "X/USD"] if isinstance(value, list) else f"{value}1"


@pytest.mark.req("R4.9")
@pytest.mark.parametrize("key", sorted(keys()))
def test_any_setting_that_changes_voids_it_by_name_but_the_bound_of_a_cycle_and_the_ledgers_place(key: str) -> None:
    changed = config()
    section, _, name = key.partition(".")
    before = changed[section][name]
    changed[section] = {**changed[section], name: other(key, before)}
    terms = Terms(changed, TERMS.strategies)
    if key in ("cycle.limit_s", "ledger.url"):
        assert armed_or_refuse(ARMED, "kraken", ACCOUNT, terms, NOW) == ARMED.arming
    else:
        assert f"the configuration changed: `{key}` was " in refused(terms)


def test_a_setting_that_comes_or_goes_is_named_and_many_are_counted() -> None:
    added = Terms(config(params__grid__levels="5"), TERMS.strategies)
    assert '`params.grid.levels` was not stated and is "5"' in refused(added)
    many = Terms(config("solana-wallets"), TERMS.strategies)
    assert " more keys: leave to trade" in refused(many)


@pytest.mark.req("R4.9")
@pytest.mark.parametrize(
    ("strategies", "says"),
    [
        ((MOMENTUM,), "the strategies changed: `grid` in wallet `side` was retired"),
        ((MOMENTUM, GRID, replace(GRID, strategy="demo_ma")), "`demo_ma` in wallet `side` is new"),
        (
            (MOMENTUM, replace(GRID, wallet="main")),
            "`grid` in wallet `side` was retired, `grid` in wallet `main` is new",
        ),
        ((replace(MOMENTUM, params={"fast": "21"}), GRID), "`momentum` has other parameters"),
        ((replace(MOMENTUM, code_digest="beef"), GRID), "`momentum` or the program has other code"),
    ],
)
def test_any_change_of_a_strategy_voids_it_by_name(strategies: tuple[Deployment, ...], says: str) -> None:
    assert says in refused(Terms(TERMS.config, strategies))


def test_the_same_strategies_deployed_again_in_another_order_are_the_same() -> None:
    again = Terms(config(), (replace(GRID, since_ms=NOW), MOMENTUM))
    assert armed_or_refuse(ARMED, "kraken", ACCOUNT, again, NOW) == ARMED.arming
    assert again.strategies_digest == TERMS.strategies_digest


def test_configuration_and_strategies_that_both_changed_are_both_named() -> None:
    said = refused(Terms(config(risk__max_positions="4"), (MOMENTUM,)))
    assert "`risk.max_positions` was 3 and is 4; the strategies changed: `grid`" in said


@pytest.mark.parametrize("summary", [{}, {"config": [], "strategies": "x"}])
def test_a_record_that_cannot_be_read_is_void_and_no_fault(summary: Mapping[str, object]) -> None:
    assert ARMED.arming is not None
    odd = replace(ARMED.arming, summary=summary)
    assert changes(odd, TERMS) == []
    assert len(changes(replace(odd, config_digest="", strategies_digest=""), TERMS)) == 2


def test_an_account_is_named_without_its_key() -> None:
    # printf 'kraken|a key' | sha256sum | cut -c1-12
    assert account_of("kraken", "a key") == "bd000fd6622a"
    assert account_of("binance", "a key") != ACCOUNT


# What is shown


@pytest.mark.parametrize(
    ("flags", "shares", "position"),
    [
        # 500 of cash, 0.3 a position.
        ({}, {}, "150 USD"),
        ({"risk__max_symbol_pct": "20"}, {}, "100 USD"),
        ({}, {"a": Decimal(35), "b": Decimal(30)}, "52.5 USD"),
        ({"sizing__method": "notional", "sizing__notional": "80"}, {}, "80 USD"),
        ({"sizing__method": "notional", "sizing__notional": "8000"}, {}, "500 USD"),
        ({"sizing__method": "risk"}, {}, "150 USD"),
        (
            {"sizing__method": "quantity", "sizing__quantity": "2"},
            {},
            "2 of the base, for as much as a wallet's 500 USD pay",
        ),
    ],
)
def test_the_largest_position_is_what_the_configuration_allows(
    flags: dict[str, str], shares: dict[str, Decimal], position: str
) -> None:
    assert exposure(config(**flags), shares)["largest_position"] == position


def test_limits_that_are_off_are_not_shown() -> None:
    shown = limits(config())
    assert shown["risk.max_positions"] == "3"
    assert shown["execution.max_slippage_bps"] == "200"
    assert not {"risk.stop_pct", "risk.close_on_drawdown", "risk.var_bars"} & set(shown)
    assert limits(config("manager-usdt"))["risk.close_on_drawdown"] == "True"
