"""The error resolver (R1.9): what a venue's refusal means and what it asks of us, by a table of its own texts.

The class of ccxt's exception decides nothing, for it does not tell whether an order exists. Only a row marked `refused`
proves that a request was not carried out; every other answer to a placement leaves its fate open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trader_cli.model.orders import Resolution
from trader_cli.venues.patterns import HTTP, ROWS, UNLISTED, Row
from trader_cli.venues.reply import Reply

_TEXT_MOST = 200
_UNTIL = re.compile(r"(?:banned until|Throttled:)\s*(\d{9,17})")


@dataclass(frozen=True)
class Verdict:
    """What a refusal or a failure means.

    pattern: name of the row. refused: the request was proven not to be carried out. retry_ms: ms UTC before which the same
    may not be asked again, 0 = not stated. everything: until then no request of any kind may be made.
    """

    pattern: str
    resolution: Resolution
    refused: bool
    message: str
    retry_ms: int = 0
    everything: bool = False


def judge(venue: str, reply: Reply, now_ms: int) -> Verdict | None:
    """Return what a reply says against us, None for an answer in the venue's own form that complains of nothing."""
    if reply.failure:
        row = HTTP[reply.failure]
        return Verdict(row.name, row.resolution, row.refused, row.says)
    texts = _complaints(venue, reply)
    if texts is None:
        return _page(reply, now_ms)
    if not texts:
        return None if reply.status == 200 else _page(reply, now_ms)
    # Several complaints prove a refusal only if each of them does.
    judged = [_said(venue, text, reply, now_ms) for text in texts]
    return next((verdict for verdict in judged if not verdict.refused), judged[0])


def _complaints(venue: str, reply: Reply) -> list[str] | None:
    """Return the venue's complaints, None where the answer is not in the form the venue answers in."""
    data = reply.data
    if not reply.parsed:
        return None
    if venue == "kraken":
        errors = data.get("error") if isinstance(data, dict) else None
        if not isinstance(errors, list) or not all(isinstance(text, str) for text in errors):
            return None
        # `W…` is a warning beside an answer that stands.
        complaints = [text for text in errors if not (text.startswith("W") and "result" in data)]
        return complaints if complaints or "result" in data else None
    if isinstance(data, dict) and "code" in data:
        code = data["code"]
        if isinstance(code, int) and code < 0:
            return [f"{code} {data.get('msg', '')}"]
    return [] if isinstance(data, (dict, list)) and reply.status == 200 else None


def _said(venue: str, text: str, reply: Reply, now_ms: int) -> Verdict:
    row = next((row for row in ROWS[venue] if row.pattern.search(text)), UNLISTED)
    # A server's failure or a success that names an error contradicts itself, whatever the text.
    believable = reply.status == 200 if venue == "kraken" else 400 <= reply.status < 500
    message = "".join(letter if letter.isprintable() else " " for letter in text)[:_TEXT_MOST]
    retry_ms, everything = _patience(row, text, reply, now_ms)
    return Verdict(row.name, row.resolution, row.refused and believable, message, retry_ms, everything)


def _page(reply: Reply, now_ms: int) -> Verdict:
    """Judge an answer that is not the venue's own: a page of something in between, or half an answer."""
    status = reply.status
    row = HTTP.get(str(status)) or HTTP.get(f"{status // 100}xx") or HTTP["page"]
    kind = "JSON of another form" if reply.parsed else f"no JSON, {len(reply.text)} characters"
    retry_ms, everything = _patience(row, "", reply, now_ms)
    return Verdict(row.name, row.resolution, False, f"HTTP {status}: {kind}", retry_ms, everything)


def _patience(row: Row, text: str, reply: Reply, now_ms: int) -> tuple[int, bool]:
    """Return until when to wait, and whether with everything: a stated time binds every request, a guess as the row says."""
    stated = reply.retry_after_ms(now_ms)
    named = _UNTIL.search(text)
    if named is not None:
        number = int(named.group(1))
        # Unix seconds on Kraken, milliseconds on Binance: tell them by their size.
        stated = max(stated, number if number > 10**11 else number * 1000)
    if stated:
        return stated, True
    return (now_ms + row.wait_s * 1000, row.everything) if row.wait_s else (0, False)
