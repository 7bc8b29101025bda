"""The face of research: searches with their trials, what was tried, verdicts, proposals.

Times are ms UTC. Parameters and figures come back as they were given, NaN and infinities too, sequences as lists. Every method
that writes is one transaction, on disk when it returns, and raises DataError where the database is locked, full, damaged or
read-only: then nothing of it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trader_cli.ledger import sweeps, tries, verdicts
from trader_cli.ledger.opened import Opened
from trader_cli.model.evidence import Proposal, SweepRecord, SweepState, Trial, Tried, Verdict


class Research(Opened):
    """What `optimize` and `validate` read and write."""

    def start_sweep(self, record: SweepRecord) -> None:
        """Write how a search begins. Raises DataError for an id that is taken."""
        with self._writing() as connection:
            sweeps.start_sweep(connection, record)

    def find_sweep(self, key: str) -> SweepState | None:
        """Return the newest search with this key and how far it is, None without one."""
        with self._reading() as connection:
            return sweeps.find_sweep(connection, key)

    def add_trials(self, sweep_id: str, trials: Sequence[Trial]) -> None:
        """Append a search's next trials, all or nothing; their numbers go on where the last ended.

        Raises LeaseError where the first of them is written already: another process goes on with the same search. Raises
        DataError for an unknown search, a gap, and more trials than the search has.
        """
        with self._writing() as connection:
            sweeps.add_trials(connection, sweep_id, trials)

    def end_sweep(self, sweep_id: str, time_ms: int, how: str) -> None:
        """Write how a search ended (ms UTC): `finished` or `interrupted`. Raises DataError for an unknown search."""
        with self._writing() as connection:
            sweeps.end_sweep(connection, sweep_id, time_ms, how)

    def sweep(self, prefix: str) -> SweepState:
        """Return the search whose id begins so. Raises UsageError where there is none or more than one."""
        with self._reading() as connection:
            return sweeps.sweep(connection, prefix)

    def sweeps(self, strategy: str | None = None, limit: int | None = None) -> list[SweepState]:
        """Return searches, newest first, of one strategy where it is given."""
        with self._reading() as connection:
            return sweeps.sweeps(connection, strategy, limit)

    def trials(self, sweep_id: str, first: int = 0, limit: int | None = None) -> Iterator[Trial]:
        """Yield a search's trials in order of number from `first` on, at most `limit`; read in pages, so memory stays flat.

        Trials that are added meanwhile are read too. Raises DataError for an unknown search.
        """
        with self._reading() as connection:
            row = sweeps.sweep_row(connection, sweep_id).id
        return self._pages(row, first, None if limit is None else first + limit)

    def _pages(self, row: int, first: int, end: int | None) -> Iterator[Trial]:
        while end is None or first < end:
            last = first + sweeps.PAGE if end is None else min(end, first + sweeps.PAGE)
            # Each page is a transaction of its own: whoever stops reading halfway keeps nobody from writing.
            with self._reading() as connection:
                page = sweeps.trials_page(connection, row, first, last)
            yield from page
            if len(page) < last - first:
                return
            first = last

    def tried(self, strategy: str, most: int) -> Tried:
        """Return what was tried of a strategy, in any version of its code: by searches, and by backtests of it alone or
        beside others. A set of parameters that could not run was not tried.

        most: how many sets of parameters to return, of the newest searches first, of each evenly over its order.
        """
        with self._reading() as connection:
            return tries.tried(connection, strategy, most)

    def record_verdict(self, verdict: Verdict) -> None:
        """Write a verdict; a complete one makes a row of `strategies` that says PASS or FAIL of this code.

        Raises DataError for a status that does not follow from the checks.
        """
        with self._writing() as connection:
            verdicts.record_verdict(connection, verdict)

    def verdict(self, strategy: str, code_digest: str, params: Mapping[str, object]) -> Verdict | None:
        """Return the newest complete verdict on exactly this code with exactly these parameters, None without one."""
        with self._reading() as connection:
            return verdicts.verdict(connection, strategy, code_digest, params)

    def verdicts(self, strategy: str | None = None, limit: int | None = None) -> list[Verdict]:
        """Return verdicts, complete or not, newest first, of one strategy where it is given."""
        with self._reading() as connection:
            return verdicts.verdicts(connection, strategy, limit)

    def record_proposal(self, proposal: Proposal) -> None:
        """Write a proposal. Raises DataError where the search it comes from is not there; an empty id names none."""
        with self._writing() as connection:
            verdicts.record_proposal(connection, proposal)

    def proposals(self, strategy: str | None = None, limit: int | None = None) -> list[Proposal]:
        """Return proposals, newest first, of one strategy where it is given."""
        with self._reading() as connection:
            return verdicts.proposals(connection, strategy, limit)
