"""What is remembered beside a stored series: from when on the venue was asked for it, and where it changed its mind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trader_cli.market.files import replacing

_KEPT = 200


class Noted:
    """The notes of one series, `BASE-QUOTE-TIMEFRAME.notes.json`. A damaged file is begun anew: no bar depends on it."""

    def __init__(self, series: Path) -> None:
        self.path = series.with_name(f"{series.name.removesuffix('.parquet')}.notes.json")
        self._stored = self._read()

    @property
    def from_ms(self) -> int | None:
        """The earliest open that the venue was asked for, ms UTC; None where it never was."""
        value = self._stored.get("from_ms")
        return value if isinstance(value, int) else None

    def asked_from(self, since_ms: int) -> None:
        """Remember that the venue was asked for everything since."""
        self._stored["from_ms"] = since_ms
        self._write()

    def add(self, kind: str, time_ms: int, text: str) -> bool:
        """Remember a sentence about one bar; False where that bar has one of this kind already."""
        bars = self._stored.setdefault(kind, {})
        if not isinstance(bars, dict):
            bars = self._stored[kind] = {}
        if str(time_ms) in bars:
            return False
        bars[str(time_ms)] = text
        self._stored[kind] = dict(sorted(bars.items(), key=lambda one: one[0])[-_KEPT:])
        self._write()
        return True

    def _read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def _write(self) -> None:
        with replacing(self.path) as temporary:
            temporary.write_text(json.dumps(self._stored, indent=1) + "\n", "utf-8")
