"""What is inside a Kraken answer, whether it still has its envelope of `error` and `result` or not."""

from __future__ import annotations


def result_of(answer: object) -> object:
    """Return the answer's `result`; None for one that states an error."""
    if isinstance(answer, dict) and "error" in answer:
        return None if answer["error"] else answer.get("result")
    return answer
