"""costs: how dear may trading become, and does a target pay for its own round trip?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.lab import Lab, Outcome, Variant
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.model.fills import OrderKind, Reason

NAME = "costs"
# Of the search for the cost that leaves nothing: beyond this a float tells no difference.
_HALVINGS = 60
# What can be configured is below 10,000 bps: there a sale would bring nothing.
_MOST = 9_999.0


def costs(bench: Bench) -> CheckResult:
    """Find the cost a fill at which nothing is left, replay under stress, and hold targets against a round trip.

    The break-even cost is fee and slippage together, in bps of each fill's notional, at which the account ends as it began.
    It is found from the fills as they are and the equity they were made with: replays with ever dearer costs would end at a
    breaker and say what that saves. Stress is replayed: fees times `fee_factor`, slippage times `slippage_factor`, every wish
    `late_bars` later.

    FAIL: it loses as configured, under the costs measured from own fills, under one of the three stresses; or a target, a
    micro-profit or a part sold at a gain does not pay for its round trip (R1.8). WARN: it loses under both dearer costs at
    once, or one stress costs more than `fragile_pct` of the yearly return.
    """
    lab, base = bench.lab, bench.base
    stated = _Costs.of(lab)
    if len(base.fills) == 0:
        return CheckResult(
            NAME, Status.FAIL, 0, 1, "fills", "it never traded: there are no costs to bear", "see `backtest`"
        )
    if (short := _short_target(bench, stated)) is not None:
        return short
    paid = paid_bps(base, stated)
    even = paid + break_even(base)
    limits = bench.limits
    fee, slip = float(limits["fee_factor"]), float(limits["slippage_factor"])
    late = int(limits["late_bars"])
    stresses: dict[str, Variant] = {
        f"fees × {fee:g}": Variant(settings=stated.times(fee, 1.0)),
        f"slippage × {slip:g}": Variant(settings=stated.times(1.0, slip)),
        f"{late} bar{'s' * (late != 1)} late": Variant(delay=late),
    }
    if bench.measured is not None:
        stresses["costs as measured"] = Variant(settings=_settings(bench.measured.fee_bps, bench.measured.slippage_bps))
    both = f"fees × {fee:g} and slippage × {slip:g}"
    outcomes = {
        name: lab.run(variant)
        for name, variant in {**stresses, both: Variant(settings=stated.times(fee, slip))}.items()
    }
    growth = {name: _growth(one) for name, one in outcomes.items()}
    own = _growth(base)
    details = {
        "break_even_bps": even,
        "paid_bps": paid,
        "measured_bps": None if bench.measured is None else bench.measured.fee_bps + bench.measured.slippage_bps,
        "return_pct": {"as configured": base.stats["total_return_pct"]}
        | {name: one.stats["total_return_pct"] for name, one in outcomes.items()},
    }
    said = f"nothing would be left at {even:.1f} bps a fill; {paid:.1f} are paid"
    if not own > 0:
        message = f"{said}: it loses as it is ({base.stats['total_return_pct']:+.1f} %)"
        return CheckResult(
            NAME, Status.FAIL, even, paid, "bps", message, "trade less often, or for more a trade", details
        )
    lost = [name for name in stresses if not growth[name] > 0]
    if lost:
        shown = ", ".join(f"{name} ({outcomes[name].stats['total_return_pct']:+.1f} %)" for name in lost)
        return CheckResult(
            NAME,
            Status.FAIL,
            even,
            paid,
            "bps",
            f"{said}; it loses with {shown}",
            "trade less often, or for more a trade",
            details,
        )
    most = float(limits["fragile_pct"])
    dear = {name: (1 - growth[name] / own) * 100 for name in outcomes}
    worst = max(dear, key=lambda name: dear[name])
    if dear[worst] > most:
        message = f"{said}; with {worst} {min(dear[worst], 100):.0f} % of the yearly return are gone"
        return CheckResult(
            NAME, Status.WARN, even, paid, "bps", message, "the venue's fee tier and the hour matter", details
        )
    message = f"{said}; with {both} {1 - dear[both] / 100:.0%} of the yearly return stay"
    return CheckResult(NAME, Status.PASS, even, paid, "bps", message, "", details)


class _Costs:
    """The configured costs, in bps: of market orders and stops, of limit orders, of slippage."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        self.fee, self.maker, self.slip = (
            float(section[name]) for name in ("fee_bps", "maker_fee_bps", "slippage_bps")
        )

    @classmethod
    def of(cls, lab: Lab) -> _Costs:
        return cls(lab.request.settings["costs"])

    def times(self, fee: float, slip: float) -> dict[str, object]:
        return _settings(self.fee * fee, self.slip * slip, self.maker * fee)


def _settings(fee: float, slip: float, maker: float | None = None) -> dict[str, object]:
    stated = {"fee_bps": fee, "maker_fee_bps": fee if maker is None else maker, "slippage_bps": slip}
    return {f"costs.{name}": Decimal(f"{min(value, _MOST):.4f}") for name, value in stated.items()}


def _growth(outcome: Outcome) -> float:
    """Return the growth a year, continuously compounded, as a share; -inf where nothing is left."""
    end, years = outcome.final * 1e-8, max(len(outcome.daily), 1) / outcome.periods
    return math.log(end / outcome.start) / years if end > 0 else -math.inf


def break_even(outcome: Outcome) -> float:
    """Return what each fill may cost beyond what it cost, in bps of its notional, until the account ends as it began.

    The x at which the sum of log(1 - x * notional / equity) over all fills is minus the log growth of the run; below 0 where it
    lost. Equity is that of the close before the fill. NaN where nothing was traded, infinite where all of every fill could go.
    """
    fills, end = outcome.fills, outcome.final * 1e-8
    if len(fills) == 0 or end <= 0:
        return math.nan
    rows = np.searchsorted(outcome.open_ms, fills.time_ms) - 1
    weights = fills.notional * 1e-8 / np.where(rows >= 0, outcome.equity[np.maximum(rows, 0)], outcome.start)
    growth = math.log(end / outcome.start)

    def left(x: float) -> float:
        return growth + float(np.log1p(-x * weights).sum())

    # At the larger end a fill takes all there is, and the logarithm goes down without end.
    low, high = -1.0, min(1.0, (1.0 - 1e-9) / float(weights.max()))
    if left(high) > 0:
        return math.inf
    while left(low) < 0:
        low *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if left(middle) > 0 else (low, middle)
    return low * 10_000


def paid_bps(outcome: Outcome, stated: _Costs) -> float:
    """Return what a fill cost on average, weighted by money, in bps: fee and slippage; what rests pays a maker's fee only."""
    rests = outcome.fills.kind == OrderKind.LIMIT
    each = np.where(rests, stated.maker, stated.fee + stated.slip)
    return float(np.average(each, weights=outcome.fills.notional))


def _short_target(bench: Bench, stated: _Costs) -> CheckResult | None:
    """Return the FAIL of a gain that is taken too soon to pay for its round trip, None where there is none."""
    settings, measured = bench.lab.request.settings, bench.measured
    fee, maker, slip = stated.fee, stated.maker, stated.slip
    source = "configured"
    if measured is not None:
        fee, maker, slip, source = measured.fee_bps, measured.fee_bps, measured.slippage_bps, "measured from own fills"
    fills = bench.base.fills
    rests = bool((fills.kind[fills.side > 0] == OrderKind.LIMIT).all())
    # A purchase that rests pays neither slippage nor the taker's fee, and so does a target.
    entry = maker if rests else fee + slip
    market, target = entry + fee + slip, entry + maker
    # A net micro-profit adds the configured costs to the gain by itself: only what costs more than that eats into it.
    added = 2 * (stated.fee + stated.slip) if settings["exits"]["profit_basis"] == "net" else 0.0
    asked = {
        "risk.target_pct": (float(settings["risk"]["target_pct"]) * 100, target),
        "exits.micro_profit_pct": (float(settings["exits"]["micro_profit_pct"]) * 100, market - added),
        "exits.partial_pct": (float(settings["exits"]["partial_pct"]) * 100, target),
    }
    for key, (gain, cost) in asked.items():
        if 0 < gain <= cost:
            net = " beyond what a net profit adds" if key == "exits.micro_profit_pct" and added else ""
            message = (
                f"`{key}` takes a gain of {gain:g} bps and a round trip costs {cost:g} ({source}){net}: "
                f"each one loses {cost - gain:g} bps"
            )
            hint = f"set it above {cost / 100:g} %: `--set {key}={math.ceil(cost * 2) / 100:g}`"
            return CheckResult(
                NAME, Status.FAIL, gain, cost, "bps", message, hint, {"key": key, "short_bps": cost - gain}
            )
    trips = bench.base.trips
    taken = np.isin(trips.reason, (Reason.TARGET, Reason.MICRO_PROFIT, Reason.PARTIAL))
    if not taken.any():
        return None
    # What a strategy's own targets bring, after costs: they stand in no setting.
    extra = target - (stated.maker if rests else stated.fee + stated.slip) - stated.maker
    net_bps = float(np.median(trips.pnl[taken] / trips.bought[taken])) * 10_000 - extra
    if net_bps > 0:
        return None
    message = (
        f"of {int(taken.sum())} trips that ended at their target the middle one lost {-net_bps:.1f} bps after costs "
        f"({source}): the target is nearer than a round trip costs"
    )
    details = {"key": "target", "short_bps": -net_bps}
    return CheckResult(
        NAME, Status.FAIL, net_bps, 0.0, "bps", message, "put the strategy's target further away", details
    )
