"""The composition root: settings in, wired parts out. The only file that knows all rooms, and the only clock."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trader_cli.model.instrument import Instrument

if TYPE_CHECKING:
    from trader_cli.config.layers import Loaded, Stated
    from trader_cli.config.settings import Settings
    from trader_cli.ledger import Ledger
    from trader_cli.market.store import BarStore
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
        )
