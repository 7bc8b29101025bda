"""Bars: one symbol's open, high, low, close and volume over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trader_cli.errors import DataError
from trader_cli.model.timeframe import Timeframe

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Bars:
    """Closed bars of one symbol, oldest first, `open_ms` strictly rising.

    open_ms: int64 (n,), ms UTC of each bar's open. open, high, low, close, volume: float64 (n,);
    prices in quote per base, volume in base. A bar that does not exist is absent, never filled in.
    peers: the same symbol at other venues, for strategies that compare; each on its own opens, closed bars only.
    """

    symbol: str
    exchange: str
    timeframe: Timeframe
    open_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    peers: tuple[Bars, ...] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("open_ms", *COLUMNS)}
        if len(set(lengths.values())) != 1:
            raise DataError(f"`{self.symbol}`: columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.open_ms)

    def __getitem__(self, rows: slice) -> Bars:
        """Return a slice of rows as views; `bars[:n]` is what was known after bar n-1 closed."""
        cut: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("open_ms", *COLUMNS)}
        one = replace(self, **cut)
        if not self.peers:
            return one
        if len(one) == 0:
            return replace(one, peers=tuple(peer[:0] for peer in self.peers))
        first, last = int(one.open_ms[0]), int(one.open_ms[-1])
        return replace(one, peers=tuple(peer.between(first, last + 1) for peer in self.peers))

    def between(self, since_ms: int | None, until_ms: int | None) -> Bars:
        """Return the bars that open in the half-open span [since_ms, until_ms); None = no bound."""
        first = 0 if since_ms is None else int(np.searchsorted(self.open_ms, since_ms))
        last = len(self) if until_ms is None else int(np.searchsorted(self.open_ms, until_ms))
        return self[first:last]

    @property
    def frame(self) -> pd.DataFrame:
        """A pandas view with a UTC `DatetimeIndex` of the opens, for authors who use `ta` or pandas directly."""
        import pandas as pd

        index = pd.DatetimeIndex(self.open_ms.astype("datetime64[ms]"), tz="UTC", name="open_time")
        return pd.DataFrame({name: getattr(self, name) for name in COLUMNS}, index=index)
