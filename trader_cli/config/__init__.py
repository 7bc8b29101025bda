"""Typed settings in layers: preset < trader.toml < environment < flags. Every number of a run has its place here."""
