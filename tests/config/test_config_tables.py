"""The tables with names of one's own: wallets, parameters, instruments. Half a wallet, a wrong share, a name misspelt."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.config.layers import Loaded, load_settings
from trader_cli.config.settings import OPEN, unquoted
from trader_cli.config.value import Problem, shown_key
from trader_cli.config.variable import key_of
from trader_cli.errors import UsageError

NOWHERE = Path("/nowhere")
WALLETS = "solana-wallets"


def load(preset: str = "plain", env: dict[str, str] | None = None, **flags: Any) -> Loaded:
    """Load with flags whose dots are `__`."""
    return load_settings(preset, NOWHERE, env or {}, {key.replace("__", "."): value for key, value in flags.items()})


def refused(preset: str = "plain", env: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load(preset, env, **flags)
    return "\n".join([caught.value.message, *caught.value.hints])


def in_file(folder: Path, text: str, preset: str = "plain") -> Loaded:
    (folder / "trader.toml").write_text(text)
    return load_settings(preset, folder, {}, {})


# Wallets


@pytest.mark.req("R2.5")
@given(st.lists(st.decimals(0, 100, places=2), min_size=1, max_size=6))
@settings(max_examples=50)
def test_shares_up_to_the_whole_account_are_taken_and_more_is_refused(shares: list[Decimal]) -> None:
    flags: dict[str, Any] = {f"wallets__w{i}__share_pct": str(share) for i, share in enumerate(shares)}
    flags |= {f"wallets__w{i}__strategies": "momentum" for i in range(len(shares))}
    if sum(shares) <= 100:
        wallets = load(**flags).settings.wallets
        assert [wallet.share_pct for wallet in wallets.values()] == shares
        assert all(wallet.strategies == ("momentum",) for wallet in wallets.values())
    else:
        assert f"the wallets share out {sum(shares)} % of the account: " in refused(**flags)


@pytest.mark.parametrize("share", ["-1", "-0.01", "100.01", "nan", "inf", "1e400", "0.0000001", "a third", "", "true"])
def test_what_is_no_share_is_refused_with_its_place(share: str) -> None:
    said = refused(wallets__x__share_pct=share, wallets__x__strategies="momentum")
    assert said.startswith("`wallets.x.share_pct` is ")
    assert " on the command line: " in said


@pytest.mark.parametrize(
    ("stated", "value", "missing"),
    [("share_pct", "10", "strategies"), ("strategies", "momentum", "share_pct")],
)
def test_half_a_wallet_is_named_with_the_half_that_is_missing(stated: str, value: str, missing: str) -> None:
    said = refused(**{f"wallets__x__{stated}": value})
    assert said.splitlines()[:2] == [
        f"`wallets.x.{stated}` is stated on the command line, `wallets.x.{missing}` nowhere",
        f"`wallets.x` needs both: state `wallets.x.{missing}` too",
    ]


def test_half_a_wallet_may_be_another_misspelt() -> None:
    said = refused(WALLETS, wallets__momentun__share_pct="10")
    assert "did you mean `wallets.momentum`?" in said


def test_a_layer_may_change_one_key_of_a_wallet_and_drop_a_wallet() -> None:
    loaded = load(WALLETS, wallets__momentum__share_pct="0", wallets__grid__strategies="grid, demo_ma")
    assert loaded.settings.wallets["momentum"].share_pct == 0
    assert loaded.settings.wallets["momentum"].strategies == ("momentum",)
    assert loaded.settings.wallets["grid"].strategies == ("grid", "demo_ma")


@pytest.mark.parametrize("strategies", ["", " , ", [], [""], [1], 5, True, {"a": 1}])
def test_a_wallet_without_strategies_is_refused(strategies: object) -> None:
    said = refused(wallets__x__share_pct="10", wallets__x__strategies=strategies)
    assert said.startswith("`wallets.x.strategies` is ")


@pytest.mark.parametrize("strategies", ["momentum,grid,momentum", ["momentum", "grid", "momentum"]])
def test_a_strategy_named_twice_in_a_wallet_is_refused(strategies: object) -> None:
    said = refused(wallets__x__share_pct="10", wallets__x__strategies=strategies)
    assert said.startswith("`wallets.x.strategies` on the command line names `momentum` twice")


def test_one_strategy_may_trade_in_two_wallets() -> None:
    flags = {f"wallets__{name}__strategies": "momentum" for name in "ab"}
    flags |= {f"wallets__{name}__share_pct": "50" for name in "ab"}
    assert set(load(**flags).settings.wallets) == {"a", "b"}


@pytest.mark.parametrize("name", ["All", "all", "Mine", "-a", "_a", "a b", "a.b", "ä", "a" * 33, "a/b"])
def test_a_wallet_has_a_plain_name(tmp_path: Path, name: str) -> None:
    text = f'[wallets.{shown_key(name)}]\nstrategies = "momentum"\nshare_pct = 5\n'
    with pytest.raises(UsageError, match=f"`{re.escape(name)}` in .*line 2 is no name for a wallet"):
        in_file(tmp_path, text)


@pytest.mark.parametrize("name", ["a", "0", "a" * 32, "a-b_c", "mean_reversion", "9-"])
def test_plain_names_are_taken(name: str) -> None:
    assert list(load(**{f"wallets__{name}__share_pct": 5, f"wallets__{name}__strategies": "x"}).settings.wallets) == [
        name
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[wallets."x"]\nshare = 1\n', "`wallets.x.share` in .* line 2, did you mean `wallets.x.share_pct`"),
        ("wallets.x = 5\n", "`wallets.x` in .* line 1 is a table"),
        ("[wallets]\nshare_pct = 5\n", "`wallets.share_pct` in .* line 2 is a table"),
        ("wallets = 3\n", "`wallets` in .* is a table"),
        ("[[wallets]]\nshare_pct = 3\n", "`wallets` in .* is a table"),
        ('[wallets.""]\nshare_pct = 5\n', "unknown key `wallets..share_pct` in"),
        ('[wallets.x]\n"" = 5\n', "`wallets.x` in .* is a table"),
        ("[wallets.x.share_pct]\na = 5\n", "`wallets.x.share_pct` is "),
        ("[walets.x]\nshare_pct = 5\n", "`walets.x` in .* line 1, did you mean `wallets.x`"),
        ("[param.momentum]\nlook = 5\n", "`param.momentum` in .*, did you mean `params.momentum`"),
        ("[params.momentum.look]\na = 5\n", "`params.momentum.look` is .*: it must be a number"),
        ("[params.momentum]\nlook = [1]\n", r"`params.momentum.look` is `\[1\]` in .* line 2: it must be a number"),
        ("[params.momentum]\nlook = nan\n", "`params.momentum.look` is `nan` in .* line 2: it must be finite"),
        ("[params.momentum]\nlook = -inf\n", "`params.momentum.look` is `-inf` in .* line 2: it must be finite"),
        ("[params]\nlook = 5\n", "`params.look` in .* line 2 is a table"),
        ("[risk]\nmax_positions = " + "9" * 5000, "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
    ],
)
def test_a_wrong_table_of_ones_own_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        in_file(tmp_path, text)


def test_the_table_without_a_name_says_where_the_name_goes() -> None:
    assert "say of which: `wallets.NAME.share_pct`" in refused(wallets__share_pct="5")
    assert "write its keys under `[wallets.momentum]`" in refused(wallets__momentum="5")


def test_what_is_wrong_with_wallets_comes_with_what_is_wrong_elsewhere() -> None:
    said = refused(
        "plain",
        wallets__small__share_pct="2",
        wallets__small__strategies="b",
        wallets__Big__share_pct="99",
        wallets__Big__strategies="a,a",
        wallets__half__share_pct="1",
        costs__fee_bps="-1",
        consensus__timeframes="4x",
    )
    for word in (
        "`costs.fee_bps`",
        "`wallets.half.strategies` nowhere",
        "`Big`",
        "`a` twice",
        "share out 101 %",
        "`4x`",
    ):
        assert word in said


# Parameters


@pytest.mark.parametrize("value", [5, 0.25, "0.25", True, "both", 10**20])
def test_a_parameter_is_kept_as_it_was_stated(value: object) -> None:
    kept = load(params__momentum__look=value).settings.params["momentum"]["look"]
    assert kept == (str(value) if isinstance(value, float) else value)
    assert type(kept) is (str if isinstance(value, float) else type(value))


# Timeframes read together, and values beside each other


@pytest.mark.req("R1.1")
@pytest.mark.parametrize(
    ("timeframes", "says"),
    [
        ("1m,4x", "`4x` is not a timeframe, on the command line"),
        ("5m,1m", "1m does not come after 5m"),
        ("1m,1m", "1m does not come after 1m"),
        ("60m,1h", "1h does not come after 1h"),
        ("2m,5m", "5m is no multiple of 2m"),
        ([1], "`consensus.timeframes` is `[1]`"),
    ],
)
def test_timeframes_that_cannot_be_read_together_are_refused(timeframes: object, says: str) -> None:
    assert says in refused(consensus__timeframes=timeframes)


@pytest.mark.parametrize("timeframes", ["", "1m", "1m,5m,15m", "2m,4m,6m", "1d,1w"])
def test_rising_multiples_are_read_together(timeframes: str) -> None:
    assert list(load(consensus__timeframes=timeframes).settings.consensus.timeframes) == [
        one for one in timeframes.split(",") if one
    ]


@pytest.mark.req("R4.5")
def test_a_score_that_no_position_can_reach_is_refused() -> None:
    points = {"exits__high_loss_points": 50, "exits__high_atr_points": 20, "exits__high_share_points": 9}
    assert load(exits__high_score=79, **points).settings.exits.high_score == 79
    assert "all points together are 79: it is never reached" in refused(exits__high_score=80, **points)
    assert load(exits__high_score=0, **points).settings.exits.high_score == 0


@pytest.mark.req("R2.4")
def test_a_floor_above_the_cap_is_refused_where_it_counts() -> None:
    shares = {"allocation__floor_pct": "30", "allocation__cap_pct": "20"}
    assert "`allocation.floor_pct` 30 is above" in refused(allocation__method="performance", **shares)
    assert load(allocation__method="equal", **shares).settings.allocation.cap_pct == 20


# The environment


def test_a_variable_means_the_name_that_another_layer_states() -> None:
    env = {
        "TRADER_WALLETS__MOMENTUM__SHARE_PCT": "10",
        "TRADER_WALLETS__MEAN_REVERSION__SHARE_PCT": "20",
        "TRADER_WALLETS__GRID__STRATEGIES": "grid, demo_ma",
        "TRADER_PARAMS__MOMENTUM__LOOK": "0.2",
        "TRADER_INSTRUMENTS__BTC_USD__TICK": "0.5",
        "TRADER_INSTRUMENTS__AAPL__LOT": "2",
    }
    found = load(WALLETS, env, **{"instruments__BTC/USD__lot": "0.1"}).settings
    preset = load(WALLETS).settings.wallets
    assert {name: wallet.share_pct for name, wallet in found.wallets.items()} == {
        **{name: wallet.share_pct for name, wallet in preset.items()},
        "momentum": 10,
        "mean-reversion": 20,
    }
    assert found.wallets["grid"].strategies == ("grid", "demo_ma")
    assert found.params["momentum"]["look"] == "0.2"
    assert set(found.instruments) == {"BTC/USD", "AAPL"}
    assert (found.instruments["BTC/USD"].tick, found.instruments["AAPL"].lot) == (Decimal("0.5"), 2)


def test_the_environment_alone_can_make_a_wallet_and_a_parameter() -> None:
    env = {
        "TRADER_WALLETS__MY_OWN__SHARE_PCT": "10",
        "TRADER_WALLETS__MY_OWN__STRATEGIES": "mean_reversion",
        "TRADER_PARAMS__MEAN_REVERSION__ENTER_Z": "2",
    }
    found = load("plain", env).settings
    assert found.wallets["my_own"].strategies == ("mean_reversion",)
    assert found.params == {"mean_reversion": {"enter_z": "2"}}


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        (
            "WALLETS__NEW__SHARE_PCT",
            "`wallets.new.share_pct` is stated in environment `TRADER_WALLETS__NEW__SHARE_PCT`",
        ),
        ("WALLETS__MOMENTUM__SHARE", "unknown key `wallets.momentum.share` in environment"),
        ("WALLETS__MOMENTUM", "`wallets.momentum` in environment `TRADER_WALLETS__MOMENTUM` is a table"),
        ("WALLETS", "`wallets` in environment `TRADER_WALLETS` is a table"),
        ("WALLETS____SHARE_PCT", "unknown key `wallets..share_pct` in environment"),
        ("INSTRUMENTS__BTC_USD__TICK", "which symbol `BTC_USD` is, no other layer says"),
        ("RISK__MAX__POSITIONS", "unknown key `risk.max__positions` in environment"),
    ],
)
def test_a_variable_that_means_nothing_is_named(variable: str, says: str) -> None:
    assert says in refused(WALLETS, {f"TRADER_{variable}": "1"})


def test_a_variable_that_may_mean_two_wallets_is_refused() -> None:
    flags = {f"wallets__{name}__strategies": "momentum" for name in ("a-b", "a_b")}
    flags |= {f"wallets__{name}__share_pct": "5" for name in ("a-b", "a_b")}
    said = refused("plain", {"TRADER_WALLETS__A_B__SHARE_PCT": "1"}, **flags)
    assert "may be `wallets.a-b.share_pct` or `wallets.a_b.share_pct`" in said


@given(
    st.sampled_from(sorted(OPEN)),
    st.from_regex(r"[a-z0-9]([a-z0-9/.-]|_(?!_)){0,8}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[a-z]([a-z0-9]|_(?!_)){0,8}[a-z0-9]", fullmatch=True),
)
def test_every_name_stated_elsewhere_can_be_named_by_a_variable(table: str, name: str, last: str) -> None:
    variable = "__".join([table, re.sub("[^a-z0-9]", "_", name), last]).upper()
    assert key_of(variable, [f"{table}.{name}.{last}", "risk.max_positions"]) == f"{table}.{name}.{last}"


@given(st.sampled_from((*OPEN, "risk")), st.text(alphabet="AB_12", max_size=12))
def test_any_variable_is_a_key_of_its_table_or_a_problem(table: str, rest: str) -> None:
    found = key_of(f"{table.upper()}__{rest}", ())
    assert isinstance(found, Problem) or found.startswith(f"{table}.")


def test_a_table_misspelt_on_the_command_line_is_offered_with_its_name() -> None:
    assert "did you mean `wallets.x.share_pct`?" in refused(walets__x__share_pct="5")
    assert "did you mean `params.momentum.look`?" in refused(param__momentum__look="5")
    assert "did you mean `costs.fee_bps`?" in refused(cost__fee_bps="5")


def test_quotes_in_a_key_are_as_the_file_writes_it() -> None:
    assert (
        unquoted('instruments."BTC/USD".tick') == unquoted("instruments.'BTC/USD'.tick") == "instruments.BTC/USD.tick"
    )
    assert [shown_key(name) for name in ("a-b_C1", "BTC/USD", "é", "", 'a"b')] == [
        "a-b_C1", '"BTC/USD"', '"é"', '""', '"a\\"b"',
    ]  # fmt: skip
