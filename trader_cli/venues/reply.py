"""What came back from one request, as it came: status, headers and text, before any library has made sense of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn


@dataclass(frozen=True)
class Reply:
    """One answer, or how it failed to come.

    status: HTTP status, 0 = no answer was read to its end. failure: why there is none: `unsigned` (the request could not be
    made), `not_sent` (no connection, so nothing was written), `timeout`, `broken`. data: the JSON in the text with every
    number exact, None where `parsed` is False.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    failure: str = ""
    parsed: bool = False
    data: Any = None

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], text: str) -> Reply:
        """Make a reply from an HTTP answer."""
        try:
            data = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return cls(status, headers, text)
        return cls(status, headers, text, parsed=True, data=data)

    def retry_after_ms(self, now_ms: int) -> int:
        """Return the moment the header `Retry-After` names, ms UTC, or 0."""
        value = self.header("retry-after")
        return now_ms + int(value[:9]) * 1000 if value.isdigit() else _moment(value)

    def date_ms(self) -> int:
        """Return when the answer was made by the clock of who made it (header `Date`), ms UTC, or 0."""
        return _moment(self.header("date"))

    def header(self, name: str) -> str:
        """Return a header, whatever the letters of its name; empty where there is none."""
        return next((text for one, text in self.headers.items() if one.lower() == name), "").strip()


def _moment(value: str) -> int:
    try:
        return int(parsedate_to_datetime(value).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return 0


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
