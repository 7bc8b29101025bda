"""The store: which series there are, the user's before the sample, and their bars at any timeframe that divides."""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from trader_cli.errors import DataError, UsageError, did_you_mean
from trader_cli.market.files import iso, load
from trader_cli.market.listing import Listing, Series
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.model.instrument import Instrument
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe


class BarStore(Listing):
    """Bars under `home_data/EXCHANGE/` and the sample's; the user's own hide sample series of the same symbol."""

    def sample_symbols(self) -> tuple[str, list[str]]:
        """Return (exchange, symbols) of the default universe, as `sample.toml` states it."""
        default = self._sample.get("default", {})
        return str(default.get("exchange", "")), [str(one) for one in default.get("symbols", [])]

    def candidates(self, symbol: str, exchange: str | None) -> list[Series]:
        """Return the series of one symbol on one exchange, finest first. Raises DataError, UsageError when ambiguous."""
        named = [one for one in self._all if one.symbol == symbol and exchange in (None, "", one.exchange)]
        if not named:
            where = f" on `{exchange}`" if exchange else ""
            known = self.symbols(exchange)
            raise DataError(
                f"no bars for `{symbol}`{where}",
                *did_you_mean(symbol, known),
                "`trader data list` shows what there is, `trader data import` brings more",
            )
        own = [one for one in named if not one.sample] or named
        exchanges = sorted({one.exchange for one in own})
        if len(exchanges) > 1:
            raise UsageError(
                f"`{symbol}` is stored for {' and '.join(f'`{one}`' for one in exchanges)}",
                f"say which: `--exchange {exchanges[0]}`",
            )
        return sorted(own, key=lambda one: one.timeframe)

    def resolve(self, symbol: str, exchange: str | None, timeframe: Timeframe | None) -> tuple[Series, Timeframe]:
        """Return the file to read and the timeframe wanted: the coarsest file that divides it, or the series' default."""
        stored = self.candidates(symbol, exchange)
        if timeframe is None:
            stated = self._sample.get("timeframe", {}).get(stored[0].exchange) if stored[0].sample else None
            wanted = Timeframe.parse(stated) if stated else stored[-1].timeframe
        else:
            wanted = timeframe
        fitting = [one for one in stored if wanted.ms % one.timeframe.ms == 0]
        if not fitting:
            have = ", ".join(str(one.timeframe) for one in stored)
            raise DataError(
                f"`{symbol}` has bars of {have}, {wanted} cannot be made from them",
                f"choose another: `--timeframe {stored[0].timeframe}`",
            )
        return fitting[-1], wanted

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        """Return the bars of one symbol in [since_ms, until_ms). Raises DataError when there are none or they are damaged."""
        series, wanted = self.resolve(symbol, exchange, timeframe)
        whole = resample(load(series), wanted)
        bars = whole.between(since_ms, until_ms)
        if len(bars) == 0:
            have = (
                f"from {iso(int(whole.open_ms[0]))} to {iso(int(whole.open_ms[-1]))}" if len(whole) else "none at all"
            )
            raise DataError(f"no {wanted} bars for `{symbol}` in the time asked for", f"there are bars {have}")
        return bars

    def instrument(self, symbol: str, exchange: str) -> Instrument:
        """Return the steps and minimums of a symbol on an exchange; undescribed where no `instruments.toml` states them."""
        for table in self._instruments:
            stated = table.get(exchange, {}).get(symbol)
            if stated is not None:
                return instrument_from(symbol, stated)
        return Instrument(symbol)

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns as little-endian bytes."""
        whole = hashlib.sha256(bars.open_ms.astype("<i8").tobytes())
        for name in COLUMNS:
            whole.update(np.ascontiguousarray(getattr(bars, name), dtype="<f8").data)
        return whole.hexdigest()

    @cached_property
    def _sample(self) -> dict[str, Any]:
        return _toml(self.sample_data / "sample.toml")

    @cached_property
    def _instruments(self) -> tuple[dict[str, Any], ...]:
        folders = (one for one in (self.home_data, self.sample_data) if one is not None)
        return tuple(_toml(one / "instruments.toml") for one in folders)


def instrument_from(symbol: str, stated: dict[str, Any]) -> Instrument:
    """Return an instrument from a table with `tick`, `lot`, `min_quantity`, `min_notional`, `quote`; text or numbers."""
    known = ("tick", "lot", "min_quantity", "min_notional")
    unknown = sorted(set(stated) - {*known, "quote"})
    if unknown:
        raise UsageError(
            f"instrument `{symbol}` has an unknown key `{unknown[0]}`", *did_you_mean(unknown[0], (*known, "quote"))
        )
    numbers = {name: Decimal(str(stated[name])) for name in known if name in stated}
    return Instrument(symbol, **numbers, quote_currency=str(stated.get("quote", "USD")), described=True)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}") from error
