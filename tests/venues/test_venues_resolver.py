"""The error resolver: what the venues' own texts and everything that is not theirs mean, row by row."""

from __future__ import annotations

import json

import pytest

from trader_cli.model.orders import Resolution
from trader_cli.venues.patterns import ROWS
from trader_cli.venues.reply import Reply
from trader_cli.venues.resolver import Verdict, judge

NOW_MS = 1_700_000_000_000


def kraken(*errors: str, status: int = 200, headers: dict[str, str] | None = None) -> Verdict:
    verdict = judge("kraken", Reply.of(status, headers or {}, json.dumps({"error": list(errors)})), NOW_MS)
    assert verdict is not None
    return verdict


def binance(code: int, message: str, status: int = 400, headers: dict[str, str] | None = None) -> Verdict:
    text = json.dumps({"code": code, "msg": message})
    verdict = judge("binance", Reply.of(status, headers or {}, text), NOW_MS)
    assert verdict is not None
    return verdict


KRAKEN_REFUSALS = [
    ("EAPI:Rate limit exceeded", "call_limit", "wait"),
    ("EAuth:Rate limit exceeded", "call_limit", "wait"),
    ("EGeneral:Too many requests", "too_many_requests", "wait"),
    ("EOrder:Rate limit exceeded", "order_limit", "wait"),
    ("EService:Throttled: 1700000030", "throttled", "wait"),
    ("EGeneral:Temporary lockout", "lockout", "wait"),
    ("EAPI:Invalid nonce", "nonce", "resync"),
    ("EGeneral:Invalid arguments:deadline", "deadline_invalid", "resync"),
    ("EAPI:Invalid key", "bad_key", "halt_all"),
    ("EAPI:Invalid signature", "bad_key", "halt_all"),
    ("EGeneral:Permission denied", "no_permission", "halt_all"),
    ("EAPI:Feature disabled", "no_permission", "halt_all"),
    ("ETrade:Locked", "account_locked", "halt_all"),
    ("ETrade:User Locked", "account_locked", "halt_all"),
    ("EAuth:Account temporary disabled", "account_locked", "halt_all"),
    ("EOrder:Trading agreement required", "account_locked", "halt_all"),
    ("EService:Market in cancel_only mode", "cancel_only", "skip_symbol"),
    ("EService:Market in post_only mode", "post_only_mode", "skip_symbol"),
    ("EService:Market in limit_only mode", "post_only_mode", "skip_symbol"),
    ("EQuery:Unknown asset pair", "unknown_market", "skip_symbol"),
    ("EQuery:Invalid asset pair", "unknown_market", "skip_symbol"),
    ("EOrder:Insufficient funds", "insufficient_funds", "skip_symbol"),
    ("EOrder:Order minimum not met", "below_minimum", "skip_symbol"),
    ("EOrder:Cost minimum not met", "below_minimum", "skip_symbol"),
    ("EOrder:Tick size check failed", "bad_price", "skip_symbol"),
    ("EOrder:Invalid price:Invalid price argument", "bad_price", "skip_symbol"),
    ("EOrder:Post only order", "would_cross", "skip_symbol"),
    ("EOrder:Orders limit exceeded", "orders_limit", "skip_symbol"),
    ("EOrder:Positions limit exceeded", "orders_limit", "skip_symbol"),
    ("EGeneral:Invalid arguments:cl_ord_id", "bad_arguments", "skip_symbol"),
    ("EGeneral:Invalid arguments", "bad_arguments", "skip_symbol"),
    ("EGeneral:Unknown method", "unknown_method", "halt_all"),
]

KRAKEN_OPEN = [
    ("EService:Unavailable", "unavailable", "retry"),
    ("EService:Busy", "unavailable", "retry"),
    ("EService:Timeout", "unavailable", "retry"),
    ("EGeneral:Internal error", "internal", "retry"),
    ("EDatabase:Internal error", "internal", "retry"),
    ("EService:Deadline elapsed", "deadline_elapsed", "look_up"),
    ("EOrder:Duplicate cl_ord_id", "duplicate_id", "look_up"),
    ("EOrder:cl_ord_id already in use", "duplicate_id", "look_up"),
    ("EOrder:Unknown order", "no_such_order", "look_up"),
    ("EOrder:Something new", "unlisted", "skip_cycle"),
    ("", "unlisted", "skip_cycle"),
]

BINANCE_REFUSALS = [
    (-1003, "Too many requests; current limit is 6000 request weight per 1 MINUTE.", "call_limit", "wait"),
    (-1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", "order_limit", "wait"),
    (-1021, "Timestamp for this request is outside of the recvWindow.", "clock", "resync"),
    (-1022, "Signature for this request is not valid.", "bad_key", "halt_all"),
    (-2014, "API-key format invalid.", "bad_key", "halt_all"),
    (-2015, "Invalid API-key, IP, or permissions for action.", "bad_key", "halt_all"),
    (-2010, "This action is disabled on this account.", "account_locked", "halt_all"),
    (-2010, "Account has insufficient balance for requested action.", "insufficient_funds", "skip_symbol"),
    (-2010, "Order would immediately match and take.", "would_cross", "skip_symbol"),
    (-2010, "Stop price would trigger immediately.", "would_trigger", "skip_symbol"),
    (-2010, "Order would trigger immediately.", "would_trigger", "skip_symbol"),
    (-1013, "Market is closed.", "market_closed", "skip_symbol"),
    (-1013, "Filter failure: NOTIONAL", "below_minimum", "skip_symbol"),
    (-1013, "Filter failure: MIN_NOTIONAL", "below_minimum", "skip_symbol"),
    (-1013, "Filter failure: LOT_SIZE", "lot_size", "skip_symbol"),
    (-1013, "Filter failure: MARKET_LOT_SIZE", "lot_size", "skip_symbol"),
    (-1013, "Filter failure: PRICE_FILTER", "bad_price", "skip_symbol"),
    (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", "bad_price", "skip_symbol"),
    (-1013, "Filter failure: MAX_NUM_ORDERS", "orders_limit", "skip_symbol"),
    (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS", "orders_limit", "skip_symbol"),
    (-1111, "Parameter 'quantity' has too much precision.", "bad_quantity", "skip_symbol"),
    (-1121, "Invalid symbol.", "unknown_market", "skip_symbol"),
    (-1102, "Mandatory parameter 'side' was not sent.", "bad_arguments", "skip_symbol"),
]

BINANCE_OPEN = [
    (-1000, "An unknown error occurred while processing the request.", "unknown_outcome", "retry"),
    (-1001, "Internal error; unable to process your request.", "unknown_outcome", "retry"),
    (-1006, "An unexpected response was received from the message bus.", "unknown_outcome", "retry"),
    (-1007, "Timeout waiting for response from backend server.", "unknown_outcome", "retry"),
    (-1008, "Server is currently overloaded with other requests.", "overloaded", "retry"),
    (-2010, "Duplicate order sent.", "duplicate_id", "look_up"),
    (-2010, "A reason nobody has listed.", "unlisted", "skip_cycle"),
    (-2011, "Unknown order sent.", "no_such_order", "look_up"),
    (-2011, "Order was not canceled due to cancel restrictions.", "unlisted", "skip_cycle"),
    (-2013, "Order does not exist.", "no_such_order", "look_up"),
    (-2026, "Order was archived.", "archived", "look_up"),
    (-9999, "", "unlisted", "skip_cycle"),
]


@pytest.mark.req("R1.9")
@pytest.mark.parametrize(("text", "pattern", "resolution"), KRAKEN_REFUSALS)
def test_kraken_text_that_proves_a_refusal(text: str, pattern: str, resolution: str) -> None:
    verdict = kraken(text)
    assert (verdict.pattern, verdict.resolution.value, verdict.refused) == (pattern, resolution, True)
    assert verdict.message == text


@pytest.mark.req("R1.9")
@pytest.mark.parametrize(("text", "pattern", "resolution"), KRAKEN_OPEN)
def test_kraken_text_that_leaves_the_fate_open(text: str, pattern: str, resolution: str) -> None:
    verdict = kraken(text)
    assert (verdict.pattern, verdict.resolution.value, verdict.refused) == (pattern, resolution, False)


@pytest.mark.req("R1.9")
@pytest.mark.parametrize(("code", "text", "pattern", "resolution"), BINANCE_REFUSALS)
def test_binance_code_that_proves_a_refusal(code: int, text: str, pattern: str, resolution: str) -> None:
    verdict = binance(code, text)
    assert (verdict.pattern, verdict.resolution.value, verdict.refused) == (pattern, resolution, True)


@pytest.mark.req("R1.9")
@pytest.mark.parametrize(("code", "text", "pattern", "resolution"), BINANCE_OPEN)
def test_binance_code_that_leaves_the_fate_open(code: int, text: str, pattern: str, resolution: str) -> None:
    verdict = binance(code, text)
    assert (verdict.pattern, verdict.resolution.value, verdict.refused) == (pattern, resolution, False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 524])
def test_no_text_on_a_failure_of_the_server_proves_anything(status: int) -> None:
    assert not kraken("EOrder:Insufficient funds", status=status).refused
    assert not binance(-2010, "Account has insufficient balance for requested action.", status=status).refused


def test_a_code_in_an_answer_that_says_it_succeeded_proves_nothing() -> None:
    assert not binance(-2010, "Account has insufficient balance for requested action.", status=200).refused


def test_several_complaints_prove_a_refusal_only_if_each_of_them_does() -> None:
    assert kraken("EOrder:Insufficient funds", "EOrder:Order minimum not met").refused
    mixed = kraken("EOrder:Insufficient funds", "EService:Busy")
    assert (mixed.pattern, mixed.refused) == ("unavailable", False)


def test_a_warning_beside_a_result_is_no_complaint() -> None:
    reply = Reply.of(200, {}, '{"error":["WGeneral:Something to know"],"result":{"txid":["A"]}}')
    assert judge("kraken", reply, NOW_MS) is None


@pytest.mark.parametrize(
    ("status", "pattern", "resolution"),
    [
        (200, "malformed", "retry"),
        (302, "http_3xx", "skip_cycle"),
        (401, "http_4xx", "skip_cycle"),
        (403, "http_4xx", "skip_cycle"),
        (404, "http_4xx", "skip_cycle"),
        (408, "http_timeout", "retry"),
        (418, "http_418", "wait"),
        (429, "http_429", "wait"),
        (500, "http_5xx", "retry"),
        (502, "http_5xx", "retry"),
        (504, "http_timeout", "retry"),
        (524, "http_5xx", "retry"),
        (777, "page", "retry"),
    ],
)
@pytest.mark.parametrize("venue", ["kraken", "binance"])
def test_a_page_proves_nothing_and_is_named_by_its_status(
    venue: str, status: int, pattern: str, resolution: str
) -> None:
    verdict = judge(venue, Reply.of(status, {}, "<html>secret of the edge</html>"), NOW_MS)
    assert verdict is not None
    assert (verdict.pattern, verdict.resolution.value, verdict.refused) == (pattern, resolution, False)
    assert "edge" not in verdict.message


@pytest.mark.parametrize("text", ["", "null", "[]", "7", '"x"', "{", "{}", '{"result":{}}', '{"error":"E"}', '{"error":[7]}',
                                  '{"error":[]}', '{"error":[],"result":NaN}'])  # fmt: skip
def test_kraken_answer_without_its_form_is_malformed(text: str) -> None:
    verdict = judge("kraken", Reply.of(200, {}, text), NOW_MS)
    assert verdict is not None
    assert (verdict.pattern, verdict.refused) == ("malformed", False)


@pytest.mark.parametrize("text", ["", "null", "7", '"x"', "{", '{"a":Infinity}'])
def test_binance_answer_without_its_form_is_malformed(text: str) -> None:
    verdict = judge("binance", Reply.of(200, {}, text), NOW_MS)
    assert verdict is not None
    assert (verdict.pattern, verdict.refused) == ("malformed", False)


@pytest.mark.parametrize(
    ("failure", "resolution", "refused"),
    [
        ("not_sent", "skip_cycle", True),
        ("unsigned", "halt_all", True),
        ("timeout", "retry", False),
        ("broken", "retry", False),
    ],
)
def test_a_failure_proves_something_only_where_nothing_was_written(
    failure: str, resolution: str, refused: bool
) -> None:
    verdict = judge("kraken", Reply(failure=failure), NOW_MS)
    assert verdict is not None
    assert (verdict.pattern, verdict.resolution.value, verdict.refused) == (failure, resolution, refused)


@pytest.mark.parametrize(
    ("verdict", "retry_ms", "everything"),
    [
        (lambda: kraken("EService:Throttled: 1700000030"), 1_700_000_030_000, True),
        (lambda: kraken("EGeneral:Temporary lockout"), NOW_MS + 900_000, True),
        (lambda: kraken("EAPI:Rate limit exceeded"), NOW_MS + 15_000, False),
        (lambda: kraken("EAPI:Rate limit exceeded", status=429, headers={"retry-after": "7"}), NOW_MS + 7_000, True),
        (lambda: kraken("EOrder:Insufficient funds"), 0, False),
        (lambda: binance(-1003, "IP banned until 1700000120000.", 418, {"Retry-After": "60"}), 1_700_000_120_000, True),
        (lambda: binance(-1003, "Too many requests.", 429, {"Retry-After": "30"}), NOW_MS + 30_000, True),
        (lambda: binance(-1015, "Too many new orders.", 429), NOW_MS + 10_000, False),
        (lambda: binance(-1003, "x", 429, {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}), 1_700_000_060_000, True),
        (lambda: binance(-1003, "x", 429, {"Retry-After": "soon"}), NOW_MS + 60_000, False),
    ],
)
def test_how_long_to_wait_is_the_time_stated_or_the_rows_own(verdict: object, retry_ms: int, everything: bool) -> None:
    """B1, B2, B3."""
    made = verdict()  # type: ignore[operator]
    assert (made.retry_ms, made.everything) == (retry_ms, everything)


@pytest.mark.parametrize("venue", ["kraken", "binance"])
def test_every_row_has_a_name_and_no_row_that_waits_forgets_for_how_long(venue: str) -> None:
    for row in ROWS[venue]:
        assert row.name
        assert (row.resolution is Resolution.WAIT) == (row.wait_s > 0)


def test_a_text_of_the_venue_is_kept_short_and_printable() -> None:
    message = kraken("EOrder:\x1b[31m" + "x" * 5_000).message
    assert len(message) == 200
    assert message.isprintable()
