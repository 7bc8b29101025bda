"""The composition root: settings in, wired parts out. The only file that knows all rooms, and the only clock."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.model.instrument import Instrument

if TYPE_CHECKING:
    from trader_cli.config.layers import Loaded, Stated
    from trader_cli.config.settings import Settings
    from trader_cli.jobs.arming import Terms
    from trader_cli.jobs.gate import Candidate
    from trader_cli.jobs.lab import Lab
    from trader_cli.jobs.plan import Chosen, Request, WalletPlan
    from trader_cli.ledger import Ledger
    from trader_cli.market.listing import Listing
    from trader_cli.market.store import BarStore
    from trader_cli.model.session import Deployment, Session
    from trader_cli.strategy.loader import Library


def builtin_dir(name: str) -> Path:
    """Return the folder of the built-in `strategies` or `data`: inside the wheel, else at the top of the checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "builtin" / name
    return inside if inside.is_dir() else package.parent / name


@dataclass(frozen=True)
class Wiring:
    """One call's parts, made when they are asked for. flags: configuration keys stated on the command line."""

    home: Path
    preset: str | None
    flags: Mapping[str, Any]

    @classmethod
    def find(cls, home: Path | None, preset: str | None, flags: Mapping[str, Any]) -> Wiring:
        """Return the wiring for the home that the options, the environment or the current folder name."""
        from trader_cli.config.home import find_home

        return cls(find_home(home, os.environ, Path.cwd()), preset, flags)

    @cached_property
    def config(self) -> Loaded:
        """The resolved configuration with where each value came from."""
        from trader_cli.config.layers import load_settings

        return load_settings(self.preset, self.home, os.environ, self.flags)

    @cached_property
    def stated(self) -> Stated:
        """What every layer of the configuration says, sound or not."""
        from trader_cli.config.layers import stated

        return stated(self.preset, self.home, os.environ, self.flags)

    @property
    def settings(self) -> Settings:
        """The resolved configuration."""
        return self.config.settings

    @property
    def listing(self) -> Listing:
        """Which series are stored: the home's before the sample's."""
        from trader_cli.market.listing import Listing

        return Listing(self.home / "data", builtin_dir("data"))

    @cached_property
    def bars(self) -> BarStore:
        """The store of bars: the home's `data/` before the sample's."""
        from trader_cli.market.store import BarStore

        return BarStore(self.home / "data", builtin_dir("data"))

    @cached_property
    def strategies(self) -> Library:
        """The strategies: the home's before the built-in ones."""
        from trader_cli.strategy.loader import Library

        return Library(self.home / "strategies", builtin_dir("strategies"))

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of this home, made when it is missing."""
        from trader_cli.ledger import Ledger

        return Ledger.open(self.settings.ledger.url, self.home)

    @cached_property
    def existing_ledger(self) -> Ledger:
        """The ledger of this home for commands that read; raises DataError where there is none."""
        from trader_cli.ledger import Ledger

        return Ledger.open(self.settings.ledger.url, self.home, create=False)

    def close(self) -> None:
        """Give the ledger back, so that its file stands alone again."""
        for name in ("ledger", "existing_ledger"):
            opened = self.__dict__.get(name)
            if opened is not None:
                opened.close()

    def now_ms(self) -> int:
        """Return the time, ms UTC."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def new_run_id(self) -> str:
        """Return a new run's id: the second it began, UTC, and six random letters."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        return f"{stamp}-{secrets.token_hex(3)}"

    def instrument(self, symbol: str, exchange: str) -> Instrument:
        """Return a symbol's steps: the configuration's over the store's."""
        known = self.bars.instrument(symbol, exchange)
        stated = self.settings.instruments.get(symbol)
        if stated is None:
            return known
        return Instrument(
            symbol,
            tick=stated.tick if stated.tick is not None else known.tick,
            lot=stated.lot if stated.lot is not None else known.lot,
            min_quantity=stated.min_quantity if stated.min_quantity is not None else known.min_quantity,
            min_notional=stated.min_notional if stated.min_notional is not None else known.min_notional,
            quote_currency=stated.quote or known.quote_currency,
            described=True,
            learned_minimum=stated.learned_minimum if stated.learned_minimum is not None else known.learned_minimum,
        )

    def request(self, names: str | None, params: Mapping[str, str]) -> Request:
        """Return what a replay is asked to do by the configuration, with strategies named by hand where there are any.

        names: separated by commas, they share one wallet; None = the wallets of the configuration. params: `NAME` of the
        one strategy, or `STRATEGY.NAME`; they stand over the configuration's. Whatever is wrong with settings or
        strategies is said before any bar is read.
        """
        return self._request(self._wallets(names, params))

    def lab(self, request: Request) -> Lab:
        """Return the lab of a request. Raises DataError or UsageError for what cannot be traded."""
        from trader_cli.jobs.lab import Lab
        from trader_cli.jobs.scene import set_stage

        return Lab(request, set_stage(request, self.bars, self.instrument))

    def deployed_request(self, deployments: Sequence[Deployment]) -> Request:
        """Return what a cycle is asked to do: the deployed strategies in their wallets. Raises StrategyError for none (R4.11).

        A wallet of the configuration whose strategies are not deployed keeps its cash and trades nothing.
        """
        from trader_cli.jobs.deployed import by_wallet
        from trader_cli.jobs.plan import WalletPlan

        where = by_wallet(deployments, self.purses)
        loaded = {one.strategy: self._chosen(one.strategy, one.params) for one in deployments}
        return self._request(
            tuple(
                WalletPlan(name, share, tuple(loaded[one] for one in where.get(name, ())))
                for name, share in self._shares().items()
            )
        )

    def again(self, asked: Session, symbols: Sequence[str], since_ms: int | None, until_ms: int | None) -> Request:
        """Return what a recorded run was asked to do: its settings, parameters and wallets, and the code as it is now.

        since_ms, until_ms: ms UTC, half-open, None = no bound. Raises StrategyError for a strategy that is gone, UsageError
        for a parameter it has no more, DataError for settings that cannot be used any more.
        """
        from dataclasses import replace

        from trader_cli.config.recorded import recorded
        from trader_cli.jobs.drift_rerun import exchanges_of, params_of
        from trader_cli.jobs.plan import Chosen, WalletPlan
        from trader_cli.model.timeframe import Timeframe

        then = Wiring(self.home, asked.preset, {})
        loaded = recorded(self.config, asked.run_id, asked.preset, asked.config)
        then.__dict__.update(config=loaded, bars=self.bars, strategies=self.strategies)

        def chosen(name: str) -> Chosen:
            found = self.strategies.load(name)
            return Chosen(name, found.cls(**params_of(asked, name)), found.source_digest)

        names = sorted({name for wallet in asked.wallets for name in wallet.strategies})
        made = {name: chosen(name) for name in names}
        wallets = (
            WalletPlan(one.name, one.share, tuple(made[name] for name in one.strategies)) for one in asked.wallets
        )
        return replace(
            then._request(tuple(wallets)),
            symbols=tuple(dict.fromkeys(symbol.partition("@")[0] for symbol in symbols)),
            exchanges=exchanges_of(asked),
            timeframe=Timeframe.parse(asked.timeframe),
            since_ms=since_ms,
            until_ms=until_ms,
            cash=asked.cash_start,
        )

    def _request(self, wallets: tuple[WalletPlan, ...]) -> Request:
        from trader_cli.config.moment import time_ms
        from trader_cli.engine.panel import cash_units
        from trader_cli.jobs.plan import Levels, Request
        from trader_cli.jobs.summary import Costs
        from trader_cli.model.timeframe import Timeframe

        settings = self.settings
        data, costs, exits = settings.data, settings.costs, settings.exits
        exchanges = tuple(dict.fromkeys(one.strip() for one in data.exchange.split(",") if one.strip()))
        symbols = data.symbols
        if not symbols:
            sample_exchange, sample = self.bars.sample_symbols()
            exchanges, symbols = exchanges or (sample_exchange,), tuple(sample)
        levels = None
        if exits.fibonacci:
            levels = Levels(exits.fibonacci_wing, exits.atr_period, float(exits.fibonacci_atr))
        return Request(
            wallets=wallets,
            symbols=tuple(dict.fromkeys(symbols)),
            exchanges=exchanges,
            timeframe=Timeframe.parse(data.timeframe) if data.timeframe else None,
            since_ms=time_ms(data.since, "data.since"),
            until_ms=time_ms(data.until, "data.until"),
            cash=cash_units(settings.account.cash, "account.cash"),
            quote=settings.account.quote,
            settings=settings.model_dump(),
            method=settings.coordination.method,
            timeframes=tuple(Timeframe.parse(one) for one in settings.consensus.timeframes),
            levels=levels,
            atr_period=exits.atr_period,
            volatility_bars=settings.sizing.volatility_bars,
            costs=Costs(float(costs.fee_bps), float(costs.slippage_bps)),
            preset=self.config.preset,
            config=settings.model_dump(mode="json"),
        )

    def _wallets(self, names: str | None, params: Mapping[str, str]) -> tuple[WalletPlan, ...]:
        from trader_cli.jobs.plan import MAIN, WalletPlan
        from trader_cli.money import ONE

        if names is not None:
            chosen = list(dict.fromkeys(one.strip() for one in names.split(",") if one.strip()))
            if not chosen:
                raise UsageError(f"`{names}` names no strategy", "`trader strategy list` shows them")
            wallets = {MAIN: (ONE, tuple(chosen))}
        else:
            wallets = {
                name: (share, self.purses[name]) for name, share in self._shares().items() if name in self.purses
            }
        if not wallets:
            raise UsageError(
                f"no strategy is named, and preset `{self.config.preset}` has no wallets",
                "name one: `trader backtest momentum`",
                "or take wallets: `trader backtest --preset solana-wallets`",
            )
        used = {one for _, strategies in wallets.values() for one in strategies}
        stated = _by_strategy(params, used)
        loaded = {one: self._chosen(one, stated.get(one, {})) for one in sorted(used)}
        return tuple(
            WalletPlan(name, share, tuple(loaded[one] for one in strategies))
            for name, (share, strategies) in wallets.items()
        )

    def _shares(self) -> dict[str, int]:
        """Return the wallets' shares of the cash, 1e-8; one wallet with all of it where none is configured."""
        from trader_cli.engine.panel import rate
        from trader_cli.jobs.plan import MAIN
        from trader_cli.money import ONE

        stated = {name: one.share_pct for name, one in self.settings.wallets.items() if one.share_pct > 0}
        shares = {name: rate(share, 100, f"wallets.{name}.share_pct") for name, share in stated.items()}
        return shares or {MAIN: ONE}

    def _chosen(self, name: str, params: Mapping[str, str]) -> Chosen:
        from trader_cli.jobs.plan import Chosen

        found = self.strategies.load(name)
        return Chosen(name, found.cls(**{**self.settings.params.get(name, {}), **params}), found.source_digest)

    def candidate(self, name: str, params: Mapping[str, str]) -> Candidate:
        """Return a strategy as it would trade for real with these parameters. Raises StrategyError."""
        from trader_cli.jobs.gate import Candidate
        from trader_cli.jobs.plan import code_digest

        found = self._chosen(name, params)
        return Candidate(name, dict(found.instance.params), code_digest(found.source_digest), params)

    @property
    def purses(self) -> dict[str, tuple[str, ...]]:
        """The wallets with a share of the cash, and the strategies the configuration names for each."""
        return {name: one.strategies for name, one in self.settings.wallets.items() if one.share_pct > 0}

    @cached_property
    def account(self) -> str:
        """Which account of the configured venue the key opens, without giving it away; raises UsageError without a key."""
        from trader_cli.config.secrets import credentials
        from trader_cli.jobs.arming import account_of

        venue = self.settings.venue
        if not venue.id:
            raise UsageError(
                "no venue is configured", 'state it in `trader.toml`: `[venue]`, `id = "kraken"` or `id = "binance"`'
            )
        return account_of(venue.id, credentials(venue, os.environ)[0].reveal())

    def terms(self, deployments: Iterable[Deployment]) -> Terms:
        """Return what trading live would mean now: every setting, and the deployed strategies with their code as it is."""
        from trader_cli.jobs.arming import Terms
        from trader_cli.jobs.deployed import current

        # How parameters are searched and who is told of what decides no order.
        config = self.settings.model_dump(mode="json", exclude={"optimize", "insight", "metrics", "alerts", "sentry"})
        return Terms(config, current(deployments, self.strategies.load))


def _by_strategy(params: Mapping[str, str], used: set[str]) -> dict[str, dict[str, str]]:
    """Return the parameters stated on the command line by strategy."""
    found: dict[str, dict[str, str]] = {}
    for key, value in params.items():
        name, dot, inner = key.rpartition(".")
        if not dot and len(used) > 1:
            raise UsageError(
                f"`--param {key}={value}` does not say of which strategy",
                *(f"write `--param {one}.{key}={value}`" for one in sorted(used)),
            )
        owner = name if dot else next(iter(used))
        if owner not in used:
            raise UsageError(f"`--param {key}={value}`: no strategy `{owner}` runs", *did_you_mean(owner, sorted(used)))
        found.setdefault(owner, {})[inner if dot else key] = value
    return found
