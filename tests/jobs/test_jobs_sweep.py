"""A search on a lab: the same table however it is run, stopped or begun again; what it says of its best."""

from __future__ import annotations

import gc
import json
import math
import os
import pickle
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from research import lab_of, walk
from sweep_book import SweepBook

from trader_cli.errors import StrategyError, UsageError, WorkersLostError
from trader_cli.jobs import forked
from trader_cli.jobs.lab import Lab, Variant
from trader_cli.jobs.landscape import Bins, Survey
from trader_cli.jobs.optimize import Found, Shown, check_shown, optimize
from trader_cli.jobs.search import FIGURES
from trader_cli.jobs.space import read_space
from trader_cli.jobs.sweep import Prepared, SweepLedger, Wanted, objectives, prepare
from trader_cli.jobs.workers import Pool, pool, processes
from trader_cli.ledger import Ledger
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Trial
from trader_cli.model.instrument import Instrument
from trader_cli.strategy import indicators
from trader_cli.strategy.base import Levels, Strategy
from trader_cli.strategy.params import Param

STEP = Decimal("0.00000001")


class Cross(Strategy):
    """Hold while the fast average is above the slow one; refuses to be turned round."""

    fast = Param(5, low=2, high=40)
    slow = Param(20, low=3, high=80)

    def targets(self, bars: Bars) -> Levels:
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} is not below slow {self.slow}")
        return indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)


class Words(Cross):
    """The same, with a word."""

    mode = Param("up", choices=("up", "down"))


class Shelf:
    """Bars in memory as a source."""

    def __init__(self, *bars: Bars) -> None:
        self.bars = {one.symbol: one for one in bars}

    def load(self, symbol: str, exchange: Any, timeframe: Any, since_ms: Any = None, until_ms: Any = None) -> Bars:
        return self.bars[symbol].between(since_ms, until_ms)

    def digest(self, bars: Bars) -> str:
        return f"{bars.symbol} {len(bars)} {bars.close.sum()}"


WANTED = Wanted("auto", 40, 1000, 1, objectives("sharpe"), 1, Decimal(0), 16)
SHOWN = Shown(5, (), 80, 50)
BARS = (walk(400, 3, symbol="AAA/USD"), walk(400, 4, symbol="BBB/USD"))
GRID = {"fast": "2:12:2", "slow": "4:24:4"}


def prepared(given: dict[str, str] | None = None, strategy: Strategy | None = None, **wanted: Any) -> Prepared:
    chosen = strategy or Cross()
    request = lab_of(chosen, *BARS).request
    space = read_space("cross", chosen.declared, chosen.params, GRID if given is None else given)
    shelf, chosen_wanted = Shelf(*BARS), replace(WANTED, **wanted)
    return prepare(request, shelf, lambda symbol, _: Instrument(symbol, tick=STEP, lot=STEP), space, chosen_wanted, "1")


def no_workers() -> AbstractContextManager[Pool]:
    raise AssertionError("nothing is to be run")


def run(
    one: Prepared,
    book: SweepLedger,
    workers: int = 1,
    engine: Any = "local",
    shown: Shown = SHOWN,
    fresh: bool = False,
    opened: Callable[[], AbstractContextManager[Pool]] | None = None,
) -> Found:
    ids = f"sweep-{len(book.records)}" if isinstance(book, SweepBook) else "sweep"
    give = opened or (lambda: pool(one.lab, engine, workers, "", one.key))
    return optimize(one, book, give, ids, lambda: 7, lambda _done, _of: None, shown, fresh=fresh)


@pytest.mark.req("X10")
@pytest.mark.parametrize(
    ("engine", "workers", "copies"),
    [("threads", 2, False), ("threads", 5, False), ("processes", 2, False), ("processes", 2, True), ("local", 3, True)],
)
@pytest.mark.parametrize("given", [GRID, {}])
def test_the_table_is_the_same_for_any_number_of_workers_and_any_engine(
    engine: str, workers: int, copies: bool, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forked, "forkable", lambda: copies)
    alone = run(prepared(given), SweepBook()).result
    many = run(prepared(given), SweepBook(), workers, engine).result
    assert (alone["engine"], alone["workers"]) == ("local", 1)
    assert (many["engine"], many["workers"]) == ("processes" if copies else engine, workers)
    assert many["table_digest"] == alone["table_digest"]
    assert many["top"] == alone["top"]


class Dying(Cross):
    """The same, in a process that is killed once."""

    def targets(self, bars: Bars) -> Levels:
        if self.fast == 8 and os.environ.pop("DYING", "") == "now":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().targets(bars)


@pytest.mark.req("X10")
@pytest.mark.parametrize("copies", [True, pytest.param(False, marks=pytest.mark.deep)])
def test_a_search_whose_worker_was_killed_says_so_keeps_what_is_done_and_goes_on_to_the_same_table(
    copies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(prepared(strategy=Dying()), SweepBook()).result
    monkeypatch.setattr(forked, "forkable", lambda: copies)
    monkeypatch.setattr("trader_cli.jobs.workers._BLOCK_SECONDS", 1e-9)
    monkeypatch.setattr("trader_cli.jobs.workers._ROUND_SECONDS", 1e-9)
    book = SweepBook()
    monkeypatch.setenv("DYING", "now")
    with pytest.raises(WorkersLostError, match=r"a worker process died among trials \d+ to \d+"):
        run(prepared(strategy=Dying()), book, 2, "processes")
    done = sum(len(rows) for rows in book.rows.values())
    assert 0 < done < 36
    assert list(book.ends.values()) == ["interrupted"]
    monkeypatch.delenv("DYING")
    again = run(prepared(strategy=Dying()), book, 2, "processes").result
    assert (again["ran"], again["resumed"]) == (36 - done, True)
    assert again["table_digest"] == whole["table_digest"]


@pytest.mark.req("X10")
@pytest.mark.parametrize("method", ["grid", "random", "tpe"])
@pytest.mark.parametrize("after", [1, 17, 36])
def test_a_search_that_was_stopped_goes_on_to_the_same_table(
    method: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trader_cli.jobs.sweep._MOST_UNWRITTEN", 1)
    whole = run(prepared(method=method, trials=36), SweepBook()).result

    def stop(count: int) -> None:
        if count == after:
            raise KeyboardInterrupt

    book = SweepBook(written=stop)
    with pytest.raises(KeyboardInterrupt):
        run(prepared(method=method, trials=36), book)
    assert [len(rows) for rows in book.rows.values()] == [after]
    assert list(book.ends.values()) == ["interrupted"]
    book.written = lambda _count: None
    again = run(prepared(method=method, trials=36), book).result
    assert (again["ran"], again["resumed"]) == (36 - after, True)
    assert again["table_digest"] == whole["table_digest"]
    assert list(book.ends.values()) == ["finished"]


@pytest.mark.parametrize("copies", [True, False])
def test_a_search_interrupted_while_its_trials_are_written_warns_of_nothing(
    copies: bool, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(forked, "forkable", lambda: copies)
    monkeypatch.setattr("trader_cli.jobs.sweep._MOST_UNWRITTEN", 1)

    def stop(_count: int) -> None:
        time.sleep(0.2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(prepared(), SweepBook(written=stop), 2, "local")
    gc.collect()
    assert [str(one.message) for one in recwarn] == []


def test_a_finished_search_is_shown_again_without_running_and_begun_anew_on_request() -> None:
    book = SweepBook()
    first = run(prepared(), book).result
    again = run(prepared(), book, opened=no_workers).result
    assert (again["ran"], again["sweep_id"]) == (0, first["sweep_id"])
    assert again["table_digest"] == first["table_digest"]
    anew = run(prepared(), book, fresh=True).result
    assert (anew["ran"], anew["sweep_id"]) == (36, "sweep-1")


def test_a_search_shown_again_from_the_ledger_says_what_it_said_to_the_letter(tmp_path: Path) -> None:
    class Turned(Cross):
        slow = Param(20, low=3, high=80)
        fast = Param(5, low=2, high=40)

    with closing(Ledger.open("sqlite:///trader.db", tmp_path)) as ledger:
        one = prepared(strategy=Turned())
        first = run(one, ledger).result
        again = run(one, ledger, opened=no_workers).result
    assert [list(one["best"]["params"]) for one in (first, again)] == [list(Turned.declared)] * 2
    changed = ("ran", "resumed", "engine", "workers", "seconds")
    said = [json.dumps({key: value for key, value in one.items() if key not in changed}) for one in (first, again)]
    assert said[0] == said[1]


def test_another_objective_ranks_a_finished_grid_anew_without_running_it() -> None:
    book = SweepBook()
    run(prepared(), book)
    found = run(prepared(objectives=objectives("-max_drawdown_pct")), book, opened=no_workers).result
    falls = [one["stats"]["max_drawdown_pct"] for one in found["top"]]
    assert falls == sorted(falls)


@pytest.mark.parametrize(
    "other",
    [
        {"given": {"fast": "2:12:2", "slow": "4:28:4"}},
        {"method": "random", "seed": 1},
        {"method": "random", "seed": 2},
        {"method": "random", "trials": 30},
        {"method": "tpe"},
        {"method": "tpe", "min_trades": 2},
        {"method": "tpe", "objectives": objectives("sortino")},
        {"holdout_pct": Decimal(10)},
    ],
)
def test_whatever_decides_the_trials_makes_it_another_search(other: dict[str, Any]) -> None:
    keys = [prepared().key, prepared(method="random", seed=3).key, prepared(**other).key]
    assert len(set(keys)) == 3


@pytest.mark.req("R3.6")
def test_the_best_trial_is_a_replay_with_the_same_digest() -> None:
    one = prepared()
    found = run(one, SweepBook())
    assert found.best is not None
    replayed = one.lab.run(Variant(params=found.best.params))
    assert replayed.digest == found.best.digest
    assert replayed.stats == found.best.stats


def test_every_trial_counts_against_its_strategy() -> None:
    book = SweepBook()
    assert run(prepared(), book).result["tried"] == 36
    # 2:12:2 by 4:28:4 has six more sets of parameters, the rest is known.
    assert run(prepared({"fast": "2:12:2", "slow": "4:28:4"}), book).result["tried"] == 42


def test_a_combination_that_the_strategy_refuses_is_a_trial_with_its_problem() -> None:
    book = SweepBook()
    result = run(prepared(), book).result
    refused = [one for one in book.rows["sweep-0"] if one.problem]
    # fast >= slow: for slow 4: 4, 6, 8, 10, 12; for 8: 8, 10, 12; for 12: 12.
    assert len(refused) == result["failed"] == 9
    assert "fast 4 is not below slow 4" in refused[0].problem
    assert refused[0].stats == {}


def test_a_search_of_which_everything_is_refused_says_why() -> None:
    with pytest.raises(StrategyError, match="each of 2 combinations was refused, most often: .* fast 20 is not below"):
        run(prepared({"fast": "20,21", "slow": "20"}), SweepBook())


def test_sums_are_those_of_all_trials() -> None:
    book = SweepBook()
    sums = run(prepared(), book).result["sums"]
    ran = [one.stats for one in book.rows["sweep-0"] if not one.problem]
    assert sums["trades"] == sum(one["trades"] for one in ran)
    assert sums["final_equity"] == pytest.approx(sum(one["final_equity"] for one in ran), abs=1e-6)


def test_trials_are_written_in_batches_of_at_most_256() -> None:
    book = SweepBook()
    run(prepared({"fast": "2:25", "slow": "30:60:2"}), book, 2)
    assert sum(book.batches) == 24 * 16
    assert max(book.batches) <= 256


def test_the_search_does_not_see_what_is_held_out() -> None:
    whole, part = prepared(), prepared(holdout_pct=Decimal(25))
    assert (whole.bars, part.bars) == (400, 300)
    assert part.held_out_ms == BARS[0].open_ms[300] == part.until_ms
    assert [len(one) for one in part.lab.series] == [300, 300]
    assert "the search saw every bar" in run(whole, SweepBook()).result["notes"][0]
    assert "were kept from the search" in run(part, SweepBook()).result["notes"][0]


def test_too_few_round_trips_are_not_the_best() -> None:
    book = SweepBook()
    run(prepared(), book)
    counts = sorted(one.stats["trades"] for one in book.rows["sweep-0"] if not one.problem)
    middle = int(counts[len(counts) // 2])
    result = run(prepared(min_trades=middle), book, opened=no_workers).result
    assert all(one["stats"]["trades"] >= middle for one in result["top"])
    assert result["thin"] == sum(one < middle for one in counts) > 0
    none = run(prepared(min_trades=10_000), SweepBook()).result
    assert none["best"] is None
    assert "none is the best" in none["notes"][1]


def test_a_grid_larger_than_allowed_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"the grid has 36 combinations, `optimize.max_grid` is 35"):
        prepared(max_grid=35)


def test_without_ranges_what_the_strategy_declares_is_drawn_from() -> None:
    one = prepared({})
    assert (one.method, one.search.total) == ("random", 40)
    assert one.space.stated == {"fast": "2:40", "slow": "3:80"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sharp", "objective `sharp` is no figure of a backtest"),
        ("max_drawdown_pct", "would look for the deepest drawdown"),
        (" , ", "no objective is stated"),
        ("sharpe,-sharpe", "wants one figure high and low"),
    ],
)
def test_an_objective_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        objectives(text)


def test_the_figures_are_those_of_a_replay() -> None:
    assert set(FIGURES) == set(lab_of(Cross(), *BARS).run().stats)


def survey(*objective: str, trials: list[Trial]) -> Survey:
    space = read_space("cross", Cross.declared, Cross().params, {"fast": "2:4", "slow": "10:12"})
    seen = Survey(space, objectives(",".join(objective)), 1, 3)
    for one in trials:
        seen.add(one)
    return seen


def trial(number: int, fast: int, slow: int, value: float, fall: float = 1.0, trades: int = 5) -> Trial:
    stats = dict.fromkeys(FIGURES, 0.0) | {"sharpe": value, "max_drawdown_pct": fall, "trades": trades}
    return Trial(number, {"fast": fast, "slow": slow}, stats, "d")


def test_of_equally_good_trials_the_first_is_the_best() -> None:
    seen = survey(
        "sharpe", trials=[trial(0, 2, 10, 1.0), trial(1, 2, 11, 2.0), trial(2, 2, 12, 2.0), trial(3, 3, 10, 1.0)]
    )
    assert [one.number for one in seen.top] == [1, 2, 0]


def test_several_objectives_have_a_front_of_what_none_beats() -> None:
    rows = [trial(0, 2, 10, 1.0, 5.0), trial(1, 2, 11, 2.0, 9.0), trial(2, 2, 12, 1.5, 9.5), trial(3, 3, 10, 0.5, 2.0)]
    assert [one.number for one in survey("sharpe", "-max_drawdown_pct", trials=rows).front] == [0, 1, 3]


def test_the_tables_digest_changes_with_any_figure() -> None:
    rows = [trial(0, 2, 10, 1.0), trial(1, 2, 11, math.nan)]
    same = [trial(0, 2, 10, 1.0), trial(1, 2, 11, math.nan)]
    other = [trial(0, 2, 10, 1.0 + 2**-52), trial(1, 2, 11, math.nan)]
    digests = [survey("sharpe", trials=one).digest for one in (rows, same, other)]
    assert digests[0] == digests[1] != digests[2]


def hill(slope: float, floor: float = 0.0) -> Callable[[int, int], float]:
    """Highest at (7, 40), falling by `slope` a step away."""
    return lambda fast, slow: max(2.0 - slope * (abs(fast - 7) + abs(slow - 40) / 10), floor)


class Hilly:
    """A lab whose figures follow from the parameters."""

    def __init__(self, height: Callable[[int, int], float]) -> None:
        self.height = height

    def __call__(self, number: int, params: dict[str, Any]) -> Trial:
        fast, slow = params["fast"], params["slow"]
        return replace(trial(number, fast, slow, self.height(fast, slow)), params=params)


def landscape(
    height: Callable[[int, int], float],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    shown: Shown = SHOWN,
    **wanted: Any,
) -> Found:
    made = Hilly(height)
    monkeypatch.setattr("trader_cli.jobs.workers.run_trial", lambda _lab, number, params: made(number, params))
    return run(prepared(given, **wanted), SweepBook(), shown=shown)


@pytest.mark.parametrize(
    ("slope", "word", "relative"),
    [
        (0.1, "plateau", 95.0),
        (0.4, "plateau", 80.0),
        (0.42, "slope", 79.0),
        (1.0, "slope", 50.0),
        (1.02, "spike", 49.0),
    ],
)
def test_what_the_neighbours_keep_of_the_best_makes_it_a_plateau_a_slope_or_a_spike(
    slope: float, word: str, relative: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = landscape(hill(slope), monkeypatch, {"fast": "5:9", "slow": "20:60:10"}).result
    assert found["best"]["params"] == {"fast": 7, "slow": 40}
    beside = found["neighbours"]
    assert (beside["word"], beside["count"], beside["within"]) == (word, 4, "one step")
    assert beside["relative_pct"] == pytest.approx(relative)
    assert [one["params"] for one in beside["rows"]] == [{"fast": 6}, {"slow": 30}, {"slow": 50}, {"fast": 8}]


def test_at_an_edge_there_are_fewer_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    found = landscape(hill(0.1), monkeypatch, {"fast": "7:9", "slow": "40:60:10"}).result
    assert [one["params"] for one in found["neighbours"]["rows"]] == [{"slow": 50}, {"fast": 8}]


def test_where_no_step_was_tried_what_lies_within_a_tenth_of_each_range_is_beside_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = landscape(hill(0.01), monkeypatch, {}, trials=400).result
    best = found["best"]["params"]
    beside = found["neighbours"]
    if beside["within"] != "one step":
        assert beside["count"] > 0
        for one in beside["rows"]:
            there = {**best, **one["params"]}
            assert abs(there["fast"] - best["fast"]) <= 3.8
            assert abs(there["slow"] - best["slow"]) <= 7.7


def test_a_best_below_zero_or_alone_stands_on_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    below = landscape(lambda fast, slow: hill(0.1)(fast, slow) - 5, monkeypatch, {"fast": "5:9", "slow": "40"})
    assert below.result["neighbours"]["word"] == "unknown"
    alone = landscape(hill(0.1), monkeypatch, {"fast": "7", "mode": "up,down"}, strategy=Words()).result["neighbours"]
    assert (alone["word"], alone["count"]) == ("unknown", 0)


def test_the_map_shows_the_two_parameters_with_the_value_of_each_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    height = hill(0.1)
    found = landscape(height, monkeypatch, {"fast": "5:9", "slow": "20:60:10"}).result["heatmap"]
    assert (found["x"]["name"], found["x"]["values"]) == ("fast", [5, 6, 7, 8, 9])
    assert (found["y"]["name"], found["y"]["values"]) == ("slow", [20, 30, 40, 50, 60])
    assert found["values"] == [[height(fast, slow) for fast in range(5, 10)] for slow in range(20, 61, 10)]
    turned = landscape(
        height, monkeypatch, {"fast": "5:9", "slow": "20:60:10"}, replace(SHOWN, heatmap=("slow", "fast"))
    ).result["heatmap"]
    assert np.array_equal(np.array(turned["values"]).T, found["values"])


def test_a_map_has_no_more_cells_for_more_values_and_each_is_a_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    found = landscape(lambda _fast, slow: 1.0 + slow, monkeypatch, {"fast": "2:6", "slow": "3:80"})
    assert found.map is not None
    assert (found.map.x.count, found.map.y.count) == (5, 20)
    assert found.map.y.values[:3] == [3, 7, 11]
    # 78 values in 20 parts: the first holds 3, 4, 5 and 6, one more than whom is 5.5 on average.
    assert found.map.values[0] == [5.5] * 5


@pytest.mark.parametrize("most", [1, 3, 7, 50])
def test_every_value_lies_in_the_part_that_begins_at_or_before_it(most: int) -> None:
    axes = read_space("cross", Cross.declared, Cross().params, {"fast": "2:40:3", "slow": "3:80"}).axes
    for axis in axes:
        bins = Bins.of(axis, most)
        firsts = bins.values
        assert len(firsts) == bins.count
        for i in range(axis.size or 0):
            place = bins.bin(axis.at(i))
            assert firsts[place] <= axis.at(i)
            assert place + 1 == bins.count or axis.at(i) < firsts[place + 1]


def test_a_map_of_what_is_not_searched_is_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="`--heatmap` names `slo`"):
        check_shown(prepared(), replace(SHOWN, heatmap=("fast", "slo")))
    with pytest.raises(UsageError, match="two parameters"):
        check_shown(prepared(), replace(SHOWN, heatmap=("fast",)))


def test_a_result_is_plain_enough_for_json() -> None:
    result = run(prepared(objectives=objectives("sharpe,-max_drawdown_pct")), SweepBook()).result
    assert json.loads(json.dumps(result))["strategy"] == "cross"


def test_a_lab_that_travels_gives_the_same_trials() -> None:
    lab = prepared().lab
    again: Lab = pickle.loads(pickle.dumps(lab))  # noqa: S301 our own
    chosen = Variant(params={"fast": 4, "slow": 12})
    assert again.run(chosen).digest == lab.run(chosen).digest


def test_where_nothing_was_given_out_there_is_nobody_to_send_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked, "forkable", lambda: False)
    # One alone is made here: `joblib` has made none of its own, and what it would end is another kind.
    with processes(2):
        pass
    with processes(2):
        pass
