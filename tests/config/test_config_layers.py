"""Four layers, one winner a key, every problem named with where it came from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader_cli.config.home import find_home
from trader_cli.config.layers import load_settings, preset_names, preset_text
from trader_cli.config.settings import keys
from trader_cli.config.write import make_home
from trader_cli.errors import UsageError


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_the_strongest_layer_that_says_something_wins(tmp_path: Path, stated: tuple[bool, bool, bool]) -> None:
    file, env, flag = stated
    (tmp_path / "trader.toml").write_text("[risk]\nmax_positions = 11\n" if file else "")
    loaded = load_settings(
        None,
        tmp_path,
        {"TRADER_RISK__MAX_POSITIONS": "12"} if env else {},
        {"risk.max_positions": "13"} if flag else {},
    )
    wanted = 13 if flag else 12 if env else 11 if file else 3
    assert loaded.settings.risk.max_positions == wanted
    layers = [one.layer for one in loaded.explain("risk.max_positions")]
    assert layers == ["preset"] + ["file"] * file + ["environment"] * env + ["flag"] * flag


@pytest.mark.req("R0.3")
@pytest.mark.parametrize("name", preset_names())
def test_every_preset_states_every_key(name: str, tmp_path: Path) -> None:
    loaded = load_settings(name, tmp_path, {}, {})
    assert set(loaded.layers) == set(keys())
    assert all(keys().values())


@pytest.mark.req("R4.2")
@pytest.mark.req("R0.4")
def test_the_default_preset_is_paper_500(tmp_path: Path) -> None:
    loaded = load_settings(None, tmp_path, {}, {})
    assert loaded.preset == "paper-500"
    assert loaded.settings.account.cash == 500
    assert loaded.settings.risk.max_positions == 3
    assert loaded.settings.risk.min_notional == Decimal("2.0")


def test_plain_has_no_limits_but_cash_and_no_stops(tmp_path: Path) -> None:
    risk = load_settings("plain", tmp_path, {}, {}).settings.risk
    assert (risk.max_positions, risk.stop_pct, risk.target_pct, risk.trail_pct, risk.min_notional) == (0, 0, 0, 0, 0)


def test_the_file_may_name_the_preset_and_the_flag_beats_it(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text('preset = "plain"\n')
    assert load_settings(None, tmp_path, {"TRADER_PRESET": "paper-500"}, {}).preset == "plain"
    assert load_settings("paper-500", tmp_path, {}, {}).preset == "paper-500"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[cost]\nfee_bps = 1\n", "unknown key `cost.fee_bps` in .*trader.toml` line 2, did you mean `costs.fee_bps`"),
        ("[costs]\nfee_bps = nan\n", "costs.fee_bps"),
        ("[costs]\nfee_bps = -1\n", "costs.fee_bps"),
        ("[account]\ncash = 0\n", "account.cash"),
        ("[sizing]\nfraction = 1.5\n", "sizing.fraction"),
        ('[sizing]\nmethod = "all-in"\n', "sizing.method"),
        ("preset = 7\n", "must be a name"),
        ("not toml", "is not valid TOML"),
        ('[instruments."A/USD"]\ntik = 1\n', r"unknown key `instruments.A/USD.tik`"),
        ('[instruments."A/USD"]\ntick = 0\n', r"instruments.A/USD.tick"),
    ],
)
def test_a_wrong_file_is_a_sentence_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "trader.toml").write_text(text)
    with pytest.raises(UsageError, match=says):
        load_settings(None, tmp_path, {}, {})


def test_a_number_keeps_its_decimals(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text('[costs]\nfee_bps = 0.1\n[instruments."A/USD"]\ntick = "0.05"\n')
    settings_ = load_settings(None, tmp_path, {}, {}).settings
    assert settings_.costs.fee_bps == Decimal("0.1")
    assert settings_.instruments["A/USD"].tick == Decimal("0.05")


def test_home_is_flag_then_environment_then_the_nearest_folder_then_the_users(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "a" / "trader.toml").touch()
    assert find_home(tmp_path / "x", {"TRADER_HOME": "/y"}, deep) == tmp_path / "x"
    assert find_home(None, {"TRADER_HOME": "/y"}, deep) == Path("/y")
    assert find_home(None, {}, deep) == tmp_path / "a"
    assert find_home(None, {}, Path("/")).name == "trader"


def test_a_new_home_loads_and_is_made_once(tmp_path: Path) -> None:
    made = make_home(tmp_path / "home", "plain")
    assert [path.name for path in made] == ["strategies", "data", "trader.toml"]
    assert load_settings(None, tmp_path / "home", {}, {}).preset == "plain"
    with pytest.raises(UsageError, match="is there already"):
        make_home(tmp_path / "home", None)
    # every key stands in it, commented out: taking the # off gives the preset again
    text = (tmp_path / "home" / "trader.toml").read_text()
    body = "\n".join(line.removeprefix("# ") for line in text.split("which layer won.\n")[1].splitlines())
    assert body.strip() == preset_text("plain").strip()
