"""A ledger of sweeps in memory, for tests of searches; as strict about what may be written as the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from trader_cli.errors import DataError, UsageError
from trader_cli.model.evidence import Proposal, SweepRecord, SweepState, Trial, Tried


@dataclass
class SweepBook:
    """Keeps what it is given. written: called with the number of trials after every batch, to interrupt there."""

    written: Callable[[int], None] = lambda _count: None
    records: dict[str, SweepRecord] = field(default_factory=dict)
    rows: dict[str, list[Trial]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    proposed: list[Proposal] = field(default_factory=list)

    def start_sweep(self, record: SweepRecord) -> None:
        assert record.sweep_id not in self.records
        self.records[record.sweep_id] = record
        self.rows[record.sweep_id] = []
        self.ends[record.sweep_id] = ""

    def find_sweep(self, key: str) -> SweepState | None:
        found = [one.sweep_id for one in self.records.values() if one.key == key]
        return self.sweep(found[-1]) if found else None

    def sweep(self, prefix: str) -> SweepState:
        found = [one for one in self.records if one.startswith(prefix)]
        if len(found) != 1:
            raise UsageError(f"{len(found)} sweeps begin with `{prefix}`")
        return SweepState(self.records[found[0]], len(self.rows[found[0]]), self.ends[found[0]])

    def add_trials(self, sweep_id: str, trials: Sequence[Trial]) -> None:
        rows = self.rows[sweep_id]
        if [one.number for one in trials] != list(range(len(rows), len(rows) + len(trials))):
            raise DataError("numbers do not go on")
        rows.extend(trials)
        self.batches.append(len(trials))
        self.written(len(rows))

    def end_sweep(self, sweep_id: str, time_ms: int, how: str) -> None:
        self.ends[sweep_id] = how

    def trials(self, sweep_id: str, first: int = 0, limit: int | None = None) -> Iterator[Trial]:
        yield from self.rows[sweep_id][first : None if limit is None else first + limit]

    def tried(self, strategy: str, most: int) -> Tried:
        rows = [trial for one in self.records.values() if one.strategy == strategy for trial in self.rows[one.sweep_id]]
        distinct = {tuple(sorted(trial.params.items())) for trial in rows}
        return Tried(len(distinct), (), None, {})

    def record_proposal(self, proposal: Proposal) -> None:
        self.proposed.append(proposal)
