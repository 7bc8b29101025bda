"""What Alpaca answers with: bars as it writes them, and where the next of them are."""

from __future__ import annotations

from datetime import datetime

from trader_cli.jobs.fetch import Row
from trader_cli.model.timeframe import DAY_MS, Timeframe
from trader_cli.venues.answers import MalformedError, number, rows, same, table, text
from trader_cli.venues.reply import Reply
from trader_cli.venues.sessions import midnight_ms

# Far in the future: the year 2109.
_LATEST_MS = 1 << 42


def listed(reply: Reply, theirs: str) -> list[object]:
    """Return the bars of an answer as they came; none where it has none of the symbol."""
    answer = table(reply.data, "the answer")
    if "bars" not in answer:
        raise MalformedError("`bars` is missing")
    of = table(answer["bars"] if answer["bars"] is not None else {}, "`bars`")
    for name in of:
        same(name, theirs, "the symbol of the bars")
    return rows(of.get(theirs) or [], "the bars")


def token_of(reply: Reply) -> str:
    token = table(reply.data, "the answer").get("next_page_token")
    if token is not None and not isinstance(token, str):
        raise MalformedError("`next_page_token` is no text")
    return token or ""


def told(one: object, base: Timeframe) -> tuple[Row, int]:
    """Return a bar and when it is over, ms UTC: a day's is of its date and over when that date is, in New York."""
    parts = table(one, "a bar")
    try:
        moment = datetime.fromisoformat(text(parts, "t"))
        stamp = moment.timestamp()
    except (ValueError, OverflowError):
        raise MalformedError("a time that is none") from None
    if moment.tzinfo is None:
        raise MalformedError("a time without a zone")
    begins = opens = round(stamp * 1000)
    if not 0 <= begins < _LATEST_MS:
        raise MalformedError("a time out of range")
    if base.ms >= DAY_MS:
        midnight = midnight_ms(begins)
        if midnight is None:
            raise MalformedError("a day that does not begin at midnight in New York")
        opens = midnight
    elif begins % base.ms:
        raise MalformedError(f"a bar that does not begin on the grid of {base}")
    first, high, low, last, volume = (float(number(parts, name)) for name in "ohlcv")
    return (opens, first, high, low, last, volume), begins + base.ms
