"""Four layers, one winner a key, every problem named with where it came from."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader_cli.config.home import find_home
from trader_cli.config.layers import load_settings, preset_names
from trader_cli.config.settings import keys, open_key
from trader_cli.config.write import config_text, make_home
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
    preset = load_settings(None, tmp_path / "none", {}, {}).settings.risk.max_positions
    wanted = 13 if flag else 12 if env else 11 if file else preset
    assert loaded.settings.risk.max_positions == wanted
    layers = [one.layer for one in loaded.explain("risk.max_positions")]
    assert layers == ["preset"] + ["file"] * file + ["environment"] * env + ["flag"] * flag


@pytest.mark.req("R0.3")
@pytest.mark.parametrize("name", preset_names())
def test_every_preset_states_every_key(name: str, tmp_path: Path) -> None:
    loaded = load_settings(name, tmp_path, {}, {})
    assert {key for key in loaded.layers if open_key(key) is None} == set(keys())
    assert all(keys().values())


@pytest.mark.req("R4.2")
def test_the_default_preset_is_paper_500(tmp_path: Path) -> None:
    assert load_settings(None, tmp_path, {}, {}).preset == "paper-500"


def test_plain_has_no_limits_but_cash_and_no_stops(tmp_path: Path) -> None:
    risk = load_settings("plain", tmp_path, {}, {}).settings.risk
    assert (risk.max_positions, risk.stop_pct, risk.target_pct, risk.trail_pct, risk.min_notional) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("flag", [None, "equities"])
@pytest.mark.parametrize("env", [None, "", "kraken-micro"])
@pytest.mark.parametrize("file", [None, "plain"])
def test_the_preset_too_is_the_flags_then_the_environments_then_the_files(
    tmp_path: Path, file: str | None, env: str | None, flag: str | None
) -> None:
    (tmp_path / "trader.toml").write_text("" if file is None else f'preset = "{file}"\n')
    loaded = load_settings(flag, tmp_path, {} if env is None else {"TRADER_PRESET": env}, {})
    assert loaded.preset == (flag or env or file or "paper-500")
    layers = ["default"] + ["file"] * bool(file) + ["environment"] * bool(env) + ["flag"] * bool(flag)
    assert [one.layer for one in loaded.explain("preset")] == layers


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


def test_an_unknown_preset_is_named_with_its_place_and_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text('# mine\npreset = "papper-500"\n')
    with pytest.raises(UsageError, match="there is no preset `papper-500`, in .*trader.toml` line 2") as caught:
        load_settings(None, tmp_path, {}, {})
    assert "did you mean `paper-500`?" in caught.value.hints
    with pytest.raises(UsageError, match="there is no preset `kraken`, in environment `TRADER_PRESET`"):
        load_settings(None, tmp_path, {"TRADER_PRESET": "kraken"}, {})
    with pytest.raises(UsageError, match="^there is no preset `equity`$"):
        load_settings("equity", tmp_path, {}, {})


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


@pytest.mark.parametrize("name", preset_names())
def test_a_new_file_without_its_hashes_states_every_key_and_means_the_preset(tmp_path: Path, name: str) -> None:
    head, body = config_text(name).split("which layer won.\n")
    lines = [line.removeprefix("# ") for line in body.splitlines()]
    (tmp_path / "trader.toml").write_text("\n".join([head.splitlines()[0], *lines]))
    loaded = load_settings(None, tmp_path, {}, {})
    alone = load_settings(name, tmp_path / "none", {}, {})
    assert loaded.settings == alone.settings
    assert set(loaded.layers) == set(alone.layers)
    # The line that is named is the line the key stands on, with its reason.
    for key, values in loaded.layers.items():
        assert [one.layer for one in values] == ["preset", "file"]
        line = lines[int(values[-1].where.rpartition(" ")[2]) - 2]
        assert line.startswith(f"{key.rpartition('.')[2]} = ")
        assert "#" in line or key in ("account.cash", "account.quote")


@pytest.mark.parametrize("name", preset_names())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_keys_of_a_new_file_may_lose_their_hash(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """As long as their tables' heads do, too: a part of the file means the preset like the whole."""
    lines = config_text(name).splitlines()
    keyed = [
        i for i, line in enumerate(lines) if line.startswith("# ") and " = " in line and not line.startswith("# #")
    ]
    chosen = data.draw(st.sets(st.sampled_from(keyed)))
    text = [line.removeprefix("# ") if i in chosen or line.startswith("# [") else line for i, line in enumerate(lines)]
    (tmp_path / "trader.toml").write_text("\n".join(text))
    loaded = load_settings(None, tmp_path, {}, {})
    assert loaded.settings == load_settings(name, tmp_path / "none", {}, {}).settings
    assert sum(one.layer == "file" for values in loaded.layers.values() for one in values) == len(chosen)
