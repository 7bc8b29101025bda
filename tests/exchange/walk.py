"""A price that wanders: the same for a seed, known at any time without the times before, on a grid of ten seconds."""

from __future__ import annotations

from math import exp

GRID = 10_000
_OCTAVES = 12
_STEP = 0.00033
"""How far the logarithm goes in one step of the grid; four times the time goes twice as far, as of a random walk."""


class Walk:
    """Sums of noise with periods of 1, 4, 16 … steps. `drift(a, b)` is the factor from one time to another."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lattice: dict[tuple[int, int], float] = {}
        self._known: dict[int, float] = {}

    def drift(self, from_ms: int, to_ms: int) -> float:
        """Return what a price is multiplied by between two times."""
        return exp(self._level(to_ms // GRID) - self._level(from_ms // GRID))

    def share(self, index: int) -> float:
        """Return a number in [0, 1) that belongs to an index."""
        return _mix(self._seed * 7_919 + index) / 2**32

    def _level(self, step: int) -> float:
        known = self._known.get(step)
        if known is None:
            known = 0.0
            for octave in range(_OCTAVES):
                cell, rest = divmod(step, 4**octave)
                left = self._node(octave, cell)
                right = left if rest == 0 else self._node(octave, cell + 1)
                known += left + (right - left) * rest / 4**octave
            self._known[step] = known
        return known

    def _node(self, octave: int, cell: int) -> float:
        value = self._lattice.get((octave, cell))
        if value is None:
            value = (_mix((self._seed * 31 + octave) * 1_000_003 + cell) / 2**31 - 1) * _STEP * 2**octave
            self._lattice[octave, cell] = value
        return value


def _mix(number: int) -> int:
    """Return 32 bits that look random."""
    number = (number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (number ^ (number >> 31)) & 0xFFFFFFFF
