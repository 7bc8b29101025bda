"""The requests we may still make of a venue, counted by all processes together (R1.2).

One file a venue holds every meter and the venue's last ban. A process that dies after counting and before sending has counted
one request too many; none is ever sent uncounted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trader_cli.errors import VenueError
from trader_cli.model.orders import Resolution
from trader_cli.venues import statefile
from trader_cli.venues.limits import CANDLES, Charge, charges, order_meters
from trader_cli.venues.meters import Marks

_VERSION = 1
# Longer than any meter remembers.
_FORGET_MS = 2 * 86_400_000
# A turn is given this far ahead at most.
_AHEAD_MS = 600_000


class Budget:
    """What one account may ask of its venue.

    path: a file that every process of this machine shares for this venue. account: whose counters these are. reserve_pct: share
    of what cancels are counted on that only cancels may use. now_ms: this machine's clock; it may jump.
    """

    def __init__(
        self, path: Path, venue: str, account: str, tier: str, reserve_pct: int, now_ms: Callable[[], int]
    ) -> None:
        self.path = path
        self.venue = venue
        self.account = account
        self.tier = tier
        self.reserve_pct = reserve_pct
        self._now_ms = now_ms

    def wait_ms(self, kind: str, symbol: str = "", age_ms: int = 0, call: str = "") -> int:
        """Return how long until a request of this kind may go; 0 = now."""
        with self._held():
            state = self._load()
        return self._wait(state, self._charges(state, kind, symbol, age_ms, call), kind)[0]

    def spend(self, kind: str, symbol: str = "", age_ms: int = 0, call: str = "") -> None:
        """Count one request that is about to leave. age_ms: of the order to cancel; call: the endpoint, where costs differ.

        Raises VenueError with `retry_ms`, and counts nothing, while the venue's ban runs (`skip_cycle`) or the budget is used
        up (`wait`).
        """
        self._reserve(kind, symbol, age_ms, call, 0)

    def take(
        self,
        kind: str,
        symbol: str = "",
        age_ms: int = 0,
        call: str = "",
        *,
        longest_ms: int,
        sleep: Callable[[float], None],
    ) -> None:
        """Wait for a request's turn, `longest_ms` at most, and count it: the turn is kept while others ask for theirs.

        Raises VenueError as `spend` does, also where a ban began meanwhile.
        """
        wait_ms = self._reserve(kind, symbol, age_ms, call, min(longest_ms, _AHEAD_MS))
        if wait_ms == 0:
            return
        sleep(wait_ms / 1000)
        with self._held():
            state = self._load()
        if state.ban_ms > state.now_ms:
            raise self._refusal(kind, state, state.ban_ms - state.now_ms, banned=True)

    def _reserve(self, kind: str, symbol: str, age_ms: int, call: str, longest_ms: int) -> int:
        """Count a request and return how long it has to wait before it leaves."""
        with self._held():
            state = self._load()
            wanted = self._charges(state, kind, symbol, age_ms, call)
            wait_ms, banned = self._wait(state, wanted, kind)
            if banned or wait_ms > longest_ms:
                raise self._refusal(kind, state, wait_ms, banned=banned)
            for one in wanted:
                leaves_ms = state.now_ms + wait_ms
                state.marks[one.name] = one.meter.add(state.of(one), one.cost, state.now_ms, leaves_ms)
            self._store(state, lasting=False)
        return wait_ms

    def _refusal(self, kind: str, state: _State, wait_ms: int, *, banned: bool) -> VenueError:
        if banned:
            return VenueError(
                f"`{self.venue}` takes no requests from us for another {wait_ms / 1000:.1f} s, as it said itself",
                "wait; asking on makes it longer",
                pattern="ban",
                resolution=Resolution.SKIP_CYCLE.value,
                retry_ms=state.now_ms + wait_ms,
            )
        return VenueError(
            f"the budget of `{self.venue}` for `{kind}` is used up for another {wait_ms / 1000:.1f} s",
            "fewer markets or a longer timeframe need fewer requests",
            pattern="budget",
            resolution=Resolution.WAIT.value,
            retry_ms=state.now_ms + wait_ms,
        )

    def refused(self, retry_ms: int, kind: str = "") -> None:
        """Remember that the venue refused us. retry_ms: ms UTC before which it takes nothing; 0 = it did not say.

        Where it did not say, its counters are full whatever ours say: all of ours are set to full and decay from there. A
        refused public question (kind `market_data`) fills those of public questions only: no order waits for it.
        """
        with self._held():
            state = self._load()
            if retry_ms > state.now_ms:
                state.ban_ms = max(state.ban_ms, retry_ms)
            elif kind == "market_data":
                for call in ("", CANDLES):
                    for one in charges(self.venue, self.tier, self.account, kind, call=call):
                        state.marks[one.name] = [[state.now_ms, one.meter.most]]
            else:
                # Not the counter of a day: who never used it up would be silent for hours.
                state.marks = {name: marks for name, marks in state.marks.items() if _is_daily(name)}
                state.full_ms = state.now_ms
            self._store(state, lasting=True)

    def count_together(self, until_ms: int) -> None:
        """Count candles with all other public questions, not by pair, until a moment, ms UTC; never shorter than before."""
        with self._held():
            state = self._load()
            state.together_ms = max(state.together_ms, until_ms)
            self._store(state, lasting=True)

    def together_ms(self) -> int:
        """Return until when candles are counted with all other public questions, ms UTC; 0 = they are counted by pair."""
        with self._held():
            state = self._load()
        return state.together_ms if state.together_ms > state.now_ms else 0

    def load_pct(self, symbol: str) -> float:
        """Return how full the counter of orders on this market is, 0 to 100; 100 while the venue's ban runs."""
        with self._held():
            state = self._load()
        if state.ban_ms > state.now_ms:
            return 100.0
        meters = order_meters(self.venue, self.tier, self.account, symbol)
        return min(100.0, max(100.0 * one.meter.level(state.of(one), state.now_ms) / one.meter.most for one in meters))

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the file. Raises VenueError where it cannot be kept: what is not counted must not be sent."""
        try:
            with statefile.locked(self.path):
                yield
        except OSError as error:
            raise VenueError(
                f"the requests made cannot be counted in {self.path}: {error.strerror or type(error).__name__}",
                "make the directory writable, or free some space",
                pattern="budget_unkept",
            ) from None

    def _charges(self, state: _State, kind: str, symbol: str, age_ms: int, call: str) -> list[Charge]:
        if call == CANDLES and state.together_ms > state.now_ms:
            call = ""
        return charges(self.venue, self.tier, self.account, kind, symbol, age_ms, call)

    def _wait(self, state: _State, wanted: list[Charge], kind: str) -> tuple[int, bool]:
        """Return (how long to wait, whether a ban asks for it)."""
        if state.ban_ms > state.now_ms:
            return state.ban_ms - state.now_ms, True
        waits = [0]
        for one in wanted:
            most = one.meter.most
            if kind == "place" or (kind != "cancel" and one.name == "weight"):
                most = most * (100 - self.reserve_pct) // 100
            waits.append(one.meter.wait_ms(state.of(one), one.cost, most, state.now_ms))
        return max(waits), False

    def _load(self) -> _State:
        now_ms = self._now_ms()
        stored, damaged = statefile.read(self.path)
        try:
            state = _State.of_json(stored, now_ms)
        except (KeyError, TypeError, ValueError, AttributeError):
            statefile.set_aside(self.path)
            state, damaged = _State(now_ms), True
        if damaged:
            # What was used up is not known any more: everything may have been.
            state.full_ms = now_ms
        if damaged or state.moved:
            self._store(state, lasting=False)
        return state

    def _store(self, state: _State, *, lasting: bool) -> None:
        statefile.write(self.path, state.to_json(), lasting=lasting)


def _is_daily(name: str) -> bool:
    return name.startswith("day:")


class _State:
    """The file's content, as of `now_ms`. full_ms: when every meter without marks was full; 0 = never. ban_ms: its end.

    together_ms: until then the venue's candles are not counted by pair, because it turned us away when they were.
    moved: the clock was put back since the file was written, and the marks with it.
    """

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.full_ms = 0
        self.ban_ms = 0
        self.together_ms = 0
        self.moved = False
        self.marks: dict[str, Marks] = {}

    @classmethod
    def of_json(cls, stored: dict[str, Any], now_ms: int) -> _State:
        state = cls(now_ms)
        if not stored:
            return state
        if stored["version"] != _VERSION:
            raise ValueError("another version's file")
        # A clock that was put back: what was spent is as old as if no time had passed, and a ban lasts as long as it did.
        back_ms = max(0, int(stored["at_ms"]) - now_ms)
        state.moved = back_ms > 0
        written_ms = int(stored["at_ms"])
        state.full_ms = max(0, int(stored["full_ms"]) - back_ms)
        state.ban_ms = max(0, int(stored["ban_ms"]) - back_ms)
        state.together_ms = max(0, int(stored.get("together_ms", 0)) - back_ms)
        for name, marks in stored["marks"].items():
            moved = [[int(at_ms) - back_ms, int(cost)] for at_ms, cost in marks]
            if moved and (max(moved)[0] > written_ms - back_ms + _AHEAD_MS or min(cost for _, cost in moved) < 0):
                raise ValueError("marks from the future")
            if moved and moved[-1][0] > written_ms - back_ms - _FORGET_MS:
                state.marks[str(name)] = moved
        return state

    def of(self, charge: Charge) -> Marks:
        """Return a meter's marks; one without any was full when all were."""
        marks = self.marks.get(charge.name)
        if marks is None and _is_daily(charge.name):
            return []
        if marks is None:
            return [[self.full_ms, charge.meter.most]] if self.full_ms else []
        return marks

    def to_json(self) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "at_ms": self.now_ms,
            "full_ms": self.full_ms,
            "ban_ms": self.ban_ms,
            "together_ms": self.together_ms,
            "marks": self.marks,
        }
