"""The composition of a scan: universe, bars stored or asked for, and the limits of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trader_cli.errors import StrategyError, UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.plan import Request
    from trader_cli.jobs.scan import Gathered, Terms
    from trader_cli.wiring import Wiring

_NONE_DEPLOYED = (
    "deploy one: `trader strategy deploy momentum`",
    "or name it: `trader scan --strategy momentum`",
    "`trader strategy list` shows them",
)


@dataclass(frozen=True)
class Universe:
    """Which symbols are looked at. text: where they are from, in words."""

    symbols: tuple[str, ...]
    text: str

    def including(self, extra: Sequence[str]) -> Universe:
        """Return it with these symbols too."""
        return replace(self, symbols=tuple(dict.fromkeys((*self.symbols, *extra))))


def request_of(parts: Wiring, names: Sequence[str], params: Mapping[str, str]) -> Request:
    """Return what is asked: the strategies named, else the deployed ones. Raises StrategyError where there are none."""
    if names:
        return parts.request(",".join(names), params)
    if params:
        raise UsageError(
            "`--param` needs `--strategy`", "a deployed one keeps its own: `trader strategy deploy NAME --param …`"
        )
    deployments = parts.ledger.deployments()
    if not deployments:
        raise StrategyError("no strategy is deployed, so there is nothing to ask", *_NONE_DEPLOYED)
    return parts.deployed_request(deployments)


def stated_universe(request: Request, file: Path | None) -> Universe:
    """Return the universe of a file, else the symbols of the request. Raises UsageError for a file that is none."""
    if file is None:
        return Universe(request.symbols, "symbols")
    from trader_cli.jobs.scanning.universe import read_universe

    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"`{file}` cannot be read: {error.strerror}", "name a file with one symbol a line") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"`{file}` is no text in UTF-8", "write one symbol a line") from error
    return Universe(read_universe(text, str(file)), f"file {file.name}")


def stored(parts: Wiring, request: Request, universe: Universe) -> Gathered:
    """Return the stored bars of a universe."""
    from trader_cli.jobs.scan import gather_stored
    from trader_cli.jobs.scene import load

    return gather_stored(universe.symbols, lambda symbol: load(replace(request, symbols=(symbol,)), parts.bars)[0])


def terms_of(parts: Wiring) -> Terms:
    """Return the limits of the configuration."""
    from trader_cli.jobs.scan import Terms
    from trader_cli.jobs.scanning.filters import Limits
    from trader_cli.jobs.scanning.signals import Protection, Sureness

    settings = parts.settings
    one, risk = settings.scan, settings.risk
    return Terms(
        limits=Limits(
            late_bars=one.max_late_bars,
            volume=float(one.min_volume),
            spread_bps=float(one.max_spread_bps),
            age_bars=one.min_age_bars,
            order_pct=float(one.max_order_pct),
            volume_bars=one.volume_bars,
            bypass_pct=float(one.bypass_pct),
            bypass_bars=one.bypass_bars,
        ),
        protection=Protection(float(risk.stop_pct) / 100, float(risk.target_pct) / 100, float(settings.exits.stop_atr)),
        sureness=Sureness(float(one.look_confidence), float(one.act_confidence), float(risk.min_confidence)),
        order=_order(parts),
        rank=one.rank,
        workers=one.workers,
        stated=one.model_dump(mode="json"),
    )


def _order(parts: Wiring) -> float:
    """Return the quote that a whole position costs: of the methods that look at stops or volatility, the most it may."""
    settings = parts.settings
    if settings.sizing.method == "notional":
        return float(settings.sizing.notional)
    return float(settings.account.cash * settings.sizing.fraction)
