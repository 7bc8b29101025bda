"""The shelf of a stock: bars as traded in `raw/`, the actions beside them, and the adjusted series that everything reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action, Page, Put, Span, Wanted
from trader_cli.market.fetching import StoredShelf
from trader_cli.market.fetching_adjust import adjusted
from trader_cli.market.files import alone, file_of, load, replacing, write
from trader_cli.market.listing import series_of

# Adjusted and back again in single precision: smaller differences are nobody's revision.
_TOLERANCE = 1e-5


class StockShelf:
    """One series of a stock. The raw bars are what is asked for and compared; the adjusted file is made of them anew."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._wanted = wanted
        self._raw = folder / wanted.exchange / "raw"
        self.path = file_of(folder, wanted.exchange, wanted.symbol, wanted.timeframe)
        self._shelf = StoredShelf(folder, wanted, self._raw / self.path.name, tolerance=_TOLERANCE)
        self._noted = self._raw / f"{wanted.symbol.replace('/', '-')}.actions.json"

    def count(self) -> int:
        """Return how many bars are stored."""
        return self._shelf.count()

    def ends(self) -> Span | None:
        """Return the opens of the first and the last stored bar, ms UTC."""
        return self._shelf.ends()

    def unknown(self, provider: str, span: Span, page_bars: int, lacking_at: str | None = None) -> list[Span]:
        """Return the parts of a span to ask this provider for. A series that was killed before it was adjusted is, first."""
        if self._stale():
            self._adjust(self._raw / self.path.name, self.actions())
        return self._shelf.unknown(provider, span, page_bars, lacking_at)

    def missing(self, span: Span) -> list[Span]:
        """Return the gaps of a span that are no nights, weekends or holidays."""
        return self._shelf.missing(span)

    def put(self, provider: str, pages: Sequence[Page], *, asked_again: bool, replacing: bool) -> Put:
        """Store raw bars and actions, and make the adjusted series anew where either changed; of every timeframe then."""
        if not any(page.actions or page.span[0] < page.span[1] for page in pages):
            return Put(0)
        put = self._shelf.put(provider, pages, asked_again=asked_again, replacing=replacing)
        with alone(self._noted):
            held = self.actions()
            known = _merged(held, [one for page in pages for one in page.actions])
            if known != held:
                self._store(known)
            # A dividend changes every series of the stock, a bar only its own.
            stem = self._noted.name.removesuffix(".actions.json")
            changed = put.added or any(one.replaced for one in put.revisions)
            own = [self._raw / self.path.name] if changed else []
            for raw in sorted(self._raw.glob(f"{stem}-*.parquet")) if known != held else own:
                self._adjust(raw, known)
        return put

    def forget(self) -> None:
        """Forget which bars are known to be missing."""
        self._shelf.forget()

    def actions(self) -> list[Action]:
        """Return the splits and dividends that are known, oldest first; a damaged file is begun anew."""
        try:
            stored = json.loads(self._noted.read_text("utf-8"))
            found = [Action(int(one["time_ms"]), str(one["kind"]), float(one["value"])) for one in stored["actions"]]
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            return []
        return sorted(one for one in found if one.kind in (SPLIT, DIVIDEND) and 0.0 < one.value < 1e9)

    def _stale(self) -> bool:
        sources = [one for one in (self._raw / self.path.name, self._noted) if one.exists()]
        if not (self._raw / self.path.name).exists():
            return False
        newest = max(one.stat().st_mtime_ns for one in sources)
        return not self.path.exists() or self.path.stat().st_mtime_ns < newest

    def _store(self, known: Iterable[Action]) -> None:
        with replacing(self._noted) as temporary:
            temporary.write_text(json.dumps({"actions": [asdict(one) for one in known]}, indent=1) + "\n", "utf-8")

    def _adjust(self, raw: Path, known: Sequence[Action]) -> None:
        series = series_of(raw, self._wanted.exchange, sample=False)
        if series is not None and series.symbol == self._wanted.symbol:
            write(adjusted(load(series), known), self.path.with_name(raw.name))


def _merged(held: Sequence[Action], told: Iterable[Action]) -> list[Action]:
    """Return what is known now: one action of a kind a day, as it was told last."""
    known = {(one.time_ms, one.kind): one for one in held}
    for one in told:
        before = known.get((one.time_ms, one.kind))
        if before is None or abs(before.value - one.value) > _TOLERANCE * before.value:
            known[one.time_ms, one.kind] = one
    return sorted(known.values())
