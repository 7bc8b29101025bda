"""Which series are stored, from the names of their files alone; without numpy, so that a list of them costs no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trader_cli.errors import UsageError
from trader_cli.model.timeframe import Timeframe

SUFFIXES = (".parquet", ".csv.gz", ".csv")


@dataclass(frozen=True)
class Series:
    """One stored file of bars. sample: it ships with the program."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    path: Path
    sample: bool = False


def series_of(path: Path, exchange: str, sample: bool) -> Series | None:
    """Return what a file's name says, `BASE-QUOTE-TIMEFRAME` or `BASE-TIMEFRAME`; None when it is no file of bars."""
    suffix = next((one for one in SUFFIXES if path.name.endswith(one)), None)
    if suffix is None:
        return None
    name, _, frame = path.name.removesuffix(suffix).rpartition("-")
    if not name:
        return None
    try:
        timeframe = Timeframe.parse(frame)
    except UsageError:
        return None
    return Series(exchange, name.replace("-", "/", 1), timeframe, path, sample)


class Listing:
    """The files under `home_data/EXCHANGE/` and the sample's."""

    def __init__(self, home_data: Path | None, sample_data: Path) -> None:
        self.home_data = home_data
        self.sample_data = sample_data

    @cached_property
    def _all(self) -> list[Series]:
        found: list[Series] = []
        for folder, sample in ((self.home_data, False), (self.sample_data, True)):
            if folder is None or not folder.is_dir():
                continue
            for exchange in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
                for path in sorted(exchange.iterdir()):
                    series = series_of(path, exchange.name, sample)
                    if series is not None:
                        found.append(series)
        return found

    def series(self) -> list[Series]:
        """Return every stored series, from file names only."""
        return list(self._all)

    def symbols(self, exchange: str | None = None) -> list[str]:
        """Return the symbols there are, sorted."""
        return sorted({one.symbol for one in self._all if exchange in (None, "", one.exchange)})


def describe(series: Iterable[Series]) -> list[dict[str, object]]:
    """Return one row a series for listing; reads only the file's size."""
    return [
        {
            "exchange": one.exchange,
            "symbol": one.symbol,
            "timeframe": str(one.timeframe),
            "sample": one.sample,
            "bytes": one.path.stat().st_size,
            "path": str(one.path),
        }
        for one in series
    ]
