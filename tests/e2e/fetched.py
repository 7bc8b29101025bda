"""What a call of `trader data fetch --json` said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    """What one call said."""

    code: int
    out: str
    err: str

    @property
    def series(self) -> list[dict[str, Any]]:
        return json.loads(self.out)["result"]["series"]
