"""What `trader doctor` looks at, gathered from the home, the ledger and the venue; the judging is in `jobs`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from trader_cli.errors import DataError, RiskError, TraderError, UsageError
from trader_cli.jobs.doctor import Check, examined, failed, fine, warned

if TYPE_CHECKING:
    from trader_cli.jobs.checkup import Held
    from trader_cli.jobs.reconcile import Difference
    from trader_cli.ledger import Ledger
    from trader_cli.market.listing import Series
    from trader_cli.model.orders import Activity, Balance, VenueOrder
    from trader_cli.model.session import OrderRecord, Session, Step
    from trader_cli.model.timeframe import Timeframe
    from trader_cli.trading import Post
    from trader_cli.wiring import Wiring

_CYCLES_COUNTED = 100
_DAY_MS = 86_400_000
MODES = ("live", "paper")


class Examination:
    """One look at everything. left_ms: how long it may still take; progress: of the ledger's proof."""

    def __init__(self, parts: Wiring, left_ms: Callable[[], int], progress: Callable[[int, int], None]) -> None:
        self.parts = parts
        self.left_ms = left_ms
        self._progress = progress

    def checks(self) -> list[Check]:
        """Return every finding, in the order in which trouble spreads."""
        found = examined("configuration", self._configuration)
        if not is_configured(self.parts):
            # What the settings name cannot be looked at without them.
            return found
        looks: Sequence[tuple[str, Callable[[], Iterator[Check]]]] = (
            ("home", self._home),
            ("clock", self._clock),
            ("data", self._data),
            ("ledger", self._ledger),
            ("leases", self._leases),
            ("cached files", self._copies),
            ("venue", self._venue),
            ("trading", self._trading),
            ("strategies", self._strategies),
            ("armed", self._armed),
            ("halts", self._halts),
            ("unresolved orders", self._unresolved),
            ("protection", self._protection),
            ("cycles", self._cycles),
            ("balances", self._balances),
        )
        for area, look in looks:
            found += examined(area, look)
        return found

    @cached_property
    def ledger(self) -> Ledger | None:
        """The ledger of this home, None where there is none yet."""
        from trader_cli.cli.strategy import ledger_of

        return ledger_of(self.parts)

    @cached_property
    def has_key(self) -> bool:
        """Whether key and secret of the venue are there."""
        try:
            return bool(self.parts.account)
        except UsageError:
            return False

    @cached_property
    def post(self) -> Post | None:
        """The venue, None where none is configured; without a key only what everybody may ask."""
        import os

        from trader_cli.config.secrets import credentials
        from trader_cli.trading import Post

        venue = self.parts.settings.venue
        if not venue.id:
            return None
        if not self.has_key:
            return Post(self.parts, "", "", self.left_ms)
        key, secret = credentials(venue, os.environ)
        return Post(self.parts, key.reveal(), secret.reveal(), self.left_ms)

    @cached_property
    def session(self) -> Session | None:
        """The live session of the configured account, None where there is none."""
        if self.ledger is None or self.post is None or not self.has_key:
            return None
        return self.ledger.session("live", self.parts.settings.venue.id, self.parts.account)

    @cached_property
    def step(self) -> Step | None:
        """The newest step of that session."""
        if self.ledger is None or self.session is None:
            return None
        return self.ledger.last_step(self.session.run_id)

    @cached_property
    def held(self) -> list[Held]:
        """What that session holds."""
        from trader_cli.jobs.checkup import held_by

        return [] if self.step is None else held_by(self.step)

    @cached_property
    def open_orders(self) -> Sequence[VenueOrder]:
        """Every open order of the account."""
        return [] if self.post is None or not self.has_key else self.post.venue.open_orders()

    @cached_property
    def balances(self) -> Mapping[str, Balance]:
        """What the account has by asset; asked once."""
        return {} if self.post is None else self.post.venue.balances()

    @cached_property
    def agreed_ms(self) -> int:
        """When account and book of the session agreed last, ms UTC."""
        from trader_cli.jobs.tracing import agreed_ms

        if self.session is None or self.ledger is None:
            return 0
        run_id = self.session.run_id
        return agreed_ms(self.session, self.ledger.cycles(_CYCLES_COUNTED, run_id), self.ledger.adjustments(run_id))

    @cached_property
    def activity(self) -> list[Activity]:
        """What moved the account since then and is no trade of this ledger."""
        from trader_cli.jobs.tracing import not_booked

        ledger = self.ledger
        if self.post is None or self.step is None or ledger is None:
            return []
        found = self.post.venue.activity(self.agreed_ms, self.step.symbols)
        return not_booked(found, lambda client_id: ledger.order(client_id) is not None)

    @cached_property
    def known(self) -> dict[str, OrderRecord]:
        """What the ledger knows of the account's open orders that carry our mark, by client id."""
        if self.ledger is None:
            return {}
        found = [self.ledger.order(one.client_id) for one in self.open_orders if one.is_ours]
        return {one.ticket.client_id: one for one in found if one is not None}

    @property
    def timeframe(self) -> Timeframe:
        """The length of a bar: as configured, else the session's."""
        from trader_cli.model.timeframe import Timeframe

        settings = self.parts.settings
        stated = settings.data.timeframe or next(iter(settings.consensus.timeframes), "")
        return Timeframe.parse(stated or (self.session.timeframe if self.session is not None else "4h"))

    @property
    def copies(self) -> list[Path]:
        """The files that are only copies of what the venue says, or counts of what it was asked."""
        from trader_cli.trading import state_folder

        venue = self.parts.settings.venue.id
        return [state_folder() / f"{venue}{end}.json" for end in ("", "-rules")] if venue else []

    def differences(self) -> list[Difference]:
        """Return every asset of the account beside book and outside; none without a live session."""
        from trader_cli.jobs.reconcile import compared

        if self.session is None or self.step is None or self.post is None:
            return []
        tolerance = self.parts.settings.execution.tolerance
        return compared(self.session, self.step, self.balances, tolerance)

    def stale(self) -> list[str]:
        """Return the venue's symbols whose stored bars lack more than the configuration allows."""
        if self.post is None:
            return []
        # A bar is late once those that may be lacking, itself and the one that still forms are over.
        most = (self.parts.settings.cycle.stale_bars + 2) * self.timeframe.ms
        now = self.parts.now_ms()
        return [one for one in self.parts.settings.data.symbols if now - self.newest(one) > most]

    def newest(self, symbol: str) -> int:
        """Return the open of a symbol's newest stored bar, ms UTC, 0 where there is none."""
        from trader_cli.market.files import load

        series = self._series(symbol)
        bars = load(series[0]) if series else None
        return int(bars.open_ms[-1]) if bars is not None and len(bars) else 0

    def unresolved(self) -> list[OrderRecord]:
        """Return the orders of every session whose fate is open."""
        found: list[OrderRecord] = []
        if self.ledger is not None:
            # Of every session: an order of another account is nobody's to forget either.
            for one in self.ledger.sessions():
                found += [each for each in self.ledger.orders(one.run_id, open_only=True) if each.state.is_unresolved]
        return found

    def forget(self) -> None:
        """Look at session and orders anew the next time they are asked for."""
        for name in ("session", "step", "held", "open_orders", "known", "balances", "agreed_ms", "activity"):
            self.__dict__.pop(name, None)

    def _series(self, symbol: str) -> list[Series]:
        exchange = self.parts.settings.venue.id or self.parts.settings.data.exchange
        return [one for one in self.parts.bars.series() if one.symbol == symbol and exchange in ("", one.exchange)]

    def _configuration(self) -> Iterator[Check]:
        from trader_cli.config.judge import refusal
        from trader_cli.config.strategies import misnamed

        parts = self.parts
        if problems := [*misnamed(parts.settings, parts.config.layers, parts.strategies)]:
            raise refusal(problems)
        url = parts.settings.venue.api_url
        yield fine("configuration", parts.config.preset, f"sound, from preset `{parts.config.preset}`")
        if url.startswith("http://") and not url.startswith(("http://127.", "http://localhost", "http://[::1]")):
            told = f"requests with your key go to `{url}` without encryption"
            yield warned("configuration", "venue.api_url", told, "use an https address")

    def _home(self) -> Iterator[Check]:
        from trader_cli.config.health import check_files, check_home
        from trader_cli.config.home import CONFIG_NAME
        from trader_cli.ledger.database import sqlite_path

        path = sqlite_path(self.parts.settings.ledger.url, self.parts.home)
        size = path.stat().st_size if path is not None and path.is_file() else 0
        yield from check_home(self.parts.home, size)
        yield from check_files([self.parts.home / CONFIG_NAME, *([path] if path is not None else [])])

    def _clock(self) -> Iterator[Check]:
        import time

        from trader_cli.jobs.summary import iso

        now = self.parts.now_ms()
        zone = time.strftime("%Z") or "unknown"
        newest = max((one.ended_ms for one in self.ledger.cycles(1)), default=0) if self.ledger is not None else 0
        if newest > now:
            told = f"it is {iso(now)} here, and a cycle ended at {iso(newest)}: the clock went back"
            yield warned("clock", zone, told, "set it, and let it be kept: `timedatectl set-ntp true`")
        else:
            yield fine("clock", zone, f"it is {iso(now)}; the machine's own zone, {zone}, plays no part")

    def _data(self) -> Iterator[Check]:
        from trader_cli.market.check import check
        from trader_cli.market.importer import read_raw

        settings = self.parts.settings
        symbols = settings.data.symbols or tuple(self.parts.bars.sample_symbols()[1])
        now, stale = self.parts.now_ms(), set(self.stale())
        sound = 0
        for symbol in symbols:
            series = self._series(symbol)
            if not series:
                where = f" of `{settings.venue.id}`" if settings.venue.id else ""
                if settings.venue.id:
                    yield warned("data", symbol, f"no bars{where} for `{symbol}` yet", "the first cycle asks for them")
                else:
                    cure = "`trader data import FILE`, or `trader data list` for what there is"
                    yield failed("data", symbol, f"no bars for `{symbol}`", DataError, cure)
                continue
            for health in (check(bars, now) for bars in read_raw(series[0].path, None)):
                gaps = sum(one.bars for one in health.defects if one.kind == "gap")
                if health.grade == "F":
                    kinds = ", ".join(one.kind for one in health.defects if one.damage)
                    cure = "mend its source and import it again: `trader data check` names the bars"
                    yield failed("data", symbol, f"`{series[0].path}` is damaged: {kinds}", DataError, cure)
                elif symbol in stale:
                    told = f"the newest bar of `{symbol}` opened at {health.last}"
                    yield warned("data", symbol, told, "`trader doctor --repair` asks the venue for what is missing")
                elif gaps and not series[0].sample:
                    told = f"`{symbol}` lacks {gaps} of {health.bars + gaps} bars"
                    cure = "`trader doctor --repair` or `trader data fetch` asks for them again"
                    yield warned("data", symbol, told, cure, f"`trader data check {symbol}` names them")
                else:
                    sound += 1
        if sound:
            yield fine("data", sound, f"{sound} of {len(symbols)} series are sound")

    def _ledger(self) -> Iterator[Check]:
        from trader_cli.ledger.schema import HEAD
        from trader_cli.ledger.verify import verify

        if self.ledger is None:
            yield fine("ledger", 0, "no ledger yet")
            return
        size = self.ledger.path.stat().st_size if self.ledger.path is not None else 0
        findings = verify(self.ledger, self._progress)
        if findings:
            first = findings[0]
            told = f"the ledger is damaged, {len(findings)} findings, the first in {first.table}: {first.message}"
            cure = "`trader ledger verify` names them all; go back to a backup that verifies"
            yield failed("ledger", len(findings), told, DataError, cure)
        else:
            yield fine("ledger", f"{size / 1e6:.1f} MB", f"schema {HEAD}, every hash and every sum holds")

    def _venue(self) -> Iterator[Check]:
        from trader_cli.jobs.doctor import check_venue

        settings = self.parts.settings
        if self.post is None:
            yield fine("venue", "", "no venue configured")
            return
        ask = (lambda: self.balances) if self.has_key else None
        patience = settings.cycle.limit_s * 1000
        yield from check_venue(self.post.venue, ask, settings.data.symbols, settings.venue.skew_ms, patience)

    def _trading(self) -> Iterator[Check]:
        from trader_cli.jobs.trial import check_trading

        settings = self.parts.settings
        if self.post is None or not self.has_key or not settings.data.symbols:
            return
        venue = self.post.venue
        known = venue.rules(settings.data.symbols)
        for symbol in settings.data.symbols:
            if symbol not in known:
                told, cure = f"`{settings.venue.id}` does not trade `{symbol}`", "choose others: `--symbols …`"
                yield failed("trading", symbol, told, UsageError, cure)
        # One order proves the key; each market's rules are judged where it is.
        for rules in known.values():
            yield from check_trading(venue, rules, int(settings.venue.deadline_s) * 1000)

    def _leases(self) -> Iterator[Check]:
        from trader_cli.config.health import check_leases, leases

        yield from check_leases(leases(self.parts.home / "locks"))

    def _copies(self) -> Iterator[Check]:
        from trader_cli.config.health import check_copies

        if self.copies:
            yield from check_copies(self.copies)

    def _strategies(self) -> Iterator[Check]:
        from trader_cli.cli.strategy import code_now
        from trader_cli.jobs.checkup import check_deployed

        loads: dict[str, TraderError | None] = {}
        changed = []
        for one in self.ledger.deployments() if self.ledger is not None else []:
            try:
                self.parts.strategies.load(one.strategy).cls(**one.params)
                loads[one.strategy] = None
            except TraderError as error:
                loads[one.strategy] = error
            else:
                if code_now(self.parts, one.strategy) != one.code_digest:
                    changed.append(one.strategy)
        yield from check_deployed(loads, changed)

    def _armed(self) -> Iterator[Check]:
        from trader_cli.jobs.arming import armed_or_refuse

        ledger, venue = self.ledger, self.parts.settings.venue.id
        if ledger is None or not self.has_key or ledger.armed(venue, self.parts.account) is None:
            yield fine("armed", "no", "not armed: `trader live` places nothing")
            return
        now = self.parts.now_ms()
        try:
            terms = self.parts.terms(ledger.deployments())
            arming = armed_or_refuse(ledger, venue, self.parts.account, terms, now)
        except TraderError as error:
            yield warned("armed", "void", error.message, *error.hints)
        else:
            days = (arming.expires_ms - now) / _DAY_MS
            yield fine("armed", f"{days:.1f} days", f"`trader live` may place orders on `{venue}` for {days:.1f} days")

    def _halts(self) -> Iterator[Check]:
        from trader_cli.jobs.doctor import check_halts

        halted = {} if self.ledger is None else self.ledger.halted()
        yield check_halts({scope: one.reason for scope, one in halted.items()})

    def _unresolved(self) -> Iterator[Check]:
        from trader_cli.jobs.checkup import check_unresolved

        yield check_unresolved(self.unresolved(), self.parts.now_ms())

    def _protection(self) -> Iterator[Check]:
        from trader_cli.jobs.checkup import check_protection

        if self.post is not None and self.has_key:
            yield from check_protection(self.open_orders, self.known, self.held)

    def _cycles(self) -> Iterator[Check]:
        from trader_cli.jobs.checkup import check_cycles

        if self.ledger is None:
            return
        stale = self.parts.settings.cycle.stale_bars
        by_id = {one.run_id: one.mode for one in self.ledger.sessions() if not one.exchange.startswith("replay:")}
        cycles = self.ledger.cycles(_CYCLES_COUNTED)
        for mode in MODES:
            own = [one for one in cycles if by_id.get(one.run_id) == mode]
            if own:
                yield from check_cycles(own, self.parts.now_ms(), self.timeframe.ms, stale, mode)

    def _balances(self) -> Iterator[Check]:
        from trader_cli.jobs.doctor import check_balances

        if self.session is not None:
            found = self.differences()
            yield check_balances({one.asset: one.amount for one in found if one.is_alarm}, len(found))


def is_configured(parts: Wiring) -> bool:
    """Tell whether the configuration can be meant at all."""
    try:
        return parts.settings is not None
    except UsageError:
        return False


def kind_of(exit_code: int) -> type[TraderError]:
    """Return the error that ends with this exit code."""
    from trader_cli.errors import StrategyError, UnresolvedError, VenueError

    kinds: Sequence[type[TraderError]] = (
        UsageError, StrategyError, DataError, VenueError, RiskError, UnresolvedError
    )  # fmt: skip
    return next(one for one in kinds if one.exit_code == exit_code)
