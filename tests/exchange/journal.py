"""What the exchange saw and did, in order: every request, every acceptance, fill and end. Never a secret."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .clock import Clock

SECRETS = frozenset({"signature", "api-key", "api-sign", "apikey", "x-mbx-apikey", "otp"})


class Journal:
    """A list of plain rows. A request's row is written when it comes and completed when it was answered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: list[dict[str, Any]] = []

    def tell(self, what: str, **details: Any) -> dict[str, Any]:
        """Write a row."""
        row = {"seq": len(self.rows) + 1, "time_ms": self._clock.now_ms(), "what": what, **plain(details)}
        self.rows.append(row)
        return row

    def request(self, venue: str, method: str, path: str, params: dict[str, str]) -> dict[str, Any]:
        """Write the row of a request that has come; nothing is known of its answer yet."""
        shown = {key: value for key, value in params.items() if key.lower() not in SECRETS}
        return self.tell(
            "request",
            venue=venue,
            method=method,
            path=path,
            params=shown,
            fault="",
            acted=False,
            status=0,
            errors=[],
            impatient=False,
        )

    def requests(self, path: str = "", venue: str = "") -> list[dict[str, Any]]:
        """Return the requests whose path ends like that."""
        return [
            r for r in self.rows if r["what"] == "request" and r["path"].endswith(path) and venue in ("", r["venue"])
        ]

    def accepted(self, venue: str = "") -> dict[str, list[str]]:
        """Return the venue's ids of accepted orders by client id: more than one is a doubled order."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            if row["what"] == "accepted" and row["client_id"] and not row["foreign"] and venue in ("", row["venue"]):
                found.setdefault(row["client_id"], []).append(row["order"])
        return found


def plain(value: Any) -> Any:
    """Return a value as JSON knows it; decimals as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(part) for part in value]
    return value
