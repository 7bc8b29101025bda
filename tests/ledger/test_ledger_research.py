"""What research leaves: written whole, read back as it was, counted, proved."""

from __future__ import annotations

import gc
import math
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from books import record
from hypothesis import given, settings
from hypothesis import strategies as st
from research_book import check, fill_research, proposal, sweep_of, trial, verdict_of
from sqlalchemy import select
from test_ledger_forged import forged

from trader_cli.errors import DataError, LeaseError, UsageError
from trader_cli.ledger import Ledger, schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.figures import figures, figures_text, params_key
from trader_cli.ledger.verify import verify
from trader_cli.model.evidence import Status, Trial

URL = "sqlite:///trader.db"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger.open(URL, tmp_path)
    yield one
    assert verify(one) == []
    one.close()


def same(one: object, other: object) -> bool:
    """Alike, NaN and all."""
    return repr(one) == repr(other)


# Words of JSON, and the numbers JSON has no words for.
json_able = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_ß", max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(value=json_able)
def test_what_is_json_able_comes_back_as_it_was_with_every_float(value: object) -> None:
    import json

    text = figures_text(value)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = figures(text)
    assert figures_text(again) == text
    assert same(sorted_keys(again), sorted_keys(value))


def sorted_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(one) for one in value] if isinstance(value, list) else value


def test_numbers_of_numpy_are_numbers() -> None:
    told = {"a": np.float64(1.5), "b": np.int64(3), "c": np.float32("nan"), "d": np.bool_(True)}
    assert figures_text({"a": told["a"], "b": told["b"]}) == '{"a":1.5,"b":3}'
    assert math.isnan(figures(figures_text(told))["c"])
    assert figures(figures_text(told))["d"] is True


def test_the_same_parameters_have_the_same_key_in_any_order_and_others_another() -> None:
    assert params_key({"a": 1, "b": 2.5}) == params_key({"b": 2.5, "a": 1})
    assert len({params_key(one) for one in ({"a": 1}, {"a": 2}, {"a": "1"}, {"b": 1}, {})}) == 5


@pytest.mark.req("R0.6")
def test_a_search_and_its_trials_come_back_as_they_were_written(ledger: Ledger) -> None:
    wanted = sweep_of(total=3)
    ledger.start_sweep(wanted)
    rows = [trial(0, math.nan), trial(1, problem="`slow` must be above `fast`"), trial(2, -math.inf)]
    ledger.add_trials("s1", rows)
    assert same(list(ledger.trials("s1")), rows)
    state = ledger.find_sweep("key-s1")
    assert state is not None
    assert (state.record, state.done, state.ended) == (wanted, 3, "")
    ledger.end_sweep("s1", 1, "interrupted")
    ledger.end_sweep("s1", 2, "finished")
    assert ledger.sweep("s1").ended == "finished"
    assert ledger.find_sweep("other") is None


def test_the_newest_search_of_a_key_is_found_and_searches_are_listed_newest_first(ledger: Ledger) -> None:
    for name, strategy in (("ab1", "momentum"), ("ab2", "grid"), ("cd", "momentum")):
        ledger.start_sweep(sweep_of(name, key="same", strategy=strategy))
    found = ledger.find_sweep("same")
    assert found is not None
    assert found.record.sweep_id == "cd"
    assert [one.record.sweep_id for one in ledger.sweeps(None, 2)] == ["cd", "ab2"]
    assert [one.record.sweep_id for one in ledger.sweeps("momentum", 9)] == ["cd", "ab1"]
    assert ledger.sweep("c").record.sweep_id == "cd"
    with pytest.raises(UsageError, match="`ab` could be 2 sweeps"):
        ledger.sweep("ab")
    with pytest.raises(UsageError, match="there is no sweep `x`"):
        ledger.sweep("x")
    with pytest.raises(DataError, match="there is a sweep `cd` already"):
        ledger.start_sweep(sweep_of("cd"))


def test_trials_go_on_without_a_gap_and_another_process_is_told(ledger: Ledger) -> None:
    ledger.start_sweep(sweep_of(total=4))
    ledger.add_trials("s1", [])
    ledger.add_trials("s1", [trial(0), trial(1)])
    with pytest.raises(LeaseError, match="trial 1 of sweep `s1` is written already"):
        ledger.add_trials("s1", [trial(1), trial(2)])
    with pytest.raises(DataError, match="trial 3 of sweep `s1` leaves a gap: 2 are written"):
        ledger.add_trials("s1", [trial(3)])
    with pytest.raises(DataError, match="trial 4 of sweep `s1` leaves a gap"):
        ledger.add_trials("s1", [trial(2), trial(4)])
    with pytest.raises(DataError, match="has 4 trials, and 5 were to be written"):
        ledger.add_trials("s1", [trial(2), trial(3), trial(4)])
    with pytest.raises(DataError, match="there is no sweep `nine`"):
        ledger.add_trials("nine", [trial(0)])
    assert [one.number for one in ledger.trials("s1")] == [0, 1]


def test_trials_are_read_from_any_number_as_many_as_asked_for(ledger: Ledger) -> None:
    ledger.start_sweep(sweep_of(total=2_500))
    ledger.add_trials("s1", [trial(number) for number in range(2_500)])
    assert [one.number for one in ledger.trials("s1")] == list(range(2_500))
    assert [one.number for one in ledger.trials("s1", 990, 20)] == list(range(990, 1_010))
    assert [one.number for one in ledger.trials("s1", 2_499)] == [2_499]
    assert list(ledger.trials("s1", 2_500)) == list(ledger.trials("s1", 0, 0)) == []
    with pytest.raises(DataError, match="no sweep"):
        ledger.trials("nine")


@pytest.mark.req("R3.8")
def test_every_set_of_parameters_that_was_tried_counts_once(ledger: Ledger) -> None:
    assert same(ledger.tried("momentum", 5), same_tried(0))
    run = replace(record(1, 3), strategy="momentum", params={"fast": 1, "slow": 0.5, "on": False})
    ledger.record_run(run)
    assert ledger.tried("momentum", 5).count == 1
    ledger.start_sweep(sweep_of("s1"))
    # Trial 1 has the parameters of the backtest; 2 could not run: nobody saw a result of it.
    ledger.add_trials("s1", [trial(0), trial(1), trial(2, problem="too short")])
    assert ledger.tried("momentum", 5).count == 2
    ledger.start_sweep(sweep_of("s2", until_ms=12_000, space={"fast": [1]}, code_digest="newer code"))
    ledger.add_trials("s2", [trial(0), *(replace(trial(i), params={"fast": 100 + i}) for i in (1, 2, 3))])
    ledger.record_run(
        replace(run, run_id="both", strategy="grid,momentum", params={"momentum": {"fast": 9}, "grid": {}})
    )
    ledger.record_run(replace(run, run_id="other", strategy="momentum2", params={"fast": 77}))
    ledger.start_sweep(sweep_of("s3", strategy="grid", until_ms=99_000))
    ledger.add_trials("s3", [replace(trial(0), params={"deep": 1})])
    told = ledger.tried("momentum", 50)
    assert (told.count, told.seen_until_ms, told.space) == (6, 12_000, {"fast": [1]})
    assert sorted(one["fast"] for one in told.params) == [0, 1, 101, 102, 103]
    assert ledger.tried("grid", 1).count == 2


def same_tried(count: int) -> object:
    from trader_cli.model.evidence import Tried

    return Tried(count, [], None, {})


def test_a_session_on_paper_tries_nothing(ledger: Ledger) -> None:
    from sessions_book import opening_of, session_of

    run = record(11, 4, run_id="paper")
    ledger.open_session(session_of(run), opening_of(run))
    assert ledger.tried(run.strategy, 5).count == 0


def test_as_many_parameters_as_asked_for_spread_evenly_over_the_newest_search(ledger: Ledger) -> None:
    ledger.start_sweep(sweep_of("s1", total=30))
    ledger.add_trials("s1", [replace(trial(number), params={"a": number}) for number in range(30)])
    ledger.start_sweep(sweep_of("s2", total=10))
    ledger.add_trials("s2", [replace(trial(number), params={"b": number}) for number in range(10)])
    assert [one["b"] for one in ledger.tried("momentum", 5).params] == [1, 3, 5, 7, 9]
    both = ledger.tried("momentum", 13).params
    assert [one["b"] for one in both[:10]] == list(range(10))
    assert [one["a"] for one in both[10:]] == [5, 15, 25]
    assert len(ledger.tried("momentum", 100).params) == 40
    assert ledger.tried("momentum", 0).params == []


@pytest.mark.req("R4.1")
@pytest.mark.req("R4.9")
def test_a_verdict_comes_back_and_strategies_say_what_it_says(ledger: Ledger) -> None:
    ledger.record_run(record(1, 3))
    passed = verdict_of(checks=[check(number=math.nan, limit=None), check("costs", Status.WARN)])
    failed = verdict_of(checks=[check("luck", Status.FAIL)], time_ms=10_001, params={"fast": 6})
    some = verdict_of(complete=False, time_ms=10_002)
    for one in (passed, failed, some):
        ledger.record_verdict(one)
    assert same(ledger.verdicts("momentum", 9), [some, failed, passed])
    assert same(ledger.verdict("momentum", "code", {"slow": 2.5, "fast": 5}), passed)
    assert same(ledger.verdict("momentum", "code", {"fast": 6}), failed)
    assert ledger.verdict("momentum", "other", passed.params) is None
    assert ledger.verdict("grid", "code", passed.params) is None
    with reading(ledger.engine, ledger.path) as connection:
        rows = [
            tuple(row)[1:5] for row in connection.execute(select(schema.strategies).order_by(schema.strategies.c.id))
        ]
    assert rows == [
        ("random", "code0", "unvalidated", 1_600_000_000_000),
        ("momentum", "code", "PASS", 10_000),
        ("momentum", "code", "FAIL", 10_001),
        ("momentum", "code", "unvalidated", 10_002),
    ]


def test_a_run_after_a_verdict_belongs_to_the_strategy_and_not_to_the_verdict(ledger: Ledger) -> None:
    ledger.record_run(record(1, 9))
    ledger.record_verdict(verdict_of(strategy="random", code_digest="code0"))
    ledger.record_run(record(2, 9))
    with reading(ledger.engine, ledger.path) as connection:
        whose = list(connection.execute(select(schema.strategy_performance.c.strategy)).scalars())
    assert whose == [1, 1]


def test_a_verdict_that_does_not_follow_from_its_checks_is_not_written(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="is PASS, and its checks say FAIL"):
        ledger.record_verdict(verdict_of(status=Status.PASS, checks=[check(status=Status.FAIL)]))
    assert ledger.verdicts() == []


@pytest.mark.req("R0.6")
def test_proposals_come_back_newest_first_with_the_search_they_come_from(ledger: Ledger) -> None:
    ledger.start_sweep(sweep_of("s1"))
    made = [proposal(), proposal("", strategy="grid", symbols=()), proposal(regime="bear")]
    for one in made:
        ledger.record_proposal(one)
    assert ledger.proposals(None, 9) == made[::-1]
    assert ledger.proposals("momentum", 1) == [made[2]]
    with pytest.raises(DataError, match="no sweep `nine`"):
        ledger.record_proposal(proposal("nine"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    one = Ledger.open(URL, folder)
    one.record_run(record(1, 3))
    fill_research(one)
    assert verify(one) == []
    one.close()
    with closing(sqlite3.connect(folder / "trader.db")) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    return folder


@pytest.mark.req("X4")
@pytest.mark.parametrize(
    ("table", "statement", "says"),
    [
        ("trials", "DELETE FROM trials WHERE id = (SELECT max(id) FROM trials) - 6", "has 5 trials, numbered 1 to 5"),
        ("trials", "UPDATE trials SET number = 9 WHERE id = 6", "has 6 trials, numbered 0 to 9"),
        ("trials", "UPDATE trials SET params = replace(params, '1', '2') WHERE id = 2", "does not follow from them"),
        ("trials", "UPDATE trials SET stats = 'x' WHERE id = 2", ""),
        ("sweeps", "UPDATE sweeps SET total = 5 WHERE id = 1", "it has 6 trials, and 5 were asked for"),
        ("verdicts", "UPDATE verdicts SET status = 'PASS' WHERE id = 2", "it is PASS, and its checks say FAIL"),
        (
            "verdicts",
            "UPDATE verdicts SET checks = replace(checks, 'FAIL', 'PASS') WHERE id = 2",
            "its checks say PASS",
        ),
        ("verdicts", "UPDATE verdicts SET params = '{}' WHERE id = 1", "does not follow from them"),
        ("verdicts", "UPDATE verdicts SET complete = 1 WHERE id = 3", "its row of `strategies` says other"),
        ("verdicts", "UPDATE verdicts SET code_digest = 'x' WHERE id = 1", "its row of `strategies` says other"),
        ("verdicts", "UPDATE verdicts SET strategy_row = 3 WHERE id = 1", "its row of `strategies` says other"),
        ("verdicts", "DELETE FROM verdicts WHERE id = 3", ""),
        ("strategies", "UPDATE strategies SET validation = 'PASS' WHERE validation = 'FAIL'", "says other"),
        (
            "strategies",
            "UPDATE strategies SET validation = 'PASS' WHERE name = 'random'",
            "it is PASS, and 0 verdicts say so",
        ),
        ("proposals", "UPDATE proposals SET sweep = 1 WHERE id = 3", "its sweep was of `momentum`"),
    ],
)
def test_what_does_not_follow_is_found_though_its_chain_was_mended(
    sound: Path, tmp_path: Path, table: str, statement: str, says: str
) -> None:
    found = forged(sound, tmp_path, table, statement)
    # Figures of a trial and a verdict on some checks are the first to say what they say: only the chain holds them.
    assert any(says in one.message for one in found) or not says, found


def test_a_fault_at_any_statement_of_a_verdict_or_of_trials_leaves_nothing_of_them(ledger: Ledger) -> None:
    from sqlalchemy import event

    ledger.start_sweep(sweep_of("s1"))
    left = [10**9]

    def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE")):
            left[0] -= 1
            if left[0] == 0:
                raise sqlite3.OperationalError("disk I/O error")

    event.listen(ledger.engine, "before_cursor_execute", fail)
    for statements in (1, 2):
        left[0] = statements
        with pytest.raises((DataError, sqlite3.OperationalError)):
            ledger.add_trials("s1", [trial(0), trial(1)])
        assert ledger.sweep("s1").done == 0
    # Two tables, of each its row and its head, the head by an update that finds none and an insert.
    for statements in range(1, 7):
        left[0] = statements
        with pytest.raises((DataError, sqlite3.OperationalError)):
            ledger.record_verdict(verdict_of())
        assert ledger.verdicts() == []
    ledger.record_verdict(verdict_of())
    event.remove(ledger.engine, "before_cursor_execute", fail)


@pytest.mark.deep
def test_a_hundred_thousand_trials_stay_fast_to_add_and_flat_to_read(ledger: Ledger) -> None:
    names = [f"figure_{i}" for i in range(16)]

    def page(first: int) -> list[Trial]:
        rng = np.random.default_rng(first)
        numbers = rng.standard_normal((1_000, 16)).tolist()
        return [
            Trial(first + i, {"fast": first + i, "slow": 5}, dict(zip(names, row, strict=True)), "d" * 64)
            for i, row in enumerate(numbers)
        ]

    ledger.start_sweep(sweep_of(total=100_000))
    took = []
    for first in range(0, 100_000, 1_000):
        rows = page(first)
        began = perf_counter()
        ledger.add_trials("s1", rows)
        took.append(perf_counter() - began)
    # The last are as fast as the first: nothing is counted or read again.
    assert sorted(took[-20:])[10] < 3 * sorted(took[:20])[10]
    peaks = []
    for limit in (5_000, 100_000):
        gc.collect()
        tracemalloc.start()
        assert sum(1 for _ in ledger.trials("s1", 0, limit)) == limit
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert ledger.tried("momentum", 200).count == 100_000
