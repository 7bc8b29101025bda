"""The gate before money: every reason for which a strategy may not trade for real, in words; and arming in spite of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from proof import failed, verdict_on
from research import walk

from trader_cli.errors import DataError, RiskError
from trader_cli.jobs.gate import (
    Candidate,
    Gate,
    cure,
    refuse_unvalidated,
    unvalidated_in,
    unvalidated_lines,
    unvalidated_rows,
    without_verdict,
)
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Verdict
from trader_cli.model.session import Arming, Session
from trader_cli.model.timeframe import Timeframe

DAY = 86_400_000
NOW = 1_700_000_000_000
ONE = Candidate("momentum", {"fast": 5, "slow": 2.5}, "code", {"fast": "5"})
BARS = walk(40, 1)
SPAN = {
    "since_ms": int(BARS.open_ms[0]),
    "until_ms": int(BARS.open_ms[-1]) + DAY,
    "timeframe": "1d",
    "exchange": "test",
}


@dataclass
class Kept:
    """Verdicts, oldest first, as a ledger keeps them."""

    rows: list[Verdict] = field(default_factory=list)

    def verdict(self, strategy: str, code_digest: str, params: Mapping[str, object]) -> Verdict | None:
        found = [
            one
            for one in self.verdicts(strategy)
            if one.complete and one.code_digest == code_digest and dict(one.params) == dict(params)
        ]
        return found[0] if found else None

    def verdicts(self, strategy: str | None = None, limit: int | None = None) -> Sequence[Verdict]:
        return [one for one in reversed(self.rows) if strategy in (None, one.strategy)][:limit]


@dataclass
class Store:
    """Bars by symbol."""

    series: dict[str, Bars] = field(default_factory=dict)

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        found = self.series.get(f"{symbol}@{exchange}", self.series.get(symbol))
        if found is None or len(found.between(since_ms, until_ms)) == 0:
            raise DataError(f"no bars for `{symbol}`")
        return found.between(since_ms, until_ms)

    def digest(self, bars: Bars) -> str:
        return f"{len(bars)}|{bars.open_ms[0]}|{bars.close.sum():.9f}"


STORE = Store()


def gate(*rows: Verdict, bars: dict[str, Bars] | None = None, now: int = NOW) -> Gate:
    return Gate(Kept(list(rows)), Store(bars or {}), now, 30)


def passed(**more: Any) -> Verdict:
    values = {"time_ms": NOW - DAY, **SPAN, "data_digests": {"AAA/USD": STORE.digest(BARS)}, **more}
    return verdict_on(ONE, **values)


@pytest.mark.req("X3")
def test_a_verdict_under_other_rules_costs_or_bars_does_not_count() -> None:
    now = {"costs": {"fee_bps": "26"}, "risk": {"stop_pct": "0"}, "data": {"timeframe": "1h"}}

    def reason(then: dict[str, Any], settings: dict[str, Any]) -> str:
        found = passed(settings=then, timeframe="1h", data_digests={})
        return Gate(Kept([found]), STORE, NOW, 30, settings).standing(ONE).reason

    when = "was validated at 2023-11-13T22:13:20Z under other rules: "
    assert reason(now, now) == ""
    assert reason(now | {"costs": {"fee_bps": "0"}}, now) == when + '`costs.fee_bps` was "0" and is "26"'
    assert reason(now, now | {"data": {"timeframe": "60m"}}) == ""
    assert reason(now, now | {"data": {"timeframe": "1m"}}) == when + "the bars were of 1h and are of 1m"
    # What passed a softer examination did not pass this one.
    strict, soft = {"validate": {"min_trades": 20, "seed": 1}}, {"validate": {"min_trades": 2, "seed": 2}}
    assert reason(now | soft, now | strict) == when + "`validate.min_trades` was 2 and is 20"
    # What no order follows from may differ, and what one side does not state.
    assert reason(now | {"cycle": {"limit_s": 1}}, now | {"cycle": {"limit_s": 2}, "exits": {"max_bars": 3}}) == ""


@pytest.mark.req("X3")
@pytest.mark.parametrize(
    ("rows", "status", "says"),
    [
        ([], "unvalidated", "was never validated"),
        ([passed(strategy="other")], "unvalidated", "was never validated"),
        (
            [passed(complete=False)],
            "unvalidated",
            "was never validated as a whole: of its checks only `luck` ran at 2023-11-13T22:13:20Z",
        ),
        (
            [passed(), passed(checks=failed("luck", "costs"))],
            "FAIL",
            "failed its validation of 2023-11-13T22:13:20Z: `luck`, `costs`",
        ),
        (
            [passed(params={"fast": 6, "slow": 2.5, "o": True})],
            "void",
            "was validated at 2023-11-13T22:13:20Z with other parameters: `fast` was 6 and is 5, `o` was true and is not there",
        ),
        (
            [passed(code_digest="older")],
            "void",
            "was validated at 2023-11-13T22:13:20Z with other code: it or the program changed since",
        ),
        (
            [passed(time_ms=NOW - 30 * DAY - 1)],
            "void",
            "was validated at 2023-10-15T22:13:19Z, more than 30 days ago",
        ),
        (
            [passed(time_ms=NOW + DAY)],
            "void",
            "was validated at 2023-11-15T22:13:20Z, and the clock says 2023-11-14T22:13:20Z",
        ),
    ],
)
def test_each_reason_for_which_a_strategy_may_not_trade_is_said(rows: list[Verdict], status: str, says: str) -> None:
    known = gate(*rows).standing(ONE)
    assert (known.status, known.reason) == (status, says)
    with pytest.raises(RiskError) as caught:
        refuse_unvalidated(gate(*rows), [ONE], "nothing is placed", "or not")
    assert caught.value.exit_code == 6
    assert caught.value.message == f"`momentum` {known.reason}; nothing is placed"
    assert caught.value.hints == ("validate it: `trader validate momentum --param fast=5`", "or not")


@pytest.mark.req("X3")
@pytest.mark.parametrize("age", [0, DAY, 30 * DAY])
def test_a_fresh_pass_for_exactly_this_trades(age: int) -> None:
    rows = (passed(checks=failed("luck"), time_ms=NOW - 90 * DAY), passed(time_ms=NOW - age))
    known = gate(*rows, bars={"AAA/USD": BARS})
    assert known.standing(ONE).passed
    refuse_unvalidated(known, [ONE], "nothing is placed")
    assert without_verdict(known, [ONE]) == {}


def test_of_several_each_that_may_not_trade_is_named_with_its_cure() -> None:
    others = [replace(ONE, strategy=name, stated={}) for name in ("grid", "swing")]
    with pytest.raises(RiskError, match="`grid` was never validated; `swing` was never validated; nothing") as caught:
        refuse_unvalidated(gate(passed()), [ONE, *others], "nothing was armed")
    assert caught.value.hints == tuple(cure(one) for one in others)


def altered(bars: Bars, row: int) -> Bars:
    close = bars.close.copy()
    close[row] *= 1.0001
    return replace(bars, close=close)


@pytest.mark.req("X3")
@pytest.mark.parametrize("row", [0, 20, 39])
def test_an_altered_bar_voids_a_verdict_and_is_named(row: int) -> None:
    known = gate(passed(), bars={"AAA/USD": altered(BARS, row)}).standing(ONE)
    assert known.status == "void"
    assert known.reason.endswith(", and the bars of AAA/USD changed since")


def test_a_bar_that_was_taken_out_of_the_middle_voids_a_verdict() -> None:
    kept = np.delete(np.arange(40), 20)
    holed = replace(BARS, **{name: getattr(BARS, name)[kept] for name in ("open_ms", *_COLUMNS)})
    assert gate(passed(), bars={"AAA/USD": holed}).standing(ONE).status == "void"


_COLUMNS = ("open", "high", "low", "close", "volume")


@pytest.mark.req("X3")
def test_bars_that_came_since_or_are_not_here_void_nothing() -> None:
    longer = walk(60, 1)
    assert Store().digest(longer.between(SPAN["since_ms"], SPAN["until_ms"])) == STORE.digest(BARS)
    for here in ({}, {"AAA/USD": longer}, {"AAA/USD": longer.between(int(longer.open_ms[30]), None)}):
        assert gate(passed(), bars=here).standing(ONE).passed


def test_bars_are_looked_for_at_each_venue_they_may_be_from() -> None:
    both = {"AAA/USD@a": altered(BARS, 3), "AAA/USD@b": BARS}
    assert gate(passed(exchange="a,b"), bars=both).standing(ONE).passed
    at = passed(exchange="a,b", data_digests={"AAA/USD@a": STORE.digest(BARS)})
    assert gate(at, bars=both).standing(ONE).status == "void"


def test_parameters_are_told_apart_as_the_ledger_gives_them_back() -> None:
    from decimal import Decimal

    known = gate(passed(params={"fast": 5, "slow": "2.50"})).standing(
        replace(ONE, params={"fast": 5, "slow": Decimal("2.5")})
    )
    assert known.reason.endswith('with other parameters: `slow` was "2.50" and is "2.5"')


def arming(since_ms: int, **unvalidated: str) -> Arming:
    return Arming("kraken", "a1", "config", "strategies", since_ms, since_ms + 7 * DAY, {"unvalidated": unvalidated})


@pytest.mark.req("R4.9")
def test_what_was_armed_without_validation_trades_and_nothing_else_does() -> None:
    spared = arming(NOW - 2 * DAY, momentum="was never validated")
    refuse_unvalidated(gate(), [ONE], "nothing is placed", arming=spared)
    refuse_unvalidated(gate(passed(complete=False)), [ONE], "nothing is placed", arming=spared)
    with pytest.raises(RiskError, match="^`grid` was never validated; nothing is placed$"):
        refuse_unvalidated(gate(), [ONE, replace(ONE, strategy="grid")], "nothing is placed", arming=spared)
    with pytest.raises(RiskError, match="was never validated"):
        refuse_unvalidated(gate(), [ONE], "nothing is placed", arming=arming(NOW))


@pytest.mark.req("R4.9")
def test_a_verdict_that_fails_since_it_was_armed_takes_the_leave_back() -> None:
    bad = passed(checks=failed("luck"))
    before = arming(NOW - 2 * DAY, momentum="was never validated")
    after = arming(NOW - DAY // 2, momentum=gate(bad).standing(ONE).reason)
    with pytest.raises(RiskError, match="failed its validation of"):
        refuse_unvalidated(gate(bad), [ONE], "nothing is placed", arming=before)
    with pytest.raises(RiskError, match="`costs`"):
        refuse_unvalidated(gate(bad, passed(checks=failed("costs"))), [ONE], "nothing is placed", arming=after)
    # Whoever armed it knowing that it failed meant that.
    refuse_unvalidated(gate(bad), [ONE], "nothing is placed", arming=after)


def test_an_arming_of_an_earlier_release_spares_nothing() -> None:
    old = Arming("kraken", "a1", "config", "strategies", 0, DAY, {"config": {}})
    assert unvalidated_in(old) == {}
    assert unvalidated_rows(old) == unvalidated_rows(None) == []


@dataclass
class Books:
    """Sessions, newest first, and armings of account `a1`, oldest first."""

    rows: list[Session]
    given: list[tuple[Arming, int | None]]

    def sessions(self) -> Sequence[Session]:
        return self.rows

    def armings(self, venue: str, account: str) -> Sequence[tuple[Arming, int | None]]:
        return self.given if (venue, account) == ("kraken", "a1") else []


def session(run_id: str, started_ms: int, mode: str = "live", account: str = "a1") -> Session:
    values = dict.fromkeys(Session.__dataclass_fields__)
    known = {"run_id": run_id, "mode": mode, "exchange": "kraken", "account": account, "started_ms": started_ms}
    return Session(**{**values, **known})  # type: ignore[arg-type]


@pytest.mark.req("R4.9")
def test_reports_say_what_trades_without_validation_and_what_did_once_each() -> None:
    def told(given: list[tuple[Arming, int | None]], run_id: str | None = None) -> list[tuple[str, str, str, str]]:
        rows = [session("two", 500_000), session("p", 300_000, "paper"), session("one", 100_000)]
        found = unvalidated_lines(Books(rows, given), run_id)
        return [(one.run_id, one.strategy, one.reason, one.until) for one in found]

    a, b, c = arming(90_000, grid="a"), arming(450_000, grid="b", fast="b"), arming(700_000)
    assert told([]) == told([(arming(90_000), None)]) == []
    assert told([(a, None)]) == [("two", "grid", "a", "")]
    assert told([(a, 450_000), (b, None)]) == [("two", "fast", "b", ""), ("two", "grid", "b", "")]
    # Proved at last, and still it is said what it was.
    ended = "1970-01-01T00:11:40Z"
    assert told([(a, 450_000), (b, 700_000), (c, None)]) == [("two", "fast", "b", ended), ("two", "grid", "b", ended)]
    # Of the session before: what stood while it went on.
    assert [row[1:3] for row in told([(a, 450_000), (b, 700_000)], "one")] == [("fast", "b"), ("grid", "b")]
    later = replace(b, since_ms=500_000)
    assert [row[1:3] for row in told([(a, 500_000), (later, None)], "one")] == [("grid", "a")]
