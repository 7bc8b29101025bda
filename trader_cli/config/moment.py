"""Moments as the user writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trader_cli.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_ms(text: str, name: str) -> int | None:
    """Return an ISO 8601 moment in UTC as ms; a bare date is its midnight, empty is None.

    name: the key the moment stands under. Raises UsageError for anything else.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"`{name}` is `{text}`, that is no date", "write e.g. 2018-01-31 or 2018-01-31T12:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
