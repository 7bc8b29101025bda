"""Execution that tunes itself from the ledger: IOC against slippage, room over minimums against refusals (R1.10)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trader_cli.stats.execution import EXACT, Analytics

_SHOWN = Decimal("0.000001")


class Limits(Protocol):
    """The part of `execution` in the configuration that is read here."""

    @property
    def ioc_slippage_pct(self) -> Decimal:
        """Average slippage above which entries become IOC."""
        ...

    @property
    def min_success_pct(self) -> Decimal:
        """Share of orders that fill below which minimums get their buffer."""
        ...

    @property
    def success_orders(self) -> int:
        """Orders before slippage and success count."""
        ...

    @property
    def minimum_buffer(self) -> Decimal:
        """What minimums are multiplied by when too few orders fill."""
        ...


@dataclass(frozen=True)
class Switches:
    """How the next orders are placed. minimum_buffer: 1 = off. reasons: one sentence a switch, with its numbers."""

    ioc: bool
    minimum_buffer: Decimal
    reasons: tuple[str, str]


def switches(analytics: Analytics, limits: Limits) -> Switches:
    """Return the switches these figures ask for, the same for the same figures whatever stood before.

    Stops and targets are left out: they rest, and end, for reasons of their own. Comparisons are of exact sums.
    """
    ioc, why_ioc = _ioc(analytics, limits)
    buffered, why_buffer = _buffer(analytics, limits)
    return Switches(ioc, limits.minimum_buffer if buffered else Decimal(1), (why_ioc, why_buffer))


def _ioc(analytics: Analytics, limits: Limits) -> tuple[bool, str]:
    of, most = analytics.wished, limits.ioc_slippage_pct
    if of.filled < max(limits.success_orders, 1):
        return False, f"IOC is off: {_orders(of.filled)} filled, slippage counts from {limits.success_orders}"
    on = EXACT.multiply(of.shortfall, Decimal(100)) > EXACT.multiply(most, of.expected)
    measured = f"average slippage {_pct(of.shortfall, of.expected)} over {_orders(of.filled)}"
    return on, f"IOC is {'on' if on else 'off'}: {measured} is {'' if on else 'not '}above {most:f} %"


def _buffer(analytics: Analytics, limits: Limits) -> tuple[bool, str]:
    of, least = analytics.wished, limits.min_success_pct
    name = "the buffer on minimums"
    if of.ended < max(limits.success_orders, 1):
        return False, f"{name} is off: {_orders(of.ended)} ended, success counts from {limits.success_orders}"
    on = Decimal(of.succeeded * 100) < EXACT.multiply(least, Decimal(of.ended))
    measured = f"{of.succeeded} of {_orders(of.ended)} filled, {_pct(Decimal(of.succeeded), Decimal(of.ended))}"
    factor = f"on (minimum x {limits.minimum_buffer:f})" if on else "off"
    return on, f"{name} is {factor}: {measured} is {'' if on else 'not '}below {least:f} %"


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"


def _pct(part: Decimal, whole: Decimal) -> str:
    """Return a share in percent to six places: enough that what is compared looks different where it is."""
    share = part * 100 / whole if whole else Decimal(0)
    text = f"{share.quantize(_SHOWN):f}".rstrip("0").rstrip(".")
    return f"{text if text not in ('-0', '') else '0'} %"
