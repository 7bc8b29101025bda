"""What the venue's account holds beside what the book says: differences, what could explain them, what follows from a word.

Only an asset that the session trades can stop it: what else lies on the account is shown, and is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader_cli.errors import UsageError
from trader_cli.model.orders import Balance, VenueOrder
from trader_cli.model.session import Adjustment, OrderRecord, Session, Step

ADOPT = "adopt"
WRITE_OFF = "write_off"
_ONE = 10**8


@dataclass(frozen=True)
class Difference:
    """One asset: what the venue has, what the book says is ours, what is known to be not ours, in the asset itself.

    worth: of the difference in quote, signed, None where no price is known. is_traded: the session trades it. is_dust:
    nobody needs to explain it.
    """

    asset: str
    venue: Decimal
    book: Decimal
    outside: Decimal
    worth: Decimal | None
    is_traded: bool
    is_dust: bool

    @property
    def amount(self) -> Decimal:
        """What nobody explained: above 0, the account has more than it should."""
        return self.venue - self.book - self.outside

    @property
    def is_alarm(self) -> bool:
        """Tell whether it stops new orders."""
        return self.is_traded and not self.is_dust


def compare(
    balances: Mapping[str, Balance],
    book: Mapping[str, Decimal],
    outside: Mapping[str, Decimal],
    prices: Mapping[str, Decimal],
    quote: str,
    tolerance: Decimal,
) -> list[Difference]:
    """Return every asset that any side has, those traded first.

    book: ours by asset, a key for everything the session trades. prices: of one base in quote, 0 = not known. tolerance: in
    quote, the largest difference that is dust.
    """
    found = []
    for asset in dict.fromkeys((quote, *sorted(book), *sorted(outside), *sorted(balances))):
        there = balances[asset].total if asset in balances else Decimal(0)
        ours, not_ours = book.get(asset, Decimal(0)), outside.get(asset, Decimal(0))
        amount = there - ours - not_ours
        price = Decimal(1) if asset == quote else prices.get(asset, Decimal(0))
        worth = amount * price if price > 0 else None
        is_dust = amount == 0 if worth is None else abs(worth) <= tolerance
        found.append(Difference(asset, there, ours, not_ours, worth, asset in book or asset == quote, is_dust))
    return found


def differences(
    balances: Mapping[str, Balance],
    book: Mapping[str, Decimal],
    outside: Mapping[str, Decimal],
    prices: Mapping[str, Decimal],
    quote: str,
    tolerance: Decimal,
) -> list[Difference]:
    """Return where the account differs by more than dust in what the session trades; `compare` says how it is reckoned."""
    return [one for one in compare(balances, book, outside, prices, quote, tolerance) if one.is_alarm]


def compared(session: Session, step: Step, balances: Mapping[str, Balance], tolerance: Decimal) -> list[Difference]:
    """Return `compare` for a session as it stands: its cash and holdings, priced at their last marks."""
    instruments = {one.symbol: one for one in session.instruments}
    # What a fee left of a purchase below a lot is ours too, and no holding yet.
    left = step.notes.get("dust")
    dust = left if isinstance(left, Mapping) else {}
    ours = {session.quote: Decimal(step.cash) / _ONE}
    prices: dict[str, Decimal] = {}
    for i, symbol in enumerate(step.symbols):
        asset = _assets(symbol)[0]
        for w, wallet in enumerate(step.wallets):
            units = step.holdings[w * len(step.symbols) + i] + int(dust.get(f"{wallet}|{symbol}", 0))
            ours[asset] = ours.get(asset, Decimal(0)) + Decimal(units) / _ONE
        if symbol in instruments:
            prices[asset] = Decimal(step.marks[i]) / instruments[symbol].price_one
    kept = step.notes.get("outside")
    stated = kept if isinstance(kept, Mapping) else session.outside
    outside = {asset: Decimal(str(amount)) for asset, amount in stated.items()}
    return compare(balances, ours, outside, prices, session.quote, tolerance)


def chosen(found: Sequence[Difference], asset: str | None) -> list[Difference]:
    """Return the differences that are to be settled: of one asset, or all that stop orders.

    Raises UsageError for an asset that nobody has, and where nothing differs.
    """
    if asset is None:
        some = [one for one in found if one.is_alarm]
    else:
        named = [one for one in found if one.asset == asset]
        if not named:
            raise UsageError(f"neither the account nor the book has `{asset}`", _there(found))
        some = [one for one in named if one.amount != 0]
    if not some:
        raise UsageError("nothing differs" + (f" in `{asset}`" if asset else "") + ", so there is nothing to settle")
    return some


def _there(found: Sequence[Difference]) -> str:
    return f"there are {', '.join(f'`{one.asset}`' for one in found)}"


def adjustments(
    found: Iterable[Difference], kind: str, reason: str, wallet: str | None, wallets: Sequence[str]
) -> list[Adjustment]:
    """Return what follows from the word that differences are ours (`adopt`) or not (`write_off`).

    wallet: whose they become or were; None = the only one there is. wallets: of the session. Raises UsageError where several
    could be meant, for a wallet that is not there, and for adopting what the session does not trade.
    """
    owner = _owner(wallet, wallets)
    made = []
    for one in found:
        if kind == ADOPT and not one.is_traded:
            raise UsageError(
                f"the session does not trade `{one.asset}`, so it cannot be its own",
                "leave it: `--write-off` counts it as not ours",
            )
        made.append(Adjustment(one.asset, f"{one.amount.normalize():f}", kind, owner, reason))
    return made


def _owner(wallet: str | None, wallets: Sequence[str]) -> str:
    names = ", ".join(f"`{one}`" for one in wallets)
    if wallet is None:
        if len(wallets) != 1:
            raise UsageError(f"the session has the wallets {names}", "say whose it is: `--wallet NAME`")
        return wallets[0]
    if wallet not in wallets:
        raise UsageError(f"the session has no wallet `{wallet}`", f"it has {names}")
    return wallet


def explanations(
    one: Difference,
    open_orders: Iterable[VenueOrder],
    records: Iterable[OrderRecord],
    known_ids: set[str],
    seen: Sequence[str] = (),
) -> list[str]:
    """Return what the venue and the ledger know that could explain a difference, as sentences.

    records: our orders that are not booked to their end. known_ids: every client id in the ledger. seen: what the
    venue's list of the account's activity tells of it.
    """
    told = list(seen)
    for record in records:
        if one.asset not in _assets(record.ticket.symbol):
            continue
        what = f"our {record.ticket.purpose.value} order {record.ticket.client_id} on {record.ticket.symbol}"
        if record.state.is_unresolved:
            told.append(f"{what} has a fate that is not known yet: the next cycle, or `trader doctor --repair`, asks")
        elif record.filled != record.booked:
            rest = Decimal(record.filled - record.booked) / _ONE
            told.append(f"{what} filled {_text(rest)} that are not booked yet: the next cycle books them")
    for order in open_orders:
        if one.asset not in _assets(order.symbol) or order.client_id in known_ids:
            continue
        whose = "an order with our mark that the ledger does not know" if order.is_ours else "an order that is not ours"
        filled = f", {_text(order.filled)} of it filled" if order.filled else ""
        told.append(f"{whose} is open: {order.venue_id}, {_text(order.quantity)} {order.symbol}{filled}")
    if not told:
        told.append(
            "nothing we can see: a deposit" + (", a trade by hand" if one.is_traded else "") + " or a reward"
            if one.amount > 0
            else "nothing we can see: a withdrawal, a trade by hand or a fee"
        )
    return told


def _assets(symbol: str) -> tuple[str, ...]:
    return tuple(symbol.partition("@")[0].split("/"))


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
