"""Every number of the presets, each with the requirement that asks for it; a number changed fails its own row only."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest

from trader_cli.config import layers
from trader_cli.config.file import flat
from trader_cli.config.layers import load_settings, preset_names, preset_text, preset_values
from trader_cli.config.settings import Settings, open_key
from trader_cli.config.value import shown
from trader_cli.engine.panel import build_rules
from trader_cli.errors import UsageError
from trader_cli.wiring import Wiring

# (requirement, key, value as the file writes it): a number of the product as it was promised, or, where the requirement
# names a rule and no number, the number that was chosen for it.
TABLE: Mapping[str, tuple[tuple[str, str, Any], ...]] = {
    "manager-usdt": (
        ("R0.5", "account.quote", "USDT"),
        ("R0.1", "sizing.fraction", "0.19"),
        ("R0.1", "risk.max_positions", 5),
        ("R0.4", "risk.min_notional", "2.0"),
        ("R0.2", "risk.stop_pct", "4"),
        ("R0.2", "risk.trail_pct", "8"),
        ("R0.2", "risk.target_pct", "12"),
        ("R0.9", "risk.daily_loss_pct", "10"),
        ("R0.9", "risk.drawdown_pct", "30"),
        ("R0.9", "risk.close_on_drawdown", True),
        ("R0.2", "exits.break_even_pct", "3"),
        ("R0.2", "exits.max_bars", 180),
        ("R0.2", "exits.high_score", 80),
        ("R0.5", "venue.id", "binance"),
    ),
    "kraken-micro": (
        ("R1.4", "account.cash", "100"),
        ("R1.8", "costs.fee_bps", "40"),
        ("R1.8", "costs.maker_fee_bps", "25"),
        ("R1.3", "sizing.fraction", "0.3"),
        ("R1.4", "risk.min_notional", "2.0"),
        ("R1.4", "risk.raise_to_minimum", "1.1"),
        ("R1.1", "risk.min_confidence", "0.75"),
        ("R1.1", "risk.max_gap_bars", 3),
        ("R1.3", "risk.swap_atr", "4"),
        ("R1.7", "risk.stop_pct", "2"),
        ("R1.8", "exits.micro_profit_pct", "0.5"),
        ("R1.8", "exits.profit_basis", "net"),
        ("R1.1", "consensus.timeframes", ["1m", "5m", "15m"]),
        ("R1.2", "venue.id", "kraken"),
        ("R1.2", "venue.tier", "starter"),
        ("R1.5", "execution.order", "limit"),
        ("R1.5", "execution.ioc_above_pct", 70),
        ("R1.5", "execution.tries", 3),
        ("R1.10", "execution.ioc_slippage_pct", "0.1"),
        ("R1.10", "execution.min_success_pct", "95"),
        ("R1.10", "execution.success_orders", 20),
        ("R1.10", "execution.minimum_buffer", "1.1"),
        ("R2.2", "scan.min_volume", "50000"),
        ("R2.2", "scan.max_spread_bps", "30"),
        ("R2.2", "scan.min_age_bars", 200),
        ("R2.2", "scan.max_order_pct", "5"),
        ("R1.1", "scan.act_confidence", "0.75"),
    ),
    "solana-wallets": (
        ("R2.5", "account.cash", "1000"),
        ("R2.5", "account.quote", "USDT"),
        ("R2.1", "sizing.method", "risk"),
        ("R2.3", "sizing.fraction", "0.5"),
        ("R2.3", "sizing.risk_pct", "2"),
        ("R2.1", "sizing.risk_atr", "2"),
        ("R2.4", "allocation.method", "none"),
        ("R0.4", "risk.min_notional", "2.0"),
        ("R1.4", "risk.raise_to_minimum", "1.1"),
        ("R2.3", "risk.max_symbol_pct", "40"),
        ("R2.3", "risk.max_wallet_pct", "95"),
        ("R2.3", "risk.max_gross_pct", "90"),
        ("R2.3", "risk.cash_reserve_pct", "5"),
        ("R2.3", "risk.max_correlation", "0.98"),
        ("R2.3", "risk.correlation_bars", 100),
        ("R2.3", "risk.max_var_pct", "5"),
        ("R2.3", "risk.max_cvar_pct", "8"),
        ("R2.3", "risk.var_confidence_pct", "95"),
        ("R2.3", "risk.var_bars", 250),
        ("R2.3", "risk.daily_loss_pct", "10"),
        ("R2.3", "risk.drawdown_pct", "40"),
        ("R2.3", "risk.wallet_daily_loss_pct", "10"),
        ("R2.3", "risk.wallet_drawdown_pct", "40"),
        ("R2.3", "risk.losing_streak", 6),
        ("R2.3", "risk.cool_down_bars", 12),
        ("R2.2", "risk.max_gap_bars", 12),
        ("R2.6", "coordination.method", "confidence"),
        ("R2.2", "scan.min_volume", "100000"),
        ("R2.2", "scan.max_spread_bps", "100"),
        ("R2.1", "scan.min_age_bars", 200),
        ("R2.2", "scan.max_order_pct", "5"),
        ("R2.1", "scan.bypass_pct", "500"),
        ("R2.1", "scan.look_confidence", "0.3"),
        ("R2.1", "scan.act_confidence", "0.6"),
        ("R2.5", "wallets.momentum.strategies", ["momentum"]),
        ("R2.5", "wallets.momentum.share_pct", "35"),
        ("R2.5", "wallets.mean-reversion.strategies", ["mean_reversion"]),
        ("R2.5", "wallets.mean-reversion.share_pct", "30"),
        ("R2.5", "wallets.grid.strategies", ["grid"]),
        ("R2.5", "wallets.grid.share_pct", "20"),
        ("R2.5", "wallets.arbitrage.strategies", ["arbitrage"]),
        ("R2.5", "wallets.arbitrage.share_pct", "15"),
        ("R2.1", "params.momentum.look", "0.3"),
        ("R2.1", "params.momentum.act", "0.6"),
        ("R2.1", "params.momentum.min_age", 200),
        ("R2.1", "params.momentum.bypass_pct", "500"),
        ("R2.1", "params.mean_reversion.signal", "both"),
        ("R2.1", "params.mean_reversion.min_turnover", "100000"),
    ),
    "equities": (
        ("R3.3", "account.cash", "10000"),
        ("R3.3", "data.exchange", "us-stocks"),
        ("R3.3", "data.symbols", ["AAPL", "AMZN", "GOOG", "META", "NFLX", "NVDA"]),
        ("R3.3", "data.timeframe", "1d"),
        ("R3.3", "costs.fee_bps", "1"),
        ("R3.3", "costs.maker_fee_bps", "1"),
        ("R3.3", "costs.slippage_bps", "3"),
        ("R3.3", "sizing.fraction", "0.95"),
        ("R3.3", "sizing.rebalance", True),
        ("R3.3", "sizing.dead_band_pct", "20"),
        ("R3.3", "allocation.method", "risk_parity"),
        ("R3.3", "allocation.bars", 60),
        ("R0.4", "risk.min_notional", "2.0"),
        ("R3.3", "risk.drawdown_pct", "50"),
    ),
    "paper-500": (
        ("R4.2", "account.cash", "500"),
        ("R4.4", "sizing.fraction", "0.3"),
        ("R4.2", "risk.max_positions", 3),
        ("R0.4", "risk.min_notional", "2.0"),
        ("R4.2", "risk.daily_loss_pct", "20"),
        ("R4.2", "risk.drawdown_pct", "75"),
        ("R4.5", "exits.high_score", 80),
        ("R4.5", "exits.high_loss_pct", "25"),
        ("R4.5", "exits.high_atr_ratio", "3"),
        ("R4.5", "exits.high_share_pct", "50"),
        ("R4.5", "exits.high_loss_points", 70),
        ("R4.5", "exits.high_atr_points", 20),
        ("R4.5", "exits.high_share_points", 10),
        ("R2.2", "scan.min_volume", "100000"),
        ("R2.2", "scan.max_spread_bps", "50"),
        ("R2.2", "scan.min_age_bars", 200),
        ("R2.2", "scan.max_order_pct", "5"),
        ("R2.1", "scan.look_confidence", "0.3"),
        ("R2.1", "scan.act_confidence", "0.6"),
    ),
}  # fmt: skip


class Row(NamedTuple):
    """One statement of a preset."""

    preset: str
    requirement: str
    key: str
    value: Any

    def __str__(self) -> str:
        value = ",".join(self.value) if isinstance(self.value, list) else self.value
        return f"{self.preset}:{self.key}={value}"

    def holds(self) -> bool:
        value, preset = preset_values(self.preset)[self.key]
        return preset == self.preset and type(value) is type(self.value) and value == self.value


ROWS = [Row(preset, *rest) for preset, table in TABLE.items() for rest in table]


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=str(row), marks=pytest.mark.req(row.requirement)) for row in ROWS]
)
def test_a_preset_keeps_the_number_of_its_requirement(row: Row) -> None:
    assert row.holds()


def test_the_five_presets_and_the_plain_one_are_there() -> None:
    assert set(preset_names()) == {*TABLE, "plain"}


def own_values(preset: str) -> dict[str, Any]:
    """What the file itself states, read without the program's inheritance."""
    tree = tomllib.loads(preset_text(preset))
    assert tree.pop("base") == "plain"
    return flat(tree, Settings.model_fields)


@pytest.mark.parametrize("preset", TABLE)
def test_every_key_of_a_preset_has_exactly_one_row_and_every_row_its_key(preset: str) -> None:
    rows = [row.key for row in ROWS if row.preset == preset]
    assert sorted(rows) == sorted(own_values(preset))
    assert len(set(rows)) == len(rows)


def keyed_lines(preset: str) -> Iterator[tuple[str, int, str]]:
    """Yield (key, number, line) of a preset's file."""
    section = ""
    for number, line in enumerate(preset_text(preset).splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section and " = " in line:
            yield f"{section}.{line.partition(' = ')[0]}", number, line


@pytest.mark.parametrize("preset", TABLE)
def test_the_comment_on_a_keys_line_begins_with_the_requirement_of_its_row(preset: str) -> None:
    written = {key: re.search(r"  *# (R\d+\.\d+)(?:: |$)", line) for key, _, line in keyed_lines(preset)}
    assert {key: found and found[1] for key, found in written.items()} == {
        row.key: row.requirement for row in ROWS if row.preset == preset
    }


@pytest.mark.parametrize("preset", TABLE)
def test_what_a_preset_states_is_what_a_run_gets(preset: str, tmp_path: Path) -> None:
    settings = load_settings(preset, tmp_path, {}, {}).settings
    tree = settings.model_dump()
    for key, stated in own_values(preset).items():
        table, name, last = open_key(key) or ("", *key.split(".", 1))
        got = tree[table][name][last] if table else tree[name][last]
        if isinstance(got, Decimal):
            assert got == Decimal(stated)
        else:
            assert got == (tuple(stated) if isinstance(stated, list) else stated)


@pytest.mark.req("R0.3")
@pytest.mark.parametrize("preset", preset_names())
def test_the_engine_builds_its_rules_from_a_preset(preset: str, tmp_path: Path) -> None:
    settings = load_settings(preset, tmp_path, {}, {}).settings
    rules = build_rules(settings.model_dump(), 60_000)
    assert rules.bar_ms == 60_000
    assert rules.max_positions == settings.risk.max_positions
    assert rules.min_confidence == int(settings.risk.min_confidence * 10**8)


@pytest.mark.parametrize("preset", preset_names())
def test_strategies_parameters_and_series_that_a_preset_names_exist(preset: str, tmp_path: Path) -> None:
    parts = Wiring(tmp_path, preset, {})
    settings = parts.settings
    for wallet in settings.wallets.values():
        assert set(wallet.strategies) <= set(parts.strategies.names())
    for name, given in settings.params.items():
        # Raises for a parameter that is not declared, of another type or out of range.
        made = parts.strategies.load(name).cls(**given)
        assert set(given) <= set(made.params)
    for symbol in settings.data.symbols:
        assert parts.bars.candidates(symbol, settings.data.exchange)


# Another legal value where there is no next number.
OTHER_WORDS = {
    "account.quote": "USD",
    "data.exchange": "bitfinex",
    "data.timeframe": "1w",
    "params.mean_reversion.signal": "rsi",
}


def one_step_further(key: str, value: Any) -> Any:
    """Return a number with its last digit raised by one; of anything else another legal value."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value[:-1] if len(value) > 1 else [*value, "demo_ma"]
    if re.fullmatch(r"[\d.]+", value):
        number = Decimal(value)
        return str(number + Decimal(1).scaleb(number.as_tuple().exponent))
    if key in OTHER_WORDS:
        return OTHER_WORDS[key]
    section, _, name = key.partition(".")
    words = Settings.model_fields[section].annotation.model_fields[name].annotation
    assert get_origin(words) is Literal
    return next(word for word in get_args(words) if word != value)


@pytest.fixture
def copied_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The presets the program reads, in a folder that may be written to."""
    folder = tmp_path / "presets"
    folder.mkdir()
    for name in preset_names():
        (folder / f"{name}.toml").write_text(preset_text(name))
    monkeypatch.setattr(layers, "preset_folder", lambda: folder)
    yield folder
    preset_values.cache_clear()


@pytest.mark.parametrize("preset", TABLE)
def test_each_number_changed_by_one_step_fails_exactly_its_own_row(copied_presets: Path, preset: str) -> None:
    path = copied_presets / f"{preset}.toml"
    whole = path.read_text()
    mine = {row.key: row for row in ROWS if row.preset == preset}
    # None as a rule; this test is about what a change breaks, not about what is broken already.
    broken = [row for row in ROWS if not row.holds()]
    for key, number, line in [one for one in keyed_lines(preset) if one[0] in mine]:
        changed = one_step_further(key, mine[key].value)
        name, comment = line.partition(" = ")[0], line.partition("  # ")[2]
        lines = whole.splitlines()
        lines[number] = f"{name} = {shown(changed)}  # {comment}"
        path.write_text("\n".join(lines))
        preset_values.cache_clear()
        assert [row for row in ROWS if not row.holds() and row not in broken] == [mine[key]] * (mine[key] not in broken)
        assert not mine[key].holds()
        try:
            load_settings(preset, copied_presets / "none", {}, {})
        except UsageError as error:
            # The shares of the wallets are 100 % together: one more is refused, which is one more guard.
            assert key.endswith("share_pct")
            assert "share out 101 %" in error.message
        path.write_text(whole)
        preset_values.cache_clear()
    assert [row for row in ROWS if not row.holds()] == broken
