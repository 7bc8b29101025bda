"""Laws of the layers: for every key the strongest statement wins, and what is shown is what holds."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trader_cli.config.file import read_file
from trader_cli.config.layers import load_settings, preset_names, preset_text, stated
from trader_cli.config.moment import time_ms
from trader_cli.config.settings import OPEN, Settings, keys, meaning_of
from trader_cli.config.value import masked, shown, shown_key
from trader_cli.errors import UsageError
from trader_cli.wiring import Wiring, builtin_dir

# Values that a key takes; one for the file, one for the environment, one for the flag.
NUMBERS = ["0.1", "0.2", "0.3"]
TEXTS = {
    "account.quote": ["EUR", "GBP", "CHF"],
    "data.exchange": ["a", "b", "c"],
    "data.timeframe": ["1h", "4h", "1d"],
    "data.since": ["2018-01-01", "2018-01-02", "2018-01-03T12:00Z"],
    "data.until": ["2019-01-01", "2019-01-02", "2019-01-03"],
    "ledger.url": ["sqlite:///a.db", "sqlite:///b.db", "sqlite://"],
    "data.symbols": ["A/USD", "B/USD,C/USD", ""],
    "consensus.timeframes": ["1m,5m,15m", "1h", ""],
    "risk.var_confidence_pct": ["90", "95", "99.5"],
    "venue.api_url": ["http://127.0.0.1:8765", "https://api.example", ""],
    "venue.key_env": ["A_KEY", "B_KEY", "C_KEY"],
    "venue.secret_env": ["A_SECRET", "B_SECRET", "C_SECRET"],
    "venue.deadline_s": ["3", "5", "59"],
    "metrics.file": ["a.prom", "/var/b.prom", ""],
    "metrics.push_url": ["http://127.0.0.1:9091", "https://gateway.example/push", ""],
    "alerts.urls_env": ["A_URLS", "B_URLS", "TRADER_ALERT_URLS"],
    "alerts.muted": ["halt", "halt,breaker", ""],
    "sentry.dsn_env": ["A_DSN", "B_DSN", "SENTRY_DSN"],
    "fetch.fallback": ["binance", "kraken,binance", ""],
    "fetch.quotes": ["USD=USDT", "USD=USDT,EUR=USDC", ""],
    "fetch.kraken_url": ["http://127.0.0.1:8765", "https://api.example", ""],
    "fetch.binance_url": ["http://127.0.0.1:8765", "https://api.example", ""],
    "fetch.alpaca_key_env": ["A_KEY", "B_KEY", "C_KEY"],
    "fetch.alpaca_secret_env": ["A_SECRET", "B_SECRET", "C_SECRET"],
    "fetch.alpaca_url": ["http://127.0.0.1:8765", "https://api.example", ""],
    "fetch.yahoo_url": ["http://127.0.0.1:8765", "https://api.example", ""],
    "scan.connections": ["1", "2", "16"],
    "optimize.objective": ["sortino", "calmar,trades", "-max_drawdown_pct"],
    "optimize.address": ["127.0.0.1:1", "tcp://127.0.0.1:2", ""],
    "validate.blocks": ["2", "8", "20"],
    "validate.confidence_pct": ["90", "95", "99.5"],
    "validate.fee_factor": ["1", "1.5", "2"],
    "validate.slippage_factor": ["1", "1.5", "3"],
    "execution.spike_times": ["2", "10", "100"],
    "execution.minimum_buffer": ["1", "1.1", "2"],
    # All points together must reach the score, any of them alone where it stands beside a score of another layer.
    "exits.high_score": ["1", "2", "30"],
    **{key: ["80", "90", "100"] for key in keys() if key.startswith("exits.high_") and key.endswith("_points")},
}


def kind(key: str) -> Any:
    section, _, name = key.partition(".")
    return Settings.model_fields[section].annotation.model_fields[name].annotation


def values(key: str) -> list[str]:
    if key in TEXTS:
        return TEXTS[key]
    if get_origin(kind(key)) is Literal:
        words = [*get_args(kind(key))] * 2
        return words[:3]
    return {bool: ["true", "false", "true"], int: ["2", "3", "40"], Decimal: NUMBERS}[kind(key)]


def read(loaded: Any, key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(getattr(loaded.settings, section), name)


def variable(key: str) -> str:
    return "TRADER_" + key.upper().replace(".", "__", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(preset_names()),
    st.dictionaries(st.sampled_from(sorted(keys())), st.tuples(*[st.booleans()] * 3), max_size=6),
)
def test_for_every_key_the_strongest_layer_wins_and_is_named(
    folder: Path, preset: str, plan: dict[str, tuple[bool, bool, bool]]
) -> None:
    file: dict[str, list[str]] = {}
    env, flags = {}, {}
    for key, (in_file, in_env, in_flags) in plan.items():
        section, _, name = key.partition(".")
        if in_file:
            file.setdefault(section, []).append(f"{name} = {shown(values(key)[0])}")
        if in_env:
            env[variable(key)] = values(key)[1]
        if in_flags:
            flags[key] = values(key)[2]
    text = "\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in file.items())
    (folder / "trader.toml").write_text(text)
    loaded = load_settings(preset, folder, env, flags)
    untouched = load_settings(preset, folder / "none", {}, {})
    for key in keys():
        in_file, in_env, in_flags = plan.get(key, (False, False, False))
        layers = ["preset"] + ["file"] * in_file + ["environment"] * in_env + ["flag"] * in_flags
        chain = loaded.explain(key)
        assert [one.layer for one in chain] == layers
        alone = untouched if len(layers) == 1 else load_settings(preset, folder / "none", {}, {key: chain[-1].value})
        assert read(loaded, key) == read(alone, key)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_config_show_prints_is_a_file_that_means_the_same(folder: Path, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(keys())), unique=True))
    flags: dict[str, Any] = {key: data.draw(st.sampled_from(values(key))) for key in chosen}
    flags['instruments."A.B/USD".tick'] = data.draw(st.sampled_from(NUMBERS))
    flags["wallets.my-own_2.strategies"] = data.draw(st.sampled_from(["momentum", "momentum, grid"]))
    flags["wallets.my-own_2.share_pct"] = "0"
    flags["params.my own.x.y"] = data.draw(st.sampled_from([True, 7, 0.25, "0.25", "a word"]))
    (folder / "trader.toml").write_text("")
    loaded = load_settings(data.draw(st.sampled_from(preset_names())), folder, {}, flags)
    tree = loaded.settings.model_dump(mode="json")
    lines = [f"preset = {shown(loaded.preset)}"]
    for section, inner in tree.items():
        if section not in OPEN:
            lines += [f"[{section}]", *(f"{name} = {shown(value)}" for name, value in inner.items())]
    for table in OPEN:
        for own, entries in tree[table].items():
            lines.append(f"[{table}.{shown_key(own)}]")
            lines += [f"{shown_key(name)} = {shown(value)}" for name, value in entries.items() if value is not None]
    (folder / "trader.toml").write_text("\n".join(lines))
    again = load_settings(None, folder, {}, {})
    assert again.settings == loaded.settings
    assert again.preset == loaded.preset


@given(st.text())
@example("\x7f")
def test_any_text_is_shown_as_toml_reads_it(text: str) -> None:
    assert tomllib.loads(f"x = {shown(text)}") == {"x": text}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="[]=\"'.#\n\r \tabcos_fe1-", max_size=80).map(str.encode))
def test_whatever_lies_in_the_file_it_is_read_or_refused_with_its_name(folder: Path, content: bytes) -> None:
    path = folder / "trader.toml"
    path.write_bytes(content)
    try:
        load_settings(None, folder, {}, {})
    except UsageError as error:
        assert str(path) in error.message


@pytest.mark.parametrize("key", sorted(key for key in keys() if kind(key) in (Decimal, int, bool)))
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e400", "abc"])
def test_no_number_is_not_finite_negative_or_a_word(folder: Path, key: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"`{key}` is `{value}` on the command line"):
        load_settings(None, folder / "none", {}, {key: value})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[cost]\n", "unknown key `cost` in .* line 1, did you mean `costs`"),
        ("[[risk]]\nx = 1\n", "`risk` in .* line 1 is a table, not a value"),
        ("risk = 5\n", "`risk` in .* line 1 is a table"),
        ("instruments = 3\n", "`instruments` in .* is a table"),
        ('[instruments]\n"A/USD" = 5\n', "`instruments.A/USD` in .* line 2 is a table"),
        ('[instruments."A/USD"]\ntik = 1\n', "line 2, did you mean `instruments.A/USD.tick`"),
        ('presset = "plain"\n', "unknown key `presset` in .*, did you mean `preset`"),
        ("[risk]\n# a comment\n\nmax_positions = true\n", "`risk.max_positions` is `true` in .* line 4"),
        ("[account]\ncash = true\n", "`account.cash` is `true`"),
        ("[data]\nsymbols = [1, 2]\n", r"`data.symbols` is `\[1, 2\]`"),
        ('[data]\ntimeframe = "4x"\n', "`data.timeframe`: `4x` is not a timeframe, in .* line 2"),
        ("[data]\nuntil = 2017-01-01\nsince = 2018-01-01\n", "`data.since` 2018-01-01 is not before `data.until`"),
        ('[ledger]\nurl = "trader.db"\n', "that is no database URL"),
        ('[ledger]\nurl = "postgresql://me:secret@host/db"\n', "`ledger.url` holds a password, in .* line 2"),
        ('[ledger]\nurl = ""\n', '`ledger.url` is `""`'),
    ],
)
def test_a_wrong_key_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "trader.toml").write_text(text)
    with pytest.raises(UsageError, match=says) as caught:
        load_settings(None, tmp_path, {}, {})
    assert "secret" not in caught.value.message + "".join(caught.value.hints)


def test_problems_of_every_layer_and_kind_come_together(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text("[costs]\nfees = 1\n[account]\ncash = -1\n")
    env = {"TRADER_DATA__TIMEFRAME": "4x", "TRADER_RISK_MAX_POSITIONS": "2", "TRADER_FOO": "1"}
    with pytest.raises(UsageError) as caught:
        load_settings(None, tmp_path, env, {"sizing.method": "all-in", "preset": "plain"})
    said = "\n".join([caught.value.message, *caught.value.hints])
    for word in (
        "`costs.fees`",
        "`account.cash`",
        "`4x`",
        "`risk_max_positions`",
        "`foo`",
        "`sizing.method`",
        "--preset",
    ):
        assert word in said
    assert "did you mean `risk.max_positions`?" in said


def test_variables_that_are_no_keys_are_left_alone(tmp_path: Path) -> None:
    names = "HOME CACHE_DIR INTERPRET API_KEY API_SECRET SHARED_DATA".split()
    load_settings(None, tmp_path, {f"TRADER_{name}": "x" for name in names} | {"OTHER": "1", "TRADER": "2"}, {})


def test_a_byte_order_mark_and_a_toml_date_are_understood(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_bytes(b"\xef\xbb\xbf[data]\nsince = 2018-01-01\nuntil = 2018-06-30T12:00:00Z\n")
    data = load_settings(None, tmp_path, {}, {}).settings.data
    assert (data.since, data.until) == ("2018-01-01", "2018-06-30T12:00:00+00:00")


def test_what_is_broken_can_still_be_explained(tmp_path: Path) -> None:
    (tmp_path / "trader.toml").write_text('preset = "plain"\n[costs]\nfee_bps = -1\nnonsense = 2\n')
    found = stated(None, tmp_path, {}, {})
    assert [one.value for one in found.explain("costs.fee_bps")] == ["10", -1]
    assert found.explain('instruments."A/USD".lot') == ()
    assert found.explain("wallets.none.share_pct") == ()
    assert [one.value for one in found.explain("preset")] == ["paper-500", "plain"]
    assert found.explain("instruments.A/USD.lot") == ()
    with pytest.raises(UsageError, match="is not a configuration key"):
        found.explain("costs.nonsense")
    with pytest.raises(UsageError) as caught:
        found.explain("costs")
    assert caught.value.hints == ("under it stand `costs.fee_bps`, `costs.maker_fee_bps`, `costs.slippage_bps`",)


def test_every_key_has_a_meaning() -> None:
    for key in (*keys(), "preset", "instruments.A/USD.tick", "wallets.a.share_pct", "params.momentum.look"):
        assert meaning_of(key)
    for key in ("nonsense", "wallets.a", "wallets.a.nonsense", "wallets..share_pct", "params.momentum."):
        assert meaning_of(key) == ""
    assert meaning_of("params.momentum.look") == "parameter `look` of strategy `momentum`"


def test_no_default_hides_outside_the_presets() -> None:
    for section, field in Settings.model_fields.items():
        if section not in OPEN:
            assert field.is_required()
            assert all(one.is_required() for one in field.annotation.model_fields.values())


@pytest.mark.parametrize("name", preset_names())
def test_every_number_of_a_preset_carries_a_reason_or_is_the_shared_choice(name: str) -> None:
    for line in preset_text(name).splitlines():
        if "=" in line and not line.startswith(("cash", "quote", "base", "#")):
            assert "#" in line, line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("1970-01-01", 0),
        ("1970-01-02T00:00Z", 86_400_000),
        ("1970-01-01T01:00+01:00", 0),
        ("1970-01-01T00:00:00.0019", 1),
        ("1969-12-31T23:59:59.999", -1),
        ("2018-01-31T12:00", 1_517_400_000_000),  # 17,562 days and a half: 17562 * 86,400 s + 43,200 s
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text: str, wanted: int | None) -> None:
    assert time_ms(text, "data.since") == wanted


@pytest.mark.parametrize("text", ["yesterday", "2018-13-01", "2018", "1517400000", "2018-01-01T25:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="`data.since` is `.*`, that is no date"):
        time_ms(text, "data.since")


def test_a_password_in_a_url_is_masked_and_nothing_else() -> None:
    assert masked("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    for text in ("sqlite:///trader.db", "sqlite:///a:b@c.db", "postgresql://me@host/db", "a:b@c", ""):
        assert masked(text) == text


def test_lines_are_found_where_keys_stand(tmp_path: Path) -> None:
    path = tmp_path / "trader.toml"
    path.write_text(
        'preset = "plain"\n\n[risk]\nmax_positions = 2 # two\n[instruments."A/USD"]\ntick = 1\n[ costs ]\n"fee_bps"=1\n'
    )
    assert read_file(path)[1] == {
        "preset": 1, "risk": 3, "risk.max_positions": 4, "instruments.A/USD": 5, "instruments.A/USD.tick": 6,
        "costs": 7, "costs.fee_bps": 8,
    }  # fmt: skip
    assert read_file(tmp_path / "none") == ({}, {})


def test_wiring_puts_the_configured_steps_over_the_stores(tmp_path: Path) -> None:
    stated_ = {"instruments.BTC/USD.tick": "0.5", "instruments.NEW/USD.min_notional": "7"}
    parts = Wiring(tmp_path / "home", "plain", stated_)
    known = Wiring(tmp_path / "home", "plain", {}).instrument("BTC/USD", "bitfinex")
    mine = parts.instrument("BTC/USD", "bitfinex")
    assert (mine.tick, mine.lot, mine.min_notional) == (Decimal("0.5"), known.lot, known.min_notional)
    assert parts.instrument("NEW/USD", "x").min_notional == 7
    assert parts.instrument("ETH/USD", "bitfinex") == Wiring(tmp_path, "plain", {}).instrument("ETH/USD", "bitfinex")
    assert not (tmp_path / "home").exists()


def test_the_builtin_folders_are_there() -> None:
    assert (builtin_dir("strategies") / "momentum.py").is_file()
    assert (builtin_dir("data") / "instruments.toml").is_file()


def test_settings_are_plain_json(tmp_path: Path) -> None:
    """They are kept with every run."""
    tree = load_settings(None, tmp_path, {}, {}).settings.model_dump(mode="json")
    assert json.loads(json.dumps(tree)) == tree
