"""The table of the error resolver: the venues' texts, what each asks for, and whether it proves that nothing was done.

Texts are the venues' documented ones. Earlier rows win. `wait_s` is how long to leave the venue alone where it states no time
itself: Kraken's call counter falls by one in three seconds for the smallest tier and a lockout lasts a quarter of an hour;
Binance counts orders by ten seconds, weights by the minute, and bans for two minutes at least.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trader_cli.model.orders import Resolution


@dataclass(frozen=True)
class Row:
    """One kind of trouble. `says` is the sentence for failures that bring no text of the venue."""

    name: str
    pattern: re.Pattern[str]
    resolution: Resolution
    refused: bool = False
    wait_s: int = 0
    everything: bool = False
    says: str = ""


def _row(
    name: str,
    pattern: str,
    resolution: Resolution,
    *,
    refused: bool = False,
    wait_s: int = 0,
    everything: bool = False,
    says: str = "",
) -> Row:
    return Row(name, re.compile(pattern), resolution, refused, wait_s, everything, says)


UNLISTED = _row("unlisted", "", Resolution.SKIP_CYCLE)
"""A text nobody has listed: recorded under this name, and no proof of anything."""

NO_SUCH_ORDER = "no_such_order"
ARCHIVED = "archived"
DUPLICATE = "duplicate_id"
BELOW_MINIMUM = "below_minimum"
LOT_SIZE = "lot_size"

_KRAKEN = (
    # Whether the request was carried out stays open.
    _row("deadline_elapsed", r"^EService:Deadline elapsed", Resolution.LOOK_UP),
    _row(
        DUPLICATE,
        r"(?i)^E\w+:.*(duplicate|already|unique|in use).*cl_ord_id|cl_ord_id.*(duplicate|already|unique|in use)",
        Resolution.LOOK_UP,
    ),
    _row("unavailable", r"^EService:(Unavailable|Busy|Timeout)", Resolution.RETRY),
    _row("internal", r"^(EGeneral|EDatabase):(Internal|Unknown) error", Resolution.RETRY),
    # Asked too often.
    _row("throttled", r"^EService: ?Throttled", Resolution.WAIT, refused=True, wait_s=15),
    _row("call_limit", r"^(EAPI|EAuth):Rate limit exceeded", Resolution.WAIT, refused=True, wait_s=15),
    _row("too_many_requests", r"^(EGeneral|EAuth):Too many requests", Resolution.WAIT, refused=True, wait_s=15),
    _row("order_limit", r"^EOrder:(Domain rate|Rate) limit exceeded", Resolution.WAIT, refused=True, wait_s=15),
    _row("lockout", r"^EGeneral:Temporary lockout", Resolution.WAIT, refused=True, wait_s=900, everything=True),
    # Clock and nonce.
    _row("nonce", r"^EAPI:Invalid nonce", Resolution.RESYNC, refused=True),
    _row("deadline_invalid", r"^EGeneral:Invalid arguments:deadline", Resolution.RESYNC, refused=True),
    # Key and account.
    _row("bad_key", r"^EAPI:Invalid (key|signature)|^ESession:Invalid session", Resolution.HALT_ALL, refused=True),
    _row(
        "no_permission",
        r"^EGeneral:Permission denied|^EAPI:Feature disabled|^EAccount:Invalid permissions",
        Resolution.HALT_ALL,
        refused=True,
    ),
    _row(
        "account_locked",
        r"^ETrade:(User )?Locked|^EAuth:Account|^EOrder:Trading agreement required",
        Resolution.HALT_ALL,
        refused=True,
    ),
    # The market or its mode.
    _row("cancel_only", r"^EService:Market in cancel_only mode", Resolution.SKIP_SYMBOL, refused=True),
    _row("post_only_mode", r"^EService:Market in (post_only|limit_only) mode", Resolution.SKIP_SYMBOL, refused=True),
    _row("unknown_market", r"^E\w+:(Unknown|Invalid) asset( pair)?", Resolution.SKIP_SYMBOL, refused=True),
    # The order itself.
    _row("insufficient_funds", r"^EOrder:Insufficient (funds|margin)", Resolution.SKIP_SYMBOL, refused=True),
    _row(
        BELOW_MINIMUM,
        r"^EOrder:(Order|Cost) minimum not met|^E\w+:Invalid arguments:volume minimum",
        Resolution.SKIP_SYMBOL,
        refused=True,
    ),
    _row(
        "bad_price",
        r"^EOrder:(Tick size check failed|Invalid price)|^EGeneral:Invalid arguments:price",
        Resolution.SKIP_SYMBOL,
        refused=True,
    ),
    _row("would_cross", r"^EOrder:Post only order", Resolution.SKIP_SYMBOL, refused=True),
    _row(
        "orders_limit",
        r"^EOrder:(Scheduled orders|Orders|Positions) limit exceeded|^EBM:limit exceeded",
        Resolution.SKIP_SYMBOL,
        refused=True,
    ),
    _row(NO_SUCH_ORDER, r"^E(Order|Query):Unknown order( id)?$", Resolution.LOOK_UP),
    _row("cancel_pending", r"^E\w+:Cancel pending", Resolution.LOOK_UP),
    _row("bad_arguments", r"^EGeneral:Invalid arguments|^EAPI:Bad request", Resolution.SKIP_SYMBOL, refused=True),
    _row("unknown_method", r"^E\w+:Unknown [Mm]ethod", Resolution.HALT_ALL, refused=True),
)

_BINANCE = (
    _row(DUPLICATE, r"^-2010 Duplicate order sent", Resolution.LOOK_UP),
    _row("unknown_outcome", r"^-(1000|1001|1006|1007) ", Resolution.RETRY),
    _row("overloaded", r"^-(1004|1008|1016) ", Resolution.RETRY),
    _row("call_limit", r"^-1003 ", Resolution.WAIT, refused=True, wait_s=60),
    _row("order_limit", r"^-1015 ", Resolution.WAIT, refused=True, wait_s=10),
    _row("clock", r"^-1021 ", Resolution.RESYNC, refused=True),
    _row("window_invalid", r"^-1131 ", Resolution.SKIP_CYCLE, refused=True),
    _row("bad_key", r"^-(1002|1022|1099|2008|2014|2015) ", Resolution.HALT_ALL, refused=True),
    _row(
        "account_locked",
        r"^-2010 (This action is disabled|Rest API trading is not enabled|.*not permitted)",
        Resolution.HALT_ALL,
        refused=True,
    ),
    _row("insufficient_funds", r"^-2010 .*insufficient balance", Resolution.SKIP_SYMBOL, refused=True),
    _row("would_cross", r"^-2010 Order would immediately match", Resolution.SKIP_SYMBOL, refused=True),
    _row("would_trigger", r"^-2010 (Stop price|Order) would trigger immediately", Resolution.SKIP_SYMBOL, refused=True),
    _row("price_relation", r"^-2010 The relationship of the prices", Resolution.SKIP_SYMBOL, refused=True),
    _row("market_closed", r"^-(1013|2010) .*[Mm]arket is closed", Resolution.SKIP_SYMBOL, refused=True),
    _row(BELOW_MINIMUM, r"^-1013 Filter failure: (MIN_)?NOTIONAL", Resolution.SKIP_SYMBOL, refused=True),
    _row(LOT_SIZE, r"^-1013 Filter failure: (MARKET_)?LOT_SIZE", Resolution.SKIP_SYMBOL, refused=True),
    _row(
        "bad_price",
        r"^-1013 Filter failure: (PRICE_FILTER|PERCENT_PRICE|TRAILING_DELTA)",
        Resolution.SKIP_SYMBOL,
        refused=True,
    ),
    _row(
        "orders_limit",
        r"^-(1013|2010) Filter failure: (EXCHANGE_)?MAX_(NUM|POSITION|ASSET)",
        Resolution.SKIP_SYMBOL,
        refused=True,
    ),
    _row(
        "bad_quantity",
        r"^-1013 (Invalid quantity|Invalid price|Price \* QTY)|^-1111 ",
        Resolution.SKIP_SYMBOL,
        refused=True,
    ),
    _row("unknown_market", r"^-1121 ", Resolution.SKIP_SYMBOL, refused=True),
    _row(NO_SUCH_ORDER, r"^-2013 |^-2011 Unknown order sent", Resolution.LOOK_UP),
    _row(ARCHIVED, r"^-2026 ", Resolution.LOOK_UP),
    _row("bad_arguments", r"^-11[0-3]\d ", Resolution.SKIP_SYMBOL, refused=True),
)

ROWS = {"kraken": _KRAKEN, "binance": _BINANCE}

HTTP = {
    row.name: row
    for row in (
        _row(
            "unsigned",
            "",
            Resolution.HALT_ALL,
            refused=True,
            says="the request could not be signed: key or secret are not of the venue's form",
        ),
        _row("not_sent", "", Resolution.SKIP_CYCLE, refused=True, says="no connection to the venue could be made"),
        _row("timeout", "", Resolution.RETRY, says="the venue did not answer in time"),
        _row("broken", "", Resolution.RETRY, says="the connection broke before the answer was complete"),
        _row("page", "", Resolution.RETRY),
    )
} | {
    "429": _row("http_429", "", Resolution.WAIT, wait_s=60, everything=True),
    "418": _row("http_418", "", Resolution.WAIT, wait_s=120, everything=True),
    "200": _row("malformed", "", Resolution.RETRY),
    "408": _row("http_timeout", "", Resolution.RETRY),
    "504": _row("http_timeout", "", Resolution.RETRY),
    "3xx": _row("http_3xx", "", Resolution.SKIP_CYCLE),
    "4xx": _row("http_4xx", "", Resolution.SKIP_CYCLE),
    "5xx": _row("http_5xx", "", Resolution.RETRY),
}
"""Failures and pages by their kind. None of them proves anything, but those after which nothing can have been written."""


def is_final(venue: str, name: str) -> bool:
    """Tell whether a row says that nothing we ask will be answered until somebody mends our key or account."""
    rows = (*ROWS.get(venue, ()), *HTTP.values())
    return any(row.name == name and row.resolution is Resolution.HALT_ALL for row in rows)
