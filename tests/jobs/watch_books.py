"""The shelf of `report_books` with what only monitoring asks of a ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from report_books import HOUR, NOON, Shelf, session, step

from trader_cli.model.orders import OrderState
from trader_cli.model.session import Arming, CycleRecord, Session, Step


@dataclass
class Books(Shelf):
    """The named fake: a ledger that is a handful of lists."""

    failed: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    leaves: list[tuple[Arming, int | None]] = field(default_factory=list)
    back: tuple[int, str] | None = None

    def failures(self) -> Mapping[str, int]:
        return self.failed

    def peak_equity(self, run_id: str) -> int:
        return self.peaks.get(run_id, self.last_step(run_id).equity)

    def order_ends(self, run_id: str) -> Sequence[tuple[str, str, int]]:
        ends = Counter(
            (str(one.state), one.events[-1].message if one.state is OrderState.REJECTED else "")
            for one in self.orders(run_id)
        )
        return [(state, said, count) for (state, said), count in sorted(ends.items())]

    def armings(self, venue: str, account: str) -> Sequence[tuple[Arming, int | None]]:
        return [(one, ended) for one, ended in self.leaves if (one.venue, one.account) == (venue, account)]

    def taken_back(self) -> tuple[int, str] | None:
        return self.back

    def armed(self, venue: str, account: str) -> Arming | None:
        return next((one for one, ended in reversed(self.armings(venue, account)) if ended is None), None)


def books(one: Session | None = None, at: Step | None = None) -> Books:
    """Return a ledger with one session as of one step."""
    live = one or session()
    return Books(all_sessions=[live], all_steps={live.run_id: [at or step(live)]})


def cycle(ended_ms: int, code: int = 0, run_id: str = "live-1", mode: str = "live", message: str = "") -> CycleRecord:
    """Return a cycle of 4 s; one without a run failed before any session was known."""
    figures = {} if run_id else {"mode": mode}
    return CycleRecord(run_id, ended_ms - 4000, ended_ms, "acted" if not code else "venue", code, message, figures)


def leave(expires_ms: int, ended_ms: int | None = None) -> tuple[Arming, int | None]:
    """Return leave to trade live until then, perhaps taken back."""
    return Arming("kraken", "abc", "c", "s", NOON - HOUR, expires_ms, {}), ended_ms
