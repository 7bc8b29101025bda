"""Where a series' bars did not come from: what its providers do not have, and what another one stands in with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trader_cli.jobs.fetch import Span
from trader_cli.market.files import replacing


class Origins:
    """Spans of opens by provider, `BASE-QUOTE-TIMEFRAME.fetch.json`; each list sorted, its spans apart.

    absent: asked for, asked again, and not to be had there. stand_ins: stored bars that are not the series' own venue's.
    A damaged file is begun anew: gaps are asked for again, and bars count as the venue's own.
    """

    def __init__(self, series: Path) -> None:
        self.path = series.with_name(f"{series.name.removesuffix('.parquet')}.fetch.json")

    def absent(self, provider: str) -> list[Span]:
        """Return what this provider does not have."""
        return self._read("absent").get(provider, [])

    def stand_ins(self) -> dict[str, list[Span]]:
        """Return whose bars stand in where the series' own venue gave none."""
        return self._read("stand_ins")

    def add_absent(self, provider: str, spans: Iterable[Span]) -> None:
        """Remember that this provider has no bar in these spans."""
        self._add("absent", provider, spans)

    def add_stand_ins(self, provider: str, spans: Iterable[Span]) -> None:
        """Remember that these bars are this provider's."""
        self._add("stand_ins", provider, spans)

    def own(self, spans: Iterable[Span]) -> None:
        """Remember that these bars are the venue's own after all."""
        held = self.stand_ins()
        taken = list(spans)
        left = {name: kept for name, old in held.items() if (kept := _without(old, taken))}
        if left != held:
            self._write({"absent": self._read("absent"), "stand_ins": left})

    def forget_absent(self) -> None:
        """Forget what is not to be had, so that it is asked for again."""
        if self._read("absent"):
            self._write({"absent": {}, "stand_ins": self.stand_ins()})

    def _add(self, kind: str, provider: str, spans: Iterable[Span]) -> None:
        new = list(spans)
        if not new:
            return
        stored = {one: self._read(one) for one in ("absent", "stand_ins")}
        held = stored[kind].get(provider, [])
        stored[kind][provider] = united([*held, *new])
        if stored[kind][provider] != held:
            self._write(stored)

    def _write(self, stored: Mapping[str, Any]) -> None:
        with replacing(self.path) as temporary:
            temporary.write_text(json.dumps(stored, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")

    def _read(self, kind: str) -> dict[str, list[Span]]:
        try:
            stored = json.loads(self.path.read_text("utf-8"))[kind]
            return {str(name): united((int(first), int(end)) for first, end in spans) for name, spans in stored.items()}
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return {}


def united(spans: Iterable[Span]) -> list[Span]:
    """Return spans sorted, joined where they touch, without empty ones."""
    found: list[Span] = []
    for first, end in sorted(spans):
        if end <= first:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found


def _without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    left = list(spans)
    for first, end in taken:
        cut = [piece for one in left for piece in ((one[0], min(one[1], first)), (max(one[0], end), one[1]))]
        left = united(cut)
    return left
