"""A feed as a source of bars: closed ones only, and a market that cannot be read stops nothing but itself."""

from __future__ import annotations

from trader_cli.errors import DataError, UsageError, VenueError
from trader_cli.jobs.ports import Feed
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe


class FeedSource:
    """Gives a cycle its bars. problems: by symbol, why its market is left alone in this cycle."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.problems: dict[str, str] = {}

    def load(
        self,
        symbol: str,
        exchange: str | None,  # noqa: ARG002 a feed is of one venue
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        """Return the closed bars of a symbol; of a market that cannot be read, what was known of it before.

        Raises VenueError where the trouble is the venue's and not this market's alone.
        """
        if timeframe is None:
            raise UsageError("a cycle needs to know the length of its bars", "say it: `--timeframe 4h`")
        try:
            bars = self.feed.closed(symbol, timeframe, since_ms)
        except (DataError, VenueError) as error:
            if isinstance(error, VenueError) and error.resolution != "skip_symbol":
                raise
            self.problems[symbol] = error.message
            bars = self.feed.known(symbol, timeframe, since_ms)
        return bars.between(None, until_ms)

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        return self.feed.digest(bars)
