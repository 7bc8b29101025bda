"""Finding, resampling and describing series."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.errors import DataError, UsageError
from trader_cli.market.files import file_of, load, write
from trader_cli.market.listing import series_of
from trader_cli.market.store import BarStore
from trader_cli.model.bars import Bars
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe
from trader_cli.wiring import builtin_dir

SAMPLE = builtin_dir("data")
MINUTE = Timeframe(60_000)


def some(count: int, symbol: str = "A/USD", exchange: str = "x", start: int = 0, step: int = 60_000) -> Bars:
    stamps = start + np.arange(count, dtype=np.int64) * step
    price = 100.0 + np.arange(count)
    return Bars(symbol, exchange, Timeframe(step), stamps, price, price + 1, price - 1, price, np.ones(count))


def test_the_sample_is_five_coins_and_seven_stocks_without_damage() -> None:
    store = BarStore(None, SAMPLE)
    assert len(store.series()) == 12
    for one in store.series():
        assert len(load(one)) > 2_000


def test_the_default_universe_is_the_coins_at_4h() -> None:
    store = BarStore(None, SAMPLE)
    exchange, symbols = store.sample_symbols()
    assert (exchange, len(symbols)) == ("bitfinex", 5)
    bars = store.load("BTC/USD", None, None)
    assert str(bars.timeframe) == "4h"
    assert len(bars) == 4380


def test_every_sample_instrument_is_described() -> None:
    store = BarStore(None, SAMPLE)
    for one in store.series():
        assert store.instrument(one.symbol, one.exchange).described
    assert store.instrument("BTC/USD", "bitfinex").tick == Decimal("0.1")
    assert not store.instrument("BTC/USD", "elsewhere").described


def test_the_users_own_series_hides_the_samples(tmp_path: Path) -> None:
    write(some(10, "BTC/USD", "mine"), file_of(tmp_path, "mine", "BTC/USD", MINUTE))
    store = BarStore(tmp_path, SAMPLE)
    assert len(store.load("BTC/USD", None, None)) == 10
    assert len(store.load("BTC/USD", "bitfinex", None)) == 4380


def test_two_exchanges_of_one_symbol_must_be_told_apart(tmp_path: Path) -> None:
    for exchange in ("one", "two"):
        write(some(10, "A/USD", exchange), file_of(tmp_path, exchange, "A/USD", MINUTE))
    with pytest.raises(UsageError, match="`one` and `two`") as error:
        BarStore(tmp_path, SAMPLE).load("A/USD", None, None)
    assert "--exchange one" in error.value.hints[0]


def test_a_timeframe_is_made_from_the_coarsest_file_that_divides_it(tmp_path: Path) -> None:
    for step in (60_000, 300_000):
        write(some(120, step=step), file_of(tmp_path, "x", "A/USD", Timeframe(step)))
    store = BarStore(tmp_path, SAMPLE)
    series, wanted = store.resolve("A/USD", None, Timeframe.parse("15m"))
    assert (str(series.timeframe), str(wanted)) == ("5m", "15m")
    with pytest.raises(DataError, match="cannot be made"):
        store.resolve("A/USD", None, Timeframe.parse("90m").__class__(90_001))


@pytest.mark.parametrize("name", ["../evil", "a/b/c", "", ".hidden", "a b"])
def test_names_that_would_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        file_of(tmp_path, name, "A/USD", MINUTE)


@pytest.mark.parametrize(
    ("name", "symbol", "frame"),
    [
        ("BTC-USD-30m.parquet", "BTC/USD", "30m"),
        ("AAPL-1d.csv.gz", "AAPL", "1d"),
        ("XRP-USDT-PERP-5m.csv", "XRP/USDT-PERP", "5m"),
    ],
)
def test_file_names_tell_symbol_and_timeframe(name: str, symbol: str, frame: str) -> None:
    series = series_of(Path("x") / name, "x", sample=False)
    assert series is not None
    assert (series.symbol, str(series.timeframe)) == (symbol, frame)


@pytest.mark.parametrize("name", ["README.md", "notes.csv", "sample.toml", "-1d.parquet"])
def test_other_files_are_no_series(name: str) -> None:
    assert series_of(Path("x") / name, "x", sample=False) is None


def slow_resample(bars: Bars, frame: Timeframe) -> list[tuple[int, float, float, float, float, float]]:
    rows: dict[int, list[float]] = {}
    for i in range(len(bars)):
        bucket = frame.floor(int(bars.open_ms[i]))
        values = [float(getattr(bars, name)[i]) for name in ("open", "high", "low", "close", "volume")]
        if bucket not in rows:
            rows[bucket] = values
        else:
            row = rows[bucket]
            row[1], row[2], row[3], row[4] = (
                max(row[1], values[1]),
                min(row[2], values[2]),
                values[3],
                row[4] + values[4],
            )
    end = int(bars.open_ms[-1]) + bars.timeframe.ms
    return [(bucket, *row) for bucket, row in rows.items() if bucket + frame.ms <= end]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(1, 200), st.sampled_from(["5m", "15m", "1h", "1d", "1w"]), st.integers(0, 10_000)
)
def test_resampling_equals_the_slow_obvious_way_and_is_prefix_stable(
    seed: int, count: int, frame: str, start: int
) -> None:
    rng = np.random.default_rng(seed)
    stamps = (start + np.sort(rng.choice(count * 40, count, replace=False)).astype(np.int64)) * 60_000
    columns = [rng.integers(1, 100, count).astype(float) for _ in range(5)]
    bars = Bars("A/USD", "x", MINUTE, stamps, *columns)
    wanted = Timeframe.parse(frame)
    made = resample(bars, wanted)
    got = list(
        zip(
            made.open_ms.tolist(),
            *(getattr(made, n).tolist() for n in ("open", "high", "low", "close", "volume")),
            strict=True,
        )
    )
    assert got == slow_resample(bars, wanted)
    cut = int(rng.integers(1, count + 1))
    part = resample(bars[:cut], wanted)
    assert part.open_ms.tolist() == made.open_ms[: len(part)].tolist()
    assert part.close.tolist() == made.close[: len(part)].tolist()


def test_storing_bars_brings_no_pandas_into_a_cycle() -> None:
    """Half a second and 60 MB of every cycle with a new bar; a process of its own shows what is imported."""
    program = (
        "import sys, tempfile, pathlib, numpy as np\n"
        "from trader_cli.market.files import write\n"
        "from trader_cli.model.bars import Bars\n"
        "from trader_cli.model.timeframe import Timeframe\n"
        "one = np.ones(3)\n"
        "bars = Bars('A/B', 'x', Timeframe(1), np.arange(3), one, one, one, one, one)\n"
        "write(bars, pathlib.Path(tempfile.mkdtemp()) / 'A-B-1m.parquet')\n"
        "sys.exit('pandas' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
