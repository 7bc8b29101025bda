"""What the configuration says of strategies, held against the strategies there are. Reading them runs their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from trader_cli.config.settings import Settings, open_key
from trader_cli.config.value import Problem, Value, at
from trader_cli.errors import StrategyError, UsageError
from trader_cli.strategy.params import Param, read_params


class Loaded(Protocol):
    """A strategy that was found."""

    @property
    def cls(self) -> Any:
        """Its class."""


class Strategies(Protocol):
    """The strategies of a home."""

    def find(self, name: str) -> object:
        """Return a strategy's file. Raises StrategyError where there is none."""

    def load(self, name: str) -> Loaded:
        """Return a strategy. Raises StrategyError where there is none or it is broken."""


def misnamed(settings: Settings, layers: Mapping[str, Sequence[Value]], strategies: Strategies) -> Iterator[Problem]:
    """Yield the strategies of wallets that do not exist, and the parameters that none has or that none may have so."""
    for name, wallet in settings.wallets.items():
        where = at(layers[f"wallets.{name}.strategies"][-1].where)
        for strategy in wallet.strategies:
            try:
                strategies.find(strategy)
            except StrategyError as error:
                yield Problem(f"`wallets.{name}.strategies` {where}: {error.message}", error.hints)
    for strategy, given in settings.params.items():
        for name, value in given.items():
            where = at(layers[f"params.{strategy}.{name}"][-1].where)
            try:
                read_params(strategy, strategies.load(strategy).cls.declared, {name: value})
            except (StrategyError, UsageError) as error:
                yield Problem(f"`params.{strategy}.{name}` {where}: {error.message}", error.hints)


def parameter(key: str, strategies: Strategies) -> Param[Any] | None:
    """Return the parameter that a key of `params` sets, None for any other key.

    Raises StrategyError for a strategy that is not there, UsageError for a parameter it does not have.
    """
    parts = open_key(key)
    if parts is None or parts[0] != "params":
        return None
    _, strategy, name = parts
    declared: Mapping[str, Param[Any]] = strategies.load(strategy).cls.declared
    if name not in declared:
        read_params(strategy, declared, {name: ""})
    return declared[name]
