"""What every check of `validate` may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from trader_cli.jobs.lab import Lab, Outcome
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.summary import Costs
from trader_cli.model.evidence import CheckResult, Tried


@dataclass(frozen=True, eq=False)
class Bench:
    """A strategy on its bars, ready to be judged.

    base: the request as it is, replayed. tried: what was tried of this strategy before. limits: the section `validate` of the
    settings. source: for finer bars of the same symbols, None = there are none. measured: what own fills at a venue cost,
    None = too few are on record.
    """

    lab: Lab
    base: Outcome
    tried: Tried
    limits: Mapping[str, Any]
    seed: int
    source: BarSource | None = None
    measured: Costs | None = None


Check: TypeAlias = Callable[[Bench], CheckResult]
