"""Splits and dividends: prices as they were traded become a series without jumps that nobody gained or lost by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import DAY_MS


def adjusted(raw: Bars, actions: Iterable[Action]) -> Bars:
    """Return bars adjusted backwards: the newest stay as traded, older ones are multiplied.

    CRSP's multipliers, which Yahoo's adjusted close uses too (crsp.org, "Calculations: Adjust Data"; help.yahoo.com,
    SLN28256): for every bar before a split of r new shares for one its prices times 1 / r and its volume times r; for every
    bar before the day a share goes without a dividend D its prices times 1 - D / C, C the last close before that day, as
    traded. A dividend before the first bar, or of as much as the close, changes nothing. Where both fall on one day the
    dividend is paid on the new shares.
    """
    days = raw.open_ms // DAY_MS
    prices, shares = np.ones(len(raw)), np.ones(len(raw))
    known = sorted(actions)
    for one in known:
        before = int(np.searchsorted(days, one.time_ms // DAY_MS))
        if before == 0:
            continue
        if one.kind == SPLIT:
            prices[:before] /= one.value
            shares[:before] *= one.value
        elif one.kind == DIVIDEND:
            new = [each.value for each in known if each.kind == SPLIT and each.time_ms == one.time_ms]
            paid = one.value * float(np.prod(new))
            close = float(raw.close[before - 1])
            if paid < close:
                prices[:before] *= 1.0 - paid / close
    return replace(
        raw,
        open=raw.open * prices,
        high=raw.high * prices,
        low=raw.low * prices,
        close=raw.close * prices,
        volume=raw.volume * shares,
    )
