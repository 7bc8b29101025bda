"""Threads where they gain, processes where those do, one where neither does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import joblib
import pytest
from research import walk

from trader_cli.errors import StrategyError
from trader_cli.jobs import forked, workers
from trader_cli.jobs.threads import LONG, threads_for
from trader_cli.jobs.workers import best_engine
from trader_cli.model.bars import Bars


class Clock:
    """Stands still but for what moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds


class Taking:
    """A lab whose replays take so long; None = its strategy refuses its own values."""

    def __init__(self, clock: Clock, seconds: float | None, series: Sequence[Bars]) -> None:
        self.series = series
        self._clock, self._seconds = clock, seconds

    def run(self) -> None:
        if self._seconds is None:
            raise StrategyError("fast must be below slow")
        self._clock.seconds += self._seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(workers, "time", clock)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    monkeypatch.setattr(forked, "forkable", lambda: False)
    return clock


@pytest.fixture
def copies(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(forked, "forkable", lambda: True)
    return clock


def test_long_series_have_a_thread_a_core_and_short_ones_one(clock: Clock) -> None:
    short, long = walk(100, seed=1), walk(2 * LONG, seed=1)
    assert threads_for([]) == threads_for([short]) == threads_for([short, walk(LONG, seed=1)]) == 1
    assert threads_for([long]) == threads_for([short, long]) == 4


@pytest.mark.parametrize(
    ("seconds", "trials", "best"),
    [
        (0.01, 1_000, ("local", 1)),
        (0.01, 2_000, ("processes", 4)),
        (0.0, 10**9, ("local", 1)),
        (None, 10**9, ("local", 1)),
    ],
)
def test_short_series_have_processes_that_begin_anew_once_the_work_is_worth_their_start(
    clock: Clock, seconds: float | None, trials: int, best: tuple[str, int]
) -> None:
    lab: Any = Taking(clock, seconds, [walk(100, seed=1)])
    assert best_engine(lab, 0, trials) == (*best, seconds)


def test_long_series_have_threads_where_there_can_be_no_copies_however_long_it_takes(clock: Clock) -> None:
    lab: Any = Taking(clock, 60.0, [walk(LONG, seed=1)])
    assert best_engine(lab, 0, 10**6) == ("threads", 4, None)


@pytest.mark.parametrize("bars", [100, LONG])
@pytest.mark.parametrize(
    ("seconds", "trials", "best"),
    [
        (0.01, 29, ("local", 1)),
        (0.01, 31, ("processes", 4)),
        (60.0, 1, ("processes", 4)),
        (None, 1, ("processes", 4)),
    ],
)
def test_copies_are_made_for_a_third_of_a_second_of_work_over_series_of_any_length(
    copies: Clock, bars: int, seconds: float | None, trials: int, best: tuple[str, int]
) -> None:
    lab: Any = Taking(copies, seconds, [walk(bars, seed=1)])
    assert best_engine(lab, 0, trials) == (*best, seconds)


def test_as_many_workers_as_are_asked_for_are_copies_where_there_can_be_some_else_threads(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab: Any = Taking(clock, 0.001, [walk(100, seed=1)])
    assert best_engine(lab, 3, 1) == ("threads", 3, None)
    monkeypatch.setattr(forked, "forkable", lambda: True)
    assert best_engine(lab, 3, 1) == ("processes", 3, 0.001)
    assert best_engine(lab, 1, 10**6) == ("local", 1, None)


def test_a_first_replay_that_takes_long_is_not_taken_twice(copies: Clock) -> None:
    lab: Any = Taking(copies, 60.0, [walk(100, seed=1)])
    best_engine(lab, 0, 10)
    assert copies.seconds == 60.0


def test_on_one_core_there_is_one_worker(copies: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    lab: Any = Taking(copies, 60.0, [walk(100, seed=1)])
    assert best_engine(lab, 0, 10**6) == ("local", 1, None)
