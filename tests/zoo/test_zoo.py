"""The zoo: strategies with one planted fault each, caught by the check that is named for it, and sound ones, let alone.

Each is a file as an author writes it, loaded by the program's own loader. A fault may be several: a leak also makes a run
that is stopped after every bar another run, which `parity` says; that is not counted here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from research import lab_of, walk

from trader_cli.jobs.checks import determinism as deterministic
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.determinism import determinism
from trader_cli.jobs.checks.interpreted import rows_of
from trader_cli.jobs.checks.look_ahead import look_ahead
from trader_cli.jobs.checks.warm_up import warm_up
from trader_cli.jobs.lab import Lab
from trader_cli.model.bars import COLUMNS, Bars, Ints
from trader_cli.model.evidence import CheckResult, Status, Tried
from trader_cli.strategy.loader import Library

HERE = Path(__file__).resolve().parent
BUILT_IN = HERE.parents[1] / "strategies"
CHECKS = {"look_ahead": look_ahead, "warm_up": warm_up, "determinism": determinism}
QUICK = {"cuts": 8, "warm_up_bars": 60, "parity_bars": 30, "tolerance_pct": "20.0"}
WHOLE = {"cuts": 50, "warm_up_bars": 300, "parity_bars": 60, "tolerance_pct": "20.0"}

# The fault, the checks that must fail it (the first of them is asked for the cause), and what that one says of it.
FAULTS: Mapping[str, tuple[str, str]] = {
    "shift_minus_one": ("look_ahead", r"looks 1 bar ahead; it reads the coming `close`"),
    "rolled_back": ("look_ahead", r"looks 1 bar ahead; it reads the coming `close`"),
    "wrapped_around": ("look_ahead", r"first bar is taken from the end of the series: `np.roll`"),
    "same_bar_close": ("look_ahead", r"looks 1 bar ahead; it reads the coming `open`, `close`"),
    "next_low_stop": ("look_ahead", r"looks 1 bar ahead; it reads the coming `low`.*`stop` is"),
    "next_low_limit": ("look_ahead", r"looks 1 bar ahead; it reads the coming `low`.*`limit` is"),
    "next_high_take": ("look_ahead", r"looks 1 bar ahead; it reads the coming `high`.*`take` is"),
    "next_volume": ("look_ahead", r"looks 1 bar ahead; it reads the coming `volume`"),
    "centred_window": ("look_ahead", r"looks up to [1-5] bars ahead; it reads the coming `close`"),
    "convolved_same": ("look_ahead", r"looks up to [1-4] bars ahead"),
    "padded_at_the_end": ("look_ahead", r"looks up to [1-7] bars ahead"),
    "central_difference": ("look_ahead", r"looks 1 bar ahead"),
    "smoothed_both_ways": ("look_ahead", r"looks up to \d+ bars ahead"),
    "scaled_by_the_highest": ("look_ahead", r"statistic over the whole series"),
    "scaled_by_the_deviation": ("look_ahead", r"statistic over the whole series"),
    "percentile_of_the_sample": ("look_ahead", r"statistic over the whole series"),
    "ranked_in_the_sample": ("look_ahead", r"statistic over the whole series"),
    "sells_at_the_top": ("look_ahead warm_up", r"statistic over the whole series"),
    "rest_of_the_return": ("look_ahead", r"statistic over the whole series"),
    "sells_at_the_end": ("look_ahead", r"looks 1 bar ahead:"),
    "window_by_length": ("look_ahead", r"depends on the length of its input"),
    "fitted_line": ("look_ahead", r"statistic over the whole series"),
    "spectrum": ("look_ahead", r"statistic over the whole series"),
    "best_window": ("look_ahead", r"statistic over the whole series"),
    "filled_backward": ("look_ahead", r"looks up to \d bars ahead"),
    "backfilled_warm_up": ("look_ahead", r"first bars are filled backward from later ones"),
    "interpolated": ("look_ahead", r"looks up to \d+ bars ahead"),
    "swing_before_it_is_known": ("look_ahead", r"looks up to [1-3] bars ahead"),
    "open_day": ("look_ahead", r"the open 1d bar: the leak stops where 1d bars begin"),
    "open_half_day": ("look_ahead", r"the open 12h bar: the leak stops where 12h bars begin"),
    "open_month": ("look_ahead", r"the open calendar-month bar"),
    "confidence_of_the_whole": ("look_ahead", r"statistic over the whole series.*`confidence` is"),
    "peer_ahead": ("look_ahead", r"looks 1 bar ahead; it reads coming bars of `AAA/USD` at `other`"),
    "gap_ahead": ("look_ahead", r"looks 1 bar ahead"),
    "rare_crash": ("look_ahead", r"looks 1 bar ahead; it reads the coming `close`"),
    "behind_the_slice": ("look_ahead determinism", r"looks up to 5 bars ahead"),
    "remembers_the_future": ("look_ahead determinism", r"statistic over the whole series"),
    "file_beside": ("look_ahead", r"reads the file `.*closes\.csv` \(.*file_beside\.py, line \d+\)"),
    "file_at_loading": ("look_ahead", r"reads the file `.*closes\.csv` \(.*file_at_loading\.py, line \d+\)"),
    "universe_of_survivors": ("look_ahead", r"reads the file `.*faults`"),
    "program_asked": ("look_ahead", r"reads the file"),
    "network_asked": ("look_ahead", r"asks the network: `127\.0\.0\.1"),
    "process_asked": ("look_ahead", r"starts a process: `true`"),
    "unseeded": ("determinism", r"random numbers without a seed"),
    "global_numpy": ("determinism", r"random numbers without a seed from `numpy\.random`"),
    "global_random": ("determinism", r"random numbers without a seed from the module `random`"),
    "shuffled_noise": ("determinism", r"random numbers without a seed"),
    "clock_read": ("determinism", r"reads the clock: `datetime\.now` \(.*clock_read\.py, line \d+\)"),
    "clock_of_pandas": ("determinism", r"reads the clock: `pd\.Timestamp\.now"),
    "environment_read": ("determinism", r"reads the environment: `MY_SIDE`"),
    "counts_questions": ("determinism", r"keeps something from one question to the next"),
    "keeps_its_last": ("determinism", r"keeps something from one question to the next"),
    "first_symbol_cached": ("determinism", r"depends on which others were asked before"),
    "changes_its_parameters": ("determinism", r"keeps something from one question to the next"),
    "hash_of_a_name": (
        "determinism",
        r"other fills in another process.*the first that differs is that of AAA/USD at 20",
    ),
    "order_of_a_set": ("determinism", r"other fills in another process"),
    "writes_into_the_bars": ("determinism", r"writes into the bars.*`close` was"),
    "window_from_one_bar": ("warm_up", r"not there yet.*\d+ bars are needed"),
    "average_from_one_bar": ("warm_up", r"not there yet.*\d+ bars are needed"),
    "gaps_as_zero": ("warm_up", r"not there yet.*\d+ bars are needed"),
    "first_close_as_mean": ("warm_up", r"not there yet.*\d+ bars are needed"),
    "growing_window": ("warm_up", r"not there yet.*\d+ bars are needed"),
    "too_short_window": ("warm_up", r"states a warm-up of 20 bars, its numbers on AAA/USD need \d+"),
    "too_short_recursion": ("warm_up", r"states a warm-up of 50 bars, its numbers on AAA/USD need \d+"),
    "too_short_property": ("warm_up", r"states a warm-up of 5 bars, its numbers on AAA/USD need \d+"),
}
# These differ from process to process only, and need another one to show.
PROCESSES = ("hash_of_a_name", "order_of_a_set")
CLEAN = sorted(path.stem for path in (HERE / "clean").glob("*.py"))
SEVEN = sorted(path.stem for path in BUILT_IN.glob("*.py"))


def _holes(bars: Bars, seed: int) -> Bars:
    kept = np.random.default_rng(seed).random(len(bars)) > 0.02
    columns: dict[str, Any] = {name: getattr(bars, name)[kept] for name in ("open_ms", *COLUMNS)}
    return replace(bars, **columns)


def _bars(count: int) -> list[Bars]:
    """Two symbols of 4h bars with holes, each beside another venue that strays from it."""
    found = []
    for seed, symbol in enumerate(("AAA/USD", "BBB/USD"), start=1):
        whole = walk(count, seed, symbol=symbol, timeframe="4h")
        factors = 1.0 + np.random.default_rng(seed).normal(0.0, 0.002, count)
        prices = {name: getattr(whole, name) * factors for name in ("open", "high", "low", "close")}
        peer = _holes(replace(whole, exchange="other", **prices), seed + 8)
        found.append(replace(_holes(whole, seed + 4), peers=(peer,)))
    return found


def _bench(folder: Path, name: str, bars: int, limits: Mapping[str, Any], symbols: int = 2) -> Bench:
    lab = lab_of(Library(None, folder).load(name).cls(), *_bars(bars)[:symbols])
    return Bench(lab, lab.run(), Tried(0, (), None, {}), limits, 1)


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of another process answers what the compiler would: starting one takes a second each."""

    def same(lab: Lab, seconds: float) -> Ints:
        return rows_of(lab.run().fills)

    monkeypatch.setattr(deterministic, "fills_interpreted", same)


def _says(found: CheckResult, words: str) -> None:
    assert found.status is Status.FAIL, f"{found.name}: {found.message}"
    assert re.search(words, found.message), found.message
    assert found.hint


def test_every_file_of_the_zoo_is_in_the_table() -> None:
    assert sorted(FAULTS) == sorted(path.stem for path in (HERE / "faults").glob("*.py"))
    assert len(FAULTS) >= 30
    assert len(CLEAN) >= 30
    assert {names.split()[0] for names, _ in FAULTS.values()} == set(CHECKS)


@pytest.mark.req("X1")
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in PROCESSES])
def test_a_planted_fault_is_caught_by_its_check_with_its_cause(name: str, one_process: None) -> None:
    names, words = FAULTS[name]
    check = names.split()[0]
    # An order of symbols needs two of them; history needs to be long.
    symbols = 2 if check == "determinism" else 1
    # Where a timeframe's bars begin is told from where they do not by many cuts.
    limits = {**QUICK, "cuts": 40} if name.startswith("open_") else QUICK
    _says(CHECKS[check](_bench(HERE / "faults", name, 1500, limits, symbols)), words)


@pytest.mark.req("X1")
@pytest.mark.parametrize("name", CLEAN)
def test_a_sound_strategy_raises_no_alarm(name: str, one_process: None) -> None:
    bench = _bench(HERE / "clean", name, 400, QUICK, 1)
    for check in (look_ahead, determinism):
        assert check(bench).status is Status.PASS, check(bench).message


@pytest.mark.req("X1")
@pytest.mark.parametrize(
    "name", ["ema_cross", "rsi_levels", "adx_trend", "macd_line", "donchian_break", "target_and_stop"]
)
def test_a_sound_strategy_waits_for_its_numbers(name: str) -> None:
    found = warm_up(_bench(HERE / "clean", name, 1500, QUICK, 1))
    assert found.status is Status.PASS, found.message
    assert found.number is not None
    assert f"need {found.number:,.0f} bars" in found.message


@pytest.mark.req("X1")
@pytest.mark.parametrize("name", PROCESSES)
def test_what_differs_from_process_to_process_is_caught_by_one_more(name: str) -> None:
    _says(determinism(_bench(HERE / "faults", name, 400, QUICK)), FAULTS[name][1])


@pytest.mark.deep
@pytest.mark.req("X1")
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_by_its_check_alone(name: str) -> None:
    names, words = FAULTS[name]
    bench = _bench(HERE / "faults", name, 1500, WHOLE)
    results = {each: check(bench) for each, check in CHECKS.items()}
    assert {each for each, found in results.items() if found.status is Status.FAIL} == set(names.split())
    _says(results[names.split()[0]], words)


@pytest.mark.deep
@pytest.mark.req("X1")
@pytest.mark.parametrize(("folder", "name"), [*(("clean", one) for one in CLEAN), *(("seven", one) for one in SEVEN)])
def test_no_check_of_the_laws_fails_a_sound_strategy(folder: str, name: str) -> None:
    bench = _bench(BUILT_IN if folder == "seven" else HERE / folder, name, 1500, WHOLE)
    assert look_ahead(bench).status is Status.PASS
    assert determinism(bench).status is Status.PASS
    assert warm_up(bench).status is not Status.FAIL
