"""Parameters: types, bounds, text from a command line, and what was probably meant."""

from __future__ import annotations

import numpy as np
import pytest

from trader_cli.errors import StrategyError, UsageError
from trader_cli.model.bars import Bars
from trader_cli.strategy.base import Param, Strategy
from trader_cli.strategy.signals import Levels


class Sample(Strategy):
    """Has one parameter of each type."""

    fast = Param(20, low=2, high=100)
    slow = Param(100, low=5)
    atr_period = Param(14, high=50)
    width = Param(2.0, low=0.5, high=4.0)
    side = Param("long", choices=("long", "flat"))
    strict = Param(False)

    def targets(self, bars: Bars) -> Levels:
        return np.full(len(bars), float(self.fast))


def test_parameters_not_given_have_their_defaults() -> None:
    made = Sample()
    assert (made.fast, made.slow, made.width, made.side, made.strict) == (20, 100, 2.0, "long", False)
    assert list(made.params) == ["fast", "slow", "atr_period", "width", "side", "strict"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("fast", "30", 30), ("fast", 30.0, 30), ("fast", np.int64(30), 30), ("fast", " 30 ", 30),
        ("width", "2", 2.0), ("width", 3, 3.0), ("width", "1e0", 1.0),
        ("strict", "yes", True), ("strict", "0", False), ("strict", True, True), ("side", "flat", "flat"),
    ],
)  # fmt: skip
def test_values_are_read_in_the_type_of_the_default(name: str, given: object, expected: object) -> None:
    value = getattr(Sample(**{name: given}), name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("fast", 101, "`fast` is 101, it must be 2 to 100"),
        ("fast", "1", "`fast` is 1, it must be 2 to 100"),
        ("slow", 4, "`slow` is 4, it must be 5 or more"),
        ("atr_period", 51, "`atr_period` is 51, it must be 50 or less"),
        ("fast", "20.5", "`fast` is `20.5`, it must be a whole number"),
        ("fast", "many", "`fast` is `many`, it must be a whole number"),
        ("fast", True, "`fast` is `True`, it must be a whole number"),
        ("fast", None, "`fast` is `None`, it must be a whole number"),
        ("width", "nan", "`width` is `nan`, it must be a number"),
        ("width", "inf", "`width` is `inf`, it must be a number"),
        ("side", "short", "`side` is short, it must be one of long, flat"),
        ("strict", "perhaps", "`strict` is `perhaps`, it must be true or false"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_value_and_the_range(name: str, given: object, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        Sample(**{name: given})
    assert raised.value.message == f"strategy `Sample`: {message}"


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError) as raised:
        Sample(fast=1, slow=1, speed=3)
    assert raised.value.message == (
        "strategy `Sample`: has no parameter `speed`; `fast` is 1, it must be 2 to 100; "
        "`slow` is 1, it must be 5 or more"
    )
    assert raised.value.exit_code == 2


@pytest.mark.req("R3.2")
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("short_window", "fast"), ("long_window", "slow"), ("fast_period", "fast"), ("slow_length", "slow"),
        ("atr_window", "atr_period"), ("atr", "atr_period"), ("fats", "fast"), ("short-window", "fast"),
        ("lookback", "slow"), ("widht", "width"),
    ],
)  # fmt: skip
def test_a_name_from_another_program_gets_the_one_meant_here(given: str, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        Sample(**{given: 20})
    assert raised.value.hints[0] == f"did you mean `{meant}`?"


def test_a_name_like_nothing_known_gets_the_list() -> None:
    with pytest.raises(UsageError) as raised:
        Sample(zzz=1)
    assert raised.value.hints == ("its parameters are `fast`, `slow`, `atr_period`, `width`, `side`, `strict`",)


def test_values_are_fixed_once_made() -> None:
    made = Sample()
    with pytest.raises(AttributeError, match="fixed when the strategy is made"):
        made.fast = 30  # type: ignore[misc]
    assert made.fast == 20


def test_a_strategy_shows_its_values() -> None:
    assert repr(Sample(fast="30")).startswith("Sample(fast=30, slow=100, atr_period=14, width=2.0, side='long'")


def test_two_instances_do_not_share_values() -> None:
    assert (Sample(fast=30).fast, Sample().fast) == (30, 20)


def test_a_subclass_inherits_and_may_restate_parameters() -> None:
    class Narrow(Sample):
        fast = Param(5, low=2, high=10)

    assert Narrow().fast == 5
    assert Narrow().slow == 100
    with pytest.raises(UsageError, match="2 to 10"):
        Narrow(fast=20)


def test_a_default_outside_its_own_bounds_is_the_authors_error() -> None:
    with pytest.raises(StrategyError, match="the default of `fast` is 1, it must be 2 to 9"):
        type("Wrong", (Strategy,), {"fast": _named("fast", Param(1, low=2, high=9))})


@pytest.mark.parametrize("name", ["params", "targets", "_hidden"])
def test_a_parameter_cannot_take_a_name_the_strategy_needs(name: str) -> None:
    with pytest.raises(StrategyError, match=f"cannot be called `{name}`"):
        type("Wrong", (Strategy,), {name: Param(1)})


def test_a_default_that_is_no_number_or_word_is_refused() -> None:
    with pytest.raises(StrategyError, match="neither a number nor a word"):
        type("Wrong", (Strategy,), {"many": Param([1])})  # type: ignore[type-var]


def _named(name: str, param: Param[int]) -> Param[int]:
    param.name = name
    return param
