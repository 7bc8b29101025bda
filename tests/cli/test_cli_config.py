"""`trader config` and `trader init`: what they print is true, what they write is whole."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from trader_cli.cli.main import run
from trader_cli.config.layers import load_settings, preset_names, preset_values
from trader_cli.config.settings import keys


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; return (code, stdout, stderr)."""

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words))
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize("preset", preset_names())
def test_show_prints_a_trader_toml_that_means_the_same(home: Path, said: Any, preset: str) -> None:
    code, out, err = said("config", "show", "--preset", preset, "--set", "data.symbols=A/USD,B/USD",
                          "--set", 'instruments."A/USD".tick=0.05')  # fmt: skip
    assert (code, err) == (0, "")
    (home / "trader.toml").write_text(out)
    loaded = load_settings(None, home, {}, {})
    assert loaded.preset == preset
    assert loaded.settings.data.symbols == ("A/USD", "B/USD")
    stated = {*preset_values(preset), "instruments.A/USD.tick"}
    assert set(tomllib.loads(out)) == {key.partition(".")[0] for key in stated} | {"preset"}
    assert {key for key, values in loaded.layers.items() if values[-1].layer == "file"} == stated >= set(keys())
    wanted = load_settings(preset, home / "none", {}, {"data.symbols": "A/USD,B/USD", "instruments.A/USD.tick": "0.05"})
    assert loaded.settings == wanted.settings


def test_show_names_where_a_value_that_is_not_the_presets_came_from(
    home: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "trader.toml").write_text("[risk]\nmax_positions = 2\n")
    monkeypatch.setenv("TRADER_COSTS__FEE_BPS", "7")
    _, out, _ = said("config", "show", "--set", "account.cash=900")
    assert f"max_positions = 2   # file: `{home / 'trader.toml'}` line 2" in out
    assert 'fee_bps = "7"   # environment: environment `TRADER_COSTS__FEE_BPS`' in out
    assert 'cash = "900"   # flag: the command line' in out
    assert 'slippage_bps = "5"\n' in out
    _, out, _ = said("config", "show", "--json")
    result = json.loads(out)["result"]
    assert result["origins"]["risk.max_positions"]["layer"] == "file"
    assert result["settings"]["costs"]["fee_bps"] == "7"


def test_explain_shows_every_layer_and_which_one_won(home: Path, said: Any) -> None:
    (home / "trader.toml").write_text("[risk]\nmax_positions = 2\n")
    three = preset_values("paper-500")["risk.max_positions"][0]
    code, out, _ = said("config", "explain", "risk.max_positions", "--set", "risk.max_positions=9")
    assert code == 0
    assert out.splitlines()[1:] == [
        f"   {three}   preset: preset `paper-500`",
        f"   2   file: `{home / 'trader.toml'}` line 2",
        "-> 9   flag: the command line",
    ]
    _, out, _ = said("config", "explain", "risk.max_positions", "--json")
    values = json.loads(out)["result"]["values"]
    assert [(one["value"], one["layer"], one["won"]) for one in values] == [
        (str(three), "preset", False),
        ("2", "file", True),
    ]


def test_explain_works_where_check_refuses(home: Path, said: Any) -> None:
    """The hint of every configuration error leads here."""
    (home / "trader.toml").write_text("[costs]\nfee_bps = -1\nnonsense = 1\n")
    code, _, err = said("config", "check")
    assert code == 2
    assert "`costs.fee_bps` is `-1`" in err
    assert "`trader config explain KEY`" in err
    code, out, _ = said("config", "explain", "costs.fee_bps")
    assert code == 0
    assert "-> -1   file: " in out


def test_explain_knows_the_preset_and_steps_that_nobody_stated(home: Path, said: Any) -> None:
    assert "-> plain   flag: the command line" in said("config", "explain", "preset", "--preset", "plain")[1]
    assert "nobody states it" in said("config", "explain", "instruments.BTC/USD.tick")[1]
    out = said("config", "explain", 'instruments."BTC/USD".tick', "--set", 'instruments."BTC/USD".tick=0.5')[1]
    assert out.splitlines() == ["instruments.BTC/USD.tick: price step", "-> 0.5   flag: the command line"]
    assert "there is no such wallet" in said("config", "explain", "wallets.mine.share_pct")[1]
    out = said("config", "explain", "params.demo_ma.fast")[1]
    assert out.splitlines()[0].startswith("params.demo_ma.fast: parameter `fast` of strategy `demo_ma`: ")
    assert re.fullmatch(r"nobody states it: the strategy's own \d+ holds", out.splitlines()[1])
    code, _, err = said("config", "explain", "params.demo_ma.short_window")
    assert (code, "did you mean `fast`?" in err) == (2, True)
    assert said("config", "explain", "params.demo.fast")[0] == 3
    assert "based on `plain`" in said("config", "explain", "costs.fee_bps")[1]


def test_the_tables_of_ones_own_are_shown_and_explained(home: Path, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "trader.toml").write_text('[params."é x"]\n"b c" = 0.25\n[wallets.grid]\nshare_pct = 10\n')
    monkeypatch.setenv("TRADER_WALLETS__MEAN_REVERSION__SHARE_PCT", "20")
    _, out, _ = said(
        "config", "show", "--preset", "solana-wallets", "--set", "wallets.momentum.strategies=momentum,demo_ma"
    )
    file = f"# file: `{home / 'trader.toml'}` line"
    assert f'[params."é x"]\n"b c" = "0.25"   {file} 2' in out
    assert f'[wallets.grid]\nstrategies = ["grid"]\nshare_pct = "10"   {file} 4' in out
    stated = {key: value for key, (value, _) in preset_values("solana-wallets").items()}
    share = stated["wallets.momentum.share_pct"]
    assert f'strategies = ["momentum", "demo_ma"]   # flag: the command line\nshare_pct = "{share}"\n' in out
    assert 'share_pct = "20"   # environment: environment `TRADER_WALLETS__MEAN_REVERSION__SHARE_PCT`' in out
    monkeypatch.setenv("TRADER_PRESET", "solana-wallets")
    _, out, _ = said("config", "explain", "wallets.mean-reversion.share_pct")
    assert out.splitlines() == [
        "wallets.mean-reversion.share_pct: share of the account's cash; 0 = no such wallet",
        f"   {stated['wallets.mean-reversion.share_pct']}   preset: preset `solana-wallets`",
        "-> 20   environment: environment `TRADER_WALLETS__MEAN_REVERSION__SHARE_PCT`",
    ]
    _, out, _ = said("config", "explain", "wallets.grid.strategies")
    assert '-> ["grid"]   preset: preset `solana-wallets`' in out
    (home / "trader.toml").write_text("[wallets.grid]\nshare_pct = 10\n")
    assert said("config", "check")[0] == 0
    code, _, err = said("config", "check", "--set", "wallets.grid.share_pct=99", "--set", "wallets.x.share_pct=1")
    assert code == 2
    assert "`wallets.x.share_pct` is stated on the command line, `wallets.x.strategies` nowhere" in err
    total = sum(int(stated[f"wallets.{name}.share_pct"]) for name in ("momentum", "arbitrage")) + 20 + 99
    assert f"the wallets share out {total} % of the account" in err


def test_check_holds_wallets_and_parameters_against_the_strategies(home: Path, said: Any) -> None:
    words = ["config", "check", "--preset", "solana-wallets"]
    assert said(*words)[0] == 0
    (home / "trader.toml").write_text("[params.momentum]\nlook = 2\nshort_window = 3\n[params.momentun]\nlook = 0\n")
    (home / "strategies").mkdir()
    (home / "strategies" / "broken.py").write_text("def (:\n")
    code, out, err = said(*words, "--set", "wallets.grid.strategies=grit", "--set", "params.broken.x=1")
    assert (code, out) == (2, "")
    place = f"in `{home / 'trader.toml'}` line"
    for sentence in (
        "`wallets.grid.strategies` on the command line: no strategy is called `grit`",
        "did you mean `grid`?",
        f"`params.momentum.look` {place} 2: strategy `momentum`: `look` is 2.0, it must be 0.0 to 1.0",
        f"`params.momentum.short_window` {place} 3: strategy `momentum`: has no parameter `short_window`",
        "did you mean `fast`?",
        f"`params.momentun.look` {place} 5: no strategy is called `momentun`",
        "did you mean `momentum`?",
        "`params.broken.x` on the command line: strategy `broken`: ",
    ):
        assert sentence in err
    # The last hint leads here, for what is misspelt as well.
    out = said("config", "explain", "params.momentun.look")[1]
    assert out.splitlines()[1] == f"-> 0   file: `{home / 'trader.toml'}` line 5"


def test_a_password_is_never_printed(home: Path, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADER_LEDGER__URL", "postgresql://me:hunter2@host/db")
    for words in (["show"], ["check"], ["explain", "ledger.url"], ["explain", "ledger.url", "--json"], ["show", "-v"]):
        _, out, err = said("config", *words)
        assert "hunter2" not in out + err


def test_init_makes_a_home_that_is_found_from_below(tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADER_HOME", raising=False)
    code, out, _ = said("init", str(tmp_path / "new"), "--preset", "plain")
    assert code == 0
    assert "made " in out
    made = tmp_path / "new"
    assert sorted(path.name for path in made.iterdir()) == ["data", "strategies", "trader.toml"]
    (made / "data" / "deep").mkdir()
    monkeypatch.chdir(made / "data" / "deep")
    _, out, _ = said("config", "show", "--json")
    assert (json.loads(out)["result"]["home"], json.loads(out)["result"]["preset"]) == (str(made), "plain")


@pytest.mark.parametrize("preset", preset_names())
def test_what_init_writes_means_its_preset_with_and_without_the_hashes(tmp_path: Path, said: Any, preset: str) -> None:
    home = tmp_path / "new"
    assert said("init", str(home), "--preset", preset)[0] == 0
    wanted = load_settings(preset, tmp_path, {}, {}).settings
    assert load_settings(None, home, {}, {}).settings == wanted
    file = home / "trader.toml"
    named, *rest = [line.removeprefix("# ") for line in file.read_text().splitlines()]
    first = next(i for i, line in enumerate(rest) if line.startswith("["))
    file.write_text("\n".join([named, *rest[first:]]))
    assert said("config", "check", "--home", str(home))[0] == 0
    whole = load_settings(None, home, {}, {})
    assert (whole.preset, whole.settings) == (preset, wanted)
    assert {values[-1].layer for values in whole.layers.values()} == {"file"}


@pytest.mark.parametrize("stated", ["argument", "--home", "TRADER_HOME", "here"])
def test_init_takes_the_folder_that_is_stated_most_nearly(
    tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch, stated: str
) -> None:
    names = ["argument", "--home", "TRADER_HOME", "here"]
    given = names[names.index(stated) :]
    monkeypatch.delenv("TRADER_HOME", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if "TRADER_HOME" in given:
        monkeypatch.setenv("TRADER_HOME", str(tmp_path / "TRADER_HOME"))
    words = [str(tmp_path / "argument")] if "argument" in given else []
    words += ["--home", str(tmp_path / "--home")] if "--home" in given else []
    assert said("init", *words)[0] == 0
    assert [path.parent.name for path in tmp_path.glob("*/trader.toml")] == [stated]


def test_init_never_writes_over_anything(tmp_path: Path, said: Any) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "trader.toml").write_text("mine")
    code, _, err = said("init", str(home))
    assert code == 2
    assert "is there already" in err
    assert [path.name for path in home.iterdir()] == ["trader.toml"]
    assert (home / "trader.toml").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "strategies").touch()
    code, _, err = said("init", str(tmp_path / "other"))
    assert (code, "Traceback" in err) == (2, False)
    assert not (tmp_path / "other" / "trader.toml").exists()


def test_init_says_that_it_takes_no_keys(tmp_path: Path, said: Any) -> None:
    code, _, err = said("init", str(tmp_path / "new"), "--set", "account.cash=1")
    assert code == 2
    assert "`--set`" in err
    assert not (tmp_path / "new").exists()
    assert said("init", str(tmp_path / "new"), "--preset", "papper")[0] == 2
    assert not (tmp_path / "new").exists()
