"""Bars that a finer series of the same fetch holds already are made of it: a venue's trades are walked over once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trader_cli.jobs.fetch import Page, Provider, Row, Shelf, Span, Wanted
from trader_cli.market.files import file_of, load
from trader_cli.market.listing import Series
from trader_cli.market.providers import Around
from trader_cli.model.bars import COLUMNS
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe


class FinerFirst(Around):
    """A provider whose dear spans are taken from a finer stored series where that is known to its last bar.

    inner: the series' own provider. exchange, folder: where its series are stored. frames: those fetched now, finest first.
    """

    def __init__(
        self,
        inner: Provider,
        folder: Path,
        exchange: str,
        frames: Sequence[Timeframe],
        shelf: Callable[[Wanted], Shelf],
    ) -> None:
        super().__init__(inner)
        self._folder = folder
        self._exchange = exchange
        self._frames = frames
        self._shelf = shelf

    def page(self, symbol: str, timeframe: Timeframe, span: Span, cursor: Any) -> tuple[Page, Any]:
        """Return bars made of finer ones where all of those are known and one request would not do, else the provider's."""
        if cursor is None and self._inner.requests(timeframe, span) > 1:
            for frame in reversed([one for one in self._frames if one < timeframe and timeframe.ms % one.ms == 0]):
                if (page := self._made(symbol, frame, timeframe, span)) is not None:
                    return page, None
        return self._inner.page(symbol, timeframe, span, cursor)

    def _made(self, symbol: str, frame: Timeframe, timeframe: Timeframe, span: Span) -> Page | None:
        wanted = Wanted(self._exchange, symbol, frame)
        if self._shelf(wanted).unknown(self.name, span, 1):
            return None
        path = file_of(self._folder, self._exchange, symbol, frame)
        if not path.exists():
            return None
        whole = resample(load(Series(self._exchange, symbol, frame, path)), timeframe)
        # A last bucket that no later bar ends is not given: nothing is said of it.
        end = min(span[1], int(whole.open_ms[-1]) + timeframe.ms) if len(whole) else span[0]
        bars = whole.between(span[0], span[1])
        columns = np.column_stack([getattr(bars, name) for name in COLUMNS]).tolist()
        rows: list[Row] = [(stamp, *values) for stamp, values in zip(bars.open_ms.tolist(), columns, strict=True)]
        return Page(rows, (span[0], max(span[0], end)), proves=True)
