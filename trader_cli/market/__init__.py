"""Bars on disk: where they lie, reading, importing, resampling, checking. Every other room sees only `Bars`."""
