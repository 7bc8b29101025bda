"""What is deployed: which strategy runs where with which code, what changed since, and how far on its way to live it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from trader_cli.errors import StrategyError, UsageError, did_you_mean
from trader_cli.jobs.plan import MAIN, code_digest
from trader_cli.model.session import Deployment, Session

_DAY_MS = 86_400_000
REPLAY = "replay:"
"""How the exchange of a paper session on stored bars begins; its trades prove nothing of real time."""


class Loaded(Protocol):
    """A strategy that was found and read."""

    @property
    def source_digest(self) -> str:
        """SHA-256 (hex) of its file."""


class PaperLedger(Protocol):
    """Where paper sessions and their round trips stand."""

    def sessions(self) -> Sequence[Session]:
        """Return every session, newest first."""
        ...

    def rows(self, table: str, run_id: str) -> list[dict[str, Any]]:
        """Return a session's rows of one table."""
        ...


@dataclass(frozen=True)
class Practice:
    """How long a strategy is deployed, and the round trips it closed on paper since."""

    days: float
    paper_trades: int


def wallet_of(strategy: str, wallet: str, configured: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the wallets in which a strategy runs: the one stated, else every one that names it, else the only one there is.

    configured: strategies by wallet with a share of the cash, none = one wallet for all. Raises UsageError for a wallet
    that is not configured, and where no wallet is the strategy's.
    """
    known = tuple(configured) or (MAIN,)
    if wallet:
        if wallet not in known:
            raise UsageError(
                f"the configuration has no wallet `{wallet}`",
                *(did_you_mean(wallet, known) or (f"it has {', '.join(f'`{one}`' for one in known)}",)),
                f"add it to `trader.toml`: `[wallets.{wallet}]`",
            )
        return (wallet,)
    named = tuple(name for name, strategies in configured.items() if strategy in strategies)
    if not named and configured:
        raise UsageError(
            f"no wallet of the configuration names `{strategy}`",
            *(f"say which: `--wallet {one}`" for one in known[:3]),
        )
    return named or known


def by_wallet(deployments: Iterable[Deployment], configured: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the deployed strategies by wallet, in the configuration's order of priority, then by name.

    Raises StrategyError where none is deployed (R4.11), UsageError as `wallet_of` does.
    """
    found: dict[str, list[str]] = {name: [] for name in tuple(configured) or (MAIN,)}
    for one in sorted(deployments, key=lambda each: each.strategy):
        for name in wallet_of(one.strategy, one.wallet, configured):
            found[name].append(one.strategy)
    if not any(found.values()):
        raise StrategyError(
            "no strategy is deployed, so there is nothing to do",
            "deploy one: `trader strategy deploy momentum`",
            "`trader strategy list` shows them",
        )
    for name, strategies in found.items():
        order = list(configured.get(name, ()))
        strategies.sort(key=lambda one: order.index(one) if one in order else len(order))
    return {name: tuple(strategies) for name, strategies in found.items() if strategies}


def current(deployments: Iterable[Deployment], load: Callable[[str], Loaded]) -> tuple[Deployment, ...]:
    """Return the deployments with their code as it is now. Raises StrategyError for one that is gone or broken."""
    return tuple(replace(one, code_digest=code_digest(load(one.strategy).source_digest)) for one in deployments)


def differences(before: Deployment, after: Deployment) -> list[str]:
    """Return what a new deployment changes, as sentences; none where it is the same again."""
    found: list[str] = []
    if before.wallet != after.wallet:
        found.append(f"wallet {_wallet(before)} became {_wallet(after)}")
    for name in sorted({*before.params, *after.params}):
        old, new = before.params.get(name), after.params.get(name)
        if old != new:
            found.append(f"`{name}` was {old or 'not stated'} and is {new or 'not stated'}")
    if before.code_digest != after.code_digest:
        found.append("its code or the program changed")
    return found


def _wallet(one: Deployment) -> str:
    return f"`{one.wallet}`" if one.wallet else "of the configuration"


def practice(one: Deployment, ledger: PaperLedger, now_ms: int) -> Practice:
    """Return how a deployed strategy did its time on paper (R4.12): days since, and round trips closed since."""
    trades = 0
    for session in ledger.sessions():
        if session.mode == "paper" and not session.exchange.startswith(REPLAY):
            rows = ledger.rows("trades", session.run_id)
            trades += sum(row["strategy"] == one.strategy and row["exit_ms"] >= one.since_ms for row in rows)
    return Practice(max(now_ms - one.since_ms, 0) / _DAY_MS, trades)
