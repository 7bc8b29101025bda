"""The cost model fitted to own fills at a venue, and what was predicted beside what was paid (X5).

Only what a venue filled counts: on paper costs are what was configured. Slippage is a whole order's, its average price against
the one at the decision (a stop's trigger, a target's limit), positive = against us, and every order counts the same: the
quantile asks how often an order costs more, not how much money did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from trader_cli.errors import DataError
from trader_cli.jobs.report import decimal_text, time_text
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.report_orders import sent_orders
from trader_cli.model.orders import Purpose, TicketKind, VenueTrade
from trader_cli.model.session import Session
from trader_cli.stats.execution import EXACT, Sent, order_figures, total

NAN = float("nan")
_STEP = Decimal("0.0001")
"""What a cost in bps may be stated in."""
_MOST = Decimal("9999")
_TAIL = Decimal(90)


@dataclass(frozen=True)
class CostLine:
    """What some orders that filled cost. Slippage in bps: median, mean and 90 % quantile over orders; NaN for none.

    group: `all`, `symbol`, `kind` (of order) or `side`. fee_bps: as charged, of their notional; NaN where it was charged in a
    third asset. notional: exact decimal text, quote.
    """

    group: str
    name: str
    orders: int
    median_bps: float
    mean_bps: float
    tail_bps: float
    fee_bps: float
    notional: str


@dataclass(frozen=True)
class SessionCosts:
    """What a session's fills were to cost by its own configuration, and what they did.

    Bps are of the notional, amounts exact decimal text in quote; NaN and "" where the session states no costs.
    """

    run_id: str
    since: str
    orders: int
    quote: str
    notional: str
    predicted_fee_bps: float
    realised_fee_bps: float
    predicted_slippage_bps: float
    realised_slippage_bps: float
    predicted: str
    realised: str


@dataclass(frozen=True)
class Fitted:
    """Costs of one account. fee_bps, maker_fee_bps, slippage_bps: fitted, decimal text; None = nothing to fit them to.

    orders: that filled; least: as many are asked for. quantile_pct: of orders that cost no more slippage than is fitted.
    spread_bps: what an order costs whichever side it is on, half the spread and impact; moved_bps: how the price moved between
    decision and fill. Both from the means of buys and of sells; NaN where one is missing. spread_pct: the spread's share.
    """

    venue: str
    account: str
    orders: int
    least: int
    quantile_pct: str
    fee_bps: str | None
    maker_fee_bps: str | None
    slippage_bps: str | None
    spread_bps: float
    moved_bps: float
    spread_pct: float
    lines: tuple[CostLine, ...]
    sessions: tuple[SessionCosts, ...]

    @property
    def is_enough(self) -> bool:
        """Whether there are as many orders as are asked for."""
        return self.orders >= self.least


def fitted(ledger: ReportLedger, venue: str, least: int, quantile_pct: Decimal) -> Fitted:
    """Return the costs of the account that traded last, at one venue where it is named ("" = at any).

    Raises DataError where nobody traded for real there.
    """
    sessions = [one for one in ledger.sessions() if one.mode == "live" and venue in ("", one.exchange)]
    if not sessions:
        where = f" on `{venue}`" if venue else ""
        raise DataError(
            f"no live session{where} is in the ledger: 0 orders filled, costs are fitted to {least} or more",
            "state them meanwhile: `--fee-bps`, `--slippage-bps`",
        )
    newest = sessions[0]
    mine = [one for one in sessions if (one.exchange, one.account) == (newest.exchange, newest.account)]
    each = {one.run_id: _filled(ledger, one) for one in mine}
    sent = [order for orders in each.values() for order in orders]
    market = [one for one in sent if not _rests(one)]
    slips = _slippage(market)
    slip = quantile(slips, quantile_pct)
    taker = [trade for one in sent for trade in one.trades if not trade.maker]
    maker = [trade for one in sent for trade in one.trades if trade.maker]
    fee = _fee_bps(taker)
    resting = _fee_bps(maker)
    spread, moved = _sides([one for one in market if one.order.ticket.kind is not TicketKind.STOP])
    both = abs(spread) + abs(moved)
    return Fitted(
        venue=newest.exchange,
        account=newest.account,
        orders=len(sent),
        least=least,
        quantile_pct=f"{quantile_pct.normalize():f}",
        fee_bps=_stated(fee if not math.isnan(fee) else resting),
        maker_fee_bps=_stated(resting if not math.isnan(resting) else fee),
        slippage_bps=_stated(slip),
        spread_bps=spread,
        moved_bps=moved,
        spread_pct=abs(spread) / both * 100 if both > 0 else NAN,
        lines=tuple(_lines(sent)),
        sessions=tuple(_session(one, each[one.run_id]) for one in mine if each[one.run_id]),
    )


def settings_of(costs: Fitted) -> dict[str, str]:
    """Return fitted costs as settings of section `costs`; raises DataError with the count where there are too few orders."""
    if not costs.is_enough:
        raise DataError(
            f"{costs.orders} order{'s' * (costs.orders != 1)} filled on `{costs.venue}` account {costs.account}: costs are"
            f" fitted to {costs.least} or more",
            f"state them meanwhile: `--fee-bps`, `--slippage-bps`, or lower `insight.fit_fills` ({costs.least})",
        )
    named = {"fee_bps": costs.fee_bps, "maker_fee_bps": costs.maker_fee_bps, "slippage_bps": costs.slippage_bps}
    return {name: value for name, value in named.items() if value is not None}


def quantile(values: Iterable[float], pct: Decimal) -> float:
    """Return the smallest value that at least `pct` % of them do not exceed; NaN are left out, of none it is NaN."""
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return NAN
    place = int((pct * len(known) / 100).to_integral_value(ROUND_CEILING))
    return known[max(place, 1) - 1]


def _filled(ledger: ReportLedger, session: Session) -> list[Sent]:
    return [one for one in sent_orders(ledger, session) if one.trades]


def _rests(sent: Sent) -> bool:
    """Tell whether an order waited for its price: it pays no slippage, and a maker's fee."""
    made = [trade.maker for trade in sent.trades]
    return sent.order.ticket.purpose is Purpose.TARGET or all(one is True for one in made)


def _slippage(sent: Sequence[Sent]) -> list[float]:
    return [one for one in (order_figures(each).slippage_bps for each in sent) if not math.isnan(one)]


def _stated(bps: float) -> str | None:
    if math.isnan(bps):
        return None
    # Up, never down: a cost is not to be hoped away by rounding.
    value = min(max(Decimal(repr(bps)), Decimal(0)), _MOST).quantize(_STEP, ROUND_CEILING)
    return decimal_text(value)


def _fee_bps(trades: Sequence[VenueTrade]) -> float:
    """Return the fees of trades in bps of their notional, those in a third asset left out; NaN where none is left."""
    fees, notional = Decimal(0), Decimal(0)
    for one in trades:
        paid = fee_in_quote(one)
        if paid is not None:
            fees, notional = EXACT.add(fees, paid), EXACT.add(notional, one.cost)
    return float(fees / notional * 10_000) if notional else NAN


def fee_in_quote(trade: VenueTrade) -> Decimal | None:
    """Return a trade's fee in quote, None where it was charged in a third asset, which has no price here."""
    base, _, quote = trade.symbol.partition("@")[0].partition("/")
    if not trade.fee or trade.fee_asset == quote:
        return trade.fee
    return EXACT.multiply(trade.fee, trade.price) if trade.fee_asset == base else None


def _sides(sent: Sequence[Sent]) -> tuple[float, float]:
    """Return (what both sides pay, how the price moved): a price that rises costs a buyer and brings a seller the same."""
    buys = _slippage([one for one in sent if one.order.ticket.side > 0])
    sells = _slippage([one for one in sent if one.order.ticket.side < 0])
    if not buys or not sells:
        return NAN, NAN
    bought, sold = math.fsum(buys) / len(buys), math.fsum(sells) / len(sells)
    return (bought + sold) / 2, (bought - sold) / 2


def _lines(sent: Sequence[Sent]) -> Iterable[CostLine]:
    if not sent:
        return
    groups: dict[str, Callable[[Sent], str]] = {
        "all": lambda _one: "",
        "symbol": lambda one: one.order.ticket.symbol,
        "kind": lambda one: str(one.order.ticket.kind),
        "side": lambda one: "buy" if one.order.ticket.side > 0 else "sell",
    }
    for group, key in groups.items():
        for name in sorted({key(one) for one in sent}):
            mine = [one for one in sent if key(one) == name]
            slips = _slippage(mine)
            yield CostLine(
                group=group,
                name=name,
                orders=len(mine),
                median_bps=_median(slips),
                mean_bps=math.fsum(slips) / len(slips) if slips else NAN,
                tail_bps=quantile(slips, _TAIL),
                fee_bps=_fee_bps([trade for one in mine for trade in one.trades]),
                notional=decimal_text(total(trade.cost for one in mine for trade in one.trades)),
            )


def _median(values: Sequence[float]) -> float:
    known = sorted(values)
    if not known:
        return NAN
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2


def _session(session: Session, sent: Sequence[Sent]) -> SessionCosts:
    stated: Any = session.config.get("costs")
    costs: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    taker, maker, slip = (Decimal(str(costs.get(name, "NaN"))) for name in _COSTS)
    notional = total(trade.cost for one in sent for trade in one.trades)
    fee, slippage, paid, lost = Decimal(0), Decimal(0), Decimal(0), Decimal(0)
    for one in sent:
        known = order_figures(one)
        rests = _rests(one)
        fee += known.notional * (maker if rests else taker) / 10_000
        slippage += Decimal(0) if rests else known.notional * slip / 10_000
        paid += total(fee_in_quote(trade) or Decimal(0) for trade in one.trades)
        if known.reference:
            over = known.notional - known.reference * known.quantity
            lost += over if one.order.ticket.side > 0 else -over
    return SessionCosts(
        run_id=session.run_id,
        since=time_text(session.started_ms),
        orders=len(sent),
        quote=session.quote,
        notional=decimal_text(notional),
        predicted_fee_bps=_bps(fee, notional),
        realised_fee_bps=_bps(paid, notional),
        predicted_slippage_bps=_bps(slippage, notional),
        realised_slippage_bps=_bps(lost, notional),
        predicted=_text(fee + slippage),
        realised=_text(paid + lost),
    )


_COSTS = ("fee_bps", "maker_fee_bps", "slippage_bps")


def _bps(part: Decimal, whole: Decimal) -> float:
    return NAN if part.is_nan() or not whole else float(part / whole * 10_000)


def _text(amount: Decimal) -> str:
    return "" if amount.is_nan() else decimal_text(amount)
