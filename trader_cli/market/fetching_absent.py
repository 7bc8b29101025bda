"""Which bars of a series its providers do not have: asked for, asked again, and not to be had."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from trader_cli.jobs.fetch import Span
from trader_cli.market.files import replacing


class Absent:
    """Spans of opens by provider, `BASE-QUOTE-TIMEFRAME.fetch.json`. A damaged file is begun anew: they are asked for again."""

    def __init__(self, series: Path) -> None:
        self.path = series.with_name(f"{series.name.removesuffix('.parquet')}.fetch.json")

    def spans(self, provider: str) -> list[Span]:
        """Return what this provider does not have, sorted and apart."""
        return self._read().get(provider, [])

    def add(self, provider: str, spans: Iterable[Span]) -> None:
        """Remember that this provider has no bar in these spans."""
        new = list(spans)
        if not new:
            return
        stored = self._read()
        held = stored.get(provider, [])
        stored[provider] = _united([*held, *new])
        if stored[provider] != held:
            with replacing(self.path) as temporary:
                temporary.write_text(json.dumps({"absent": stored}, separators=(",", ":")) + "\n", "utf-8")

    def clear(self) -> None:
        """Forget them all."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> dict[str, list[Span]]:
        try:
            stored = json.loads(self.path.read_text("utf-8"))["absent"]
            return {
                str(name): _united((int(first), int(end)) for first, end in spans) for name, spans in stored.items()
            }
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return {}


def _united(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for first, end in sorted(spans):
        if end <= first:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found
