"""What a replay is asked to do: strategies in wallets, on which bars, under which rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The compiler comes with them: half a second for a command that only names a strategy.
    from trader_cli.jobs.summary import Costs
    from trader_cli.model.timeframe import Timeframe
    from trader_cli.strategy.base import Strategy

MAIN = "main"
"""The wallet of a run that was asked for no others."""

RULES = ("costs", "sizing", "allocation", "risk", "exits", "coordination", "consensus")
"""The sections of the settings that decide what a strategy's wishes become, and what that costs."""


@dataclass(frozen=True)
class Chosen:
    """A strategy as it will run. source_digest: SHA-256 (hex) of its file."""

    name: str
    instance: Strategy
    source_digest: str


@dataclass(frozen=True)
class WalletPlan:
    """One sub-account: its share of the cash in 1e-8, and its strategies in order of priority."""

    name: str
    share: int
    strategies: tuple[Chosen, ...]

    @property
    def label(self) -> str:
        """The strategies' names, with commas."""
        return ",".join(one.name for one in self.strategies)


@dataclass(frozen=True)
class Levels:
    """Stops and targets from swings where a strategy states none (R4.3); wing, atr_period: bars."""

    wing: int
    atr_period: int
    atr_multiple: float


@dataclass(frozen=True)
class Request:
    """What to replay. Times are ms UTC, half-open, None = no bound; cash is 1e-8 quote.

    settings: the sections that `build_rules` reads. method: of coordination. timeframes: read together, empty = only the
    bars' own. exchanges: empty = wherever a symbol is stored; several = each symbol at every one of them.
    """

    wallets: tuple[WalletPlan, ...]
    symbols: tuple[str, ...]
    exchanges: tuple[str, ...]
    timeframe: Timeframe | None
    since_ms: int | None
    until_ms: int | None
    cash: int
    quote: str
    settings: Mapping[str, Mapping[str, Any]]
    method: str
    timeframes: tuple[Timeframe, ...]
    levels: Levels | None
    atr_period: int
    volatility_bars: int
    costs: Costs
    preset: str
    config: Mapping[str, Any]

    @property
    def label(self) -> str:
        """All strategies' names, each once, with commas."""
        return ",".join(dict.fromkeys(one.name for wallet in self.wallets for one in wallet.strategies))

    @property
    def params(self) -> dict[str, Any]:
        """The parameters: of the one strategy, or by strategy where there are several."""
        chosen = {one.name: dict(one.instance.params) for wallet in self.wallets for one in wallet.strategies}
        return next(iter(chosen.values())) if len(chosen) == 1 else chosen


def code_digest(*sources: str) -> str:
    """Return the SHA-256 (hex) of strategies' sources, each given by its own digest, and the engine's."""
    from trader_cli.compiler import source_digest

    return hashlib.sha256("|".join((*sources, source_digest())).encode()).hexdigest()
