"""One decision path: a rule is asked where it belongs and nowhere else, and on as many threads as one likes."""

from __future__ import annotations

import ast
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from candles import rules
from test_engine_laws import play, scene

from trader_cli.engine.trips import fills_of
from trader_cli.risk import columns
from trader_cli.risk.rules import Rules

PACKAGE = Path(__file__).resolve().parents[2] / "trader_cli"
# A rule that is asked when an order is decided on and again when it fills, or of both legs of a trade.
TWICE = {
    "below_minimum": {"approve", "decide", "fill", "legs", "levels", "settle"},
    "no_slot": {"decide", "fill"},
    "least_worth": {"approve", "decide", "legs"},
    "within_dead_band": {"decide", "legs"},
    "too_stale": {"approve", "decide"},
    "worth_swapping": {"decide"},
    "correlation": {"approve"},
    "tighter_stop": {"arm", "holding", "levels"},
    "tighter_target": {"arm", "fill", "levels"},
    # What the simulated market sells at, a venue's book asks for at the close.
    "exit_at": {"fill", "late"},
    "stop_reason": {"fill", "late"},
    "target_reason": {"fill", "late"},
    "stop_level": {"arm", "holding"},
    "atr_stop": {"holding", "watch"},
    "room_under": {"approve"},
    "beyond": {"approve"},
    "allowed_loss": {"watch"},
    "rate_of": {"approve", "decide"},
    "weight_of": {"approve", "decide", "watch"},
}
RULES = ("limits", "exits", "breakers", "swap", "sizing", "var", "correlation", "parity", "performance", "kelly")


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def _calls(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    return [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


@pytest.mark.req("R0.1")
@pytest.mark.req("R0.2")
@pytest.mark.req("R4.2")
def test_each_rule_has_one_caller_and_only_the_engine_calls_one() -> None:
    rule_names = set().union(*(_functions(PACKAGE / "risk" / f"{name}.py") for name in RULES))
    callers: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in _calls(path):
            if name in rule_names:
                callers[name].append(path.relative_to(PACKAGE).with_suffix("").as_posix())
    outside = {name: [one for one in where if not one.startswith("risk/")] for name, where in callers.items()}
    assert not [one for where in outside.values() for one in where if not one.startswith("engine/")]
    for name, where in outside.items():
        rooms = {one.removeprefix("engine/") for one in where}
        if name in TWICE:
            assert rooms <= TWICE[name], (name, rooms)
        else:
            assert len(rooms) <= 1, (name, rooms)
    # None is left that nobody asks.
    assert rule_names - set(callers) == set()


@pytest.mark.req("R0.2")
def test_only_the_coordinator_and_the_decision_sell() -> None:
    sellers = {path.stem for path in (PACKAGE / "engine").glob("*.py") if "sell" in _calls(path)}
    assert sellers == {"fill"}
    # `settle` orders the exit of a position that a venue left without protection, `late` the part that none sold.
    orders = {path.stem for path in (PACKAGE / "engine").glob("*.py") if "order" in _calls(path)}
    assert orders == {"approve", "decide", "late", "settle"}


@pytest.mark.req("R0.1")
def test_whoever_fills_books_through_the_same_functions() -> None:
    callers = {
        name: {path.stem for path in (PACKAGE / "engine").glob("*.py") if name in _calls(path)}
        for name in (
            "book_fill",
            "buy_in",
            "protect_entry",
            "take_weight",
            "end_position",
            "levels_of",
            "fill",
            "decide",
        )
    }
    assert callers["book_fill"] == {"fill", "holding", "settle"}
    assert callers["buy_in"] == {"fill", "settle"}
    assert callers["protect_entry"] == {"adjust", "holding"}
    assert callers["take_weight"] == {"fill", "holding", "settle"}
    assert callers["end_position"] == {"booking", "settle"}
    assert callers["levels_of"] == {"fill", "late"}
    # One loop: nobody else calls either.
    assert callers["fill"] == callers["decide"] == {"replay"}


@pytest.mark.req("R0.3")
def test_the_columns_of_the_rules_are_the_fields_in_their_order() -> None:
    stated = {name: value for name, value in vars(columns).items() if name.isupper()}
    assert stated == {name.upper(): i for i, name in enumerate(Rules._fields)}


@pytest.mark.req("R2.3")
def test_two_threads_at_once_give_the_digests_of_one_after_the_other() -> None:
    def digest(seed: int) -> str:
        open_ms, market, instruments = scene(seed, seed % 4 + 1, 100, bool(seed % 2))
        chosen = rules(size_method="fraction", size_fraction="0.3", max_positions=2, stop_pct="1.5", trail_pct="2.5")
        book, log = play(market, instruments, chosen, [])
        return fills_of(tuple(one.symbol for one in instruments), open_ms, book, log).digest()

    alone = [digest(seed) for seed in range(24)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(digest, range(24))) == alone
    assert len(set(alone)) > 20
