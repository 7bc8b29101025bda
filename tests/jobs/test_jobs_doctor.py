"""Self-diagnosis (R0.7): what is found is said with a number and a cure, and the worst finding decides the exit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from trader_cli.engine.snapshot import pack
from trader_cli.engine.state import FLOOR, QUANTITY, new_book
from trader_cli.errors import DataError, RiskError, StrategyError, TraderError, UnresolvedError, VenueError
from trader_cli.jobs.checkup import (
    Held,
    check_cycles,
    check_deployed,
    check_protection,
    check_unresolved,
    held_by,
    orphans,
)
from trader_cli.jobs.doctor import (
    Check,
    check_balances,
    check_halts,
    check_venue,
    examined,
    failed,
    fine,
    warned,
    worst,
)
from trader_cli.model.orders import Balance, OrderState, Purpose, Ticket, TicketKind, VenueOrder, client_id_of
from trader_cli.model.session import CycleRecord, OrderRecord, Step

NOW = 1_700_000_000_000
HOUR = 3_600_000
ONE = 10**8


@dataclass
class FakeVenue:
    """A venue that answers as it is told to."""

    id: str = "kraken"
    account: str = "0a1b2c3d4e5f"
    skew: int = 40
    waits: Mapping[str, int] = field(default_factory=dict)
    error: TraderError | None = None

    def skew_ms(self) -> int:
        return self.skew

    def balances(self) -> Mapping[str, Balance]:
        if self.error is not None:
            raise self.error
        return {"USD": Balance(Decimal(5), Decimal(5)), "BTC": Balance(Decimal(0), Decimal(0))}

    def wait_ms(self, kind: str) -> int:
        return self.waits.get(kind, 0)

    def load_pct(self, symbol: str) -> float:
        return 12.0 if symbol == "BTC/USD" else 3.0


def look(venue: FakeVenue, *, has_key: bool = True) -> dict[str, Check]:
    ask = venue.balances if has_key else None
    return {one.area: one for one in check_venue(venue, ask, ["BTC/USD", "ETH/USD"], 1000, 2499)}


def status(checks: Mapping[str, Check]) -> dict[str, str]:
    return {area: one.status for area, one in checks.items()}


# How findings are judged


def test_the_worst_failure_decides_and_warnings_never_do() -> None:
    checks = [
        warned("a", 1, "odd"),
        failed("b", 1, "damaged", DataError),
        failed("c", 1, "open", UnresolvedError),
        failed("d", 1, "halted", RiskError),
        fine("e", 1, "good"),
    ]
    found = worst(checks)
    assert found is not None
    assert (found.area, found.exit_code) == ("c", 7)
    assert worst([warned("a", 1, "odd"), fine("e", 1, "good")]) is None


def test_what_cannot_be_looked_at_is_a_failure_of_its_kind_with_its_cure() -> None:
    def breaks() -> Sequence[Check]:
        raise VenueError("no answer", "wait")

    (one,) = examined("venue", breaks)
    assert one == Check("venue", "fail", "", "no answer", ("wait",), 5)


# The venue


@pytest.mark.req("R0.7")
def test_a_healthy_venue_is_fine_in_every_respect_and_what_is_unknown_is_said() -> None:
    found = look(FakeVenue())
    assert status(found) == dict.fromkeys(("venue", "clock skew", "credentials", "rate budget"), "ok")
    assert found["credentials"].number == "1"
    assert "reads balances" in found["credentials"].sentence
    assert found["rate budget"].number == "12 %"


@pytest.mark.parametrize(("skew", "expected"), [(1000, "ok"), (-1000, "ok"), (1001, "fail"), (-1001, "fail")])
def test_a_clock_off_by_more_than_is_allowed_fails_b7(skew: int, expected: str) -> None:
    one = look(FakeVenue(skew=skew))["clock skew"]
    assert (one.status, one.number, one.exit_code) == (expected, f"{skew} ms", 5 if expected == "fail" else 0)
    assert ("ahead of" if skew > 0 else "behind") in one.sentence


def test_a_key_that_is_refused_fails_and_the_budget_is_looked_at_all_the_same_b8() -> None:
    found = look(FakeVenue(error=VenueError("the key is not valid", "make a new one"), waits={"place": 2500}))
    assert found["credentials"].status == "fail"
    assert found["credentials"].cures == ("make a new one",)
    assert found["rate budget"].status == "warn"
    assert "`place` in 2.5 s" in found["rate budget"].sentence


def test_a_wait_that_a_cycle_has_time_for_is_no_trouble() -> None:
    one = look(FakeVenue(waits={"read": 2499}))["rate budget"]
    assert one.status == "ok"
    assert "`read` in 2.5 s" in one.sentence


def test_no_key_is_a_warning_for_paper_needs_none() -> None:
    assert look(FakeVenue(error=VenueError("never asked")), has_key=False)["credentials"].status == "warn"


# Orders and their stops


def record(
    purpose: Purpose = Purpose.STOP,
    state: OrderState = OrderState.OPEN,
    symbol: str = "BTC/USD",
    wallet: str = "main",
    side: int = -1,
    created_ms: int = NOW,
) -> OrderRecord:
    key = f"{wallet}|{symbol}|{purpose}"
    ticket = Ticket(
        key=key, client_id=client_id_of(key), run_id="r", wallet=wallet, symbol=symbol, side=side, kind=TicketKind.STOP,
        purpose=purpose, reason=0, quantity=ONE, price=0, trigger=1, price_decimals=8, arrival=1, bar_ms=0,
        created_ms=created_ms, deadline_ms=created_ms + 5000,
    )  # fmt: skip
    return OrderRecord(ticket, state, "V1", 0, 0, ())


def at_venue(one: OrderRecord | str, symbol: str = "BTC/USD") -> VenueOrder:
    client_id = one if isinstance(one, str) else one.ticket.client_id
    return VenueOrder(
        f"O-{client_id[:6]}", client_id, symbol, -1, "open", Decimal(1), Decimal(0), Decimal(0), Decimal(1), 0
    )


def known(*records: OrderRecord) -> dict[str, OrderRecord]:
    return {one.ticket.client_id: one for one in records}


BTC = Held("main", "BTC/USD", ONE, has_stop=True)


def protection(orders: Sequence[VenueOrder], records: Sequence[OrderRecord], held: Sequence[Held]) -> dict[str, Check]:
    return {one.area: one for one in check_protection(orders, known(*records), held)}


@pytest.mark.req("R0.7")
def test_an_order_without_a_known_fate_fails_with_its_age() -> None:
    unknown = record(Purpose.ENTRY, OrderState.UNKNOWN, created_ms=NOW - 3 * HOUR)
    sending = record(Purpose.EXIT, OrderState.SENDING, created_ms=NOW)
    one = check_unresolved([unknown, sending, record()], NOW)
    assert (one.number, one.exit_code) == ("2", 7)
    assert "of the oldest for 3 h" in one.sentence
    assert check_unresolved([record()], NOW).status == "ok"


@pytest.mark.req("R1.7")
def test_a_position_is_protected_by_its_stop_or_by_the_sale_that_ends_it() -> None:
    stop, sale = record(), record(Purpose.EXIT)
    assert protection([at_venue(stop)], [stop], [BTC])["protection"].status == "ok"
    assert protection([at_venue(sale)], [sale], [BTC])["protection"].status == "ok"
    bare = protection([], [stop], [BTC])["protection"]
    assert (bare.status, bare.exit_code) == ("fail", 6)
    assert "BTC/USD (main)" in bare.sentence
    assert protection([], [], [replace(BTC, has_stop=False)])["protection"].status == "ok"


def test_a_buy_on_the_way_protects_nothing_and_neither_does_another_wallets_stop() -> None:
    buy, other = record(Purpose.ENTRY, side=1), record(wallet="side")
    assert protection([at_venue(buy), at_venue(other)], [buy, other], [BTC])["protection"].status == "fail"


@pytest.mark.req("R0.8")
def test_stops_without_a_position_are_orphans_and_foreign_orders_are_left_alone_c15() -> None:
    stop, target, entry = record(), record(Purpose.TARGET), record(Purpose.ENTRY, side=1)
    lost, foreign = at_venue(client_id_of("lost")), at_venue("somebody-else")
    orders = [at_venue(stop), at_venue(target), at_venue(entry), lost, foreign]
    loose, unknown = orphans(orders, known(stop, target, entry), [])
    assert [one.client_id for one in loose] == [stop.ticket.client_id, target.ticket.client_id]
    assert unknown == [lost]
    assert orphans(orders[:2], known(stop, target), [BTC]) == ([], [])
    found = protection(orders, [stop, target, entry], [])
    assert (found["orphaned stops"].number, found["orphaned stops"].exit_code) == ("2", 6)
    assert (found["lost orders"].number, found["lost orders"].exit_code) == ("1", 7)


def test_positions_and_their_stops_are_read_from_the_book() -> None:
    book = new_book(2, (ONE, ONE))
    book.position[1, QUANTITY] = 3 * ONE
    book.position[1, FLOOR] = 7
    book.position[2, QUANTITY] = ONE
    step = Step(
        seq=1, time_ms=NOW, bar_ms=NOW, symbols=("BTC/USD", "ETH/USD"), wallets=("a", "b"), state=pack(book), notes={},
        cash=0, equity=0, holdings=(0, 3 * ONE, ONE, 0), marks=(1, 1), fill_count=0, trade_count=0, digest="",
    )  # fmt: skip
    assert held_by(step) == [Held("a", "ETH/USD", 3 * ONE, has_stop=True), Held("b", "BTC/USD", ONE, has_stop=False)]


# Cycles, strategies, halts, balances


def cycle(ended_ms: int, exit_code: int = 0) -> CycleRecord:
    outcome = {0: "acted", 5: "venue", 7: "unresolved"}[exit_code]
    return CycleRecord("r", ended_ms - 1000, ended_ms, outcome, exit_code, "no answer" if exit_code else "", {})


def heartbeat(*cycles: CycleRecord) -> dict[str, Check]:
    return {one.area: one for one in check_cycles(cycles, NOW, HOUR, 1, "live")}


@pytest.mark.req("R0.7")
def test_the_heartbeat_tells_age_and_outcome_and_error_patterns_are_counted() -> None:
    assert heartbeat()["live cycles"].sentence == "no cycle yet"
    assert status(heartbeat(cycle(NOW - HOUR))) == {"live cycles": "ok"}
    # A bar may be late by the one that is allowed, the one decided on and the one that still forms.
    assert heartbeat(cycle(NOW - 3 * HOUR))["live cycles"].status == "ok"
    late = heartbeat(cycle(NOW - 3 * HOUR - 1))["live cycles"]
    assert late.status == "warn"
    assert "cron" in late.cures[0]
    found = heartbeat(cycle(NOW, 7), cycle(NOW - HOUR, 5), cycle(NOW - 2 * HOUR, 5), cycle(NOW - 3 * HOUR))
    assert found["live cycles"].status == "warn"
    assert found["live errors"].sentence == "3 of the newest 4 cycles failed: venue 2 times, unresolved 1 times"


def test_a_deployed_strategy_that_does_not_load_fails_and_a_changed_one_warns() -> None:
    found = list(check_deployed({"grid": StrategyError("line 3", "see it"), "demo_ma": None}, ["demo_ma"]))
    assert [(one.number, one.status, one.exit_code) for one in found] == [("grid", "fail", 3), ("demo_ma", "warn", 0)]
    assert [one.status for one in check_deployed({"demo_ma": None}, [])] == ["ok"]
    assert [one.status for one in check_deployed({}, [])] == ["ok"]


def test_halts_warn_and_differences_nobody_explained_fail() -> None:
    assert check_halts({}).status == "ok"
    assert check_halts({"all": "odd prices"}).sentence.endswith("all: odd prices")
    assert check_balances({}, 3).status == "ok"
    one = check_balances({"BTC": Decimal("-0.10")}, 3)
    assert (one.status, one.exit_code) == ("fail", 6)
    assert "-0.10 BTC" in one.sentence
