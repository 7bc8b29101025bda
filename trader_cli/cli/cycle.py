"""What `paper` and `live` share at the rim: the lease, the limit of time, the loop, and how a cycle is shown."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from trader_cli.cli.kit import Outcome, Run
from trader_cli.errors import TimeUpError, TraderError, UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.trade import Cycled
    from trader_cli.wiring import Wiring


@contextmanager
def alone(parts: Wiring, mode: str) -> Iterator[None]:
    """Hold the lease of this home's paper or live account, or raise LeaseError at once.

    Two homes of one user may trade on one account of a venue; live, that account's lease is held beside the home's.
    """
    from trader_cli.config.lease import take_lease

    with ExitStack() as held:
        held.callback(take_lease(parts.home / "locks", mode).release)
        account = _account(parts) if mode == "live" else ""
        if account:
            from trader_cli.trading import state_folder

            held.callback(take_lease(state_folder(), account).release)
        yield


def _account(parts: Wiring) -> str:
    """Return the name of the account at the venue, empty where there is no key: nobody can act for it then."""
    try:
        return f"{parts.settings.venue.id}-{parts.account}"
    except UsageError:
        return ""


@contextmanager
def naming(run: Run, parts: Wiring, mode: str) -> Iterator[None]:
    """Where a run is interrupted, say what is open: positions, and orders whose fate the next run asks for."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(TraderError):
            for line in _open(parts, mode):
                run.note(line)
        raise


def _open(parts: Wiring, mode: str) -> Iterator[str]:
    """Say what the newest session of this kind holds, from the ledger: what was not committed did not happen."""
    from trader_cli.trading import holdings

    ledger = parts.existing_ledger
    session = next((one for one in ledger.sessions() if one.mode == mode), None)
    if session is None:
        return
    held = holdings(session, ledger.last_step(session.run_id))
    for one in held:
        wallet = f" in wallet {one['wallet']}" if len(session.wallets) > 1 else ""
        yield f"open: {_cell(one['quantity'])} {one['symbol']}{wallet}, worth {one['value']:,.2f} {session.quote}"
    orders = ledger.orders(session.run_id, open_only=True)
    for order in orders:
        ticket = order.ticket
        side = "buy" if ticket.side > 0 else "sell"
        yield f"open order: {side} {ticket.quantity * 1e-8:,.8g} {ticket.symbol} is {order.state.value}, {ticket.client_id}"
    if not held and not orders:
        yield f"nothing is open in {session.mode} session {session.run_id}"


@contextmanager
def limited(seconds: int) -> Iterator[Callable[[], int]]:
    """End what runs too long with TimeUpError; give a function that says how many ms are left."""
    end = time.monotonic() + seconds

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeUpError(
            f"the cycle reached its own limit of {seconds} s",
            "whatever it had sent is followed by the next one",
            "give it longer: `--set cycle.limit_s=300`",
        )

    before = signal.signal(signal.SIGALRM, ring)
    # A second bell for whatever swallows the first.
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)
    try:
        yield lambda: max(int((end - time.monotonic()) * 1000), 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def span(text: str, option: str) -> int:
    """Return a length of time such as `15m` or `8h` in seconds. Raises UsageError."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in units or int(number) == 0:
        raise UsageError(f"`{option} {text}` is no length of time", f"write e.g. `{option} 15m` or `{option} 8h`")
    return int(number) * units[unit]


def loop(run: Run, every: str | None, lasting: str | None, once: bool, cycle: Callable[[], Outcome]) -> Outcome:
    """Run one cycle, or one at each multiple of `every` until `lasting` is over; a busy or failed one does not end the loop.

    Return the last cycle's outcome.
    """
    if (every is None) != (lasting is None):
        raise UsageError("`--every` and `--for` belong together", "write e.g. `--every 15m --for 8h`")
    if once and every is not None:
        raise UsageError("`--once` is one cycle, `--every` are many", "leave one of them out")
    if every is None or lasting is None:
        return cycle()
    step, end = span(every, "--every"), time.monotonic() + span(lasting, "--for")
    while True:
        # At multiples of the step, as cron would: a bar that closes at the hour is met a moment after it.
        wait = step - time.time() % step
        began = time.monotonic()
        try:
            outcome = cycle()
        except TraderError as error:
            if isinstance(error, UsageError) or time.monotonic() + wait >= end:
                raise
            run.note(f"this cycle failed: {error.message}")
            run.follow(error, began)
        else:
            if time.monotonic() + wait >= end:
                return outcome
            if not run.json:
                outcome.view(run.console())
            elif outcome.error is not None:
                run.note(f"this cycle: {outcome.error.message}")
            run.follow(outcome.error, began)
        time.sleep(step - time.time() % step)


def told(schema: str, done: Cycled) -> Outcome:
    """Return a cycle as a command's outcome; what went wrong in it decides the exit code."""
    error = None
    if done.exit_code:
        error = TraderError(done.message)
        error.exit_code = done.exit_code
        error.code = {5: "venue", 6: "risk", 7: "unresolved", 4: "data"}.get(done.exit_code, "error")
    return Outcome(schema, done.result, lambda console: cycle_view(console, done.result), error)


def cycle_view(console: Any, result: Mapping[str, Any]) -> None:
    """Print what a cycle did, and what stands after it."""
    from rich.table import Table
    from rich.text import Text

    quote = str(result["quote"])
    head = f"{result['mode']} {', '.join(dict.fromkeys(result['strategies']))} on {result['exchange']}, "
    console.print(Text(head + f"{result['timeframe']} bars", style="bold"))
    said = {
        "acted": f"decided on the bar of {result['bar']} (step {result['step']})",
        "nothing": f"nothing to do since the bar of {result['bar']}" if result["bar"] else "nothing was decided on yet",
        "ended": f"the data is over: {result['step']} bars were decided on, the last of {result['bar']}",
    }
    console.print(said[result["outcome"]], markup=False)
    for one in result.get("unvalidated", ()) if "rehearsal" not in result else ():
        console.print(Text(f"armed without validation: {one['strategy']} ({one['reason']})", style="bold yellow"))
    money = f"equity {result['equity']:,.2f} {quote}, cash {result['cash']:,.2f} {quote}"
    closed = "1 round trip" if result["trades"] == 1 else f"{result['trades']} round trips"
    console.print(f"{money}, {closed} so far", markup=False)
    for title, rows, columns in (
        ("filled", result["fills"], ("side", "symbol", "quantity", "price", "fee", "reason")),
        ("working orders", result["orders"], ("side", "symbol", "kind", "quantity", "price", "reason")),
        ("positions", result["positions"], ("symbol", "wallet", "quantity", "price", "value")),
        ("would be sent", result.get("rehearsal"), ("side", "symbol", "kind", "quantity", "price", "said")),
    ):
        if not rows:
            continue
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(title if column == columns[0] else column)
        for row in rows:
            table.add_row(*(Text(_cell(row[column])) for column in columns))
        console.print(table)
    for symbol, why in result["blocked"].items():
        console.print(Text(f"{symbol} is left alone: {why}", style="yellow"))
    for note in result["notes"]:
        console.print(f"note: {note}", markup=False)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,.8g}" if isinstance(value, float) else str(value)
